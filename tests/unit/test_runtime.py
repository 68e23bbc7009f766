"""The first cell prepares any machine, or says in a sentence why it cannot."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import ROOT, pages
from support.colab import stand_in

from _ext import labels, setup_cell, split, wheel
from d2l_extras import cuda, runtime

LABELS = labels.read(ROOT)
CELL = {
    name: setup_cell.cell(
        split.read(
            ROOT / "chapters" / f"{pages.LINEAR_SCRATCH}.md",
            pages.LINEAR_SCRATCH,
            pages.FRAMEWORKS,
        ),
        framework,
        LABELS,
    ).source
    for name, framework in pages.FRAMEWORKS.items()
}
NOWHERE = "http://127.0.0.1:9/"  # where nothing listens


@pytest.fixture(scope="module")
def folder():
    if not stand_in.POSSIBLE:
        pytest.skip("Colab's stand-in needs Linux on x86-64")
    return stand_in.build()


@pytest.fixture
def python(folder):
    """The Python of a fresh copy of Colab's stand-in."""
    with stand_in.fresh(folder) as path:
        yield path


@pytest.fixture
def index(folder):
    with stand_in.served(folder) as url:
        yield url


def run(
    python: Path, source: str, index: str, home: str = ""
) -> subprocess.CompletedProcess:
    """Run a first cell as a script, with `index` as the site and the index."""
    source = source.replace(LABELS.site, index)
    source = source.replace(f"{LABELS.repository}/", index)
    with tempfile.TemporaryDirectory() as place:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home or place,
            "PIP_INDEX_URL": f"{index}simple/",
            "PIP_CONFIG_FILE": os.devnull,
        }
        return subprocess.run(
            [python, "-c", source],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
        )


def sentence(done: subprocess.CompletedProcess) -> str:
    """What a failed cell says: the last line, after the traceback."""
    assert done.returncode, done.stdout
    return done.stderr.strip().splitlines()[-1]


@contextmanager
def answering(body: bytes, kind: str = "text/html"):
    """A server that answers every request with the same page."""

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_second_run_has_nothing_to_do(python, index):
    first = run(python, CELL["mxnet"], index)
    assert "installed mxnet==1.9.1, d2l==1.0.3" in first.stdout, first.stderr
    watched = CELL["mxnet"].replace("subprocess.run(", "exit('pip runs')(")
    second = run(python, watched, NOWHERE)
    assert second.stdout.endswith("nothing had to be installed\n")
    assert first.stderr == second.stderr == ""


def test_a_home_that_cannot_be_written_does_no_harm(python, index):
    # Not even root can write there.
    done = run(python, CELL["mxnet"], index, home="/proc/nonexistent")
    assert "installed mxnet==1.9.1, d2l==1.0.3" in done.stdout, done.stderr


@pytest.mark.parametrize("framework", pages.FRAMEWORKS)
def test_the_books_own_environment_lacks_nothing(framework):
    declared = pages.FRAMEWORKS[framework]
    if not declared.available:
        pytest.skip(f"{declared.label} has no wheel for this machine")
    python = ROOT / ".envs" / declared.kernel / "bin" / "python"
    done = run(python, CELL[framework], NOWHERE)
    assert done.stdout.endswith("nothing had to be installed\n"), done.stderr


def test_without_a_network_it_says_so(python):
    said = sentence(run(python, CELL["mxnet"], NOWHERE))
    assert "could not be installed from http" in said
    assert "Is this machine online" in said


def test_without_a_network_after_the_helpers_it_says_so(python, index):
    source = CELL["mxnet"]
    assert run(python, source.split("from d2l_ext")[0], index).returncode == 0
    said = sentence(run(python, source, NOWHERE))
    assert "mxnet==1.9.1, d2l==1.0.3 could not be installed, since" in said
    assert (
        "the package index cannot be reached: is this machine online?" in said
    )


def test_a_proxy_that_answers_html_is_suspected(python, index):
    with answering(b"<html><body>Please log in.</body></html>") as proxy:
        said = sentence(run(python, CELL["mxnet"], proxy))
        assert "could not be installed from http" in said
        assert "is invalid" in said or "not a zip" in said.lower()
        source = CELL["mxnet"]
        assert run(python, source.split("from d2l_e")[0], index).stderr == ""
        said = sentence(run(python, source, proxy))
    assert "does a proxy answer in its place" in said


