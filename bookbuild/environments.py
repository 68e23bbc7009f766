"""Make the environments that the book is built, executed, and tested in.

    python3 -m bookbuild.environments [mxnet ...]          make what is missing
    python3 -m bookbuild.environments --no-kernel          only what renders pages
    python3 -m bookbuild.environments --share              and register the kernels
    python3 -m bookbuild.environments --test               only what runs the tests
    python3 -m bookbuild.environments --lock [--upgrade]   renew the locks

A plain Python 3.11, 3.12, or 3.13 runs this file, so it imports only the
standard library. Everything goes under .envs/:

    uv             installed by pip, makes the other environments
    book           builds and serves the book
    d2l-mxnet ...  one environment per framework, named after its kernel
    test           only on request
    share/jupyter  where Jupyter finds the kernels if JUPYTER_PATH names it
    missing.json   why a framework has no usable environment, by kernel

An environment is made in .envs/.new and renamed once it is complete, so an
environment that you can see is whole. Its stamp records what it was made from,
and it is made again only when that changes. After a move of the folder or a
change to pyproject.toml, only d2l_extras is installed again.

Without `uv` or `book` there is no book, so they have to succeed. Where a
framework's environment cannot be made, its committed outputs stand in, and the
exit status is still 0. With --strict it is 1.
"""

import sys

# Older Pythons have to get this far to print the sentence, so neither the lines
# above it nor the syntax of the whole file are newer than Python 3.6.
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(
        "The book needs Python 3.11, 3.12, or 3.13, and this is Python {}.{}. "
        "Install one of them (Debian and Ubuntu: apt install python3 "
        "python3-venv; elsewhere: pyenv install 3.11 or uv python install "
        "3.11).".format(*sys.version_info)
    )

import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import time
import tomllib
from pathlib import Path
from typing import NamedTuple, TextIO

from bookbuild.frameworks import Framework, load, platform_tag

ROOT = Path(__file__).resolve().parent.parent
ENVS = ROOT / ".envs"
KERNELS = ENVS / "share" / "jupyter" / "kernels"
MISSING = ENVS / "missing.json"

# Commands run in ROOT, and these paths are relative to it.
UV = ".envs/uv/bin/uv"
NEW = ".envs/.new"
UV_LOCK = ".envs/uv.txt"
BOOK_LOCK = "requirements.txt"
TEST_LOCK = "tests/requirements.txt"
# The interpreter itself, even if a virtual environment is active.
PYTHON = os.path.realpath(sys.executable)

AGAIN = "then run the command again."
# What the installers print, and what it means to the person who reads it.
REASONS = {
    "hash mismatch|do not match the hashes": (
        "a file does not have the hash that {lock} gives for it ({detail}). "
        "Undo any change to {lock} (git checkout {lock}) or renew it (make "
        "lock). If you have not changed it, do not trust the index or the "
        "cache that the file came from."
    ),
    "no space left": (
        "the disk is full. The environments take about 4 GB, and uv's cache "
        "as much again if it is on another disk. Make room, " + AGAIN
    ),
    "permission denied|read-only file system": (
        "a file cannot be written ({detail}). Make it writable, " + AGAIN
    ),
    "no wheels with a matching|has no usable wheels|doesn't have a source "
    "distribution or wheel|building from source is disabled": (
        "a package has no wheel for {machine} ({detail}). Use another Python, "
        "as in make book PYTHON=python3.11, or another machine."
    ),
}
UNREACHABLE = (
    "error sending request|failed to fetch|request failed|connection broken"
    "|retrying|from versions: none|not found in the package registry"
    "|network was disabled"
)
NO_NETWORK = (
    "the package index cannot be reached, or another server answers in its "
    "place ({detail}). Connect to the network "
    "(or name a mirror in UV_DEFAULT_INDEX and PIP_INDEX_URL), " + AGAIN
)
# Debian's packages of the system libraries that MXNet's wheel expects.
LIBRARIES = {"libgomp.so.1": "libgomp1", "libquadmath.so.0": "libquadmath0"}


class Trouble(Exception):
    """A problem for the person who ran the command, in sentences."""


