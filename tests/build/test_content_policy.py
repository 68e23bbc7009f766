"""Test that a build reports what the pages' content-security policy forbids."""

import re

import pytest
from support.tiny_book import HEADER, cell

FORBIDDEN = {
    "a frame": ("<iframe src='film.html'></iframe>", "<iframe>"),
    "a film": ("<video src='film.mp4'></video>", "<video>"),
    "a script": ("<script>alert(1)</script>", "<script>"),
    "a style sheet": ("<style>p { color: red; }</style>", "<style>"),
    "an event handler": ("Words <b onclick='x()'>here</b>.", "a script in onclick="),
    "a picture of another host": (
        "![A curve that falls](https://example.org/curve.png)",
        "a file from another host, https://example.org/curve.png",
    ),
    "a picture of another host in HTML": (
        "<img alt='A curve' src='//example.org/curve.png'>",
        "a file from another host, //example.org/curve.png",
    ),
    "a film in a raw directive": (
        "```{raw} html\n<video src='film.mp4'></video>\n```", "<video>",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FORBIDDEN)
def test_html_that_browsers_would_block_is_refused_with_its_line(tiny, what):
    text, named = FORBIDDEN[what]
    tiny.page.write_text(f"{HEADER}\n# Tiny\n\n{cell('a = 1')}\n{text}\n")
    line = tiny.page.read_text().split("\n").index(text.split("\n")[0]) + 1
    done = tiny.build("book")
    assert done.returncode == 1
    said = done.stdout + done.stderr
    found = re.search(
        r"chapters/tiny/page\.md:(\d+): browsers would block (.*), b", said
    )
    assert found[2] == named
    # Below a code cell, the lines of MyST-NB can be one too large.
    assert 0 <= int(found[1]) - line <= 1
    assert "Link to it instead" in said
    assert not tiny.site.exists()


def test_all_forbidden_elements_of_a_page_are_reported_at_once(tiny):
    texts = [text for text, _ in FORBIDDEN.values()]
    tiny.write("\n\n".join([cell("a = 1"), *texts]))
    said = tiny.build("book").stderr
    assert said.count("browsers would block") == len(FORBIDDEN)


def test_harmless_html_is_kept(tiny):
    tiny.write(cell("a = 1") + "\nPress <kbd title='Return'>Enter</kbd>.")
    assert "<kbd title='Return'>Enter</kbd>" in tiny.html()
