"""Outputs are cleaned, and rejected if the site cannot show them."""

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
        ("<style>b {color: red}</style>", "<style>"),
        ("<video src='a.mp4'></video>", "<video>"),
        ("<img src='https://a.org/b.png'>", "a file from another host, https://a.org/b.png"),
        ("<img src='//a.org/b.png'>", "a file from another host, //a.org/b.png"),
        ("<a href='https://a.org'>A</a>", None),
    ],
)
@pytest.mark.parametrize("kind", ["text/html", "text/markdown"])
def test_html_is_harmless_without_scripts_and_with_matching_tags(
    kind, html, fault
):
    assert output_checks.fault({"text/plain": "<script>", kind: html}) == fault


def test_an_output_that_is_only_a_script_is_refused():
    data = {"application/javascript": "f()"}
    output = output_checks.clean({"output_type": "display_data", "data": data})
    assert output_checks.fault(output["data"]) == "a script (application/javascript)"


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.jupyter.widget-view+json", "application/javascript",
        "application/vnd.plotly.v1+json", "application/vnd.bokehjs_exec.v0+json",
    ],
)  # fmt: skip
def test_an_output_that_needs_a_script_is_shown_as_its_text(kind):
    data = {kind: {"model_id": "1"}, "text/plain": "IntSlider(value=3)"}
    output = output_checks.clean({"output_type": "display_data", "data": data})
    assert output["data"] == {"text/plain": "IntSlider(value=3)"}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (
            "/tmp/ipykernel_4711/3928.py:2: UserWarning: x",
            "cell.py:2: UserWarning: x",
        ),
        (
            "/home/me/book/.envs/a/lib/python3.11/site-packages/keras/core.py:9: W",
            "keras/core.py:9: W",
        ),
        ("[<Line2D at 0x7f31c2a0b5d0>]", "[<Line2D at 0x…>]"),
        ("0xff stays", "0xff stays"),
        ("a\n2026-01-02 03:04:05.678901: I core/platform.cc:1] CPU\nb", "a\nb"),
        ("I0000 00:00:1732774051.123456    4711 cuda.cc:1] GPU\nb", "b"),
        ("E0102 03:04:05.678901 4711 cuda.cc:1] GPU\nb", "b"),
        ("2026-01-02 03:04:05 is a date", "2026-01-02 03:04:05 is a date"),
        ("read data/train.csv and /etc/hosts", "read data/train.csv and /etc/hosts"),
    ],
)
def test_paths_addresses_and_logs_of_the_machine_are_left_out(text, cleaned):
    stream = {"output_type": "stream", "name": "stderr", "text": text}
    result = {"output_type": "execute_result", "data": {"text/plain": text}}
    assert output_checks.clean(stream)["text"] == cleaned
    assert output_checks.clean(result)["data"]["text/plain"] == cleaned


def test_the_style_that_pandas_puts_before_a_table_is_left_out():
    html = "<div>\n<style scoped>\n td {top: 0}\n</style>\n<table></table></div>"
    output = {"output_type": "display_data", "data": {"text/html": html}}
    assert output_checks.clean(output)["data"]["text/html"] == (
        "<div>\n<table></table></div>"
    )


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


def test_two_megabytes_without_a_space_are_cleaned_within_the_time_limit():
    # The limit of each test is ten minutes. A pattern whose time grows with the
    # square of the length would take hours.
    text = "1" * 2_000_000
    output = {"output_type": "stream", "name": "stdout", "text": text}
    assert output_checks.clean(output)["text"] == text
