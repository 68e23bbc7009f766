"""The HTML of the built pages is complete: figures, links, results, and tabs."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import bs4
import nbformat
import pytest
from support import ROOT

from _ext.computed_results import typeset

from bookbuild.build import Book
from bookbuild.executor import outputs_of
from bookbuild.execution import results

BOOK = Book(ROOT)
SITE = ROOT / "_build" / "html"
SOURCES = {page.name: page for page in BOOK.pages()}
PAGES = list(SOURCES)  # those with code
TABBED = [name for name, page in SOURCES.items() if len(page.frameworks) > 1]
INDEX = "linear-networks/index"  # has neither exercises nor results
# Everything that a reader can open, including the pages without code and the two pages
# that Sphinx adds.
TOC = (ROOT / "_toc.yml").read_text(encoding="utf-8")
EVERYTHING = [
    *re.findall(r"(?:root|file): chapters/(\S+)", TOC),
    "../genindex",
    "../search",
]
every_page = pytest.mark.parametrize("page", PAGES)
everything = pytest.mark.parametrize("page", EVERYTHING)


def address(page: str) -> Path:
    return SITE / "chapters" / f"{page}.html"


@cache
def parsed(path: Path) -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "lxml")


@cache
def ids(path: Path) -> set[str]:
    return {element["id"] for element in parsed(path).select("[id]")}


def soup(page: str) -> bs4.BeautifulSoup:
    return parsed(address(page)).find("article")


@pytest.mark.parametrize("page", TABBED)
def test_every_tab_set_has_a_tab_for_each_framework(page):
    labels = [one.label for one in SOURCES[page].frameworks.values()]
    sets = soup(page).select(".tabs")
    assert sets
    for tabs in sets:
        # Text without code has its framework's name instead of buttons.
        prose = "prose" in tabs["class"]
        assert prose == (not tabs.select(".cell"))
        found = tabs.select(":scope > .tab > .tab-name" if prose else "[role=tab]")
        assert [name.get_text() for name in found] == labels


@pytest.mark.parametrize("page", TABBED)
def test_the_outputs_of_every_framework_are_on_the_page(page):
    for framework in SOURCES[page].frameworks:
        tab = f".tab[data-framework={framework}]"
        assert soup(page).select(f"{tab} .cell_output, .cell_output > {tab}")


@every_page
def test_every_figure_of_the_source_is_on_the_page(page):
    cells = SOURCES[page].cells
    figures = [c.metadata.get("mystnb", {}).get("figure") for c in cells]
    names = {figure["name"].replace("_", "-") for figure in figures if figure}
    html = soup(page)
    assert len(html.select("figure img.by-day")) >= len(names)
    assert all(html.find(id=name) is not None for name in names)


@everything
def test_every_picture_is_described_in_words(page):
    html = parsed(address(page))
    for thumbnail in html.select(".page-cards img"):  # above the name of the page
        assert thumbnail["alt"] == ""
    for picture in html.select("img:not(.page-cards img)"):
        words = picture.get("alt", "").split()
        assert len(words) >= 5, picture.get("src")
        assert not re.search(r"\.(svg|png|jpe?g|webp)\b", " ".join(words))
    for icon in html.select("svg:not(.page-map)"):  # beside the words that say what it does
        assert icon.get("aria-hidden") == "true"


def test_every_figure_has_a_picture_for_light_and_for_dark_colors():
    pictures = [p for page in PAGES for p in soup(page).select("img")]
    days = [p["alt"] for p in pictures if p["class"] == ["by-day"]]
    nights = [p["alt"] for p in pictures if p["class"] == ["by-night"]]
    assert len(days) > 20 and days == nights


@everything
def test_every_figure_has_a_number_and_a_caption(page):
    for figure in parsed(address(page)).select("article figure"):
        caption = figure.select_one("figcaption")
        assert caption.select_one(".caption-number").get_text().strip()
        assert len(caption.select_one(".caption-text").get_text().split()) >= 5


@everything
def test_every_formula_contains_its_tex(page):
    for formula in parsed(address(page)).select("math"):
        (kept,) = formula.select("annotation")
        assert kept["encoding"] == "application/x-tex"
        assert kept.get_text().strip()
        assert formula.get("aria-hidden") is None


@everything
def test_every_link_within_the_site_leads_somewhere(page):
    links = parsed(address(page)).select("a[href]")
    assert len(links) > len(EVERYTHING) / 2
    for link in links:
        target, _, fragment = link["href"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        path = address(page).resolve()
        if target:
            path = (path.parent / target).resolve()
        assert path.exists(), link
        if fragment and path.suffix == ".html":
            assert fragment in ids(path), link


@every_page
def test_every_link_from_a_notebook_leads_into_the_site(page):
    # A book without an address has no such links.
    site = BOOK.settings.repository.public_site or "https://book.invalid/"
    pattern = rf"\]\({re.escape(site)}([^)#]*)#?([^)]*)\)"
    for framework in SOURCES[page].frameworks.values():
        path = BOOK.committed(SOURCES[page], framework)
        for cell in nbformat.read(path, as_version=4).cells:
            for path, fragment in re.findall(pattern, cell.source):
                assert (SITE / path).exists(), cell.source
                assert not fragment or fragment in ids(SITE / path), cell.source


def shown_as(text: str) -> str:
    return "".join(node.astext() for node in typeset(text))


@every_page
def test_every_result_in_the_prose_comes_from_a_run(page):
    executed = set()
    for framework in SOURCES[page].frameworks.values():
        path = BOOK.output(SOURCES[page], framework)
        node = nbformat.read(path, as_version=4)
        recorded = results(SOURCES[page], framework, outputs_of(node))
        own = {shown_as(record["text"]) for record in recorded.values()}
        executed |= own
        tab = f".tab[data-framework={framework.name}]"
        in_tab = soup(page).select(f"{tab} .pasted-text")
        assert {span.get_text() for span in in_tab} <= own
    shown = {span.get_text() for span in soup(page).select(".pasted-text")}
    assert shown <= executed
    assert bool(shown) == bool(executed)
