"""After one visit, the whole book can be read offline."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import served
from support.site_pages import (
    CONCISE,
    FIRST,
    GLOSSARY,
    LESSONS,
    PAGES,
    SITE,
    changed,
    copied,
)

from _ext import service_worker

LINE = ".offline"
MOST = 16_000_000  # bytes of all that is kept; compressed, a quarter of that
PATIENCE = 4  # seconds, of sw.js


class Handler(served.Handler):
    """Respond, fail, wait, or close the connection, as the server is set to do."""

    def do_GET(self) -> None:
        host = self.server
        path = self.path.split("?")[0]
        host.asked.append(path)
        host.running.wait()
        if host.down:
            self.close_connection = True  # not a byte of an answer
            return
        if path in host.broken:
            self.send_response(HTTPStatus.INTERNAL_SERVER_ERROR)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super().do_GET()


class Host(served.Server):
    """Serve a folder that can be replaced, and fail on demand."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.RequestHandlerClass = Handler
        self.asked: list[str] = []
        self.broken: set[str] = set()
        self.down = False
        self.running = threading.Event()
        self.running.set()


@pytest.fixture(params=["", "some-book/"], ids=["root", "project folder"])
def place(request) -> str:
    """Return the path of the book on its host."""
    return request.param


@contextlib.contextmanager
def hosted(folder: Path) -> Iterator[Host]:
    host = Host(folder)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    try:
        yield host
    finally:
        host.running.set()
        host.shutdown()
        host.server_close()


@pytest.fixture
def host(tmp_path) -> Iterator[Host]:
    """Serve a copy of the site at /some-book/, as GitHub Pages does."""
    copied(tmp_path / "first" / "some-book")
    with hosted(tmp_path / "first") as host:
        yield host


