"""Run every notebook in a stand-in for Colab's runtime (`make colab`).

The stand-in contains the packages of Colab that our notebooks could encounter: ROOTS
and their dependencies, in the versions of packages.txt, which is Colab's own list. It
uses Colab's version of Python if this machine has it. PyTorch's notebooks run in an
environment with the Python and the PyTorch of the book, because the package index
offers no build of Colab's PyTorch for the CPU.

Each notebook starts in a fresh copy, in an empty folder, without a network except for a
server on this machine, which replaces the package index and the book's site. So any
additional package was installed by the notebook's first cell.

    python -m support.colab.stand_in [--build] [notebook ...]
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock
from urllib.parse import unquote

import nbformat
from filelock import FileLock
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from bookbuild import install_cell, wheel
from bookbuild.environments import UV, SetupError, install
from bookbuild.execution import ANSI
from bookbuild.frameworks import (
    ROOT, Framework, load as load_frameworks, platform_tag,
)  # fmt: skip

LIST = Path(__file__).with_name("packages.txt")
FOLDER = ROOT / ".envs" / "colab"
PYTHON = re.search(r"^# Python (\S+)$", LIST.read_text(), re.MULTILINE)[1]
# What Jupyter and our notebooks request. The stand-in leaves out the rest of the list,
# which consists of packages for other fields.
COMMON = (
    "filelock", "ipykernel", "ipython", "matplotlib", "numpy", "pandas", "pip",
    "platformdirs", "requests", "scipy", "setuptools",
)  # fmt: skip
ROOTS = (*COMMON, "flax", "jax", "keras", "optax", "tensorflow")
KERNEL = "d2l-colab"
POSSIBLE = platform_tag() == "linux-x86_64"  # as Colab's machines are
TIMEOUT = 600  # seconds, for one cell


class Result(NamedTuple):
    """Hold the result of running a notebook.

    `said` is what its first cell printed, `brought` lists the packages that it
    installed, and `error` is the text of an error, or empty.
    """

    notebook: str
    seconds: float
    said: str
    brought: list[str]
    error: str = ""


def listed() -> dict[str, str]:
    """Return the versions in Colab's list by normalized name."""
    pins = re.findall(r"^([\w.-]+)==(\S+)$", LIST.read_text(), re.MULTILINE)
    return {normalized(name): version for name, version in pins}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def find_python(version: str = PYTHON) -> str:
    """Return a Python of this minor version, or else the running one."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    installed = sorted(home.glob(f"versions/{version}.*/bin/python"))
    for python in [*map(str, installed), f"python{version}"]:
        asked = [python, "-c", "import sys; print(*sys.version_info[:2])"]
        try:
            done = subprocess.run(asked, capture_output=True, text=True)
        except FileNotFoundError:
            continue
        if done.stdout.split() == version.split("."):
            return python
    return os.path.realpath(sys.executable)


def build(folder: Path = FOLDER, report: Callable[[str], None] = print) -> Path:
    """Make the stand-in unless it is up to date, and return its folder.

    Calls `report` with a sentence before the download starts. Raises SystemExit if
    something cannot be downloaded.
    """
    pins = listed()
    # flit_core builds the helpers where the site has no wheel of them.
    frameworks = load_frameworks(ROOT)
    mxnet = frameworks["mxnet"]
    wanted = [mxnet.pins()[name] for name in mxnet.no_deps] + ["flit_core<5"]
    for framework in frameworks.values():
        wanted += framework.upgrades
    environments = {"base": (find_python(), ROOTS, "")}
    for framework in frameworks.values():
        if backend := framework.torch_backend:
            python = find_python(framework.python or PYTHON)
            torch = f"{framework.pins()['torch']}+{backend}"
            environments[base_of(framework)] = python, (*COMMON, torch), backend
    recipe = [environments, pins, wanted]
    fingerprint = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
    stamp = folder / "stamp"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name("colab.lock")):
        if stamp.exists() and stamp.read_text() == fingerprint:
            return folder
        report("Making the stand-in of Colab's runtime: about 4 GB")
        stamp.unlink(missing_ok=True)
        try:
            _make(folder, environments, pins, wanted)
        except SetupError as error:
            raise SystemExit(str(error)) from None
        stamp.write_text(fingerprint)
    return folder


def base_of(framework: Framework) -> str:
    """Return the name of the environment in which a framework's notebooks run."""
    return f"base-{framework.name}" if framework.torch_backend else "base"


def _make(folder: Path, environments: dict, pins: dict, wanted: list[str]) -> None:
    """Make the environments, and download what first cells will install."""
    failed = "The stand-in of Colab's runtime could not be made"
    listed_in = LIST.relative_to(ROOT).as_posix()
    constraints = folder / "constraints.txt"
    lines = [f"{name}=={version}" for name, version in pins.items()]
    constraints.write_text("\n".join(lines) + "\n")
    for name, (python, packages, backend) in environments.items():
        base = str(folder / name)
        create = (UV, "venv", "--clear", "--relocatable", "--python", python, base)
        options = ("--python", base, "--constraint", str(constraints), "--no-build")
        add = (UV, "pip", "install", *options, *packages)
        for command in create, add:
            install(command, failed, listed_in, backend)
    wheels = folder / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    python = str(folder / "base" / "bin" / "python")
    download = ("download", "--quiet", "--no-deps", "--dest", str(wheels), *wanted)
    install((python, "-m", "pip", *download), failed, listed_in)


