"""Committed notebooks change only when what they show has changed."""

from __future__ import annotations

import json

import pytest
from support.tiny_book import TinyBook, cell

VARYING = "import os\nfrom d2l_extras import plots\nos.getpid()"
HELPER = "def draw():\n    return 1\n"


def varying(tiny: TinyBook) -> None:
    """Return a book whose outputs differ in every run, with its own helper."""
    package = tiny.root / "d2l_extras"
    package.mkdir()
    (package / "__init__.py").write_text('__version__ = "1"\n')
    (package / "plots.py").write_text(HELPER)
    tiny.write(cell(VARYING))


@pytest.fixture
def book(tiny_copy) -> TinyBook:
    return tiny_copy(varying)


def outputs(book: TinyBook) -> list:
    node = json.loads(book.committed("alpha").read_text())
    return [c["outputs"] for c in node["cells"] if "outputs" in c]


def correct_a_typo(book: TinyBook) -> None:
    book.write("A sentence.\n\n" + cell(VARYING))


def comment_on_a_helper(book: TinyBook) -> None:
    helper = book.root / "d2l_extras" / "plots.py"
    helper.write_text("# Why.\n" + HELPER.replace("1", "1  # one"))


def insert_a_page(book: TinyBook) -> None:
    book.page.with_name("first.md").write_text("# First\n")
    (book.root / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/tiny/first\n"
        "chapters:\n- file: chapters/tiny/page\n"
    )


def move_the_repository(book: TinyBook) -> None:
    path = book.root / "_config.yml"
    text = path.read_text()
    path.write_text(text.replace("github.com/linear", "github.com/another"))


@pytest.mark.parametrize(
    "change",
    [correct_a_typo, comment_on_a_helper, insert_a_page, move_the_repository],
)
def test_a_change_that_no_output_depends_on_changes_no_committed_output(
    book, change
):
    before = outputs(book)
    change(book)
    done = book.build("book", "--force")  # with other outputs than before
    assert done.stdout.count("executed") == 2, done.stderr
    assert outputs(book) == before
    assert book.build("check").returncode == 0


def test_changed_code_brings_new_outputs_into_the_committed_notebook(book):
    before = outputs(book)
    book.write(cell(VARYING + " + 0"))
    book.build("book")
    assert outputs(book) != before


def test_make_notebooks_renews_the_committed_outputs(book):
    before = outputs(book)
    book.build("notebooks", "--force")
    assert outputs(book) != before


def test_a_changed_sentence_reaches_the_committed_notebook(book):
    correct_a_typo(book)
    book.build("book")
    assert "A sentence." in book.committed("alpha").read_text()


def test_a_failed_rendering_leaves_the_committed_notebooks_unchanged(
    book,
):
    before = book.committed("alpha").read_bytes()
    book.write("See [it](nowhere.md).\n\n" + cell(VARYING + " + 0"))
    failed = book.build("book")
    assert failed.returncode == 1
    assert "cross-reference target not found" in failed.stderr
    assert book.committed("alpha").read_bytes() == before


def test_a_page_that_fails_leaves_the_notebooks_of_all_pages_unchanged(
    book,
):
    insert_a_page(book)
    before = book.committed("alpha").read_bytes()
    first = book.page.with_name("first.md")
    book.write("New words.\n\n" + cell(VARYING))
    first.write_text(book.page.read_text().replace("os.getpid()", "1 / 0"))
    failed = book.build("book")
    assert failed.returncode == 1
    assert "ZeroDivisionError" in failed.stderr
    assert book.committed("alpha").read_bytes() == before
    assert not (book.root / "notebooks" / "alpha" / "tiny" / "first.ipynb").exists()


def test_the_notebooks_of_a_renamed_page_are_removed_from_book_and_site(book):
    published = book.root / "_build" / "html" / "notebooks" / "alpha" / "tiny"
    book.html()
    assert [path.name for path in published.iterdir()] == ["page.ipynb"]
    book.page.rename(book.page.with_name("renamed.md"))
    (book.root / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/tiny/renamed\n"
    )
    done = book.build("book")
    assert done.returncode == 0, done.stderr
    assert "notebooks/alpha/tiny/page.ipynb  removed" in done.stdout
    for folder in (published, book.committed("alpha").parent):
        assert [path.name for path in folder.iterdir()] == ["renamed.ipynb"]
    assert book.build("check").returncode == 0


def test_a_notebook_without_a_page_is_kept_and_reported_by_check(book):
    stray = book.committed("alpha").with_name("notes.ipynb")
    stray.write_text('{"cells": [], "metadata": {}}')
    book.build("book")
    assert stray.exists()
    published = book.root / "_build" / "html" / "notebooks" / "alpha" / "tiny"
    assert [path.name for path in published.iterdir()] == ["page.ipynb"]
    failed = book.build("check")
    assert failed.returncode == 1
    assert "notebooks/alpha/tiny/notes.ipynb has no source page" in failed.stderr
    assert "git rm" in failed.stderr
