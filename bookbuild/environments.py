"""Make the environments that the book is built, executed, and tested in.

    python3 -m bookbuild.environments [mxnet ...]          make what is missing
    python3 -m bookbuild.environments --no-kernel          only to render pages
    python3 -m bookbuild.environments --test               only to run tests
    python3 -m bookbuild.environments --lock [--upgrade]   renew the locks

This file runs in a plain Python 3.11, 3.12, or 3.13 before anything is
installed, so it imports only the standard library. Everything goes into .envs/:

    uv             installed by pip, installs the other environments
    book           builds and serves the book
    d2l-mxnet ...  one environment per framework, named after its kernel
    test           runs the tests
    share/jupyter  the kernelspecs; JUPYTER_PATH has to name this folder
    missing.json   why a framework has no usable environment, by kernel

An environment is made in .envs/.new and renamed when it is complete. Its stamp
records what it was made from, and it is made again only if that changes. If the
folder was moved or pyproject.toml has changed, only d2l_extras is reinstalled.

The environments `uv` and `book` are required, so a failure there is an error. If a
framework's environment cannot be made, its committed outputs are used, and the exit
status is 0, or 1 with --strict.
"""

import sys

# Everything up to this check has to run in older versions of Python, and the rest
# of the file has to compile in them.
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(
        "The book needs Python 3.11, 3.12, or 3.13, but this is Python {}.{}. "
        "Install one of them (Debian and Ubuntu: apt install python3 "
        "python3-venv; elsewhere: pyenv install 3.11 or uv python install "
        "3.11).".format(*sys.version_info)
    )

import argparse
import ast
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple, TextIO

from bookbuild.frameworks import Framework, load, platform_tag, used

ROOT = Path(__file__).resolve().parent.parent
ENVS = ROOT / ".envs"
KERNELS = ENVS / "share" / "jupyter" / "kernels"
MISSING = ENVS / "missing.json"

# These paths are relative to ROOT, where all commands run.
UV = ".envs/uv/bin/uv"
NEW = ".envs/.new"
UV_LOCK = ".envs/uv.txt"
BOOK_LOCK = "requirements.txt"
TEST_LOCK = "tests/requirements.txt"
# The base interpreter, even if a virtual environment is active.
PYTHON = os.path.realpath(sys.executable)

# Patterns in the output of pip and uv, and what they mean.
UNREACHABLE = (
    "error sending request|failed to fetch|request failed|connection broken"
    "|retrying|from versions: none|not found in the package registry"
)
REASONS = {
    "hash mismatch|do not match the hashes": (
        "a file does not have the hash that {lock} gives for it ({package}). "
        "Undo any change to {lock} (git checkout {lock}) or renew it (make "
        "lock). If you have not changed it, do not trust the index or the "
        "cache that the file came from."
    ),
    "no space left": (
        "the disk is full. The environments take about 6 GB, and uv's cache "
        "as much again if it is on another disk. Make room, then try again."
    ),
    "no wheels with a matching|has no usable wheels|doesn't have a source "
    "distribution or wheel|building from source is disabled": (
        "a package has no wheel for {machine} and this environment's Python "
        "({line}). Use another Python, as in make book PYTHON=python3.11, or another "
        "machine."
    ),
    UNREACHABLE: (
        "the package index cannot be reached ({line}). Connect to the network "
        "(or name a mirror in UV_DEFAULT_INDEX and PIP_INDEX_URL, or a folder of "
        "wheels in PIP_FIND_LINKS), then try again."
    ),
    "no interpreter found": (
        "it needs a Python that is not on this machine ({line}). Install that "
        "version, for example with uv python install, then try again."
    ),
}


class SetupError(Exception):
    """Describe a problem that the user has to solve."""


# What an environment is made from


