"""The first page has a card for every page, with its reading time, and a map."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

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


def leads_to(link: bs4.Tag) -> str:
    """Return the page that a link of the first page leads to."""
    page = (SITE / INDEX).parent.joinpath(link["href"].split("#")[0]).resolve()
    return page.relative_to(SITE).with_suffix("").as_posix()


@cache
def cards() -> dict[str, bs4.Tag]:
    """Return the cards of the first page, by the page that their only link leads to."""
    found = {}
    for card in parsed(INDEX).select("article .page-cards li"):
        [link] = card.select("a")
        found[leads_to(link)] = card
    return found


def minutes(page) -> float:
    """Return the reading time for one framework in minutes, at 200 words per minute.

    Text and captions count, but code and solutions do not. An inline formula counts
    as one word, and a displayed formula does not count.
    """
    article = parsed(page.name).find("article")
    first = next(iter(page.frameworks))
    others = f':is(.tab, .value):not([data-framework="{first}"])'
    for element in article.select(others):
        element.decompose()
    captions = [c.get_text() for c in article.select("figcaption")]
    for element in article.select(
        ".solution, .cell, .tab-list, .tab-name, div.math, .without-scripts"
    ):
        element.decompose()
    for formula in article.select(".math"):
        formula.replace_with("x")
    text = " ".join([article.get_text(), *captions])
    return len(re.findall(r"\w\S*", text)) / 200


def test_the_first_page_has_a_card_for_every_page_that_has_code():
    assert set(cards()) == {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_first_page_says_how_long_a_page_takes_to_read(page):
    told = cards()[page.name].find("em").get_text()
    takes = minutes(page)
    assert abs(int(told.removesuffix("\xa0min")) - takes) <= 1 + takes / 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_card_shows_a_figure_of_its_page_in_light_and_dark_colors(page):
    images = cards()[page.name].select("img")
    assert [image["class"] for image in images] == [["by-day"], ["by-night"]]
    on_page = {Path(i["src"]).name for i in parsed(page.name).select("figure img")}
    for image in images:
        assert Path(image["src"]).name in on_page
        assert image["alt"] == "" and image["loading"] == "lazy"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_card_has_the_number_and_the_title_of_its_page(page):
    heading = parsed(page.name).select_one("article h1").get_text().removesuffix("#")
    number, title = cards()[page.name].find("strong").get_text().split(maxsplit=1)
    assert number == "A" or heading.startswith(f"{number}.")
    assert heading.endswith(title)


def test_the_first_page_begins_with_a_promise_a_picture_and_the_way_to_page_1():
    after = parsed(INDEX).select_one("article h1").find_next_siblings()[:3]
    assert after[0].name == "p" and len(after[0].get_text().split()) < 20
    assert len(after[1].select("img.by-day")) == 1
    assert leads_to(after[2].find("a")) == "linear-networks/linear-regression"
    assert re.search(r"\d+\xa0min", after[2].get_text())


def test_the_first_page_shows_no_code_of_its_figures():
    assert parsed(INDEX).select("article :is(.cell_input, details.hide)") == []


def test_every_box_of_the_map_is_a_link_with_a_name():
    [drawing] = parsed(INDEX).select("#fig-chap-linear-map svg")
    assert "Boxes joined by arrows" in drawing["aria-label"]
    links = drawing.select("a")
    assert len(links) == len(drawing.select("rect")) == 9
    assert len({leads_to(link) for link in links}) == 9
    for link in links:
        assert len(link.get_text().split()) > 2
