"""What cells put out must not hurt the page that shows it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# Sequences that tell a terminal to change color, title or place, and control
# characters but for the tab and the end of a line: HTML may hold none of them.
CONTROL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f]"
)
ACTIVE = {
    "applet", "base", "embed", "form", "frame", "iframe", "link", "meta",
    "object", "script",
}  # fmt: skip
EMPTY = {
    "area", "br", "col", "hr", "img", "input", "source", "track", "wbr",
}  # fmt: skip
# Browsers close these by themselves.
LAX = {"dd", "dt", "li", "option", "p", "tbody", "td", "tfoot", "th", "thead", "tr"}


def plain(text: str) -> str:
    """Text without what only a terminal understands."""
    return CONTROL.sub("", text)


def fault(data: dict) -> str | None:
    """What in an output, by its type, a page cannot run or would be broken by:
    scripts, which the site forbids, or tags that do not match.
    """
    if "application/javascript" in data:
        return "a script"
    for kind in ("text/html", "text/markdown"):
        if kind in data:
            reader = _Reader()
            reader.feed(data[kind])
            reader.close()
            if found := reader.found or reader.left():
                return found
    return None


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: str | None = None
        self.open: list[str] = []

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        if tag in ACTIVE:
            self.found = self.found or f"<{tag}>"
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith(
                "javascript:"
            ):
                self.found = self.found or f"a script in {name}="

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

    def left(self) -> str | None:
        """A tag that is not closed."""
        tag = next((tag for tag in self.open if tag not in LAX), None)
        return tag and f"<{tag}> that is not closed"
