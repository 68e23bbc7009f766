"""The built pages, as a reader's browser shows them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import bs4
import nbformat
import pytest
from support import ROOT
from support.browser import until

from _ext.build import Book, outputs_of
from _ext.execute import results

BOOK = Book(ROOT)
SITE = ROOT / "_build" / "html"
PAGES = [page.name for page in BOOK.pages()]
INDEX = "linear-networks/index"  # has neither exercises nor results
LESSONS = [page for page in PAGES if page != INDEX]
# All that a reader can come to: also the pages without code, which have
# formulas too, and the two that Sphinx adds.
TOC = (ROOT / "_toc.yml").read_text(encoding="utf-8")
EVERYTHING = [
    *re.findall(r"(?:root|file): chapters/(\S+)", TOC),
    "../genindex",
    "../search",
]
RAW_TEX = re.compile(r"\\[(\[]|\\[a-zA-Z]+|\$.*?\$")
every_page = pytest.mark.parametrize("page", PAGES)
everything = pytest.mark.parametrize("page", EVERYTHING)


def address(page: str) -> Path:
    return SITE / "chapters" / f"{page}.html"


@cache
def parsed(path: Path) -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "lxml")


def soup(page: str) -> bs4.BeautifulSoup:
    return parsed(address(page)).find("article")


@every_page
def test_every_tab_set_has_a_tab_for_each_framework(page):
    labels = [framework.label for framework in BOOK.frameworks.values()]
    sets = soup(page).select(".tabs")
    assert sets
    for tabs in sets:
        found = tabs.select("[role=tab]")
        assert [tab.get_text() for tab in found] == labels


@every_page
def test_every_frameworks_outputs_are_on_the_page(page):
    for framework in BOOK.frameworks:
        inside = soup(page).select(f".tab[data-framework={framework}]")
        assert any(content.select(".cell_output") for content in inside)


@every_page
def test_every_figure_of_the_source_is_on_the_page(page):
    source = next(p for p in BOOK.pages() if p.name == page)
    figures = [c.metadata.get("mystnb", {}).get("figure") for c in source.cells]
    names = {figure["name"].replace("_", "-") for figure in figures if figure}
    html = soup(page)
    assert len(html.select("figure img.by-day")) >= len(names)
    assert all(html.find(id=name) is not None for name in names)


@every_page
def test_every_picture_has_alternative_text_that_is_no_file_name(page):
    for picture in soup(page).select("img"):
        words = picture.get("alt", "").split()
        assert len(words) >= 5, picture
        assert not words[0].endswith((".png", ".svg"))


@every_page
def test_every_figure_has_a_number_and_a_caption(page):
    for figure in soup(page).select("figure"):
        caption = figure.select_one("figcaption")
        assert caption.select_one(".caption-number").get_text().strip()
        assert len(caption.select_one(".caption-text").get_text().split()) >= 5


@every_page
def test_every_link_within_the_site_leads_somewhere(page):
    for link in soup(page).select("a[href]"):
        target, _, fragment = link["href"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        path = address(page)
        if target:
            path = (path.parent / target).resolve()
        assert path.exists(), link
        if fragment and path.suffix == ".html":
            assert parsed(path).find(id=fragment) is not None, link


@every_page
def test_every_link_from_a_notebook_leads_into_the_site(page):
    source = next(p for p in BOOK.pages() if p.name == page)
    for framework in BOOK.frameworks.values():
        node = nbformat.read(BOOK.committed(source, framework), as_version=4)
        for cell in node.cells:
            pattern = rf"\]\({re.escape(BOOK.labels.site)}([^)#]*)#?([^)]*)\)"
            for path, fragment in re.findall(pattern, cell.source):
                html = (SITE / path).read_text()
                assert not fragment or f'id="{fragment}"' in html, cell.source


@every_page
def test_every_result_in_the_prose_is_an_executed_one(page):
    source = next(p for p in BOOK.pages() if p.name == page)
    executed = set()
    for framework in BOOK.frameworks.values():
        node = nbformat.read(BOOK.output(source, framework), as_version=4)
        recorded = results(source, framework, outputs_of(node))
        mine = {record["text"] for record in recorded.values()}
        executed |= mine
        tab = f".tab[data-framework={framework.name}]"
        in_tab = soup(page).select(f"{tab} .pasted-text")
        assert {span.get_text() for span in in_tab} <= mine
    shown = {span.get_text() for span in soup(page).select(".pasted-text")}
    assert shown <= executed
    assert bool(shown) == bool(executed)


class Reader:
    """A page open in a browser, with what it asked for and complained of."""

    def __init__(self, context, url: str) -> None:
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.failed: list[str] = []
        self.page = context.new_page()
        self.page.on("request", self._request)
        self.page.on("requestfailed", lambda r: self.failed.append(r.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)
        self.page.goto(url)
        # The fonts are the last to come, unless something is missing already.
        if not self.failed:
            self.page.evaluate("document.fonts.ready.then(() => null)")

    def _request(self, request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.outside.append(request.url)

    def _console(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def visible_tabs(self) -> set[str]:
        return set(
            self.page.evaluate(
                "[...document.querySelectorAll('.tab:not([hidden])')]"
                ".map(e => e.dataset.framework)"
            )
        )


def reader(browser, page: str, query: str = "", **options) -> Reader:
    context = browser.new_context(**options)
    return Reader(context, address(page).as_uri() + query)


@pytest.fixture(scope="module")
def read(browser, request):
    """A page that was opened once, for tests that only look at it."""
    read = reader(browser, request.param)
    yield read
    read.page.context.close()


@pytest.fixture(scope="module")
def tab(browser):
    """A tab into which tests load pages, one after the other.

    It may remember what another test chose.
    """
    context = browser.new_context()
    yield context.new_page()
    context.close()


def load(tab, page: str, framework: str, width: int) -> None:
    """Load a page anew, as wide as it is to be from the start."""
    tab.set_viewport_size({"width": width, "height": 800})
    tab.goto(f"{address(page).as_uri()}?framework={framework}")
    laid_out = "document.body.offsetHeight > 0"
    until(tab, f"{laid_out} && document.fonts.status === 'loaded'")


look_at_everything = pytest.mark.parametrize("read", EVERYTHING, indirect=True)


@look_at_everything
def test_a_page_asks_nothing_of_the_outside_and_has_no_error(read):
    assert read.outside == []
    assert read.errors == []


@look_at_everything
def test_everything_that_a_page_asks_for_is_there(read):
    assert read.failed == []


@look_at_everything
def test_no_page_shows_raw_tex(read):
    """What is left when code and typeset formulas are taken out is prose."""
    prose = read.page.evaluate(
        "(() => { const body = document.body.cloneNode(true);"
        "body.querySelectorAll('pre, code, script, style, math')"
        ".forEach(e => e.remove()); return body.textContent; })()"
    )
    assert len(prose.split()) > 20
    assert RAW_TEX.findall(prose) == []


@look_at_everything
def test_mathematics_is_typeset_without_errors(read):
    formulas = read.page.locator(".math").count()
    assert read.page.locator(".math math > semantics > annotation").count() == (
        formulas
    )
    assert read.page.locator("merror, .temml-error").count() == 0
    fonts = "[...document.fonts].map(f => [f.family, f.status])"
    loaded = read.page.evaluate(fonts)
    assert bool(formulas) == (["Book Math", "loaded"] in loaded)


@every_page
@pytest.mark.parametrize("framework", list(BOOK.frameworks))
def test_a_link_can_choose_the_framework(browser, page, framework):
    read = reader(browser, page, f"?framework={framework}")
    assert read.visible_tabs() == {framework}


@every_page
def test_choosing_a_tab_switches_them_all_and_is_remembered(browser, page):
    last = list(BOOK.frameworks)[-1]
    read = reader(browser, page)
    assert read.visible_tabs() != {last}
    read.page.locator(f"[role=tab][data-framework={last}]").first.click()
    assert read.visible_tabs() == {last}
    read.page.reload()
    assert read.visible_tabs() == {last}


@everything
@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_a_page_does_not_scroll_sideways(tab, page, width):
    for framework in BOOK.frameworks:
        load(tab, page, framework, width)
        wide = tab.evaluate("document.documentElement.scrollWidth")
        assert wide <= width


@everything
def test_the_way_to_the_next_page_stays_on_the_screen_of_a_phone(tab, page):
    load(tab, page, next(iter(BOOK.frameworks)), 390)
    edges = tab.evaluate(
        "[...document.querySelectorAll('.neighbors a')]"
        ".map(e => e.getBoundingClientRect().left + e.scrollWidth)"
    )
    assert all(edge <= 390 for edge in edges)
    assert bool(edges) == ("../" not in page)


def test_on_a_phone_the_verdicts_on_all_goals_are_seen(tab):
    load(tab, "appendix/measurements", next(iter(BOOK.frameworks)), 390)
    edges = tab.evaluate(
        "[...document.querySelector('table').rows]"
        ".map(e => e.lastElementChild.getBoundingClientRect().right)"
    )
    assert edges and all(edge <= 390 for edge in edges)


@pytest.mark.parametrize("page", LESSONS)
def test_a_solution_is_folded_until_it_is_asked_for(browser, page):
    read = reader(browser, page)
    solution = read.page.locator("details.solution").first
    paragraph = solution.locator("p:not(.tab-name)").first
    assert not paragraph.is_visible()
    solution.locator("summary").first.click()
    assert paragraph.is_visible()
