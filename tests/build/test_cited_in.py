"""The bibliography says where each work is cited, and links there."""

from __future__ import annotations

import bs4
import pytest
from support.tiny_book import TinyBook

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
  - file: chapters/tiny/works
"""
WORKS = "".join(
    f"@book{{{key}, author={{Ann {key}}}, title={{The {key}}}, publisher={{Press}}, year=2001}}\n"
    for key in ("One", "Two")
)
MAIN = """\
# Main

## First

By {cite:t}`One` and {cite:p}`One, Two`.

## Second

```{exercise} Read
:label: ex_read
See {cite:t}`One`.
```
"""


def with_works(tiny: TinyBook) -> None:
    (tiny.root / "_toc.yml").write_text(CONTENTS)
    (tiny.root / "chapters" / "references.bib").write_text(WORKS)
    tiny.write("By {cite:t}`One`.")
    tiny.page.with_name("main.md").write_text(MAIN)
    works = "# Works\n\n```{bibliography}\n```\n"
    tiny.page.with_name("works.md").write_text(works)


def places(tiny: TinyBook) -> list[list[tuple[str, str]]]:
    """Return the text and the address of the links of each work."""
    html = tiny.site.with_name("works.html").read_text()
    works = bs4.BeautifulSoup(html, "lxml").select(".citation")
    return [
        [(link.get_text(), link["href"]) for link in work.select(".cited-in a")]
        for work in works
    ]


@pytest.fixture
def book(tmp_path) -> TinyBook:
    tiny = TinyBook(tmp_path / "book")
    with_works(tiny)
    tiny.render()
    return tiny


def test_a_work_names_each_section_that_cites_it_once(book):
    one, two = places(book)
    assert [text for text, _ in one] == ["Tiny", "1.1", "1.2"]
    assert [text for text, _ in two] == ["1.1"]


def test_the_names_lead_to_the_citations(book):
    for text, address in places(book)[0]:
        path, _, name = address.partition("#")
        page = bs4.BeautifulSoup(book.site.with_name(path).read_text(), "lxml")
        assert "One" in page.find(id=name).get_text()


def test_a_new_citation_on_one_page_is_listed_on_another(book):
    main = book.page.with_name("main.md")
    main.write_text(MAIN.replace("See {cite:t}`One`", "See {cite:t}`Two`"))
    book.render()
    assert [[text for text, _ in work] for work in places(book)] == [
        ["Tiny", "1.1"],
        ["1.1", "1.2"],
    ]
