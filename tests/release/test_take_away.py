"""`make downloads` makes everything that readers can take away."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import bs4
import pytest
from support import ROOT, machine
from support.once import once
from support.tiny_book import TinyBook, standard

SLUG = "linear-neural-networks"
NAMES = [
    f"{SLUG}-{name}{ending}"
    for name in ("alpha", "beta")
    for ending in (".pdf", ".epub", "-notebooks.zip")
] + [f"{SLUG}-site.zip"]


def make(book: TinyBook) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "bookbuild", "downloads", "--root", str(book.root)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def book(request) -> TinyBook:
    """Return a tiny book with all its downloads, made once per run."""
    machine.require("pdf", "epub")

    def build(folder: Path) -> None:
        tiny = TinyBook(folder / "book")
        standard(tiny)
        assert tiny.build("notebooks").returncode == 0
        done = make(tiny)
        assert done.returncode == 0, done.stderr
        (folder / "said").write_text(done.stdout)

    return TinyBook(once(request, "take-away", build) / "book")


def test_the_site_links_to_every_file_and_states_its_size(book):
    site = book.site.parents[2]
    footer = bs4.BeautifulSoup(book.site.read_text(), "html.parser").footer
    links = footer.select(".downloads a")
    paths = [(book.site.parent / link["href"]).resolve() for link in links]
    assert [path.name for path in paths] == NAMES
    assert all(path.stat().st_size > 10_000 for path in paths)
    assert sorted(path.name for path in (site / "downloads").iterdir()) == sorted(NAMES)
    assert all("\xa0MB)" in link.next_sibling for link in links)


def test_the_pdf_and_the_epub_are_those_of_their_framework(book):
    for kind in ("pdf", "epub"):
        for name in ("alpha", "beta"):
            file = f"{SLUG}-{name}.{kind}"
            made = (book.root / "_build" / kind / file).read_bytes()
            served = book.root / "_build" / "html" / "downloads" / file
            assert served.read_bytes() == made


def test_what_is_up_to_date_is_not_made_again(book):
    before = book.site_files()
    done = make(book)
    assert done.returncode == 0, done.stderr
    lines = [line.split()[:3] for line in done.stdout.splitlines()]
    for label in ("Alpha", "Beta"):
        assert [label, "pdf", "reused"] in lines and [label, "epub", "reused"] in lines
    assert book.site_files() == before


def test_the_archive_of_the_site_opens_from_a_disk(book, browser, tmp_path):
    path = book.root / "_build" / "html" / "downloads" / f"{SLUG}-site.zip"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    context = browser.new_context(offline=True)
    read = context.new_page()
    faults: list[str] = []
    read.on("requestfailed", lambda request: faults.append(request.url))
    read.on("pageerror", lambda error: faults.append(str(error)))
    read.goto((tmp_path / SLUG / "index.html").as_uri())
    read.wait_for_url("**/chapters/tiny/page.html")
    read.locator("article h1").wait_for()
    shown = read.locator(".offline")
    shown.wait_for()
    assert shown.inner_text().startswith("This copy of the book is on your device")
    links = read.locator("a").evaluate_all("(all) => all.map((a) => a.href)")
    local = {urlsplit(link).path for link in links if link.startswith("file:")}
    assert local
    assert [path for path in local if not Path(unquote(path)).exists()] == []
    assert faults == []
