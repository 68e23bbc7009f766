"""Setup makes complete environments, or says in a sentence why it cannot.

The real Makefile and bookbuild/environments.py run in small copies of the
checkout. Their locks pin a few small wheels on a local package index.
"""

import ast
import base64
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
ALL = tomllib.loads((ROOT / "kernels/frameworks.toml").read_text())
# The frameworks whose environments are made even if no page names them.
DECLARED = {name: entry for name, entry in ALL.items() if entry.get("default", True)}
LOCKS = ["requirements.txt", *(entry["lock"] for entry in DECLARED.values())]
TEST = "tests/requirements.txt"
EVERY_LOCK = ["requirements.txt", TEST, *(entry["lock"] for entry in ALL.values())]
KERNELS = [entry["kernel"] for entry in DECLARED.values()]
LABELS = [entry["label"] for entry in DECLARED.values()]
PYTHONS = ("3.11.9", "3.12.1", "3.13.0")
NOWHERE = "http://127.0.0.1:9/simple/"  # the discard port: nothing listens

PYPROJECT = """\
[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"
[project]
name = "d2l-extras"
version = "0.1.0"
description = "A small stand-in"
[project.optional-dependencies]
{extras}
[dependency-groups]
kernel = ["flit_core"]
book = ["uv", "tiny", "flit_core"]
test = ["tiny"]
[tool.flit.module]
name = "d2l_extras"
"""
# Replaces a module and prints its arguments.
ECHO = "import sys\nprint('asked:', __file__.split('/')[-1], *sys.argv[1:])\n"


# A small index of packages on this machine


def wheel(
    folder: Path,
    name: str,
    version: str,
    files: dict[str, str],
    tag: str = "py3-none-any",
) -> str:
    """Write a wheel, and return its line for a lock."""
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": "Metadata-Version: 2.1\n"
        f"Name: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        f"Root-Is-Purelib: true\nTag: {tag}\n",
    }
    rows = []
    for path, text in files.items():
        digest = hashlib.sha256(text.encode()).digest()
        digest = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        rows.append(f"{path},sha256={digest},{len(text.encode())}\n")
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    place = folder / name.replace("_", "-")
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in files.items():
            member = zipfile.ZipInfo(inner)
            member.external_attr = 0o100755 << 16  # Executable, as uv must be.
            archive.writestr(member, text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = name.replace("_", "-")
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n"


class Index:
    """Serve a local package index, and call `on_wheel` before sending a wheel."""

    def __init__(self, folder: Path):
        self.on_wheel = lambda path: None
        self.asked: list[str] = []
        flit = importlib.metadata.distribution("flit_core")
        modules = {
            str(file): file.read_text()
            for file in flit.files
            if file.suffix == ".py"
        }
        tiny = {
            "tiny.py": "answer = 42\n",
            "tiny-1.0.data/scripts/tell": "#!python\nimport tiny\n"
            "print(tiny.answer)\n",
        }
        # A script that runs the real uv, whose own wheel is not at hand.
        uv = f'#!/bin/sh\nexec "{Path(sys.prefix, "bin/uv")}" "$@"\n'
        self.pins = {
            "uv": wheel(folder, "uv", "1.0", {"uv-1.0.data/scripts/uv": uv}),
            "tiny": wheel(folder, "tiny", "1.0", tiny),
            "old": wheel(folder, "tiny", "0.9", {"tiny.py": "answer = 41\n"}),
            "foreign": wheel(folder, "tiny", "2.0", {}, "cp39-cp39-plan9_mips"),
            "flit": wheel(folder, "flit_core", flit.version, modules),
        }
        index = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self):
                index.asked.append(self.path)
                if self.path.endswith(".whl"):
                    index.on_wheel(self.path)
                super().do_GET()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=folder)
        )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="session")
def index(tmp_path_factory):
    index = Index(tmp_path_factory.mktemp("index"))
    yield index
    index.stop()


# Small copies of the checkout


