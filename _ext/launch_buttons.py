"""Offer the notebooks of each page: in Colab, in Binder, to download, to read.

Every address derives from `repository` in _config.yml. A page has the links of
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
    """Return where the notebook of a page is, in the repository and the site."""
    page = docname.removeprefix("chapters/")
    return f"notebooks/{framework}/{page}.ipynb"


def addresses(repository: str, branch: str, path: str) -> dict[str, str]:
    """Return the addresses of a notebook in Colab, Binder, and its repository.

    Colab reads from GitHub, and Binder from GitHub and GitLab (among others that
    are not supported here). Binder expects the path, and the name of a GitLab
    project, as one encoded component, but the slashes of a branch as they are.
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
    """Return the menu as the template reads it: the links of each framework."""
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
    """Return the frameworks that have a notebook of a page, in declared order."""
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
    """Pass the menu of a page that has notebooks to the template."""
    if frameworks := frameworks_of_page(app, pagename):
        options = app.config.html_theme_options
        context["launch_menu"] = menu(
            frameworks, pagename, options, context["pathto"]
        )


def copy_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Copy the notebooks that the pages offer, and remove those of old pages."""
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
