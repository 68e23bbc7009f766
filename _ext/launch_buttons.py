"""Offer, on each page, its notebooks: in Colab, in Binder, to keep, to read.

Every address derives from `repository` in _config.yml. All frameworks' links
are on the page; _theme/js/tabs.js hides those of the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from sphinx.application import Sphinx
from sphinx.util.osutil import copyfile

from bookbuild import frameworks as declaration
from bookbuild.frameworks import Framework
from bookbuild.page import GROUP

COLAB = "https://colab.research.google.com/github"
BINDER = "https://mybinder.org/v2"
GITHUB = re.compile(r"https://github\.com/([^/]+/[^/]+?)(\.git)?/?")
GITLAB = re.compile(r"https://gitlab\.com/([^/]+(/[^/]+?)+)(\.git)?/?")
# What the menu offers, in its order, with the framework's label.
LINKS = {
    "colab": "Open {} in Colab",
    "binder": "Open {} in Binder",
    "download": "Download {} notebook",
    "source": "View {} source",
}


def notebook_path(framework: str, docname: str) -> str:
    """Where a page's notebook lies, in the repository and in the site."""
    page = docname.removeprefix("chapters/")
    return f"notebooks/{framework}/{page}.ipynb"


def addresses(repository: str, branch: str, path: str) -> dict[str, str]:
    """Where a file of the repository opens: in Colab, Binder, on its host.

    Colab reads from GitHub alone; of the hosts that Binder reads from we know
    GitHub and GitLab; for any other host there is none of the three. Binder's
    form is that of BinderHub's own front page (`v2url` in its urls.js): the
    path is one encoded parameter, and so is a name on GitLab, which may be
    nested, but a branch keeps its slashes.
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
    """What the template shows: the links of each framework given."""
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


def add_menu(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree
) -> None:
    """Give the theme what its menu offers, if the page has notebooks."""
    root = Path(app.srcdir)
    mine = [
        framework
        for framework in declaration.load(root).values()
        if (root / notebook_path(framework.name, pagename)).exists()
    ]
    if mine:
        options = app.config.html_theme_options
        context["launch_menu"] = menu(
            mine, pagename, options, context["pathto"]
        )


def copy_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Put the committed notebooks of the book's pages into the site, for the
    downloads, and take away those of pages that are gone.
    """
    if exception or app.builder.format != "html":
        return
    root, site = Path(app.srcdir), Path(app.outdir)
    paths = [
        notebook_path(framework, docname)
        for framework in declaration.load(root)
        for docname in app.env.found_docs
    ]
    published = [path for path in paths if (root / path).exists()]
    for path in published:
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        copyfile(root / path, site / path)  # only if it differs
    for path in (site / "notebooks").rglob("*.ipynb"):
        if path.relative_to(site).as_posix() not in published:
            path.unlink()


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", add_menu)
    app.connect("build-finished", copy_notebooks)
    return {"version": "2", "parallel_read_safe": True}
