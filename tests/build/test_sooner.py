"""Other extensions process only what has changed, with the same results.

These are plain Sphinx books, without Jupyter Book and without kernels.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pybtex.database import Entry
from pybtex.plugin import find_plugin
from sphinx import highlighting
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import docutils_namespace, patch_docutils
from support import ROOT

from _ext import mathml, sooner

SETTINGS = """
extensions = ["_ext.sooner", "myst_nb", "sphinxcontrib.bibtex",
              "sphinxext.opengraph", "_ext.mathml"]
myst_enable_extensions = ["dollarmath"]
bibtex_bibfiles = ["works.bib"]
html_theme = "basic"
"""
WORKS = """
@book{ada, author = {Ada Byron}, title = {Notes}, publisher = {Taylor},
  year = 1843}
@book{luigi, author = {Luigi Menabrea}, title = {Sketch}, publisher = {Taylor},
  year = 1842}
"""
PAGE = """
# The page

A card shows a page's title and the first 160 characters of its text, with which
this paragraph is filled, so that what comes after it is on no card: nor is this.

It cites {cite}`ada` and {cite}`luigi`.

```{toctree}
list
```
"""
LIST = """
# Works

```{bibliography}
```
"""
CODE = """
```{code-block} python
:linenos:
one = 1
```

```{code-block} python
two = 2
```

The sum is $s$, or

$$s$$
"""
CELL = """---
file_format: mystnb
kernelspec:
  name: python3
---

# The page

```{code-cell}
1 + 1
```
"""
SLOW = """
import sys
from sphinx.cmd.build import main
assert main(["-q", "-W", ".", "out"]) == 0
print([n for n in ("matplotlib", "sqlalchemy") if n in sys.modules])
"""


class Book:
    """Two pages, one of which cites what the other lists."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if root.exists():
            return
        root.mkdir()
        self.write("conf.py", SETTINGS)
        self.write("works.bib", WORKS)
        self.write("index.md", PAGE)
        self.write("list.md", LIST)

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def build(self, **settings: str) -> None:
        out = self.root / "out"
        with patch_docutils(self.root), docutils_namespace():
            Sphinx(
                self.root, self.root, out, out / ".doctrees", "html", settings,
                status=None,
            ).build()  # fmt: skip

    def html(self, page: str = "list") -> str:
        return (self.root / "out" / f"{page}.html").read_text()

    def cards(self) -> set[Path]:
        return set((self.root / "out/_images/social_previews").iterdir())


@pytest.fixture
def formatted(monkeypatch) -> list[str]:
    """The works that are formatted."""
    works, real = [], sooner.formatted

    def note(style, label, entry, *rest):
        works.append(entry.key)
        return real(style, label, entry, *rest)

    monkeypatch.setattr(sooner, "formatted", note)
    return works


@pytest.fixture
def made(monkeypatch) -> list[str]:
    """The code that is highlighted and the formulas that are typeset."""
    sources = []
    color, typeset = highlighting.highlight, mathml.typeset

    def colored(source, *rest):
        sources.append(source)
        return color(source, *rest)

    def formula(tex, display):
        sources.append(f"$${tex}$$" if display else f"${tex}$")
        return typeset(tex, display)

    monkeypatch.setattr(highlighting, "highlight", colored)
    monkeypatch.setattr(mathml, "typeset", formula)
    return sources


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """A folder in which a book was built, and a copy of it."""
    folder = tmp_path_factory.mktemp("sooner")
    book, copy = folder / "book", folder / "copy"
    Book(book).build()
    shutil.copytree(book, copy)
    return book, copy


@pytest.fixture
def book(built) -> Book:
    """The built book, in the folder where Sphinx knows it."""
    book, copy = built
    shutil.rmtree(book)
    shutil.copytree(copy, book)
    return Book(book)


