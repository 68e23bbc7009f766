"""A feed of what changed in the text, from the history that git keeps."""

from __future__ import annotations

import subprocess
from html import escape
from pathlib import Path

from sphinx.application import Sphinx

ENTRIES = 30
FIELDS = "%H%x1f%cI%x1f%s%x1e"


def history(root: Path) -> list[list[str]]:
    """The last commits that touch the pages: hash, time, subject."""
    command = ["git", "log", f"-{ENTRIES}", f"--format={FIELDS}", "--", "chapters"]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, encoding="utf-8"
        )
    except OSError:  # there is no git
        return []
    return [
        entry.strip().split("\x1f")
        for entry in done.stdout.split("\x1e")
        if entry.strip()
    ]


def atom(
    title: str, author: str, site: str, repository: str, entries: list[list[str]]
) -> str:
    """An Atom feed (RFC 4287) of these commits, the newest first."""
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<title>{escape(title)}: changes</title>",
        f"<id>{escape(site)}</id>",
        f'<link href="{escape(site)}"/>',
        f'<link rel="self" href="{escape(site)}changes.xml"/>',
        f"<updated>{entries[0][1]}</updated>",
        f"<author><name>{escape(author)}</name></author>",
    ]
    for commit, when, subject in entries:
        link = f"{repository}/commit/{commit}" if repository else site
        parts += [
            "<entry>",
            f"<title>{escape(subject)}</title>",
            f"<id>{escape(site)}#{commit}</id>",
            f"<updated>{when}</updated>",
            f'<link href="{escape(link)}"/>',
            "</entry>",
        ]
    return "\n".join([*parts, "</feed>", ""])


def write(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.name != "html" or not app.config.html_baseurl:
        return
    if entries := history(Path(app.srcdir)):
        options = app.config.html_theme_options
        repository = (options.get("repository_url") or "").rstrip("/")
        config = app.config
        text = atom(
            config.html_title, config.author, config.html_baseurl, repository,
            entries,
        )  # fmt: skip
        Path(app.outdir, "changes.xml").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True}
