"""Offer the PDF, the EPUB, the notebooks, and the whole site as files to take away.

Templates get them in the variable `downloads`, and a page lists them with the directive
{downloads}. bookbuild/downloads.py says which files there are. If their sizes change,
Sphinx writes all pages again.
"""

from __future__ import annotations

import shutil
from itertools import groupby
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from bookbuild.book import Book
from bookbuild.downloads import FOLDER, Download, offered

from ._private import copyfile, relative_uri

# How a link names a file below the name of its framework, and on its own.
TEXTS = {
    "pdf": ("PDF", "{} book as PDF"),
    "epub": ("EPUB", "{} book as EPUB"),
    "notebooks": ("notebooks", "All {} notebooks"),
    "site": ("Whole site", "Whole site"),
}


class downloads_list(nodes.General, nodes.Element):
    """Mark where a page lists the downloads."""


class DownloadsDirective(SphinxDirective):
    """Implement {downloads}, which lists the files that readers can take away."""

    def run(self) -> list[nodes.Node]:
        return [downloads_list()]


class ListDownloads(SphinxPostTransform):
    """Replace the directive with a list on the site, and with nothing elsewhere."""

    default_priority = 5

    def run(self, **kwargs: object) -> None:
        found = self.config.html_context.get("downloads", [])
        for node in list(self.document.findall(downloads_list)):
            if self.app.builder.name == "html" and found:
                node.replace_self(self.list_of(found))
            else:
                node.parent.remove(node)

    def list_of(self, groups: list[dict]) -> nodes.bullet_list:
        here = self.app.builder.get_target_uri(self.env.docname)
        items = []
        for group in groups:
            text = nodes.paragraph()
            if group["label"]:
                text += [nodes.strong("", group["label"]), nodes.Text(": ")]
            for number, file in enumerate(group["files"]):
                uri = relative_uri(here, file["path"])
                link = nodes.reference("", file["text"], refuri=uri, internal=True)
                text += nodes.Text(" · " * bool(number))
                text += [link, nodes.Text(f" ({file['size']})")]
            items.append(nodes.list_item("", text))
        return nodes.bullet_list("", *items, classes=["downloads"])


def groups_of(files: list[Download]) -> list[dict]:
    """Return the files of each framework, and those of none, as templates need them."""
    groups = []
    for framework, group in groupby(files, lambda file: file.framework):
        label = framework.label if framework else ""
        groups.append({
            "framework": framework.name if framework else "",
            "label": label,
            "files": [
                {
                    "kind": file.kind,
                    "text": TEXTS[file.kind][0],
                    "title": TEXTS[file.kind][1].format(label),
                    "path": f"{FOLDER}/{file.path.name}",
                    "size": file.size,
                }
                for file in group
            ],
        })
    return groups


def configure(app: Sphinx, config: Config) -> None:
    """Pass the downloads to the templates. Sphinx writes all pages if they change."""
    files = offered(Book(Path(app.srcdir))) if config.offer_downloads else []
    config.html_context["downloads"] = groups_of(files)


def copy_downloads(app: Sphinx, exception: Exception | None) -> None:
    """Copy the downloads into the site, and remove those no longer offered."""
    if exception or app.builder.name != "html":
        return
    place = Path(app.outdir, FOLDER)
    files = offered(Book(Path(app.srcdir))) if app.config.offer_downloads else []
    if not files:
        shutil.rmtree(place, ignore_errors=True)
        return
    place.mkdir(exist_ok=True)
    for file in files:
        copyfile(file.path, place / file.path.name)  # only if it differs
    for path in place.iterdir():
        if path.name not in {file.path.name for file in files}:
            path.unlink()


def setup(app: Sphinx) -> dict:
    app.add_config_value("offer_downloads", True, "html", [bool])
    app.add_node(downloads_list)
    app.add_directive("downloads", DownloadsDirective)
    app.add_post_transform(ListDownloads)
    app.connect("config-inited", configure)
    app.connect("build-finished", copy_downloads)
    return {"version": "1", "parallel_read_safe": True}
