"""Outputs depend on code, lock, helpers, and files in the folder of the page."""

from __future__ import annotations

import ast

import pytest
from support import ROOT, pages
from support.tiny_book import TinyBook, cell, helper, write_helpers

from bookbuild import cache
from bookbuild.build import Book

HELPERS = {f"d2l_extras/{name}.py" for name in ("__init__", "arrays", "plots")}


@pytest.fixture
def book(tiny: TinyBook) -> TinyBook:
    """Return a tiny book with its own helpers."""
    write_helpers(tiny)
    return tiny


def made_of(tiny: TinyBook, framework: str = "alpha") -> dict[str, str]:
    book = Book(tiny.root)
    [page] = book.pages()
    return cache.inputs(page, book.frameworks[framework], tiny.root)


def differ(one: dict, other: dict) -> set[str]:
    return {name for name in {**one, **other} if one.get(name) != other.get(name)}


@pytest.mark.parametrize(
    "code",
    [
        "from d2l_extras import to",
        "import d2l_extras.plots as p",
        "%time\nimport d2l_extras",
        "import importlib\nimportlib.import_module('d2l_extras.plots')",
    ],
)
def test_a_page_depends_on_all_helpers_except_those_of_other_frameworks(
    book, code
):
    book.write(cell(code))
    assert HELPERS | {"d2l_extras/alpha.py"} <= made_of(book).keys()
    assert "d2l_extras/beta.py" not in made_of(book)
    assert "d2l_extras/beta.py" in made_of(book, "beta")


def test_a_page_that_imports_no_helpers_depends_on_none(book):
    book.write(cell("import numpy\nfrom d2l.mxnet import try_gpu"))
    assert made_of(book).keys() == {"code cells", "kernels/alpha.txt"}


def test_modules_in_folders_and_data_files_are_helpers_too(book):
    book.write(cell("from d2l_extras.vision import g"))
    package = book.root / "d2l_extras"
    (package / "vision").mkdir()
    (package / "vision" / "__init__.py").write_text("def g(): return 1")
    (package / "colors.json").write_text("{}")
    before = made_of(book)
    (package / "vision" / "__init__.py").write_text("def g(): return 2")
    (package / "colors.json").write_text("[]")
    assert differ(before, made_of(book)) == {
        "d2l_extras/vision/__init__.py", "d2l_extras/colors.json"
    }  # fmt: skip


def test_code_that_only_the_first_cell_runs_does_not_affect_outputs(book):
    book.write(cell("import d2l_extras"))
    before = made_of(book)
    (book.root / "d2l_extras" / "colab").mkdir()
    (book.root / cache.FIRST_CELL[0]).write_text("changed = 1\n")
    assert made_of(book) == before
    assert all((ROOT / path).exists() for path in cache.FIRST_CELL)


def test_outputs_depend_on_code_lock_and_helpers_but_not_on_prose(book):
    code = cell("from d2l_extras.alpha import a", "alpha")
    code += cell("from d2l_extras.beta import b", "beta")
    book.write(code)
    before = made_of(book)
    book.write("New words.\n\n" + code.replace("b\n```", "b as c\n```"))
    helper(book, "beta").write_text("changed = 1\n")
    text = helper(book, "plots").read_text()
    helper(book, "plots").write_text(f"# A comment.\n{text}")
    assert made_of(book) == before

    helper(book, "data").write_text("changed = 1\n")
    assert differ(before, made_of(book)) == {"d2l_extras/data.py"}
    (book.root / "kernels" / "alpha.txt").write_text("alpha==2\n")
    after = made_of(book)
    assert differ(before, after) == {"d2l_extras/data.py", "kernels/alpha.txt"}
    book.write(code.replace("a\n```", "a as b\n```", 1))
    assert differ(after, made_of(book)) == {"code cells"}
    assert cache.key(after) != cache.key(before)


def test_a_tag_is_an_input(book):
    book.write(cell("1 / 1"))
    before = made_of(book)
    book.write(cell("1 / 1", "hide-input"))
    assert differ(before, made_of(book)) == {"code cells"}


def test_a_file_in_the_pages_folder_is_an_input_if_the_code_uses_it(book):
    book.write(cell("import mine\nopen('birds.csv')"))
    for name in "mine.py", "birds.csv", "other.csv":
        (book.page.parent / name).write_text("1")
    before = made_of(book)
    for name in "mine.py", "birds.csv", "other.csv":
        (book.page.parent / name).write_text("2")
    assert differ(before, made_of(book)) == {
        "chapters/tiny/mine.py", "chapters/tiny/birds.csv"
    }  # fmt: skip


def test_a_module_in_the_pages_folder_may_use_the_helpers(book):
    book.write(cell("import mine"))
    (book.page.parent / "mine.py").write_text("from d2l_extras import to")
    assert HELPERS <= made_of(book).keys()


def test_no_page_of_this_book_hides_its_imports():
    for page in Book(ROOT).pages():
        for name in pages.FRAMEWORKS:
            for one in page.code(name):
                if "raises-exception" not in one.tags:
                    ast.parse(one.source)
