"""Make the environments that the book is built and executed in.

    python3.11 -m _ext.bootstrap [mxnet ...]          make what is missing
    python3.11 -m _ext.bootstrap --no-kernel          only what renders pages
    python3.11 -m _ext.bootstrap --share              kernels for Jupyter, too
    python3.11 -m _ext.bootstrap --audit              only what audits the locks
    python3.11 -m _ext.bootstrap --lock [--upgrade]   renew the locks

A bare Python 3.11 runs this, so it needs nothing but the standard library.
Everything goes under .envs/: `uv`, installed by pip, which makes the others;
`book`, which builds and tests; one environment a framework, named as its
kernel; `audit`, if it is asked for; and share/jupyter/, where Jupyter finds
those kernels if JUPYTER_PATH names it. An environment is made in .envs/.new and
renamed when it is complete, with a stamp of what it was made from, so one that
can be seen is whole.
"""

import sys

# Older Pythons must get as far as this sentence: up to here, and in the syntax
# of the whole file, nothing is newer than Python 3.6.
if sys.version_info[:2] != (3, 11):
    sys.exit(
        "The book needs Python 3.11, and this is Python {}.{}: install 3.11 "
        "(Debian 12: apt install python3 python3-venv; elsewhere: pyenv "
        "install 3.11 or uv python install 3.11).".format(*sys.version_info)
    )

import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import time
import tomllib
from pathlib import Path
from typing import NamedTuple, TextIO

from _ext.frameworks import Framework, load, platform_tag

ROOT = Path(__file__).resolve().parent.parent
ENVS = ROOT / ".envs"
KERNELS = ENVS / "share" / "jupyter" / "kernels"
SITE_PACKAGES = Path("lib", "python3.11", "site-packages")

# Commands run in ROOT; these paths are relative, so that an environment's
# stamp holds the checkout's place only where it matters.
UV = ".envs/uv/bin/uv"
NEW = ".envs/.new"
NEW_PYTHON = NEW + "/bin/python"
UV_LOCK = ".envs/uv.txt"
AUDIT_LOCK = "_ext/audit.txt"
# The interpreter itself, whether or not a virtual environment is active.
PYTHON = os.path.realpath(sys.executable)

AGAIN = "then run the command again."
# What the installers print, and what it means to whoever reads it.
REASONS = {
    "hash mismatch|do not match the hashes": (
        "a file's hash is not the one in {lock} ({detail}). Undo any change "
        "to {lock} (git checkout {lock}), or renew it (make lock); if it was "
        "not changed, do not trust the index or the cache that the file came "
        "from."
    ),
    "no space left": (
        "the disk is full. The environments take about 4 GB, and uv's cache "
        "as much if it is on another disk: make room, " + AGAIN
    ),
    "permission denied|read-only file system": (
        "a file cannot be written ({detail}). Make it writable, " + AGAIN
    ),
    "error sending request|failed to fetch|request failed|connection broken"
    "|retrying|from versions: none": (
        "the package index cannot be reached ({detail}). Connect to the "
        "network (or name a mirror in UV_DEFAULT_INDEX and PIP_INDEX_URL), "
        + AGAIN
        + " A book that is already in _build/html needs no network."
    ),
}
# Debian's packages of the system libraries that wheels have been seen to miss.
LIBRARIES = {"libgomp.so.1": "libgomp1", "libquadmath.so.0": "libquadmath0"}


class Trouble(Exception):
    """What set-up cannot mend itself: a sentence for the person who ran it."""


