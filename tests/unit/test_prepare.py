"""`prepare` makes a machine ready for a notebook, or says why it cannot.

Packages, their versions, pip, and the GPU's driver are stand-ins, which are found where
Python would find the real ones. tests/notebooks/test_first_cell.py runs complete first
cells with the real ones.
"""

from __future__ import annotations

import ctypes
import json
import re
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import ROOT, pages

from bookbuild import install_cell, page as split, wheel
from bookbuild.settings import Repository
from d2l_extras import __version__
from d2l_extras.colab import cuda, first_cell as module
from d2l_extras.colab.first_cell import CONTENT, CannotRun, check_version, install

PAGE = ROOT / "chapters" / f"{pages.LINEAR_SCRATCH}.md"
FIRST_CELL = install_cell.cell(
    split.read_page(PAGE, pages.LINEAR_SCRATCH, pages.USED),
    pages.FRAMEWORKS["mxnet"],
    Repository("https://github.com/some-body/some-book"),
).source
PIP = """\
import os, sys
with open(os.environ["PIP_CALLS"], "a") as calls:
    print(*[a for a in sys.argv[1:] if a[0] != "-" or a in
            ("--no-deps", "--target", "--torch-backend=cpu")], file=calls)
if not set(os.environ["PIP_FAILS"].split()).isdisjoint(sys.argv):
    print(os.environ["PIP_SAYS"], file=sys.stderr)
    sys.exit(1)
"""
# What the stand-in for a framework's module, d2l_extras.<framework>, reports.
CPU = {
    "mxnet": "MXNet 1.9.1 on cpu(0)",
    "tensorflow": "TensorFlow on CPU:0",
    "pytorch": "PyTorch 2.13.0 on cpu",
    "jax": "JAX 0.10.2 on cpu:0",
    "numpy": "NumPy 2.4.6 on cpu",
}
GPU = {
    "mxnet": "MXNet 1.9.1 on gpu(0)",
    "tensorflow": "TensorFlow on GPU:0",
    "pytorch": "PyTorch 2.13.0 on cuda:0, the GPU Tesla T4",
    "jax": "JAX 0.10.2 on gpu:0",
}


FRAMEWORKS = pages.FRAMEWORKS


def prepare(name: str, *modules: str, **arguments: object) -> None:
    """Call `prepare` as the first cell of a framework's notebook does."""
    declared = FRAMEWORKS[name]
    pins = declared.pins()
    module.prepare(
        name,
        declared.label,
        platforms=declared.platforms,
        packages={each: pins[each] for each in (*declared.needs, *modules)},
        versions=declared.versions,
        upgrades=declared.upgrades,
        no_deps=declared.no_deps,
        **arguments,
    )


