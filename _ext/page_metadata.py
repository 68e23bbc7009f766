"""Describe each page to readers, search engines, and social networks."""

from __future__ import annotations

import re
import subprocess
from html import escape
from pathlib import Path
from textwrap import shorten
from urllib.parse import quote, urlencode

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from .launch_buttons import GITHUB, GITLAB

LONGEST = 200  # characters of a description
# For each host: its domain, what comes between a repository and its contents in an
# address, and the parameter for the title of a new issue.
HOSTS = {
    "https://github.com": (GITHUB, "", "title"),
    "https://gitlab.com": (GITLAB, "/-", "issue[title]"),
}


def last_change(path: Path) -> str | None:
    """Return the day of the last commit that changed a file, or None."""
    try:
        done = subprocess.run(
            ["git", "log", "-1", "--format=%cs", "--", path.name],
            cwd=path.parent, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:  # git is not installed
        return None
    return done.stdout.strip() or None


def links(repository: str, branch: str, path: str, title: str) -> dict:
    """Return the addresses for editing a page and for reporting an issue with it."""
    for host, (pattern, between, parameter) in HOSTS.items():
        if match := pattern.fullmatch(repository):
            base = f"{host}/{match[1]}"
            query = urlencode({parameter: f"On the page {title!r}: "})
            discuss = {"discuss": f"{base}/discussions"} if pattern is GITHUB else {}
            return {
                **discuss,
                "repository": base,
                "edit": f"{base}{between}/edit/{quote(branch)}/{quote(path)}",
                "report": f"{base}{between}/issues/new?{query}",
            }
    return {"repository": repository} if repository else {}


def description(doctree: nodes.document) -> str:
    """Return the start of a page's text, without titles and boxes."""
    found = [p for p in doctree.findall(nodes.paragraph)]
    running = [p for p in found if isinstance(p.parent, nodes.section)]
    text = " ".join(p.astext() for p in running or found)
    return shorten(text, LONGEST, placeholder=" …")


def add_metadata(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree
) -> None:
    """Pass a page's title, description, dates, and links to the templates."""
    title = str(nodes.Text(re.sub(r"<[^>]*>", "", context.get("title", ""))))
    options = app.config.html_theme_options
    context["plain_title"] = title
    context["links"] = links(
        options.get("repository_url") or "",
        options.get("repository_branch") or "main",
        f"{pagename}.md",
        title,
    )
    if doctree is None:  # the page has no source
        context["links"].pop("edit", None)
        return
    context["description"] = description(doctree)
    context["last_change"] = app.env.days_of_change.get(pagename)


def write_pages_that_were_committed(
    app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set
) -> set[str]:
    """Return the pages committed since they were rendered, because they show the day."""
    before = getattr(env, "days_of_change", {})
    env.days_of_change = {
        name: last_change(Path(env.doc2path(name))) for name in env.found_docs
    }
    return {
        name
        for name, day in env.days_of_change.items()
        if name in before and before[name] != day
    }


def write_sitemap(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.name != "html":
        return
    path = Path(app.outdir, "sitemap.xml")
    if not app.config.html_baseurl:
        path.unlink(missing_ok=True)
        return
    entries = []
    for name in sorted(app.env.found_docs):
        url = app.config.html_baseurl + app.builder.get_target_uri(name)
        day = app.env.days_of_change.get(name)
        changed = f"<lastmod>{day}</lastmod>" if day else ""
        entries.append(f"<url><loc>{escape(url)}</loc>{changed}</url>\n")
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{''.join(entries)}</urlset>\n"
    )
    path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("env-get-outdated", write_pages_that_were_committed)
    # After Sphinx has described the page.
    app.connect("html-page-context", add_metadata, priority=800)
    app.connect("build-finished", write_sitemap)
    return {"version": "1", "parallel_read_safe": True}
