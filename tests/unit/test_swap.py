"""A new site replaces the last one completely or not at all."""

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


def test_a_new_site_replaces_the_last_one(tmp_path):
    site = site_of(tmp_path / "html", "old")
    (site / "gone.html").write_text("old")
    build.swap(site_of(tmp_path / "html.new", "new"), site)
    found = {p.relative_to(site).as_posix() for p in site.rglob("*.html")}
    assert found == {"index.html", "pages/a.html"}
    assert (site / "index.html").read_text() == "new"
    assert {p.name for p in tmp_path.iterdir()} == {"html"}


@pytest.mark.parametrize("renames", [0, 1])
def test_an_interrupted_swap_keeps_the_last_site(tmp_path, monkeypatch, renames):
    new, site = site_of(tmp_path / "html.new", "new"), site_of(tmp_path / "html", "old")
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
    assert {p.name for p in tmp_path.iterdir()} == {"html"}


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Make room on the disk"),
        (errno.EROFS, "Copy the book to a folder where you can write"),
        (errno.EACCES, "Give yourself access"),
        (errno.EFBIG, "ulimit -f"),
    ],
)
def test_an_inaccessible_file_is_reported_with_a_remedy(number, remedy):
    text = explained(OSError(number, os.strerror(number), "a/file"))
    assert "'a/file'" in text and remedy in text
