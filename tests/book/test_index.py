"""The first page gives the reading time of every page."""

from __future__ import annotations

import re

import pytest
from support import ROOT

from bookbuild.build import Book
from bookbuild.plain import Plain
from bookbuild.page import Cell

BOOK = Book(ROOT)
INDEX = "linear-networks/index"
PAGES = [page for page in BOOK.pages() if page.name != INDEX]
ROW = re.compile(r"^\|[^|]*\| \{ref\}`(\w+)`[^|]*\| (\d+) min \|", re.MULTILINE)


def table() -> dict[str, int]:
    """The minutes of reading that the first page gives, by page."""
    text = (ROOT / "chapters" / f"{INDEX}.md").read_text(encoding="utf-8")
    return {
        BOOK.labels.targets[label].page: int(minutes)
        for label, minutes in ROW.findall(text)
    }


def minutes(page) -> float:
    """How long the readers of one framework take, at 200 words a minute.

    Text and captions count, code and solutions do not; a formula is one word
    where it stands in a line, and none where it has lines of its own.
    """
    framework = next(iter(BOOK.frameworks.values()))
    text = "\n\n".join(
        cell.source
        if cell.type == "markdown"
        else cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "")
        for cell in page.of(framework.name)
    )
    text = re.sub(
        r"^`+\{solution-start\}.*?\{solution-end\}\n`+$", "", text,
        flags=re.MULTILINE | re.DOTALL,
    )
    plain = Plain(page, framework, None, BOOK.labels)
    text = plain(Cell("", "markdown", text, 1))
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    text = re.sub(r"\$[^$]*\$", "x", text)
    return len(re.findall(r"\w\S*", text)) / 200


def test_the_first_page_lists_every_page_that_has_code():
    assert set(table()) == {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_first_page_says_how_long_a_page_takes_to_read(page):
    told, takes = table()[page.name], minutes(page)
    assert abs(told - takes) <= takes / 4, f"write {takes:.0f} min"


def test_solutions_and_code_are_not_part_of_the_reading():
    page = next(page for page in PAGES if "underflow" in page.name)
    folded = minutes(page)
    cell = next(c for c in page.cells if "{solution-start}" in c.source)
    before, cell.source = cell.source, cell.source + "\n\n" + "word " * 2000
    with_longer_solution = minutes(page)
    cell.source = before + "\n\n````{solution-end}\n````\n\n" + "word " * 200
    with_longer_text = minutes(page)
    cell.source = before
    assert with_longer_solution == folded
    assert with_longer_text > folded
