"""Open pages of a served book load each new build automatically."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.serving import PATIENCE, Serving
from support.tiny_book import TinyBook, standard


@pytest.fixture(scope="module")
def book(tiny_built, tmp_path_factory) -> TinyBook:
    return tiny_built(standard).copy(tmp_path_factory.mktemp("serve") / "book")


@pytest.fixture(scope="module")
def serving(book: TinyBook) -> Iterator[Serving]:
    server = Serving(book)
    yield server
    server.kill()


@pytest.fixture
def page(browser, serving):
    context = browser.new_context()
    page = context.new_page()
    page.goto(serving.url + "chapters/tiny/page.html")
    return page


WORKERS = "navigator.serviceWorker.getRegistrations().then((all) => all.length)"
REGISTER = "navigator.serviceWorker.register('/sw.js').then(() => null)"


def test_a_service_worker_of_the_site_is_removed_while_the_book_is_served(serving, page):
    bare = serving.url + "_static/book.css"  # has a browser's usual objects
    page.goto(bare)
    page.evaluate(REGISTER)
    assert page.evaluate(WORKERS) == 1
    page.goto(serving.url + "chapters/tiny/page.html")
    page.wait_for_load_state("networkidle")
    assert "offline" not in page.locator("footer").inner_text()
    page.goto(bare)
    assert page.evaluate(WORKERS) == 0


def test_an_open_page_shows_a_changed_sentence_by_itself(serving, book, page):
    errors = []
    page.on("console", lambda said: errors.append(said.text))
    book.edit("Words.", "A new sentence.")
    serving.until("Changed: chapters/tiny/page.md")
    page.wait_for_load_state()
    serving.until("Open ")
    page.get_by_text("A new sentence.").wait_for(timeout=PATIENCE * 1000)
    assert errors == []


def test_an_open_page_shows_why_a_build_failed_until_one_succeeds(
    serving, book, page
):
    text = book.page.read_text()
    book.page.write_text(f"{text}\nSee {{ref}}`sec_nowhere`.\n")
    failure = page.get_by_role("alert")
    failure.wait_for(timeout=PATIENCE * 1000)
    assert "sec_nowhere" in failure.inner_text()
    assert "chapters/tiny/page.md" in failure.inner_text()
    page.reload()
    failure.wait_for()
    book.page.write_text(f"{text}\nIt is fixed.\n")
    page.get_by_text("It is fixed.").wait_for(timeout=PATIENCE * 1000)
    assert page.get_by_role("alert").count() == 0
