"""The settings in _config.yml and _toc.yml are normalized, or refused with a fix."""

from __future__ import annotations

import pytest

from bookbuild import settings
from bookbuild.errors import SourceError

URL = "https://github.com/me/book"


@pytest.mark.parametrize(
    ("lines", "url", "branch"),
    [
        (f"url: {URL}\n  branch: main", URL, "main"),
        (f"url: {URL}/\n  branch: next", URL, "next"),
        (f"url: {URL}.git\n  branch: a", URL, "a"),
        ("url: git@github.com:me/book.git\n  branch: a", URL, "a"),
        ("url: ssh://git@github.com/me/book.git\n  branch: a", URL, "a"),
        ("url: https://www.github.com/me/book\n  branch: a", URL, "a"),
        ("url: github.com/me/book\n  branch: 2.0", URL, "2.0"),
        (f"url: {URL}/tree/old", URL, "old"),
        (f"url: {URL}/tree/old\n  branch: next", URL, "next"),
        ("url: gitlab.com/me/book/-/tree/a", "https://gitlab.com/me/book", "a"),
        ("branch: next", "", "main"),
    ],
)
def test_an_address_of_the_repository_may_be_written_in_any_usual_way(
    tmp_path, lines, url, branch
):
    (tmp_path / "_config.yml").write_text(f"title: A\nrepository:\n  {lines}\n")
    found = settings.repository(tmp_path)
    assert (found.url, found.branch) == (url, branch)


def test_an_address_without_a_branch_is_refused(tmp_path):
    (tmp_path / "_config.yml").write_text(f"title: A\nrepository:\n  url: {URL}\n")
    with pytest.raises(SourceError, match="no branch.*write `branch: main`"):
        settings.repository(tmp_path)


@pytest.mark.parametrize("url", ["", settings.PLACEHOLDER])
def test_a_placeholder_is_no_address_for_readers(url):
    repository = settings.Repository(url)
    assert not repository.is_public
    assert repository.public_site == ""
    assert settings.Repository(URL).is_public
    assert settings.Repository(URL).public_site == "https://me.github.io/book/"


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
