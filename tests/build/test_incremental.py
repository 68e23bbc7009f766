"""An incremental build writes the same as a build from scratch.

These are plain Sphinx books, without Jupyter Book and kernels. Each page refers to one
thing on the first page, and is not changed itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

FIRST = """
The first page
==============

Some words.

.. _sec_part:

A section
---------

.. _fig_one:
.. figure:: picture.svg

   A figure.

.. math:: a = b
   :label: eq_one

.. _tab_one:
.. list-table:: A table

   * - 1

.. code-block:: python
   :caption: A program
   :name: program

   1

.. exercise:: Count
   :label: ex_one

   What is one and one?

.. glossary::

   term
      What it means.

.. _to_move:

A place
-------

An aside
----------
"""
# The pages after the first one, and what each refers to.
REFERENCES = {
    "neighbor": "nothing",
    "to_page": ":doc:`first`",
    "to_section": ":ref:`sec_part`",
    "to_section_number": ":numref:`sec_part`",
    "to_figure": ":numref:`fig_one`",
    "to_equation": ":eq:`eq_one`",
    "to_table": ":numref:`tab_one`",
    "to_program": ":numref:`program`",
    "to_exercise": ":ref:`ex_one`",
    "to_term": ":term:`term`",
    "to_place": ":ref:`to_move`",
    "to_work": ":cite:t:`work`",
}
SOLUTION = """
.. solution:: ex_one
   :label: sol_one

   Two.
"""
CONTENTS = """
The book
========

.. toctree::
   :numbered:

   {pages}

.. bibliography::
"""
WORKS = """
@book{work, author = {Ada Byron}, title = {Notes}, year = 1843,
  publisher = {Taylor}}
"""
# Unlabeled items that shift the numbers of the following items.
MORE = {
    "to_section_number": "Another\n-------",
    "to_figure": ".. figure:: picture.svg\n\n   A figure.",
    "to_equation": ".. math:: c = d\n   :label: eq_new",
    "to_table": ".. list-table:: A table\n\n   * - 0",
    "to_program": ".. code-block:: python\n   :caption: New\n\n   0",
    "to_exercise": ".. exercise::\n\n   When?",
}


class Book:
    """Hold the sources of a book, and build it with Sphinx."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.written: set[str] = set()

    def create(self) -> None:
        self.root.mkdir()
        (self.root / "picture.svg").write_text(
            '<svg xmlns="http://www.w3.org/2000/svg"/>'
        )
        (self.root / "works.bib").write_text(WORKS)
        self.write("index", CONTENTS.format(pages="\n   ".join(["first", *REFERENCES])))
        self.write("first", FIRST)
        for page, reference in REFERENCES.items():
            self.write(page, f"About {page}\n{'=' * 40}\n\nSee {reference}.\n")
        self.edit("neighbor", "nothing.", f"nothing.\n{SOLUTION}")

    def write(self, page: str, text: str) -> None:
        (self.root / f"{page}.rst").write_text(text)

    def edit(self, page: str, old: str, new: str) -> None:
        path = self.root / f"{page}.rst"
        text = path.read_text()
        assert text.count(old) == 1, text
        path.write_text(text.replace(old, new))

    def build(self, hook: Callable | None = None, **settings: object) -> None:
        """Build the site, and store the names of the written pages in `written`."""
        defaults = {
            "extensions": [
                "sphinx_exercise", "sphinxcontrib.bibtex", "_ext.incremental",
            ],
            "bibtex_bibfiles": ["works.bib"],
            "bibtex_reference_style": "author_year",
            "numfig": True,
            "html_theme": "basic",
            "html_theme_options": {"globaltoc_collapse": False},
            "html_sidebars": {"**": ["globaltoc.html", "relations.html"]},
        }  # fmt: skip
        self.written = set()
        with patch_docutils(self.root), docutils_namespace():
            app = Sphinx(
                self.root, None, self.root / "out", self.root / "trees", "html",
                {**defaults, **settings}, status=None, warning=None,
                warningiserror=True,
            )  # fmt: skip
            app.connect("html-page-context", hook or self._note_written_page)
            app.build()

    def _note_written_page(self, app: Sphinx, page: str, *_: object) -> None:
        self.written.add(page)

    def html(self) -> dict[str, str]:
        """Return the HTML of each page."""
        return {
            path.stem: path.read_text() for path in (self.root / "out").glob("*.html")
        }

    def html_from_scratch(self) -> dict[str, str]:
        shutil.rmtree(self.root / "trees")
        for page in (self.root / "out").glob("*.html"):
            page.unlink()  # not its styles, which Sphinx names by their content
        self.build()
        return self.html()


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """Return a folder in which a book was built, and a copy of it."""
    folder = tmp_path_factory.mktemp("incremental")
    book, copy = Book(folder / "book"), folder / "copy"
    book.create()
    book.build()
    book.html_from_scratch()  # now with the styles that the first build has copied
    shutil.copytree(book.root, copy)
    return book.root, copy


