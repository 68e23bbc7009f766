"""Write the service worker that saves the book for reading offline.

Its version is a digest of what it saves: pages, styles, scripts, fonts, and figures.
The notebooks are not saved, because running them needs a network anyway.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from urllib.parse import quote

from sphinx.application import Sphinx

SCRIPT = Path(__file__).resolve().parent.parent / "_theme" / "service_worker.js"
KEPT = ("*.html", "chapters/**/*.html", "_static/**/*", "_images/*.*")
NOT_KEPT = re.compile(r"LICENSE|_static/page\.png")  # no page shows these


def write_service_worker(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.name != "html":
        return
    site = Path(app.outdir)
    digests = {}
    for pattern in KEPT:
        for path in sorted(site.glob(pattern)):
            name = path.relative_to(site).as_posix()
            if path.is_file() and not NOT_KEPT.search(name):
                digests[name] = digest(path.read_bytes())
    text = SCRIPT.read_text(encoding="utf-8")
    whole = json.dumps(digests, sort_keys=True) + text
    version = hashlib.sha256(whole.encode()).hexdigest()[:8]
    versions = {k: v for k, v in digests.items() if k.startswith("_static/")}
    text = text.replace("@VERSION@", version)
    days = [day for day in app.env.days_of_change.values() if day]
    text = text.replace("@DATE@", max(days, default=""))
    text = text.replace("@FILES@", json.dumps([quote(n) for n in digests]))
    text = text.replace("@VERSIONS@", json.dumps(versions))
    (site / "sw.js").write_text(text, encoding="utf-8")


def digest(content: bytes) -> str:
    """Return the short digest of a file that is part of its address."""
    return hashlib.sha256(content).hexdigest()[:8]


def setup(app: Sphinx) -> dict:
    # After everything else has been written.
    app.connect("build-finished", write_service_worker, priority=900)
    return {"version": "1", "parallel_read_safe": True}