def test_a_work_is_formatted_once_for_its_list_and_citations(
    tmp_path, formatted
):
    sooner.WORKS.clear()
    Book(tmp_path / "book").build()
    assert sorted(formatted) == ["ada", "luigi"]


def test_after_a_changed_sentence_nothing_slow_is_imported(book):
    cards = book.cards()
    book.write("index.md", f"{PAGE}And more.")
    done = subprocess.run(
        [sys.executable, "-c", SLOW],
        cwd=book.root,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[]\n", done.stderr
    assert "And more." in book.html("index") and book.cards() == cards
    assert any(card.name in book.html("index") for card in cards)


def test_a_changed_title_gets_a_new_card(book):
    before = book.cards()
    book.write("index.md", PAGE.replace("# The", "# A"))
    book.build()
    [card] = book.cards() - before
    assert card.name in book.html("index")


def test_a_missing_card_is_drawn_again(book):
    [card] = [card for card in book.cards() if "index" in card.name]
    content = card.read_bytes()
    card.unlink()
    book.write("index.md", f"{PAGE}And more.")
    book.build()
    assert card.read_bytes() == content


def test_only_changed_works_are_formatted_again(book, formatted):
    book.write("index.md", f"{PAGE}And more.")
    book.build()
    assert not formatted
    book.write("works.bib", WORKS.replace("Byron", "Lovelace"))
    book.build()
    assert "ada" in formatted
    assert "Lovelace" in book.html() and "Menabrea" in book.html()


def test_two_works_with_the_same_key_are_both_formatted():
    style = find_plugin("pybtex.style.formatting", "plain")()
    for year in ("1842", "1843"):
        work = Entry("misc", {"title": "Notes", "year": year})
        work.key = "ada"
        assert year in str(sooner.format_entry(style, "1", work).text)


def test_another_citation_style_formats_all_works_again(book, formatted):
    book.write("list.md", LIST.replace("y}", "y}\n:style: unsrtalpha"))
    book.build()
    assert sorted(set(formatted)) == ["ada", "luigi"]


def test_only_new_code_is_highlighted_and_new_formulas_are_typeset(book, made):
    first = PAGE + CODE
    book.write("index.md", first)
    book.build()
    assert sorted(made) == ["$$s$$", "$s$", "one = 1", "two = 2"]
    made.clear()
    before = book.html("index")
    second = first.replace("two = 2", "two = 3").replace("$$s$$", "$$t$$")
    book.write("index.md", f"{second}And more.")
    book.build()
    assert sorted(made) == ["$$t$$", "two = 3"]
    made.clear()
    # What a page no longer contains is no longer kept.
    book.write("index.md", first)
    book.build()
    assert sorted(made) == ["$$s$$", "two = 2"]
    assert book.html("index") == before


def test_code_with_other_options_is_highlighted_again(book, made):
    book.write("index.md", PAGE + CODE)
    book.build()
    made.clear()
    book.write("index.md", PAGE + CODE.replace(":linenos:\n", ""))
    book.build()
    assert made == ["one = 1"]
    assert "linenos" not in book.html("index")
    made.clear()
    book.write("index.md", PAGE + CODE.replace("python\ntwo", "text\ntwo"))
    book.build()
    assert sorted(made) == ["one = 1", "two = 2"]


def test_a_spoiled_record_of_code_and_formulas_is_made_again(book, made):
    book.write("index.md", PAGE + CODE)
    book.build()
    before = book.html("index")
    for spoiled in ("", "{", "[1]"):
        made.clear()
        [kept] = (book.root / "out").rglob("made/index.json")
        kept.write_text(spoiled)
        book.write("index.md", f"{book.read('index.md')}\n")
        book.build()
        assert len(made) == 4
        assert book.html("index") == before


def test_myst_nb_is_kept_from_executing_cells_a_second_time(book):
    book.write("index.md", CELL)
    with pytest.raises(ExtensionError, match='leave `execute_notebooks: "off"`'):
        book.build(nb_execution_mode="force")
