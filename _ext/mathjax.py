"""Serve MathJax from the site itself, so that mathematics needs no network.

The package sphinx-mathjax-offline carries MathJax 3.2.2 (Apache License 2.0)
whole, 24 MB; a page asks for one script, the fonts and at times for an
extension, 2 MB.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.fileutil import copy_asset

SCRIPT = "tex-chtml.js"
FOLDERS = (
    "output/chtml/fonts/woff-v2",
    "input/tex/extensions",  # loaded by name, as \\boldsymbol loads its own
)


def copy_mathjax(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    package = find_spec("sphinx-mathjax-offline").submodule_search_locations[0]
    source = Path(package, "static", "mathjax")
    target = Path(app.outdir, "_static", "mathjax")
    copy_asset(source / SCRIPT, target)
    for folder in FOLDERS:
        copy_asset(source / folder, target / folder)


def setup(app: Sphinx) -> dict:
    app.config.mathjax_path = f"mathjax/{SCRIPT}"
    app.connect("build-finished", copy_mathjax)
    return {"version": "1", "parallel_read_safe": True}
