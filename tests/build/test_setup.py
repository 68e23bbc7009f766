"""Set-up gives whole environments or one clear sentence.

The real Makefile and _ext/bootstrap.py run in small copies of the checkout,
whose locks name three small wheels served from this machine.
"""

import ast
import base64
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
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
DECLARED = tomllib.loads((ROOT / "kernels/frameworks.toml").read_text())
LOCKS = ["requirements.txt", *(entry["lock"] for entry in DECLARED.values())]
AUDIT = "_ext/audit.txt"
KERNELS = [entry["kernel"] for entry in DECLARED.values()]
NOWHERE = "http://127.0.0.1:9/simple/"  # The discard port: nobody listens.

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
audit = ["tiny"]
[tool.flit.module]
name = "d2l_extras"
"""
# Stands in for the driver, and for pytest: says what it was asked to do.
ECHO = "import sys\nprint('asked:', __file__.split('/')[-1], *sys.argv[1:])\n"


# A small index of packages on this machine


def wheel(folder: Path, name: str, version: str, files: dict) -> str:
    """Write a pure-Python wheel; return its line of a lock."""
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": "Metadata-Version: 2.1\n"
        f"Name: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = hashlib.sha256(text.encode()).digest()
        digest = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        rows.append(f"{path},sha256={digest},{len(text.encode())}\n")
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    place = folder / name.replace("_", "-")
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in files.items():
            member = zipfile.ZipInfo(inner)
            member.external_attr = 0o100755 << 16  # Executable, as uv must be.
            archive.writestr(member, text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = name.replace("_", "-")
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n"


class Index:
    """A package index on loopback; `on_wheel` is called before it answers."""

    def __init__(self, folder: Path):
        self.on_wheel = lambda path: None
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
        # The real uv, by a script: its own wheel is not at hand.
        uv = f'#!/bin/sh\nexec "{Path(sys.prefix, "bin/uv")}" "$@"\n'
        self.pins = {
            "uv": wheel(folder, "uv", "1.0", {"uv-1.0.data/scripts/uv": uv}),
            "tiny": wheel(folder, "tiny", "1.0", tiny),
            "old": wheel(folder, "tiny", "0.9", {"tiny.py": "answer = 41\n"}),
            "flit": wheel(folder, "flit_core", flit.version, modules),
        }
        index = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self):
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


@pytest.fixture(scope="session")
def index(tmp_path_factory):
    index = Index(tmp_path_factory.mktemp("index"))
    yield index
    index.server.shutdown()


# Small copies of the checkout


class Checkout:
    """A small copy of the checkout in `root`, set up from `index`."""

    def __init__(self, root: Path, index: Index):
        self.root, self.index = root, index
        self.cache = root.with_name(root.name + " cache")
        (root / "kernels").mkdir(parents=True)
        (root / "d2l_extras").mkdir()
        shutil.copy(ROOT / "Makefile", root)
        shutil.copytree(ROOT / "_ext", root / "_ext")
        shutil.copy(ROOT / "kernels/frameworks.toml", root / "kernels")
        (root / "d2l_extras/__init__.py").touch()
        extras = "\n".join(f'{name} = ["tiny"]' for name in DECLARED)
        (root / "pyproject.toml").write_text(PYPROJECT.format(extras=extras))
        (root / "_ext/build.py").write_text(ECHO)
        (root / "pytest.py").write_text(ECHO)
        for lock in [*LOCKS, AUDIT]:
            (root / lock).write_text(index.pins["tiny"] + index.pins["flit"])
        with open(root / "requirements.txt", "a") as book:
            book.write(index.pins["uv"])

    def command(self, *words: str, index: str = "", **changes: str):
        """What subprocess.run needs to run `words` here, by this index."""
        url = index or self.index.url
        env = {
            name: value
            for name, value in os.environ.items()
            if not re.match("PIP_|UV_|PYTHON|MAKE|MFLAGS|VIRTUAL_ENV", name)
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

    def make(self, *words: str, **changes: str):
        return self.run("make", *words, **changes)

    def run(self, *words: str, **changes: str):
        command = self.command(*words, **changes)
        return subprocess.run(**command, check=False)

    def whole(self) -> list[str]:
        """The environments that have a stamp."""
        return sorted(p.parent.name for p in self.root.glob(".envs/*/stamp"))

    def python(self, name: str, code: str) -> str:
        """What `code` prints in the environment `name`."""
        words = (self.root / f".envs/{name}/bin/python", "-c", code)
        return subprocess.run(
            words, cwd="/", env={}, capture_output=True, text=True, check=True
        ).stdout


@pytest.fixture(scope="session")
def made(tmp_path_factory, index):
    """A checkout that was set up, in a folder with spaces: do not change it."""
    checkout = Checkout(tmp_path_factory.mktemp("made") / "a b c", index)
    done = checkout.make("setup")
    assert done.returncode == 0, done.stderr
    checkout.said = done.stdout
    return checkout


@pytest.fixture
def bare(tmp_path, index):
    """A checkout with no environment."""
    return Checkout(tmp_path / "checkout", index)


@pytest.fixture
def fresh(bare, made):
    """A checkout that has uv, and no other environment."""
    uv = Path(".envs/uv")
    shutil.copytree(made.root / uv, bare.root / uv, symlinks=True)
    return bare


def sentence(done) -> str:
    """The one sentence that a failed set-up says; it must be the only one."""
    assert done.returncode != 0, done.stdout
    lines = done.stderr.splitlines()
    lines = [line for line in lines if not line.startswith("make: ***")]
    assert len(lines) == 1, done.stderr
    return lines[0]


# What set-up makes


def test_set_up_makes_the_book_and_one_environment_a_framework(made):
    assert made.whole() == sorted(["uv", "book", *KERNELS])
    for name in ["book", *KERNELS]:
        packages = 4 if name == "book" else 3  # tiny, flit, ours (and uv)
        line = rf"^environment {name}: made in \d+ s \({packages} packages\)$"
        assert re.search(line, made.said, re.MULTILINE), made.said
        code = "import tiny, d2l_extras; print(d2l_extras.__file__)"
        where = made.python(name, code).strip()
        assert where == str(made.root / "d2l_extras/__init__.py")


def test_a_script_of_an_environment_runs_where_the_environment_is(made):
    script = made.root / ".envs/book/bin/tell"
    assert made.run(str(script)).stdout == "42\n"


def test_jupyter_finds_a_kernel_a_framework_in_its_own_environment(made):
    for entry in DECLARED.values():
        kernel = made.root / ".envs/share/jupyter/kernels" / entry["kernel"]
        spec = json.loads((kernel / "kernel.json").read_text())
        python = made.root / ".envs" / entry["kernel"] / "bin/python"
        assert spec["argv"][0] == str(python)
        assert spec["argv"][1:3] == ["-m", "ipykernel_launcher"]
        assert entry["label"] in spec["display_name"]


def test_with_nothing_to_do_set_up_does_nothing_and_needs_no_network(made):
    def inodes():
        return {p: p.stat().st_ino for p in made.root.glob(".envs/*")}

    before = inodes()
    done = made.make(
        "setup", index=NOWHERE, UV_CACHE_DIR=str(made.root / "none")
    )
    names = ", ".join(["uv", "book", *KERNELS])
    assert done.stdout == f"environments {names}: up to date\n", done.stderr
    assert inodes() == before


def test_a_changed_lock_remakes_its_environment_and_no_other(fresh):
    fresh.make("setup")
    with open(fresh.root / LOCKS[1], "a") as lock:
        lock.write("# changed\n")
    done = fresh.make("setup")
    remade = re.findall(r"environment (\S+): made", done.stdout)
    assert remade == [KERNELS[0]], done.stderr


@pytest.mark.parametrize(
    "lost",
    ["stamp", "bin/python", "lib/python3.11/site-packages/tiny-1.0.dist-info"],
)
def test_an_environment_that_lost_a_part_is_made_anew(fresh, lost):
    fresh.make("setup")
    part = fresh.root / ".envs/book" / lost
    shutil.rmtree(part) if part.is_dir() else part.unlink()
    done = fresh.make("setup")
    assert re.findall(r"environment (\S+): made", done.stdout) == ["book"]
    assert fresh.python("book", "import tiny; print(tiny.answer)") == "42\n"


def test_a_checkout_that_was_moved_makes_its_environments_anew(fresh):
    fresh.make("setup")
    fresh.root = fresh.root.rename(fresh.root.with_name("moved"))
    assert fresh.make("setup").returncode == 0
    where = fresh.python("book", "import d2l_extras as d; print(d.__file__)")
    assert where.startswith(str(fresh.root))


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


def test_two_set_ups_at_once_make_each_environment_once(fresh):
    pair = [
        subprocess.Popen(**fresh.command("make", "setup")) for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], said
    remade = re.findall(r"environment (\S+): made", said[0][0] + said[1][0])
    assert remade == ["book", *KERNELS]


def test_a_framework_without_a_wheel_here_is_skipped_and_the_rest_made(fresh):
    path = fresh.root / "kernels/frameworks.toml"
    text = re.sub(
        "platforms = .*",
        'platforms = ["plan9-mips"]',
        path.read_text(),
        count=1,
    )
    path.write_text(text)
    done = fresh.make("setup")
    assert done.returncode == 0, done.stderr
    label = next(iter(DECLARED.values()))["label"]
    assert (
        f"environment {KERNELS[0]}: skipped, since {label} has no wheel for"
        in done.stdout
    )
    assert fresh.whole() == sorted(["uv", "book", *KERNELS[1:]])
    kernels = os.listdir(fresh.root / ".envs/share/jupyter/kernels")
    assert sorted(kernels) == sorted(KERNELS[1:])


# What a machine may lack


def test_without_python_3_11_make_names_it_and_how_to_get_it(bare, tmp_path):
    path = tmp_path / "bin"
    path.mkdir()
    (path / "sh").symlink_to(shutil.which("sh"))
    # Another version goes by the name that is tried last.
    other = path / "python3"
    other.write_text("#!/bin/sh\necho\n")
    other.chmod(0o755)
    make = shutil.which("make")
    done = bare.run(make, "book", PATH=str(path), PYTHON="")
    said = sentence(done)
    assert "needs Python 3.11, and none is on the path" in said
    assert "apt install python3" in said
    assert "PYTHON=/no/python is none" in sentence(
        bare.make("book", PYTHON="/no/python")
    )


def test_another_python_is_told_that_3_11_is_needed(bare):
    ast.parse((ROOT / "_ext/bootstrap.py").read_text(), feature_version=(3, 6))
    code = (
        "import sys, runpy; sys.version_info = (3, 6, 9);"
        "runpy.run_module('_ext.bootstrap', run_name='__main__')"
    )
    done = bare.run(sys.executable, "-c", code)
    assert "needs Python 3.11, and this is Python 3.6" in sentence(done)


def test_a_python_without_ensurepip_is_told_of_the_package(bare, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.modules['ensurepip'] = None\n"
    )
    said = sentence(bare.make("setup", PYTHONPATH=str(tmp_path)))
    assert "lacks its module ensurepip" in said
    assert "apt install python3-venv" in said
    assert bare.whole() == []


@pytest.mark.parametrize("state, name", [("bare", "uv"), ("fresh", "book")])
def test_without_network_nothing_is_changed(request, state, name):
    checkout = request.getfixturevalue(state)
    before = checkout.whole()
    said = sentence(checkout.make("setup", index=NOWHERE))
    assert f"environment {name} failed" in said
    assert "what was there before is unchanged" in said
    assert "the package index cannot be reached" in said
    assert "in _build/html needs no network" in said
    assert checkout.whole() == before


def test_an_environment_that_cannot_be_renewed_stays_as_it_was(fresh):
    fresh.make("setup")
    with open(fresh.root / "requirements.txt", "a") as lock:
        lock.write("# changed\n")
    empty = str(fresh.root.with_name("empty"))
    done = fresh.make("setup", index=NOWHERE, UV_CACHE_DIR=empty)
    assert "cannot be reached" in sentence(done)
    assert fresh.python("book", "import tiny; print(tiny.answer)") == "42\n"


@pytest.mark.parametrize("state, package", [("bare", "uv"), ("fresh", "tiny")])
def test_a_file_with_another_hash_is_refused(request, state, package):
    checkout = request.getfixturevalue(state)
    path = checkout.root / "requirements.txt"
    pin = checkout.index.pins[package]
    path.write_text(path.read_text().replace(pin, pin[:-9] + "00000000\n"))
    before = checkout.whole()
    said = sentence(checkout.make("setup"))
    assert "hash is not the one in requirements.txt" in said
    assert f"({package}==1.0)" in said
    assert checkout.whole() == before


@pytest.mark.parametrize("state, package", [("bare", "uv"), ("fresh", "tiny")])
def test_a_requirement_without_a_hash_is_refused(request, state, package):
    checkout = request.getfixturevalue(state)
    path = checkout.root / "requirements.txt"
    pin = checkout.index.pins[package]
    path.write_text(path.read_text().replace(pin, f"{package}==1.0\n"))
    before = checkout.whole()
    done = checkout.make("setup")
    assert done.returncode != 0
    assert "hash" in done.stderr
    assert checkout.whole() == before


def test_a_full_disk_is_named(fresh):
    uv = fresh.root / ".envs/uv/bin/uv"
    uv.write_text("#!/bin/sh\necho 'No space left on device'\nexit 2\n")
    said = sentence(fresh.make("setup"))
    assert "the disk is full" in said
    assert "make room" in said


def test_an_unforeseen_failure_shows_what_the_installer_said(fresh):
    uv = fresh.root / ".envs/uv/bin/uv"
    uv.write_text("#!/bin/sh\necho 'a mishap'\nexit 3\n")
    said = fresh.make("setup").stderr.splitlines()
    assert said[0] == "a mishap"
    assert "uv ended with status 3" in said[1]


@pytest.mark.parametrize(
    "library, hint",
    [
        ("libgomp.so.1", "(Debian: apt install libgomp1 libquadmath0)"),
        ("libabsent.so.7", "install it, then"),
    ],
)
def test_a_missing_system_library_is_named(fresh, library, hint):
    name, entry = next(iter(DECLARED.items()))
    # What the dynamic loader says, as ctypes and import report it.
    (fresh.root / f"d2l_extras/{name}.py").write_text(
        f"raise OSError('{library}: cannot open shared object file: No such')"
    )
    said = sentence(fresh.make("setup"))
    assert f"{entry['label']} needs the system library {library}" in said
    assert hint in said
    assert entry["kernel"] not in fresh.whole()


def test_a_folder_that_cannot_be_written_is_named(bare):
    (bare.root / ".envs").touch()
    assert f"{bare.root}/.envs cannot be used" in sentence(bare.make("setup"))


def test_a_path_that_jupyter_would_split_is_refused(tmp_path, index):
    checkout = Checkout(tmp_path / "a:b", index)
    assert "separates paths" in sentence(checkout.make("setup"))


def test_a_missing_lock_is_named_with_the_command_that_makes_it(bare):
    (bare.root / LOCKS[-1]).unlink()
    said = sentence(bare.make("setup"))
    assert f"{LOCKS[-1]} is missing" in said
    assert "make lock" in said


# The locks


def entries(lock: Path) -> list[str]:
    """The requirements of a lock, each with its hashes."""
    text = re.sub(r"^\s*#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    return re.split(r"\n(?=\S)", text.strip())


@pytest.mark.parametrize("lock", [*LOCKS, AUDIT])
def test_every_requirement_is_pinned_and_carries_a_hash(lock):
    pinned = (
        r"[a-z0-9.-]+==\S+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+"
    )
    assert len(entries(ROOT / lock)) > 10
    for entry in entries(ROOT / lock):
        assert re.fullmatch(pinned, entry), entry.splitlines()[0]


@pytest.mark.parametrize("lock", [*LOCKS, AUDIT])
def test_a_lock_holds_what_pyproject_asks_for(lock):
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())
    group = "audit" if lock == AUDIT else "book"
    wanted = asked["dependency-groups"][group]
    for name, entry in DECLARED.items():
        if lock == entry["lock"]:
            project = asked["project"]
            wanted = (
                project["dependencies"] + asked["dependency-groups"]["kernel"]
            )
            wanted = wanted + project["optional-dependencies"][name]
    pins = {}
    for entry in entries(ROOT / lock):
        pin = Requirement(entry.split("\\")[0])
        here = {"python_full_version": "3.11.9", "python_version": "3.11"}
        if pin.marker is None or pin.marker.evaluate(here):
            pins[pin.name] = next(iter(pin.specifier)).version
    for requirement in map(Requirement, wanted):
        name = requirement.name.replace("_", "-")
        assert requirement.specifier.contains(pins[name]), str(requirement)


def test_make_lock_keeps_versions_unless_it_is_to_upgrade(fresh, index):
    book = fresh.root / "requirements.txt"
    book.write_text(
        book.read_text().replace(index.pins["tiny"], index.pins["old"])
    )
    (fresh.root / LOCKS[-1]).unlink()
    done = fresh.make("lock")
    assert done.returncode == 0, done.stderr
    for lock in [*LOCKS, AUDIT]:
        pin = index.pins["old" if lock == "requirements.txt" else "tiny"]
        text = (fresh.root / lock).read_text()
        assert pin in text
        assert index.url not in text
    fresh.make("lock", "UPGRADE=1")
    assert index.pins["tiny"] in book.read_text()
    assert fresh.make("setup").returncode == 0


# The commands

@pytest.mark.parametrize("name", ["book", *KERNELS])
def test_packages_come_compiled_since_kernels_cannot_always_keep_that(name):
    packages = ROOT / ".envs" / name / "lib" / "python3.11" / "site-packages"
    if not packages.exists():
        pytest.skip(f"this machine has no {name}")
    for source in (packages / "ipykernel").glob("*.py"):
        compiled = importlib.util.cache_from_source(str(source))
        assert Path(compiled).exists(), source


COMMANDS = [
    "help",
    "book",
    "test",
    "serve",
    "notebooks",
    "site",
    "pdf",
    "epub",
    "kernels",
    "why",
    "check",
    "lock",
    "audit",
    "bench",
    "lighthouse",
    "screenshots",
    "colab",
    "grid",
    "clean",
]


def test_one_framework_needs_the_environment_of_no_other(fresh):
    first = next(iter(DECLARED))
    done = fresh.make("setup", f"FRAMEWORKS={first}")
    assert done.returncode == 0, done.stderr
    assert fresh.whole() == sorted(["uv", "book", KERNELS[0]])


def test_the_audit_needs_no_other_environment(fresh):
    (fresh.root / "_ext/audit.py").write_text(ECHO)
    done = fresh.make("audit")
    assert done.returncode == 0, done.stderr
    assert fresh.whole() == ["audit", "uv"]


def test_rendering_needs_no_environment_of_a_framework(fresh):
    done = fresh.make("site")
    assert done.returncode == 0, done.stderr
    assert fresh.whole() == ["book", "uv"]


@pytest.mark.parametrize("command", ["setup", "notebooks"])
def test_a_framework_that_is_not_declared_is_named(made, command):
    done = made.make(command, "FRAMEWORKS=mxnet torch")
    assert done.returncode
    assert "The book has no framework 'torch'" in done.stderr
    assert "may name mxnet and tensorflow" in done.stderr


JUPYTER = "import os\n\ndef jupyter_data_dir():\n    return os.environ['DATA']\n"


def share(checkout, folder):
    paths = checkout.root / "jupyter_core" / "paths.py"
    paths.parent.mkdir(exist_ok=True)
    paths.write_text(JUPYTER)
    return checkout.make("kernels", DATA=str(folder))


def test_the_kernels_are_offered_to_the_users_jupyter(made, tmp_path):
    done = share(made, tmp_path)
    assert done.returncode == 0, done.stderr
    for entry in DECLARED.values():
        path = tmp_path / "kernels" / entry["kernel"] / "kernel.json"
        spec = json.loads(path.read_text())
        assert spec["display_name"] == f"Python 3 ({entry['label']})"
        assert Path(spec["argv"][0]).exists()
        assert f"kernel {spec['display_name']}: {path.parent}" in done.stdout
    assert not list(tmp_path.rglob("*.part"))


def test_where_the_kernels_cannot_be_offered_it_says_so(made, tmp_path):
    (tmp_path / "file").touch()
    done = share(made, tmp_path / "file")
    assert done.returncode
    assert f"cannot be registered in {tmp_path}/file/kernels" in done.stderr
    assert "JUPYTER_DATA_DIR" in done.stderr


def test_a_kernel_that_cannot_be_offered_leaves_nothing_half_written(
    made, tmp_path
):
    path = tmp_path / "kernels" / KERNELS[0] / "kernel.json"
    path.mkdir(parents=True)
    done = share(made, tmp_path)
    assert done.returncode
    assert "cannot be registered" in done.stderr
    assert not list(tmp_path.rglob("*.part"))


def test_make_lists_every_command_with_its_purpose(bare):
    listed = bare.make().stdout
    assert re.findall(r"^make (\w+) +\w.*", listed, re.MULTILINE) == COMMANDS
    assert bare.make("help").stdout == listed
    for command in COMMANDS:
        assert bare.make("-n", command).returncode == 0


@pytest.mark.parametrize(
    "words, asked",
    [
        (["book"], ["build.py book"]),
        (["notebooks"], ["build.py notebooks"]),
        (["notebooks", "FRAMEWORKS=mxnet"], ["build.py notebooks mxnet"]),
        (["site"], ["build.py site"]),
        (["check"], ["build.py check"]),
        (
            ["test", "ARGS=-k data"],
            [
                "build.py book",
                "stand_in.py --build",
                "audit.py --install",
                "pytest.py -n logical --maxprocesses 4 --dist loadfile -k data",
            ],
        ),
        (["audit"], ["audit.py"]),
        (["bench"], ["build.py book", "rebuild.py", "site.py"]),
        (["lighthouse"], ["build.py book", "audit.py"]),
        (["colab"], ["stand_in.py"]),
        (["grid"], ["grid.py"]),
    ],
)
def test_a_command_asks_for_its_part_of_the_work(made, words, asked):
    for file in (
        "_ext/audit", "bench/rebuild", "bench/site", "tests/support/lighthouse/audit",
        "tests/support/colab/stand_in", "tests/support/colab/grid",
    ):  # fmt: skip
        script = made.root / f"{file}.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(ECHO)
    done = made.make(*words)
    assert re.findall("^asked: (.*)$", done.stdout, re.MULTILINE) == asked


def test_make_serve_sets_up_and_hands_on_the_port(made):
    """What it then does is tried in test_serve.py."""
    lines = made.make("-n", "serve", "PORT=8123").stdout.splitlines()
    assert lines[-1].endswith(".envs/book/bin/python\" -m _ext.serve --port 8123")
    assert any("_ext.bootstrap" in line for line in lines)


def test_make_clean_removes_what_was_built_and_all_only_if_told(bare):
    for name in ["_build", ".envs"]:
        (bare.root / name).mkdir()
    bare.make("clean")
    assert not (bare.root / "_build").exists()
    assert (bare.root / ".envs").exists()
    bare.make("clean", "ALL=1")
    assert not (bare.root / ".envs").exists()


@pytest.mark.parametrize("installed", [True, False])
def test_ci_installs_what_is_missing_and_ends_as_the_tests_end(
    tmp_path, installed
):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    fakes = {
        "dpkg-query": "echo installed" if installed else "exit 1",
        "python3.11": "exit 0" if installed else "exit 127",
        "apt-get": 'echo "apt-get $*"',
        "make": 'echo "make $*"; exit 7',
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
    lines = done.stdout.splitlines()
    assert done.returncode == 7
    assert lines[-1] == "make test"
    if installed:
        assert len(lines) == 1
    else:
        assert lines[0].startswith("apt-get update")
        for package in ["make", "python3-venv", "chromium", "libgomp1"]:
            assert package in lines[1].split()