class Environment(NamedTuple):
    """One environment: its folder in .envs/, its lock, and how it is made."""

    name: str
    lock: str
    pins: str
    commands: tuple
    editable: bool = True
    framework: Framework | None = None

    @property
    def folder(self) -> Path:
        return ENVS / self.name

    def ingredients(self) -> dict[str, str]:
        """Return what the environment is made from, as its stamp records it."""
        commands = repr(self.commands).replace(repr(PYTHON), "python")
        found = {
            "python": platform.python_version(),
            "lock": digest(self.pins),
            "recipe": digest(commands),
        }
        if self.editable:
            found["project"] = digest(metadata())
            found["root"] = str(ROOT)
        return found


def uv_environment() -> Environment:
    """Return the environment of uv alone, which requirements.txt pins."""
    pins = re.search(r"^uv==(?:.*\\\n)*.*", read(BOOK_LOCK), re.MULTILINE)
    if not pins:
        raise Trouble(
            f"{BOOK_LOCK} does not pin uv, which makes the environments. "
            f"Restore it with git checkout {BOOK_LOCK}."
        )
    install = ("--quiet", "--no-deps", "--require-hashes", "-r", UV_LOCK)
    commands = (
        (PYTHON, "-m", "venv", "--clear", NEW),
        (f"{NEW}/bin/python", "-m", "pip", "install", *install),
    )
    return Environment("uv", BOOK_LOCK, pins.group(), commands, False)


def environment(
    name: str,
    lock: str,
    editable: bool = True,
    framework: Framework | None = None,
) -> Environment:
    """Return an environment that uv makes from a lock.

    Raises Trouble if there is no such lock.
    """
    commands = (
        (UV, "venv", "--clear", "--relocatable", "--python", PYTHON, NEW),
        # Compiled once, here. With PYTHONDONTWRITEBYTECODE set, as it is in
        # many images, each kernel would otherwise compile all that it imports.
        (UV, "pip", "sync", "--python", f"{NEW}/bin/python", "--no-build")
        + ("--compile-bytecode", "--require-hashes", lock),
    )
    if editable:
        commands += (install_helpers(NEW),)
    return Environment(name, lock, read(lock), commands, editable, framework)


def install_helpers(folder: str) -> tuple:
    """Return the command that installs d2l_extras into an environment."""
    return (
        (UV, "pip", "install", "--python", f"{folder}/bin/python")
        + ("--no-deps", "--no-build-isolation", "--reinstall")
        + ("--editable", ".")
    )


def environments(names: list[str] | None = None) -> list[Environment]:
    """Return the environments that this machine can have, in order.

    `names` are those of frameworks; None stands for all of them. Raises
    Trouble if one is not declared, or if the declaration or a lock cannot be
    used.
    """
    known = declared()
    labels = [framework.name for framework in known]
    for name in names or ():
        if name not in labels:
            raise Trouble(
                f"The book has no framework {name!r}. FRAMEWORKS may name "
                f"{' and '.join(labels)}."
            )
    kernels = [
        environment(framework.kernel, framework.lock, framework=framework)
        for framework in known
        if framework.available and (names is None or framework.name in names)
    ]
    return [uv_environment(), environment("book", BOOK_LOCK), *kernels]


def declared() -> list[Framework]:
    try:
        return list(load(ROOT).values())
    except (OSError, ValueError) as error:
        raise Trouble(f"The frameworks cannot be read: {error}.") from None


def metadata() -> str:
    """Return the part of pyproject.toml that d2l_extras is installed from."""
    try:
        tables = tomllib.loads(read("pyproject.toml"))
    except tomllib.TOMLDecodeError as error:
        raise Trouble(f"pyproject.toml cannot be read: {error}.") from None
    return repr((tables.get("build-system"), tables.get("project")))


def read(path: str) -> str:
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Trouble(
            f"{path} is missing. Restore it with git checkout {path}, or make "
            "it with make lock if it is the lock of a new framework."
        ) from None


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# What is there


def distributions(folder: Path) -> list[str]:
    """Return an environment's packages, as name-version.dist-info."""
    found = folder.glob("lib/python3.*/site-packages/*.dist-info")
    return sorted(path.name for path in found)


