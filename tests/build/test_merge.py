"""The outputs of all frameworks are merged into one page, cell by cell."""

import bs4
import pytest
from support.tiny_book import TinyBook, cell

PAGE = (
    cell("name = 'A'", "alpha")
    + cell("name = 'B'", "beta")
    + "\nThe two record.\n\n"
    + cell(
        "from d2l_extras import record\n"
        "record('mine', name)\nrecord('same', 6 * 7)\n"
        "record('share', 0.83, '.3f')\nrecord('count', 10000, ',')"
    )
    + "\nMine: {result}`mine`. Same: {result}`same`.\n\n"
    + "Share: {result}`share`. Count: {result}`count`.\n\n"
    + "::::{tab-set}\n:sync-group: framework\n\n"
    + ":::{tab-item} Alpha\n:sync: alpha\nAlpha has {result}`mine`.\n:::\n\n"
    + ":::{tab-item} Beta\n:sync: beta\nBeta has {result}`mine`.\n:::\n\n"
    + "::::\n\n"
    + cell("name * 3")
    + cell("print('the same everywhere')")
    + cell("1 / 0", "raises-exception")
    + cell("print('\\x1b[31m<script>bad()</script>\\x1b[0m\\x07')")
    + cell("raise ValueError('\\x1b[31m<i>worse</i>\\x08')", "raises-exception")
)


def results(tiny: TinyBook) -> None:
    tiny.write(PAGE)


@pytest.fixture(scope="module")
def html(tiny_built) -> bs4.BeautifulSoup:
    site = tiny_built(results).site
    return bs4.BeautifulSoup(site.read_text(), "html.parser")


def text(html: bs4.BeautifulSoup) -> str:
    return " ".join(html.find("article").get_text().split())


def test_prose_shows_the_result_of_each_framework(html):
    assert "Mine: Alpha A, Beta B. Same: 42." in text(html)


def test_prose_shows_a_result_in_the_format_that_it_was_recorded_in(html):
    assert "Share: 0.830. Count: 10,000." in text(html)


def test_prose_in_a_tab_shows_only_the_result_of_its_framework(html):
    assert "Alpha has A." in text(html) and "Beta has B." in text(html)


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


def test_a_recorded_result_is_shown_once_per_tab(html):
    assert text(html).count("same: 42") == 2  # one line per framework's tab
