"""Put the wheel of the helper package, which notebooks install, into the site."""

from __future__ import annotations

import shutil
from pathlib import Path

from sphinx.application import Sphinx

from bookbuild import wheel


def put_wheel_into_site(app: Sphinx, exception: Exception | None) -> None:
    """Build the wheel in the site, in place of an older one."""
    if exception is None and app.builder.format == "html":
        folder = Path(app.outdir, wheel.FOLDER)
        shutil.rmtree(folder, ignore_errors=True)
        wheel.build(folder)


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", put_wheel_into_site)
    return {"version": "1", "parallel_read_safe": True}
