"""Offer, on each page, one Colab link and one download a framework.

The theme's own buttons point at one notebook a page, which does not exist
here. Every address derives from `repository` in _config.yml.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from sphinx.application import Sphinx

from . import frameworks as declaration
from .frameworks import Framework

COLAB = "https://colab.research.google.com/github"
REPLACED = ("launch-buttons", "download-buttons")


def notebook_path(framework: str, docname: str) -> str:
    """Where a page's notebook lies, in the repository and in the site."""
    page = docname.removeprefix("chapters/")
    return f"notebooks/{framework}/{page}.ipynb"


def colab_url(repository: str, branch: str, path: str) -> str | None:
    """The address that opens a notebook in Colab; None if it cannot.

    Colab reads notebooks from GitHub alone.
    """
    host, _, name = repository.rstrip("/").partition("://github.com/")
    if host != "https" or name.count("/") != 1:
        return None
    return f"{COLAB}/{name}/blob/{branch}/{path}"


def buttons(
    frameworks: list[Framework], docname: str, options: dict, pathto
) -> list[dict]:
    """The two groups of header buttons for the frameworks given."""
    repository = options.get("repository_url") or ""
    branch = options.get("repository_branch") or "main"
    launch, download = [], []
    for framework in frameworks:
        path = notebook_path(framework.name, docname)
        if url := colab_url(repository, branch, path):
            launch.append(
                _link(
                    url,
                    f"{framework.label} in Colab",
                    f"Run the {framework.label} notebook in Colab",
                    "fas fa-rocket",
                    f"colab-{framework.name}-button",
                )
            )
        download.append(
            _link(
                pathto(path, 1),
                f"{framework.label} notebook",
                f"Download the {framework.label} notebook",
                "fas fa-download",
                f"download-{framework.name}-button",
            )
        )
    groups = []
    if launch:
        groups.append(
            _group(launch, "Run this page", "fas fa-rocket", "launch-buttons")
        )
    if download:
        groups.append(
            _group(
                download,
                "Download this page",
                "fas fa-download",
                "download-buttons",
            )
        )
    return groups


def _link(url: str, text: str, tooltip: str, icon: str, label: str) -> dict:
    return {
        "type": "link",
        "url": url,
        "text": text,
        "tooltip": tooltip,
        "icon": icon,
        "label": label,
    }


def _group(items: list[dict], tooltip: str, icon: str, label: str) -> dict:
    return {
        "type": "group",
        "buttons": items,
        "tooltip": tooltip,
        "icon": icon,
        "label": label,
    }


def replace_buttons(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree
) -> None:
    """Put our buttons in the place of the theme's."""
    if "header_buttons" not in context:
        return
    root = Path(app.srcdir)
    mine = [
        framework
        for framework in declaration.load(root).values()
        if (root / notebook_path(framework.name, pagename)).exists()
    ]
    kept = [b for b in context["header_buttons"] if b["label"] not in REPLACED]
    options = app.config.html_theme_options
    context["header_buttons"] = (
        buttons(mine, pagename, options, context["pathto"]) + kept
    )


def copy_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Put the committed notebooks into the site, for the downloads."""
    if exception or app.builder.format != "html":
        return
    source = Path(app.srcdir) / "notebooks"
    if source.is_dir():
        shutil.copytree(
            source, Path(app.outdir) / "notebooks", dirs_exist_ok=True
        )


def setup(app: Sphinx) -> dict:
    # The theme adds its buttons at the priorities 500 and 501.
    app.connect("html-page-context", replace_buttons, priority=900)
    app.connect("build-finished", copy_notebooks)
    return {"version": "1", "parallel_read_safe": True}