class Checkout:
    """Operate a small copy of the checkout in `root`, set up from `index`."""

    def __init__(self, root: Path, index: Index):
        self.root, self.index = root, index
        self.cache = root.with_name(root.name + " cache")
        for folder in ("kernels", "d2l_extras", "tests"):
            (root / folder).mkdir(parents=True)
        shutil.copy(ROOT / "Makefile", root)
        shutil.copytree(
            ROOT / "bookbuild",
            root / "bookbuild",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        shutil.copy(ROOT / "kernels/frameworks.toml", root / "kernels")
        (root / "d2l_extras/__init__.py").touch()
        extras = "\n".join(f'{name} = ["tiny"]' for name in ALL)
        (root / "pyproject.toml").write_text(PYPROJECT.format(extras=extras))
        (root / "bookbuild/__main__.py").write_text(ECHO)
        (root / "pytest.py").write_text(ECHO)
        for lock in EVERY_LOCK:
            (root / lock).write_text(index.pins["tiny"] + index.pins["flit"])
        with open(root / "requirements.txt", "a") as book:
            book.write(index.pins["uv"])

    def command(self, *words: str, index: str = "", **changes: str):
        """Return the arguments of subprocess.run that run `words` here."""
        url = index or self.index.url
        env = {
            name: value
            for name, value in os.environ.items()
            if not re.match(
                "PIP_|UV_|PYTHON|MAKE|MFLAGS|VIRTUAL_ENV|STRICT$|ARGS$", name
            )
        }
        env |= {
            "PYTHON": sys.executable,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_INDEX_URL": url,
            "PIP_RETRIES": "0",
            "UV_DEFAULT_INDEX": url,
            "UV_CACHE_DIR": str(self.cache),
            "UV_HTTP_RETRIES": "0",
            **changes,
        }
        return {
            "args": words,
            "cwd": self.root,
            "env": env,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        }

    def run(self, *words: str, **changes: str):
        command = self.command(*words, **changes)
        return subprocess.run(**command, check=False)

    def make(self, *words: str, **changes: str):
        return self.run("make", *words, **changes)

    def without_network(self, *words: str):
        """Run make without a package in the index or in uv's cache."""
        empty = str(self.root.with_name("empty cache"))
        return self.make(*words, index=NOWHERE, UV_CACHE_DIR=empty)

    def whole(self) -> list[str]:
        """Return the environments that have a stamp."""
        return sorted(p.parent.name for p in self.root.glob(".envs/*/stamp"))

    def missing(self) -> dict[str, str]:
        return json.loads((self.root / ".envs/missing.json").read_text())

    def remove_environments(self, *names: str) -> None:
        for name in names:
            shutil.rmtree(self.root / ".envs" / name)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new))

    def python(self, name: str, code: str) -> str:
        """Return what `code` prints in the environment `name`."""
        words = (self.root / f".envs/{name}/bin/python", "-c", code)
        return subprocess.run(
            words, cwd="/", env={}, capture_output=True, text=True, check=True
        ).stdout


@pytest.fixture(scope="session")
def made(tmp_path_factory, index):
    """Return a checkout after `make setup`, in a folder with spaces. Do not change it."""
    checkout = Checkout(tmp_path_factory.mktemp("made") / "a b c", index)
    done = checkout.make("setup")
    assert done.returncode == 0, done.stderr
    checkout.output, checkout.environments = done.stdout, checkout.whole()
    return checkout


@pytest.fixture
def bare(tmp_path, index):
    """Return a checkout without environments."""
    return Checkout(tmp_path / "checkout", index)


@pytest.fixture
def fresh(bare, made):
    """Return a checkout that has only the environment of uv."""
    copy(made.root / ".envs/uv", bare.root / ".envs/uv")
    return bare


@pytest.fixture
def copied(bare, made):
    """Return a copy of a checkout and its environments, in another folder."""
    shutil.rmtree(bare.root)
    copy(made.root, bare.root)
    return bare


def copy(source: Path, target: Path) -> None:
    """Copy a folder, but link packages, which are never edited in place."""

    def place(file: str, copied: str) -> None:
        (os.link if "/site-packages/" in file else shutil.copy2)(file, copied)

    shutil.copytree(source, target, symlinks=True, copy_function=place)


