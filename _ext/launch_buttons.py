"""Link each page to its notebooks in Colab, in Binder, in the repository, and as files.

Every address is derived from `repository` in _config.yml. A page has the links of
all its frameworks, and a script hides those of the frameworks not chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from sphinx.application import Sphinx

from bookbuild import frameworks as declaration
from bookbuild.frameworks import Framework
from bookbuild.page import GROUP

from ._private import copyfile

COLAB = "https://colab.research.google.com/github"
BINDER = "https://mybinder.org/v2"
GITHUB = re.compile(r"https://github\.com/([^/]+/[^/]+?)(\.git)?/?")
GITLAB = re.compile(r"https://gitlab\.com/([^/]+(/[^/]+?)+)(\.git)?/?")
# The links of the menu, in order, each with the framework's label.
LINKS = {
    "colab": "Open {} in Colab",
    "binder": "Open {} in Binder",
    "download": "Download {} notebook",
    "source": "View {} source",
}


def notebook_path(framework: str, docname: str) -> str:
    """Return the path of a page's notebook, in the repository and on the site."""
    page = docname.removeprefix("chapters/")
    return f"notebooks/{framework}/{page}.ipynb"


def addresses(repository: str, branch: str, path: str) -> dict[str, str]:
    """Return the addresses of a notebook in Colab, Binder, and its repository.

    Colab reads from GitHub, and Binder reads from GitHub and GitLab (and from other
    hosts, which are not supported here). Binder expects the path and the name of a
    GitLab project to be encoded as one component each, but not the slashes in the
    name of a branch.
    """
    branch, file = quote(branch), quote(path)
    lab = f"labpath={quote(path, safe='')}"
    if match := GITHUB.fullmatch(repository):
        name = match[1]
        return {
            "colab": f"{COLAB}/{name}/blob/{branch}/{file}",
            "binder": f"{BINDER}/gh/{name}/{branch}?{lab}",
            "source": f"https://github.com/{name}/blob/{branch}/{file}",
        }
    if match := GITLAB.fullmatch(repository):
        name = match[1]
        return {
            "binder": f"{BINDER}/gl/{quote(name, safe='')}/{branch}?{lab}",
            "source": f"https://gitlab.com/{name}/-/blob/{branch}/{file}",
        }
    return {}


def menu(
    frameworks: list[Framework],
    docname: str,
    options: dict,
    pathto: Callable[[str, int], str],
) -> dict:
    """Return the links of each framework, in the form that the template expects."""
    repository = options.get("repository_url") or ""
    branch = options.get("repository_branch") or "main"
    shown = []
    for framework in frameworks:
        path = notebook_path(framework.name, docname)
        urls = addresses(repository, branch, path)
        urls["download"] = pathto(quote(path), 1)
        links = [
            {
                "kind": kind,
                "url": urls[kind],
                "text": text.format(framework.label),
            }
            for kind, text in LINKS.items()
            if kind in urls
        ]
        shown.append({"name": framework.name, "links": links})
    return {"group": GROUP, "frameworks": shown}


def frameworks_of_page(app: Sphinx, docname: str) -> list[Framework]:
    """Return the frameworks that have a notebook of a page, in the declared order."""
    root = Path(app.srcdir)
    declared = declaration.load(root).values()
    return [
        framework
        for framework in declared
        if (root / notebook_path(framework.name, docname)).exists()
    ]


def add_menu(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Pass the menu of a page to the template, if the page has notebooks."""
    if frameworks := frameworks_of_page(app, pagename):
        options = app.config.html_theme_options
        context["launch_menu"] = menu(
            frameworks, pagename, options, context["pathto"]
        )


def copy_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Copy the notebooks that pages link to, and remove those of deleted pages."""
    if exception or app.builder.format != "html":
        return
    root, site = Path(app.srcdir), Path(app.outdir)
    offered = {
        notebook_path(framework.name, docname)
        for docname in app.env.found_docs
        for framework in frameworks_of_page(app, docname)
    }
    for path in offered:
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        copyfile(root / path, site / path)  # only if it differs
    for path in (site / "notebooks").rglob("*.ipynb"):
        if path.relative_to(site).as_posix() not in offered:
            path.unlink()


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", add_menu)
    app.connect("build-finished", copy_notebooks)
    return {"version": "2", "parallel_read_safe": True}