class Machine:
    """Simulate a machine with few packages, and a pip that installs nothing."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        monkeypatch.syspath_prepend(folder)
        for installer in ("pip", "uv"):
            (folder / installer).mkdir()
            (folder / installer / "__init__.py").touch()
            (folder / installer / "__main__.py").write_text(PIP)
        self.calls = folder / "calls.txt"
        self.calls.touch()
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.setenv("PIP_CALLS", str(self.calls))
        self.pip_fails("")
        self.gpus(0)
        monkeypatch.setattr(module.platform, "system", lambda: "Linux")
        monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
        self.install("d2l_extras", __version__)

    def install(self, name: str, version: str = "", **files: str) -> None:
        """Make a package importable, with a version if one is given."""
        if name != "d2l_extras":
            (self.folder / f"{name}.py").touch()
        if version:
            stem = name.replace("-", "_")
            info = self.folder / f"{stem}-{version}.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            )
            for file, text in files.items():
                (info / f"{file}.json").write_text(text)

    def install_all(self, framework: str, summary: dict[str, str] = CPU) -> None:
        """Make the framework importable, with everything that each notebook needs."""
        for name in FRAMEWORKS[framework].needs:
            self.install(name)
        module = SimpleNamespace(
            summary=lambda: summary[framework], __spec__=True
        )
        self.monkeypatch.setitem(
            sys.modules, f"d2l_extras.{framework}", module
        )

    def pip_fails(self, arguments: str, says: str = "ERROR: no") -> None:
        """Make every call of pip or uv with one of these arguments fail."""
        self.monkeypatch.setenv("PIP_FAILS", arguments)
        self.monkeypatch.setenv("PIP_SAYS", says)

    def gpus(self, *capabilities: tuple[int, int] | int) -> None:
        """Make the driver find GPUs of these capabilities. Pass 0 for no driver."""
        driver = None if capabilities == (0,) else Driver(list(capabilities))

        def load(name: str, *mode: int) -> Driver:
            if name != cuda.DRIVER or driver is None:
                raise OSError(f"{name}: cannot open shared object file")
            return driver

        self.monkeypatch.setattr(ctypes, "CDLL", load)

    @property
    def pip_calls(self) -> list[list[str]]:
        return [call.split() for call in self.calls.read_text().splitlines()]


class Driver:
    """Simulate NVIDIA's driver. `fails` names the call that returns an error."""

    def __init__(self, capabilities: list, fails: str = "") -> None:
        self.capabilities, self.fails = capabilities, fails

    def _done(self, call: str) -> int:
        return 100 if self.fails == call else 0

    def cuInit(self, flags):
        # cuda.h: "must be 0"
        return self._done("cuInit") or flags

    def cuDeviceGetCount(self, pointer):
        pointer._obj.value = len(self.capabilities)
        return self._done("cuDeviceGetCount")

    def cuDeviceGet(self, pointer, number):
        pointer._obj.value = number
        return self._done("cuDeviceGet")

    def cuDeviceGetAttribute(self, pointer, attribute, device):
        half = {75: 0, 76: 1}[attribute]  # cuda.h: MAJOR and MINOR
        pointer._obj.value = self.capabilities[device.value][half]
        return self._done(f"attribute {attribute}")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    (tmp_path / "machine").mkdir()
    return Machine(tmp_path / "machine", monkeypatch)


# The machine and its packages


@pytest.mark.parametrize("version", [(3, 7), (3, 10)])
def test_the_first_cell_reports_a_python_that_is_too_old(monkeypatch, version):
    # Nothing newer than Python 3.6 may come before the check.
    until_check = FIRST_CELL.partition("\nfrom importlib")[0]
    with monkeypatch.context() as older, pytest.raises(RuntimeError) as raised:
        older.setattr(sys, "version_info", (*version, 0))
        exec(until_check, {})
    found = ".".join(map(str, version))
    said = f"needs Python 3.11 or newer, but this is {found}"
    assert said in str(raised.value)


def test_the_first_cell_reports_helpers_that_it_cannot_replace(machine):
    machine.install("d2l_extras", "0.0.1+old")
    current = machine.folder / f"d2l_extras-{__version__}.dist-info"
    shutil.rmtree(current)
    machine.pip_fails("install", "ERROR: it is 404")
    with pytest.raises(RuntimeError) as raised:
        exec(FIRST_CELL, {})
    said = str(raised.value)
    assert said.startswith(
        f"This notebook needs d2l_extras {wheel.version()} (installed: 0.0.1+old), "
        "which could not be installed from http"
    )
    assert said.count("it is 404") == 2


@pytest.mark.parametrize(
    ("system", "machine_type"), [("Darwin", "arm64"), ("Windows", "AMD64")]
)
def test_the_error_says_where_mxnet_runs_and_what_to_use_instead(
    machine, monkeypatch, system, machine_type
):
    monkeypatch.setattr(module.platform, "system", lambda: system)
    monkeypatch.setattr(module.platform, "machine", lambda: machine_type)
    with pytest.raises(CannotRun) as raised:
        prepare("mxnet")
    named = f"{system}-{machine_type}".lower()
    assert f"MXNet has no package for {named}, only for linux-" in str(raised.value)
    assert "or use another framework's notebook." in str(raised.value)


def test_a_notebook_shows_the_sentence_instead_of_a_traceback():
    trouble = CannotRun("the disk is full")
    shown = trouble._render_traceback_()  # IPython's name for it
    assert shown == ["This notebook cannot run here: the disk is full"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_ready_machine_is_described_and_nothing_is_installed(
    machine, capsys, framework
):
    machine.install_all(framework)
    prepare(framework)
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Python [\d.]+, NumPy [\d.]+, (.*)", first)[1] == (
        CPU[framework]
    )
    assert rest == ["Nothing had to be installed."]
    assert machine.pip_calls == []


