"""The first page gives the reading time of every page."""

from __future__ import annotations

import re
from functools import cache

import bs4
import pytest
from support import ROOT

from bookbuild.build import Book

BOOK = Book(ROOT)
INDEX = "linear-networks/index"
HOW_TO_RUN = "linear-networks/how-to-run"
PAGES = [p for p in BOOK.pages() if p.name not in (INDEX, HOW_TO_RUN)]
SITE = ROOT / "_build" / "html" / "chapters"


def parsed(name: str) -> bs4.BeautifulSoup:
    text = (SITE / f"{name}.html").read_text(encoding="utf-8")
    return bs4.BeautifulSoup(text, "html.parser")


@cache
def table() -> dict[str, int]:
    """Return the reading times on the first page in minutes, by page."""
    found = {}
    for row in parsed(INDEX).select("article table tbody tr"):
        *_, link = row.select("a[href*='.html']")
        page = (SITE / INDEX).parent.joinpath(link["href"].split("#")[0]).resolve()
        name = page.relative_to(SITE).with_suffix("").as_posix()
        found[name] = int(row.select("td")[-1].get_text().removesuffix("\xa0min"))
    return found


def minutes(page) -> float:
    """Return the reading time for one framework in minutes, at 200 words per minute.

    Text and captions count, but code and solutions do not. An inline formula counts
    as one word, and a displayed formula does not count.
    """
    article = parsed(page.name).find("article")
    first = next(iter(page.frameworks))
    captions = [c.get_text() for c in article.select("figcaption")]
    for element in article.select(
        ".solution, .cell, .tab-list, .tab-name, div.math, .without-scripts, "
        f':is([role=tabpanel], .value):not([data-framework="{first}"])'
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
    assert abs(told - takes) <= 1 + takes / 10
