"""Outputs that could break or take over a page are found."""

import pytest

from _ext import harmless


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<script>a()</script>", "<script>"),
        ('<img src="x" onerror="a()">', "a script in onerror="),
        ('<a href=" JavaScript:a()">b</a>', "a script in href="),
        ('<meta http-equiv="refresh" content="0; url=//a.b">', "<meta>"),
        ("<iframe srcdoc='a'></iframe>", "<iframe>"),
        ("</div></main>", "</div> where <div> is not open"),
        ("<div><b>a</div>", "</div> where <div> is not open"),
        ("<table><tr><td>a</table><div>", "<div> that is not closed"),
        ("<table><tr><td>a<br>b<td>c</table><p>d", None),
        ('<pre style="a">1 < 2 &lt; 3 <b/></pre><svg><path d=""/></svg>', None),
    ],
)
def test_html_with_scripts_frames_or_unmatched_tags_is_refused(html, fault):
    assert harmless.fault({"text/html": html}) == fault
    assert harmless.fault({"text/markdown": html}) == fault


def test_a_script_as_an_output_is_refused():
    assert harmless.fault({"application/javascript": "a()"})


@pytest.mark.parametrize(
    "code",
    ["\x1b[31m", "\x1b[38;5;12m", "\x1b]0;title\x07", "\x1b]8;;a\x1b\\",
     "\x1b[2J", "\x1b(B", "\x1b", "\x07", "\x08", "\x00", "\x7f", "\r"],
)  # fmt: skip
def test_terminal_codes_are_removed_from_text(code):
    assert harmless.plain(f"a{code}\n[b]\té") == "a\n[b]\té"
