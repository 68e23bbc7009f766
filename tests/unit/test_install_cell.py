"""The first cell lists what a page needs and a machine may lack."""

import ast
import os
from importlib import metadata
from pathlib import Path

import pytest
from support import ROOT, pages
from support.tiny_book import HEADER, cell

from bookbuild import frameworks, install_cell, page as split, wheel
from bookbuild.errors import SourceError
from bookbuild.settings import PLACEHOLDER, Repository

FRAMEWORKS = frameworks.load()
MXNET = FRAMEWORKS["mxnet"]


def page(
    *codes: str, tags: tuple[str, ...] = (), path: Path = Path("no/page.md")
) -> split.Page:
    cells = "\n".join(cell(code, *tags) for code in codes)
    return split.parse_page(
        f"{HEADER}\n# Title\n\n{cells}", path, "page", FRAMEWORKS
    )


def imports(*codes: str, **options: object) -> list[str]:
    return install_cell.imports(page(*codes, **options), MXNET)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import scipy.stats as s, palmerpenguins", ["palmerpenguins", "scipy"]),
        ("def f():\n    from scipy.linalg import lu", ["scipy"]),
        ("from . import scipy", []),
        ("import os, numpy, d2l_extras", ["numpy"]),
        ("from mxnet import np", ["mxnet"]),
        ("%matplotlib inline\nimport scipy", []),
        ("scipy = 1", []),
    ],
)
def test_modules_are_the_imports_that_a_machine_may_lack(code, names):
    assert imports(code) == names


def test_imports_count_in_all_cells_except_those_meant_to_fail():
    assert imports("import scipy", "import palmerpenguins") == [
        "palmerpenguins", "scipy"
    ]  # fmt: skip
    assert imports("import jax", tags=("raises-exception",)) == []


def test_a_module_that_a_cell_writes_is_not_missing():
    code = "from pathlib import Path\nPath('mine.py').write_text('x = 1')"
    assert imports(code, "import mine") == []
    assert imports("%%writefile mine.py\nx = 1", "import mine") == []
    assert imports("import mine") == ["mine"]


