"""Prepare the machine that a notebook runs on.

The first cell of a notebook only installs this package and calls `prepare`. All
other code is here, where it can be tested. The arguments in the cell come from
kernels/frameworks.toml and from the locks listed there.
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

# Patterns in the output of pip and uv, and what they mean.
REASONS = {
    "No module named pip": "this Python has no pip",
    "No space left": "the disk is full",
    "Permission denied|Read-only file system": (
        "the folder for Python's packages is not writable"
    ),
    "NewConnectionError|Max retries|timed out|ProxyError|SSLError|name resol"
    "|error sending request"
    "|getaddrinfo|Connection(?: was)? (?:refused|reset|aborted|broken)": (
        "the package index cannot be reached. Is this machine online?"
    ),
    "from versions: none|No solution found": (
        "the package index does not offer it. Is there a proxy in between, or "
        "is this version of Python too new or too old for the package?"
    ),
}


class CannotRun(RuntimeError):
    """Say why the notebook cannot run here, and what to do about it."""

    def _render_traceback_(self) -> list[str]:
        # IPython shows this instead of a traceback.
        return [f"This notebook cannot run here: {self}"]


def content(folder: Path) -> str:
    """Return a digest of the helpers in a folder, whatever their line endings."""
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
    upgrades: Sequence[str] = (),
    no_deps: Sequence[str] = (),
    files: Sequence[str] = (),
    helpers: str | None = None,
) -> None:
    """Install what a notebook needs and the machine lacks, and report it.

    `label` is the framework's name as readers see it, and `platforms` lists the
    platforms that it has wheels for. `packages` maps each module that the
    notebook imports to the requirement to install if the module is missing.
    Packages in `no_deps` are installed without their dependencies. `versions`
    lists requirements for packages that are already installed, and `upgrades` lists
    those that replace installed packages that do not meet them. `files` lists the
    addresses of files that the notebook reads from its folder, and `helpers` is
    the digest of the helpers that it was written with.

    Nothing else that is already installed is changed, and a second run only reports.
    Raises CannotRun if the notebook cannot run here.
    """
    machine = f"{platform.system()}-{platform.machine()}".lower()
    if machine not in platforms:
        raise CannotRun(
            f"{label} has no package for {machine}, only for "
            f"{', '.join(platforms)}. Open the notebook in Colab, or use another "
            "framework's notebook."
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
    newer = {Requirement(text).name: text for text in upgrades}
    required = sorted(versions, key=lambda text: Requirement(text).name in newer)
    for requirement in required:
        wanted = Requirement(requirement)
        if wanted.name in newer and not _is_met(wanted) and not _is_clone():
            done += install([newer[wanted.name]], no_deps=[wanted.name])
        check_version(requirement, packages)
    importlib.invalidate_caches()
    done += [download(url) for url in files if not Path(_name(url)).exists()]
    python = f"Python {platform.python_version()}"
    numpy = f"NumPy {metadata.version('numpy')}"
    summary = summarize(framework, label)
    is_numpy = summary.startswith(numpy)
    found = [python, summary] if is_numpy else [python, numpy, summary]
    print(*found, sep=", ")
    report = "\n".join([summary, *done]).lower()
    if cuda.num_gpus() and not is_numpy and "gpu" not in report:
        done.append(f"There is a GPU, but this {label} does not use it.")
    print(*(done or ["Nothing had to be installed."]), sep="\n")


def check_helpers(wanted: str) -> None:
    """Raise CannotRun if the digest of these helpers is not `wanted`.

    The version identifies a wheel from the book's site, but not a clone, whose
    version stays the same for years.
    """
    if "+" in __version__ or wanted == CONTENT:
        return
    if _is_clone():
        cure = (
            f"in a clone of the book, {Path(__file__).parents[2]}. If you have "
            "updated the clone, restart the kernel. If you have edited the "
            "helpers, run make book. Then open the notebook in the clone's "
            "folder notebooks/, or open this one in Colab."
        )
    else:
        cure = (
            "those of the current book. Open the current notebook of this page "
            "from the book's site, in a new runtime."
        )
    raise CannotRun(
        f"It was written with version {wanted} of the helpers, but d2l_extras "
        f"{__version__} here contains version {CONTENT}. These helpers are {cure}"
    )


def check_version(requirement: str, packages: Mapping[str, str]) -> None:
    """Raise CannotRun if an installed package does not meet a requirement."""
    wanted = Requirement(requirement)
    if not _is_met(wanted):
        raise CannotRun(
            f"It needs {wanted}, but {wanted.name} {_version(wanted.name)} is "
            f"installed. Run %pip install {packages.get(wanted.name, wanted)}, restart "
            "the kernel, and run the notebook again."
        )


def _is_met(wanted: Requirement) -> bool:
    # A package that was installed in another way is checked when it is imported.
    installed = _version(wanted.name)
    return not installed or wanted.specifier.contains(installed, prereleases=True)


def _version(name: str) -> str | None:
    for distribution in (name, "mxnet-cu112") if name == "mxnet" else (name,):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            pass
    return None


def _is_clone() -> bool:
    """Return whether this package is used in place, in a clone of the repository."""
    text = metadata.distribution("d2l_extras").read_text("direct_url.json")
    source = json.loads(text or "{}")
    return source.get("dir_info", {}).get("editable", False)


# Installation


def install(requirements: list[str], no_deps: Sequence[str] = ()) -> list[str]:
    """Install requirements, and return the lines that report it.

    Packages in `no_deps` are installed without their dependencies, because these
    would replace the machine's packages with versions that are years old. Raises
    CannotRun if the installation fails.
    """
    report = []
    names = {text: Requirement(text).name for text in requirements}
    if "mxnet" in names.values() and cuda.num_gpus():
        try:
            _install_mxnet_for_gpu()
            report.append(f"Installed {cuda.MXNET} with CUDA 11 for the GPU.")
            names = {t: name for t, name in names.items() if name != "mxnet"}
        except RuntimeError as error:
            report.append(
                f"There is a GPU, but MXNet will use the CPU: {error}."
            )
    torch = next((text for text, name in names.items() if name == "torch"), None)
    if torch and platform.system() == "Linux" and not cuda.num_gpus():
        _install_pytorch_for_cpu(torch)
        report.append(f"Installed {torch}.")
        del names[torch]
    alone = [text for text, name in names.items() if name in no_deps]
    others = [text for text, name in names.items() if name not in no_deps]
    if others:
        _pip(*others)
    if alone:
        _pip("--no-deps", *alone)
    if alone or others:
        report.append(f"Installed {', '.join([*others, *alone])}.")
    return report


def _install_mxnet_for_gpu() -> None:
    cuda.check_capability()
    _pip("--no-deps", "--target", str(cuda.FOLDER), *cuda.PACKAGES)
    _pip("--no-deps", cuda.MXNET)


def _install_pytorch_for_cpu(requirement: str) -> None:
    """Install PyTorch without CUDA, which for Linux is not at the package index.

    pip finds this build if it is in a folder that pip is configured to look in.
    Otherwise, uv is installed, which knows the address of PyTorch's own index.
    """
    try:
        _pip(f"{requirement}+cpu")
    except CannotRun:
        _pip("uv>=0.9")
        options = ["--quiet", "--python", sys.executable, "--torch-backend=cpu"]
        _run("uv", "pip", "install", *options, requirement)


def _pip(*arguments: str) -> None:
    options = ["--quiet", "--no-input", "--disable-pip-version-check"]
    _run("pip", "install", *options, "--retries=1", "--timeout=20", *arguments)


def _run(module: str, *arguments: str) -> None:
    """Run pip or uv, and raise CannotRun with the reason if it fails."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    output = done.stdout + done.stderr
    errors = re.findall(r"^(?:ERROR|error): (.*)$", output, re.MULTILINE)
    reason = next(
        (why for wrong, why in REASONS.items() if re.search(wrong, output)),
        errors[-1] if errors else f"{module} ended with status {done.returncode}",
    )
    names = [name for name in arguments if re.search("[=>]=", name)]
    raise CannotRun(
        f"{', '.join(names)} could not be installed because {reason}"
        f"{'' if reason.endswith(('.', '?')) else '.'} Fix that and run this "
        "cell again, or open the notebook in Colab."
    )


