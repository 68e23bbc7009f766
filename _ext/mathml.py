"""Typeset mathematics while the book is built, as MathML.

Browsers draw MathML themselves, and screen readers speak it; a page needs no
script for it, only one font. Temml (temml/, MIT license) turns TeX into
MathML and keeps the TeX beside it, for those who copy a formula. It runs in
the Node that comes with the book's environment.
"""

from __future__ import annotations

import html
import io
import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.writers.html5 import HTML5Translator

from ._private import NODE_FOLDER, get_node_equation_number

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

THEME = Path(__file__).resolve().parent.parent / "_theme"
FONT = THEME / "fonts" / "STIXTwoMath.woff2"
MATH = re.compile(r"<math\b.*?</math>", re.S)
MARKUP = re.compile(r"<annotation.*?</annotation>|<[^>]*>", re.S)
# Letters for small sizes and above other letters, script letters.
FEATURES = ["ssty", "dtls", "flac", "ss01"]


class Typesetter:
    """Turns TeX into MathML, by a Node that starts with the first formula."""

    def __init__(self) -> None:
        self._node: subprocess.Popen | None = None

    def mathml(self, tex: str, display: bool) -> str:
        """The MathML of a formula, inline or displayed.

        Raises ValueError where the TeX cannot be read.
        """
        if self._node is None:
            program = Path(NODE_FOLDER, "bin", "node")
            if not program.exists():  # on Windows
                program = Path(NODE_FOLDER, "node.exe")
            self._node = subprocess.Popen(
                [program, THEME / "typeset.cjs"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        question = json.dumps({"tex": tex, "display": display})
        self._node.stdin.write(question + "\n")
        self._node.stdin.flush()
        answer = json.loads(self._node.stdout.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return _cleaned(answer["mathml"])

    def close(self) -> None:
        if self._node:
            self._node.stdin.close()
            self._node.wait(timeout=10)
            self._node.stdout.close()
            self._node = None


def _cleaned(mathml: str) -> str:
    """Leave out what says nothing: the styles are in css/math.css."""
    mathml = mathml.replace(' style="display:block math;"', "")
    mathml = re.sub(
        r'(?: class="([^"]*)")? style="math-depth:0;"',
        lambda match: f' class="{match[1] or ""} tml-accent"',
        mathml,
    )
    mathml = mathml.replace(' style="padding-left:0em;padding-right:0em;"', "")
    return re.sub(r' style="padding-[^"]*"', ' class="tml-gap"', mathml)


TYPESETTER = Typesetter()
typeset = cache(TYPESETTER.mathml)


def _typeset(
    self: HTML5Translator, node: nodes.math | nodes.math_block, display: bool
) -> str:
    tex = node.astext().strip()
    if display and r"\\" in tex and not tex.startswith(r"\begin"):
        tex = rf"\begin{{split}}{tex}\end{{split}}"
    try:
        return typeset(tex, display)
    except ValueError as error:
        where = f"{node.source}:{node.line}" if node.source else "a page"
        raise ExtensionError(
            f"{where}: this formula cannot be typeset: {tex}\n{error}"
        ) from error


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(self.starttag(node, "span", "", CLASS="math"))
    self.body.append(_typeset(self, node, display=False) + "</span>")
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math"))
    formula = _typeset(self, node, display=True)
    self.body.append(f'<div class="formula">{formula}</div>')
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def characters(pages: list[str]) -> set[str]:
    """The characters of all formulas of pages of HTML."""
    found: set[str] = set()
    for page in pages:
        for formula in MATH.findall(page):
            found |= set(html.unescape(MARKUP.sub("", formula)))
            if "<msqrt" in formula or "<mroot" in formula:
                found.add("√")  # the element draws it
    return found | {italic(c) for c in found}


def italic(character: str) -> str:
    """The character that a browser draws for a letter alone in an `mi`."""
    latin, greek = ord(character) - ord("a"), ord(character) - ord("α")
    if character == "h":
        return "\u210e"  # it has been there for longer than the others
    if 0 <= latin < 26:
        return chr(0x1D44E + latin)
    if 0 <= latin + 32 < 26:
        return chr(0x1D434 + latin + 32)
    if 0 <= greek < 25:
        return chr(0x1D6FC + greek)
    if 0 <= greek + 32 < 25:
        return chr(0x1D6E2 + greek + 32)
    return {"∂": "\U0001D715", "∇": "\U0001D6FB", "ϵ": "\U0001D716",
            "ϕ": "\U0001D719"}.get(character, character)  # fmt: skip


def font_of(wanted: set[str]) -> bytes:
    """A WOFF2 font of these characters, in all the sizes that they need.

    Raises ValueError for characters that the font does not have.
    """
    font = _open()
    blank = {c for c in wanted if c.isspace() or 0x2060 <= ord(c) <= 0x2064}
    missing = wanted - blank - {chr(code) for code in font.getBestCmap()}
    if missing:
        raise ValueError(
            f"{FONT.name} has no glyph for {', '.join(sorted(missing))}: "
            "write the formula with another symbol"
        )
    return _cut(font, wanted)


def root_font() -> bytes:
    """A WOFF2 font of the smallest radical sign alone."""
    font = _open()
    sizes = font["MATH"].table.MathVariants
    at = sizes.VertGlyphCoverage.glyphs.index(font.getBestCmap()[ord("√")])
    sign = sizes.VertGlyphConstruction[at]
    sign.GlyphAssembly = None
    del sign.MathGlyphVariantRecord[1:]
    return _cut(font, {"√"})


def _open() -> TTFont:
    from fontTools.ttLib import TTFont  # seldom used, and it takes its time

    return TTFont(FONT, recalcTimestamp=False)


def _cut(font: TTFont, wanted: set[str]) -> bytes:
    from fontTools import subset

    options = subset.Options(layout_features=FEATURES, flavor="woff2")
    options.hinting = False
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=map(ord, wanted))
    subsetter.subset(font)
    made = io.BytesIO()
    font.flavor = "woff2"
    font.save(made)
    return made.getvalue()


def write_fonts(app: Sphinx, exception: Exception | None) -> None:
    """Put into the site the part of the font that its pages use."""
    TYPESETTER.close()
    if exception or app.builder.format != "html":
        return
    pages = Path(app.outdir).rglob("*.*html")
    wanted = characters([page.read_text("utf-8") for page in pages])
    known, made = (Path(app.doctreedir, n) for n in ("math.txt", "math.woff2"))
    text = "".join(sorted(wanted))
    if not made.exists() or known.read_text("utf-8") != text:
        try:
            made.write_bytes(font_of(wanted))
        except ValueError as error:
            raise ExtensionError(str(error)) from error
        known.write_text(text, "utf-8")
    fonts = Path(app.outdir, "_static", "fonts")
    fonts.mkdir(parents=True, exist_ok=True)
    (fonts / "math.woff2").write_bytes(made.read_bytes())
    root = fonts / "root.woff2"
    if not root.exists():
        root.write_bytes(root_font())


def setup(app: Sphinx) -> dict:
    app.add_html_math_renderer(
        "mathml", (visit_math, None), (visit_math_block, None)
    )
    app.config.html_math_renderer = "mathml"
    app.connect("build-finished", write_fonts)
    return {"version": "1", "parallel_read_safe": True}