def test_a_module_in_the_pages_folder_is_not_missing(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1")
    assert imports("import mine, scipy", path=tmp_path / "page.md") == ["scipy"]


def test_each_module_has_the_version_of_the_lock():
    found = install_cell.requirements(page("import scipy, IPython"), MXNET)
    assert list(found) == [*MXNET.needs, "IPython", "scipy"]
    lock = (ROOT / MXNET.lock).read_text()
    for pin in found.values():
        assert f"\n{pin} " in f"\n{lock}", pin


def test_a_module_that_the_lock_does_not_contain_is_reported_with_a_fix():
    with pytest.raises(
        SourceError, match=r"page.md: the MXNet notebook imports jax, which "
        r"kernels/mxnet.txt does not .* to the extra mxnet in pyproject.toml"
    ):  # fmt: skip
        install_cell.requirements(page("import jax"), MXNET)


def test_a_module_may_come_from_a_package_of_another_name(tmp_path):
    """Check this as for scikit-learn, which contains the module sklearn."""
    (tmp_path / "kernels").mkdir()
    entry = FRAMEWORKS["numpy"]
    lines = ["[numpy]", 'label = "NumPy"', 'kernel = "numpy"', 'colab = "CPU"']
    lines += ['lock = "kernels/numpy.txt"', f"platforms = {entry.platforms}"]
    lines += ['modules = { sklearn = "scikit-learn" }']
    (tmp_path / "kernels" / "frameworks.toml").write_text("\n".join(lines))
    (tmp_path / "kernels" / "numpy.txt").write_text("scikit-learn==1.7.2 \\\n")
    numpy = frameworks.load(tmp_path)["numpy"]
    found = install_cell.requirements(page("import sklearn.svm"), numpy, tmp_path)
    assert found == {"sklearn": "scikit-learn==1.7.2"}


def variables(source: str) -> dict:
    """Return the variables that the cell assigns before it defines functions."""
    space = {"os": os}
    exec(source[source.index("WANTED =") : source.index("def installed")], space)
    return space


def test_the_cell_looks_for_the_wheel_in_the_notebooks_folder_and_the_one_above(
    tmp_path, monkeypatch
):
    made = install_cell.cell(page("1"), MXNET, Repository())
    (tmp_path / "chapter").mkdir()
    monkeypatch.chdir(tmp_path / "chapter")
    assert variables(made.source)["NEARBY"] == []
    (tmp_path / wheel.name()).touch()
    assert variables(made.source)["NEARBY"] == [f"../{wheel.name()}"]
    monkeypatch.chdir(tmp_path)
    assert variables(made.source)["NEARBY"] == [wheel.name()]


def test_without_an_address_the_cell_asks_for_the_wheel(tmp_path, monkeypatch):
    made = install_cell.cell(page("1"), MXNET, Repository(PLACEHOLDER))
    assert PLACEHOLDER not in made.source
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(metadata, "version", lambda name: "0.0")
    with pytest.raises(RuntimeError) as error:
        exec(made.source, {})
    assert str(error.value) == (
        f"This notebook needs d2l_extras {wheel.version()} (installed: 0.0). Without a "
        f"network, put {wheel.name()} beside this notebook. It is in the archive of all "
        "notebooks."
    )


def test_the_cell_installs_this_version_from_the_site_or_the_repository():
    repository = Repository("https://github.com/c/d", "fix/no#1")
    made = install_cell.cell(page("import scipy"), MXNET, repository)
    space = variables(made.source)
    assert space["WANTED"] == wheel.version()
    assert space["HELPERS"] == wheel.content()
    site, archive = space["SOURCES"]
    assert site.startswith("https://c.github.io/d/wheels/d2l_extras-")
    assert site.endswith(".whl") and "+" not in site
    assert archive == (
        "https://github.com/c/d/archive/refs/heads/fix/no%231.zip"
    )
    assert made.id == "setup" and made.cell_type == "code"
    assert made.metadata == {
        "tags": ["nbval-ignore-output"],
        "cellView": "form",
        "jupyter": {"source_hidden": True},
    }


def arguments(source: str) -> dict:
    """Return what the cell passes to `prepare`, by name."""
    call = ast.parse(source).body[-1].value
    named = {word.arg: word.value for word in call.keywords}
    assert named.pop("helpers").id == "HELPERS"
    given = {name: ast.literal_eval(value) for name, value in named.items()}
    return {"names": [value.value for value in call.args], **given}


def test_the_cell_passes_what_the_framework_declares_and_the_page_needs():
    made = install_cell.cell(page("import scipy"), MXNET, Repository())
    assert arguments(made.source) == {
        "names": ["mxnet", "MXNet"],
        "platforms": MXNET.platforms,
        "packages": install_cell.requirements(page("import scipy"), MXNET),
        "versions": MXNET.versions,
        "no_deps": MXNET.no_deps,
    }


def test_the_cell_passes_the_upgrades_of_a_framework():
    made = install_cell.cell(page("1"), pages.FRAMEWORKS["jax"], Repository())
    upgrades = pages.FRAMEWORKS["jax"].upgrades
    assert upgrades and arguments(made.source)["upgrades"] == upgrades


def test_the_cell_lists_the_files_in_the_pages_folder_that_the_code_reads(tmp_path):
    for name in "some birds.csv", "mine.py", "other.csv", "page.md":
        (tmp_path / "chapters" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "chapters" / name).touch()
    lock = tmp_path / MXNET.lock
    lock.parent.mkdir()
    lock.write_text((ROOT / MXNET.lock).read_text())
    code = "import mine\nopen('some birds.csv')"
    made = install_cell.cell(
        page(code, path=tmp_path / "chapters" / "page.md"),
        MXNET, Repository("https://github.com/c/d"), tmp_path,
    )  # fmt: skip
    raw = "https://github.com/c/d/raw/main/chapters"
    assert arguments(made.source)["files"] == [
        f"{raw}/mine.py", f"{raw}/some%20birds.csv"
    ]  # fmt: skip


def test_without_a_site_there_is_nothing_to_install_from():
    made = install_cell.cell(page("1"), FRAMEWORKS["tensorflow"], Repository())
    assert "SOURCES = []" in made.source
    compile(made.source, "cell", "exec")
