"""Outputs that would run code on a page, or break it, are found."""

import pytest

from bookbuild import output_checks


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<p>A <b>word</b>", None),
        ("<ul><li>One<li>Two</ul>", None),
        ("<table><tr><td>1<td>2<tr><td>3</table>", None),
        ("<p>A<br>B<img src='a.png'></p>", None),
        ("<hr/>", None),
        ("<a href='javascript.html'>A</a>", None),
        ("<b on>A</b>", "a script in on="),
        ("<input disabled>", None),
        ("<script>f()</script>", "<script>"),
        ("<iframe src='a'></iframe>", "<iframe>"),
        ("<meta http-equiv='refresh' content='0; url=//a.b'>", "<meta>"),
        ("<p onclick='f()'>A</p>", "a script in onclick="),
        ("<a href=' JavaScript:f()'>A</a>", "a script in href="),
        ("<img src='a' onerror='f()'/>", "a script in onerror="),
        ("<div><b>A</b>", "<div> that is not closed"),
        ("A</div>", "</div> where <div> is not open"),
        ("<div><b></div></b>", "</div> where <div> is not open"),
        ("<li>A</div>", "</div> where <div> is not open"),
        ("</p>", "</p> where <p> is not open"),
        ("<script>f()</script><div>", "<script>"),
    ],
)
@pytest.mark.parametrize("kind", ["text/html", "text/markdown"])
def test_html_is_harmless_without_scripts_and_with_matching_tags(
    kind, html, fault
):
    assert output_checks.fault({"text/plain": "<script>", kind: html}) == fault


def test_a_script_is_harmful_whatever_stands_beside_it():
    data = {"text/html": "<b>A</b>", "application/javascript": "f()"}
    assert output_checks.fault(data) == "a script"


def test_html_and_markdown_are_both_checked():
    data = {"text/html": "<b>A</b>", "text/markdown": "</b>"}
    assert output_checks.fault(data) == "</b> where <b> is not open"


@pytest.mark.parametrize(
    "code",
    [
        "\x1b[31m", "\x1b[38;5;12m", "\x1b[2J", "\x00", "\x1b[0 q", "\x1b]0;title\x07",
        "\x1b]8;;url\x1b\\", "\x1b(B", "\x1b7", "\x07", "\x08", "\r", "\x7f",
    ],
)  # fmt: skip
def test_plain_text_has_no_codes_of_a_terminal(code):
    assert output_checks.plain(f"a{code}b\tc\nd\xa0é") == "ab\tc\nd\xa0é"
    assert output_checks.plain(f"a{code}") == "a"


def test_a_trailing_escape_is_removed_from_plain_text():
    assert output_checks.plain("a\x1b") == "a"
