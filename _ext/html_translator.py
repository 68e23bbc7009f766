"""The HTML of a page: our theme, and what a reader finds on every page.

The theme is in theme/, its styles and scripts in _static/. Pages hold no
inline script, so a Content-Security-Policy can forbid it.
"""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.writers.html5 import HTML5Translator
from sphinx_design.extension import depart_container
from sphinx_design.extension import visit_container as visit_design_container
from sphinx_exercise.nodes import exercise_enumerable_node, solution_node

from bookbuild import settings
from . import feed, figures
from bookbuild import frameworks as declaration
from .launch_buttons import GITHUB, GITLAB
from .service_worker import digest

HERE = Path(__file__).parent
THEME = "book"
# Everything comes from the site itself. Styles in attributes are left, since
# Sphinx and docutils write them: column widths of tables, for example.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'self'",
    ]
)
# What Pygments marks and the design does not color: the spans are left out.
PLAIN = re.compile(r'<span class="(?:n|p|w|o|nn|bp|fm|vm|nv)">([^<]*)</span>')
VIEWPORT = re.compile(r'<meta name="viewport"[^>]*>\s*')  # ours is in the layout
# A browser would break a line between a formula and the comma after it.
TIED = re.compile(
    r'([(\[“]?)(<span class="math">(?:(?!</math>).)*</math></span>)'
    r"([.,;:!?)\]’”–-]*)",
    re.S,
)
# Outputs that come as HTML bring colors for white pages, which we leave out.
OUTPUT = re.compile(r"<(?:table|pre)\b")
COLORED = re.compile(r'(<(?:span|pre|table|td|th|tr)\b[^>]*?) style="[^"]*"')
SCOPED = re.compile(r"<style scoped>.*?</style>\s*", re.S)


class Translator(HTML5Translator):
    """Sphinx's HTML with our links, folds, figures and boxes that scroll."""

    def add_permalink_ref(self, node: nodes.Element, title: str) -> None:
        """A link to the node itself, which its looks mark as such."""
        if node["ids"] and self.builder.add_permalinks:
            self.body.append(_permalink(node["ids"][0], title))

    # Code

    def visit_literal_block(self, node: nodes.Element) -> None:
        try:
            super().visit_literal_block(node)
        except nodes.SkipNode:
            html = self.body[-1].replace("<pre><span></span>", "<pre>")
            self.body[-1] = PLAIN.sub(r"\1", html)
            raise

    # Figures and tables

    def visit_image(self, node: nodes.Element) -> None:
        source = Path(self.builder.srcdir, node["uri"])
        if source.suffix != ".svg" or node["uri"] not in self.builder.images:
            return super().visit_image(node)
        name = self.builder.images[node["uri"]]
        folder = Path(self.builder.outdir, self.builder.imagedir)
        self.body.append(
            figures.html(
                source, folder / name, self.builder.imgpath, node.get("alt", "")
            )
        )

    def depart_image(self, node: nodes.Element) -> None:
        pass

    def visit_table(self, node: nodes.Element) -> None:
        self.body.append('<div class="wide">')
        super().visit_table(node)

    def depart_table(self, node: nodes.Element) -> None:
        super().depart_table(node)
        self.body.append("</div>\n")

    def visit_raw(self, node: nodes.raw) -> None:
        text = node.rawsource or node.astext()
        if "html" in node.get("format", "") and OUTPUT.search(text):
            text = COLORED.sub(r"\1", SCOPED.sub("", text))
            text = text.replace(' border="1"', "")
            self.body.append(f'<div class="wide">{text}</div>')
            raise nodes.SkipNode
        super().visit_raw(node)

    def visit_citation(self, node: nodes.Element) -> None:
        super().visit_citation(node)
        # ARIA has given docutils' role up: what a list holds are its items.
        entry = self.body[-1].replace("doc-biblioentry", "listitem")
        self.body[-1] = entry

    # Exercises

    def visit_title(self, node: nodes.title) -> None:
        if _folded(node.parent):
            self.body.append(f"<summary>{escape(node.astext())}</summary>")
            raise nodes.SkipNode
        super().visit_title(node)

    def depart_title(self, node: nodes.title) -> None:
        if isinstance(node.parent, exercise_enumerable_node):
            self.add_permalink_ref(node.parent, "Link to this exercise")
        super().depart_title(node)

    def visit_section(self, node: nodes.section) -> None:
        # sphinx-exercise gives the contents of all exercises the same name.
        if node["ids"] in (["exercise-content"], ["solution-content"]):
            self.section_level += 1
            self.body.append("<div>")
        else:
            super().visit_section(node)

    def depart_section(self, node: nodes.section) -> None:
        if node["ids"] in (["exercise-content"], ["solution-content"]):
            self.section_level -= 1
            self.body.append("</div>\n")
        else:
            super().depart_section(node)


