"""The first cell prepares a machine, or says in one sentence why it cannot.

It runs as a script, in a stand-in for Colab's runtime and in the frameworks' own
environments. The functions that it calls are tested in tests/unit/test_prepare.py.
"""

from __future__ import annotations

import http.server
import os
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import ROOT, pages
from support.colab import stand_in

from bookbuild import install_cell, page as split, settings, wheel

REPOSITORY = settings.Repository("https://github.com/some-body/some-book")
CELL = {
    name: install_cell.cell(
        split.read_page(
            ROOT / "chapters" / f"{pages.LINEAR_SCRATCH}.md",
            pages.LINEAR_SCRATCH,
            pages.USED,
        ),
        framework,
        REPOSITORY,
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
    """Return the Python of a fresh copy of Colab's stand-in."""
    with stand_in.fresh(folder / "base") as path:
        yield path


@pytest.fixture
def index(folder):
    with stand_in.served(folder) as url:
        yield url


def run(
    python: Path, source: str, index: str, home: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess:
    """Run a first cell as a script, with `index` as the site and the index.

    It runs in the folder `cwd`, or in an empty one.
    """
    source = source.replace(REPOSITORY.site, index)
    source = source.replace(f"{REPOSITORY.url}/", index)
    with tempfile.TemporaryDirectory() as place:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home or place,
            "PIP_INDEX_URL": f"{index}simple/",
            "PIP_CONFIG_FILE": os.devnull,
        }
        return subprocess.run(
            [python, "-c", source],
            cwd=cwd or place,
            env=environment,
            capture_output=True,
            text=True,
        )


def sentence(done: subprocess.CompletedProcess) -> str:
    """Return the message of a failed cell, which is the line after the traceback."""
    assert done.returncode, done.stdout
    return done.stderr.strip().splitlines()[-1]


@contextmanager
def answering(body: bytes, kind: str = "text/html"):
    """Start a server that responds to every request with the same page."""

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


def complaints(done: subprocess.CompletedProcess) -> list[str]:
    """Return what a cell wrote to stderr, except for Matplotlib's note on fonts.

    Matplotlib prints it if listing the fonts takes more than five seconds.
    """
    lines = done.stderr.splitlines()
    return [line for line in lines if "building the font cache" not in line]


def test_a_second_run_installs_nothing(python, index):
    first = run(python, CELL["mxnet"], index)
    assert "Installed mxnet==1.9.1, d2l==1.0.3." in first.stdout, first.stderr
    watched = CELL["mxnet"].replace("subprocess.run(", "exit('pip runs')(")
    second = run(python, watched, NOWHERE)
    assert second.stdout.endswith("Nothing had to be installed.\n")
    assert complaints(first) == complaints(second) == []


def test_the_home_directory_may_be_read_only(python, index):
    # Not even root can write there.
    done = run(python, CELL["mxnet"], index, home="/proc/nonexistent")
    assert "Installed mxnet==1.9.1, d2l==1.0.3." in done.stdout, done.stderr


@pytest.mark.parametrize("framework", pages.FRAMEWORKS)
def test_the_books_own_environments_need_no_installation(framework):
    declared = pages.FRAMEWORKS[framework]
    if not declared.available:
        pytest.skip(f"{declared.label} has no wheel for this machine")
    python = ROOT / ".envs" / declared.kernel / "bin" / "python"
    done = run(python, CELL[framework], NOWHERE)
    assert done.stdout.endswith("Nothing had to be installed.\n"), done.stderr


@pytest.mark.parametrize("place", [".", "chapter"])
def test_a_notebook_near_the_wheel_needs_no_network_for_its_helpers(
    python, tmp_path, place
):
    wheel.build(tmp_path)
    (tmp_path / place).mkdir(exist_ok=True)
    source = CELL["tensorflow"].split("from d2l_ext")[0]
    done = run(python, source, NOWHERE, cwd=tmp_path / place)
    assert done.returncode == 0, done.stderr


def test_the_error_says_that_the_machine_may_be_offline(python):
    said = sentence(run(python, CELL["mxnet"], NOWHERE))
    assert "could not be installed from http" in said
    assert "Is this machine online" in said
    assert f"Without a network, put {wheel.name()} beside this notebook." in said


def test_the_error_says_when_only_the_framework_cannot_be_downloaded(python, index):
    source = CELL["mxnet"]
    assert run(python, source.split("from d2l_ext")[0], index).returncode == 0
    said = sentence(run(python, source, NOWHERE))
    assert "mxnet==1.9.1, d2l==1.0.3 could not be installed because" in said
    assert "the package index cannot be reached. Is this machine online?" in said


def test_an_html_response_is_reported_as_a_possible_proxy(python, index):
    with answering(b"<html><body>Please log in.</body></html>") as proxy:
        said = sentence(run(python, CELL["mxnet"], proxy))
        assert "could not be installed from http" in said
        assert "is invalid" in said or "not a zip" in said.lower()
        source = CELL["mxnet"]
        assert complaints(run(python, source.split("from d2l_e")[0], index)) == []
        said = sentence(run(python, source, proxy))
    assert "Is there a proxy in between" in said


def test_the_repository_archive_is_used_when_the_site_lacks_the_wheel(
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
        assert "Installed d2l==1.0.3." in done.stdout, done.stderr
        # The installed version is not that of a wheel, so the content is compared.
        older = re.sub('HELPERS = "[0-9a-f]+"', 'HELPERS = "0"', done.args[2])
        said = sentence(run(python, older, url))
    assert "written with version 0 of the helpers" in said
    assert "Open the current notebook of this page from the book's site" in said


@contextmanager
def served_at(wheels: Path, site: Path):
    with stand_in.Server(wheels, site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


def test_the_error_names_both_sources_of_the_helpers(python, tmp_path):
    with served_at(tmp_path, tmp_path) as url:
        said = sentence(run(python, CELL["tensorflow"], url))
    assert said.count("HTTP error 404") == 2


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


OTHER = re.sub('HELPERS = "[0-9a-f]{12}"', 'HELPERS = "0"', CELL["mxnet"])


def test_a_notebook_written_with_other_helpers_is_refused():
    framework = pages.FRAMEWORKS["mxnet"]
    if not framework.available:
        pytest.skip("MXNet has no wheel for this machine")
    python = ROOT / ".envs" / framework.kernel / "bin" / "python"
    version = wheel.version().split("+")[0]
    said = sentence(run(python, OTHER, NOWHERE))
    assert f"with version 0 of the helpers, but d2l_extras {version} here" in said
    assert f"in a clone of the book, {ROOT}" in said
    assert "restart the kernel" in said and "run make book" in said
