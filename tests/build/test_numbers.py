"""Numbers and titles stay right on every page that shows them.

After a change, the site is the same as one built from scratch, but pages that
the change does not affect are neither read nor written again. These are plain
Sphinx books, without Jupyter Book and without kernels.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

FIGURE = """
.. _fig_{0}:
.. figure:: picture.svg

   The figure {0}.
"""
REST = """
Nobody numbers this.

.. _sec_part:

A section
---------

.. container::

   .. _fig_inner:
   .. figure:: picture.svg

      In a box.

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
"""
FIRST = FIGURE.format("one") + REST
SECOND = "\nSee :numref:`fig_one`.\n"
# Pages that each refer to one thing on the first page.
REFERENCES = {
    "to_figure": ":numref:`fig_one`",
    "to_inner": ":numref:`fig_inner`",
    "to_equation": ":eq:`eq_one`",
    "to_table": ":numref:`tab_one`",
    "to_program": ":numref:`program`",
    "to_exercise": ":ref:`ex_one`",
    "to_title": ":ref:`sec_part`",
    "to_section": ":numref:`sec_part`",
}
PAGES = ["index", "first", "second", "third", *REFERENCES]
CONTENTS = """
.. toctree::
   :numbered:

   first
   second
   third
"""
CONTENTS += "".join(f"   {page}\n" for page in REFERENCES)
CONTENTS += "\n.. bibliography::\n"
WORK = """
@book{{work, author = {{Ada {0}}}, title = {{Notes}}, year = 1843,
  publisher = {{Taylor}}}}
@book{{other, author = {{Luigi Menabrea}}, title = {{Sketch}}, year = 1842,
  publisher = {{Taylor}}}}
"""


class Book:
    """Pages for plain Sphinx with what the book adds to it."""

    def __init__(self, root: Path) -> None:
        self.root, self.written = root, []
        if root.exists():
            return
        root.mkdir()
        picture = '<svg xmlns="http://www.w3.org/2000/svg"/>'
        (root / "picture.svg").write_text(picture)
        (root / "works.bib").write_text(WORK.format("Byron"))
        self.write("index", CONTENTS)
        self.write("first", FIRST)
        self.write("second", SECOND)
        self.write("third", FIGURE.format("three"))
        for page, reference in REFERENCES.items():
            self.write(page, f"\nSee {reference}.\n")

    def write(self, page: str, text: str, title: str | None = None) -> None:
        title = title or f"The {page}"
        line = "=" * len(title)
        (self.root / f"{page}.rst").write_text(f"{title}\n{line}\n{text}")

    def build(self) -> dict[str, str]:
        """Return the HTML of each page; `written` names the pages written."""
        settings = {
            "extensions": [
                "sphinx_exercise", "sphinxcontrib.bibtex",
                "_ext.fresh", "_ext.numbers", "_ext.shown",
            ],
            "bibtex_bibfiles": ["works.bib"],
            "bibtex_reference_style": "author_year",
            "numfig": True,
            "html_theme": "basic",
            "html_sidebars": {"**": ["globaltoc.html"]},
        }
        out = self.root / "out"
        with patch_docutils(self.root), docutils_namespace():
            app = Sphinx(
                self.root, None, out, self.root / "trees", "html", settings,
                status=None, warning=None, warningiserror=True,
            )  # fmt: skip
            self.written = []
            app.connect("html-page-context", self._note)
            app.build()
        return {
            page: (out / f"{page}.html").read_text()
            for page in PAGES
        }

    def _note(self, app: Sphinx, page: str, *_: object) -> None:
        self.written.append(page)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """A folder in which a book was built, and a copy of it."""
    folder = tmp_path_factory.mktemp("numbers")
    book, copy = folder / "book", folder / "copy"
    Book(book).build()  # after it, sphinx_exercise has its styles
    shutil.rmtree(book / "trees")
    assert "Fig. 1.1" in Book(book).build()["second"]
    shutil.copytree(book, copy)
    return book, copy


@pytest.fixture
def book(built) -> Book:
    """The built book, in the folder where Sphinx knows it."""
    book, copy = built
    shutil.rmtree(book)
    shutil.copytree(copy, book)
    return Book(book)


def from_scratch(book: Book) -> dict[str, str]:
    shutil.rmtree(book.root / "trees")
    return book.build()


def test_an_unchanged_page_is_not_read_again_to_number_the_figures(book):
    (book.root / "trees" / "third.doctree").write_bytes(b"no tree")
    book.write("second", SECOND + "More.")
    again = book.build()
    assert "More." in again["second"] and "Fig. 1.1" in again["second"]


def test_a_changed_sentence_does_not_rewrite_pages_that_refer_to_its_page(book):
    book.write("first", FIRST.replace("Nobody numbers", "Few number"))
    book.build()
    assert "first" in book.written
    assert not {"second", "third"} & set(book.written)


def test_after_an_insertion_of_each_kind_every_reference_is_updated(book):
    before = book.build()
    more = (
        FIGURE.format("zero")
        + "\n.. math:: c = d\n   :label: eq_zero\n"
        + "\n.. list-table:: More\n   :name: tab_zero\n\n   * - 0\n"
        + "\n.. code-block:: python\n   :caption: More\n   :name: zero\n\n   0\n"
        + "\n.. exercise::\n   :label: ex_zero\n\n   Why?\n"
        + "\nOne more\n--------\n"
    )
    title = ("A section\n---------", "A part\n------")
    book.write("first", more + FIRST.replace(*title))
    changed = book.build()
    for page in REFERENCES:
        assert changed[page] != before[page], page
    assert changed == from_scratch(book)


def test_after_a_change_of_order_every_reference_is_updated(book):
    before = book.build()
    book.write("first", REST + FIGURE.format("one"))
    changed = book.build()
    for page in ("second", "to_figure", "to_inner"):
        assert changed[page] != before[page], page
    assert changed == from_scratch(book)


def test_a_changed_title_is_updated_on_every_page(book):
    book.write("first", FIRST, "Another title")
    changed = book.build()
    assert all("Another title" in html for html in changed.values())
    assert changed == from_scratch(book)


def test_a_changed_work_is_updated_on_every_page_that_cites_it(book):
    book.write("second", "\nSee :cite:t:`other, work`.\n")
    book.write("third", "\nNo work.\n")
    assert "Byron" in book.build()["second"]
    (book.root / "works.bib").write_text(WORK.format("Lovelace"))
    changed = book.build()
    assert "Lovelace" in changed["second"] and "third" not in book.written
    assert changed == from_scratch(book)
