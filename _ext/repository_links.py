"""Define addresses in the book's repository, from the one setting in _config.yml.

In a page's source, `repository:discussions` is an address below the repository's own,
and `source:docs/fork.md` is the address of a file.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from bookbuild import settings


def define_schemes(app: Sphinx, config: Config) -> None:
    repository = settings.repository(Path(app.srcdir))
    config.myst_url_schemes = {
        **dict.fromkeys(("http", "https", "mailto", "ftp")),
        "repository": {"url": f"{repository.url}/{{{{path}}}}"},
        "source": {"url": f"{repository.url}/blob/{repository.branch}/{{{{path}}}}"},
    }


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", define_schemes)
    return {"version": "1", "parallel_read_safe": True}
