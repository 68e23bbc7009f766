"""Numbers in the appendix have the letter of their page, in every edition."""

from __future__ import annotations

import re

import bs4
import pytest
from support.tiny_book import HEADER, TinyBook, cell

from bookbuild import print_editions
from bookbuild.build import Book

CONTENTS = """\
format: jb-book
root: chapters/tiny/page
parts:
- caption: Chapter
  numbered: true
  chapters:
  - file: chapters/tiny/main
- caption: Appendix
  chapters:
  - file: chapters/tiny/proof
  - file: chapters/tiny/words
  - file: chapters/tiny/tables
"""


def page(name: str) -> str:
    return f"""{HEADER}
# The {name}

$$ x = 1 $$ (eq_{name})

$$ x = 2 $$ (eq_{name}_next)

```{{list-table}} A table
:name: tab_{name}
* - a
  - b
```

```{{exercise}} Count
:label: ex_{name}
How many?
```

{cell("1")}
By {references(name)}.
"""


def references(name: str) -> str:
    return f"{{eq}}`eq_{name}_next`, {{numref}}`tab_{name}`, {{numref}}`ex_{name}`"


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> TinyBook:
    tiny = TinyBook(tmp_path_factory.mktemp("appendix") / "book")
    (tiny.root / "_toc.yml").write_text(CONTENTS)
    names = ("main", "proof", "tables")
    for name in names:
        tiny.page.with_name(f"{name}.md").write_text(page(name))
    tiny.page.with_name("words.md").write_text("# Words\n\nNothing is numbered.\n")
    tiny.write(
        "$$ x = 0 $$ (eq_start)\n\nBy {eq}`eq_start`.\n\n"
        + "\n\n".join(f"By {references(name)}." for name in names)
    )
    tiny.render()
    return tiny


def numbers(text: str) -> list[str]:
    """Return the numbers in the sentences that refer to something."""
    found = re.findall(r"By (.*?)\.(?!\d)", " ".join(text.split()))
    return [re.sub(r"[\[\]()]|Table |Exercise |\S*://\S*", "", one) for one in found]


def text_of(book: TinyBook, name: str) -> str:
    html = book.site.with_name(f"{name}.html").read_text()
    return bs4.BeautifulSoup(html, "html.parser").find("article").get_text()


EXPECTED = {
    "main": "1.2, 1.1, 1.1",
    "proof": "A.2, A.1, A.1",
    "tables": "B.2, B.1, B.1",
}


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items())
def test_references_on_a_page_have_its_letter(book, name, expected):
    assert numbers(text_of(book, name)) == [expected]


def test_other_pages_refer_to_the_same_numbers(book):
    assert numbers(text_of(book, "page")) == ["1", *EXPECTED.values()]


@pytest.mark.parametrize("name", ["proof", "tables"])
def test_numbered_items_show_their_numbers(book, name):
    letter = EXPECTED[name][0]
    text = " ".join(text_of(book, name).split())
    for shown in (f"({letter}.1)", f"Table {letter}.1 A table", f"Exercise {letter}.1"):
        assert shown in text


def test_the_link_to_the_next_page_says_that_the_appendix_begins(book):
    html = book.site.with_name("main.html").read_text()
    link = bs4.BeautifulSoup(html, "html.parser").select_one(".neighbors .next")
    assert link.get_text().split() == "Next Appendix A · The proof".split()


def test_the_notebook_has_the_numbers_of_the_site(book):
    prose = book.prose(page="proof")
    assert r"\tag{A.1}" in prose and r"\tag{A.2}" in prose
    assert "**Table A.1.**" in prose and "**Exercise A.1**" in prose
    assert "By (A.2), Table A.1, Exercise A.1." in prose.replace("\xa0", " ")


def test_the_epub_has_the_numbers_of_the_site(book, tmp_path):
    source = Book(book.root)
    folder = print_editions.render(
        source, "epub", source.frameworks["alpha"], tmp_path
    )
    html = (folder / "chapters" / "tiny" / "proof.xhtml").read_text()
    text = bs4.BeautifulSoup(html, "html.parser").get_text()
    assert numbers(text) == [EXPECTED["proof"]]


def test_building_again_writes_no_page_of_the_appendix(book):
    path = book.site.with_name("proof.html")
    before = path.stat().st_mtime_ns, path.read_text()
    book.edit("By {eq}`eq_start`.", "By now, {eq}`eq_start`.")
    book.render()
    assert (path.stat().st_mtime_ns, path.read_text()) == before


def test_the_pdf_links_to_the_exercises_of_other_sections(book, tmp_path):
    source = Book(book.root)
    folder = print_editions.render(
        source, "pdf", source.frameworks["alpha"], tmp_path
    )
    tex = (folder / "book.tex").read_text()
    links = re.findall(r"\\hyperref\[exercise:(\w+)\]\{(.*?)\}", tex)
    assert links.count(("ex_proof", "Exercise A.1")) == 2  # one from the first page
    for label, _ in links:
        assert rf"\begin{{bookexercise}}{{exercise:{label}}}" in tex