class Environment(NamedTuple):
    """One environment: its folder in .envs/, its lock, and how it is made."""

    name: str
    lock: str
    commands: tuple
    pins: str
    project: str
    framework: Framework | None = None

    @property
    def folder(self) -> Path:
        return ENVS / self.name

    @property
    def fingerprint(self) -> str:
        """The hash of all that the environment is made from."""
        parts = (sys.version_info[:3], self.commands, self.pins, self.project)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def uv_environment() -> Environment:
    """The environment of uv alone, pinned by its lines in requirements.txt."""
    pins = re.search(
        r"^uv==(?:.*\\\n)*.*", read("requirements.txt"), re.MULTILINE
    )
    if not pins:
        raise Trouble(
            "requirements.txt pins no uv, which makes the environments: "
            "restore it with git checkout requirements.txt."
        )
    install = ("--quiet", "--no-deps", "--require-hashes", "-r", UV_LOCK)
    commands = (
        (PYTHON, "-m", "venv", "--clear", NEW),
        (NEW_PYTHON, "-m", "pip", "install", *install),
    )
    return Environment("uv", "requirements.txt", commands, pins.group(), "")


def audit_environment() -> Environment:
    """The environment of pip-audit alone: it needs nothing of the book."""
    pins, commands = read(AUDIT_LOCK), recipe(AUDIT_LOCK)[:2]
    return Environment("audit", AUDIT_LOCK, commands, pins, "")


def environments(names: list[str] | None = None) -> list[Environment]:
    """The environments this machine can have, in the order they are made.

    `names` are those of the frameworks, all of them if it is None. Raises
    Trouble if one is not declared, or the declaration or a lock cannot be
    used.
    """
    project, known = metadata(), declared()
    labels = [framework.name for framework in known]
    for name in names or ():
        if name not in labels:
            raise Trouble(
                f"The book has no framework {name!r}: FRAMEWORKS may name "
                f"{' and '.join(labels)}."
            )

    def locked(name: str, lock: str, framework: Framework | None = None):
        pins = read(lock)
        return Environment(name, lock, recipe(lock), pins, project, framework)

    kernels = [
        locked(framework.kernel, framework.lock, framework)
        for framework in known
        if framework.available and (names is None or framework.name in names)
    ]
    return [uv_environment(), locked("book", "requirements.txt"), *kernels]


def recipe(lock: str) -> tuple:
    """The commands that make an environment from a lock."""
    python = ("--python", NEW_PYTHON)
    return (
        (UV, "venv", "--clear", "--relocatable", "--python", PYTHON, NEW),
        # Compiled once, here: else each kernel that starts would compile what
        # it imports, where PYTHONDONTWRITEBYTECODE is set (as in many images).
        (UV, "pip", "sync", *python, "--compile-bytecode")
        + ("--require-hashes", lock),
        (UV, "pip", "install", *python, "--no-deps", "--no-build-isolation")
        + ("--editable", "."),
    )


def declared() -> list[Framework]:
    try:
        return list(load(ROOT).values())
    except (OSError, ValueError) as error:
        raise Trouble(f"The frameworks cannot be read: {error}.") from None


def metadata() -> str:
    """What an editable d2l_extras is made from: where it is, what it says."""
    try:
        tables = tomllib.loads(read("pyproject.toml"))
    except tomllib.TOMLDecodeError as error:
        raise Trouble(f"pyproject.toml cannot be read: {error}.") from None
    return repr((str(ROOT), tables.get("build-system"), tables.get("project")))


def read(path: str) -> str:
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Trouble(
            f"{path} is missing: restore it with git checkout {path}, or, for "
            "the lock of a new framework, make it with make lock."
        ) from None


def distributions(folder: Path) -> list[str]:
    """The packages installed in an environment, as name-version.dist-info."""
    names = os.listdir(folder / SITE_PACKAGES)
    return sorted(name for name in names if name.endswith(".dist-info"))


def up_to_date(environment: Environment) -> bool:
    """Whether the environment is whole and made from today's lock."""
    folder = environment.folder
    try:
        stamp, *packages = (folder / "stamp").read_text().splitlines()
        whole = set(packages) <= set(distributions(folder))
    except (OSError, ValueError):
        return False
    python = folder / "bin" / "python"
    return whole and stamp == environment.fingerprint and python.exists()


