"""A build says that there is nothing to do if, and only if, this is true."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT
from support.tiny_book import TinyBook, standard

from bookbuild import cache


@pytest.fixture
def book(tiny_copy) -> TinyBook:
    """Return a copy of a built book, which a test may change."""
    book = tiny_copy(standard)
    assert cache.is_unchanged(book.root)
    return book


def test_an_unchanged_book_is_recognized_in_any_folder(tiny_built, book):
    for root in (tiny_built(standard).root, book.root):
        done = subprocess.run(
            [sys.executable, "-m", "bookbuild", "book", "--root", str(root)],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.startswith("Nothing has changed")
        assert f"Open {root}/_build/html/index.html" in done.stdout


def test_the_times_of_files_do_not_matter(book):
    for path in book.root.rglob("*"):
        os.utime(path, (1e9, 1e9))
    assert cache.is_unchanged(book.root)


@pytest.mark.parametrize(
    "name",
    [
        "chapters/tiny/page.md",
        "chapters/references.bib",
        "_config.yml",
        "_toc.yml",
        "kernels/alpha.txt",
        "notebooks/alpha/tiny/page.ipynb",
        "_build/outputs/beta/tiny/page.ipynb",
        "_build/html/chapters/tiny/page.html",
        "_build/html/sw.js",
    ],
)
@pytest.mark.parametrize("how", ["changed", "removed"])
def test_a_changed_or_removed_file_is_noticed(book, name, how):
    path = book.root / name
    if how == "changed":
        path.write_bytes(path.read_bytes() + b"\n")
    else:
        path.unlink()
    assert not cache.is_unchanged(book.root)


@pytest.mark.parametrize(
    "name", ["chapters/new.md", "_theme/new.js", "d2l_extras/new.py", "LICENSE"]
)
def test_an_added_file_is_noticed(book, name):
    (book.root / name).parent.mkdir(exist_ok=True)
    (book.root / name).touch()
    assert not cache.is_unchanged(book.root)


def test_a_renamed_page_is_noticed(book):
    book.page.rename(book.page.with_name("renamed.md"))
    assert not cache.is_unchanged(book.root)


def test_another_version_of_python_is_noticed(book):
    envs = book.root / ".envs"
    (envs / "share" / "jupyter" / "kernels" / "alpha").mkdir(parents=True)
    for name, still in (("test", True), ("alpha", False)):
        (envs / name).mkdir()
        (envs / name / "pyvenv.cfg").write_text("version = 3.11.9\n")
        assert cache.is_unchanged(book.root) == still, name


def test_a_commit_is_noticed_because_pages_show_when_they_changed(book):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "a"]):
        assert cache.is_unchanged(book.root)
        subprocess.run([*git, *command], cwd=book.root, check=True)
    assert not cache.is_unchanged(book.root)


def test_files_that_no_page_depends_on_do_not_matter(book):
    for name in (
        "tests/test_a.py",
        "d2l_extras/__pycache__/a.pyc",
        ".idea/a",
        "chapters/.a",
        "chapters/.ipynb_checkpoints/a.md",
    ):
        path = book.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert cache.is_unchanged(book.root)


def test_a_file_that_no_page_needs_may_be_unreadable(book, monkeypatch):
    diary = book.root / "diary.txt"
    diary.touch()

    def refuse(path):
        if path == diary:
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    # The superuser may read every file, so simulate the system's refusal.
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", refuse)
    cache.remember_build(book.root, cache.digest_of_sources(book.root))
    assert cache.is_unchanged(book.root)


@pytest.mark.parametrize("kept", [None, "", "[]", '{"sources": 1'])
def test_without_a_complete_record_the_book_is_built(book, kept):
    note = book.root / cache.STATE
    note.unlink() if kept is None else note.write_text(kept)
    assert not cache.is_unchanged(book.root)


def test_a_page_that_changes_during_a_build_is_noticed_after_it(book):
    code = f"open({str(book.page)!r}, 'a').write('Added late.')"
    book.edit("a = 1\na", code)
    assert book.build("book").returncode == 0
    assert "Added late." in book.page.read_text()
    assert not cache.is_unchanged(book.root)


def test_after_a_failed_build_the_book_is_built_again(book):
    before = book.page.read_text()
    book.edit("Words.", "See {ref}`sec_nowhere`.")
    assert book.build("book").returncode == 1
    assert not cache.is_unchanged(book.root)
    book.page.write_text(before)
    assert cache.is_unchanged(book.root)  # the last site is still there
