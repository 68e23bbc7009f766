"""Find out what this machine cannot execute, so that committed outputs stand in.

A machine may lack the data, a framework's environment, a system library, or a
kernel. None of that is a fault of the sources, so none of it fails a build: the
pages concerned show the outputs that are committed with the book.
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

# Which kernels have no environment, and why: written by bookbuild/environments.py.
MISSING = Path(".envs", "missing.json")
IMPORT_TIMEOUT = 300  # seconds
# Debian's packages of the system libraries that MXNet's wheel needs.
LIBRARIES = {"libgomp.so.1": "libgomp1", "libquadmath.so.0": "libquadmath0"}


@dataclass(frozen=True)
class Obstacle:
    """Why this machine cannot execute a page.

    `reason` is a clause, such as "MXNet has no wheel for this machine", and
    `explanation` says in sentences what went wrong and what to do. `permanent` says that no later build on this machine could do better.
    """

    reason: str
    explanation: str
    permanent: bool = False

    def __str__(self) -> str:
        return f"{self.sentence}\n{self.explanation}"

    @property
    def sentence(self) -> str:
        return f"{self.reason[0].upper()}{self.reason[1:]}."


def find_obstacle(root: Path, framework: Framework) -> Obstacle | None:
    """Return what is known to keep a framework from running, if anything is.

    Looks at the declared platforms and at the environments that could not be
    made. Starts nothing.
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
            f"{framework.label} has no working environment on this machine",
            cause,
        )
    return None


# Tells a machine that cannot import a framework from a fault in the helpers.
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
    """Return what keeps a framework's kernel from working, if anything does.

    Imports the framework in its own Python. This takes seconds, so ask only
    after a cell has failed. A fault in the helpers is no obstacle.
    """
    remake = f"Remove .envs/{framework.kernel} and run the command again."
    manager = KernelManager(kernel_name=framework.kernel)
    try:
        python = manager.format_kernel_cmd()[0]
    except NoSuchKernel:
        return Obstacle(
            f"the kernel {framework.kernel} of {framework.label} is not "
            "installed on this machine",
            "Run make book, which installs it.",
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
            f"the kernel of {framework.label} does not start on this machine",
            f"{error}. {remake}",
        )
    if done.returncode == 0:
        return None
    reason = f"{framework.label} cannot be imported on this machine"
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return Obstacle(
            reason,
            f"Its import ends with {name}. The wheel may require a different processor.",
        )
    said = (done.stderr.strip() or f"status {done.returncode}").splitlines()[-1]
    if match := re.search(r"([\w.+-]+): cannot open shared object", said):
        # A loader names only the first library that it misses.
        debian = f" (Debian: apt install {' '.join(LIBRARIES.values())})"
        return Obstacle(
            reason,
            f"Install the system library {match[1]}"
            f"{debian if match[1] in LIBRARIES else ''}.",
        )
    return Obstacle(reason, f"{said}. {remake}")


def find_data(folder: Path) -> tuple[Obstacle | None, dict[str, str]]:
    """Fetch Fashion-MNIST once, before kernels that would each wait for it.

    Returns what keeps the data away, if anything does, and the environment
    variables that the kernels need. If the data cannot be kept in the cache,
    or a file there is damaged, they go to `folder`: otherwise each kernel
    would fetch them again, and say so in the outputs of a page.
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
            "Fashion-MNIST could neither be found on this machine nor "
            "downloaded",
            str(error),
        )
        # A kernel that asks for the data is refused at once.
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


class StandIns:
    """The pages that this build did not execute, each with its obstacle."""

    def __init__(self) -> None:
        self._obstacles: dict[tuple[str, str], Obstacle] = {}

    def add(self, page: str, framework: Framework, obstacle: Obstacle) -> None:
        self._obstacles[page, framework.label] = obstacle

    def __len__(self) -> int:
        return len(self._obstacles)

    @property
    def avoidable(self) -> bool:
        """Whether a later build on this machine could execute any of them."""
        return not all(o.permanent for o in self._obstacles.values())

    def summary(self) -> str:
        """List each obstacle with its pages and what to do about it."""
        lines = []
        for obstacle in sorted(
            set(self._obstacles.values()), key=lambda o: o.reason
        ):
            pages = [
                f"{page} ({label})"
                for (page, label), found in self._obstacles.items()
                if found == obstacle
            ]
            lines += [
                f"- {obstacle.sentence}",
                f"  Pages: {', '.join(sorted(pages))}.",
                f"  {obstacle.explanation}",
            ]
        return "\n".join(lines)
