"""Lay out the EPUB: its cover, its contents, and pages that are valid XHTML."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import numpy as np
from docutils import nodes
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx.builders.epub3 import Epub3Builder
from sphinx.config import Config

from .html_translator import ReadStars, tie_punctuation_to_formulas

DESIGN = Path(__file__).resolve().parent.parent / "_theme" / "print" / "edition.css"
COVER = "_static/cover.png"
STYLES = {DESIGN.name, "pygments.css"}
ITEM = re.compile(r'<item id="[^"]+" href="([^"]+)" media-type="[^"]+"(?= />)')
MATHML = 'xmlns="http://www.w3.org/1998/Math/MathML"'


class EditionEpub(Epub3Builder):
    """Write Sphinx's EPUB with a cover, numbered contents, and a complete manifest."""

    def handle_finish(self) -> None:
        for path in Path(self.outdir, "_static").iterdir():
            if path.name not in STYLES:
                path.unlink()
        draw_cover(Path(self.outdir, COVER), self.config)
        for path in Path(self.outdir, "_images").glob("*.svg"):
            text = path.read_text(encoding="utf-8")
            path.write_text(valid_svg(text), encoding="utf-8")
        super().handle_finish()

    def get_toc(self) -> None:
        super().get_toc()
        for node in self.refnodes:
            # Sphinx joins the first page's folder and "../page.xhtml".
            page, sign, anchor = node["refuri"].partition("#")
            node["refuri"] = posixpath.normpath(page) + sign + anchor
            name = posixpath.splitext(node["refuri"])[0]
            if number := self.env.toc_secnumbers.get(name, {}).get(""):
                node["text"] = f"{'.'.join(map(str, number))}. {node['text']}"

    def build_content(self) -> None:
        super().build_content()
        path = Path(self.outdir, "content.opf")
        text = path.read_text(encoding="utf-8")
        text = ITEM.sub(self._add_properties, text)
        text = text.replace("<dc:contributor>unknown</dc:contributor>", "")
        path.write_text(text, encoding="utf-8")

    def _add_properties(self, item: re.Match) -> str:
        """Declare the cover, and the pages with formulas, in the manifest."""
        name = item[1]
        if name == COVER:
            return f'{item[0]} properties="cover-image"'
        if name.endswith(".xhtml") and MATHML in Path(self.outdir, name).read_text(
            encoding="utf-8"
        ):
            return f'{item[0]} properties="mathml"'
        return item[0]


def valid_svg(svg: str) -> str:
    """Remove what the EPUB standard forbids from a figure by Matplotlib.

    This concerns the document type, repeated ids, and paths without points.
    """
    seen: set[str] = set()

    def keep_first(match: re.Match) -> str:
        if match[1] in seen:
            return ""
        seen.add(match[1])
        return match[0]

    svg = re.sub(r"<!DOCTYPE[^>]*>", "", svg)
    svg = re.sub(r' id="([^"]*)"', keep_first, svg)
    return re.sub(r"<path(?![^>]*\sd=)", '<path d="M 0 0"', svg)


def draw_cover(path: Path, config: Config) -> None:
    """Draw the cover, which shows the title above a line fitted to points."""
    figure = Figure(figsize=(6, 9), facecolor="#14365f")
    axes = figure.add_axes((0, 0, 1, 0.55))
    axes.set_axis_off()
    rng = np.random.default_rng(0)
    x = rng.uniform(0.05, 0.95, 60)
    axes.plot(x, 0.15 + 0.6 * x + rng.normal(0, 0.07, 60), "o", color="#9fc3ea")
    axes.plot([0, 1], [0.15, 0.75], color="white", linewidth=3)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    title = "\n".join(config.html_title.split())
    text = {"color": "white", "va": "top"}
    figure.text(0.08, 0.93, title, size=44, weight="bold", **text)
    figure.text(0.08, 0.6, f"{config.edition_label} edition", size=20, **text)
    figure.savefig(path, dpi=160, metadata={"Software": None})


def adapt_page(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Add the styles to a page, and to its formulas the namespace that XML needs."""
    context["css_files"] = [
        file
        for file in context["css_files"]
        if Path(str(file.filename)).name in STYLES
    ]
    if "body" in context:
        context["body"] = context["body"].replace("<math", f"<math {MATHML}")


def set_up_epub(app: Sphinx, config: Config) -> None:
    """Set the options of the EPUB that do not come from _config.yml."""
    config.version = config.copyright
    config.epub_cover = (COVER, "epub-cover.html")
    config.html_static_path = [str(DESIGN)]
    config.epub_css_files = [DESIGN.name]


def setup(app: Sphinx) -> dict:
    app.setup_extension("_ext.printed_text")
    app.add_builder(EditionEpub, override=True)
    app.add_post_transform(ReadStars)
    app.connect("config-inited", set_up_epub)
    app.connect("html-page-context", tie_punctuation_to_formulas)
    app.connect("html-page-context", adapt_page, priority=900)
    return {"version": "1", "parallel_read_safe": True}