class Environment(NamedTuple):
    """Describe an environment: the lock of its packages, and how to make it.

    `python` is the version that it needs, if not the one that is running. With
    `torch_backend`, uv also looks in PyTorch's index for that backend if the package
    index and pip's folders lack PyTorch.
    """

    name: str
    lock: str
    pins: str
    commands: tuple
    python: str = ""
    torch_backend: str = ""

    @property
    def folder(self) -> Path:
        return ENVS / self.name

    @property
    def has_helpers(self) -> bool:
        """Return whether d2l_extras is installed here, in editable mode."""
        return self.name != "uv"

    def ingredients(self) -> dict[str, str]:
        """Return what the environment is made from, for its stamp."""
        commands = repr(self.commands).replace(repr(PYTHON), "python")
        found = {
            "python": self.python or platform.python_version(),
            "lock": digest(self.pins),
            "recipe": digest(commands),
        }
        if self.has_helpers:
            found["project"] = digest(read("pyproject.toml"))
            found["root"] = str(ROOT)
        return found

    def stamp(self) -> dict:
        """Return what the environment was made from, or {} if unknown."""
        try:
            return json.loads((self.folder / "stamp").read_text("utf-8"))
        except (OSError, ValueError):
            return {}


def uv_environment() -> Environment:
    """Return the environment that contains only uv, at the pinned version."""
    pins = re.search(r"^uv==(?:.*\\\n)*.*", read(BOOK_LOCK), re.MULTILINE)
    if not pins:
        raise SetupError(
            f"{BOOK_LOCK} does not pin uv, which makes the environments. "
            f"Restore it with git checkout {BOOK_LOCK}."
        )
    install = ("--quiet", "--no-deps", "--require-hashes", "-r", UV_LOCK)
    commands = (
        (PYTHON, "-m", "venv", "--clear", NEW),
        (f"{NEW}/bin/python", "-m", "pip", "install", *install),
    )
    return Environment("uv", BOOK_LOCK, pins.group(), commands)


def environment(
    name: str, lock: str, python: str = "", torch_backend: str = ""
) -> Environment:
    """Return an environment that uv installs from a lock.

    `python` is the version that it needs, if any other than the running one will not
    do. Raises SetupError if the lock does not exist.
    """
    if python == "{}.{}".format(*sys.version_info):
        python = ""
    commands = (
        (UV, "venv", "--clear", "--relocatable", "--python", python or PYTHON, NEW),
        # Bytecode is compiled here because many container images set
        # PYTHONDONTWRITEBYTECODE, so that each kernel would compile it again.
        (UV, "pip", "sync", "--python", f"{NEW}/bin/python", "--no-build")
        + ("--compile-bytecode", "--require-hashes", lock),
        install_helpers(NEW),
    )
    return Environment(name, lock, read(lock), commands, python, torch_backend)


def of_framework(framework: Framework) -> Environment:
    """Return the environment of a framework. Raises SetupError if it has no lock."""
    return environment(
        framework.kernel, framework.lock, framework.python, framework.torch_backend
    )


def install_helpers(folder: str) -> tuple:
    """Return the command that installs d2l_extras into an environment."""
    return (
        (UV, "pip", "install", "--python", f"{folder}/bin/python")
        + ("--no-deps", "--no-build-isolation", "--reinstall")
        + ("--editable", ".")
    )


def read_frameworks() -> list[Framework]:
    try:
        return list(load(ROOT).values())
    except (OSError, ValueError) as error:
        raise SetupError(f"The frameworks cannot be read: {error}.") from None


def read(path: str) -> str:
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SetupError(
            f"{path} is missing. Restore it with git checkout {path}, or make "
            "it with make lock if it is the lock of a new framework."
        ) from None


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# Whether an environment has to be made


def distributions(folder: Path) -> list[str]:
    """Return the packages of an environment, except d2l_extras."""
    found = folder.glob("lib/python3.*/site-packages/*.dist-info")
    return sorted(p.name for p in found if not p.name.startswith("d2l_extras-"))