class Server(http.server.ThreadingHTTPServer):
    """Serve a package index at /simple/ and a site at /, from two folders."""

    def __init__(self, wheels: Path, site: Path) -> None:
        handler = functools.partial(Handler, wheels, directory=str(site))
        super().__init__(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Respond like PyPI's simple index, and with the files of a folder."""

    def __init__(self, wheels: Path, *args, **kwargs) -> None:
        self.wheels = wheels
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        page = re.fullmatch(r"/simple/([^/]+)/", self.path)
        file = re.fullmatch(r"/files/([^/]+)", self.path)
        if page:
            links = [
                f'<a href="/files/{path.name}">{path.name}</a>'
                for path in self.wheels.iterdir()
                if normalized(path.name.split("-")[0]) == page[1]
            ]
            self._answer("\n".join(links).encode(), "text/html")
        elif file:
            path = self.wheels / Path(unquote(file[1])).name
            self._answer(path.read_bytes(), "application/zip")
        else:
            super().do_GET()

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the index and the book's wheel, and yield their address."""
    with tempfile.TemporaryDirectory() as site:
        wheel.build(Path(site, wheel.FOLDER))
        with Server(folder / "wheels", Path(site)) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield server.url
            finally:
                server.shutdown()
                thread.join()


@contextlib.contextmanager
def fresh(base: Path) -> Iterator[Path]:
    """Yield the Python of a fresh copy of an environment, and delete the copy."""
    with tempfile.TemporaryDirectory(dir=base.parent) as place:
        copy = Path(place, "runtime")
        shutil.copytree(base, copy, symlinks=True, copy_function=os.link)
        yield copy / "bin" / "python"


def load(path: Path, url: str) -> NotebookNode:
    """Return a notebook whose first cell installs the book's wheel from `url`."""
    node = nbformat.read(path, as_version=4)
    first = node.cells[0]
    assert first.id == install_cell.ID, f"{path} does not begin with its set-up"
    sources = re.compile(r"^SOURCES = \[[^]]*\]$", re.MULTILINE)
    ours = f"SOURCES = ['{url}{wheel.FOLDER}/{wheel.name()}']"
    first.source, found = sources.subn(ours, first.source)
    assert found == 1, f"{path} does not say where the helpers are"
    return node


def execute(node: NotebookNode, python: Path, url: str) -> str:
    """Run a notebook in an empty folder, and return the text of an error, or ""."""
    with (
        tempfile.TemporaryDirectory() as place,
        tempfile.TemporaryDirectory() as home,
    ):
        spec = Path(home, "jupyter", "kernels", KERNEL, "kernel.json")
        spec.parent.mkdir(parents=True)
        launch = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
        argv = [str(python), *launch]
        spec.write_text(
            json.dumps(
                {"argv": argv, "display_name": "Colab", "language": "python"}
            )
        )
        # Only what Colab's own machine would provide, and none of this user's
        # settings, caches, and packages.
        kept = ("PATH", "LANG", "LD_LIBRARY_PATH")
        environment = {k: os.environ[k] for k in kept if k in os.environ}
        environment |= {
            "HOME": home,
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PIP_INDEX_URL": f"{url}simple/",
            "PIP_CONFIG_FILE": os.devnull,
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "PYTHONNOUSERSITE": "1",
        }
        client = NotebookClient(
            node,
            kernel_name=KERNEL,
            resources={"metadata": {"path": place}},
            timeout=TIMEOUT,
            config=Config(
                KernelManager={"transport": "ipc", "ip": f"{home}/kernel"}
            ),
        )
        jupyter = {"JUPYTER_PATH": str(spec.parents[2])}
        try:
            with mock.patch.dict(os.environ, jupyter):
                client.execute(env=environment)
        except (CellExecutionError, DeadKernelError) as error:
            return ANSI.sub("", str(error))
    return ""


def run(path: Path, folder: Path, url: str) -> Result:
    """Run one committed notebook in a fresh copy of the stand-in."""
    node = load(path, url)
    framework = load_frameworks(ROOT)[node.metadata.d2l_extras.framework]
    base, upgrades = folder / base_of(framework), framework.upgrades
    start = time.monotonic()
    with fresh(base) as python:
        before = packages(python)
        error = execute(node, python, url)
        seconds = time.monotonic() - start
        after = packages(python)
    upgraded = {upgrade.partition("==")[0] for upgrade in upgrades}
    lost = {one for one in before - after if one.rpartition("-")[0] not in upgraded}
    assert not lost, f"{path} replaced {', '.join(sorted(lost))}"
    outputs = node.cells[0].get("outputs", [])
    # Without warnings, such as Matplotlib's about a slow first start.
    said = "".join(o["text"] for o in outputs if o.get("name") == "stdout")
    name = path.relative_to(ROOT / "notebooks").with_suffix("").as_posix()
    return Result(name, seconds, said.strip(), sorted(after - before), error)


def packages(python: Path) -> set[str]:
    """Return the packages that are installed for a Python, as name-version."""
    (folder,) = python.parents[1].glob("lib/python3.*/site-packages")
    return {path.stem for path in folder.glob("*.dist-info")}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", action="store_true", help="only make it")
    parser.add_argument("notebooks", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    if not POSSIBLE:
        print("Colab's stand-in: skipped, since this is no Linux on x86-64")
        return 0
    folder = build()
    if options.build:
        return 0
    paths = options.notebooks or sorted(ROOT.glob("notebooks/*/*/*.ipynb"))
    failed = 0
    with served(folder) as url:
        for path in paths:
            result = run(path.resolve(), folder, url)
            failed += bool(result.error)
            verdict = "failed" if result.error else "passed"
            print(f"{result.notebook:55} {result.seconds:6.1f} s  {verdict}")
            print(result.error or result.said, flush=True)
    print(f"{len(paths) - failed} of {len(paths)} notebooks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
