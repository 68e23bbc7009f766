"""Define addresses in the book's repository, from the one setting in _config.yml.

In a page's source, `repository:discussions` is an address below the repository's own,
and `source:docs/fork.md` is the address of a file. Until the setting has an address that
exists, such links are plain text.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform

from bookbuild import settings


def define_schemes(app: Sphinx, config: Config) -> None:
    repository = settings.repository(Path(app.srcdir))
    url = repository.url or settings.PLACEHOLDER
    config.myst_url_schemes = {
        **dict.fromkeys(("http", "https", "mailto", "ftp")),
        "repository": {"url": f"{url}/{{{{path}}}}"},
        "source": {"url": f"{url}/blob/{repository.branch}/{{{{path}}}}"},
    }


class RemoveDeadLinks(SphinxTransform):
    """Replace links that begin with the placeholder's address with their texts."""

    default_priority = 900

    def apply(self, **kwargs: object) -> None:
        for link in list(self.document.findall(nodes.reference)):
            if link.get("refuri", "").startswith(settings.PLACEHOLDER):
                link.replace_self(link.children)


def setup(app: Sphinx) -> dict:
    app.add_transform(RemoveDeadLinks)
    app.connect("config-inited", define_schemes)
    return {"version": "1", "parallel_read_safe": True}
