"""Prepare the machine that a notebook runs on.

The first cell of a notebook installs this package and calls `prepare`. The rest
is here, where it can be tested. What the cell passes comes from
kernels/frameworks.toml and the lock that this file names.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from urllib.request import urlopen

from packaging.requirements import Requirement

from d2l_extras import __version__

from . import cuda

# Patterns in what pip prints, and what to tell the user.
REASONS = {
    "No module named pip": "this Python has no pip",
    "No space left": "the disk is full",
    "Permission denied|Read-only file system": (
        "the folder of Python's packages cannot be written"
    ),
    "NewConnectionError|Max retries|timed out|ProxyError|SSLError|name resol"
    "|getaddrinfo|Connection(?: was)? (?:refused|reset|aborted|broken)": (
        "the package index cannot be reached. Is this machine online?"
    ),
    "from versions: none": (
        "the package index does not have it. Does a proxy answer in place of "
        "the index, or is this Python too new or too old for the package?"
    ),
}


class CannotRun(RuntimeError):
    """The notebook cannot run here. The message says why, and what to do."""

    def _render_traceback_(self) -> list[str]:
        # IPython shows this instead of a traceback.
        return [f"This notebook cannot run here: {self}"]


def content(folder: Path) -> str:
    """Return a digest of the helpers in a folder, however their lines end."""
    digest = hashlib.sha256()
    files = [*folder.rglob("*.py"), *folder.glob("fonts/*"), *folder.glob("py.typed")]
    for path in sorted(files):
        name = path.relative_to(folder).as_posix()
        text = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(name.encode() + b"\0" + text + b"\0")
    return digest.hexdigest()[:12]


# Computed at import, because the files may change afterwards.
CONTENT = content(Path(__file__).parents[1])


def prepare(
    framework: str,
    label: str,
    *,
    platforms: Sequence[str],
    packages: Mapping[str, str],
    versions: Sequence[str] = (),
    no_deps: Sequence[str] = (),
    files: Sequence[str] = (),
    helpers: str | None = None,
) -> None:
    """Install what a notebook needs and the machine lacks, and report it.

    `label` is the name of the framework for readers, and `platforms` lists where
    it has wheels. `packages` maps each module that the notebook imports to the
    requirement to install if it is missing; those in `no_deps` are installed
    without their dependencies. `versions` are the requirements that packages
    have to meet which are already there. `files` are the addresses of files
    that the notebook reads from its folder, and `helpers` is the digest of the
    helpers that it was written with.

    Nothing that is already there is changed, so a second run only reports.
    Raises CannotRun if the notebook cannot run.
    """
    machine = f"{platform.system()}-{platform.machine()}".lower()
    if machine not in platforms:
        raise CannotRun(
            f"{label} has no package for {machine}, only for "
            f"{', '.join(platforms)}. Open the notebook in Colab, or take that "
            "of another framework."
        )
    installed = metadata.version("d2l_extras")
    if installed != __version__:
        raise CannotRun(
            f"d2l_extras {__version__} is in use, but {installed} is "
            "installed. Restart the kernel, and run the notebook again."
        )
    if helpers:
        check_helpers(helpers)
    missing = [name for name in packages if not importlib.util.find_spec(name)]
    if missing and _is_clone():
        raise CannotRun(
            f"{' and '.join(missing)} cannot be found in the environment of "
            f"this kernel, {sys.prefix}, which belongs to the book. Choose the "
            f"kernel Python 3 ({label}), which make kernels installs."
        )
    done = install([packages[name] for name in missing], no_deps)
    importlib.invalidate_caches()
    for requirement in versions:
        check_version(requirement, packages)
    done += [download(url) for url in files if not Path(_name(url)).exists()]
    print(f"Python {platform.python_version()}", end=", ")
    print(f"NumPy {metadata.version('numpy')}", end="")
    summary = summarize(framework, label)
    print(f", {summary}" if summary else "")
    told = "\n".join([summary, *done]).lower()
    if cuda.num_gpus() and summary and "gpu" not in told:
        done.append(f"There is a GPU, but this {label} does not use it.")
    print(*(done or ["Nothing had to be installed."]), sep="\n")


def check_helpers(wanted: str) -> None:
    """Raise CannotRun if the digest of these helpers is not `wanted`.

    A wheel from the book's site is identified by its version. A clone, and what
    is installed from one, has the same version for years.
    """
    if "+" in __version__ or wanted == CONTENT:
        return
    if _is_clone():
        cure = (
            f"a clone of the book in {Path(__file__).parents[2]}. If it has "
            "changed, restart the kernel. If the helpers were changed there, "
            "run make book. Then open the notebook in its folder notebooks/, "
            "or open this one in Colab."
        )
    else:
        cure = (
            "the helpers that the book has today. Open today's notebook of "
            "this page from the book's site, in a new runtime."
        )
    raise CannotRun(
        f"It was written with other helpers ({wanted}) than those of d2l_extras "
        f"{__version__} here ({CONTENT}), which are {cure}"
    )


def check_version(requirement: str, packages: Mapping[str, str]) -> None:
    """Raise CannotRun if an installed package does not meet a requirement."""
    wanted = Requirement(requirement)
    installed = _version(wanted.name)
    if wanted.name == "mxnet":
        installed = installed or _version("mxnet-cu112")
    # If it was installed in another way, its import will tell.
    if installed and not wanted.specifier.contains(installed, prereleases=True):
        raise CannotRun(
            f"It needs {wanted}, and {wanted.name} {installed} is installed. "
            f"Run %pip install {packages.get(wanted.name, wanted)}, restart "
            "the kernel, and run the notebook again."
        )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _is_clone() -> bool:
    """Return whether this package is a clone of the repository, used in place."""
    text = metadata.distribution("d2l_extras").read_text("direct_url.json")
    source = json.loads(text or "{}")
    return source.get("dir_info", {}).get("editable", False)


# Installation


def install(requirements: list[str], no_deps: Sequence[str] = ()) -> list[str]:
    """Install requirements, and return the lines that report it.

    Packages of `no_deps` are installed without their dependencies, whose
    versions of years ago would replace those of this machine. Raises CannotRun
    if that fails.
    """
    told = []
    names = {text: Requirement(text).name for text in requirements}
    if "mxnet" in names.values() and cuda.num_gpus():
        try:
            _install_mxnet_for_gpu()
            told.append(f"Installed {cuda.MXNET} with CUDA 11 for the GPU.")
            names = {t: name for t, name in names.items() if name != "mxnet"}
        except RuntimeError as error:
            told.append(
                f"There is a GPU, but MXNet will use the CPU: {error}."
            )
    alone = [text for text, name in names.items() if name in no_deps]
    others = [text for text, name in names.items() if name not in no_deps]
    if others:
        _pip(*others)
    if alone:
        _pip("--no-deps", *alone)
    if alone or others:
        told.append(f"Installed {', '.join([*others, *alone])}.")
    return told


def _install_mxnet_for_gpu() -> None:
    cuda.check_capability()
    _pip("--no-deps", "--target", str(cuda.FOLDER), *cuda.PACKAGES)
    _pip("--no-deps", cuda.MXNET)


def _pip(*arguments: str) -> None:
    """Run pip. Raise CannotRun that says in a sentence why it failed."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--retries=1", "--timeout=20"]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return
    output = done.stdout + done.stderr
    errors = re.findall(r"^ERROR: (.*)$", output, re.MULTILINE)
    reason = next(
        (why for wrong, why in REASONS.items() if re.search(wrong, output)),
        errors[-1] if errors else "pip gives no reason",
    )
    names = [name for name in arguments if "==" in name]
    raise CannotRun(
        f"{', '.join(names)} could not be installed because {reason}"
        f"{'' if reason.endswith(('.', '?')) else '.'} Fix that and run this "
        "cell again, or open the notebook in Colab."
    )


