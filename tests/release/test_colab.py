"""A notebook runs in Colab's runtime with what its first cell installs.

One notebook per framework runs, in the stand-in that support/colab/stand_in.py
makes from Colab's list of packages. `make colab` runs all of them.
"""

from __future__ import annotations

import re

import nbformat
import pytest
from support import ROOT, pages
from support.colab import stand_in
from support.once import announce

from bookbuild import install_cell, wheel

NOTEBOOKS = sorted(ROOT.glob("notebooks/*/*/*.ipynb"))


@pytest.fixture(scope="module")
def runtime_folder(request):
    if not stand_in.POSSIBLE:
        pytest.skip("Colab's runtime is for Linux on x86-64 only")
    return stand_in.build(report=lambda words: announce(request, words))


@pytest.fixture(scope="module")
def url(runtime_folder):
    with stand_in.served(runtime_folder) as address:
        yield address


@pytest.fixture(scope="module", params=pages.USED)
def result(request, runtime_folder, url):
    """Run the page on linear regression, which needs the most packages."""
    path = ROOT / "notebooks" / request.param / f"{pages.LINEAR}.ipynb"
    return stand_in.run(path, runtime_folder, url)


def test_a_notebook_runs_from_its_first_cell_to_its_last(result):
    assert result.error == ""


def test_the_first_cell_says_what_it_found_and_what_it_did(result):
    found, *did = result.said.splitlines()
    numpy = stand_in.listed()["numpy"]
    assert re.match(rf"Python 3\.\d+\.\d+, NumPy {numpy}( on |, )", found)
    assert found.endswith((" on cpu", " on cpu(0)", " on CPU:0", " on cpu:0"))
    assert all(line.startswith("Installed ") for line in did)
    assert "palmerpenguins==0.1.6" in " ".join(did)


def test_the_first_cell_installs_only_what_colab_lacks(result):
    brought = {name.rpartition("-")[0] for name in result.brought}
    framework = pages.USED[result.notebook.partition("/")[0]]
    wanted = {"d2l_extras", "palmerpenguins", *framework.no_deps}
    upgrades = {upgrade.partition("==")[0] for upgrade in framework.upgrades}
    assert brought == wanted | upgrades
    names = {stand_in.normalized(name) for name in wanted}
    assert not names & stand_in.listed().keys()


def test_colabs_list_has_the_packages_that_the_notebooks_rely_on():
    listed = stand_in.listed()
    assert listed.keys() >= {stand_in.normalized(n) for n in stand_in.ROOTS}
    helpers = {"numpy", "matplotlib", "platformdirs", "filelock", "packaging"}
    for framework in pages.USED.values():
        needed = {*framework.needs, "scipy"} - {*framework.no_deps, "torch"}
        assert listed.keys() >= helpers | needed
    assert "\ntorch @ https://" in stand_in.LIST.read_text()


def test_the_stand_in_reports_a_broken_notebook(runtime_folder, url):
    node = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import mxnet")]
    )
    python = runtime_folder / "base" / "bin" / "python"
    error = stand_in.execute(node, python, url)
    assert "ModuleNotFoundError: No module named 'mxnet'" in error


def test_every_notebook_begins_with_the_setup_cell_of_this_version():
    assert len(NOTEBOOKS) >= len(pages.FRAMEWORKS)
    for path in NOTEBOOKS:
        first, *others = nbformat.read(path, as_version=4).cells
        assert first.id == install_cell.ID, path
        assert f'WANTED = "{wheel.version()}"' in first.source, path
        assert all(cell.id != install_cell.ID for cell in others), path
        assert first.outputs == [] and first.execution_count is None, path
        compile(first.source, str(path), "exec")


def test_every_notebook_asks_colab_for_the_right_machine_and_kernel():
    for path in NOTEBOOKS:
        metadata = nbformat.read(path, as_version=4).metadata
        if pages.USED[metadata.d2l_extras.framework].colab == "GPU":
            assert metadata.accelerator == "GPU", path
            assert metadata.colab.gpuType == "T4", path
        else:
            assert "accelerator" not in metadata, path
        assert metadata.kernelspec.name == "python3", path  # Colab's only one


def test_the_site_does_not_show_the_setup_cell():
    for page in sorted(ROOT.glob("_build/html/chapters/**/*.html")):
        assert "Prepare this machine" not in page.read_text("utf-8"), page


def test_the_wheel_that_the_notebooks_install_is_in_the_site():
    name = wheel.name()
    assert (ROOT / "_build" / "html" / wheel.FOLDER / name).is_file()
    for path in NOTEBOOKS:
        assert f'WHEEL = \\"{name}\\"' in path.read_text("utf-8"), path
