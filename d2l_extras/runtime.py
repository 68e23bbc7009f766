"""Make the machine that a notebook runs on ready for it: its first cell.

The first cell installs this package; the rest is here, where it can be
tested.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from . import __version__, cuda

LABELS = {"mxnet": "MXNet", "tensorflow": "TensorFlow"}
# Where PyPI has a wheel of the framework.
PLATFORMS = {
    "mxnet": ("Linux x86_64", "Linux aarch64", "Darwin x86_64"),
    "tensorflow": (
        "Linux x86_64", "Linux aarch64", "Darwin arm64", "Windows AMD64",
    ),
}  # fmt: skip
# Older ones lack what the notebooks use (TensorFlow 2.16 came with Keras 3).
AT_LEAST = {"numpy": (1, 23), "tensorflow": (2, 16), "mxnet": (1, 9, 1)}
BELOW = {"mxnet": (2,)}
# What is installed where it is lacking; the versions are the book's own.
PINS = {
    "d2l": "1.0.3",
    "mxnet": "1.9.1",
    "palmerpenguins": "0.1.6",
    "pandas": "3.1.1",
    "requests": "2.34.2",
    "scipy": "1.17.1",
    "tensorflow": "2.21.0",
}
# Without what they ask for: pins of years ago, which would take the place of
# what the machine has. What they do need is in EACH.
ALONE = ("d2l", "mxnet", "palmerpenguins")
EACH = ("d2l", "pandas", "requests")
# The compute capabilities that mxnet-cu112 serves, the last one excluded. Its
# wheel holds code for 5.0, 6.0, 7.0, 8.0 and 8.6, which also runs on what comes
# later in the same generation, and none (PTX) to be translated for newer ones.
# Read off the wheel with cuobjdump; seen to fail with error 209 on 9.0.
SERVED = ((5, 0), (9, 0))
# The numbers of the two halves of the capability in the driver's cuda.h.
MAJOR, MINOR = 75, 76
# From this capability on TensorFlow multiplies float32 matrices with factors
# that it has rounded to 11 bits (TensorFloat-32): too coarse for the pages.
ROUNDING = (8, 0)
# What pip says, and what that means for whoever reads it.
REASONS = {
    "No module named pip": "this Python has no pip",
    "No space left": "the disk is full",
    "Permission denied|Read-only file system": (
        "the folder of Python's packages cannot be written"
    ),
    "NewConnectionError|Max retries|timed out|ProxyError|SSLError|name resol"
    "|getaddrinfo|Connection(?: was)? (?:refused|reset|aborted|broken)": (
        "the package index cannot be reached: is this machine online?"
    ),
    "from versions: none": (
        "the package index answered without it: does a proxy answer in its "
        "place, or is this Python too new or too old for it?"
    ),
}


class CannotRun(RuntimeError):
    """The notebook cannot run here; the message says why, and what to do."""

    def _render_traceback_(self) -> list[str]:
        # IPython shows this in the place of a traceback.
        return [f"This notebook cannot run here: {self}"]


def content(folder: Path) -> str:
    """A digest of the helpers in a folder, however their lines end."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.py"), *folder.glob("py.typed")]):
        text = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(path.name.encode() + b"\0" + text + b"\0")
    return digest.hexdigest()[:12]


# When they were imported: they may be other ones on disk by now.
CONTENT = content(Path(__file__).parent)