def make(environment: Environment) -> int:
    """Make the environment anew and return how many packages it holds.

    Until it is complete, the one that was there before stays as it was.
    Raises Trouble that says why it cannot be made.
    """
    if environment.name == "uv":
        require_venv()
        (ROOT / UV_LOCK).write_text(environment.pins + "\n", encoding="utf-8")
    new, old = ROOT / NEW, ENVS / ".old"
    try:
        for command in environment.commands:
            run(command, f"environment {environment.name}", environment.lock)
        if environment.framework:
            require_libraries(environment.framework)
        packages = distributions(new)
        lines = [environment.fingerprint, *packages]
        (new / "stamp").write_text("\n".join(lines) + "\n")
        shutil.rmtree(old, ignore_errors=True)
        if environment.folder.exists():
            environment.folder.rename(old)
        new.rename(environment.folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return len(packages)


def run(command: tuple, what: str, lock: str) -> None:
    """Run an installer; raise Trouble that says why it failed."""
    settings = {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_RETRIES": "2",  # Pip's five take a quarter of a minute.
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env={**settings, **os.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode == 0:
        return
    failed = f"Making {what} failed, and what was there before is unchanged: "
    for pattern, reason in REASONS.items():
        if re.search(pattern, done.stdout, re.IGNORECASE):
            detail = summary(done.stdout)
            raise Trouble(failed + reason.format(lock=lock, detail=detail))
    sys.stderr.write(done.stdout)
    raise Trouble(
        f"{failed}{Path(command[0]).name} ended with status "
        f"{done.returncode}, for the reason printed above."
    )


def summary(output: str) -> str:
    """The line of an installer's output that says most: hashes, else last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in lines:
        found = re.search(r"hash mismatch for `?([^`\s]+)", line, re.IGNORECASE)
        found = found or re.match(r"(\S+==\S+) from ", line)
        if found:
            return found.group(1)
    return re.sub(r"^(ERROR|error|Caused by|cause): ", "", lines[-1])


def require_venv() -> None:
    """Raise Trouble if this Python cannot make environments."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise Trouble(
                f"{PYTHON} lacks its module {module}, without which no "
                "environment can be made: on Debian or Ubuntu, apt install "
                f"python3-venv; elsewhere, install Python 3.11 anew; {AGAIN}"
            )


def require_libraries(framework: Framework) -> None:
    """Raise Trouble if the framework needs a system library that is missing.

    Wheels take some libraries from the system, and only an import tells.
    Other failures of the import are left to the kernel, which reports them.
    """
    done = subprocess.run(
        (NEW_PYTHON, "-c", f"import d2l_extras.{framework.name}"),
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    found = re.search(r"([\w.+-]+): cannot open shared object", done.stderr)
    if found:
        library = found.group(1)
        # All of them, since a loader names only the first that it misses.
        packages = " ".join(LIBRARIES.values())
        hint = f" (Debian: apt install {packages})" * (library in LIBRARIES)
        raise Trouble(
            f"{framework.label} needs the system library {library}, which is "
            f"not installed: install it{hint}, {AGAIN}"
        )


def register(framework: Framework) -> None:
    """Write the framework's kernelspec, if it is not there already."""
    python = ENVS / framework.kernel / "bin" / "python"
    launcher = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {
        "argv": [str(python), *launcher],
        "display_name": f"Python 3 ({framework.label})",
        "language": "python",
    }
    text = json.dumps(spec, indent=1) + "\n"
    path = KERNELS / framework.kernel / "kernel.json"
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def set_up(wanted: list[Environment]) -> None:
    """Make what is missing, one line an environment."""
    missing = [env for env in wanted if not up_to_date(env)]
    if not missing:
        names = ", ".join(env.name for env in wanted)
        print(f"environments {names}: up to date")
    for env in wanted if missing else []:
        if env not in missing:
            print(f"environment {env.name}: up to date")
            continue
        if sys.stdout.isatty():
            print(f"environment {env.name}: being made", end="\r", flush=True)
        start = time.monotonic()
        packages = make(env)
        seconds = time.monotonic() - start
        print(
            f"environment {env.name}: made in {seconds:.0f} s "
            f"({packages} packages)",
            flush=True,
        )
    for env in wanted:
        if env.framework:
            register(env.framework)


def share() -> None:
    """Register the kernels for the user's own Jupyter, and say where."""
    book = ENVS / "book" / "bin" / "python"
    asked = "from jupyter_core.paths import jupyter_data_dir as d; print(d())"
    done = subprocess.run(
        (book, "-c", asked),
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    folder = Path(done.stdout.strip(), "kernels")
    for spec in sorted(KERNELS.glob("*/kernel.json")):
        path = folder / spec.parent.name / spec.name
        partial = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(spec, partial)
            os.replace(partial, path)
        except OSError as error:
            if partial.exists():
                partial.unlink()
            raise Trouble(
                f"The kernels cannot be registered in {folder} "
                f"({error.strerror}): make it writable, or name another "
                "folder in JUPYTER_DATA_DIR, " + AGAIN
            ) from None
        name = json.loads(spec.read_text())["display_name"]
        print(f"kernel {name}: {path.parent}")
    print("JupyterLab and VS Code offer them when they are started again.")


def name_the_skipped() -> None:
    """Say which frameworks have no wheel for this machine."""
    for framework in declared():
        if not framework.available:
            print(
                f"environment {framework.kernel}: skipped, since "
                f"{framework.label} has no wheel for {platform_tag()}; its "
                "committed outputs stand in"
            )


def wait_for(guard: TextIO) -> None:
    """Lock the file: two commands at once would make the same environment."""
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another command makes the environments: waiting for it")
        fcntl.flock(guard, fcntl.LOCK_EX)


def renew_locks(upgrade: bool) -> None:
    """Renew the locks from pyproject.toml."""
    locks = {
        "requirements.txt": ("--group", "book"),
        AUDIT_LOCK: ("--group", "audit"),
    }
    for framework in declared():
        extra = ("pyproject.toml", "--extra", framework.name)
        locks[framework.lock] = (*extra, "--group", "kernel")
    for path, selection in locks.items():
        command = (UV, "pip", "compile", "--quiet", *selection, "--universal")
        command += ("--python-version", "3.11", "--generate-hashes")
        command += ("--no-header", "--output-file", path)
        run(command + ("--upgrade",) * upgrade, path, path)
        print(f"{path}: renewed")


def main(arguments: list[str]) -> str | int:
    """Do what the command line asks; return what to end with."""
    if os.pathsep in str(ROOT):
        return (
            f"The book cannot be built in {ROOT}, since {os.pathsep!r} in a "
            "path separates paths: move it to a folder without one."
        )
    try:
        ENVS.mkdir(exist_ok=True)
        with open(ENVS / ".lock", "w") as guard:
            wait_for(guard)
            if "--lock" in arguments:
                set_up([uv_environment()])
                renew_locks("--upgrade" in arguments)
            elif "--audit" in arguments:
                set_up([uv_environment(), audit_environment()])
            else:
                names = [name for name in arguments if name[:2] != "--"]
                bare = "--no-kernel" in arguments
                if not bare:
                    name_the_skipped()
                set_up(environments(names or ([] if bare else None)))
                if "--share" in arguments:
                    share()
    except Trouble as trouble:
        return str(trouble)
    except KeyboardInterrupt:
        return "Stopped; the environments that were there are as they were."
    except OSError as error:
        return (
            f"{error.filename or ENVS} cannot be used ({error.strerror}): the "
            "book is built in its own folder, so put it where you may write "
            f"and the disk has room, {AGAIN}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
