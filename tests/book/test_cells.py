"""The cells of the pages are short, narrow, and import what they use."""

import re
import subprocess
import sys

import nbformat
import pytest
from support import ROOT

from bookbuild.build import Book
from bookbuild.executor import pairs_of

BOOK = Book(ROOT)
PAGES = BOOK.pages()
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
every_notebook = pytest.mark.parametrize(
    ("page", "framework"),
    [
        pytest.param(page, framework, id=f"{framework.name}/{page.name}")
        for page, framework in pairs_of(PAGES)
    ],
)


def lengths(page) -> list[int]:
    code = [
        cell.source
        for cell in page.cells
        if cell.type == "code" and "remove-input" not in cell.tags
    ] or [""]
    return sorted(
        sum(bool(line.strip()) for line in source.splitlines())
        for source in code
    )


@every_page
def test_half_the_cells_have_five_lines_or_fewer_and_none_over_twenty(page):
    lines = lengths(page)
    assert lines[len(lines) // 2] <= 5
    assert lines[int(0.9 * len(lines))] <= 12
    assert lines[-1] <= 20


@every_page
def test_no_line_of_code_is_wider_than_80_columns(page):
    wide = [
        f"{page.path}:{cell.line}: {line}"
        for cell in page.cells
        if cell.type == "code"
        for line in cell.source.splitlines()
        if len(line) > 80
    ]
    assert not wide


@every_notebook
def test_every_name_is_imported_or_defined_and_every_import_is_used(
    page, framework, tmp_path
):
    path = tmp_path / "page.py"
    code = "\n\n".join(cell.source for cell in page.code(framework.name))
    # A framework's helpers are also imported for what they do to its log.
    path.write_text(re.sub(r"(?m)^import d2l_extras\.\w+", r"\g<0>  # noqa", code))
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F"]
        + [str(path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


# A number in the prose is inserted by {eval}, is a setting in the code, or follows
# from a derivation. Any other number was typed.
NUMBER = re.compile(r"(?<![\w.])(?:\d[\d,]*\.\d+|\d{1,3}(?:,\d{3})+|\d+(?=\s?%))")
NOT_PROSE = (
    r"\$\$.*?\$\$",
    r"\$[^$]*\$",
    r"`[^`]*`",
    r"\{[\w:]+\}`[^`]*`",
    r"\]\([^)]*\)",
)


def typed_numbers(page) -> list[str]:
    code = "\n".join(c.source for c in page.cells if c.type == "code")
    settings = set(re.findall(r"\d+\.\d+", code))
    found = []
    for cell in page.cells:
        prose = cell.source if cell.type == "markdown" else ""
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        prose += " " + figure.get("caption", "")
        for pattern in NOT_PROSE:
            prose = re.sub(pattern, " ", prose, flags=re.DOTALL)
        found += [
            f"{page.path}:{cell.line}: {number}"
            for number in NUMBER.findall(prose)
            if number not in settings
        ]
    return found


@every_page
def test_no_result_is_typed_by_hand(page):
    assert not typed_numbers(page)


def test_the_check_finds_a_typed_result():
    page = PAGES[0]
    cell = next(cell for cell in page.cells if cell.type == "markdown")
    before, cell.source = cell.source, cell.source + "\n\nIt reaches 83.7%."
    found = typed_numbers(page)
    cell.source = before
    assert len(found) == 1 and "83.7" in found[0]


RAW = re.compile(r"^:{3,}|^`{3,}\{|\}`|^\([\w-]+\)=", re.MULTILINE)


@every_notebook
def test_a_notebook_shows_no_raw_markup(page, framework):
    """Check for directives, roles, and labels, which Colab does not understand."""
    node = nbformat.read(BOOK.committed(page, framework), as_version=4)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            assert not RAW.search(cell.source), cell.source