def why_remade(env: Environment) -> str | None:
    """Return why an environment has to be made again, or None.

    Returns "" if it does not exist yet.
    """
    if not env.folder.exists():
        return ""
    stamp, wanted = env.stamp(), env.ingredients()
    known = {"python", "lock", "recipe", "packages"} <= stamp.keys()
    if not known or not (env.folder / "bin" / "python").exists():
        return "it was incomplete"
    if not set(stamp["packages"]) <= set(distributions(env.folder)):
        return "it lacked packages"
    if stamp["python"] != wanted["python"]:
        return f"Python changed from {stamp['python']} to {wanted['python']}"
    if stamp["lock"] != wanted["lock"]:
        return f"{env.lock} has changed"
    if stamp["recipe"] != wanted["recipe"]:
        return "the recipe in bookbuild/environments.py has changed"
    return None


def why_reinstalled(env: Environment) -> str | None:
    """Return why d2l_extras has to be reinstalled, or None."""
    if not env.has_helpers:
        return None
    stamp, wanted = env.stamp(), env.ingredients()
    if stamp.get("root") != wanted["root"]:
        return "the folder was moved"
    if stamp.get("project") != wanted["project"]:
        return "pyproject.toml has changed"
    if not any(env.folder.glob("lib/*/site-packages/d2l_extras-*.dist-info")):
        return "it was missing"
    return None


# Making it