def download(url: str) -> str:
    """Download a file into the notebook's folder, and return what to report.

    Raises CannotRun if that fails.
    """
    name = _name(url)
    try:
        with urlopen(url, timeout=20) as answer:
            data = answer.read()
    except OSError as error:
        raise CannotRun(
            f"It reads the file {name}, which could not be downloaded from "
            f"{url} ({error}). Put the file into the folder of the notebook."
        ) from None
    Path(name).write_bytes(data)
    return f"Downloaded {name}."


def _name(url: str) -> str:
    return url.rpartition("/")[2]


# The framework


def summarize(framework: str, label: str) -> str:
    """Import the framework, and return its version and device.

    A framework without a helper module, such as plain NumPy, has no summary.
    Raises CannotRun if the import fails.
    """
    if not importlib.util.find_spec(f"d2l_extras.{framework}"):
        return ""
    try:
        return importlib.import_module(f"d2l_extras.{framework}").summary()
    except (ImportError, OSError) as error:
        library = re.match(r"(\S+): cannot open shared object", str(error))
        if library and library[1] == cuda.DRIVER:
            raise CannotRun(
                "MXNet was installed here for a GPU, but the GPU's driver, "
                f"{cuda.DRIVER}, is missing. Start a machine with a GPU, or "
                "run %pip uninstall -y mxnet-cu112 and then the notebook again."
            ) from None
        if library:
            raise CannotRun(
                f"{label} needs the system library {library[1]}, which is "
                "not installed. On Debian or Ubuntu: apt install libgomp1 "
                "libquadmath0."
            ) from None
        raise CannotRun(
            f"{label} is installed, but its import fails: {error}. Restart "
            "the kernel and run the notebook again. If that does not help, "
            "open it in Colab."
        ) from error
    except RuntimeError as error:
        raise CannotRun(str(error)) from None
