"""The search shows formulas as lines of text."""

import lxml.html
import pytest

from _ext.formula_text import formula_text


def text(mathml: str) -> str:
    return formula_text(lxml.html.fromstring(f"<math>{mathml}</math>"))


@pytest.mark.parametrize(
    ("mathml", "shown"),
    [
        ("<mi>a</mi><mo>=</mo><mi>b</mi><mo>−</mo><mn>1</mn>", "a = b − 1"),
        ("<mo form='prefix'>−</mo><mi>a</mi>", "−a"),
        (
            (
                "<mi>H</mi><mo form='prefix'>(</mo><mi>P</mi>"
                "<mo separator='true'>,</mo><mi>Q</mi><mo form='postfix'>)</mo>"
            ),
            "H(P, Q)",
        ),
        (
            "<mrow><mi>log</mi><mo>\u2061</mo><mspace></mspace></mrow><mn>2</mn>",
            "log 2",
        ),
        ("<msup><mi>R</mi><mrow><mi>n</mi><mo>×</mo><mi>d</mi></mrow></msup>",
         "R^(n × d)"),
        ("<msqrt><mi>a</mi><mo>+</mo><mi>b</mi></msqrt>", "√(a + b)"),
        ("<mfrac><mn>1</mn><mn>2</mn></mfrac><mi>x</mi>", "1/2 x"),
        ("<mfrac><mi>x</mi><mrow><mn>1</mn><mo>+</mo><mi>x</mi></mrow></mfrac>",
         "x/(1 + x)"),
    ],
)  # fmt: skip
def test_a_formula_is_spaced_as_in_print(mathml, shown):
    assert text(mathml) == shown


@pytest.mark.parametrize(
    ("mathml", "shown"),
    [
        ("<msub><mi>x</mi><mn>12</mn></msub>", "x₁₂"),
        ("<msub><mi>x</mi><mi>d</mi></msub>", "x_d"),
        ("<msup><mi>x</mi><mn>2</mn></msup>", "x²"),
        ("<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>", "xᵢ²"),
        ("<mover><mi>y</mi><mo>ˆ</mo></mover>", "ŷ"),
        ("<mover><mi>x</mi><mo>‾</mo></mover>", "x\N{COMBINING MACRON}"),
    ],
)
def test_scripts_and_accents_are_unicode_characters_where_these_exist(mathml, shown):
    assert text(mathml) == shown


def test_the_limits_of_a_sum_are_left_out():
    below = "<mrow><mi>k</mi><mo>=</mo><mn>1</mn></mrow>"
    total = f"<munderover><mo>∑</mo>{below}<mi>q</mi></munderover>"
    assert text(f"{total}<msub><mi>o</mi><mi>k</mi></msub>") == "∑ oₖ"


def test_bold_letters_become_the_letters_that_readers_type():
    assert text("<mi>𝐰</mi><mi>𝐗</mi>") == "wX"


def test_a_matrix_becomes_an_ellipsis():
    rows = "<mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr>"
    assert text(f"<mi>A</mi><mo>=</mo><mtable>{rows}</mtable>") == "A = …"


def test_aligned_lines_become_one_line():
    rows = (
        "<mtr><mtd><mi>a</mi></mtd><mtd><mo>=</mo><mi>b</mi></mtd></mtr>"
        "<mtr><mtd></mtd><mtd><mo>=</mo><mi>c</mi></mtd></mtr>"
    )
    assert text(f"<mtable class='tml-jot'>{rows}</mtable>") == "a = b = c"


def test_the_tex_of_a_formula_is_not_shown():
    tex = "<annotation>\\alpha</annotation>"
    assert text(f"<semantics><mi>α</mi>{tex}</semantics>") == "α"
