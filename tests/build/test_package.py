"""The helper package installs by itself, without the rest of the book."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from support import ROOT

from bookbuild import wheel as served


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory):
    """Return the wheel that `pip install .` would install."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "flit_core.wheel", "--outdir", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_contains_the_package_with_its_types_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    paths = (ROOT / "d2l_extras").rglob("*.py")
    modules = {path.relative_to(ROOT).as_posix() for path in paths}
    files = {"d2l_extras/py.typed", "d2l_extras/fonts/book-text.ttf"}
    assert modules | files <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"d2l_extras"}


def test_the_installed_package_works_outside_the_book(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import d2l_extras\n"
        "print(d2l_extras.__file__)\n"
        "print(d2l_extras.text_labels([9]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    where, names = done.stdout.splitlines()
    assert where.startswith(str(site))
    assert names == "['ankle boot']"


@pytest.fixture
def copy(tmp_path):
    """Copy the files that the wheel of the site is made from."""
    shutil.copytree(ROOT / served.PACKAGE, tmp_path / served.PACKAGE)
    for file in served.METADATA:
        shutil.copy(ROOT / file, tmp_path)
    return tmp_path


def test_the_version_of_the_wheel_on_the_site_is_in_its_name_and_files(copy):
    path = served.build(copy / "wheels", copy)
    version = served.version(copy)
    assert path.name == served.name(copy)
    assert version == served.version(ROOT)
    with zipfile.ZipFile(path) as archive:
        info = f"d2l_extras-{version}.dist-info/METADATA"
        assert f"\nVersion: {version}\n" in archive.read(info).decode()
        init = archive.read("d2l_extras/__init__.py").decode()
    assert f'__version__ = "{version}"' in init


@pytest.mark.parametrize(
    "file",
    [
        "d2l_extras/colab/cuda.py", "d2l_extras/fonts/LICENSE",
        "d2l_extras/plots.py", "d2l_extras/py.typed", "pyproject.toml",
    ],
)
def test_changed_content_changes_the_version(copy, file):
    before = served.version(copy)
    text = (copy / file).read_text()
    (copy / file).write_text(text.replace("numpy", "numpy ", 1) + "\n")
    changed = served.version(copy) != before
    assert changed
    (copy / file).write_text(text)
    assert served.version(copy) == before
