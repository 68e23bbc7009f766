"""The first page gives the reading time of every page."""

from __future__ import annotations

import re

import bs4
import pytest
from support import ROOT
from support.targets import targets

from bookbuild.build import Book

BOOK = Book(ROOT)
INDEX = "linear-networks/index"
PAGES = [page for page in BOOK.pages() if page.name != INDEX]
ROW = re.compile(r"^\|[^|]*\| \{ref\}`(\w+)`[^|]*\| (\d+) min \|", re.MULTILINE)


def table() -> dict[str, int]:
    """The minutes of reading that the first page gives, by page."""
    text = (ROOT / "chapters" / f"{INDEX}.md").read_text(encoding="utf-8")
    places = targets()
    return {places[label].page: int(minutes) for label, minutes in ROW.findall(text)}


def minutes(page) -> float:
    """How long the readers of one framework take, at 200 words a minute.

    Text and captions count, code and solutions do not; a formula is one word
    where it stands in a line, and none where it has lines of its own.
    """
    path = ROOT / "_build" / "html" / "chapters" / f"{page.name}.html"
    html = bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    article = html.find("article")
    first = next(iter(page.frameworks))
    captions = [c.get_text() for c in article.select("figcaption")]
    for element in article.select(
        f".solution, .cell, .tab-list, .tab-name, div.math, [role=tabpanel]"
        f':not([data-framework="{first}"])'
    ):
        element.decompose()
    for formula in article.select(".math"):
        formula.replace_with("x")
    text = " ".join([article.get_text(), *captions])
    return len(re.findall(r"\w\S*", text)) / 200


def test_the_first_page_lists_every_page_that_has_code():
    assert set(table()) == {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_first_page_says_how_long_a_page_takes_to_read(page):
    told, takes = table()[page.name], minutes(page)
    assert abs(told - takes) <= takes / 4, f"write {takes:.0f} min"