def test_without_this_revisions_wheel_the_repositorys_archive_serves(
    python, index, folder, tmp_path
):
    # The site is of another revision: it has no such wheel.
    archive = tmp_path / "archive" / "refs" / "heads" / "main"
    book = archive / "book-main"
    shutil.copytree(
        ROOT / wheel.PACKAGE, book / wheel.PACKAGE,
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    for file in wheel.METADATA:
        shutil.copy(ROOT / file, book)
    shutil.make_archive(str(archive), "zip", archive)
    with served_at(folder / "wheels", tmp_path) as url:
        done = run(python, CELL["tensorflow"], url)
        assert "installed d2l==1.0.3" in done.stdout, done.stderr
        # What was installed tells no version: its content must do.
        older = re.sub('HELPERS = "[0-9a-f]+"', 'HELPERS = "0"', done.args[2])
        said = sentence(run(python, older, url))
    assert "written with other helpers (0)" in said
    assert "Open today's notebook of this page from the book's site" in said


@contextmanager
def served_at(wheels: Path, site: Path):
    with stand_in.Server(wheels, site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


def test_with_neither_wheel_nor_archive_both_are_named(python, tmp_path):
    with served_at(tmp_path, tmp_path) as url:
        said = sentence(run(python, CELL["tensorflow"], url))
    assert said.count("404") == 2


@pytest.mark.parametrize("version", [(3, 7), (3, 10)])
def test_too_old_a_python_is_named(version):
    # Nothing newer than Python 3.6 stands before the check.
    before, check, _ = re.split(
        r"(?m)^(?=if sys\.|from importlib)", CELL["mxnet"]
    )
    script = f"{before}sys.version_info = {(*version, 0)}\n{check}"
    done = subprocess.run(
        [stand_in.find_python("3.11"), "-c", script],
        capture_output=True, text=True,
    )  # fmt: skip
    found = ".".join(map(str, version))
    assert f"needs Python 3.11 or newer, and this is {found}" in sentence(done)


@pytest.mark.parametrize(
    ("kernel", "framework"),
    [("mxnet", "tensorflow"), ("tensorflow", "mxnet")],
)
def test_the_kernel_of_another_framework_is_refused(kernel, framework):
    ours, other = pages.FRAMEWORKS[kernel], pages.FRAMEWORKS[framework]
    if not ours.available:
        pytest.skip(f"{ours.label} has no wheel for this machine")
    python = ROOT / ".envs" / ours.kernel / "bin" / "python"
    said = sentence(run(python, CELL[framework], NOWHERE))
    assert f"{framework} cannot be found in the environment" in said
    assert f"Choose the kernel Python 3 ({other.label})" in said


@pytest.mark.parametrize(
    ("system", "machine"), [("Darwin", "arm64"), ("Windows", "AMD64")]
)
def test_where_mxnet_has_no_package_it_says_what_runs(
    monkeypatch, system, machine
):
    monkeypatch.setattr(runtime.platform, "system", lambda: system)
    monkeypatch.setattr(runtime.platform, "machine", lambda: machine)
    with pytest.raises(runtime.CannotRun) as raised:
        runtime.prepare("mxnet")
    assert f"no package for {system} {machine}" in str(raised.value)
    assert "take the TensorFlow notebook" in str(raised.value)


def test_a_sentence_takes_the_place_of_a_traceback():
    trouble = runtime.CannotRun("the disk is full")
    shown = trouble._render_traceback_()
    assert shown == ["This notebook cannot run here: the disk is full"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("python: No module named pip", "this Python has no pip"),
        ("ERROR: [Errno 28] No space left on device", "the disk is full"),
        (
            "ERROR: [Errno 13] Permission denied: '/usr/lib'",
            "cannot be written",
        ),
        ("ERROR: [Errno 30] Read-only file system", "cannot be written"),
        ("ReadTimeoutError: Read timed out.", "cannot be reached"),
        ("ERROR: Something new", "since Something new"),
    ],
)
def test_what_pip_says_becomes_a_reason(monkeypatch, output, reason):
    failed = subprocess.CompletedProcess([], 1, "", output)
    monkeypatch.setattr(runtime.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(runtime.CannotRun, match=re.escape(reason)):
        runtime._pip("mxnet==1.9.1")


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("tensorflow", "2.15.1", "it needs tensorflow 2.16 or newer"),
        ("mxnet", "2.0.0", "it needs mxnet below 2"),
        ("numpy", "1.22.4", "it needs numpy 1.23 or newer"),
    ],
)
def test_a_version_that_cannot_serve_is_named(monkeypatch, name, version, said):
    monkeypatch.setattr(runtime, "_version", lambda _: version)
    with pytest.raises(
        runtime.CannotRun, match=f"{said}, and this is {version}"
    ):
        runtime.check_version(name)


