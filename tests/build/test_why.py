"""`make why` says for each framework why a page is executed or reused."""

from __future__ import annotations

import nbformat
import pytest
from support.tiny_book import TinyBook, cell, write_helpers

from bookbuild import build, cache
from bookbuild.build import Book


@pytest.fixture
def book(tiny: TinyBook) -> TinyBook:
    """Return a tiny book with its own helpers."""
    write_helpers(tiny)
    return tiny


CODE = cell("import math") + cell("a = 1\na") + cell("import string")


def why(tiny: TinyBook, page: str = "tiny/page") -> list[str]:
    return build.explain_reuse(Book(tiny.root), [page]).splitlines()


def execute(tiny: TinyBook) -> None:
    done = tiny.build("notebooks")
    assert done.returncode == 0, done.stderr


def test_a_reused_page_is_listed_with_what_its_outputs_depend_on(book):
    book.write(CODE)
    assert all("no record of an earlier execution" in line for line in why(book))
    execute(book)
    [alpha, beta] = why(book, "chapters/tiny/page.md")
    assert alpha.startswith("Alpha       tiny/page: reused. ")
    assert alpha.endswith("code cells, kernels/alpha.txt")
    assert "kernels/beta.txt" in beta


def test_a_page_to_be_executed_is_listed_with_what_has_changed(book):
    book.write(CODE)
    execute(book)
    lines = book.page.read_text().splitlines()
    at = lines.index("a = 1") + 1
    book.write(CODE.replace("a = 1", "a = 2"))
    [alpha, _] = why(book)
    assert "recorded in _build/outputs/alpha/tiny/page.ipynb: code cell" in alpha
    assert f"code cell 2 of 3 (page.md:{at}) has changed" in alpha

    book.write(CODE)
    (book.root / "kernels" / "alpha.txt").write_text("alpha==2\n")
    [alpha, beta] = why(book)
    assert alpha.endswith(": kernels/alpha.txt has changed")
    assert ": reused." in beta

    book.write(CODE.replace("import math", "from d2l_extras import to"))
    [_, beta] = why(book)
    assert "code cell 1 of 3" in beta and "d2l_extras/arrays.py is new" in beta

    book.write(cell("import math") + cell("a = 1\na"))
    [_, beta] = why(book)
    assert "code cells were removed at the end: 2 of 3 are left" in beta


def test_another_python_is_a_reason_to_execute(book, monkeypatch):
    book.write(CODE)
    with monkeypatch.context() as patched:
        patched.setattr(cache, "python_of", lambda *_: "3.11.0")
        execute(book)
        assert all(": reused. " in line for line in why(book))
    [alpha, _] = why(book)
    assert alpha.endswith("on this machine by this Python")


def test_a_notebook_executed_on_another_machine_is_reported_as_such(book):
    book.write(CODE)
    execute(book)
    for entry in (book.root / "_build" / "executed").iterdir():
        entry.unlink()
    [alpha, _] = why(book)
    assert "has not been executed on this machine" in alpha


def test_a_notebook_without_recorded_inputs_is_reported_as_such(book):
    book.write(CODE)
    execute(book)
    for path in book.root.rglob("page.ipynb"):
        node = nbformat.read(path, as_version=4)
        node.metadata["d2l_extras"] = {"inputs": "one digest for all"}
        nbformat.write(node, path)
    for entry in (book.root / "_build" / "executed").iterdir():
        entry.unlink()
    [alpha, _] = why(book)
    assert "no record of an earlier execution" in alpha


@pytest.mark.parametrize(
    ("names", "said"),
    [(["nowhere"], "no page 'nowhere'"), ([], "PAGE=tiny/page")],
)
def test_the_error_for_an_unknown_page_names_an_existing_one(book, names, said):
    book.write(CODE)
    done = book.build("why", *names)
    assert done.returncode == 1
    assert said in done.stderr and "tiny/page" in done.stderr
