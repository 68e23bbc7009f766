"""A new site replaces the last one as a whole, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bookbuild import build
from bookbuild.__main__ import explained


def site_of(root: Path, text: str) -> Path:
    (root / "pages").mkdir(parents=True)
    for name in ("index.html", "pages/a.html"):
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize("links", [True, False])
def test_a_swap_copies_changed_files_and_links_the_rest(
    tmp_path, monkeypatch, links
):
    def refuse(file: str, place: str) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), file)

    if not links:  # as in a file system without hard links
        monkeypatch.setattr(os, "link", refuse)
    new, site = site_of(tmp_path / "a/html", "old"), tmp_path / "html"
    build.swap(new, site)
    last = {name: (site / name).stat() for name in ("index.html", "pages/a.html")}
    (new / "pages/a.html").write_text("new")  # as long as before
    (new / "b.html").write_text("new")
    build.swap(new, site)
    found = {name: (site / name).read_text() for name in (*last, "b.html")}
    assert found == {"index.html": "old", "pages/a.html": "new", "b.html": "new"}
    same = {
        name: os.path.samestat(stat, (site / name).stat())
        for name, stat in last.items()
    }
    assert same == {"index.html": links, "pages/a.html": False}
    assert {p.name for p in tmp_path.iterdir()} == {"a", "html"}


def test_a_swap_repairs_a_damaged_page_of_the_same_length(tmp_path):
    new, site = site_of(tmp_path / "a/html", "whole"), tmp_path / "html"
    build.swap(new, site)
    (site / "index.html").write_text("spoil")
    build.swap(new, site)
    assert (site / "index.html").read_text() == "whole"
    assert (new / "index.html").read_text() == "whole"


@pytest.mark.parametrize("renames", [0, 1])
def test_an_interrupted_swap_keeps_the_last_site(tmp_path, monkeypatch, renames):
    new, site = site_of(tmp_path / "a/html", "new"), site_of(tmp_path / "html", "old")
    rename, left = Path.rename, [None] * renames

    def stop(path: Path, target: Path) -> Path:
        if path.name == "html.old":
            return rename(path, target)
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(KeyboardInterrupt):
        build.swap(new, site)
    assert (site / "pages" / "a.html").read_text() == "old"
    assert {p.name for p in tmp_path.iterdir()} == {"a", "html"}


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Make room on the disk"),
        (errno.EROFS, "Copy the book to a place where you can write"),
        (errno.EACCES, "Give yourself access"),
        (errno.EFBIG, "ulimit -f"),
    ],
)
def test_a_file_that_the_system_refuses_is_named_with_a_remedy(number, remedy):
    text = explained(OSError(number, os.strerror(number), "a/file"))
    assert "'a/file'" in text and remedy in text
