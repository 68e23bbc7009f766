"""A served book is rebuilt when a page changes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support import ROOT
from support.serving import START, Serving
from support.tiny_book import TinyBook, standard


@pytest.fixture(scope="module")
def book(tiny_built, tmp_path_factory) -> TinyBook:
    return tiny_built(standard).copy(tmp_path_factory.mktemp("serve") / "book")


@pytest.fixture(scope="module")
def serving(book: TinyBook) -> Iterator[Serving]:
    server = Serving(book)
    yield server
    server.kill()


def test_a_page_is_served_as_it_was_built_with_one_more_script(serving, book):
    status, headers, text = serving.get("chapters/tiny/page.html")
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    script = re.search(r'<script src="/_reload.js\?built=\w+"></script>\n', text)
    assert text.replace(script[0], "") == book.site.read_text()


def test_browsers_do_not_cache_files_that_a_build_may_replace(serving):
    _, headers, _ = serving.get("_static/search-index.js")
    assert headers["Cache-Control"] == "no-store" and "ETag" not in headers


def test_the_root_and_missing_pages_are_served_as_by_a_host(serving):
    assert serving.get("")[0] == 200
    status, _, text = serving.get("chapters/nowhere.html")
    assert status == 404
    assert "<!DOCTYPE html>" in text and "_reload.js" in text


def test_only_the_site_is_served(serving):
    for path in ("../unchanged.json", "%2e%2e/unchanged.json", "..%2funchanged.json"):
        status, _, text = serving.get(path)
        assert status in (403, 404)
        assert '"built"' not in text


def test_a_changed_page_is_served_anew(serving, book):
    book.edit("Words.", "Other words.")
    serving.until("Changed: chapters/tiny/page.md")
    serving.until("Open ")
    assert "Other words." in serving.get("chapters/tiny/page.html")[2]


def test_a_folder_that_is_added_while_serving_is_watched(serving, book):
    folder = book.root / "figures"
    folder.mkdir()
    serving.until("Changed: figures")
    serving.until("Open ")
    (folder / "drawing.svg").write_text("<svg/>")
    serving.until("Changed: figures/drawing.svg")
    serving.until("Open ")


def test_a_port_in_use_is_reported_with_a_remedy(serving, book):
    port = serving.url.rsplit(":", 1)[1].strip("/")
    done = subprocess.run(
        [sys.executable, "-c", START.format(root=str(book.root), port=port)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {port} cannot be used. Name another one, as in "
        "make serve PORT=8123.\n"
    )
