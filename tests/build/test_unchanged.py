"""A build with nothing to do says so at once, and only then."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT
from support.tiny_book import TinyBook, cell

from _ext import build, unchanged
from _ext.build import Book


@pytest.fixture(scope="module")
def built(tiny_of_module: TinyBook) -> TinyBook:
    tiny_of_module.write(cell("1"))
    assert tiny_of_module.build("book").returncode == 0
    return tiny_of_module


@pytest.fixture
def copy(built: TinyBook, tmp_path):
    """What `built` holds, to be changed."""
    root = tmp_path / "copy"
    shutil.copytree(built.root, root)
    assert unchanged.is_unchanged(root)
    return root


def ask(root) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "_ext.unchanged", "--root", str(root)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )


def test_after_a_build_nothing_has_changed_wherever_it_lies(built, copy):
    for root in (built.root, copy):
        done = ask(root)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("Nothing has changed")
        assert f"Open {root}/_build/html/index.html" in done.stdout


def test_times_of_files_do_not_matter(copy):
    for path in copy.rglob("*"):
        path.touch()
    assert unchanged.is_unchanged(copy)


@pytest.mark.parametrize(
    "name",
    [
        "chapters/tiny/page.md",
        "chapters/references.bib",
        "_config.yml",
        "_toc.yml",
        "_static/book.css",
        "_static/fonts/LICENSE",
        "kernels/alpha.txt",
        "notebooks/alpha/tiny/page.ipynb",
        "_build/outputs/beta/tiny/page.ipynb",
        "_build/html/chapters/tiny/page.html",
        "_build/html/sw.js",
    ],
)
@pytest.mark.parametrize("how", ["changed", "removed"])
def test_what_is_changed_or_lost_is_seen(copy, name, how):
    path = copy / name
    if how == "changed":
        path.write_bytes(path.read_bytes() + b"\n")
    else:
        path.unlink()
    done = ask(copy)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.parametrize(
    "name", ["chapters/new.md", "_static/new.js", "d2l_extras/new.py", "LICENSE"]
)
def test_what_is_added_is_seen(copy, name):
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).touch()
    assert not unchanged.is_unchanged(copy)


def test_a_renamed_page_is_seen(copy):
    page = copy / "chapters" / "tiny" / "page.md"
    page.rename(page.with_name("other.md"))
    assert not unchanged.is_unchanged(copy)


def test_another_python_is_seen(copy):
    config = copy / ".envs" / "alpha" / "pyvenv.cfg"
    config.parent.mkdir(parents=True)
    config.write_text("version = 3.11.9\n")
    assert not unchanged.is_unchanged(copy)


def test_a_commit_is_seen_since_pages_say_when_they_changed(copy):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "a"]):
        assert unchanged.is_unchanged(copy)
        subprocess.run([*git, *command], cwd=copy, check=True)
    assert not unchanged.is_unchanged(copy)


def test_what_no_page_is_made_from_does_not_matter(copy):
    for name in ("tests/test_a.py", "_ext/__pycache__/a.pyc", ".idea/a", "chapters/.a"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).touch()
    assert unchanged.is_unchanged(copy)


def test_a_file_that_nobody_needs_may_be_unreadable(copy, monkeypatch):
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "diary.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    (copy / "diary.txt").touch()
    monkeypatch.setattr(Path, "read_bytes", refuse)
    unchanged.remember(copy, unchanged.sources(copy))
    assert unchanged.is_unchanged(copy)


@pytest.mark.parametrize("kept", [None, "", "[]", '{"sources": 1'])
def test_without_a_whole_note_a_build_is_due(copy, kept):
    note = copy / "_build" / "unchanged.json"
    note.unlink()
    if kept is not None:
        note.write_text(kept)
    answer = ask(copy)
    assert answer.returncode == 1 and not answer.stderr


def test_what_changes_during_a_build_is_seen_after_it(built, copy, monkeypatch):
    page = copy / "chapters" / "tiny" / "page.md"
    render = build.make_site

    def slow(book: Book):
        made = render(book)
        page.write_text(page.read_text() + "\nAdded late.\n")
        return made

    page.write_text(page.read_text() + "\nA sentence.\n")
    monkeypatch.setattr(build, "make_site", slow)
    assert build.main(["book", "--root", str(copy)]) == 0
    assert not unchanged.is_unchanged(copy)


def test_a_build_that_fails_leaves_a_build_due(copy):
    page = copy / "chapters" / "tiny" / "page.md"
    before = page.read_text()
    page.write_text(before + "\n{ref}`sec_nowhere`\n")
    assert build.main(["book", "--root", str(copy)]) == 1
    assert not unchanged.is_unchanged(copy)
    page.write_text(before)
    assert unchanged.is_unchanged(copy)  # the last site is still there
