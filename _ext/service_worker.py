"""Write the service worker that keeps the book for reading without a network.

Its version is a digest of what it keeps: pages, styles, scripts, fonts and
figures, but not the notebooks, which serve those who run them.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from urllib.parse import quote, unquote

from sphinx.application import Sphinx

HERE = Path(__file__).parent
KEPT = ("*.html", "chapters/**/*.html", "_static/**/*", "_images/*.*")
FONTS = ("fonts/math.woff2", "fonts/root.woff2")
MADE = (*FONTS, "search-index.js", "previews.js")
IMAGE = re.compile(r'_images/([^"]+)"')  # in a page, as an address


def prune(app: Sphinx) -> None:
    """Leave in the site what its pages use, and not what extensions bring or
    an earlier build has drawn.
    """
    source, target = Path(app.srcdir, "_static"), Path(app.outdir, "_static")
    ours = {p.relative_to(source) for p in source.rglob("*")}
    ours -= {Path("page.png")}  # the picture of the README
    ours |= {Path(name) for name in MADE}
    pages = [p.read_text(encoding="utf-8") for p in target.parent.rglob("*.html")]
    shown = {unquote(name) for page in pages for name in IMAGE.findall(page)}
    images = Path(app.outdir, "_images")
    for folder, used in ((target, ours), (images, {Path(n) for n in shown})):
        for path in folder.rglob("*"):
            if path.is_file() and path.relative_to(folder) not in used:
                path.unlink()


def write(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.name != "html":
        return
    prune(app)
    site = Path(app.outdir)
    digests = {}
    for pattern in KEPT:
        for path in sorted(site.glob(pattern)):
            name = path.relative_to(site).as_posix()
            if path.is_file() and "LICENSE" not in name:
                digests[name] = digest(path)
    text = (HERE / "sw.js").read_text(encoding="utf-8")
    whole = json.dumps(digests, sort_keys=True) + text
    version = hashlib.sha256(whole.encode()).hexdigest()[:8]
    versions = {k: v for k, v in digests.items() if k.startswith("_static/")}
    text = text.replace("@VERSION@", version)
    text = text.replace("@FILES@", json.dumps([quote(n) for n in digests]))
    text = text.replace("@VERSIONS@", json.dumps(versions))
    (site / "sw.js").write_text(text, encoding="utf-8")


def digest(path: Path) -> str:
    """What distinguishes the content of a file, in its address too."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def setup(app: Sphinx) -> dict:
    # After everything else has been written.
    app.connect("build-finished", write, priority=900)
    return {"version": "1", "parallel_read_safe": True}