def stamp_of(env: Environment) -> dict:
    """Return what an environment was made from, or {} if that is unknown."""
    try:
        text = (env.folder / "stamp").read_text(encoding="utf-8")
        stamp = json.loads(text)
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def why_remade(env: Environment) -> str | None:
    """Return why an environment has to be made, or None if it need not be.

    The answer is empty where there is no environment yet.
    """
    if not env.folder.exists():
        return ""
    stamp, wanted = stamp_of(env), env.ingredients()
    python = env.folder / "bin" / "python"
    known = {"python", "lock", "recipe", "packages"} <= stamp.keys()
    if not (known and python.exists()):
        old = (env.folder / "stamp").exists() and not stamp
        return "its stamp has an older format" if old else "it was incomplete"
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
    """Return why d2l_extras has to be installed again, or None."""
    stamp = stamp_of(env)
    if not env.editable:
        return None
    if stamp.get("root") != str(ROOT):
        return "the folder was moved"
    if stamp.get("project") != env.ingredients()["project"]:
        return "pyproject.toml has changed"
    helpers = [p for p in distributions(env.folder) if is_helpers(p)]
    return None if helpers else "it was missing"


def is_current(env: Environment) -> bool:
    return why_remade(env) is None and why_reinstalled(env) is None


def is_helpers(distribution: str) -> bool:
    return distribution.startswith("d2l_extras-")


# Making it


class Installer:
    """Runs pip and uv. Once the index is unreachable, uv uses only its cache.

    So a machine without a network waits for it once, not once per environment.
    """

    def __init__(self) -> None:
        self.unreachable = ""  # or what the first failure printed

    def run(self, command: tuple, failed: str, lock: str) -> None:
        """Run an installer; raise Trouble that says what failed and why."""
        done = self._call(command)
        if done.returncode == 0:
            return
        reason = explain(done.stdout, lock)
        if reason is None and re.search(
            UNREACHABLE, done.stdout, re.IGNORECASE
        ):
            if not self.unreachable:
                self.unreachable = summary(done.stdout)
                if command[0] == UV and self._call(command).returncode == 0:
                    return
            reason = NO_NETWORK.format(detail=self.unreachable)
        if reason is None:
            sys.stderr.write(done.stdout)
            reason = (
                f"{Path(command[0]).name} ended with status {done.returncode} "
                f"({summary(done.stdout)})."
            )
        raise Trouble(f"{failed} because {reason}")

    def _call(self, command: tuple) -> subprocess.CompletedProcess:
        # On their own, pip and uv would try for a minute or more.
        settings = {
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_RETRIES": "2",
            "PIP_DEFAULT_TIMEOUT": "10",
            "UV_HTTP_CONNECT_TIMEOUT": "5",
            "UV_HTTP_RETRIES": "2",
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_DOWNLOADS": "never",
        }
        changes = {"UV_OFFLINE": "1"} if self.unreachable else {}
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


def explain(output: str, lock: str) -> str | None:
    """Return what an installer's output means, if it is a known failure."""
    for pattern, reason in REASONS.items():
        if re.search(pattern, output, re.IGNORECASE):
            machine = f"Python {platform.python_version()} on {platform_tag()}"
            detail = summary(output)
            return reason.format(lock=lock, detail=detail, machine=machine)
    return None


