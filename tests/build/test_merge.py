"""One page shows the outputs of all frameworks, merged cell by cell."""

import bs4
import pytest
from support.tiny_book import TinyBook, cell

PAGE = (
    cell("name = 'A'", "alpha")
    + cell("name = 'B'", "beta")
    + "\nThe two differ.\n\n"
    + cell("import numpy as np\nfraction = np.array([0.83])")
    + "\nMine: {eval}`name`. Same: {eval}`6 * 7`.\n\n"
    + "- Fraction: {eval}`fraction:.3f`. Count: {eval}`10**4:,`.\n\n"
    + "Loss {eval}`-fraction:.2f`, {eval}`fraction[0]:.1%`, {eval}`1.4e-5:.0e`, "
    + "{eval}`1.4e-5:.1e`, and {eval}`'x'.upper()`.\n\n"
    + "::::{tab-set}\n:sync-group: framework\n\n"
    + ":::{tab-item} Alpha\n:sync: alpha\nAlpha has {eval}`name + ' only'`.\n:::\n\n"
    + ":::{tab-item} Beta\n:sync: beta\nBeta has {eval}`name + '!'`.\n:::\n\n"
    + "::::\n\n"
    + cell("name * 3")
    + cell("print('the same everywhere')")
    + cell("1 / 0", "raises-exception")
    + cell("print('\\x1b[31m<script>bad()</script>\\x1b[0m\\x07')")
    + cell("raise ValueError('\\x1b[31m<i>worse</i>\\x08')", "raises-exception")
)


def merged(tiny: TinyBook) -> None:
    tiny.write(PAGE)


@pytest.fixture(scope="module")
def html(tiny_built) -> bs4.BeautifulSoup:
    site = tiny_built(merged).site
    return bs4.BeautifulSoup(site.read_text(), "html.parser")


def text(html: bs4.BeautifulSoup) -> str:
    return " ".join(html.find("article").get_text().split())


def test_prose_has_one_value_per_framework_or_one_shared_value(html):
    assert "Mine: A (Beta B). Same: 42." in text(html)
    values = html.select(".value")
    assert [(v["data-framework"], v.get_text()) for v in values] == [
        ("alpha", "A"), ("beta", "B")
    ]  # fmt: skip
    hidden = [node.get_text() for node in html.select(".without-scripts")]
    assert hidden == [" (Beta ", ")"]


def test_prose_shows_a_value_in_its_format(html):
    assert "Fraction: 0.830. Count: 10,000." in text(html)


def test_numbers_are_typeset(html):
    assert "Loss −0.83, 83.0 %, 10−5, 1.4 × 10−5, and X." in text(html)
    assert [node.get_text() for node in html.select("article sup")] == ["−5", "−5"]


def test_an_expression_in_a_tab_is_evaluated_only_in_its_framework(html):
    assert "Alpha has A only." in text(html) and "Beta has B!." in text(html)


def test_a_shared_cell_shows_the_output_of_every_framework(html):
    shown = [node.get_text() for node in html.select(".cell_output pre")]
    assert any("AAA" in s for s in shown) and any("BBB" in s for s in shown)


def test_a_shared_cell_with_the_same_output_everywhere_is_shown_once(html):
    shown = [node.get_text() for node in html.select(".cell_output pre")]
    assert sum("the same everywhere" in s for s in shown) == 1


def test_an_expected_error_is_shown(html):
    assert "ZeroDivisionError: division by zero" in text(html)


def test_printed_markup_is_shown_as_text_without_terminal_codes(html):
    shown = [node.get_text() for node in html.select(".cell_output pre")]
    assert "<script>bad()</script>\n" in shown
    assert "ValueError: <i>worse</i>" in "".join(shown)
    assert not {"\x1b", "\x07", "\x08"} & set(str(html))