def test_packages_that_are_missing_are_installed_at_their_pinned_versions(
    machine, capsys
):
    machine.install_all("tensorflow")
    hide(machine, "d2l", "requests", "scipy")
    prepare("tensorflow", "scipy")
    pins = FRAMEWORKS["tensorflow"].pins()
    others = [pins["requests"], pins["scipy"]]
    # d2l alone is installed without its dependencies.
    assert machine.pip_calls == [
        ["install", *others],
        ["install", "--no-deps", pins["d2l"]],
    ]
    told = capsys.readouterr().out.splitlines()[1]
    assert told == f"Installed {', '.join(others)}, {pins['d2l']}."


def hide(machine: Machine, *names: str) -> None:
    """Keep Python from finding these packages, here and in the environment."""
    for name in names:
        machine.monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("python: No module named pip", "this Python has no pip"),
        ("ERROR: [Errno 28] No space left on device", "the disk is full"),
        (
            "ERROR: [Errno 13] Permission denied: '/usr/lib'",
            "is not writable",
        ),
        ("ERROR: [Errno 30] Read-only file system", "is not writable"),
        ("ReadTimeoutError: Read timed out.", "cannot be reached"),
        (
            "ERROR: Could not find a version (from versions: none)",
            "Is there a proxy in between",
        ),
        ("ERROR: Something old\nERROR: Something new", "because Something new."),
        ("Something else", "because pip ended with status 1."),
    ],
)
def test_pip_errors_are_translated_into_reasons(machine, output, reason):
    machine.pip_fails("install", output)
    with pytest.raises(CannotRun) as raised:
        install(["scipy==1"])
    assert str(raised.value).startswith(
        "scipy==1 could not be installed because"
    )
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("name", "version"),
    [("tensorflow", "2.15.1"), ("mxnet", "1.9.0"), ("mxnet", "2.0.0")],
)
def test_an_unsuitable_version_is_refused_before_anything_is_imported(
    machine, name, version
):
    machine.install_all(name, {name: "imported"})
    info = machine.folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    with pytest.raises(CannotRun) as raised:
        prepare(name)
    said = str(raised.value)
    assert said.startswith(f"It needs {name}")
    assert f"but {name} {version} is installed. Run %pip install {name}==" in said


@pytest.mark.parametrize(("version", "calls"), [("0.11.2", 1), ("0.12.0", 0)])
def test_a_package_is_upgraded_only_if_its_version_is_unsuitable(
    machine, version, calls
):
    machine.install_all("jax")
    machine.install("flax", version)
    # The pip of these tests installs nothing, and that is noticed.
    refused = pytest.raises(CannotRun, match=f"but flax {version} is installed")
    with refused if calls else nullcontext():
        prepare("jax")
    (upgrade,) = FRAMEWORKS["jax"].upgrades
    assert machine.pip_calls == calls * [["install", "--no-deps", upgrade]]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("tensorflow", "2.16.1"),
        ("tensorflow", "2.22.0rc1"),
        ("mxnet", "1.9.1"),
        ("mxnet", "1.10"),
        ("mxnet-cu112", "1.9.1"),
    ],
)
def test_a_suitable_version_is_accepted(machine, name, version):
    machine.install(name, version)
    declared = FRAMEWORKS[name.removesuffix("-cu112")]
    for requirement in declared.versions:
        check_version(requirement, {})


def test_mxnet_for_gpus_must_be_new_enough_too(machine):
    machine.install("mxnet-cu112", "1.8.0")
    with pytest.raises(CannotRun, match=r"mxnet<2,>=1\.9\.1, but mxnet 1\.8\.0"):
        check_version("mxnet>=1.9.1,<2", {})


def test_a_package_of_unknown_version_passes_the_version_check(machine):
    check_version("no-such-package>=1", {})


def test_files_that_the_notebook_reads_are_downloaded_once(
    machine, monkeypatch, tmp_path, capsys
):
    machine.install_all("tensorflow")
    (tmp_path / "birds.csv").write_text("a,b\n1,2\n")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    address = (tmp_path / "birds.csv").as_uri()
    for told in "Downloaded birds.csv.", "Nothing had to be installed.":
        prepare("tensorflow", files=[address])
        assert capsys.readouterr().out.splitlines()[1:] == [told]
    assert Path("birds.csv").read_text() == "a,b\n1,2\n"


