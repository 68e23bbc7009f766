"""Each edition shows hints, "Deeper" boxes, and the difficulty of exercises."""

from __future__ import annotations

import bs4
import pytest
from support.tiny_book import TinyBook, cell

from bookbuild import print_editions
from bookbuild.build import Book

PAGE = f"""\
:::{{admonition}} Deeper: Why *this* is so
:class: dropdown deeper

Depth.
:::

{cell("1")}

````{{exercise}} ★★ Count *parameters*
:label: ex_count

How many?

```{{dropdown}} Hint
Use **both** hands.
```
````

```{{solution}} ex_count
:class: dropdown
Ten.
```
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> TinyBook:
    tiny = TinyBook(tmp_path_factory.mktemp("folds") / "book")
    tiny.write(PAGE)
    tiny.render()
    return tiny


@pytest.fixture(scope="module")
def site(book) -> bs4.Tag:
    return bs4.BeautifulSoup(book.site.read_text(), "html.parser").article


@pytest.fixture(scope="module")
def epub(book, tmp_path_factory) -> bs4.Tag:
    folder = rendered(book, "epub", tmp_path_factory.mktemp("epub"))
    html = (folder / "chapters" / "tiny" / "page.xhtml").read_text()
    return bs4.BeautifulSoup(html, "html.parser")


def rendered(book: TinyBook, what: str, folder):
    source = Book(book.root)
    return print_editions.render(source, what, source.frameworks["alpha"], folder)


def grades(html: bs4.Tag) -> list[tuple[str, str]]:
    found = html.select("span[role=img].grade")
    return [(one["aria-label"], one.get_text()) for one in found]


def test_the_site_folds_deeper_boxes(site):
    box = site.select_one("details.deeper")
    assert not box.has_attr("open")
    assert str(box.summary) == "<summary>Deeper: Why <em>this</em> is so</summary>"
    assert "Depth." in box.get_text() and "Hint" not in box.get_text()


def test_the_site_folds_a_hint_inside_its_exercise(site):
    hint = site.select_one(".exercise details")
    assert hint.summary.get_text().strip() == "Hint"
    assert not hint.has_attr("open")


@pytest.mark.parametrize("edition", ["site", "epub"])
def test_screen_readers_say_the_difficulty_of_exercises(edition, request):
    html = request.getfixturevalue(edition)
    # On the site, a solution is only called "Solution", below its exercise.
    named = {"site": 1, "epub": 2}[edition]
    assert grades(html) == named * [("Difficulty 2 of 3:", "★★")]
    title = html.select_one(".exercise > .admonition-title")
    assert "(★★ Count parameters)" in title.get_text()


def test_the_epub_shows_boxes_and_hints_open(epub):
    assert not epub.select("details")
    assert "Depth." in epub.select_one("div.deeper").get_text()
    hint = epub.select_one(".exercise section > p:last-child")
    assert str(hint) == (
        "<p><strong>Hint.</strong> Use <strong>both</strong> hands.</p>"
    )


def test_the_pdf_shows_boxes_and_hints_open(book, tmp_path):
    tex = (rendered(book, "pdf", tmp_path) / "book.tex").read_text()
    assert r"\sphinxstylestrong{Hint.} Use \sphinxstylestrong{both} hands." in tex
    assert r"{Deeper: Why \sphinxstyleemphasis{this} is so}" in tex
