"""The site's mathematical font has every character that its formulas use."""

import html

import bs4
from fontTools.ttLib import TTFont
from support.site_pages import PAGES, SITE, soup


def letters(formula: bs4.Tag) -> set[str]:
    """Return the characters that a browser draws for a formula."""
    return {
        letter
        for leaf in formula.select("mi, mn, mo, mtext, ms")
        for letter in html.unescape(leaf.get_text())
        if not letter.isspace() and not 0x2060 <= ord(letter) <= 0x2064
    }


def test_the_font_has_every_character_that_a_formula_uses():
    font = TTFont(SITE / "_static" / "fonts" / "math.woff2")
    there = {chr(code) for code in font.getBestCmap()}
    used = set()
    for name in PAGES:
        for formula in soup(name).select("math"):
            used |= letters(formula)
    assert len(used) > 80
    assert used - there == set()
    assert "MATH" in font