def sentence(done) -> str:
    """Return the one sentence that a failed command printed as its error."""
    assert done.returncode != 0, done.stdout
    lines = done.stderr.splitlines()
    lines = [line for line in lines if not line.startswith("make: ***")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def remade(done) -> dict[str, str]:
    """Return why environments were made, by name."""
    line = r"^Making the environment (\S+?)(?: because (.*))?\.$"
    return dict(re.findall(line, done.stdout, re.MULTILINE))


def reinstalled(done) -> dict[str, str]:
    """Return why d2l_extras was reinstalled, by environment."""
    line = r"^Reinstalling d2l_extras in .envs/(\S+) because (.*)\.$"
    return dict(re.findall(line, done.stdout, re.MULTILINE))


# Making environments


def test_setup_makes_the_books_environment_and_one_per_framework(made):
    assert made.environments == sorted(["uv", "book", *KERNELS])
    for name in ["book", *KERNELS]:
        assert f"Making the environment {name}.\n" in made.output
        code = "import tiny, d2l_extras; print(d2l_extras.__file__)"
        where = made.python(name, code).strip()
        assert where == str(made.root / "d2l_extras/__init__.py")
    assert made.missing() == {}


def test_packages_are_compiled_once_when_they_are_installed(made):
    for name in ["book", *KERNELS]:
        found = made.root.glob(f".envs/{name}/lib/*/*/__pycache__/tiny.*.pyc")
        assert len(list(found)) == 1, name


def test_jupyter_finds_each_kernel_in_its_own_environment(made):
    for entry in DECLARED.values():
        kernel = made.root / ".envs/share/jupyter/kernels" / entry["kernel"]
        spec = json.loads((kernel / "kernel.json").read_text())
        python = made.root / ".envs" / entry["kernel"] / "bin/python"
        assert spec["argv"][0] == str(python)
        assert spec["argv"][1:3] == ["-m", "ipykernel_launcher"]
        assert entry["label"] in spec["display_name"]


def test_setup_changes_nothing_and_needs_no_network_when_all_is_current(made):
    def inodes():
        return {p: p.stat().st_ino for p in made.root.glob(".envs/*")}

    before = inodes()
    done = made.without_network("setup")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert inodes() == before


def test_an_interrupted_environment_never_looks_complete(fresh, index):
    started = threading.Event()

    def kill(_):
        started.wait()
        os.killpg(process.pid, signal.SIGKILL)

    index.on_wheel = kill
    try:
        process = subprocess.Popen(
            **fresh.command("make", "setup"), start_new_session=True
        )
        started.set()
        process.communicate(timeout=60)
    finally:
        index.on_wheel = lambda path: None
    assert process.returncode == -signal.SIGKILL
    assert fresh.whole() == ["uv"]
    assert (fresh.root / ".envs/.new").exists()
    assert fresh.make("setup").returncode == 0
    assert fresh.whole() == sorted(["uv", "book", *KERNELS])
    assert not (fresh.root / ".envs/.new").exists()


def test_two_concurrent_setups_make_each_environment_once(fresh):
    pair = [
        subprocess.Popen(**fresh.command("make", "setup")) for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], outputs
    made = re.findall(r"Making the environment (\S+)\.", str(outputs))
    assert made == ["book", *KERNELS]


def test_a_framework_without_a_wheel_here_is_skipped_and_the_rest_made(fresh):
    path = fresh.root / "kernels/frameworks.toml"
    text = re.sub(
        "platforms = .*",
        'platforms = ["plan9-mips"]',
        path.read_text(),
        count=1,
    )
    path.write_text(text)
    done = fresh.make("setup", "STRICT=1")
    assert done.returncode == 0, done.stderr
    assert (
        f"Skipping the environment {KERNELS[0]} because {LABELS[0]} has no wheel"
        in done.stdout
    )
    assert fresh.whole() == sorted(["uv", "book", *KERNELS[1:]])
    kernels = os.listdir(fresh.root / ".envs/share/jupyter/kernels")
    assert sorted(kernels) == sorted(KERNELS[1:])
    assert fresh.missing() == {}


# When an environment is made again, and when only d2l_extras


def test_after_a_move_only_d2l_extras_is_installed_again(copied, made):
    done = copied.without_network("setup")
    assert done.returncode == 0, done.stderr
    assert remade(done) == {}
    names = ["book", *KERNELS]
    assert reinstalled(done) == dict.fromkeys(names, "the folder was moved")
    code = "import d2l_extras, tiny; print(d2l_extras.__file__)"
    for name in names:
        where = copied.python(name, code).strip()
        assert where == str(copied.root / "d2l_extras/__init__.py")
        # A script that a package brought along
        script = copied.run(str(copied.root / f".envs/{name}/bin/tell"))
        assert script.stdout == "42\n"
    for spec in copied.root.glob(".envs/share/jupyter/kernels/*/kernel.json"):
        assert Path(json.loads(spec.read_text())["argv"][0]).exists()
        assert str(made.root) not in spec.read_text()
    for program in copied.root.glob(".envs/*/bin/*"):
        content = program.resolve().read_bytes()
        for place in bytes(made.root), b".envs/.new":
            assert place not in content, program


def test_a_change_to_pyproject_reinstalls_only_d2l_extras(copied):
    copied.make("setup", "FRAMEWORKS=mxnet")
    copied.edit("pyproject.toml", "A small stand-in", "Described anew")
    done = copied.without_network("setup", "FRAMEWORKS=mxnet")
    assert done.returncode == 0, done.stderr
    assert remade(done) == {}
    names = ["book", "d2l-mxnet"]
    assert reinstalled(done) == dict.fromkeys(
        names, "pyproject.toml has changed"
    )
    code = (
        "from importlib.metadata import metadata;"
        "print(metadata('d2l_extras')['Summary'])"
    )
    assert copied.python("book", code) == "Described anew\n"


def test_a_changed_lock_remakes_only_its_environment(copied):
    with open(copied.root / LOCKS[1], "a") as lock:
        lock.write("# changed\n")
    done = copied.make("setup")
    assert remade(done) == {KERNELS[0]: f"{LOCKS[1]} has changed"}


def test_another_python_remakes_an_environment_and_is_named(copied):
    version = platform.python_version()
    copied.edit(".envs/book/stamp", version, "3.11.0")
    done = copied.make("site")
    assert remade(done) == {"book": f"Python changed from 3.11.0 to {version}"}


@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        ("stamp", "it was incomplete"),
        ("bin/python", "it was incomplete"),
        ("lib/python3*/site-packages/tiny-1.0.dist-info", "it lacked packages"),
    ],
)
def test_a_damaged_environment_is_remade(copied, lost, reason):
    (part,) = (copied.root / ".envs/book").glob(lost)
    shutil.rmtree(part) if part.is_dir() else part.unlink()
    assert remade(copied.make("site")) == {"book": reason}
    assert copied.python("book", "import tiny; print(tiny.answer)") == "42\n"