def prepare(
    framework: str, *modules: str, helpers: str | None = None
) -> None:
    """Install what a notebook of `framework` lacks, and say what is there.

    `modules` are the names of further packages that it imports, `helpers` is
    the digest of the helpers that it was written with. Nothing that is there
    already is changed, so a second run only reports. Raises CannotRun where
    the notebook cannot run.
    """
    label = LABELS[framework]
    machine = f"{platform.system()} {platform.machine()}"
    if machine not in PLATFORMS[framework]:
        raise CannotRun(
            f"{label} has no package for {machine}, only for "
            f"{', '.join(PLATFORMS[framework])}. Open it in Colab"
            + (
                ", or take the TensorFlow notebook."
                if framework == "mxnet"
                else "."
            )
        )
    if metadata.version("d2l_extras") != __version__:
        raise CannotRun(
            f"d2l_extras {__version__} is in use, but "
            f"{metadata.version('d2l_extras')} is installed. Restart the "
            "kernel, and run the notebook again."
        )
    if helpers:
        check_helpers(helpers)
    wanted = (framework, *EACH, *modules)
    lacking = [name for name in wanted if not importlib.util.find_spec(name)]
    if lacking and _is_checkout():
        raise CannotRun(
            f"{' and '.join(lacking)} cannot be found in the environment of "
            f"this kernel, {sys.prefix}, which is the book's own. Choose the "
            f"kernel Python 3 ({label}), which make kernels installs."
        )
    done = install(lacking) if lacking else ["nothing had to be installed"]
    importlib.invalidate_caches()
    for name in (*wanted, "numpy"):
        check_version(name)
    print(f"Python {platform.python_version()}", end=", ")
    print(f"NumPy {metadata.version('numpy')}", end=", ")
    summary = _summary(framework)
    print(summary)
    if "gpu" in summary.lower():
        done += _settle_gpu(framework)
    elif cuda.num_gpus() and not any("GPU" in line for line in done):
        done.append(f"There is a GPU, but this {label} does not use it.")
    print(*done, sep="\n")


def check_helpers(wanted: str) -> None:
    """Raise CannotRun where these are not the helpers with this digest.

    The version of a wheel of the book's site tells by itself; that of a clone,
    and of what is installed from one, stays the same for years.
    """
    if "+" in __version__ or wanted == CONTENT:
        return
    if _is_checkout():
        cure = (
            f"which is a clone of the book in {Path(__file__).parents[1]}. If "
            "it has changed, restart the kernel; if the helpers were changed "
            "there, run make book; and open the notebook that lies there, in "
            "notebooks/, or this one in Colab."
        )
    else:
        cure = (
            "which are those that the book has today. Open today's notebook of "
            "this page from the book's site, in a new runtime."
        )
    raise CannotRun(
        f"it was written with other helpers ({wanted}) than d2l_extras "
        f"{__version__} has here ({CONTENT}), {cure}"
    )


