"""Split a source page into one notebook a framework.

A source is a MyST Markdown notebook. A code cell tagged with a framework's
name belongs to that framework, an untagged one to all of them. A run of
tagged cells holds each framework once: the cell and its twins.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from jupytext.myst import myst_to_notebook
from nbformat import NotebookNode

from . import source
from .frameworks import Framework
from .source import SourceError

TAGS = {
    "raises-exception",
    "hide-cell",
    "hide-input",
    "hide-output",
    "remove-input",
    "remove-output",
}


# A build asks for it again when Sphinx reads the page.
_jupytext = cache(myst_to_notebook)


@dataclass
class Cell:
    """One cell of a source page."""

    id: str
    type: str
    source: str
    line: int
    framework: str | None = None
    tags: list[str] = field(default_factory=list)
    metadata: dict = field(default_factory=dict)

    @property
    def first_line(self) -> str:
        return next((s for s in self.source.splitlines() if s.strip()), "")


@dataclass
class Page:
    """A source page: `name` is its path below chapters/, without suffix."""

    name: str
    path: Path
    cells: list[Cell]
    frameworks: dict[str, Framework] = field(default_factory=dict)

    @property
    def title(self) -> str:
        for cell in self.cells:
            for line in cell.source.splitlines():
                if cell.type == "markdown" and line.startswith("# "):
                    return line[2:].strip()
        raise SourceError(f"{self.path}: a page needs a title, `# ...`")

    def of(self, framework: str) -> list[Cell]:
        """The cells of the page that a framework's reader sees."""
        return [c for c in self.cells if c.framework in (None, framework)]

    def code(self, framework: str) -> list[Cell]:
        """The code cells that a framework's kernel runs."""
        return [c for c in self.of(framework) if c.type == "code"]


def read(path: Path, name: str, frameworks: dict[str, Framework]) -> Page:
    """Read and check a source page.

    Raises SourceError with page, line and cure for what cannot be split.
    """
    return parse(source.read(path), path, name, frameworks)


def parse(
    text: str, path: Path, name: str, frameworks: dict[str, Framework]
) -> Page:
    """Like `read`, for the text of a page."""
    source.check(text, path, frameworks)
    notebook = _jupytext(text, add_source_map=True)
    lines = text.splitlines()
    page = Page(name, path, [], frameworks)
    seen: dict[str, int] = {}
    for node, line in zip(notebook.cells, notebook.metadata["source_map"]):
        # Jupytext counts the empty lines before a Markdown cell to it.
        while node.cell_type == "markdown" and not lines[line].strip():
            line += 1
        cell = _cell(node, line + 1, path, frameworks)
        # The same text twice on a page still needs two different ids.
        seen[cell.id] = seen.get(cell.id, 0) + 1
        if seen[cell.id] > 1:
            cell.id += f"-{seen[cell.id]}"
        page.cells.append(cell)
    _check_twins(page, frameworks)
    return page


def _cell(
    node: NotebookNode, line: int, path: Path, frameworks: dict
) -> Cell:
    metadata = dict(node.metadata)
    tags = list(metadata.pop("tags", []))
    owners = [tag for tag in tags if tag in frameworks]
    others = [tag for tag in tags if tag not in frameworks]
    if unknown := [tag for tag in others if tag not in TAGS]:
        raise SourceError(
            f"{path}:{line}: unknown tag {unknown[0]!r}; a cell's tags are "
            f"a framework ({', '.join(frameworks)}) or one of "
            + ", ".join(sorted(TAGS))
        )
    if len(owners) > 1:
        raise SourceError(
            f"{path}:{line}: a cell belongs to one framework or, untagged, "
            f"to all, not to {' and '.join(owners)}"
        )
    owner = owners[0] if owners else None
    text = json.dumps([node.cell_type, owner, node.source])
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return Cell(
        digest, node.cell_type, node.source, line, owner, others, metadata
    )


def runs(page: Page) -> list[list[Cell]]:
    """Group the cells: neighbors of different frameworks stand together."""
    groups: list[list[Cell]] = []
    for cell in page.cells:
        owners = {twin.framework for twin in groups[-1]} if groups else {None}
        if None in owners | {cell.framework} or cell.framework in owners:
            groups.append([cell])
        else:
            groups[-1].append(cell)
    return groups


def _check_twins(page: Page, frameworks: dict[str, Framework]) -> None:
    for group in runs(page):
        owners = [cell.framework for cell in group]
        if owners == [None] or sorted(owners) == sorted(frameworks):
            continue
        missing = [name for name in frameworks if name not in owners]
        raise SourceError(
            f"{page.path}:{group[0].line}: this cell for "
            f"{' and '.join(owners)} has no twin for "
            f"{' and '.join(missing)}; write one beside it: "
            f"{group[0].first_line}"
        )