# When the environment of a framework cannot be made


def test_without_a_network_the_book_is_set_up_and_frameworks_are_missing(
    copied,
):
    copied.remove_environments(*KERNELS)
    done = copied.without_network("setup")
    assert done.returncode == 0, done.stderr
    assert copied.whole() == ["book", "uv"]
    assert list(copied.missing()) == KERNELS
    for kernel, label in zip(KERNELS, LABELS):
        reason = copied.missing()[kernel]
        assert f"{kernel} could not be made" in reason
        assert "the package index cannot be reached" in reason
        assert "Connect to the network" in reason
        assert (
            f"The environment {kernel} is missing, so the committed outputs "
            f"of {label} are used. {reason}\n"
        ) in done.stderr
    # No kernel is registered that cannot start.
    assert not list(copied.root.glob(".envs/share/jupyter/kernels/*"))

    strict = copied.without_network("setup", "STRICT=1")
    assert strict.returncode
    assert strict.stderr.startswith(done.stderr)
    assert list(copied.missing()) == KERNELS

    assert list(remade(copied.make("setup", "STRICT=1"))) == KERNELS
    assert copied.missing() == {}


def test_without_a_network_packages_come_from_the_cache_of_uv(tmp_path, made):
    index = Index(tmp_path / "index")
    checkout = Checkout(tmp_path / "checkout", index)
    copy(made.root / ".envs/uv", checkout.root / ".envs/uv")
    try:
        assert checkout.make("setup").returncode == 0
    finally:
        index.stop()
    checkout.remove_environments("book", *KERNELS)
    done = checkout.make("setup")
    assert list(remade(done)) == ["book", *KERNELS], done.stderr


def test_a_framework_that_cannot_be_installed_does_not_affect_the_others(fresh):
    pin = fresh.index.pins["tiny"]
    fresh.edit(LOCKS[1], pin, pin[:-9] + "00000000\n")
    done = fresh.make("setup")
    assert done.returncode == 0, done.stderr
    assert fresh.whole() == sorted(["uv", "book", *KERNELS[1:]])
    assert list(fresh.missing()) == [KERNELS[0]]


@pytest.mark.parametrize("how", ["environment", "file"])
def test_packages_are_found_in_the_folders_that_pip_is_configured_to_use(
    fresh, tmp_path, how
):
    framework = next(iter(DECLARED))
    pin = wheel(tmp_path, "lonely", "1.0", {"lonely.py": "answer = 43\n"})
    with open(fresh.root / LOCKS[1], "a") as lock:
        lock.write(pin)
    fresh.make("setup", f"FRAMEWORKS={framework}")
    assert list(fresh.missing()) == [KERNELS[0]]
    folder = tmp_path / "lonely"
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nfind-links =\n  /nowhere\n  {folder}\n")
    settings = {
        "environment": {
            "PIP_FIND_LINKS": f"/nowhere http://127.0.0.1:9/ {folder.as_uri()}"
        },
        "file": {"PIP_CONFIG_FILE": str(settings)},
    }
    done = fresh.make("setup", f"FRAMEWORKS={framework}", **settings[how])
    assert fresh.missing() == {}, done.stderr
    assert fresh.python(KERNELS[0], "import lonely; print(lonely.answer)") == "43\n"


def test_a_framework_whose_python_is_not_here_is_missing(fresh):
    kernel = ALL["pytorch"]["kernel"]
    fresh.edit("kernels/frameworks.toml", 'python = "3.11"', 'python = "3.99"')
    fresh.make("setup", "FRAMEWORKS=pytorch")
    assert list(fresh.missing()) == [kernel]
    assert "it needs a Python that is not on this machine" in fresh.missing()[kernel]
    assert "uv python install" in fresh.missing()[kernel]


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        ("hash", rf"tiny==1\.0\).*git checkout {LOCKS[1]}"),
        ("wheel", r"no wheel for \w+-\w+ and .*Python.*PYTHON=python3\.11"),
        ("disk", "the disk is full.*Make room"),
        ("unknown", r"uv ended with status 3 \(a mishap\)"),
    ],
)
def test_missing_json_says_why_a_framework_is_missing_and_what_to_do(
    copied, problem, reason
):
    pins, lock = copied.index.pins, LOCKS[1]
    wrong = {"hash": pins["tiny"][:-9] + "00000000\n", "wheel": pins["foreign"]}
    if problem in wrong:
        copied.edit(lock, pins["tiny"], wrong[problem])
    else:
        copied.remove_environments(KERNELS[0])
        message, status = {
            "disk": ("No space left on device", 2),
            "unknown": ("a mishap", 3),
        }[problem]
        uv = copied.root / ".envs/uv/bin/uv"
        uv.write_text(
            f"#!/bin/sh\ncase \"$*\" in *{lock}*) echo '{message}'; "
            f"exit {status};; esac\n" + uv.read_text()
        )
    done = copied.make("setup", f"FRAMEWORKS={next(iter(DECLARED))}")
    assert done.returncode == 0, done.stderr
    assert list(copied.missing()) == [KERNELS[0]]
    assert re.search(reason, copied.missing()[KERNELS[0]]), copied.missing()


