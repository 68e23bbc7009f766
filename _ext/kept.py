"""What is made of each page's HTML, kept so that only changed pages cost time."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx


def of_each(
    app: Sphinx,
    name: str,
    files: Iterable[Path],
    make: Callable[[Path, str], Any],
) -> list[Any]:
    """`make(file, text)` for each file, in order; anything that JSON can hold.

    Kept in a file `name` beside the doctrees, by the path and the content of
    each file and by the code of the module that `make` stands in.
    """
    path = Path(app.doctreedir, f"{name}.json")
    try:
        known = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        known = {}
    code = Path(inspect.getfile(make)).read_bytes()
    found = {}
    for file in files:
        text = file.read_text("utf-8")
        content = f"{file.relative_to(app.outdir)}\0{text}".encode()
        digest = hashlib.sha256(code + content).hexdigest()
        found[digest] = known[digest] if digest in known else make(file, text)
    if found.keys() != known.keys():
        path.write_text(json.dumps(found), "utf-8")
    return list(found.values())