def download(url: str) -> str:
    """Download a file into the notebook's folder, and return a line that says so.

    Raises CannotRun if the download fails.
    """
    name = _name(url)
    try:
        with urlopen(url, timeout=20) as answer:
            data = answer.read()
    except OSError as error:
        raise CannotRun(
            f"It reads the file {name}, which could not be downloaded from "
            f"{url} ({error}). Put the file into the notebook's folder."
        ) from None
    Path(name).write_bytes(data)
    return f"Downloaded {name}."


def _name(url: str) -> str:
    return url.rpartition("/")[2]


# The framework


def summarize(framework: str, label: str) -> str:
    """Import the framework, and return its version and device.

    Raises CannotRun if the import fails.
    """
    try:
        return importlib.import_module(f"d2l_extras.{framework}").summary()
    except (ImportError, OSError) as error:
        library = re.match(r"(\S+): cannot open shared object", str(error))
        if library and library[1] == cuda.DRIVER:
            raise CannotRun(
                "MXNet was installed here for a GPU, but the GPU's driver, "
                f"{cuda.DRIVER}, is missing. Start a machine with a GPU, or run "
                "%pip uninstall -y mxnet-cu112, and run the notebook again."
            ) from None
        if library:
            raise CannotRun(
                f"{label} needs the system library {library[1]}, which is "
                "not installed. On Debian or Ubuntu: apt install libgomp1 "
                "libquadmath0."
            ) from None
        raise CannotRun(
            f"{label} is installed, but cannot be imported: {error}. Restart "
            "the kernel and run the notebook again. If that does not help, "
            "open it in Colab."
        ) from error
    except RuntimeError as error:
        raise CannotRun(str(error)) from None