def test_a_file_that_cannot_be_downloaded_is_named_with_its_address(
    machine, monkeypatch, tmp_path
):
    machine.install_all("tensorflow")
    monkeypatch.chdir(tmp_path)
    address = (tmp_path / "gone.csv").as_uri()
    with pytest.raises(CannotRun, match=r"reads the file gone\.csv.*file:///.*Put"):
        prepare("tensorflow", files=[address])


def test_the_version_of_numpy_is_printed_once(machine, capsys):
    module.prepare("numpy", "NumPy", platforms=["linux-x86_64"], packages={})
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Python [\d.]+, NumPy [\d.]+ on cpu", first)
    assert rest == ["Nothing had to be installed."]


def test_the_books_own_environment_is_never_changed(machine):
    told = json.dumps({"dir_info": {"editable": True}})
    editable(machine, told)
    machine.install_all("mxnet")
    hide(machine, "mxnet", "d2l")
    with pytest.raises(CannotRun) as raised:
        prepare("mxnet")
    assert "mxnet and d2l cannot be found in the environment" in str(
        raised.value
    )
    assert "Choose the kernel Python 3 (MXNet)" in str(raised.value)
    assert machine.pip_calls == []


def editable(machine: Machine, told: str) -> None:
    """Write pip's record of the package's source, as for a clone."""
    info = machine.folder / f"d2l_extras-{__version__}.dist-info"
    (info / "direct_url.json").write_text(told)


# The helpers


def test_helpers_replaced_since_their_import_are_noticed(machine, monkeypatch):
    monkeypatch.setattr(module, "__version__", "0.0.1")
    with pytest.raises(CannotRun, match="Restart the kernel"):
        prepare("tensorflow")


def test_the_helpers_are_identified_by_their_content(machine):
    assert CONTENT == wheel.content()
    module.check_helpers(wheel.content())


@pytest.mark.parametrize("is_clone", [True, False])
def test_a_notebook_written_with_other_helpers_is_refused(machine, is_clone):
    editable(machine, json.dumps({"dir_info": {"editable": is_clone}}))
    machine.install_all("mxnet")
    with pytest.raises(CannotRun) as raised:
        prepare("mxnet", helpers="0")
    said = str(raised.value)
    assert said.startswith(
        "It was written with version 0 of the helpers, but d2l_extras "
        f"{__version__} here contains version {CONTENT}. "
    )
    assert (f"in a clone of the book, {ROOT}." in said) == is_clone
    assert ("Open the current notebook" in said) != is_clone


