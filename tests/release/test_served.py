"""The server of the tests and of bench.site responds like a real host.

The measured bytes, requests, and times of a visit depend on compression, on
caching, and on what happens to a file that does not exist.
"""

from __future__ import annotations

import gzip
import http.client
from urllib.parse import urlsplit

import pytest
from support.served import MAX_AGE, served

TEXT = b"<!doctype html><title>Page</title>" + b"words " * 500
TYPES = {
    "page.html": "text/html; charset=utf-8",
    "book.css": "text/css; charset=utf-8",
    "book.js": "text/javascript; charset=utf-8",
    "figure.svg": "image/svg+xml",
    "figure.png": "image/png",
    "type.woff2": "font/woff2",
    "book.ipynb": "application/json; charset=utf-8",
}


@pytest.fixture
def folder(tmp_path):
    site = tmp_path / "site"
    (site / "folder").mkdir(parents=True)
    for name in [*TYPES, "folder/index.html"]:
        (site / name).write_bytes(TEXT)
    (tmp_path / "secret.html").write_text("not for readers")
    return site


@pytest.fixture
def ask(folder):
    """Send a request with these headers and no others."""
    with served(folder) as url:

        def ask(path: str, **headers: str):
            link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
            link.putrequest("GET", path, skip_accept_encoding=True)
            for name, value in headers.items():
                link.putheader(name.replace("_", "-"), value)
            link.endheaders()
            answer = link.getresponse()
            answer.body = answer.read()
            link.close()
            return answer

        yield ask


@pytest.mark.parametrize("name", TYPES)
def test_a_file_is_sent_whole_with_its_type(ask, name):
    answer = ask(f"/{name}")
    assert answer.status == 200
    assert answer.getheader("Content-Type") == TYPES[name]
    assert answer.body == TEXT


@pytest.mark.parametrize("name", ["page.html", "book.js", "figure.svg"])
def test_text_is_compressed_for_a_browser_that_accepts_it(ask, name):
    answer = ask(f"/{name}", Accept_Encoding="gzip, br")
    assert answer.getheader("Content-Encoding") == "gzip"
    assert int(answer.getheader("Content-Length")) == len(answer.body)
    assert len(answer.body) < len(TEXT) / 10
    assert gzip.decompress(answer.body) == TEXT


@pytest.mark.parametrize("name", ["figure.png", "type.woff2"])
def test_a_compressed_format_is_not_compressed_again(ask, name):
    answer = ask(f"/{name}", Accept_Encoding="gzip")
    assert answer.getheader("Content-Encoding") is None
    assert answer.body == TEXT


def test_an_unchanged_file_is_not_sent_again(ask, folder):
    first = ask("/page.html")
    assert first.getheader("Cache-Control") == f"max-age={MAX_AGE}"
    tag = first.getheader("ETag")
    again = ask("/page.html", If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")
    (folder / "page.html").write_bytes(b"changed")
    changed = ask("/page.html", If_None_Match=tag)
    assert (changed.status, changed.body) == (200, b"changed")


def test_a_missing_page_has_status_404_and_the_page_of_the_site(ask, folder):
    assert ask("/gone.html").status == 404
    (folder / "404.html").write_text("<h1>Not here</h1>")
    answer = ask("/gone.html")
    assert answer.status == 404
    assert answer.body == b"<h1>Not here</h1>"
    assert answer.getheader("Cache-Control") is None


@pytest.mark.parametrize("path", ["/../secret.html", "/%2e%2e/secret.html"])
def test_nothing_outside_the_folder_is_served(ask, path):
    answer = ask(path)
    assert answer.status == 404
    assert b"not for readers" not in answer.body


def test_a_folder_leads_to_its_index_page(ask):
    assert ask("/folder").getheader("Location") == "/folder/"
    assert ask("/folder/?query").body == TEXT


def test_a_missing_folder_is_reported_with_a_fix(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"/none cannot be.*make book"):
        with served(tmp_path / "none"):
            pass
