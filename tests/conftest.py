"""Define fixtures for the tests of several folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support import ROOT, machine
from support.browser import ARGUMENTS, CHROMIUM
from support.served import served
from support.tiny_book import TinyBook, built_once


@pytest.fixture(scope="module")
def browser():
    """Start Chromium once per test file.

    It cannot be started once per session, because while it runs, nothing else in
    this process can use asyncio, which the tests that execute notebooks need.
    """
    machine.require("browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Serve the built site on loopback, below the path that it is published at."""
    from bookbuild import settings

    path = urlsplit(settings.repository(ROOT).public_site).path.strip("/")
    folder = tmp_path_factory.mktemp("host")
    shutil.copytree(
        ROOT / "_build" / "html", folder / path, dirs_exist_ok=True
    )
    with served(folder) as url:
        yield f"{url}{path}/" if path else url


@pytest.fixture
def visit(browser, site):
    """Open a page of the site as a first-time reader.

    The options are those of a browser context. The service worker is blocked, so
    that each test sees the current files.
    """
    contexts = []

    def visit(address: str, **options):
        defaults = {"service_workers": "block"}
        contexts.append(browser.new_context(**{**defaults, **options}))
        page = contexts[-1].new_page()
        page.goto(site + address)
        return page

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture
def tiny(tmp_path: Path) -> TinyBook:
    """Return a tiny book that has not been built."""
    return TinyBook(tmp_path / "book")


@pytest.fixture(scope="session")
def tiny_built(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Callable[[TinyBook], None]], TinyBook]:
    """Return the built book of a kind, which no test may change.

    A kind is a function that writes the sources. The worker processes of
    pytest-xdist share the books.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    return cache(partial(built_once, folder=base / "tiny books"))


@pytest.fixture
def tiny_copy(
    tiny_built: Callable[[Callable[[TinyBook], None]], TinyBook],
    tmp_path: Path,
) -> Callable[[Callable[[TinyBook], None]], TinyBook]:
    """Return a copy of the built book of a kind, which a test may change."""
    return lambda write: tiny_built(write).copy(tmp_path / "book")


@pytest.fixture(autouse=True)
def leave_no_page_open(request: pytest.FixtureRequest):
    """Close the browser contexts that a test has opened and left open."""
    if "browser" not in request.fixturenames:
        yield
        return
    browser = request.getfixturevalue("browser")
    before = list(browser.contexts)
    yield
    for context in browser.contexts:
        if context not in before:
            context.close()
