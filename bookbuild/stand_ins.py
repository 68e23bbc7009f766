"""Find out what this machine cannot execute, so that committed outputs are used.

A machine may lack the data, a framework's environment, a system library, or a
kernel. These are not faults of the sources, so the build succeeds, and the affected
pages show the outputs that are committed with the book.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from jupyter_client import KernelManager
from jupyter_client.kernelspec import NoSuchKernel

from .frameworks import Framework, platform_tag

# Lists the kernels that have no environment, and why (see bookbuild/environments.py).
MISSING = Path(".envs", "missing.json")
IMPORT_TIMEOUT = 300  # seconds
# The system libraries that MXNet's wheel needs, and their Debian packages.
LIBRARIES = {"libgomp.so.1": "libgomp1", "libquadmath.so.0": "libquadmath0"}


@dataclass(frozen=True)
class Obstacle:
    """Say why this machine cannot execute a page.

    `reason` is a clause, such as "MXNet has no wheel for this machine", and
    `explanation` is a text that says what went wrong and what to do. If `permanent`,
    later builds on this machine cannot execute the page either.
    """

    reason: str
    explanation: str
    permanent: bool = False

    def __str__(self) -> str:
        return f"{self.reason}.\n{self.explanation}"


def find_obstacle(root: Path, framework: Framework) -> Obstacle | None:
    """Return the known reason why a framework cannot run here, if any.

    Looks up the declared platforms and the environments that could not be made,
    without starting anything.
    """
    if not framework.available:
        return Obstacle(
            f"{framework.label} has no wheel for this machine "
            f"({platform_tag()})",
            f"Build the book on one of: {', '.join(framework.platforms)}.",
            permanent=True,
        )
    try:
        missing = json.loads((root / MISSING).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if cause := missing.get(framework.kernel):
        return Obstacle(
            f"{framework.label} has no working environment on this machine", cause
        )
    return None


# Fails only if the framework cannot be imported, not if the helpers have a fault.
IMPORT = """\
import sys, traceback
try:
    import {}
except Exception as error:
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    if last.startswith(sys.argv[1]) and "shared object" not in str(error):
        sys.exit(0)
    raise
"""


def diagnose_kernel(root: Path, framework: Framework) -> Obstacle | None:
    """Find out why a framework's kernel does not work, if it does not.

    Imports the framework in its own Python, which takes several seconds, so call
    this only after a cell has failed. A fault in the helpers is not an obstacle.
    """
    remake = f"Remove .envs/{framework.kernel} and run the command again."
    manager = KernelManager(kernel_name=framework.kernel)
    try:
        python = manager.format_kernel_cmd()[0]
    except NoSuchKernel:
        return Obstacle(
            f"The kernel {framework.kernel} of {framework.label} is not "
            "installed on this machine",
            "Run make book to install it.",
        )
    modules = ["ipykernel"]
    if (root / "d2l_extras" / f"{framework.name}.py").exists():
        modules.append(f"d2l_extras.{framework.name}")
    try:
        done = subprocess.run(
            [python, "-c", IMPORT.format(", ".join(modules)), str(root)],
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=IMPORT_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Obstacle(
            f"The kernel of {framework.label} does not start on this machine",
            f"{error}. {remake}",
        )
    if done.returncode == 0:
        return None
    reason = f"{framework.label} cannot be imported on this machine"
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return Obstacle(
            reason,
            f"Importing it ends with {name}. Its wheel may require a different "
            "processor.",
        )
    error = (done.stderr.strip() or f"status {done.returncode}").splitlines()[-1]
    if match := re.search(r"([\w.+-]+): cannot open shared object", error):
        # The loader names only the first missing library, so suggest both.
        debian = f" (Debian: apt install {' '.join(LIBRARIES.values())})"
        return Obstacle(
            reason,
            f"Install the system library {match[1]}"
            f"{debian if match[1] in LIBRARIES else ''}.",
        )
    return Obstacle(reason, f"{error}. {remake}")


def find_data(folder: Path) -> tuple[Obstacle | None, dict[str, str]]:
    """Fetch Fashion-MNIST once, so that the kernels do not have to wait for it.

    Returns the reason why the data are not available, if any, and the environment
    variables that the kernels need. If the data cannot be kept in the cache, or if a
    file there is damaged, they are written to `folder`. Otherwise, each kernel would
    fetch them again, and a page would show the warning among its outputs.
    """
    import numpy as np

    from d2l_extras.download import FILES, VARIABLE, DatasetNotAvailable
    from d2l_extras.fashion_mnist import fashion_mnist

    try:
        with warnings.catch_warnings(record=True) as problems:
            warnings.simplefilter("always")
            found = fashion_mnist()
    except DatasetNotAvailable as error:
        obstacle = Obstacle(
            "Fashion-MNIST could neither be found on this machine nor downloaded",
            str(error),
        )
        # This keeps the kernels from trying to download it again.
        return obstacle, {VARIABLE: os.devnull}
    if not problems:
        return None, {}
    for problem in problems:
        print(problem.message, file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(FILES, found, strict=True):
        shape = np.array(array.shape, ">u4").tobytes()
        header = bytes([0, 0, 8, array.ndim]) + shape
        (folder / name).write_bytes(header + array.astype(np.uint8).tobytes())
    return None, {VARIABLE: str(folder)}


class StandIns(dict[tuple[str, str], Obstacle]):
    """Map the pages that were not executed, by name and framework, to the reasons."""

    @property
    def avoidable(self) -> bool:
        """Return whether a later build on this machine could execute any of them."""
        return not all(obstacle.permanent for obstacle in self.values())

    def summary(self) -> str:
        """List each obstacle with its pages, and say what to do about it."""
        pages: dict[Obstacle, list[str]] = {}
        for (page, label), obstacle in sorted(self.items()):
            pages.setdefault(obstacle, []).append(f"{page} ({label})")
        lines = []
        for obstacle in sorted(pages, key=lambda obstacle: obstacle.reason):
            lines += [
                f"- {obstacle.reason}.",
                f"  Pages: {', '.join(pages[obstacle])}.",
                f"  {obstacle.explanation}",
            ]
        return "\n".join(lines)
