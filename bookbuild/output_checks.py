"""Clean the outputs of cells, and find what the site cannot show."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser

from . import content_policy

# Escape sequences that change a terminal's color or title, or move its cursor, and
# control characters other than tabs and newlines. None of them is allowed in HTML.
CONTROL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f]"
)
# Patterns for what differs between machines or runs, and their replacements: the
# kernel's temporary file for a cell, the folder of an environment, the address of
# an object, and log lines of compiled libraries, which contain a date or a thread
# number. No pattern looks ahead from each character to the end of the word, because
# then a megabyte without a space would take minutes.
LOCAL = [
    (re.compile(r"(?<!\S)\S*[/\\](?:ipykernel_\d+|tmp\w+)[/\\]\d+\.py"), "cell.py"),
    (re.compile(r"(?<![\w.])/\S{,999}?/(?:site|dist)-packages/"), ""),
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "0x…"),
    (
        re.compile(
            r"^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWEF] "
            r"|[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ "
            r"|[IWEF]0000 \d\d:\d\d:\d{10}\.\d+ +\d+ "
            r"|WARNING: All log messages before absl::InitializeLog).*\n?",
            re.MULTILINE,
        ),
        "",
    ),
]
# Types that can only be shown by a script. Their text fallback is shown instead.
NEEDS_SCRIPT = re.compile(
    r"application/(javascript|vnd\.(jupyter\.widget|plotly|bokehjs|holoviews|vega))"
)
EMPTY = {
    "area", "br", "col", "hr", "img", "input", "source", "track", "wbr",
}  # fmt: skip
# Browsers close these automatically.
LAX = {"dd", "dt", "li", "option", "p", "tbody", "td", "tfoot", "th", "thead", "tr"}
# pandas writes this before each table. The site has its own styles for tables.
SCOPED_STYLE = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)


def clean(output: Mapping) -> dict:
    """Return an output without anything specific to one machine or one run.

    Types that need a script are left out if the output has other types.
    """
    output = json.loads(json.dumps(output))
    output.pop("transient", None)
    if output["output_type"] == "error":
        # The frames contain paths of this machine. Only the message matters.
        output["evalue"] = without_local(output["evalue"])
        output["traceback"] = [f"{output['ename']}: {output['evalue']}"]
    if "text" in output:
        output["text"] = without_local(output["text"])
    data = output.get("data", {})
    shown = {kind for kind in data if not NEEDS_SCRIPT.match(kind)}
    if shown:
        output["data"] = data = {kind: data[kind] for kind in data if kind in shown}
    if "text/plain" in data:
        data["text/plain"] = without_local(data["text/plain"])
    if "text/html" in data:
        data["text/html"] = SCOPED_STYLE.sub("", data["text/html"])
    return output


def without_local(text: str) -> str:
    """Remove the paths, addresses, and logs of this machine from a text."""
    for pattern, substitute in LOCAL:
        text = pattern.sub(substitute, text)
    return text


def plain(text: str) -> str:
    """Remove escape sequences and control characters from a text."""
    return CONTROL.sub("", text)


def fault(data: Mapping) -> str | None:
    """Return what the site cannot show in an output, or None.

    `data` maps types to contents. The site forbids scripts, styles, frames, and
    files from other hosts, and unbalanced tags would break the page.
    """
    for kind in data:
        if NEEDS_SCRIPT.match(kind):
            return f"a script ({kind})"
    for kind in ("text/html", "text/markdown"):
        if found := html_fault(data.get(kind, "")):
            return found
    return None


def html_fault(html: str) -> str | None:
    """Return what the site cannot show in a piece of HTML, or None."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found or reader.unclosed()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: str | None = None
        self.open: list[str] = []

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.found = self.found or content_policy.forbidden(tag, attrs)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] != tag and self.open[-1] in LAX:
            self.open.pop()
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.found = self.found or f"</{tag}> where <{tag}> is not open"

    def unclosed(self) -> str | None:
        """Describe a tag that is not closed, or return None."""
        tag = next((tag for tag in self.open if tag not in LAX), None)
        return tag and f"<{tag}> that is not closed"
