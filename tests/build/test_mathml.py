"""Formulas are typeset when the book is built, or the build says why not."""

import re

import bs4
import pytest
from support.tiny_book import TinyBook

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


def formulas(tiny: TinyBook) -> None:
    tiny.write(GOOD)


@pytest.fixture(scope="module")
def page(tiny_built) -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup(tiny_built(formulas).site.read_text("utf-8"), "lxml")


def test_a_formula_becomes_mathml_annotated_with_its_tex(page):
    formula = page.select_one("p span.math math")
    assert formula.select_one("mfrac")
    annotation = formula.select_one("annotation[encoding='application/x-tex']")
    assert annotation.get_text() == r"\frac{a}{b} < c"
    assert not formula.get("display")
    assert page.select_one("div.math math")["display"] == "block"


def test_a_displayed_formula_keeps_its_lines(page):
    assert len(page.select_one("#equation-eq-tiny-two").select("mtr")) == 2


def test_labeled_equations_and_references_to_them_have_numbers(page):
    for number, name in enumerate(["line", "two"], start=1):
        target = f"equation-eq-tiny-{name}"
        text = page.find(id=target).select_one(".eqno").get_text()
        assert text.startswith(f"({number})")
        [link] = page.select(f"p a.reference[href='#{target}']")
        assert link.get_text() == f"({number})"


def test_an_equation_without_a_label_has_no_number(page):
    [plain] = [m for m in page.select("div.math") if not m.get("id")]
    assert not plain.select_one(".eqno")


def test_a_formula_that_cannot_be_typeset_fails_the_build_and_keeps_the_site(
    tiny_copy,
):
    book = tiny_copy(formulas)
    before = book.site_files()
    book.write(GOOD + "\nAnd\n\n$$\n\\frac{1}{\n$$\n")
    lines = book.page.read_text("utf-8").splitlines()
    failed = book.build("book")
    assert failed.returncode == 1
    assert r"this formula cannot be typeset: \frac{1}{" in failed.stderr
    where = re.search(r"page\.md:(\d+): this formula", failed.stderr)
    assert abs(lines.index(r"\frac{1}{") + 1 - int(where[1])) <= 1
    assert book.site_files() == before
