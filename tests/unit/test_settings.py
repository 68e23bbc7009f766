"""The settings in _config.yml and _toc.yml are normalized, or refused with a fix."""

from __future__ import annotations

import pytest

from bookbuild import settings
from bookbuild.errors import SourceError

URL = "https://github.com/me/book"


@pytest.mark.parametrize(
    ("lines", "url", "branch"),
    [
        (f"url: {URL}", URL, "main"),
        (f"url: {URL}/\n  branch: next", URL, "next"),
        (f"url: {URL}.git", URL, "main"),
        ("url: git@github.com:me/book.git", URL, "main"),
        ("url: ssh://git@github.com/me/book.git", URL, "main"),
        ("url: https://www.github.com/me/book", URL, "main"),
        ("url: github.com/me/book", URL, "main"),
        (f"url: {URL}/tree/old", URL, "old"),
        (f"url: {URL}/tree/old\n  branch: next", URL, "next"),
        ("url: https://gitlab.com/me/book", "https://gitlab.com/me/book", "main"),
        ("branch: next", "", "next"),
    ],
)
def test_an_address_of_the_repository_may_be_written_in_any_usual_way(
    tmp_path, lines, url, branch
):
    (tmp_path / "_config.yml").write_text(f"title: A\nrepository:\n  {lines}\n")
    found = settings.repository(tmp_path)
    assert (found.url, found.branch) == (url, branch)


def test_the_site_is_where_github_serves_it(tmp_path):
    assert settings.Repository(URL).site == "https://me.github.io/book/"
    assert settings.Repository("https://gitlab.com/me/book").site == ""


@pytest.mark.parametrize(
    ("contents", "names"),
    [
        ("root: a\n", ["a"]),
        ("format: jb-article\nroot: a\nsections:\n- file: b/c\n", ["a", "b/c"]),
        (
            "format: jb-book\nroot: a\nchapters:\n- file: b/c\n  sections:\n"
            "  - file: b/d\n",
            ["a", "b/c", "b/d"],
        ),
        (
            "format: jb-book\nroot: a\nparts:\n- chapters:\n  - file: b/c\n"
            "- chapters:\n  - file: b/d.md\n",
            ["a", "b/c", "b/d"],
        ),
        ("format: jb-book\nroot: a\nchapters:\n- glob: b/*\n", ["a", "b/c", "b/d"]),
        ("format: jb-book\nroot: a\nchapters:\n- url: https://example.org\n", ["a"]),
    ],
)
def test_every_form_of_a_table_of_contents_is_read(tmp_path, contents, names):
    for name in ("a", "b/c", "b/d"):
        path = tmp_path / f"{name}.md"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "_toc.yml").write_text(contents)
    assert settings.contents(tmp_path) == names


def test_all_missing_pages_are_named_with_their_lines(tmp_path):
    (tmp_path / "a.md").touch()
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: a\nchapters:\n- file: none\n- file: neither\n"
    )
    with pytest.raises(SourceError) as raised:
        settings.contents(tmp_path)
    said = str(raised.value)
    assert "_toc.yml:4: there is no page none.md" in said
    assert "_toc.yml:5: there is no page neither.md" in said
