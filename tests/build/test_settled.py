"""A page is parsed again exactly if its notebooks could change."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tiny_book import TinyBook, standard

from bookbuild import build
from bookbuild.settled import Settled

PAGE, ALPHA = "tiny/page", "alpha"


@pytest.fixture
def book(tiny_copy) -> TinyBook:
    return tiny_copy(standard)


def notebooks_of(book: TinyBook) -> list[Path]:
    return [book.output(ALPHA), book.committed(ALPHA)]


def known(book: TinyBook, common: str = "") -> tuple[Settled, str]:
    """What is known of the notebooks, and the digest of a page's sources."""
    settled = Settled(book.root / "settled.json", book.root, common)
    return settled, settled.sources(book.page)


@pytest.fixture
def settled(book: TinyBook) -> TinyBook:
    """A book with a record that its notebooks are those of its page."""
    record, sources = known(book)
    record.settle(PAGE, ALPHA, sources, notebooks_of(book), 3)
    record.save()
    return book


def cells(book: TinyBook, common: str = "") -> int | None:
    record, sources = known(book, common)
    return record.cells(PAGE, ALPHA, sources)


def test_the_cells_of_unchanged_notebooks_are_known(settled):
    assert cells(settled) == 3


def test_the_cells_are_known_after_the_book_has_moved(settled, tmp_path):
    assert cells(settled.copy(tmp_path / "elsewhere")) == 3


@pytest.mark.parametrize("how", ["changed", "removed"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_changed_or_removed_notebook_is_not_settled(settled, which, how):
    path = notebooks_of(settled)[which]
    if how == "changed":
        path.write_bytes(path.read_bytes() + b"\n")
    else:
        path.unlink()
    assert cells(settled) is None


@pytest.mark.parametrize(
    "name", ["chapters/tiny/page.md", "_config.yml", "kernels/alpha.txt"]
)
def test_a_page_with_changed_sources_is_not_settled(settled, name):
    path = settled.root / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert cells(settled) is None


def test_a_page_is_not_settled_if_what_all_pages_share_has_changed(settled):
    assert cells(settled, "another version of Python") is None


def test_another_framework_or_page_is_not_settled(settled):
    record, sources = known(settled)
    assert record.cells(PAGE, "beta", sources) is None
    assert record.cells("tiny/other", ALPHA, sources) is None


@pytest.mark.parametrize("text", ["", "[1]", '{"alpha/tiny/page": 1}', "{}"])
def test_without_a_complete_record_no_page_is_settled(settled, text):
    (settled.root / "settled.json").write_text(text)
    assert cells(settled) is None


@pytest.fixture
def parsed(monkeypatch) -> list[str]:
    """The pages that a build parses to make notebooks."""
    names, read = [], build.read

    def note(path, name, *rest):
        names.append(name)
        return read(path, name, *rest)

    monkeypatch.setattr(build, "read", note)
    return names


def test_a_build_parses_a_page_with_settled_notebooks_only_on_demand(
    book, parsed
):
    book.build("notebooks")
    parsed.clear()
    assert book.build("book").returncode == 0
    assert parsed == []
    assert book.build("notebooks").returncode == 0
    assert parsed == [PAGE]


def test_a_changed_title_reaches_the_notebooks_of_pages_that_refer_to_it(book):
    book.edit("Words.", "See {ref}`sec_other`.")
    book.build("notebooks")
    assert "[Other](" in book.committed(ALPHA).read_text()
    other = book.page.with_name("other.md")
    other.write_text(other.read_text().replace("# Other", "# Another"))
    book.build("book")
    assert "[Another](" in book.committed(ALPHA).read_text()


def test_another_version_of_python_executes_every_page_again(book):
    config = book.root / ".envs" / "python3" / "pyvenv.cfg"
    config.parent.mkdir(parents=True)
    config.write_text("version = 3.11.99\n")
    assert book.build("book").stdout.count("executed") == 2


def test_a_page_that_failed_fails_again(book):
    book.edit("a = 1", "1 / 0")
    for _ in range(2):
        failed = book.build("notebooks")
        assert failed.returncode == 1
        assert "ZeroDivisionError" in failed.stderr