@pytest.mark.parametrize("name", ["tensorflow", "numpy"])
def test_the_versions_are_checked_before_anything_else(monkeypatch, name):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda _: True)
    old = {name: "0.1"}
    monkeypatch.setattr(runtime, "_version", lambda asked: old.get(asked))
    with pytest.raises(runtime.CannotRun, match=f"it needs {name}"):
        runtime.prepare("tensorflow")


@pytest.mark.parametrize(
    ("name", "version"), [("tensorflow", "2.16.0rc1"), ("mxnet", "1.9.1")]
)
def test_a_version_that_serves_passes(monkeypatch, name, version):
    monkeypatch.setattr(runtime, "_version", lambda _: version)
    runtime.check_version(name)


def test_helpers_that_were_replaced_since_their_import_are_noticed(monkeypatch):
    monkeypatch.setattr(runtime, "__version__", "0.0.1")
    with pytest.raises(runtime.CannotRun, match="Restart the kernel"):
        runtime.prepare("tensorflow")


OTHER = re.sub('HELPERS = "[0-9a-f]{12}"', 'HELPERS = "0"', CELL["mxnet"])


def test_a_notebook_of_other_helpers_than_the_clones_is_refused():
    framework = pages.FRAMEWORKS["mxnet"]
    if not framework.available:
        pytest.skip("MXNet has no wheel for this machine")
    python = ROOT / ".envs" / framework.kernel / "bin" / "python"
    said = sentence(run(python, OTHER, NOWHERE))
    assert f"with other helpers (0) than d2l_extras {_base()} has here" in said
    assert f"a clone of the book in {ROOT}" in said
    assert "restart the kernel" in said and "run make book" in said


def _base() -> str:
    return wheel.version().split("+")[0]


def test_the_helpers_are_known_by_their_content():
    assert runtime.CONTENT == wheel.content()
    runtime.check_helpers(wheel.content())


def test_the_helpers_are_the_same_however_their_lines_end(tmp_path):
    for path in (ROOT / wheel.PACKAGE).glob("*.py*"):
        if path.is_file():
            windows = path.read_bytes().replace(b"\n", b"\r\n")
            (tmp_path / path.name).write_bytes(windows)
    (tmp_path / "py.typed").touch()
    assert runtime.content(tmp_path) == runtime.CONTENT
    with open(tmp_path / "data.py", "ab") as data:
        data.write(b"# changed\r\n")
    assert runtime.content(tmp_path) != runtime.CONTENT


def test_a_wheel_of_the_site_tells_by_its_version(monkeypatch):
    monkeypatch.setattr(runtime, "__version__", "0.1.0+abc")
    runtime.check_helpers("0")


def test_helpers_that_do_not_fit_are_named_where_none_can_be_had(monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "ERROR: it is 404")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0.1.0+old")
    with pytest.raises(RuntimeError) as raised:
        exec(CELL["mxnet"], {})
    said = str(raised.value)
    assert said.startswith(
        f"This notebook needs d2l_extras {wheel.version()}, here is 0.1.0+old, "
        "and it could not be installed from http"
    )
    assert said.count("it is 404") == 2


def test_a_missing_system_library_is_named(monkeypatch):
    def broken(_):
        raise OSError("libquadmath.so.0: cannot open shared object file: No")

    monkeypatch.setattr(runtime.importlib, "import_module", broken)
    with pytest.raises(runtime.CannotRun, match=r"libquadmath\.so\.0.*apt"):
        runtime._summary("mxnet")


def test_a_driver_that_is_gone_is_named(monkeypatch):
    def broken(_):
        raise OSError("libcuda.so.1: cannot open shared object file: No")

    monkeypatch.setattr(runtime.importlib, "import_module", broken)
    with pytest.raises(
        runtime.CannotRun, match="driver, libcuda.so.1, is gone"
    ):
        runtime._summary("mxnet")


@pytest.mark.parametrize(("gpus", "lines"), [(0, 2), (1, 3)])
def test_a_gpu_that_is_not_used_is_mentioned(monkeypatch, capsys, gpus, lines):
    monkeypatch.setattr(runtime, "_summary", lambda _: "MXNet 1.9.1 on cpu(0)")
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(cuda, "num_gpus", lambda: gpus)
    runtime.prepare("mxnet")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == lines
    assert said[0].endswith("MXNet 1.9.1 on cpu(0)")
    assert ("does not use it" in said[-1]) == bool(gpus)


