"""References resolve, in the book and in notebooks opened outside it."""

import re
from pathlib import Path

import pytest
from support.tiny_book import HEADER

from bookbuild import frameworks, labels, page as split

FRAMEWORKS = frameworks.load()
SITE = "https://somebody.github.io/book/"
BIB = """
@article{Two.2001, author = {One, Ann and {Two}, Bob}, title = {T}, year = {2001}}
@book{Many.1999, author = {First, A. and Second, B. and Third, C.}, year = {1999}}
"""


@pytest.fixture
def book(tmp_path: Path) -> labels.Labels:
    """A book of two numbered pages, the second of which we translate."""
    chapters = tmp_path / "chapters"
    chapters.mkdir()
    (tmp_path / "_config.yml").write_text(
        "repository: {url: https://github.com/somebody/book}\n"
    )
    (tmp_path / "_toc.yml").write_text(
        "root: chapters/start\nparts:\n- numbered: true\n  chapters:\n"
        "  - file: chapters/one\n  - file: chapters/two\n"
    )
    (chapters / "start.md").write_text("(chap_start)=\n# Start\n")
    (chapters / "one.md").write_text(
        "(sec_one)=\n(sec_uno)=\n# Number One\n\n$$\na\n$$ (eq_a)\n\n$$b$$ (eq_b)\n"
    )
    (chapters / "two.md").write_text("(sec_two)=\n# Two\n\n$$c$$ (eq_c)\n")
    (chapters / "works.bib").write_text(BIB)
    return labels.read(tmp_path)


def plain(book: labels.Labels, text: str) -> str:
    source = f"{HEADER}\n# Two\n\n$$c$$ (eq_c)\n\n{text}"
    page = split.parse(source, Path("two.md"), "two", FRAMEWORKS)
    node = split.notebook(page, FRAMEWORKS["mxnet"], labels=book)
    return node.cells[-1].source.split("\n\n")[-1]


def test_numbers_begin_with_the_number_of_the_page(book):
    assert book.targets["eq_b"].text == "Equation 1.2"
    assert book.targets["eq_c"].number == "2.1"
    assert book.targets["sec_uno"].text == "Number One"


def test_a_reference_to_another_page_is_a_link_to_the_site(book):
    link = f"[Number One]({SITE}chapters/one.html#sec-one)"
    assert plain(book, "See {ref}`sec_one`.") == f"See {link}."
    link = f"[before]({SITE}chapters/one.html#sec-one)"
    assert plain(book, "As {ref}`before <sec_one>`.") == f"As {link}."
    link = f"[(1.2)]({SITE}chapters/one.html#equation-eq-b)"
    assert plain(book, "By {eq}`eq_b`.") == f"By {link}."


def test_a_reference_within_the_page_is_its_number(book):
    assert plain(book, "By {eq}`eq_c`.") == "By (2.1)."


def test_a_citation_names_authors_and_year(book):
    url = f"{SITE}chapters/references.html"
    text = plain(book, "{cite:t}`Two.2001` show it {cite:p}`Many.1999`.")
    assert text == (
        f"[One and Two (2001)]({url}) show it ([First et al., 1999]({url}))."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ref}`sec_none`", "nothing is labeled 'sec_none'"),
        ("{cite:t}`None.1900`", "no work has the key 'None.1900'"),
    ],
)
def test_a_reference_to_nothing_is_refused(book, text, message):
    with pytest.raises(split.SourceError, match=re.escape(message)):
        plain(book, text)


def test_without_a_site_a_reference_is_its_text(book):
    book.site = ""
    assert plain(book, "See {ref}`sec_one`.") == "See Number One."
    assert labels.site_of("https://gitlab.com/some/book") == ""