def test_an_outdated_environment_is_kept_but_recorded_as_missing(copied):
    pin = copied.index.pins["tiny"]
    copied.edit(LOCKS[1], pin, pin[:-9] + "00000000\n")
    assert copied.make("setup").returncode == 0
    assert list(copied.missing()) == [KERNELS[0]]
    assert (
        copied.python(KERNELS[0], "import tiny; print(tiny.answer)") == "42\n"
    )
    # Another framework's setup does not forget it; undoing the change does.
    other = f"FRAMEWORKS={list(DECLARED)[1]}"
    copied.make("setup", other)
    assert list(copied.missing()) == [KERNELS[0]]
    copied.edit(LOCKS[1], pin[:-9] + "00000000\n", pin)
    copied.make("setup")
    assert copied.missing() == {}


# Missing programs


def fake_programs(folder: Path, **scripts: str) -> str:
    """Write scripts into a folder that has only a shell, and return a PATH to it."""
    folder.mkdir()
    for name in ("sh", "env"):
        (folder / name).symlink_to(shutil.which(name))
    for name, script in scripts.items():
        path = folder / name.replace("_", ".")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return str(folder)


# A suitable Python, which make queries and then runs, and an unsuitable one.
SUITABLE = 'if [ "$1" = -c ]; then echo "$0"; else echo "${0##*/} runs $*"; fi'
UNSUITABLE = "echo"


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"python3_11": SUITABLE, "python3_12": SUITABLE}, "python3.11"),
        ({"python3_13": SUITABLE, "python3_12": SUITABLE}, "python3.12"),
        ({"python3": SUITABLE, "python3_13": SUITABLE}, "python3.13"),
        ({"python3_11": UNSUITABLE, "python3": SUITABLE}, "python3"),
    ],
)
def test_make_prefers_python_3_11_and_takes_3_12_or_3_13(
    bare, tmp_path, pythons, chosen
):
    path = fake_programs(tmp_path / "bin", **pythons)
    done = bare.run(shutil.which("make"), "setup", PATH=path, PYTHON="")
    assert done.stdout == f"{chosen} runs -m bookbuild.environments\n", (
        done.stderr
    )


def test_make_keeps_using_the_python_of_the_environments(made, tmp_path):
    path = fake_programs(tmp_path / "bin", python3_11=SUITABLE)
    done = made.run(shutil.which("make"), "setup", PATH=path, PYTHON="")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("installed", [True, False])
def test_without_any_python_make_uses_uv_to_install_one(
    bare, tmp_path, installed
):
    state = tmp_path / "state"
    if installed:
        state.touch()
    path = fake_programs(
        tmp_path / "bin",
        python=SUITABLE,
        uv=f'echo "uv $*" >&2\n[ "$2" = install ] && : > "{state}" && exit\n'
        f'[ -e "{state}" ] && echo "{tmp_path}/bin/python"',
    )
    done = bare.run(shutil.which("make"), "setup", PATH=path, PYTHON="")
    assert done.stdout.endswith("python runs -m bookbuild.environments\n"), (
        done.stderr
    )
    assert ("uv python install 3.11" in done.stderr) is not installed


def test_without_a_suitable_python_make_says_how_to_install_one(bare, tmp_path):
    path = fake_programs(tmp_path / "bin", python3=UNSUITABLE)
    done = bare.run(shutil.which("make"), "book", PATH=path, PYTHON="")
    error = sentence(done)
    assert "needs Python 3.11, 3.12, or 3.13, and none is on the path" in error
    assert "apt install python3" in error
    done = bare.make("book", PYTHON="/no/python")
    assert "PYTHON=/no/python is none of them" in sentence(done)


@pytest.mark.parametrize("version", ["3.6.9", "3.10.0", "3.14.0"])
def test_an_unsuitable_python_prints_the_supported_versions(bare, version):
    ast.parse(
        (ROOT / "bookbuild/environments.py").read_text(), feature_version=(3, 6)
    )
    numbers = tuple(map(int, version.split(".")))
    code = (
        f"import sys, runpy; sys.version_info = {numbers};"
        "runpy.run_module('bookbuild.environments', run_name='__main__')"
    )
    done = bare.run(sys.executable, "-c", code)
    named = version.rpartition(".")[0]
    assert f"3.13, but this is Python {named}." in sentence(done)


