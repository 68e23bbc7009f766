"""The helper package installs by itself, with nothing else of the book."""

import os
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory):
    """The wheel that `pip install .` would install."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "flit_core.wheel", "--outdir", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_its_types_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    modules = {f"d2l_extras/{p.name}" for p in (ROOT / "d2l_extras").glob("*.py")}
    assert modules | {"d2l_extras/py.typed"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"d2l_extras"}


def test_what_the_wheel_holds_works_away_from_the_book(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import d2l_extras\n"
        "print(d2l_extras.__file__)\n"
        "d2l_extras.record('accuracy', 0.83, '.3f')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    where, result = done.stdout.splitlines()
    assert where.startswith(str(site))
    assert result == "accuracy: 0.830"