def test_line_endings_do_not_change_the_identity_of_the_helpers(tmp_path):
    shutil.copytree(
        ROOT / wheel.PACKAGE, tmp_path, dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    for path in tmp_path.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert module.content(tmp_path) == CONTENT
    with open(tmp_path / "colab" / "cuda.py", "ab") as file:
        file.write(b"# changed\r\n")
    assert module.content(tmp_path) != CONTENT


def test_a_wheel_from_the_site_is_identified_by_its_version(monkeypatch):
    monkeypatch.setattr(module, "__version__", "0.1.0+abc")
    module.check_helpers("0")


# Errors while a framework is imported


@pytest.fixture
def broken(machine):
    """Return a function that makes MXNet's import fail with a message."""

    def broken(message: str) -> str:
        machine.install_all("mxnet")
        machine.monkeypatch.delitem(sys.modules, "d2l_extras.mxnet")
        machine.monkeypatch.delitem(sys.modules, "mxnet", raising=False)
        error = f"raise OSError({message!r})\n"
        (machine.folder / "mxnet.py").write_text(error)
        with pytest.raises(CannotRun) as raised:
            prepare("mxnet")
        return str(raised.value)

    return broken


def test_a_missing_system_library_is_named_with_its_package(broken):
    said = broken("libquadmath.so.0: cannot open shared object file: No")
    assert "MXNet needs the system library libquadmath.so.0" in said
    assert "apt install libgomp1 libquadmath0" in said


def test_a_missing_gpu_driver_is_named(broken):
    said = broken("libcuda.so.1: cannot open shared object file: No")
    assert "GPU's driver, libcuda.so.1, is missing" in said
    assert "%pip uninstall -y mxnet-cu112" in said


def test_any_other_failure_of_the_import_is_quoted(broken):
    said = broken("a symbol is undefined")
    assert "MXNet is installed, but cannot be imported: a symbol is und" in said


# GPUs


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_idle_gpu_is_mentioned(machine, capsys, framework):
    machine.install_all(framework)
    machine.gpus((7, 5))
    prepare(framework)
    *_, last = capsys.readouterr().out.splitlines()
    label = FRAMEWORKS[framework].label
    assert last == f"There is a GPU, but this {label} does not use it."


@pytest.mark.parametrize("framework", GPU)
def test_a_gpu_in_use_is_not_called_idle(machine, capsys, framework):
    machine.install_all(framework, GPU)
    machine.gpus((7, 5))
    prepare(framework)
    assert "does not use it" not in capsys.readouterr().out


def test_numpy_is_not_expected_to_use_a_gpu(machine, capsys):
    machine.gpus((7, 5))
    module.prepare("numpy", "NumPy", platforms=["linux-x86_64"], packages={})
    assert capsys.readouterr().out.splitlines()[1:] == ["Nothing had to be installed."]


def test_mxnet_is_installed_for_a_gpu_with_the_libraries_of_cuda(machine):
    machine.gpus((7, 5), (8, 0))
    told = install(["mxnet==1.9.1", "d2l==1.0.3"], ["mxnet", "d2l"])
    assert told == [
        "Installed mxnet-cu112==1.9.1 with CUDA 11 for the GPU.",
        "Installed d2l==1.0.3.",
    ]
    libraries, package, rest = machine.pip_calls
    options = ["install", "--no-deps", "--target", str(cuda.FOLDER)]
    assert libraries == [*options, *cuda.PACKAGES]
    assert package == ["install", "--no-deps", "mxnet-cu112==1.9.1"]
    assert rest == ["install", "--no-deps", "d2l==1.0.3"]


def test_other_packages_are_the_same_with_a_gpu(machine):
    machine.gpus((7, 5))
    assert install(["d2l==1.0.3"], ["d2l"]) == ["Installed d2l==1.0.3."]
    assert machine.pip_calls == [["install", "--no-deps", "d2l==1.0.3"]]


def test_without_the_libraries_of_cuda_mxnet_uses_the_cpu_and_says_why(machine):
    machine.gpus((7, 5))
    machine.pip_fails("--target", "No space left")
    cuda_11, installed = install(["mxnet==1.9.1"], ["mxnet"])
    assert "There is a GPU, but MXNet will use the CPU: " in cuda_11
    assert "the disk is full" in cuda_11
    assert installed == "Installed mxnet==1.9.1."
    assert machine.pip_calls[-1] == ["install", "--no-deps", "mxnet==1.9.1"]


def test_pytorch_is_installed_for_the_cpu_from_a_folder_of_pip(machine):
    told = install(["torch==2.13.0", "scipy==1.17.1"])
    assert told == [
        "Installed torch==2.13.0.", "Installed scipy==1.17.1.",
    ]  # fmt: skip
    torch, scipy = machine.pip_calls
    assert torch == ["install", "torch==2.13.0+cpu"]
    assert scipy == ["install", "scipy==1.17.1"]


def test_pytorch_is_installed_for_the_cpu_from_its_own_index(machine):
    machine.pip_fails("torch==2.13.0+cpu", "ERROR: No matching distribution")
    assert install(["torch==2.13.0"]) == ["Installed torch==2.13.0."]
    _, uv, torch = machine.pip_calls
    assert uv == ["install", "uv>=0.9"]
    options = [sys.executable, "--torch-backend=cpu"]
    assert torch == ["pip", "install", *options, "torch==2.13.0"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("error: Request failed\n  cause: error sending request", "cannot be reached"),
        ("  × No solution found when resolving dependencies:", "does not offer it"),
        ("error: Something new", "because Something new."),
        ("Something else", "because uv ended with status 1."),
    ],
)
def test_no_other_build_of_pytorch_is_installed_if_its_index_fails(
    machine, output, reason
):
    machine.pip_fails("torch==2.13.0+cpu --torch-backend=cpu", output)
    with pytest.raises(CannotRun, match=r"^torch==2\.13\.0 could not be") as raised:
        install(["torch==2.13.0"])
    assert reason in str(raised.value)
    assert machine.pip_calls[-1][0] == "pip"  # of uv