def test_a_python_without_ensurepip_names_the_package_to_install(
    bare, tmp_path
):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.modules['ensurepip'] = None\n"
    )
    error = sentence(bare.make("setup", PYTHONPATH=str(tmp_path)))
    assert "has no ensurepip module" in error
    assert "apt install python3-venv" in error
    assert bare.whole() == []


@pytest.mark.parametrize(("state", "name"), [("bare", "uv"), ("fresh", "book")])
def test_without_a_network_the_books_own_environments_cannot_be_missing(
    request, state, name
):
    checkout = request.getfixturevalue(state)
    before = checkout.whole()
    error = sentence(checkout.without_network("setup"))
    assert f"environment {name} could not be made" in error
    assert "the package index cannot be reached" in error
    assert checkout.whole() == before


def test_the_books_environment_survives_a_failed_renewal(copied):
    with open(copied.root / "requirements.txt", "a") as lock:
        lock.write("# changed\n")
    assert "cannot be reached" in sentence(copied.without_network("setup"))
    assert copied.python("book", "import tiny; print(tiny.answer)") == "42\n"


@pytest.mark.parametrize(
    ("state", "package"), [("bare", "uv"), ("fresh", "tiny")]
)
def test_a_file_with_a_different_hash_is_refused(request, state, package):
    checkout = request.getfixturevalue(state)
    pin = checkout.index.pins[package]
    checkout.edit("requirements.txt", pin, pin[:-9] + "00000000\n")
    before = checkout.whole()
    error = sentence(checkout.make("setup"))
    assert "does not have the hash that requirements.txt gives" in error
    assert f"({package}==1.0)" in error
    assert checkout.whole() == before


def test_a_requirement_without_a_hash_is_refused(fresh):
    fresh.edit("requirements.txt", fresh.index.pins["tiny"], "tiny==1.0\n")
    done = fresh.make("setup")
    assert done.returncode != 0
    assert "hash" in done.stderr
    assert fresh.whole() == ["uv"]


def test_an_unknown_failure_shows_what_the_installer_printed(fresh):
    uv = fresh.root / ".envs/uv/bin/uv"
    uv.write_text("#!/bin/sh\necho 'a mishap'\necho 'in detail'\nexit 3\n")
    lines = fresh.make("setup").stderr.splitlines()
    assert lines[:2] == ["a mishap", "in detail"]
    assert "uv ended with status 3 (in detail)" in lines[2]


def test_a_folder_that_is_not_writable_is_reported(bare):
    (bare.root / ".envs").touch()
    error = sentence(bare.make("setup"))
    assert f"{bare.root}/.envs cannot be used (File exists)" in error


def test_a_path_that_jupyter_would_split_is_refused(tmp_path, index):
    checkout = Checkout(tmp_path / "a:b", index)
    assert "separates paths" in sentence(checkout.make("setup"))


def test_a_missing_lock_is_named_with_the_command_that_makes_it(bare):
    (bare.root / LOCKS[-1]).unlink()
    error = sentence(bare.make("setup"))
    assert f"{LOCKS[-1]} is missing" in error
    assert "make lock" in error


# The locks


def entries(lock: str) -> list[str]:
    """Return the requirements of a lock, each with its hashes."""
    text = re.sub(
        r"^\s*#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE
    )
    return re.split(r"\n(?=\S)", text.strip())


