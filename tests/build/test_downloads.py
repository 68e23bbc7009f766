"""The site offers the files that exist and are up to date, each with its size."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import bs4
import pytest
from support.tiny_book import REPOSITORY, TinyBook, cell, standard

from bookbuild import build, cache, downloads, wheel
from bookbuild.book import Book

SLUG = "linear-neural-networks"
SIZE = "(0.1\N{NO-BREAK SPACE}MB)"


def with_list(tiny: TinyBook) -> None:
    """Write a page with code that reads a file, and a list of the downloads."""
    standard(tiny)
    (tiny.page.parent / "birds.csv").write_text("bill,depth\n46,17\n")
    tiny.page.write_text(
        tiny.page.read_text()
        + "\n"
        + cell("open('birds.csv').read()")
        + "\n```{downloads}\n```\n"
    )


@pytest.fixture(scope="module")
def built(tiny_built) -> TinyBook:
    return tiny_built(with_list)


@pytest.fixture
def book(tiny_copy) -> TinyBook:
    return tiny_copy(with_list)


@pytest.fixture(scope="module")
def archive(built) -> zipfile.ZipFile:
    """Return the archive of Alpha's notebooks."""
    path = built.root / f"_build/html/downloads/{SLUG}-alpha-notebooks.zip"
    return zipfile.ZipFile(path)


def page(site: Path, name: str = "chapters/tiny/page.html") -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup((site / name).read_text("utf-8"), "html.parser")


def lines(html: bs4.BeautifulSoup, place: str) -> list[str]:
    """Return the lines about downloads in the footer or in the text."""
    return [" ".join(one.get_text().split(" ")).strip() for one in html.select(place)]


def linked(html: bs4.BeautifulSoup) -> set[str]:
    """Return the names of the downloads that a page links to."""
    found = [a["href"] for a in html.select("a[href*='downloads/']")]
    return {href.rpartition("/")[2] for href in found}


def make_edition(book: TinyBook, kind: str) -> Path:
    """Write a file that counts as Alpha's current edition."""
    found = Book(book.root)
    path = downloads.edition(found, kind, found.frameworks["alpha"])
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(2_345_000))
    cache.remember_made(book.root, path, cache.digest_of_editions(book.root))
    return path


def test_every_build_offers_the_notebooks_in_the_menu_the_footer_and_the_text(built):
    html = page(built.root / "_build/html")
    expected = [f"Alpha: notebooks {SIZE}", f"Beta: notebooks {SIZE}"]
    assert lines(html, ".foot .downloads > span") == expected
    assert lines(html, "article .downloads li") == expected
    menu = lines(html, ".launch-menu a[href*='downloads/']")
    assert menu == [
        f"All {name} notebooks {SIZE.strip('()')}" for name in ("Alpha", "Beta")
    ]
    names = {f"{SLUG}-{name}-notebooks.zip" for name in ("alpha", "beta")}
    assert linked(html) == names
    folder = built.root / "_build/html/downloads"
    assert {path.name for path in folder.iterdir()} == names


@pytest.mark.parametrize("name", ["404.html", "search.html", "genindex.html"])
def test_pages_without_a_source_offer_the_downloads_in_the_footer(built, name):
    site = built.root / "_build/html"
    for link in page(site, name).select(".foot .downloads a"):
        assert (site / link["href"]).is_file()


def test_the_archive_has_the_notebooks_and_the_files_that_they_read(built, archive):
    top = f"{SLUG}-alpha"
    assert archive.read(f"{top}/tiny/page.ipynb") == built.committed("alpha").read_bytes()
    assert archive.read(f"{top}/tiny/birds.csv").startswith(b"bill")
    lock = (built.root / "kernels/alpha.txt").read_bytes()
    assert archive.read(f"{top}/requirements.txt") == lock


def test_a_notebook_in_the_archive_finds_the_wheel_in_the_folder_above(archive):
    top = f"{SLUG}-alpha"
    notebook = archive.read(f"{top}/tiny/page.ipynb").decode()
    (name,) = set(re.findall(r'WHEEL = \\"(.*?)\\"', notebook))
    assert name == wheel.name()
    helpers = io.BytesIO(archive.read(f"{top}/{name}"))
    with zipfile.ZipFile(helpers) as package:
        assert "d2l_extras/fashion_mnist.py" in package.namelist()


def test_the_readme_says_what_to_install_and_how_to_start(archive):
    text = archive.read(f"{SLUG}-alpha/README.txt").decode()
    assert "pip install --no-deps -r requirements.txt" in text
    assert f"pip install --no-deps {wheel.name()}" in text
    assert "python -m d2l_extras.fashion_mnist" in text
    assert "jupyter lab" in text
    owner, name = REPOSITORY.split("/")[-2:]
    assert f"The book: https://{owner}.github.io/{name}/" in text
    assert max(map(len, text.splitlines())) <= 88


def test_a_notebook_has_no_list_of_downloads(built):
    assert "MB" not in built.prose() and "downloads" not in built.prose()


def test_downloads_are_not_saved_for_reading_offline(built):
    worker = (built.root / "_build/html/sw.js").read_text()
    assert "page.html" in worker and "downloads/" not in worker


def test_an_edition_is_offered_until_its_sources_change(book):
    for kind in downloads.EDITIONS:
        make_edition(book, kind)
    assert book.build("site").returncode == 0
    size = "(2.3\N{NO-BREAK SPACE}MB)"
    first = lines(page(book.root / "_build/html"), ".foot .downloads > span")[0]
    assert first == f"Alpha: PDF {size} · EPUB {size} · notebooks {SIZE}"
    book.edit("Words.", "Other words.")
    assert book.build("site").returncode == 0
    html = page(book.root / "_build/html")
    assert "PDF" not in html.footer.get_text()
    assert list((book.root / "_build/html/downloads").glob("*.pdf")) == []


def test_changed_outputs_make_an_edition_outdated(book):
    path = make_edition(book, "pdf")
    output = book.output("beta")
    output.write_bytes(output.read_bytes() + b"\n")
    offered = [file.path for file in downloads.offered(Book(book.root))]
    assert path not in offered and len(offered) == 2


def test_the_archive_of_the_site_offers_no_downloads(book):
    build.build_book(Book(book.root), "downloads")
    site = book.root / "_build/html"
    path = site / "downloads" / f"{SLUG}-site.zip"
    size = downloads.Download("site", path).size
    assert lines(page(site), ".foot .downloads > span")[-1] == f"Whole site ({size})"
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    expected = {
        f"{SLUG}/{path.relative_to(site).as_posix()}"
        for path in site.rglob("*")
        if path.is_file() and path.name[0] != "." and path.parent.name != "downloads"
    }
    assert files.keys() == expected
    for name, content in files.items():
        if name.endswith(".html"):
            soup = bs4.BeautifulSoup(content, "html.parser")
            assert linked(soup) == set() and not soup.select(".downloads"), name


def test_the_site_and_its_archive_are_offered_again_if_nothing_has_changed(book):
    build.build_book(Book(book.root), "downloads")
    before = book.site_files()
    assert book.build("site").returncode == 0
    assert book.site_files() == before


def test_a_page_shows_only_files_of_frameworks_that_its_reader_can_choose(built):
    html = page(built.root / "_build/html")
    groups = html.select(".foot .downloads > span")
    assert [group["data-framework"] for group in groups] == ["alpha", "beta"]