def test_where_there_is_a_gpu_mxnet_is_installed_for_it(monkeypatch):
    asked = []
    monkeypatch.setattr(runtime, "_pip", lambda *names: asked.append(names))
    monkeypatch.setattr(cuda, "num_gpus", lambda: 1)
    monkeypatch.setattr(runtime, "capability", lambda: (7, 5))
    told = runtime.install(["mxnet", "d2l"])
    assert told == [
        "installed mxnet-cu112 1.9.1 with CUDA 11",
        "installed d2l==1.0.3",
    ]
    libraries, package, rest = asked
    assert libraries[:3] == ("--no-deps", "--target", str(cuda.FOLDER))
    assert set(libraries[3:]) == set(cuda.PACKAGES)
    assert package == ("--no-deps", "mxnet-cu112==1.9.1")
    assert rest == ("--no-deps", "d2l==1.0.3")


def test_other_packages_are_the_same_with_a_gpu(monkeypatch):
    asked = []
    monkeypatch.setattr(runtime, "_pip", lambda *names: asked.append(names))
    monkeypatch.setattr(cuda, "num_gpus", lambda: 1)
    assert runtime.install(["d2l"]) == ["installed d2l==1.0.3"]
    assert asked == [("--no-deps", "d2l==1.0.3")]


def test_where_that_fails_mxnet_uses_the_cpu_and_says_so(monkeypatch):
    asked = []

    def pip(*names):
        if "--target" in names:
            raise runtime.CannotRun("the disk is full")
        asked.append(names)

    monkeypatch.setattr(runtime, "_pip", pip)
    monkeypatch.setattr(cuda, "num_gpus", lambda: 1)
    monkeypatch.setattr(runtime, "capability", lambda: (7, 5))
    told = runtime.install(["mxnet"])
    assert "MXNet will use the CPU: the disk is full" in told[0]
    assert asked == [("--no-deps", "mxnet==1.9.1")]


@pytest.mark.parametrize(
    ("capability", "package"),
    [
        ((3, 7), "mxnet==1.9.1"),
        ((5, 0), "mxnet-cu112==1.9.1"),
        ((8, 9), "mxnet-cu112==1.9.1"),
        ((9, 0), "mxnet==1.9.1"),
        ((12, 0), "mxnet==1.9.1"),
    ],
)
def test_for_a_gpu_that_it_has_no_code_for_mxnet_is_the_cpus(
    monkeypatch, capability, package
):
    asked = []
    monkeypatch.setattr(runtime, "_pip", lambda *names: asked.append(names))
    monkeypatch.setattr(cuda, "num_gpus", lambda: 1)
    monkeypatch.setattr(runtime, "capability", lambda: capability)
    told = runtime.install(["mxnet"])
    assert asked[-1] == ("--no-deps", package)
    number = "{}.{}".format(*capability)
    said = f"no code for a GPU of compute capability {number}, only for"
    assert (said in told[0]) == (package == "mxnet==1.9.1")


def test_why_a_gpu_is_not_used_is_told_once(monkeypatch, capsys):
    there = set(runtime.EACH)
    monkeypatch.setattr(runtime.importlib.util, "find_spec", there.__contains__)
    monkeypatch.setattr(runtime, "_is_checkout", lambda: False)
    monkeypatch.setattr(runtime, "_pip", lambda *names: None)
    monkeypatch.setattr(runtime, "_summary", lambda _: "MXNet 1.9.1 on cpu(0)")
    monkeypatch.setattr(cuda, "num_gpus", lambda: 1)
    monkeypatch.setattr(runtime, "capability", lambda: (9, 0))
    runtime.prepare("mxnet")
    assert capsys.readouterr().out.count("There is a GPU, but") == 1


def prepare_with_gpu(monkeypatch, framework, summary, capability):
    """Run the first cell where the framework is there and uses the GPU."""
    monkeypatch.setattr(runtime, "_summary", lambda _: summary)
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(runtime, "capability", lambda: capability)
    runtime.prepare(framework)


def test_mxnet_for_a_gpu_that_it_has_no_code_for_is_refused(monkeypatch):
    with pytest.raises(
        runtime.CannotRun, match=r"9\.0.*below 9\.0\. Run %pip uninstall"
    ):
        prepare_with_gpu(monkeypatch, "mxnet", "MXNet on gpu(0)", (9, 0))


def test_mxnet_for_a_gpu_that_it_has_code_for_is_accepted(monkeypatch, capsys):
    prepare_with_gpu(monkeypatch, "mxnet", "MXNet on gpu(0)", (7, 5))
    said = capsys.readouterr().out.splitlines()
    assert said[1:] == ["nothing had to be installed"]


def test_mxnet_is_kept_from_warning_of_a_newer_cudnn(monkeypatch):
    name = "MXNET_CUDNN_LIB_CHECKING"
    monkeypatch.delenv(name, raising=False)
    helper = SimpleNamespace(summary=lambda: os.environ.get(name))
    monkeypatch.setattr(runtime.importlib, "import_module", lambda _: helper)
    assert runtime._summary("mxnet") == "0"