@pytest.mark.parametrize(("system", "gpus"), [("Linux", (7, 5)), ("Darwin", 0)])
def test_with_a_gpu_or_on_macos_pip_installs_the_usual_pytorch(
    machine, monkeypatch, system, gpus
):
    machine.gpus(gpus)
    monkeypatch.setattr(module.platform, "system", lambda: system)
    assert install(["torch==2.13.0"]) == ["Installed torch==2.13.0."]
    assert machine.pip_calls == [["install", "torch==2.13.0"]]


@pytest.mark.parametrize(
    ("capability", "is_served"),
    [
        ((3, 7), False),
        ((5, 0), True),
        ((8, 9), True),
        ((9, 0), False),
        ((12, 0), False),
    ],
)
def test_mxnet_uses_the_cpu_if_it_does_not_support_the_gpu(
    machine, capability, is_served
):
    machine.gpus(capability)
    told = install(["mxnet==1.9.1"], ["mxnet"])
    package = "mxnet-cu112==1.9.1" if is_served else "mxnet==1.9.1"
    assert machine.pip_calls[-1] == ["install", "--no-deps", package]
    number = "{}.{}".format(*capability)
    said = (
        "MXNet 1.9.1 does not support this GPU, whose compute capability is "
        f"{number}. It needs at least 5.0 and less than 9.0"
    )
    assert (said in told[0]) == (not is_served)


def test_the_reason_for_an_idle_gpu_is_given_once(machine, capsys):
    machine.install_all("mxnet")
    hide(machine, "mxnet")
    machine.gpus((9, 0))
    prepare("mxnet")
    assert capsys.readouterr().out.count("There is a GPU, but") == 1


def test_a_problem_found_by_a_helper_module_is_reported_in_a_sentence(machine):
    machine.install_all("mxnet")

    def summary() -> str:
        raise RuntimeError("MXNet has no code for this GPU")

    sys.modules["d2l_extras.mxnet"].summary = summary
    with pytest.raises(CannotRun, match="^MXNet has no code for this GPU$"):
        prepare("mxnet")


@pytest.mark.parametrize(
    ("capability", "is_served"), [((7, 5), True), ((9, 0), False)]
)
def test_mxnet_is_checked_against_the_gpu_that_it_would_use(
    machine, capability, is_served
):
    machine.gpus(capability)
    if is_served:
        cuda.check_capability()
    else:
        with pytest.raises(RuntimeError, match=r"9\.0.*less than 9\.0"):
            cuda.check_capability()


def test_without_a_driver_there_is_no_gpu():
    assert cuda.num_gpus("libno-such-driver.so.1") == 0
    # A library that is not a driver.
    assert cuda.num_gpus(None) == 0


@pytest.mark.parametrize(
    ("fails", "found"), [("", 2), ("cuInit", 0), ("cuDeviceGetCount", 0)]
)
def test_the_driver_counts_the_gpus(monkeypatch, fails, found):
    driver = Driver([(8, 6), (7, 5)], fails)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: driver)
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
def test_the_compute_capability_is_that_of_the_first_gpu(
    monkeypatch, fails, found
):
    driver = Driver([(8, 6), (7, 5)], fails)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: driver)
    assert cuda.capability() == found


def test_the_libraries_of_cuda_are_loaded_in_dependency_order(
    monkeypatch, tmp_path
):
    paths = [
        tmp_path / "nvidia" / f"part{i}" / "lib" / library
        for i, library in enumerate(cuda.LIBRARIES)
    ]
    for path in reversed(paths):
        path.parent.mkdir(parents=True)
        path.touch()
    loaded = []
    monkeypatch.setattr(
        ctypes, "CDLL", lambda path, mode: loaded.append((path, mode))
    )
    assert cuda.load_libraries(tmp_path) == paths
    assert loaded == [(str(path), ctypes.RTLD_GLOBAL) for path in paths]
    assert cuda.load_libraries(tmp_path / "nowhere") == []