@pytest.fixture
def context(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


def version(site: Path = SITE) -> str:
    return re.search(r'VERSION = "(\w+)"', (site / "sw.js").read_text())[1]


def date(site: Path = SITE) -> str:
    """Return the date of the newest page, by which readers know a version."""
    return re.search(r'DATE = "(\d{4}-\d\d-\d\d)"', (site / "sw.js").read_text())[1]


def says(page, words: str) -> None:
    """Wait until the line in the footer starts with these words."""
    page.wait_for_function(
        "words => document.querySelector('.offline').textContent"
        ".startsWith(words)",
        arg=words,
    )


def visit(context, url: str, saved: str | None = None):
    """Open a page and wait until this version of the book is saved."""
    page = context.new_page()
    page.goto(url)
    says(page, f"Available offline, as of {saved or date()}.")
    return page


def kept(page) -> dict[str, list[str]]:
    """Return the addresses in each cache."""
    return page.evaluate(
        "async () => { const found = {}; for (const name of await caches.keys())"
        " { const cache = await caches.open(name);"
        " found[name] = (await cache.keys()).map(r => r.url); } return found; }"
    )


def watched(page) -> list[str]:
    """Return a list that collects all errors on the page."""
    wrong: list[str] = []
    # Chromium asks for the icon of its tab itself, past the service worker.
    page.on(
        "requestfailed",
        # What is under way when the page is left is aborted, and not missing.
        lambda asked: (
            "favicon" in asked.url
            or asked.failure == "net::ERR_ABORTED"
            or wrong.append(asked.url)
        ),
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda said: (
            said.type == "error"
            and "favicon" not in said.location["url"]
            and wrong.append(said.text)
        ),
    )
    return wrong


def assert_whole(page) -> None:
    """Check that the page has its styles, fonts, formulas, and figures."""
    state = page.evaluate(
        "async () => { const shown = [...document.querySelectorAll("
        "'article img')].filter(i => getComputedStyle(i).display !== 'none');"
        " for (const image of shown) image.loading = 'eager';"
        " await Promise.all(shown.map(i => i.decode().catch(() => null)));"
        " await document.fonts.ready;"
        " return {rules: document.styleSheets[0]?.cssRules.length ?? 0,"
        " fonts: [...document.fonts].map(f => f.status),"
        " blank: shown.filter(i => !i.naturalWidth).map(i => i.src),"
        " flat: [...document.querySelectorAll('main math')].filter(m =>"
        " m.checkVisibility() && !m.getBoundingClientRect().height).length}; }"
    )
    assert state["rules"] > 50
    assert "loaded" in state["fonts"] and "error" not in state["fonts"]
    assert state["blank"] == []
    assert state["flat"] == 0


def test_after_one_page_the_whole_book_opens_without_a_network(
    context, tmp_path, place
):
    copied(tmp_path / "served" / place)
    with hosted(tmp_path / "served") as host:
        page = visit(context, host.url + place + FIRST)
        assert date() in page.locator(LINE).inner_text()
        host.down = True
        host.asked.clear()
        wrong = watched(page)
        page.goto(host.url + place)  # which leads on to the first page
        page.wait_for_url(f"**/{FIRST}")
        # 404.html knows the one place where the book is published: test_head.
        for name in [name for name in PAGES if name != "404.html"]:
            page.goto(host.url + place + name)
            assert_whole(page)
            assert wrong == [], name
        # An address that does not exist gets the book's own page, also offline.
        page.goto(f"{host.url}{place}elsewhere.html")
        assert page.locator("h1").inner_text() == "No such page"
        # Without the service worker, there would have been no answer.
        with pytest.raises(Exception, match="socket hang up|ECONN|ERR_"):
            page.request.get(f"{host.url}{place}{FIRST}")


def test_search_and_previews_work_without_a_network(context, host):
    page = visit(context, host.url + "some-book/" + FIRST)
    host.down = True
    page.goto(f"{host.url}some-book/{CONCISE}")
    wrong = watched(page)
    page.keyboard.press("/")
    page.locator("dialog input").fill("underflow")
    assert page.locator("dialog li p mark").count() > 0
    page.locator("dialog .search-close").click()
    page.locator("a.reference.internal[href^='#equation-']:visible").first.focus()
    page.locator("#preview math").first.wait_for()
    assert wrong == []


def test_without_a_network_the_menu_says_what_needs_one(context, host):
    page = visit(context, host.url + "some-book/" + CONCISE)
    page.locator(".launch-menu > summary").click()
    said = (
        "() => getComputedStyle(document.querySelector('.launch-menu a'), '::after')"
        ".content"
    )
    assert page.evaluate(said) == "none"
    context.set_offline(True)
    assert "needs a network" in page.evaluate(said)
    context.set_offline(False)
    assert page.evaluate(said) == "none"


def test_the_cache_holds_the_book_without_its_notebooks(context, host):
    base = f"{host.url}some-book/"
    page = visit(context, base + FIRST)
    [(name, urls)] = kept(page).items()
    assert name.endswith(version())
    addresses = {url.removeprefix(base) for url in urls}
    assert {*PAGES, "index.html"} <= addresses
    drawn = {p.name for p in (SITE / "_images").glob("*.svg")}
    assert {f"_images/{one}" for one in drawn} <= addresses
    used = ("chapters/", "_static/", "_images/")
    assert all(a.startswith(used) or "/" not in a for a in addresses)
    assert not [a for a in addresses if a.endswith((".ipynb", ".whl"))]
    assert sum((SITE / a).stat().st_size for a in addresses) < MOST


LATER = "2099-12-31"


def updated(site: Path) -> str:
    """Change a page and the stylesheet of a copy, and return its new version."""
    css = site / "_static" / "book.css"
    before = service_worker.digest(css.read_bytes())
    changed(css, css.read_text() + "\n:root { --edition: second; }\n")
    after = service_worker.digest(css.read_bytes())
    for name in PAGES:
        text = (site / name).read_text("utf-8")
        text = text.replace(f"book.css?v={before}", f"book.css?v={after}")
        if name == GLOSSARY:
            text = text.replace("</h1>", " renewed</h1>")
        changed(site / name, text)
    app = SimpleNamespace(
        builder=SimpleNamespace(name="html"), outdir=site,
        env=SimpleNamespace(days_of_change={GLOSSARY: LATER, FIRST: None}),
    )  # fmt: skip
    (site / "sw.js").unlink()
    service_worker.write_service_worker(app, None)
    return version(site)


def edition(page) -> tuple[bool, bool]:
    """Return whether the page is new, and has the new style."""
    renewed = "renewed" in page.locator("h1").inner_text()
    style = page.evaluate(
        "getComputedStyle(document.documentElement)"
        ".getPropertyValue('--edition').trim()"
    )
    return renewed, style == "second"


def test_after_an_update_the_next_page_is_new(context, host, tmp_path):
    base = f"{host.url}some-book/"
    page = visit(context, base + FIRST)
    new = updated(copied(tmp_path / "second" / "some-book"))
    assert new != version()
    host.folder = (tmp_path / "second").resolve()
    page.goto(base + GLOSSARY)
    assert edition(page) == (True, True)
    says(page, f"Available offline, as of {LATER}.")
    [name] = kept(page)
    assert name.endswith(new)
    host.down = True
    page.reload()
    assert edition(page) == (True, True)
    assert_whole(page)


def test_a_failed_update_leaves_the_last_version_complete(
    context, host, tmp_path
):
    base = f"{host.url}some-book/"
    page = visit(context, base + FIRST)
    updated(copied(tmp_path / "second" / "some-book"))
    host.broken.add("/some-book/search.html")
    host.folder = (tmp_path / "second").resolve()
    host.asked.clear()
    page.evaluate(
        "async () => { const one = await navigator.serviceWorker"
        ".getRegistration(); await one.update().catch(() => null);"
        " const worker = one.installing; if (worker) await new Promise(done =>"
        " { worker.onstatechange = done; }); }"
    )
    assert "/some-book/search.html" in host.asked
    host.down = True
    wrong = watched(page)
    for name in (GLOSSARY, CONCISE, "search.html"):
        page.goto(base + name)
        says(page, f"Available offline, as of {date()}.")
        assert edition(page) == (False, False)
        assert_whole(page)
    assert wrong == []


def test_the_page_says_nothing_when_the_book_could_not_be_saved(context, host):
    host.broken.add("/some-book/search.html")
    page = context.new_page()
    page.goto(f"{host.url}some-book/{FIRST}")
    says(page, "Saving the book")
    page.locator(LINE).wait_for(state="hidden")
    assert not any(kept(page).values())
    page.locator("main a[rel=next]").click()
    page.wait_for_url(f"**/{LESSONS[1]}")


def test_a_page_comes_from_the_cache_when_the_server_is_slow(context, host):
    page = visit(context, f"{host.url}some-book/{FIRST}")
    host.running.clear()
    start = time.monotonic()
    page.goto(f"{host.url}some-book/{GLOSSARY}", wait_until="domcontentloaded")
    assert_whole(page)
    assert PATIENCE - 1 < time.monotonic() - start < PATIENCE + 4


def test_nothing_is_saved_for_a_reader_who_saves_data(context, host):
    context.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'connection',"
        " {get: () => ({saveData: true})})"
    )
    page = context.new_page()
    page.goto(f"{host.url}some-book/{FIRST}")
    assert kept(page) == {}
    workers = "navigator.serviceWorker.getRegistrations().then(r => r.length)"
    assert page.evaluate(workers) == 0
    assert not page.locator(LINE).is_visible()
    assert "/some-book/sw.js" not in host.asked


