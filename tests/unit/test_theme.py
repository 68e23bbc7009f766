"""The theme publishes its files, and credits the sources of third-party files."""

import pytest
from support import ROOT

from _ext import html_theme
from bookbuild import content_policy

THEME = ROOT / "_theme"
VENDORED = {"temml": "temml.cjs", "minisearch": "minisearch.js"}


def test_the_theme_contains_no_python():
    assert list(THEME.rglob("*.py")) == []


def test_every_style_and_script_is_part_of_a_published_file():
    published = b"\n".join(html_theme.static_files().values())
    sources = [*THEME.glob("css/*"), *THEME.glob("js/*")]
    assert len(sources) > 10
    for source in sources:
        lines = source.read_text("utf-8").split("\n")
        code = [one for one in lines if one.endswith((";", "{", "}"))]
        assert len(code) > 5
        assert all(one.encode() in published for one in code), source


def test_published_scripts_have_no_lines_of_comments():
    files = html_theme.static_files()
    for name in ("book.js", "early.js", "search.js"):
        lines = files[name].decode().split("\n")
        assert [one for one in lines if one.lstrip().startswith("//")] == []


def test_a_rule_after_a_comment_on_its_line_is_published(monkeypatch, tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "theme.toml").write_text(
        '[files]\n"book.css" = ["a.css"]\n'
    )
    css = (
        "/* A\n comment */\n/* short */ a { b: c }\n  /* last */\nd { e: f }\n"
    )
    (tmp_path / "a.css").write_text(css)
    monkeypatch.setattr(html_theme, "THEME", tmp_path)
    expected = "/* short */ a { b: c }\nd { e: f }\n"
    assert html_theme.static_files() == {"book.css": expected.encode()}


@pytest.mark.parametrize("name", VENDORED)
def test_a_vendored_file_has_its_license_and_version(name):
    folder = THEME / "vendor" / name
    assert (folder / VENDORED[name]).is_file()
    assert "Permission is hereby granted" in (folder / "LICENSE").read_text(
        "utf-8"
    )
    assert "https://" in (folder / "VERSION").read_text("utf-8")


def test_every_vendored_project_is_known():
    assert {path.name for path in (THEME / "vendor").iterdir()} == set(VENDORED)


def test_the_check_follows_the_policy(monkeypatch):
    frame = ("iframe", [("src", "film.html")])
    assert content_policy.forbidden(*frame) == "<iframe>"
    monkeypatch.setitem(content_policy.POLICY, "frame-src", "'self'")
    assert content_policy.forbidden(*frame) is None
    assert "frame-src 'self'" in content_policy.header()


@pytest.mark.parametrize(
    "html",
    [
        "<p style='color: red'>Words</p>",
        "<img src='curve.svg'><img src='data:image/png;base64,AA'>",
        "<a href='https://example.org/'>elsewhere</a>",
        "<details><summary>More</summary>Words</details>",
    ],
)
def test_html_that_the_policy_allows_is_accepted(html):
    assert content_policy.forbidden_in(html) is None


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<IFRAME src='a'></IFRAME>", "<iframe>"),
        (
            "<p><script src='https://example.org/a.js'></script>",
            "a file from another",
        ),
        ("<script>a</script>", "<script>"),
        ("<link rel='stylesheet' href='a.css'>", "<link>"),
        ("<img src='a.svg' onload='a()'>", "a script in onload="),
        ("<a href=' JavaScript:a()'>a</a>", "a script in href="),
        (
            "<img srcset='HTTPS://example.org/a.png 2x'>",
            "a file from another host",
        ),
    ],
)
def test_html_that_the_policy_forbids_is_named(html, found):
    assert content_policy.forbidden_in(html).startswith(found)
