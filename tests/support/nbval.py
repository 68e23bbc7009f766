"""Execute a committed notebook again and compare its outputs.

    python -m support.nbval notebooks/mxnet/linear-networks/....ipynb

The folder determines which framework's kernel executes the notebook. sanitize.cfg
lists what may differ between machines, with the reasons.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from bookbuild import frameworks
from bookbuild.build import Book
from bookbuild.execution import Kernels
from bookbuild.executor import cpus, loads_data

from . import ROOT

SANITIZE = Path(__file__).parent / "sanitize.cfg"
KERNELS = ROOT / ".envs" / "share" / "jupyter"


def command(path: Path, kernel: str) -> list[str]:
    """Return the command that compares a notebook, to be run in its folder."""
    # Use a separate configuration and root, so that those of the book's tests do not
    # apply.
    return [
        sys.executable, "-m", "pytest", "--nbval", path.name, "-q",
        f"--rootdir={path.parent}", "-c", os.devnull, "-p", "no:cacheprovider",
        f"--nbval-kernel-name={kernel}", f"--nbval-sanitize-with={SANITIZE}",
        "--nbval-cell-timeout=600",
    ]  # fmt: skip


def nbval(
    path: Path, kernel: str, limits: dict[str, str] | None = None
) -> subprocess.CompletedProcess:
    """Compare a notebook in its own pytest process, and return how that ended.

    `limits` are limits on threads, unless the environment already sets them.
    """
    return subprocess.run(
        [*command(path, kernel), "--color=no"],
        cwd=path.parent,
        env={
            **(limits or {}),
            **os.environ,
            "JUPYTER_PATH": str(KERNELS),
            "NO_COLOR": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def kernel_of(path: Path) -> str:
    """Return the kernel of a committed notebook.

    Raises ValueError if the path is not that of a committed notebook.
    """
    known = frameworks.load(ROOT)
    folder = ROOT / "notebooks"
    name = path.relative_to(folder).parts[0] if folder in path.parents else ""
    if name not in known or path.suffix != ".ipynb" or not path.is_file():
        examples = sorted(folder.rglob("*.ipynb"))
        example = (
            f", such as {examples[0].relative_to(ROOT)}" if examples else ""
        )
        raise ValueError(
            f"{path} is not one of the committed notebooks. Name one"
            f"{example}, as in make nbval NOTEBOOK=..."
        )
    return known[name].kernel


def notebooks(quick: bool | None = None) -> pytest.MarkDecorator:
    """Run a test for each committed notebook, or for the quick or slow ones.

    A notebook is quick if it does not load the data set.
    """
    book, chosen = Book(ROOT), []
    for page in book.pages():
        for framework in page.frameworks.values():
            if quick is None or quick != loads_data(page, framework):
                path = book.committed(page, framework)
                name = f"{framework.name}/{page.name}"
                chosen.append(pytest.param(path, framework, id=name))
    return pytest.mark.parametrize(("path", "framework"), chosen)


def assert_same_outputs(path: Path, framework: frameworks.Framework) -> None:
    """Execute a committed notebook again and compare every output."""
    if not framework.available:
        pytest.skip(f"{framework.label} has no wheel for this machine")
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    limits = Kernels(max(1, cpus() // workers)).variables(framework)
    done = nbval(path, framework.kernel, limits)
    assert done.returncode == 0, done.stdout[-6000:]
    cells = nbformat.read(path, as_version=4).cells
    code = sum(cell.cell_type == "code" for cell in cells)
    assert f"{code} passed" in done.stdout


def main(arguments: list[str]) -> int | str:
    if len(arguments) != 1:
        return "Name one notebook, as in make nbval NOTEBOOK=notebooks/..."
    path = Path(arguments[0]).resolve()
    try:
        kernel = kernel_of(path)
    except ValueError as error:
        return str(error)
    if not (KERNELS / "kernels" / kernel).is_dir():
        return f"The kernel {kernel} is not installed. Run make setup to see why."
    environment = {**os.environ, "JUPYTER_PATH": str(KERNELS)}
    return subprocess.run(
        command(path, kernel), cwd=path.parent, env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
