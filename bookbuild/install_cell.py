"""The first cell of every notebook, which the book does not show.

It installs d2l_extras where it is lacking, and lets d2l_extras.runtime do the
rest. On a machine of the book's own there is nothing to install.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode

from . import wheel
from .errors import SourceError
from .frameworks import ROOT

if TYPE_CHECKING:
    from .frameworks import Framework
    from .page import Page
    from .settings import Repository

ID = "setup"
# What comes with d2l_extras, with Jupyter or with a framework.
PRESENT = {"d2l_extras", "numpy", "matplotlib", "IPython", "keras"}


def _constants(module: Path, *names: str) -> list:
    """What a module says of itself, read off its text: an import of d2l_extras
    brings matplotlib, a tenth of what a build after a changed sentence takes.
    """
    found = {
        target.id: node.value
        for node in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return [ast.literal_eval(found[name]) for name in names]


EACH, PINS = _constants(ROOT / "d2l_extras" / "runtime.py", "EACH", "PINS")

SOURCE = '''\
# @title Prepare this machine: run this cell first
import subprocess
import sys

if sys.version_info < (3, 11):
    raise RuntimeError("This notebook needs Python 3.11 or newer, and this is "
                       "%d.%d. Open it in Colab." % sys.version_info[:2])

from importlib.metadata import PackageNotFoundError, version

WANTED = "{version}"
HELPERS = "{content}"
SOURCES = {sources}


def fits():
    """Is d2l_extras here, of this notebook's version or of a clone?"""
    return found() in (WANTED, WANTED.split("+")[0])


def found():
    try:
        return version("d2l_extras")
    except PackageNotFoundError:
        return "none"


said = ""
for source in SOURCES:
    if not fits():
        pip = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-input",
             "--retries=1", "--timeout=20", source],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines = pip.stdout.strip().split("\\n")
        said += ([s for s in lines if "ERROR" in s] or lines)[-1] + " "
if not fits():
    raise RuntimeError("This notebook needs d2l_extras " + WANTED + ", here is "
                       + found() + ", and it could not be installed from "
                       + " or ".join(SOURCES) + ". Is this machine online, "
                       "and may it install packages? pip says: " + said)

from d2l_extras.runtime import prepare

prepare({arguments}, helpers=HELPERS)'''


def cell(page: Page, framework: Framework, repository: Repository) -> NotebookNode:
    """The cell, for the packages that the page's cells import."""
    names = [framework.name, *imports(page, framework)]
    version = wheel.version()
    sources = []
    if repository.site:
        file = quote(wheel.name())
        branch = quote(repository.branch)
        sources = [
            f"{repository.site}{wheel.FOLDER}/{file}",
            f"{repository.url}/archive/refs/heads/{branch}.zip",
        ]
    lines = ",\n".join(f'    "{source}"' for source in sources)
    node = nbformat.v4.new_code_cell(
        SOURCE.format(
            version=version,
            content=wheel.content(),
            sources=f"[\n{lines},\n]" if sources else "[]",
            arguments=", ".join(f'"{name}"' for name in names),
        ),
        id=ID,
    )
    # What it prints is of one machine, so neither it nor a comparison of it
    # is kept; Colab and JupyterLab fold its code.
    node.metadata.update(
        tags=["nbval-ignore-output"],
        cellView="form",
        jupyter={"source_hidden": True},
    )
    return node


def imports(page: Page, framework: Framework) -> list[str]:
    """The packages that a page imports and a machine may lack, sorted.

    Raises SourceError for one that d2l_extras.runtime cannot install.
    """
    found = set()
    for cell in page.code(framework.name):
        if "raises-exception" not in cell.tags:
            found |= _imported(cell.source)
    found -= {*sys.stdlib_module_names, *PRESENT, *EACH, framework.name}
    for name in sorted(found - PINS.keys()):
        raise SourceError(
            f"{page.path}: the {framework.label} notebook imports {name}, "
            "which its first cell cannot install: add it, with the version of "
            f"{framework.lock}, to PINS in d2l_extras/runtime.py"
        )
    return sorted(found)


@cache
def _imported(code: str) -> frozenset[str]:
    """The packages that code imports, as far as it is plain Python."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # a magic of IPython, or its execution will tell
        return frozenset()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return frozenset(found)
