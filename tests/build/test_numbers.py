"""Numbers and titles are those of a book built at once, wherever they are shown;
pages that did not change are neither read nor written for that.

It is Sphinx that numbers, reads and writes: these books are plain Sphinx's.
"""

from __future__ import annotations

import pickle
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
CONTENTS = """
.. toctree::
   :numbered:

   first
   second
   third

.. bibliography::
"""
WORK = """
@book{{work, author = {{Ada {0}}}, title = {{Notes}}, year = 1843,
  publisher = {{Taylor}}}}
@book{{other, author = {{Luigi Menabrea}}, title = {{Sketch}}, year = 1842,
  publisher = {{Taylor}}}}
"""


class Book:
    """Four pages for plain Sphinx with what the book adds to it."""

    def __init__(self, root: Path) -> None:
        self.root, self.written = root, []
        root.mkdir()
        picture = '<svg xmlns="http://www.w3.org/2000/svg"/>'
        (root / "picture.svg").write_text(picture)
        (root / "works.bib").write_text(WORK.format("Byron"))
        self.write("index", CONTENTS)
        self.write("first", FIRST)
        self.write("second", SECOND)
        self.write("third", FIGURE.format("three"))

    def write(self, page: str, text: str, title: str | None = None) -> None:
        title = title or f"The {page}"
        line = "=" * len(title)
        (self.root / f"{page}.rst").write_text(f"{title}\n{line}\n{text}")

    def build(self) -> dict[str, str]:
        """The HTML of each page; `written` says which ones were written."""
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
            for page in ("index", "first", "second", "third")
        }

    def _note(self, app: Sphinx, page: str, *_: object) -> None:
        self.written.append(page)


@pytest.fixture
def book(tmp_path) -> Book:
    book = Book(tmp_path / "book")
    book.build()  # sphinx_exercise's styles are there from the second time on
    shutil.rmtree(book.root / "trees")
    assert "Fig. 1.1" in book.build()["second"]
    return book


def test_a_page_that_did_not_change_is_not_read_to_number_the_figures(book):
    (book.root / "trees" / "third.doctree").write_bytes(b"no tree")
    book.write("second", SECOND + "More.")
    again = book.build()
    assert "More." in again["second"] and "Fig. 1.1" in again["second"]


def test_of_a_page_only_what_has_a_number_is_kept(book):
    path = book.root / "trees" / "environment.pickle"
    environment = pickle.loads(path.read_bytes())
    kept = pickle.dumps(environment.d2l_outlines)
    assert b"What is one and one?" in kept
    assert b"Nobody numbers this" not in kept


def test_a_changed_sentence_lets_no_page_that_refers_to_it_be_written(book):
    book.write("first", FIRST.replace("Nobody numbers", "Few number"))
    book.build()
    assert "first" in book.written
    assert not {"second", "third"} & set(book.written)


# What a page refers to, and a change of the page where that stands.
CHANGES = {
    "a figure more": (":numref:`fig_one`", FIGURE.format("zero") + FIRST),
    "the figure comes last": (
        ":numref:`fig_inner`",
        REST + FIGURE.format("one"),
    ),
    "an equation more": (
        ":eq:`eq_one`",
        "\n.. math:: c = d\n   :label: eq_zero\n" + FIRST,
    ),
    "a table more": (
        ":numref:`tab_one`",
        "\n.. list-table:: More\n   :name: tab_zero\n\n   * - 0\n" + FIRST,
    ),
    "a program more": (
        ":numref:`program`",
        "\n.. code-block:: python\n   :caption: More\n   :name: zero\n\n   0\n"
        + FIRST,
    ),
    "an exercise more": (
        ":ref:`ex_one`",
        "\n.. exercise::\n   :label: ex_zero\n\n   Why?\n" + FIRST,
    ),
    "a section's title": (
        ":ref:`sec_part`",
        FIRST.replace("A section\n---------", "A part\n------"),
    ),
    "a section more": (
        ":numref:`sec_part`",
        "\nOne more\n--------\n" + FIRST,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_the_site_is_that_of_a_book_built_at_once(book, change):
    reference, text = CHANGES[change]
    book.write("second", f"\nSee {reference}.\n")
    before = book.build()["second"]
    book.write("first", text)
    changed = book.build()
    assert changed["second"] != before
    shutil.rmtree(book.root / "trees")
    assert changed == book.build()


def test_after_a_change_of_a_title_every_page_names_it(book):
    book.write("first", FIRST, "Another title")
    changed = book.build()
    assert all("Another title" in html for html in changed.values())
    shutil.rmtree(book.root / "trees")
    assert changed == book.build()


def test_after_a_change_of_a_work_every_page_that_cites_it_says_so(book):
    book.write("second", "\nSee :cite:t:`other, work`.\n")
    book.write("third", "\nNo work.\n")
    assert "Byron" in book.build()["second"]
    (book.root / "works.bib").write_text(WORK.format("Lovelace"))
    changed = book.build()
    assert "Lovelace" in changed["second"] and "third" not in book.written
    shutil.rmtree(book.root / "trees")
    assert changed == book.build()
