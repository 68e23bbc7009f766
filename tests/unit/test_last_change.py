"""A page's date is that of the last commit that changed it."""

import shutil
import subprocess

import pytest

from _ext.page_metadata import last_change


@pytest.fixture
def book_below_a_repository(tmp_path, monkeypatch):
    """Make a book in a folder of a repository with a merged branch."""
    if not shutil.which("git"):
        pytest.skip("git is not there")
    book = tmp_path / "the book"
    book.mkdir()
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@example.org")

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=tmp_path, check=True)

    def commit(day: str, *names: str) -> None:
        monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T12:00:00")
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{day}T12:00:00")
        for name in names:
            (book / name).write_text(day)
        git("add", ".")
        git("commit", "-qm", day)

    (tmp_path / "other.md").write_text("not of the book")
    git("init", "-qb", "main")
    commit("2026-01-01", "old.md", "é à.md", "merged.md", "changed.md")
    git("checkout", "-qb", "side")
    commit("2026-01-02", "merged.md")
    git("checkout", "-q", "main")
    commit("2026-01-03", "changed.md", "no-page.txt")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-04T12:00:00")
    git("merge", "-q", "--no-ff", "-m", "Merge", "side")
    (book / "new.md").write_text("not committed")
    (book / "old.md").write_text("changed since")
    return book


def test_the_day_of_a_page_is_that_of_its_last_commit(book_below_a_repository):
    days = {
        "old.md": "2026-01-01",
        "é à.md": "2026-01-01",
        "merged.md": "2026-01-02",
        "changed.md": "2026-01-03",
        "new.md": None,
    }
    for name, day in days.items():
        assert last_change(book_below_a_repository / name) == day


def test_without_git_no_page_has_a_day(tmp_path, monkeypatch):
    path = tmp_path / "page.md"
    path.touch()
    assert last_change(path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert last_change(path) is None
