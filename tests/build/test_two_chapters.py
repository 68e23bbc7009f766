"""The program works for other books, with several chapters and nested sections.

The numbers on the site and in the notebooks must agree.
"""

from __future__ import annotations

import re

import bs4
import pytest
import yaml
from support.tiny_book import HEADER, TinyBook, cell

CONTENTS = """
format: jb-book
root: start
parts:
  - caption: One
    numbered: true
    chapters:
      - file: chapters/one/index
        sections:
          - file: chapters/one/first
          - file: chapters/one/second
            sections:
              - file: chapters/one/deep
  - caption: Two
    numbered: true
    chapters:
      - file: chapters/two/index
        sections:
          - glob: chapters/two/page-*
      - url: https://example.org
        title: Elsewhere
"""
DRAW = (
    "from IPython.display import SVG\n"
    'SVG(\'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>\')'
)


def figure(name: str) -> str:
    shown = {"figure": {"caption": "A square.", "name": name}, "image": {"alt": "A."}}
    return cell(DRAW, mystnb=shown)


def numbered(label: str) -> str:
    """Return one of everything that has a number, and references to all."""
    return (
        f"$$ a $$ (eq:{label})\n\n"
        + f"```{{exercise}}\n:label: ex-{label}\nDo it.\n```\n\n"
        + f"```{{list-table}} Numbers\n:name: tab-{label}\n:header-rows: 1\n"
        + "* - a\n* - 1\n```\n\n"
        + figure(f"fig-{label}")
        + "\nHere are "
        + references(label)
        + ".\n\n"
    )


def references(label: str) -> str:
    return (
        f"{{eq}}`eq:{label}`, {{numref}}`ex-{label}`, {{numref}}`tab-{label}`, "
        f"{{numref}}`fig-{label}`"
    )


def pages() -> dict[str, str]:
    beta = HEADER.replace("jupytext:", "frameworks: beta\njupytext:", 1)
    return {
        "start": "(chap:start)=\n# Start\n\nGo to {ref}`sec_first`.\n",
        "chapters/one/index": "(chap:one)=\n# One\n\nWords.\n",
        "chapters/one/first": f"{HEADER}\n(sec_first)=\n# First\n\n{numbered('first')}"
        f"See {{ref}}`sec-second` and there {references('deep')}.\n",
        "chapters/one/second": f"{HEADER}\n(sec-second)=\n# Second\n\n"
        + numbered("second") + cell("a = 1", "alpha") + cell("a = 2", "beta"),
        "chapters/one/deep": f"{HEADER}\n(sec-deep)=\n# Deep\n\n{numbered('deep')}"
        f"See {references('two')} and {{numref}}`sec-second`.\n",
        "chapters/two/index": "(chap:two)=\n# Two\n\nWords.\n",
        "chapters/two/page-a": f"{beta}\n(sec-only)=\n# Only Beta\n\n"
        + numbered("two") + cell("b = 1"),
        "chapters/two/page-b": "# None\n\nNo code, but {ref}`sec-only`.\n",
    }  # fmt: skip


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> TinyBook:
    tiny = TinyBook(tmp_path_factory.mktemp("two") / "book")
    (tiny.root / "_toc.yml").write_text(CONTENTS)
    for name, text in pages().items():
        path = tiny.root / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    config = yaml.safe_load((tiny.root / "_config.yml").read_text())
    config["html"]["use_multitoc_numbering"] = True
    tiny.configure(**config)
    done = tiny.build("book")
    assert done.returncode == 0, done.stdout + done.stderr
    return tiny


def article(book: TinyBook, name: str) -> str:
    path = book.root / "_build" / "html" / f"{name}.html"
    html = bs4.BeautifulSoup(path.read_text(), "html.parser")
    return " ".join(html.find("article").get_text().split())


def prose(book: TinyBook, framework: str, name: str) -> str:
    folder, _, page = name.partition("/")
    path = book.root / "notebooks" / framework / folder / f"{page}.ipynb"
    cells = book.read_notebook(path)["cells"]
    text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] != "code")
    return re.sub(r"\]\(\S*?\)|[*\\\[]", "", text)


def page_of(book: TinyBook, name: str) -> bs4.BeautifulSoup:
    path = book.root / "_build" / "html" / f"{name}.html"
    return bs4.BeautifulSoup(path.read_text(), "html.parser")


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("chapters/one/first", "alpha beta"),
        ("chapters/two/page-a", "beta"),
        ("chapters/two/page-b", "alpha beta"),
    ],
)
def test_a_page_offers_its_own_frameworks_if_it_has_several(book, name, offered):
    page = page_of(book, name)
    assert page.html["data-frameworks"] == offered
    # Only a page with something to choose shows the choice.
    has_choice = bool(page.select("article [data-framework]"))
    assert bool(page.select(".choose-framework")) == has_choice
    for links in page.select(".launch-menu [data-framework]"):
        assert links["data-framework"] in offered


def test_the_contents_list_the_sections_of_the_current_chapter(book):
    contents = page_of(book, "chapters/one/deep").select_one("#contents")
    titles = [link.get_text().split()[-1] for link in contents.select("a")]
    assert titles[1:6] == ["One", "First", "Second", "Deep", "Two"]
    current = contents.select("[aria-current=page]")
    assert [link.get_text().split()[-1] for link in current] == ["Deep"]
    assert "Only" not in contents.get_text()


NUMBERS = r"\(\d[\d.]*\)|(?:Exercise|Table|Fig\.)\s\d[\d.]*\d|Section\s[\d.]*\d"


@pytest.mark.parametrize("name", ["one/first", "one/second", "one/deep"])
@pytest.mark.parametrize("framework", ["alpha", "beta"])
def test_the_site_and_the_notebooks_agree_number_for_number(book, name, framework):
    shown = re.search(r"Here are .*", article(book, f"chapters/{name}"))[0]
    said = re.search(r"Here are [\s\S]*", prose(book, framework, name))[0]
    numbers = [" ".join(n.split()) for n in re.findall(NUMBERS, shown)]
    assert len(numbers) >= 4
    assert [" ".join(n.split()) for n in re.findall(NUMBERS, said)] == numbers


def test_the_chapters_are_numbered_one_after_the_other(book):
    first, second = (
        re.search(r"Here are \(([\d.]+)\)", article(book, f"chapters/{name}"))[1]
        for name in ("one/first", "two/page-a")
    )
    assert first.startswith("1.") and second.startswith("2.")


def test_a_page_runs_only_in_the_frameworks_that_its_header_names(book):
    assert not (book.root / "notebooks/alpha/two/page-a.ipynb").exists()
    assert (book.root / "notebooks/beta/two/page-a.ipynb").exists()
    path = book.root / "_build/html/chapters/two/page-a.html"
    assert not bs4.BeautifulSoup(path.read_text(), "html.parser").select(".tabs")


def test_pages_outside_chapters_and_pages_found_by_a_pattern_are_in_the_site(book):
    assert "Go to First" in article(book, "start")
    assert "No code, but Only Beta" in article(book, "chapters/two/page-b")