def summary(output: str) -> str:
    """Return the most telling line of an installer's output."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in lines:
        found = re.search(r"hash mismatch for `?([^`\s]+)", line, re.IGNORECASE)
        found = found or re.match(r"(\S+==\S+) from ", line)
        if found:
            return found.group(1)
    causes = [line for line in lines if not line.startswith("hint:")]
    last = causes[-1] if causes else "it printed nothing"
    return re.sub(r"^(ERROR|error|Caused by|cause): ", "", last).rstrip(".")


def make(env: Environment, installer: Installer) -> int:
    """Make an environment and return how many packages it holds.

    Until the new one is complete, the old one stays as it was. Raises Trouble
    that says why it cannot be made.
    """
    if env.name == "uv":
        require_venv()
        (ROOT / UV_LOCK).write_text(env.pins + "\n", encoding="utf-8")
    new, old = ROOT / NEW, ENVS / ".old"
    failed = f"The environment {env.name} could not be made"
    try:
        for command in env.commands:
            installer.run(command, failed, env.lock)
        if env.name == "uv":
            # The others name the folder that they were made in, and nothing
            # needs them.
            for program in new.glob("bin/*"):
                if not re.match("python|uv", program.name):
                    program.unlink()
        packages = distributions(new)
        write_stamp(env, new)
        shutil.rmtree(old, ignore_errors=True)
        if env.folder.exists():
            env.folder.rename(old)
        new.rename(env.folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return len(packages)


def write_stamp(env: Environment, folder: Path) -> None:
    """Record what the environment in a folder was made from, and its packages.

    d2l_extras is not one of them because it can be installed again alone.
    """
    packages = [p for p in distributions(folder) if not is_helpers(p)]
    stamp = {**env.ingredients(), "packages": packages}
    replace(folder / "stamp", json.dumps(stamp, indent=1) + "\n")


def replace(path: Path, text: str) -> None:
    """Write a file so that others see it whole; leave an equal one alone."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def require_venv() -> None:
    """Raise Trouble if this Python cannot make environments."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise Trouble(
                f"{PYTHON} has no {module} module, so it cannot make an "
                "environment. Install it (Debian and Ubuntu: apt install "
                f"python3-venv), or install Python anew, {AGAIN}"
            )


def require_libraries(env: Environment) -> None:
    """Raise Trouble if a framework needs a system library that is missing.

    Wheels take some libraries from the system, and only an import shows which.
    If the import fails for another reason, the kernel will report it.
    """
    done = subprocess.run(
        (
            env.folder / "bin" / "python",
            "-c",
            f"import d2l_extras.{env.framework.name}",
        ),
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    found = re.search(r"([\w.+-]+): cannot open shared object", done.stderr)
    if found:
        library = found.group(1)
        # All of them, because the loader names only the first one it misses.
        packages = " ".join(LIBRARIES.values())
        hint = f" (Debian: apt install {packages})" * (library in LIBRARIES)
        raise Trouble(
            f"{env.framework.label} needs the system library {library}, which "
            f"is not installed. Install it{hint}, {AGAIN}"
        )


def register(env: Environment) -> None:
    """Write the kernelspec of a framework, or remove it if nothing runs it."""
    folder, python = KERNELS / env.name, env.folder / "bin" / "python"
    if not python.exists():
        shutil.rmtree(folder, ignore_errors=True)
        return
    launcher = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {
        "argv": [str(python), *launcher],
        "display_name": f"Python 3 ({env.framework.label})",
        "language": "python",
    }
    replace(folder / "kernel.json", json.dumps(spec, indent=1) + "\n")


def refresh(env: Environment, installer: Installer) -> bool:
    """Make an environment or reinstall d2l_extras, if needed, and say why.

    Returns whether it did something. Raises Trouble that says why it failed.
    """
    reason, start = why_remade(env), time.monotonic()
    if reason is not None:
        if sys.stdout.isatty():
            print(f"environment {env.name}: being made", end="\r", flush=True)
        packages = make(env, installer)
        seconds = time.monotonic() - start
        done = f"made in {seconds:.0f} s ({packages} packages)"
    else:
        reason = why_reinstalled(env)
        if reason is None:
            return False
        folder = f".envs/{env.name}"
        failed = f"d2l_extras could not be installed again in {folder}"
        installer.run(install_helpers(folder), failed, env.lock)
        write_stamp(env, env.folder)
        done = "d2l_extras reinstalled"
    because = f" because {reason}" if reason else ""
    print(f"environment {env.name}: {done}{because}", flush=True)
    return True


def set_up(wanted: list[Environment]) -> None:
    """Make the environments that there is no book without.

    Raises Trouble that says why one cannot be made.
    """
    name_the_current(wanted)
    installer = Installer()
    for env in wanted:
        refresh(env, installer)


def set_up_book(names: list[str] | None) -> dict[str, str]:
    """Make the book's own environments, then those of the named frameworks.

    Writes missing.json and returns its entries for these frameworks. Raises
    Trouble if the book's own environments cannot be made.
    """
    wanted, before = environments(names), read_missing()
    name_the_current([env for env in wanted if env.name not in before])
    installer, missing = Installer(), {}
    for env in wanted:
        if not env.framework:
            refresh(env, installer)
    for env in environments():
        if not env.framework:
            continue
        tried, made = env in wanted, False
        try:
            if tried:
                made = refresh(env, installer)
            elif env.name in before and not is_current(env):
                raise Trouble(before[env.name])
            # A library may have been installed since, or a lock restored.
            if made or env.name in before:
                require_libraries(env)
        except (Trouble, OSError) as error:
            missing[env.name] = said(error)
            if tried:
                print(
                    f"environment {env.name}: missing, so the committed "
                    f"outputs of {env.framework.label} stand in. "
                    f"{missing[env.name]}",
                    file=sys.stderr,
                    flush=True,
                )
        register(env)
    replace(MISSING, json.dumps(missing, indent=1) + "\n")
    return {
        env.name: missing[env.name] for env in wanted if env.name in missing
    }


def name_the_current(wanted: list[Environment]) -> None:
    """Say which environments need nothing."""
    names = [env.name for env in wanted if is_current(env)]
    if names:
        print(f"environments {', '.join(names)}: up to date", flush=True)


def read_missing() -> dict[str, str]:
    try:
        return dict(json.loads(MISSING.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def said(error: Exception) -> str:
    """Return the sentences for an error."""
    if not isinstance(error, OSError):
        return str(error)
    return (
        f"{error.filename or ENVS} cannot be used ({error.strerror}). The "
        "environments are made in the book's own folder, so move the book "
        f"to a writable disk with enough space, {AGAIN}"
    )


# What else the command line asks for


def share() -> None:
    """Register the kernels with the user's own Jupyter, and say where."""
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
        path, text = folder / spec.parent.name / spec.name, spec.read_text()
        try:
            replace(path, text)
        except OSError as error:
            raise Trouble(
                f"The kernels cannot be registered in {folder} "
                f"({error.strerror}). Make it writable, or name another folder "
                f"in JUPYTER_DATA_DIR, {AGAIN}"
            ) from None
        print(f"kernel {json.loads(text)['display_name']}: {path.parent}")
    print("JupyterLab and VS Code offer them once you start them again.")