def pins(lock: str, python: str) -> dict[str, set[str]]:
    """Return the versions that a lock gives a Python, by package."""
    here = {
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
    }
    found = {}
    for entry in entries(lock):
        pin = Requirement(entry.split("\\")[0])
        if pin.marker is None or pin.marker.evaluate(here):
            version = next(iter(pin.specifier)).version
            found.setdefault(pin.name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", [*LOCKS, TEST])
def test_every_requirement_is_pinned_with_hashes(lock):
    pinned = (
        r"[a-z0-9.-]+==\S+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+"
    )
    assert len(entries(lock)) > 10
    for entry in entries(lock):
        assert re.fullmatch(pinned, entry), entry.splitlines()[0]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", EVERY_LOCK)
def test_a_lock_gives_each_python_one_version_that_pyproject_allows(
    lock, python
):
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups, project = asked["dependency-groups"], asked["project"]
    wanted = {
        "requirements.txt": groups["book"],
        TEST: groups["book"] + groups["test"],
    }
    for name, entry in ALL.items():
        wanted[entry["lock"]] = (
            groups["kernel"]
            + project["dependencies"]
            + project["optional-dependencies"][name]
        )
    found = pins(lock, python)
    assert {name: v for name, v in found.items() if len(v) != 1} == {}
    for requirement in map(Requirement, wanted[lock]):
        (version,) = found[requirement.name.replace("_", "-")]
        assert requirement.specifier.contains(version), str(requirement)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_tests_use_the_versions_that_build_the_book(python):
    test = pins(TEST, python)
    for name, version in pins("requirements.txt", python).items():
        assert test[name] == version, name


def test_make_lock_keeps_versions_unless_upgrade_is_set(fresh, index):
    fresh.edit("requirements.txt", index.pins["tiny"], index.pins["old"])
    for lock in LOCKS[-1], TEST:
        (fresh.root / lock).unlink()
    done = fresh.make("lock")
    assert done.returncode == 0, done.stderr
    for lock in [*LOCKS, TEST]:
        # The tests follow the book.
        kept = "old" if "requirements" in lock else "tiny"
        text = (fresh.root / lock).read_text()
        assert index.pins[kept] in text
        assert index.url not in text
    assert fresh.make("lock", "UPGRADE=1").returncode == 0
    for lock in "requirements.txt", TEST:
        assert index.pins["tiny"] in (fresh.root / lock).read_text()


# The commands


def test_one_framework_does_not_need_the_environments_of_others(fresh):
    first = next(iter(DECLARED))
    done = fresh.make("setup", f"FRAMEWORKS={first}")
    assert done.returncode == 0, done.stderr
    assert fresh.whole() == sorted(["uv", "book", KERNELS[0]])


def test_a_framework_that_is_not_default_is_made_if_a_page_names_it(fresh):
    name = next(name for name in ALL if name not in DECLARED)
    page = fresh.root / "chapters" / "page.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(f"---\nframeworks: [{name}]\n---\n\n# Title\n")
    done = fresh.make("setup")
    assert done.returncode == 0, done.stderr
    assert ALL[name]["kernel"] in fresh.whole()


def test_the_environment_of_the_tests_is_made_on_request(fresh):
    assert fresh.make("test-setup").returncode == 0
    assert fresh.whole() == ["test", "uv"]
    assert fresh.python("test", "import tiny; print(tiny.answer)") == "42\n"


def test_rendering_needs_no_environment_of_a_framework(fresh):
    done = fresh.make("site")
    assert done.returncode == 0, done.stderr
    assert fresh.whole() == ["book", "uv"]


@pytest.mark.parametrize("command", ["setup", "notebooks"])
def test_an_unknown_framework_is_named_with_the_known_ones(made, command):
    done = made.make(command, "FRAMEWORKS=mxnet torch")
    assert done.returncode
    assert "The book has no framework 'torch'" in done.stderr
    assert f"choose from {', '.join(ALL)}" in done.stderr


def test_make_kernels_registers_them_with_the_users_jupyter(copied):
    jupyter = copied.root / ".envs/book/bin/jupyter-kernelspec"
    jupyter.write_text('#!/bin/sh\necho "asked: $*"\n')
    jupyter.chmod(0o755)
    done = copied.make("kernels")
    for kernel in KERNELS:
        spec = f".envs/share/jupyter/kernels/{kernel}"
        assert f"asked: install --user {spec}\n" in done.stdout
    jupyter.write_text("#!/bin/sh\nexit 1\n")
    assert copied.make("kernels").returncode


COMMANDS = (
    "help book test test-all nbval serve notebooks site pdf epub downloads kernels why "
    "check lock audit bench lighthouse screenshots colab colab-list grid clean"
)


def test_make_lists_every_command_with_its_purpose(bare):
    listed = bare.make().stdout
    found = re.findall(r"^make ([a-z-]+) +\w.*", listed, re.MULTILINE)
    assert " ".join(found) == COMMANDS
    assert bare.make("help").stdout == listed
    for command in found:
        assert bare.make("-n", command).returncode == 0


QUICK = "tests/unit tests/build tests/book"
PYTEST = "pytest.py -n logical --maxprocesses 4 --dist loadfile"
# What each command runs, besides the set-up of environments.
RUNS = {
    "book JOBS=1": ["__main__.py book --jobs 1"],
    "book STRICT=1": ["__main__.py book --strict"],
    "book STRICT=0": ["__main__.py book"],
    "notebooks": ["__main__.py notebooks"],
    "notebooks FRAMEWORKS=mxnet": ["__main__.py notebooks mxnet"],
    "site": ["__main__.py site"],
    "check": ["__main__.py check"],
    "test": ["__main__.py book", f"{PYTEST} {QUICK}"],
    "test ARGS='-k data'": ["__main__.py book", f"{PYTEST} {QUICK} -k data"],
    "test ARGS='-x tests/site/test_site.py'": [
        "__main__.py book",
        f"{PYTEST} -x tests/site/test_site.py",
    ],
    "test ARGS='--deselect tests/unit/test_data.py'": [
        "__main__.py book",
        f"{PYTEST} {QUICK} --deselect=tests/unit/test_data.py",
    ],
    "test-all": ["__main__.py book", "machine.py", f"{PYTEST} tests"],
    "nbval NOTEBOOK=notebooks/a.ipynb": ["nbval.py notebooks/a.ipynb"],
    "bench": [
        "__main__.py book",
        *("builds.py", "training.py", "site.py", "report.py"),
    ],
    "lighthouse": ["__main__.py book", "audit.py"],
    "screenshots": ["__main__.py book", "screenshots.py"],
    "colab": ["stand_in.py"],
    "grid": ["grid.py"],
}
SCRIPTS = {
    "bench": ["builds", "training", "site", "report"],
    "tests/support": ["machine", "nbval", "screenshots"],
    "tests/support/lighthouse": ["audit"],
    "tests/support/colab": ["stand_in", "grid"],
}


@pytest.mark.parametrize("words", RUNS)
def test_each_make_target_runs_its_own_commands(made, words):
    for folder, names in SCRIPTS.items():
        (made.root / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            (made.root / folder / f"{name}.py").write_text(ECHO)
    done = made.make(*shlex.split(words))
    assert done.returncode == 0, done.stderr
    asked = re.findall("^asked: (.*)$", done.stdout, re.MULTILINE)
    assert asked == RUNS[words]


def test_make_audit_checks_every_lock_and_fails_if_one_fails(copied):
    uv = copied.root / ".envs/uv/bin/uv"
    bad, torch = copied.root / LOCKS[1], copied.root / ALL["pytorch"]["lock"]
    bad.write_text("bad==1.0\n")
    torch.write_text("torch==2.13.0+cpu ; sys_platform == 'linux' \\\n")
    # Its last argument is the file to check.
    uv.write_text(
        '#!/bin/sh\necho "$*"\nshift $(($# - 1))\ncat "$1"\n! grep -q bad "$1"\n'
    )
    done = copied.make("audit")
    assert done.returncode
    asked = r"^(.*\.txt):\ntool run .* pip-audit --strict --require-hashes "
    locks = re.findall(asked, done.stdout, re.MULTILINE)
    assert sorted(locks) == sorted(EVERY_LOCK)
    # The package index knows no versions of builds.
    assert "torch==2.13.0 ; sys_platform" in done.stdout
    bad.write_text("good==1.0\n")
    assert copied.make("audit").returncode == 0
    # Whatever looks like a lock is one.
    for path in [*ROOT.glob("*.txt"), *ROOT.glob("[a-z]*/*.txt")]:
        if "--hash=sha256:" in path.read_text():
            assert path.relative_to(ROOT).as_posix() in EVERY_LOCK


def test_make_test_all_stops_where_the_machine_cannot_run_it(made):
    script = made.root / "tests/support/machine.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("raise SystemExit('It lacks Chromium.')\n")
    done = made.make("test-all")
    assert sentence(done) == "It lacks Chromium."
    assert "pytest.py" not in done.stdout


def test_make_serve_sets_up_and_passes_the_port_on(made):
    # test_serve.py tries what it then does.
    lines = made.make("-n", "serve", "PORT=8123").stdout.splitlines()
    assert lines[-1].endswith(
        '.envs/book/bin/python" -m bookbuild.serve --port 8123'
    )
    assert any("bookbuild.environments" in line for line in lines)


def test_make_clean_removes_environments_only_with_all(bare):
    for name in ["_build", ".envs"]:
        (bare.root / name).mkdir()
    bare.make("clean")
    assert not (bare.root / "_build").exists()
    assert (bare.root / ".envs").exists()
    bare.make("clean", "ALL=1")
    assert not (bare.root / ".envs").exists()


@pytest.mark.parametrize("failing", ["test", "downloads", "test-all"])
@pytest.mark.parametrize("installed", [True, False])
def test_ci_installs_missing_packages_and_fails_if_the_tests_fail(
    tmp_path, installed, failing
):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    fakes = {
        "dpkg-query": "echo installed" if installed else "exit 1",
        "python3.11": "exit 0" if installed else "exit 127",
        "apt-get": 'echo "apt-get $*"',
        "make": f'echo "make $*"; [ "$1" != {failing} ] || exit 7',
    }
    for name, line in fakes.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [tmp_path / ".ci/run"],
        check=False,
        env={"PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 7
    lines = done.stdout.splitlines()
    if not installed:
        assert lines.pop(0).startswith("apt-get update")
        packages = lines.pop(0).split()
        for package in ["make", "python3-venv", "chromium", "libgomp1"]:
            assert package in packages
    assert lines.pop(0) == "make test STRICT=1"
    rest = "ARGS=tests/site tests/notebooks tests/release "
    later = ["make downloads STRICT=1", f"make test-all STRICT=1 {rest}"]
    assert lines == later[: ["test", "downloads", "test-all"].index(failing)]