@pytest.mark.parametrize(
    ("capability", "switches"), [((7, 5), []), ((8, 0), [False])]
)
def test_tensorflow_multiplies_in_float32_on_a_gpu(
    monkeypatch, capsys, capability, switches
):
    asked = []
    switch = SimpleNamespace(enable_tensor_float_32_execution=asked.append)
    tensorflow = SimpleNamespace(config=SimpleNamespace(experimental=switch))
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    prepare_with_gpu(
        monkeypatch, "tensorflow", "TensorFlow on GPU:0", capability
    )
    assert asked == switches
    assert ("TensorFloat-32" in capsys.readouterr().out) == bool(switches)


def test_without_a_driver_there_is_no_gpu():
    assert cuda.num_gpus("libno-such-driver.so.1") == 0


class Driver:
    """A driver of two GPUs; `fails` names the call that returns an error.

    The first has compute capability 8.6, the second 7.5.
    """

    def __init__(self, fails: str = "") -> None:
        self.fails = fails

    def cuInit(self, flags):
        return 100 if self.fails == "cuInit" else 0

    def cuDeviceGetCount(self, pointer):
        pointer._obj.value = 2
        return 100 if self.fails == "cuDeviceGetCount" else 0

    def cuDeviceGet(self, pointer, number):
        pointer._obj.value = number
        return 100 if self.fails == "cuDeviceGet" else 0

    def cuDeviceGetAttribute(self, pointer, attribute, device):
        halves = {75: (8, 7), 76: (6, 5)}  # cuda.h: MAJOR and MINOR
        pointer._obj.value = halves[attribute][device.value]
        return 100 if self.fails == f"attribute {attribute}" else 0


@pytest.mark.parametrize(
    ("fails", "found"), [("", 2), ("cuInit", 0), ("cuDeviceGetCount", 0)]
)
def test_the_driver_counts_the_gpus(monkeypatch, fails, found):
    monkeypatch.setattr(cuda.ctypes, "CDLL", lambda _: Driver(fails))
    assert cuda.num_gpus() == found


@pytest.mark.parametrize(
    ("fails", "found"),
    [
        ("", (8, 6)),
        ("cuInit", None),
        ("cuDeviceGet", None),
        ("attribute 75", None),
        ("attribute 76", None),
    ],
)
def test_the_driver_tells_what_the_first_gpu_can(monkeypatch, fails, found):
    monkeypatch.setattr(cuda.ctypes, "CDLL", lambda _: Driver(fails))
    assert runtime.capability() == found


def test_the_libraries_of_cuda_are_loaded_in_their_order(monkeypatch, tmp_path):
    paths = [
        tmp_path / "nvidia" / f"part{i}" / "lib" / library
        for i, library in enumerate(cuda.LIBRARIES)
    ]
    for path in reversed(paths):
        path.parent.mkdir(parents=True)
        path.touch()
    loaded = []
    monkeypatch.setattr(
        cuda.ctypes, "CDLL", lambda path, mode: loaded.append((path, mode))
    )
    assert cuda.load_libraries(tmp_path) == paths
    mode = cuda.ctypes.RTLD_GLOBAL
    assert loaded == [(str(path), mode) for path in paths]
    assert cuda.load_libraries(tmp_path / "nowhere") == []


def test_the_pins_are_those_of_the_locks():
    for lock in ("mxnet", "tensorflow"):
        text = (ROOT / "kernels" / f"{lock}.txt").read_text()
        pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))
        first = {}
        for name, version in re.findall(r"(?m)^([\w.-]+)==([\w.]+)", text):
            first.setdefault(name, version)  # of Python 3.11, where they differ
        for name in runtime.PINS.keys() & pins.keys():
            assert runtime.PINS[name] == first[name], name


def test_every_framework_is_known():
    declared = pages.FRAMEWORKS
    assert runtime.LABELS == {name: f.label for name, f in declared.items()}
    assert runtime.PLATFORMS.keys() == runtime.LABELS.keys()
    systems = {"linux": "Linux", "macos": "Darwin"}
    for name, framework in declared.items():
        for platform in framework.platforms:
            system, machine = platform.split("-")
            assert f"{systems[system]} {machine}" in runtime.PLATFORMS[name]


def test_the_package_asks_for_what_the_first_cell_brings():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    for framework, wanted in extras.items():
        names = {re.split("[=<>]", each)[0] for each in wanted}
        assert names <= runtime.PINS.keys() | {"numpy"}, framework
