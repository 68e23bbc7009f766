"""Show readers what has changed: the directive {changes-for-readers}, and a feed.

Both come from CHANGELOG.md, from the sections "For readers" of its versions. The
heading of a version is its name, with the date in parentheses. What is not part of a
version yet has the date of the last commit.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from docutils.statemachine import StringList
from markdown_it import MarkdownIt
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from .page_metadata import last_change

PAGE = "chapters/about/whats-new"
FEED = "feed.xml"
VERSION = re.compile(r"^## (.+?)(?: \((\d{4}-\d\d-\d\d)\))?$", re.MULTILINE)
FOR_READERS = re.compile(r"^### For readers\n(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)


class Version(NamedTuple):
    """Describe what a version changes for readers, in Markdown."""

    title: str
    anchor: str
    date: str | None
    changes: str


def read_versions(path: Path) -> list[Version]:
    """Return the versions in a changelog that change something for readers."""
    if not path.exists():
        return []
    _, *parts = VERSION.split(path.read_text(encoding="utf-8"))
    versions = []
    for name, date, text in zip(parts[::3], parts[1::3], parts[2::3]):
        title = f"Version {name}"
        if name == "Unreleased":
            title, date = "Latest Changes", last_change(path)
        if found := FOR_READERS.search(text):
            anchor = nodes.make_id(title)
            versions.append(Version(title, anchor, date, found[1].strip()))
    return versions


class ChangesForReaders(SphinxDirective):
    """Implement {changes-for-readers}, a section for each version."""

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir, "CHANGELOG.md")
        self.env.note_dependency(str(path))
        return [self._section(version, path) for version in read_versions(path)]

    def _section(self, version: Version, path: Path) -> nodes.section:
        section = nodes.section(ids=[version.anchor], names=[version.anchor])
        title = f"{version.title} ({version.date})" if version.date else version.title
        section += nodes.title("", title)
        lines = StringList(version.changes.splitlines(), str(path))
        self.state.nested_parse(lines, 0, section)
        return section


def offer_feed(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree
) -> None:
    """Pass the name of the feed to the templates, if there is one."""
    context["whats_new"] = PAGE if PAGE in app.env.found_docs else None
    context["feed"] = FEED if context["whats_new"] and context.get("site") else None


def write_feed(app: Sphinx, exception: Exception | None) -> None:
    """Write the feed, with an entry for each version whose date is known."""
    site = app.config.html_baseurl
    if exception or app.builder.name != "html":
        return
    if PAGE not in app.env.found_docs or not site:
        Path(app.outdir, FEED).unlink(missing_ok=True)
        return
    page = f"{site}{app.builder.get_target_uri(PAGE)}"
    versions = read_versions(Path(app.srcdir, "CHANGELOG.md"))
    title = escape(f"What's new in {app.config.html_title}", quote=False)
    text = atom(title, site, page, app.config.author, [v for v in versions if v.date])
    Path(app.outdir, FEED).write_text(text, encoding="utf-8")


def atom(
    title: str, site: str, page: str, author: str, versions: list[Version]
) -> str:
    """Return an Atom feed (RFC 4287)."""
    newest = max((version.date for version in versions), default="1970-01-01")
    entries = "".join(
        f"<entry>\n<title>{version.title}</title>\n<id>{page}#{version.anchor}</id>\n"
        f'<link href="{page}#{version.anchor}"/>\n'
        f"<updated>{version.date}T00:00:00Z</updated>\n"
        f'<content type="html">{escape(MarkdownIt().render(version.changes))}</content>\n'
        "</entry>\n"
        for version in versions
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">\n<title>{title}</title>\n'
        f'<id>{site}{FEED}</id>\n<link rel="self" href="{site}{FEED}"/>\n'
        f'<link href="{page}"/>\n<updated>{newest}T00:00:00Z</updated>\n'
        f"<author><name>{escape(author)}</name></author>\n{entries}</feed>\n"
    )


def setup(app: Sphinx) -> dict:
    app.add_directive("changes-for-readers", ChangesForReaders)
    app.connect("html-page-context", offer_feed, priority=800)
    app.connect("build-finished", write_feed)
    return {"version": "1", "parallel_read_safe": True}
