"""The site's font of formulas has the characters that its pages draw."""

import io
import unicodedata

import pytest
from fontTools.ttLib import TTFont

from _ext import mathml

LETTERS = [chr(c) for c in (*range(0x41, 0x5B), *range(0x61, 0x7B))]
GREEK = [chr(c) for c in (*range(0x391, 0x3AA), *range(0x3B1, 0x3CA))]


@pytest.mark.parametrize("letter", [*LETTERS, *GREEK])
def test_a_letter_alone_is_drawn_in_italics(letter):
    """Use that compatibility decomposition turns italics into the plain letter."""
    if letter == "\u03a2":
        return  # no character: a final sigma has no capital
    drawn = mathml.ITALIC[letter]
    name = unicodedata.name(drawn)
    assert name.startswith("MATHEMATICAL ITALIC") or letter == "h"
    assert unicodedata.normalize("NFKC", drawn) == letter


@pytest.mark.parametrize("symbol", ["∂", "∇", "ϵ", "ϕ"])
def test_a_symbol_that_has_italics_is_drawn_in_italics(symbol):
    drawn = mathml.ITALIC[symbol]
    assert "MATHEMATICAL ITALIC" in unicodedata.name(drawn)
    assert unicodedata.normalize("NFKC", drawn) in unicodedata.normalize(
        "NFKC", symbol
    )


@pytest.mark.parametrize("character", ["1", "+", "@", "[", "`", "{", "ΐ", "ϋ"])
def test_other_characters_are_drawn_as_they_are(character):
    assert character not in mathml.ITALIC


def test_the_characters_of_a_page_are_those_of_its_formulas():
    page = (
        "<p>words</p><math><mi>x</mi><mo>&lt;</mo><annotation>\\tex"
        "</annotation></math><math display='block'><msqrt><mn>2</mn></msqrt>"
        "</math>"
    )
    expected = {"x", "<", "2", "√", mathml.ITALIC["x"]}
    assert mathml.characters([page]) == expected
    root = "<math><mroot><mn>2</mn><mn>3</mn></mroot></math>"
    assert mathml.characters([root, page]) == expected | {"3"}
    assert "√" not in mathml.characters(["<math><mn>2</mn></math>"])


def test_the_font_has_the_wanted_characters_and_little_else():
    made = mathml.font_of({"x", "+", " ", "\u2060", "\u2064"})
    font = TTFont(io.BytesIO(made))
    assert set(font.getBestCmap()) >= {ord("x"), ord("+")}
    assert len(font.getBestCmap()) < 10 and font.flavor == "woff2"
    assert len(made) < 20_000


@pytest.mark.parametrize("character", ["字", "\u2065", "\U0001f600"])
def test_a_character_without_a_glyph_is_refused(character):
    with pytest.raises(ValueError, match="has no glyph for .*another symbol"):
        mathml.font_of({"x", character})


def test_the_font_of_low_roots_has_one_radical_sign():
    font = TTFont(io.BytesIO(mathml.root_font()))
    assert set(font.getBestCmap()) == {ord("√")}
    small, whole = len(mathml.root_font()), len(mathml.font_of({"√"}))
    assert small < whole


def test_tex_becomes_mathml_inline_and_displayed():
    inline = mathml.TYPESETTER.mathml(r"\hat{y}_i", False)
    displayed = mathml.TYPESETTER.mathml(r"\hat{y}_i", True)
    for formula in (inline, displayed):
        assert formula.startswith("<math") and "<msub>" in formula
        assert r"\hat{y}_i</annotation>" in formula
        # What the site's style sheet says is not said again.
        assert "padding" not in formula and "math-depth" not in formula
    assert 'display="block"' in displayed and 'display="block"' not in inline
    with pytest.raises(ValueError):
        mathml.TYPESETTER.mathml(r"\unknowncommand", False)
    mathml.TYPESETTER.close()
