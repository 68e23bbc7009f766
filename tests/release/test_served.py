"""The stand-in of a host answers as a host does."""

from __future__ import annotations

import gzip
import http.client
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support import ROOT
from support.served import MAX_AGE, lessons, served

TEXT = b"<!doctype html><title>Page</title>" + b"words " * 500
TYPES = {
    "page.html": "text/html; charset=utf-8",
    "book.css": "text/css; charset=utf-8",
    "book.js": "text/javascript; charset=utf-8",
    "figure.svg": "image/svg+xml",
    "figure.png": "image/png",
    "figure.webp": "image/webp",
    "type.woff2": "font/woff2",
    "index.json": "application/json; charset=utf-8",
    "sitemap.xml": "text/xml; charset=utf-8",
    "book.ipynb": "application/json; charset=utf-8",
    "book.epub": "application/epub+zip",
    "book.mjs": "text/javascript; charset=utf-8",
    "type.woff": "font/woff",
    "book.webmanifest": "application/manifest+json; charset=utf-8",
    "search.wasm": "application/wasm",
    "none": "application/octet-stream",
}


class Host:
    """A folder that is served, and what its server answers."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.host = urlsplit(url).netloc

    def ask(self, path: str, method: str = "GET", **headers: str):
        """The answer to a request that sends no header but these."""
        link = http.client.HTTPConnection(self.host, timeout=10)
        link.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            link.putheader(name.replace("_", "-"), value)
        link.endheaders()
        answer = link.getresponse()
        answer.body = answer.read()
        link.close()
        return answer


@pytest.fixture
def host(tmp_path):
    site = tmp_path / "site"
    (site / "folder").mkdir(parents=True)
    for name in [*TYPES, "folder/index.html"]:
        (site / name).write_bytes(TEXT)
    (tmp_path / "secret.html").write_text("not for readers")
    with served(site) as url:
        yield Host(site, url)


@pytest.mark.parametrize("name", TYPES)
def test_a_file_is_sent_whole_with_its_type(host, name):
    answer = host.ask(f"/{name}")
    assert answer.status == 200
    assert answer.getheader("Content-Type") == TYPES[name]
    assert answer.body == TEXT


@pytest.mark.parametrize("name", ["page.html", "book.js", "figure.svg"])
def test_text_is_compressed_for_who_accepts_it(host, name):
    answer = host.ask(f"/{name}", Accept_Encoding="gzip, br")
    assert answer.getheader("Content-Encoding") == "gzip"
    assert int(answer.getheader("Content-Length")) == len(answer.body)
    assert len(answer.body) < len(TEXT) / 10
    assert gzip.decompress(answer.body) == TEXT


@pytest.mark.parametrize("name", ["figure.png", "type.woff2", "none"])
def test_what_is_compressed_already_is_sent_as_it_is(host, name):
    answer = host.ask(f"/{name}", Accept_Encoding="gzip")
    assert answer.getheader("Content-Encoding") is None
    assert answer.body == TEXT


def test_who_accepts_no_compression_gets_none(host):
    answer = host.ask("/page.html")
    assert answer.getheader("Content-Encoding") is None
    assert int(answer.getheader("Content-Length")) == len(TEXT)


def test_an_answer_may_be_kept_and_is_not_sent_again_unchanged(host):
    first = host.ask("/page.html")
    assert first.getheader("Cache-Control") == f"max-age={MAX_AGE}"
    tag = first.getheader("ETag")
    again = host.ask("/page.html", If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")
    (host.folder / "page.html").write_bytes(b"changed")
    changed = host.ask("/page.html", If_None_Match=tag)
    assert (changed.status, changed.body) == (200, b"changed")


def test_pages_of_other_origins_may_use_what_is_served(host):
    answer = host.ask("/type.woff2")
    assert answer.getheader("Access-Control-Allow-Origin") == "*"


def test_what_is_not_there_has_status_404_and_the_sites_own_page(host):
    bare = host.ask("/gone.html")
    assert bare.status == 404
    assert b"no such page" in bare.body
    (host.folder / "404.html").write_text("<h1>Not here</h1>")
    answer = host.ask("/gone.html")
    assert answer.status == 404
    assert answer.body == b"<h1>Not here</h1>"
    assert answer.getheader("Content-Type").startswith("text/html")
    assert answer.getheader("Cache-Control") is None


@pytest.mark.parametrize("path", ["/../secret.html", "/%2e%2e/secret.html"])
def test_nothing_outside_the_folder_is_served(host, path):
    answer = host.ask(path)
    assert answer.status == 404
    assert b"not for readers" not in answer.body


def test_a_folder_leads_to_its_first_page(host):
    assert host.ask("/folder").getheader("Location") == "/folder/"
    assert host.ask("/folder/?query").body == TEXT


def test_a_head_has_all_but_the_body(host):
    with socket.create_connection(host.host.split(":"), timeout=10) as link:
        link.sendall(b"HEAD /page.html HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert link.makefile("rb").read().endswith(b"\r\n\r\n")
    whole, head = host.ask("/page.html"), host.ask("/page.html", "HEAD")
    for name in ("Content-Type", "Content-Length", "ETag"):
        assert head.getheader(name) == whole.getheader(name)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"/none cannot be.*make book"):
        with served(tmp_path / "none"):
            pass


def test_the_lessons_are_the_pages_of_the_toc_in_its_order():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    found = lessons(ROOT)
    places = [toc.index(page.removesuffix(".html")) for page in found]
    assert places == sorted(places)
    assert len(found) == toc.count("chapters/")