def name_the_unavailable() -> None:
    """Say which frameworks have no wheel for this machine."""
    for framework in declared():
        if not framework.available:
            print(
                f"environment {framework.kernel}: skipped because "
                f"{framework.label} has no wheel for {platform_tag()}; its "
                "committed outputs stand in"
            )


def wait_for(guard: TextIO) -> None:
    """Lock a file, so that two commands do not make the same environment."""
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another command is making the environments; waiting for it.")
        fcntl.flock(guard, fcntl.LOCK_EX)


def renew_locks(upgrade: bool) -> None:
    """Renew the locks from pyproject.toml."""
    test = ("--group", "book", "--group", "test", "--constraint", BOOK_LOCK)
    locks = {
        BOOK_LOCK: ("--group", "book"),
        TEST_LOCK: test,
    }
    for framework in declared():
        extra = ("pyproject.toml", "--extra", framework.name)
        locks[framework.lock] = (*extra, "--group", "kernel")
    installer = Installer()
    for path, selection in locks.items():
        command = (UV, "pip", "compile", "--quiet", *selection, "--universal")
        command += ("--python-version", "3.11", "--generate-hashes")
        command += ("--no-header", "--output-file", path)
        failed = f"{path} could not be renewed"
        installer.run(command + ("--upgrade",) * upgrade, failed, path)
        print(f"{path}: renewed")


def main(arguments: list[str]) -> str | int:
    """Do what the command line asks for, and return what to exit with."""
    if os.pathsep in str(ROOT):
        return (
            f"The book cannot be built in {ROOT} because {os.pathsep!r} "
            "separates paths from each other. Move it to a folder without one."
        )
    missing = {}
    try:
        ENVS.mkdir(exist_ok=True)
        with open(ENVS / ".lock", "w") as guard:
            wait_for(guard)
            if "--lock" in arguments:
                set_up([uv_environment()])
                renew_locks("--upgrade" in arguments)
            elif "--test" in arguments:
                set_up([uv_environment(), environment("test", TEST_LOCK)])
            else:
                names = [name for name in arguments if name[:2] != "--"]
                bare = "--no-kernel" in arguments
                if not bare:
                    name_the_unavailable()
                missing = set_up_book(names or ([] if bare else None))
                if "--share" in arguments:
                    share()
    except (Trouble, OSError) as error:
        return said(error)
    except KeyboardInterrupt:
        return "Stopped. The environments that were there are as they were."
    # The sentences were printed already.
    return 1 if missing and "--strict" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
