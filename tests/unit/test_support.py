"""The commands for testers say what is wrong and how to fix it."""

import os
import re
import subprocess
import sys

import pytest
from support import ROOT
from support.nbval import kernel_of

from bookbuild import frameworks


def run(module: str, *arguments: str, **changes: str):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths, **changes},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_test_all_names_every_missing_package():
    done = run("support.machine", PATH="/nonexistent")
    assert done.returncode == 1
    assert "make test needs none of this" in done.stderr
    named = re.search(r"apt install ([^)]*)", done.stderr)[1].split()
    for package in (
        "chromium", "git", "latexmk", "texlive-luatex", "librsvg2-bin",
        "epubcheck", "poppler-utils", "fonts-texgyre-math", "fonts-dejavu-core",
    ):  # fmt: skip
        assert package in named
    # The project's own check installs them.
    assert not set(named) - set((ROOT / ".ci" / "run").read_text().split())


@pytest.mark.parametrize(
    "path", ["notebooks/mxnet/no.ipynb", "README.md", "chapters", "/no/file"]
)
def test_nbval_refuses_other_paths_and_gives_an_example(path):
    done = run("support.nbval", path)
    assert done.returncode == 1
    error = " ".join(done.stderr.split())
    assert f"{path} is not one of the committed notebooks" in error
    assert "such as notebooks/" in error
    assert "make nbval NOTEBOOK=" in error


def test_a_notebook_is_compared_in_the_kernel_of_its_framework():
    for framework in frameworks.used(ROOT).values():
        paths = list((ROOT / "notebooks" / framework.name).rglob("*.ipynb"))
        assert paths
        assert {kernel_of(path) for path in paths} == {framework.kernel}