def check_version(name: str) -> None:
    """Raise CannotRun where a package is too old or too new."""
    installed = _version(name)
    if name == "mxnet":
        installed = installed or _version("mxnet-cu112")
    if installed is None:
        return  # installed in another way: its import will tell
    found = tuple(map(int, re.findall(r"\d+", installed)[:3]))
    if found < AT_LEAST.get(name, ()):
        bound = f"{'.'.join(map(str, AT_LEAST[name]))} or newer"
    elif name in BELOW and found >= BELOW[name]:
        bound = f"below {'.'.join(map(str, BELOW[name]))}"
    else:
        return
    raise CannotRun(
        f"it needs {name} {bound}, and this is {installed}. Run "
        f"%pip install {name}=={PINS.get(name, bound)}, restart the kernel, "
        "and run the notebook again."
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def install(names: list[str]) -> list[str]:
    """Install packages at their pinned versions; return what to tell of it.

    Raises CannotRun where that fails.
    """
    told = []
    if "mxnet" in names and cuda.num_gpus() and _install_for_gpu(told):
        names = [name for name in names if name != "mxnet"]
        told.append("installed mxnet-cu112 1.9.1 with CUDA 11")
    alone = [f"{n}=={PINS[n]}" for n in names if n in ALONE]
    others = [f"{n}=={PINS[n]}" for n in names if n not in ALONE]
    if others:
        _pip(*others)
    if alone:
        _pip("--no-deps", *alone)
    if alone or others:
        told.append("installed " + ", ".join([*others, *alone]))
    return told


def _install_for_gpu(told: list[str]) -> bool:
    """Install MXNet for a GPU, with CUDA 11 aside; tell why if that fails."""
    try:
        _check_capability()
        _pip("--no-deps", "--target", str(cuda.FOLDER), *cuda.PACKAGES)
        _pip("--no-deps", "mxnet-cu112==1.9.1")
    except CannotRun as trouble:
        told.append(f"There is a GPU, but MXNet will use the CPU: {trouble}")
        return False
    return True


def _settle_gpu(framework: str) -> list[str]:
    """See to it that the pages compute right on a GPU; return what to tell.

    Raises CannotRun where MXNet holds no code for it.
    """
    if framework == "mxnet":
        try:
            _check_capability()
        except CannotRun as trouble:
            raise CannotRun(
                f"{trouble}. Run %pip uninstall -y mxnet-cu112, restart the "
                "kernel, and run the notebook again: MXNet will use the CPU."
            ) from None
    elif (capability() or (0, 0)) >= ROUNDING:
        config = importlib.import_module("tensorflow").config.experimental
        config.enable_tensor_float_32_execution(False)
        return ["Products are computed in float32, not in TensorFloat-32."]
    return []


def _check_capability() -> None:
    """Raise CannotRun where MXNet holds no code for the first GPU."""
    found = capability()
    if found and not SERVED[0] <= found < SERVED[1]:
        raise CannotRun(
            f"MXNet {PINS['mxnet']} has no code for a GPU of compute "
            f"capability {found[0]}.{found[1]}, only for those from "
            f"{SERVED[0][0]}.{SERVED[0][1]} to below "
            f"{SERVED[1][0]}.{SERVED[1][1]}"
        )


def capability() -> tuple[int, int] | None:
    """Return the compute capability of the first GPU, or None without one."""
    if not cuda.num_gpus():
        return None
    functions = ctypes.CDLL(cuda.DRIVER)
    device, half, found = ctypes.c_int(0), ctypes.c_int(0), []
    failed = functions.cuDeviceGet(ctypes.byref(device), 0)
    for attribute in MAJOR, MINOR:
        failed = failed or functions.cuDeviceGetAttribute(
            ctypes.byref(half), attribute, device
        )
        found.append(half.value)
    return None if failed else (found[0], found[1])


def _is_checkout() -> bool:
    """Whether this package is a clone of the repository, used in place."""
    text = metadata.distribution("d2l_extras").read_text("direct_url.json")
    told = json.loads(text or "{}")
    return told.get("dir_info", {}).get("editable", False)


def _pip(*arguments: str) -> None:
    """Run pip; raise CannotRun that says in a sentence why it failed."""
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
        (said for wrong, said in REASONS.items() if re.search(wrong, output)),
        errors[-1] if errors else "pip gives no reason",
    )
    names = [name for name in arguments if "==" in name]
    raise CannotRun(
        f"{', '.join(names)} could not be installed, since {reason}. Mend "
        "that and run this cell again, or open the notebook in Colab."
    )


def _summary(framework: str) -> str:
    """Import the framework, and return its version and device."""
    label = LABELS[framework]
    # MXNet was compiled with cuDNN 8.1 and warns of the 8.9 that it gets.
    os.environ.setdefault("MXNET_CUDNN_LIB_CHECKING", "0")
    try:
        helper = importlib.import_module(f"d2l_extras.{framework}")
        return helper.summary()
    except (ImportError, OSError) as error:
        library = re.match(r"(\S+): cannot open shared object", str(error))
        if library and library[1] == cuda.DRIVER:
            raise CannotRun(
                "MXNet was installed here for a GPU, whose driver, "
                f"{cuda.DRIVER}, is gone. Start a machine with a GPU, or run "
                "%pip uninstall -y mxnet-cu112, and the notebook again."
            ) from None
        if library:
            raise CannotRun(
                f"{label} needs the system library {library[1]}, which is "
                "not installed. On Debian or Ubuntu: apt install libgomp1 "
                "libquadmath0."
            ) from None
        raise CannotRun(
            f"{label} is installed, but its import fails: {error}. Restart "
            "the kernel and run the notebook again; if that does not help, "
            "open it in Colab."
        ) from error
