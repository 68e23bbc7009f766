"""Write the first cell of a notebook, which the site does not show.

The cell installs d2l_extras if it is missing, and d2l_extras.colab does the rest. It
prefers the wheel in the notebook's folder or the one above, which needs no network. In
an environment of the book, nothing needs to be installed.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pprint import pformat
from typing import TYPE_CHECKING
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode
from packaging.utils import canonicalize_name

from . import wheel
from .errors import SourceError
from .frameworks import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from .frameworks import Framework
    from .page import Page
    from .settings import Repository

ID = "setup"

SOURCE = '''\
# @title Prepare this machine: run this cell first
import os
import subprocess
import sys

if sys.version_info < (3, 11):
    raise RuntimeError("This notebook needs Python 3.11 or newer, but this is "
                       "%d.%d. Open it in Colab." % sys.version_info[:2])

from importlib.metadata import PackageNotFoundError, version

WANTED = "{version}"
HELPERS = "{content}"
WHEEL = "{wheel}"
{sources}
NEARBY = [path for path in (WHEEL, "../" + WHEEL) if os.path.exists(path)]


def installed():
    try:
        return version("d2l_extras")
    except PackageNotFoundError:
        return "none"


def is_wanted():
    """Return whether d2l_extras has this notebook's version or a clone's."""
    return installed() in (WANTED, WANTED.split("+")[0])


errors = ""
for source in NEARBY + SOURCES:
    if not is_wanted():
        pip = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-input",
             "--retries=1", "--timeout=20", source],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines = pip.stdout.strip().split("\\n")
        errors += ([s for s in lines if "ERROR" in s] or lines)[-1] + " "
if not is_wanted():
    if errors:
        errors = (", which could not be installed from "
                  + " or ".join(NEARBY + SOURCES) + ". Is this machine online, and "
                  "are you allowed to install packages? The errors of pip: " + errors)
    raise RuntimeError("This notebook needs d2l_extras " + WANTED + " (installed: "
                       + installed() + ")" + (errors or ". ") + "Without a network, "
                       "put " + WHEEL + " beside this notebook. It is in the archive "
                       "of all notebooks.")

from d2l_extras.colab import prepare

prepare(
    {arguments},
    helpers=HELPERS,
)'''


def cell(
    page: Page, framework: Framework, repository: Repository, root: Path = ROOT
) -> NotebookNode:
    """Return the first cell, which prepares for the page's cells in a framework.

    Raises SourceError if the framework's lock does not contain a module that the
    page imports.
    """
    version = wheel.version()
    sources, files = [], []
    if repository.public_site:
        branch = quote(repository.branch)
        sources = [
            f"{repository.site}{wheel.FOLDER}/{quote(wheel.name())}",
            f"{repository.url}/archive/refs/heads/{branch}.zip",
        ]
        beside = page.files(framework.name)
        files = [repository.raw(p.relative_to(root).as_posix()) for p in beside]
    arguments = {
        "platforms": framework.platforms,
        "packages": requirements(page, framework, root),
        "versions": framework.versions,
        "upgrades": framework.upgrades,
        "no_deps": framework.no_deps,
        "files": files,
    }
    lines = [f"{framework.name!r}, {framework.label!r}"]
    lines += [_assigned(f"    {k}=", v) for k, v in arguments.items() if v]
    node = nbformat.v4.new_code_cell(
        SOURCE.format(
            version=version,
            content=wheel.content(),
            wheel=wheel.name(),
            sources=_assigned("SOURCES = ", sources),
            arguments=",\n".join(lines),
        ),
        id=ID,
    )
    # Its output describes one machine, so the output is neither kept nor compared.
    # Colab and JupyterLab fold its code.
    node.metadata.update(
        tags=["nbval-ignore-output"],
        cellView="form",
        jupyter={"source_hidden": True},
    )
    return node


def _assigned(head: str, value: list[str] | dict[str, str]) -> str:
    """Return code that assigns a list or dict, on several lines if it is long."""
    text = pformat(value, width=78 - len(head), sort_dicts=False)
    return head + text.replace("\n", "\n" + " " * len(head))


def requirements(
    page: Page, framework: Framework, root: Path = ROOT
) -> dict[str, str]:
    """Return the requirement to install for each module that a notebook needs.

    Raises SourceError if the framework's lock does not contain a module that the
    page imports.
    """
    pins = framework.pins(root)
    found = {}
    for name in (*framework.needs, *imports(page, framework)):
        package = framework.modules.get(name, name)
        if (pin := pins.get(canonicalize_name(package))) is None:
            raise SourceError(
                f"{page.path}: the {framework.label} notebook imports {name}, which "
                f"{framework.lock} does not contain. Add its package to the extra "
                f"{framework.name} in pyproject.toml, and run make lock. If the "
                "package and the module have different names, add both to `modules` in "
                "kernels/frameworks.toml."
            )
        found[name] = pin
    return found


def imports(page: Page, framework: Framework) -> list[str]:
    """Return the modules that a page imports and a machine may lack, sorted.

    Leaves out modules in the page's folder, and modules that a cell writes, which
    are recognized by their file names in the code.
    """
    codes = [
        cell.source
        for cell in page.code(framework.name)
        if "raises-exception" not in cell.tags
    ]
    found = set().union(*map(_imported, codes)) - {*sys.stdlib_module_names}
    found -= {wheel.PACKAGE, *(path.stem for path in page.files(framework.name))}
    written = "\n".join(codes)
    return sorted(name for name in found if f"{name}.py" not in written)


@cache
def _imported(code: str) -> frozenset[str]:
    """Return the modules that code imports, or none if it is not plain Python."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # an IPython magic, or an error that the page shows
        return frozenset()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return frozenset(found)
