"""Define what a page of the site may load and run.

POLICY is the content-security policy that each page declares, and `forbidden`
finds what a browser would block under it, so that a build can report it first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser

# Everything comes from the site itself. Styles in attributes are allowed because
# Sphinx and docutils write them, for example for the widths of table columns.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "style-src-attr": "'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'self'",
}
# The directives that tags fall under.
TAGS = {
    "audio": "media-src",
    "embed": "object-src",
    "frame": "frame-src",
    "iframe": "frame-src",
    "object": "object-src",
    "script": "script-src",
    "style": "style-src",
    "video": "media-src",
}
# These would affect the whole page. Only the theme may write them.
WHOLE_PAGE = {"base", "form", "link", "meta"}
OTHER_HOST = re.compile(r"\s*([a-z]+:)?//", re.IGNORECASE)


def header() -> str:
    """Return the policy in the form that a page declares it in."""
    return "; ".join(f"{name} {sources}" for name, sources in POLICY.items())


def forbidden(
    tag: str, attributes: Iterable[tuple[str, str | None]] = ()
) -> str | None:
    """Return what the policy forbids in a tag, such as "<iframe>", or None."""
    attributes = list(attributes)
    if tag in WHOLE_PAGE:
        return f"<{tag}>"
    if tag in TAGS:
        sources = POLICY.get(TAGS[tag], POLICY["default-src"])
        inline = not any(name == "src" for name, _ in attributes)
        if sources == "'none'" or inline and "'unsafe-inline'" not in sources:
            return f"<{tag}>"
    for name, value in attributes:
        value = value or ""
        if name.startswith("on") or value.lower().lstrip().startswith(
            "javascript:"
        ):
            return f"a script in {name}="
        if name in ("src", "srcset") and OTHER_HOST.match(value):
            return f"a file from another host, {value}"
    return None


class _Reader(HTMLParser):
    found: str | None = None

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.found = self.found or forbidden(tag, attrs)


def forbidden_in(html: str) -> str | None:
    """Return the first thing in a piece of HTML that the policy forbids, or None."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found
