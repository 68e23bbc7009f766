"""Typeset formulas as MathML while the book is built.

Browsers display MathML, and screen readers read it aloud, so a page needs one font
and no script. Temml (MIT license) turns TeX into MathML, and keeps the TeX with it for
readers who copy a formula. It runs in the Node.js of the book's environment.
"""

from __future__ import annotations

import html
import io
import json
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

from docutils import nodes
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.writers.html5 import HTML5Translator

from ._private import NODE_FOLDER, get_node_equation_number

THEME = Path(__file__).resolve().parent.parent / "_theme"
FONT = THEME / "fonts" / "STIXTwoMath.woff2"
MATH = re.compile(r"<math\b.*?</math>", re.DOTALL)
MARKUP = re.compile(r"<annotation.*?</annotation>|<[^>]*>", re.DOTALL)
# OpenType features: small sizes, letters below accents, and script letters.
FEATURES = ["ssty", "dtls", "flac", "ss01"]
# Maps a single character in an `mi` element to the one that browsers draw for it.
ITALIC = {
    chr(int(unicodedata.decomposition(chr(code)).split()[-1], 16)): chr(code)
    for code in range(0x1D400, 0x1D800)  # Mathematical Alphanumeric Symbols
    if unicodedata.name(chr(code), "").startswith("MATHEMATICAL ITALIC")
} | {"h": "\N{PLANCK CONSTANT}"}


class Typesetter:
    """Turn TeX into MathML, in a process that is started for the first formula."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None

    def mathml(self, tex: str, display: bool) -> str:
        """Return the MathML of a formula, inline or displayed.

        Raises ValueError if Temml cannot read the TeX.
        """
        if self._process is None:
            program = Path(NODE_FOLDER, "bin", "node")
            if not program.exists():  # on Windows
                program = Path(NODE_FOLDER, "node.exe")
            self._process = subprocess.Popen(
                [program, THEME / "typeset.cjs"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        question = json.dumps({"tex": tex, "display": display})
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return without_default_styles(answer["mathml"])

    def close(self) -> None:
        if self._process:
            self._process.stdin.close()
            self._process.wait(timeout=10)
            self._process.stdout.close()
            self._process = None


def without_default_styles(mathml: str) -> str:
    """Remove inline styles that are already in the site's style sheet."""
    mathml = mathml.replace(' style="display:block math;"', "")
    mathml = re.sub(
        r'(?: class="([^"]*)")? style="math-depth:0;"',
        lambda match: f' class="{match[1] or ""} tml-accent"',
        mathml,
    )
    mathml = mathml.replace(' style="padding-left:0em;padding-right:0em;"', "")
    return re.sub(r' style="padding-[^"]*"', ' class="tml-gap"', mathml)


TYPESETTER = Typesetter()


def typeset(node: nodes.math | nodes.math_block, display: bool) -> str:
    """Return the MathML of a node, or raise ExtensionError with its page and line."""
    tex = node.astext().strip()
    if display and r"\\" in tex and not tex.startswith(r"\begin"):
        tex = f"\\begin{{split}}{tex}\n\\end{{split}}"  # tex may end with a comment
    try:
        return TYPESETTER.mathml(tex, display)
    except ValueError as error:
        where = f"{node.source}:{node.line}" if node.source else "a page"
        raise ExtensionError(
            f"{where}: this formula cannot be typeset: {tex}\n{error}"
        ) from error


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(self.starttag(node, "span", "", CLASS="math"))
    self.body.append(typeset(node, display=False) + "</span>")
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math"))
    formula = typeset(node, display=True)
    self.body.append(f'<div class="formula">{formula}</div>')
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def characters(pages: list[str]) -> set[str]:
    """Return the characters that browsers draw in the formulas of HTML pages."""
    found: set[str] = set()
    for page in pages:
        for formula in MATH.findall(page):
            found |= set(html.unescape(MARKUP.sub("", formula)))
            if "<msqrt" in formula or "<mroot" in formula:
                found.add("√")  # drawn by the element
    return found | {ITALIC.get(c, c) for c in found}


def font_of(wanted: set[str]) -> bytes:
    """Return a WOFF2 font with these characters in all their sizes.

    Raises ValueError for characters that the original font does not have.
    """
    font = TTFont(FONT, recalcTimestamp=False)
    blank = {c for c in wanted if c.isspace() or 0x2060 <= ord(c) <= 0x2064}
    missing = wanted - blank - {chr(code) for code in font.getBestCmap()}
    if missing:
        raise ValueError(
            f"{FONT.name} has no glyph for {', '.join(sorted(missing))}; "
            "write the formula with another symbol"
        )
    return subset_font(font, wanted)


def root_font() -> bytes:
    """Return a WOFF2 font that has only the radical sign, in its smallest size."""
    font = TTFont(FONT, recalcTimestamp=False)
    sizes = font["MATH"].table.MathVariants
    at = sizes.VertGlyphCoverage.glyphs.index(font.getBestCmap()[ord("√")])
    sign = sizes.VertGlyphConstruction[at]
    sign.GlyphAssembly = None
    del sign.MathGlyphVariantRecord[1:]
    return subset_font(font, {"√"})


def subset_font(font: TTFont, wanted: set[str]) -> bytes:
    options = subset.Options(layout_features=FEATURES, flavor="woff2")
    options.hinting = False
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=map(ord, wanted))
    subsetter.subset(font)
    file = io.BytesIO()
    font.flavor = "woff2"
    font.save(file)
    return file.getvalue()


def write_fonts(app: Sphinx, exception: Exception | None) -> None:
    """Write fonts with only the characters that the site's formulas need.

    This takes several seconds, so the fonts are kept until other characters are
    needed.
    """
    TYPESETTER.close()
    if exception or app.builder.name != "html":
        return
    pages = Path(app.outdir).rglob("*.html")
    wanted = characters([page.read_text("utf-8") for page in pages])
    text = "".join(sorted(wanted))
    known, font, root = (
        Path(app.doctreedir, name)
        for name in ("math.txt", "math.woff2", "root.woff2")
    )
    if not font.exists() or known.read_text("utf-8") != text:
        try:
            font.write_bytes(font_of(wanted))
        except ValueError as error:
            raise ExtensionError(str(error)) from error
        known.write_text(text, "utf-8")
    if not root.exists():
        root.write_bytes(root_font())
    fonts = Path(app.outdir, "_static", "fonts")
    fonts.mkdir(parents=True, exist_ok=True)
    shutil.copy(font, fonts)
    shutil.copy(root, fonts)


def setup(app: Sphinx) -> dict:
    app.add_html_math_renderer(
        "mathml", (visit_math, None), (visit_math_block, None)
    )
    app.config.html_math_renderer = "mathml"
    app.connect("build-finished", write_fonts)
    return {"version": "1", "parallel_read_safe": True}
