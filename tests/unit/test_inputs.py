"""Outputs depend on the code, the lock, and the helpers that cells import."""

from __future__ import annotations

import ast

import pytest
from support import ROOT
from support.tiny_book import HELPERS, TinyBook, cell, helper, write_helpers

from bookbuild import cache, helper_imports
from bookbuild.build import Book


@pytest.fixture
def book(tiny: TinyBook) -> TinyBook:
    """A tiny book with helpers of its own."""
    write_helpers(tiny)
    return tiny


def made_of(tiny: TinyBook, framework: str = "alpha") -> dict[str, str]:
    book = Book(tiny.root)
    [page] = book.pages()
    return cache.inputs(page, book.frameworks[framework], tiny.root)


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("import numpy", set()),
        ("from d2l_extras import to", {"arrays"}),
        ("from d2l_extras import plot", {"plots", "arrays"}),
        ("from d2l_extras import plots", {"plots", "arrays"}),
        ("from d2l_extras.alpha import x", {"alpha", "data"}),
        ("import d2l_extras.data as d", {"data", "arrays", "plots"}),
        ("import d2l_extras", {"arrays", "plots"}),
        ("from d2l_extras import *", {"arrays", "plots"}),
        ("def f():\n    from d2l_extras.beta import b", {"beta"}),
        ("%time\nimport d2l_extras", HELPERS.keys()),
        ("%time\nimport numpy", set()),
        ("from d2l.mxnet import try_gpu", set()),
    ],
)
def test_only_the_helpers_that_cells_import_count(book, code, modules):
    files = helper_imports.helper_files([code], book.root)
    found = {path.stem for path in files} - {"__init__"}
    assert found == set(modules) - {"__init__"}


def test_files_that_imports_do_not_lead_to_count_for_every_page(book):
    """Such as modules in folders, data, and modules with a computed name."""
    package = book.root / "d2l_extras"

    def found(code: str) -> set[str]:
        files = helper_imports.helper_files([code], book.root)
        return {path.relative_to(package).as_posix() for path in files}

    computed = "import importlib\nimportlib.import_module('d2l_extras.lonely')"
    assert "lonely.py" in found(computed)
    (package / "colors.json").write_text("{}")
    assert found("from d2l_extras.beta import b") == {"beta.py", "colors.json"}
    assert found("import numpy") == set()
    (package / "vision").mkdir()
    (package / "vision" / "__init__.py").write_text("def g(): ...")
    assert {"vision/__init__.py", "arrays.py"} <= found("from d2l_extras.vision import g")


def test_outputs_depend_on_code_lock_and_helpers_but_not_on_prose(book):
    code = cell("from d2l_extras.alpha import a", "alpha")
    code += cell("from d2l_extras.beta import b", "beta")
    book.write(code)
    before = made_of(book)
    book.write("New words.\n\n" + code.replace("b\n```", "b as c\n```"))
    for name in ("beta", "plots", "lonely"):
        helper(book, name).write_text("changed = 1\n")
    assert made_of(book) == before

    helper(book, "data").write_text("changed = 1\n")
    assert differ(before, made_of(book)) == {"d2l_extras/data.py"}
    (book.root / "kernels" / "alpha.txt").write_text("alpha==2\n")
    after = made_of(book)
    assert differ(before, after) == {"d2l_extras/data.py", "kernels/alpha.txt"}
    book.write(code.replace("a\n```", "a as b\n```", 1))
    assert differ(after, made_of(book)) == {"code cells"}
    assert cache.key(after) != cache.key(before)


def differ(one: dict, other: dict) -> set[str]:
    return {name for name in {**one, **other} if one.get(name) != other.get(name)}


def test_a_tag_is_an_input(book):
    book.write(cell("1 / 1"))
    before = made_of(book)
    book.write(cell("1 / 1", "hide-input"))
    assert differ(before, made_of(book)) == {"code cells"}


def test_exporting_another_helper_changes_no_page_without_it(book):
    book.write(cell("from d2l_extras import to"))
    before = made_of(book)
    package = helper(book, "__init__")
    package.write_text(
        package.read_text().replace('"1"', '"2"') + "from .lonely import more\n"
    )
    assert made_of(book) == before
    package.write_text(package.read_text() + "import os\nos.umask(0)\n")
    assert differ(before, made_of(book)) == {"d2l_extras/__init__.py"}


def test_every_helper_module_is_used_by_a_page():
    """No page of ours hides its imports, and each module serves some page."""
    book = Book(ROOT)
    used = set()
    for page in book.pages():
        for framework in book.frameworks.values():
            found = cache.inputs(page, framework, ROOT)
            used |= found.keys()
            others = book.frameworks.keys() - {framework.name}
            assert not {f"d2l_extras/{name}.py" for name in others} & found.keys()
            for one in page.code(framework.name):
                if "raises-exception" not in one.tags:
                    ast.parse(one.source)
    modules = {f"d2l_extras/{path.name}" for path in ROOT.glob("d2l_extras/*.py")}
    # The first cell alone runs this one, and keeps no output; the other one only
    # hands on names.
    assert modules - used == {"d2l_extras/runtime.py", "d2l_extras/__init__.py"}
