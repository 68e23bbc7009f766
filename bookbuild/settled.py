"""Which notebooks are already what their pages give, without composing them.

A page's notebooks follow from its text, from what is common to all pages and
from its outputs. Where none of it has changed since they were written, and
they lie as they were written, the page need not even be parsed: what a changed
sentence costs hardly grows with the number of pages.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from .frameworks import ROOT

# What shapes the notebooks of all pages; whatever it is, it is looked at whole.
COMMON = (
    "_config.yml",
    "_ext/**/*.py",
    "bookbuild/*.py",
    "d2l_extras/*.py",
    "kernels/*.*",
    "pyproject.toml",
)


class Settled:
    """What is known of the notebooks of a book, kept in the file `path`.

    `common` is what all pages share besides the files in COMMON.
    """

    def __init__(self, path: Path, root: Path, common: str) -> None:
        self.path, self.root = path, root
        parts = [common.encode()]
        tops = {ROOT, root}
        files = {f for name in COMMON for top in tops for f in top.glob(name)}
        for file in sorted(files):
            parts += [file.name.encode(), file.read_bytes()]
        self._common = _digest(*parts)
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            known = None
        self._known: dict = known if isinstance(known, dict) else {}

    def sources(self, page: Path) -> str:
        """A digest of what the notebooks of a page follow from, outputs aside."""
        return _digest(self._common.encode(), page.read_bytes())

    def cells(self, page: str, framework: str, sources: str) -> int | None:
        """The number of code cells that a framework has on a page, if its
        notebooks are what these sources give.
        """
        entry = self._known.get(f"{framework}/{page}")
        if not isinstance(entry, dict) or entry.get("sources") != sources:
            return None
        files = entry.get("files")
        if not isinstance(files, dict) or files != self._digests(files):
            return None
        return entry.get("cells")

    def settle(
        self,
        page: str,
        framework: str,
        sources: str,
        files: list[Path],
        cells: int,
    ) -> None:
        """Note that these files hold what these sources give."""
        paths = [file.relative_to(self.root).as_posix() for file in files]
        self._known[f"{framework}/{page}"] = {
            "sources": sources,
            "files": self._digests(paths),
            "cells": cells,
        }

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(self.path.name + ".part")
        partial.write_text(json.dumps(self._known, indent=1, sort_keys=True))
        os.replace(partial, self.path)

    def _digests(self, paths: Iterable[str]) -> dict[str, str | None]:
        files = {path: self.root / path for path in paths}
        return {
            path: _digest(file.read_bytes()) if file.is_file() else None
            for path, file in files.items()
        }


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
