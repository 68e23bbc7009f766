"""The first cell names the packages that a page needs and a machine may lack."""

from pathlib import Path

import pytest
from support.tiny_book import HEADER, cell

from bookbuild import frameworks, install_cell, page as split, wheel
from bookbuild.errors import SourceError
from bookbuild.settings import Repository
from d2l_extras import runtime

FRAMEWORKS = frameworks.load()


def page(*codes: str, tags: tuple[str, ...] = ()) -> split.Page:
    cells = "\n".join(cell(code, *tags) for code in codes)
    return split.parse_page(
        f"{HEADER}\n# Title\n\n{cells}", Path("page.md"), "page", FRAMEWORKS
    )


def imports(*codes: str, **options: tuple[str, ...]) -> list[str]:
    return install_cell.imports(page(*codes, **options), FRAMEWORKS["mxnet"])


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import scipy.stats as s, palmerpenguins", ["palmerpenguins", "scipy"]),
        ("def f():\n    from scipy.linalg import lu", ["scipy"]),
        ("from . import scipy", []),
        ("import os, numpy, matplotlib, pandas, d2l, d2l_extras", []),
        ("from mxnet import np", []),
        ("%matplotlib inline\nimport scipy", []),
        ("scipy = 1", []),
    ],
)
def test_packages_are_the_imports_that_a_machine_may_lack(
    code, names
):
    assert imports(code) == names


def test_imports_of_all_cells_count_but_those_that_are_to_fail():
    assert imports("import scipy", "import palmerpenguins") == [
        "palmerpenguins", "scipy"
    ]  # fmt: skip
    assert imports("import jax", tags=("raises-exception",)) == []


def test_a_package_without_a_pinned_version_is_refused_with_the_cure():
    with pytest.raises(
        SourceError, match=r"page.md: the MXNet notebook imports jax, .*"
        "to PINS in d2l_extras/runtime.py"
    ):  # fmt: skip
        imports("import jax")


def test_the_cell_installs_this_version_from_the_site_or_the_repository():
    repository = Repository("https://github.com/c/d", "fix/no#1")
    made = install_cell.cell(page("import scipy"), FRAMEWORKS["mxnet"], repository)
    space = {}
    begin, end = made.source.index("WANTED ="), made.source.index("def fits")
    exec(made.source[begin:end], space)
    assert space["WANTED"] == wheel.version()
    assert space["HELPERS"] == runtime.CONTENT
    site, archive = space["SOURCES"]
    assert site.startswith("https://c.github.io/d/wheels/d2l_extras-")
    assert site.endswith(".whl") and "+" not in site
    assert archive == (
        "https://github.com/c/d/archive/refs/heads/fix/no%231.zip"
    )
    call = 'prepare("mxnet", "scipy", helpers=HELPERS)'
    assert made.source.endswith(call)
    assert made.id == "setup" and made.cell_type == "code"
    assert made.metadata == {
        "tags": ["nbval-ignore-output"],
        "cellView": "form",
        "jupyter": {"source_hidden": True},
    }


def test_without_a_site_there_is_nothing_to_install_from():
    made = install_cell.cell(page("1"), FRAMEWORKS["tensorflow"], Repository())
    assert "SOURCES = []" in made.source
    compile(made.source, "cell", "exec")