def run(command: tuple, **changes: str) -> subprocess.CompletedProcess:
    """Run a command in ROOT, and capture stdout and stderr together.

    `changes` are environment variables to set.
    """
    # By default, pip and uv would keep trying to connect for a minute or more.
    settings = {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_RETRIES": "2",
        "PIP_DEFAULT_TIMEOUT": "10",
        "UV_HTTP_CONNECT_TIMEOUT": "5",
        "UV_HTTP_RETRIES": "2",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    return subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env={**settings, **os.environ, **changes},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def install(
    command: tuple, failed: str, lock: str, torch_backend: str = ""
) -> None:
    """Run pip or uv, and raise SetupError that says what failed, and why.

    uv looks in pip's folders, too. If it cannot find PyTorch, it is run again with
    PyTorch's own index. If an index cannot be reached, it is run with only its cache.
    """
    folders = pip_folders() if command[0] == UV else []
    links = [*folders, *filter(None, [os.environ.get("UV_FIND_LINKS")])]
    settings = {"UV_FIND_LINKS": ",".join(links)} if links else {}
    done = run(command, **settings)
    if done.returncode and torch_backend and re.search(r"\btorch\b", done.stdout):
        settings["UV_TORCH_BACKEND"] = torch_backend
        done = run(command, **settings)
    if done.returncode == 0:
        return
    unreachable = re.search(UNREACHABLE, done.stdout, re.IGNORECASE)
    in_cache = (
        unreachable
        and command[0] == UV
        and run(command, UV_OFFLINE="1", **settings).returncode == 0
    )
    if in_cache:
        return
    reason = explain(done.stdout, lock)
    if reason is None:
        sys.stderr.write(done.stdout)
        reason = (
            f"{Path(command[0]).name} ended with status {done.returncode} "
            f"({last_line(done.stdout)})."
        )
    raise SetupError(f"{failed} because {reason}")


@cache
def pip_folders() -> list[str]:
    """Return the folders in which pip is configured to look for packages.

    They are named in PIP_FIND_LINKS or in pip's configuration, which uv does not read.
    Addresses are left out, because uv fails if it cannot reach one of them.
    """
    pip = run((UV.replace("bin/uv", "bin/python"), "-m", "pip", "config", "list"))
    lines = re.findall(r"^(\S+)\.find-links=(.+)$", pip.stdout, re.MULTILINE)
    found = {scope: ast.literal_eval(value) for scope, value in lines}
    # As in pip, the environment replaces the files, and missing folders do not matter.
    names = found.get(":env:", " ".join(found.values())).split()
    names = [os.path.expanduser(name.removeprefix("file://")) for name in names]
    return [name for name in names if (ROOT / name).exists()]


def explain(output: str, lock: str) -> str | None:
    """Return what the output of pip or uv means, or None for unknown failures."""
    line = last_line(output)
    package = re.search(r"[\w.-]+==[\w.+!-]+", output)
    found = {
        "lock": lock,
        "line": line,
        "package": package[0] if package else line,
        "machine": platform_tag(),
    }
    for pattern, reason in REASONS.items():
        if re.search(pattern, output, re.IGNORECASE):
            return reason.format(**found)
    return None


def last_line(output: str) -> str:
    """Return the last line that pip or uv printed, without hints."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("hint:")]
    last = lines[-1] if lines else "it printed nothing"
    return re.sub(r"^(ERROR|error|Caused by|cause): ", "", last).rstrip(".")


def make(env: Environment) -> None:
    """Make an environment, and replace the old one when the new one is complete.

    Raises SetupError that says why it cannot be made.
    """
    new = ROOT / NEW
    if env.name == "uv":
        require_venv()
        (ROOT / UV_LOCK).write_text(env.pins + "\n", encoding="utf-8")
    try:
        for command in env.commands:
            failed = f"The environment {env.name} could not be made"
            install(command, failed, env.lock, env.torch_backend)
        if env.name == "uv":
            # The other scripts, such as pip, contain the path of NEW.
            for program in new.glob("bin/*"):
                if not re.match("python|uv", program.name):
                    program.unlink()
        write_stamp(env, new)
        # Without its stamp, a half-removed environment counts as incomplete.
        (env.folder / "stamp").unlink(missing_ok=True)
        shutil.rmtree(env.folder, ignore_errors=True)
        new.rename(env.folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def write_stamp(env: Environment, folder: Path) -> None:
    """Record what the environment in a folder was made from."""
    stamp = {**env.ingredients(), "packages": distributions(folder)}
    replace(folder / "stamp", json.dumps(stamp, indent=1) + "\n")


def replace(path: Path, text: str) -> None:
    """Write a file atomically, unless it already has this text."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def refresh(env: Environment) -> None:
    """Make an environment, or reinstall d2l_extras in it, if needed.

    Raises SetupError that says why it failed.
    """
    reason = why_remade(env)
    if reason is not None:
        because = f" because {reason}" if reason else ""
        print(f"Making the environment {env.name}{because}.", flush=True)
        make(env)
        return
    reason = why_reinstalled(env)
    if reason:
        folder = f".envs/{env.name}"
        print(
            f"Reinstalling d2l_extras in {folder} because {reason}.", flush=True
        )
        failed = f"d2l_extras could not be reinstalled in {folder}"
        install(install_helpers(folder), failed, env.lock)
        write_stamp(env, env.folder)


def require_venv() -> None:
    """Raise SetupError if this Python cannot make environments."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(
                f"{PYTHON} has no {module} module, so it cannot make an "
                "environment. Install it (Debian and Ubuntu: apt install "
                "python3-venv) or another Python, then try again."
            )


# Frameworks


def register(framework: Framework) -> None:
    """Write the kernelspec of a framework, or remove it if it cannot run."""
    folder = KERNELS / framework.kernel
    python = ENVS / framework.kernel / "bin" / "python"
    if not python.exists():
        shutil.rmtree(folder, ignore_errors=True)
        return
    launcher = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {
        "argv": [str(python), *launcher],
        "display_name": f"Python 3 ({framework.label})",
        "language": "python",
    }
    replace(folder / "kernel.json", json.dumps(spec, indent=1) + "\n")


def set_up_frameworks(wanted: dict[Framework, Environment]) -> bool:
    """Make the environments of frameworks, and return whether all are usable.

    Registers the kernels, and records in missing.json why an environment is not
    usable.
    """
    missing, complete = read_missing(), True
    for framework, env in wanted.items():
        try:
            refresh(env)
            missing.pop(env.name, None)
        except (SetupError, OSError) as error:
            complete = False
            missing[env.name] = describe(error)
            print(
                f"The environment {env.name} is missing, so the committed "
                f"outputs of {framework.label} are used. {missing[env.name]}",
                file=sys.stderr,
                flush=True,
            )
    usable = [each for each in read_frameworks() if each.available]
    for framework in usable:
        register(framework)
    kernels = {framework.kernel for framework in usable}
    missing = {name: why for name, why in missing.items() if name in kernels}
    replace(MISSING, json.dumps(missing, indent=1) + "\n")
    return complete


def read_missing() -> dict[str, str]:
    try:
        return json.loads(MISSING.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def select_frameworks(names: list[str]) -> dict[Framework, Environment]:
    """Return the named frameworks that this machine can run.

    Without names, returns those that are used by default or named in a page.
    """
    frameworks = read_frameworks()
    known = [framework.name for framework in frameworks]
    for name in names:
        if name not in known:
            raise SetupError(
                f"The book has no framework {name!r}. In FRAMEWORKS, choose from "
                f"{', '.join(known)}."
            )
    selected = {}
    for framework in frameworks:
        if framework.name not in (names or used(ROOT)):
            continue
        if framework.available:
            selected[framework] = of_framework(framework)
        else:
            print(
                f"Skipping the environment {framework.kernel} because "
                f"{framework.label} has no wheel for {platform_tag()}. Its "
                "committed outputs are used."
            )
    return selected


# The command line


def renew_locks(upgrade: bool) -> None:
    """Renew the locks from pyproject.toml."""
    test = ("--group", "book", "--group", "test", "--constraint", BOOK_LOCK)
    locks = {BOOK_LOCK: ("--group", "book"), TEST_LOCK: test}
    backends = {}
    for framework in read_frameworks():
        extra = ("pyproject.toml", "--extra", framework.name)
        locks[framework.lock] = (*extra, "--group", "kernel")
        backends[framework.lock] = framework.torch_backend
    for path, selection in locks.items():
        command = (UV, "pip", "compile", "--quiet", *selection, "--universal")
        command += ("--python-version", "3.11", "--generate-hashes")
        command += ("--no-header", "--output-file", path)
        command += ("--upgrade",) * upgrade
        failed = f"{path} could not be renewed"
        install(command, failed, path, backends.get(path, ""))
        print(f"Renewed {path}.")


def wait_for(guard: TextIO) -> None:
    """Lock a file, so that two commands do not make the same environment."""
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another command is making the environments. Waiting for it.")
        fcntl.flock(guard, fcntl.LOCK_EX)


def describe(error: Exception) -> str:
    """Return the message to print for an error."""
    if not isinstance(error, OSError):
        return str(error)
    return (
        f"{error.filename or ENVS} cannot be used ({error.strerror}). The "
        "environments are made inside the book's folder, so move the book to a "
        "writable disk with enough space, then try again."
    )


def main() -> str | int:
    """Run the command line, and return the exit status or an error message."""
    parser = argparse.ArgumentParser(prog="bookbuild.environments")
    parser.add_argument("frameworks", nargs="*")
    for option in ("no-kernel", "test", "lock", "upgrade", "strict"):
        parser.add_argument(f"--{option}", action="store_true")
    options = parser.parse_args()
    if os.pathsep in str(ROOT):
        return (
            f"The book cannot be built in {ROOT} because its path contains "
            f"{os.pathsep!r}, which separates paths. Move the book to another folder."
        )
    complete = True
    try:
        ENVS.mkdir(exist_ok=True)
        with open(ENVS / ".lock", "w") as guard:
            wait_for(guard)
            if options.lock:
                refresh(uv_environment())
                renew_locks(options.upgrade)
            elif options.test:
                refresh(uv_environment())
                refresh(environment("test", TEST_LOCK))
            else:
                wanted = {}
                if not options.no_kernel:
                    wanted = select_frameworks(options.frameworks)
                refresh(uv_environment())
                refresh(environment("book", BOOK_LOCK))
                complete = set_up_frameworks(wanted)
    except (SetupError, OSError) as error:
        return describe(error)
    except KeyboardInterrupt:
        return "Interrupted. Environments that were complete are unchanged."
    return 1 if options.strict and not complete else 0


if __name__ == "__main__":
    sys.exit(main())