@pytest.fixture
def book(built) -> Book:
    """Return the built book, in the folder that Sphinx built it in."""
    book, copy = built
    shutil.rmtree(book)
    shutil.copytree(copy, book)
    return Book(book)


def check(book: Book, *pages: str) -> None:
    """Check that these pages change, and that the site equals a build from scratch."""
    before = book.html()
    book.build()
    after = book.html()
    for page in pages:
        assert after.get(page) != before.get(page), page
    assert after == book.html_from_scratch()


def test_a_changed_sentence_rewrites_only_its_page(book):
    book.edit("first", "Some words.", "Some other words.")
    book.build()
    assert "first" in book.written and not book.written & REFERENCES.keys()
    assert "Some other words." in book.html()["first"]


def test_a_page_title_changes_in_links_and_contents_of_all_pages(book):
    book.edit("first", "The first page", "Another title ")
    check(book, "index", *REFERENCES)


def test_the_title_of_a_section_without_a_label_changes_in_the_contents(book):
    book.edit("first", "An aside\n", "An aside!\n")
    check(book, "index", *REFERENCES)


def test_a_section_title_changes_in_references(book):
    book.edit("first", "A section", "Another  ")
    check(book, "to_section")


@pytest.mark.parametrize("page", MORE)
def test_a_number_changes_in_references(book, page):
    book.edit("first", "Some words.", f"Some words.\n\n{MORE[page]}")
    check(book, page)


def test_the_number_of_an_exercise_changes_in_its_solution_elsewhere(book):
    book.edit("first", "Some words.", f"Some words.\n\n{MORE['to_exercise']}")
    check(book, "neighbor")


def test_the_title_of_an_exercise_changes_in_its_solution_elsewhere(book):
    book.edit("first", "exercise:: Count", "exercise:: Add")
    check(book, "neighbor")


def test_a_glossary_term_that_moves_changes_in_references(book):
    term = ".. glossary::\n\n   term\n      What it means.\n"
    book.edit("first", term, "")
    book.edit("neighbor", "nothing.", f"nothing.\n\n{term}")
    check(book, "to_term")


def test_a_label_that_moves_changes_in_references(book):
    book.edit("first", ".. _to_move:\n", "")
    book.edit("first", ".. _sec_part:\n", ".. _sec_part:\n.. _to_move:\n")
    check(book, "to_place")


@pytest.mark.parametrize(
    ("old", "new"), [("Ada Byron", "Ada Lovelace"), ("1843", "1844")]
)
def test_a_work_changes_in_citations(book, old, new):
    (book.root / "works.bib").write_text(WORKS.replace(old, new))
    check(book, "to_work", "index")


def test_the_order_of_pages_changes_in_links_and_numbers(book):
    book.edit("index", "first\n   neighbor", "neighbor\n   first")
    check(book, "to_page", "to_figure", "to_section_number")


def test_a_new_page_appears_in_the_contents_of_all_pages(book):
    book.edit("index", "first\n", "first\n   new\n")
    book.write("new", "A new page\n==========\n")
    check(book, "index", "first", *REFERENCES)


def test_a_failed_build_is_repeated_for_all_pages(book):
    def fail(app: Sphinx, page: str, *_: object) -> None:
        if page == "neighbor":
            raise RuntimeError("interrupted")

    book.edit("first", "The first page", "Another title ")
    with pytest.raises(Exception, match="interrupted"):
        book.build(hook=fail)
    check(book, "to_work")


def test_sphinx_makes_no_search_index(book):
    assert not (book.root / "out" / "searchindex.js").exists()
