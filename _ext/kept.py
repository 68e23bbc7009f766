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


class Memory:
    """What was made for each page when it was last written, so that a page
    that is written again costs what is new on it.

    It lies in a folder, a file a page. Whoever changes how things are made
    removes the folder, as a build of the site does (`_design` in build.py).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.page: str | None = None
        self.before: dict[str, str] = {}
        self.now: dict[str, str] = {}

    def get(self, page: str, made_of: str, make: Callable[[], str]) -> str:
        """What `make` makes of it for a page, or made the last time."""
        if page != self.page:
            self.save()
            self.page, self.before, self.now = page, self._load(page), {}
        digest = hashlib.sha256(made_of.encode()).hexdigest()[:32]
        if digest not in self.now:
            known = self.before.get(digest)
            self.now[digest] = make() if known is None else known
        return self.now[digest]

    def save(self) -> None:
        """Keep what was made for the page that was written last."""
        if self.page is not None and self.now != self.before:
            path = self._path(self.page)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self.now), "utf-8")

    def _load(self, page: str) -> dict[str, str]:
        try:
            known = json.loads(self._path(page).read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            known = None
        return known if isinstance(known, dict) else {}

    def _path(self, page: str) -> Path:
        return self.folder / f"{page}.json"