def _permalink(target: str, title: str) -> str:
    return (
        f'<a class="headerlink" href="#{escape(target)}" '
        f'aria-label="{escape(title)}" title="{escape(title)}">#</a>'
    )


def _tie(match: re.Match) -> str:
    if not (match[1] or match[3]):
        return match[0]
    return f'<span class="tied">{match[0]}</span>'


def _folded(node: nodes.Node) -> bool:
    return isinstance(node, solution_node) and "dropdown" in node["classes"]


def visit_container(self: HTML5Translator, node: nodes.Element) -> None:
    if node.get("nb_element") == "cell_code":
        anchor = node["cell_metadata"].get("anchor")
        if anchor:
            node["ids"] = [anchor]
    visit_design_container(self, node)
    if node.get("nb_element") == "cell_code_source" and node.parent["ids"]:
        self.add_permalink_ref(node.parent, "Link to this cell")


def visit_solution(self: HTML5Translator, node: nodes.Element) -> None:
    tag = "details" if _folded(node) else "div"
    self.body.append(self.starttag(node, tag, CLASS="admonition"))


def depart_solution(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append("</details>\n" if _folded(node) else "</div>\n")


# What is said of a page, to readers and to machines


def last_changes(root: Path) -> dict[str, str]:
    """The day of the last commit of each page below `root` that git knows, as
    in {"chapters/index.md": "2026-11-25"}.

    One look at the history is for all pages, however many there are.
    """
    command = ["git", "log", "-z", "--format=%x01%cs", "--name-only"]
    try:
        done = subprocess.run(
            [*command, "--relative", "--", "*.md"],
            cwd=root, capture_output=True, encoding="utf-8",
            errors="surrogateescape",
        )  # fmt: skip
    except OSError:
        return {}
    days, day = {}, ""
    for part in filter(None, re.split(r"[\0\n]+", done.stdout)):
        if part[0] == "\1":
            day = part[1:]
        else:  # the newest commits come first
            days.setdefault(part, day)
    return days


# By the host: the rest of an address between a repository and what is in it,
# and the parameter that gives a new issue its title.
HOSTS = {
    "https://github.com": (GITHUB, "", "title"),
    "https://gitlab.com": (GITLAB, "/-", "issue[title]"),
}


def links(repository: str, branch: str, path: str, title: str) -> dict:
    """Where a page is edited, and where something about it is reported."""
    for host, (pattern, between, parameter) in HOSTS.items():
        if match := pattern.fullmatch(repository):
            base = f"{host}/{match[1]}"
            query = urlencode({parameter: f"On the page {title!r}: "})
            return {
                "repository": base,
                "edit": f"{base}{between}/edit/{quote(branch)}/{quote(path)}",
                "report": f"{base}{between}/issues/new?{query}",
            }
    return {"repository": repository} if repository else {}


def describe(app: Sphinx, pagename: str, title: str, context: dict) -> dict:
    """A page in the words of schema.org, for machines that look for it."""
    book = {
        "@type": "Book",
        "name": app.config.html_title,
        "author": {"@type": "Organization", "name": app.config.author},
        "inLanguage": "en",
        "license": "https://creativecommons.org/licenses/by/4.0/",
    }
    if app.config.html_baseurl:
        book["url"] = app.config.html_baseurl
    if pagename == app.config.root_doc:
        return {"@context": "https://schema.org", **book}
    said = {
        "@context": "https://schema.org",
        "@type": "Chapter",
        "name": title,
        "isPartOf": book,
    }
    if context.get("pageurl"):
        said["url"] = context["pageurl"]
    if context.get("last_change"):
        said["dateModified"] = context["last_change"]
    return said


def add_context(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree
) -> None:
    """Give the theme's templates what they ask for."""
    root = Path(app.srcdir)
    title = nodes.Text(re.sub(r"<[^>]*>", "", context.get("title", "")))
    declared = declaration.load(root).values()
    options = app.config.html_theme_options
    if "body" in context:
        context["body"] = TIED.sub(_tie, context["body"])
    context["author"] = app.config.author
    context["has_history"] = bool(app.config.html_baseurl and _history(root))
    context["policy"] = POLICY
    context["metatags"] = VIEWPORT.sub("", context.get("metatags", ""))
    static = root / "_static"
    context["assets"] = {
        path.relative_to(static).as_posix(): digest(path)
        for path in static.rglob("*")
        if path.suffix in (".css", ".js", ".svg")
    }
    context["frameworks"] = list(declared)
    context["plain_title"] = str(title)
    context["links"] = links(
        options.get("repository_url") or "",
        options.get("repository_branch") or "main",
        f"{pagename}.md",
        str(title),
    )
    context["has_math"] = "<math" in context.get("body", "")
    if doctree is None:  # a page that no file is the source of
        context["links"].pop("edit", None)
    else:
        context["last_change"] = app.env.days_of_change.get(pagename)
        said = describe(app, pagename, str(title), context)
        context["json_ld"] = json.dumps(said, sort_keys=True).replace("<", "\\u003c")


_history = cache(feed.history)


def configure(app: Sphinx, config: Config) -> None:
    """Choose the theme, and derive the site's address from the repository."""
    site = settings.repository(Path(app.srcdir)).site
    config.html_theme = THEME
    config.html_baseurl = config.html_baseurl or site
    config.project = config.html_title
    config.ogp_site_url = config.html_baseurl
    config.html_additional_pages = {"404": "404.html", "search": "search.html"}
    config.html_copy_source = False
    config.html_context["site_path"] = urlsplit(config.html_baseurl).path or "/"


def dated_otherwise(
    app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set
) -> set[str]:
    """The pages that were committed since they were rendered: they say when."""
    before = getattr(env, "days_of_change", {})
    days = last_changes(Path(app.srcdir))
    env.days_of_change = {
        name: days.get(env.doc2path(name, base=False))
        for name in env.found_docs
    }
    return {
        name
        for name, day in env.days_of_change.items()
        if name in before and before[name] != day
    }


def write_sitemap(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.name != "html" or not app.config.html_baseurl:
        return
    entries = []
    for name in sorted(app.env.found_docs):
        url = app.config.html_baseurl + app.builder.get_target_uri(name)
        day = app.env.days_of_change.get(name)
        when = f"<lastmod>{day}</lastmod>" if day else ""
        entries.append(f"<url><loc>{escape(url)}</loc>{when}</url>\n")
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{''.join(entries)}</urlset>\n"
    )
    Path(app.outdir, "sitemap.xml").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    # Jupyter Book sets it, for an extension that we do not use.
    app.add_config_value("comments_config", {}, "html")
    app.add_html_theme(THEME, str(HERE / "theme"))
    app.connect("config-inited", configure)
    app.connect("env-get-outdated", dated_otherwise)
    app.set_translator("html", Translator)
    # As a method of Translator it would give way to sphinx-design's.
    app.add_node(
        nodes.container, override=True, html=(visit_container, depart_container)
    )
    app.add_node(
        solution_node, override=True, html=(visit_solution, depart_solution)
    )
    # After Sphinx and the extensions have said what is on the page.
    app.connect("html-page-context", add_context, priority=800)
    app.connect("build-finished", write_sitemap)
    return {"version": "1", "parallel_read_safe": True}