def test_a_page_opened_from_the_disk_says_that_it_needs_no_network(context):
    page = context.new_page()
    page.goto((SITE / FIRST).as_uri())
    assert "needs no network" in page.locator(LINE).inner_text()
    assert page.locator(LINE).is_visible()


def test_the_book_works_in_a_browser_without_service_workers(context, host):
    context.add_init_script("delete Navigator.prototype.serviceWorker")
    page = context.new_page()
    wrong = watched(page)
    page.goto(f"{host.url}some-book/{CONCISE}")
    assert_whole(page)
    assert not page.locator(LINE).is_visible()
    page.keyboard.press("/")
    page.locator("dialog input").fill("softmax")
    assert page.locator("dialog li").count() > 0
    assert wrong == []


@pytest.mark.parametrize(
    "answer", ["throw new DOMException('', 'SecurityError');", "return;"]
)
def test_the_page_says_nothing_where_service_workers_are_blocked(
    context, host, answer
):
    context.add_init_script(
        "ServiceWorkerContainer.prototype.register = async () => {"
        f" setTimeout(() => {{ window.refused = true; }}); {answer} }}"
    )
    page = context.new_page()
    page.goto(f"{host.url}some-book/{FIRST}")
    page.wait_for_function("window.refused")
    assert not page.locator(LINE).is_visible()


def test_the_browser_remembers_choices_the_place_and_for_a_visit_the_query(context, host):
    page = visit(context, f"{host.url}some-book/{CONCISE}")
    page.locator("[role=tab][aria-selected=false]").first.click()
    page.locator(".bar .theme-button").click()
    page.keyboard.press("/")
    page.locator("dialog input").fill("softmax")
    page.locator("dialog li a").first.click()
    # The place is that of the tab, to which the page was scrolled.
    assert sorted(page.evaluate("Object.keys(localStorage)")) == [
        "framework /some-book/",
        "progress /some-book/",
        "theme /some-book/",
    ]
    visited = page.evaluate("Object.keys(sessionStorage)")
    assert sorted(visited) == ["framework /some-book/", "search /some-book/"]
    assert page.evaluate("indexedDB.databases()") == []
    assert context.cookies() == []


def test_the_service_worker_lists_only_files_of_the_site():
    text = (SITE / "sw.js").read_text("utf-8")
    files = json.loads(re.search(r"FILES = (\[.*?\]);", text)[1])
    assert [name for name in files if not (SITE / name).is_file()] == []
    assert len(files) == len(set(files))
