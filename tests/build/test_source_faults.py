"""A fault in a source is reported with its line and a remedy."""

import itertools
import re

import bs4
import pytest
from myst_nb.core.read import is_myst_markdown_notebook
from support.tiny_book import HEADER, REPOSITORY, TinyBook, cell, standard

from bookbuild import page as split
from bookbuild.build import Book
from bookbuild.errors import SourceError



def tabs(*frameworks: str) -> str:
    """Return a tab set with a tab for each framework."""
    shown = "".join(
        f":::{{tab-item}} T\n:sync: {framework}\nWords.\n:::\n"
        for framework in frameworks
    )
    return f"::::{{tab-set}}\n:sync-group: framework\n\n{shown}::::\n"


def test_a_page_is_a_notebook_if_and_only_if_myst_nb_agrees():
    starts = ("---\n", "----\n", "--\n", "\n---\n", "")
    insides = (
        "file_format: mystnb\n", "jupytext:\n  formats: md:myst\n", "a: [\n",
        "", "jupytext:\n  text_representation:\n    format_name: myst\n",
    )  # fmt: skip
    endings = ("---\n", "...\n", "--- \n", "", "--\n---\n")
    answers = set()
    for header in itertools.product(starts, insides, endings):
        text = f"{''.join(header)}# Title\n\n---\n\nfile_format: mystnb\n"
        answer = split.is_notebook(text)
        assert answer is is_myst_markdown_notebook(text), header
        answers.add(answer)
    assert answers == {True, False}


# The text of a page below its title, which is in line 12, the line of the fault, and the
# message. Sphinx finds these faults, and reports all at once. The faults that are found
# when a page is read are in tests/unit/test_source_checks.py.
FAULTS = {
    "a section's label twice": (
        "(sec_a)=\n## A\n\n(sec_a)=\n## B", 17, "Duplicate explicit target name",
    ),
    "an equation's label twice": (
        "$$a$$ (eq_a)\n\n$$b$$ (eq_a)", 16, "duplicate label of equation eq_a",
    ),
    "a reference to nothing": (
        "Words.\n\nSee {ref}`sec_none`.", 16, "undefined label: 'sec_none'",
    ),
    "a reference to no figure": (
        "Words.\n\nSee {numref}`fig_none`.", 16, "undefined label: 'fig_none'",
    ),
    "a reference to no equation": (
        "Words.\n\nSee {eq}`eq_none`.", 16, "equation not found: eq_none",
    ),
    "a citation of nothing": (
        "Words.\n\nSee {cite:t}`None1999`.", 16, "None1999",
    ),
    "a link to a page that is not there": (
        "Words.\n\nSee [it](nowhere.md).", 16, "'nowhere.md'",
    ),
    "a picture that is not there": (
        "Words.\n\n![It](nowhere.png)", 16, "image file not readable",
    ),
    "a directive that is not known": (
        "Words.\n\n```{nothing}\nWords.\n```", 16, "Unknown directive type: 'nothing'",
    ),
    "a role that is not known": (
        "Words.\n\nSee {nothing}`it`.", 16, "Unknown interpreted text role",
    ),
}  # fmt: skip


def message(tiny: TinyBook) -> str:
    """Return the message for a fault that is found when pages are read."""
    with pytest.raises(SourceError) as raised:
        Book(tiny.root).pages()
    return str(raised.value)


def test_faults_that_sphinx_finds_are_reported_with_their_lines_at_once(tiny):
    """Put each fault on its own page, so that one build finds all of them."""
    names = [f"page-{number}" for number in range(len(FAULTS))]
    tiny.write("Words.")
    contents = "".join(f"- file: chapters/tiny/{name}\n" for name in names)
    (tiny.root / "_toc.yml").write_text(
        f"format: jb-book\nroot: chapters/tiny/page\nchapters:\n{contents}"
    )
    for name, (text, _, _) in zip(names, FAULTS.values()):
        path = tiny.page.with_name(f"{name}.md")
        path.write_text(f"{HEADER}\n# Tiny\n\n{text}\n")
    failed = tiny.build("book")
    assert failed.returncode == 1
    told = re.sub(r"\x1b\[[0-9;]*m", "", failed.stderr)
    for name, (fault, (_, line, said)) in zip(names, FAULTS.items()):
        mine = [t for t in told.splitlines() if f"tiny/{name}.md:{line}: " in t]
        assert any(re.search(said, one) for one in mine), (fault, mine, told)


def test_a_value_that_no_cell_computes_is_reported_with_its_line(tiny):
    tiny.write(cell("a = 1") + "\nWords.\n\nIt is {eval}`b`.\n")
    failed = tiny.build("book")
    assert failed.returncode == 1
    expected = "chapters/tiny/page.md:20: Alpha, {eval}`b`: NameError: "
    assert expected in failed.stderr


def test_a_value_in_the_title_of_a_box_is_reported_with_its_line(tiny):
    tiny.write(cell("a = 1") + "\n:::{admonition} It is {eval}`a`\nWords.\n:::\n")
    failed = tiny.build("book")
    assert failed.returncode == 1
    assert re.search(r"page\.md:\d+: `a` has no value from Alpha", failed.stderr)


def test_an_exercise_label_that_is_used_twice_is_reported(tiny):
    tiny.write(2 * "```{exercise}\n:label: ex_a\nWords.\n```\n\n")
    failed = tiny.build("book")
    assert failed.returncode == 1
    assert "duplicate label: ex_a" in failed.stderr


def test_a_label_on_two_pages_is_reported(tiny):
    tiny.page.write_text(f"{HEADER}\n(sec_a)=\n# Tiny\n")
    tiny.add_page("other", "(sec_a)=\n# Other\n")
    failed = tiny.build("book")
    assert failed.returncode == 1
    assert re.search(r"duplicate label:? sec_a, other instance in", failed.stderr)


def test_a_page_outside_the_table_of_contents_is_reported(tiny):
    tiny.write(cell("1"))
    path = tiny.add_page("other", "# Other\n")
    (tiny.root / "_toc.yml").write_text("root: chapters/tiny/page\n")
    told = message(tiny)
    assert f"{path}: this page is not in _toc.yml, so" in told
    assert "`- file: chapters/tiny/other`" in told


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("_config.yml", None, "is missing; restore it with git checkout"),
        ("_config.yml", "title: [a\nb: 1", r":1: .*not valid YAML.*close"),
        ("_config.yml", "", ":1: this file must be lines of .*not empty"),
        ("_config.yml", "author: A", "add `title: ...`"),
        ("_config.yml", "title: A\nexecute: {timeout: soon}", "not 'soon'"),
        ("_config.yml", "title: A\nexecute: {timeout: 0}", "at least 1, not 0"),
        ("_config.yml", "title: A\nrepository: here", "contain `url: ...`.*'here'"),
        (
            "_config.yml", "title: A\nrepository: {url: 'not an address'}",
            "is not the address of a repository; write `url: https",
        ),
        ("_toc.yml", None, "is missing; restore it with git checkout"),
        ("_toc.yml", "root: [", r":1: .*not valid YAML"),
        ("_toc.yml", "chapters: []", "_toc.yml: 'root' key not found"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_reported(tiny, file, text, said):
    tiny.write(cell("1"))
    path = tiny.root / file
    path.unlink() if text is None else path.write_text(text)
    assert re.search(said, message(tiny))


def test_jupyterlabs_backup_of_a_page_is_not_a_page(tiny):
    tiny.write(cell("1"))
    backup = tiny.page.parent / ".ipynb_checkpoints" / "page-checkpoint.md"
    backup.parent.mkdir()
    backup.write_text(tiny.page.read_text())
    assert [page.name for page in Book(tiny.root).pages()] == ["tiny/page"]


def test_a_file_with_an_underscore_is_not_a_page_and_can_be_included(tiny):
    part = tiny.page.parent / "_parts" / "note.md"
    part.parent.mkdir()
    part.write_text("An included sentence.\n")
    tiny.write(f"```{{include}} _parts/note.md\n```\n\n{cell('1')}")
    assert "An included sentence." in tiny.html()
    assert "An included sentence." in tiny.prose()


def test_a_fault_is_reported_once_and_nothing_is_executed_or_changed(tiny_copy):
    book = tiny_copy(standard)
    before = book.site_files(), book.notebook_files()
    book.edit("Words.", "See {ref}`sec_none`.")
    book.edit("a = 1", "a = 2")
    failed = book.build("book")
    assert failed.returncode == 1
    assert "executed" not in failed.stdout
    assert failed.stderr.count("undefined label: 'sec_none'") == 1
    assert (book.site_files(), book.notebook_files()) == before


# A page whose name has a space and accents, and one whose lines end in CR LF.

ODD = "pâge né"
DRAW = (
    "from IPython.display import SVG\n"
    'SVG(\'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>\')'
)


def odd_pages(tiny: TinyBook) -> None:
    tiny.configure(repository={"url": REPOSITORY, "branch": "main"})
    text = (
        f"{HEADER}\n(sec_crlf)=\n# Tiny\n\nSee {{ref}}`sec_odd` and "
        "{numref}`fig_odd`, {eq}`eq_a`.\n\n$$\na\n$$ (eq_a)\n\n"
        + cell("text = '''x\ny'''")
        + "\nIt is {eval}`len(text)`.\n\n"
        + tabs("alpha", "beta")
    )
    tiny.page.write_bytes(text.replace("\n", "\r\n").encode())
    shown = {"figure": {"caption": "Nothing.", "name": "fig_odd"}}
    tiny.add_page(
        ODD,
        f"{HEADER}\n(sec_odd)=\n# Odd\n\nSee {{ref}}`sec_crlf` and "
        "{numref}`fig_odd`.\n\n"
        + cell(DRAW, mystnb={**shown, "image": {"alt": "A square."}}),
    )


@pytest.fixture
def odd(tiny_built) -> TinyBook:
    return tiny_built(odd_pages)


def test_pages_may_have_windows_line_endings(odd):
    html = bs4.BeautifulSoup(odd.site.read_text(), "html.parser")
    assert "It is 3." in html.find("article").get_text()
    assert "\\r" not in odd.committed("alpha").read_text()


def test_a_page_has_the_same_cells_with_either_line_ending(tiny):
    text = f"{HEADER}\n# Tiny\n\n$$a$$ (eq_a)\n\n{cell('a = 1', 'alpha')}"
    text += cell("a = 2", "beta") + tabs("alpha", "beta")
    tiny.write("")
    frameworks = Book(tiny.root).frameworks
    pages = []
    for end in ("\n", "\r\n"):
        tiny.page.write_bytes(text.replace("\n", end).encode())
        pages.append(split.read_page(tiny.page, "tiny/page", frameworks))
    assert pages[0] == pages[1]


def test_the_name_of_a_page_may_have_spaces_and_accents(odd):
    site = odd.root / "_build" / "html"
    page = site / "chapters" / "tiny" / f"{ODD}.html"
    assert "A square." in page.read_text()
    address = "chapters/tiny/p%C3%A2ge%20n%C3%A9"
    for file in ("sitemap.xml", "sw.js", "_static/search-index.js"):
        assert f"{address}.html" in (site / file).read_text(), file
    for framework in ("alpha", "beta"):
        notebook = site / "notebooks" / framework / "tiny" / f"{ODD}.ipynb"
        assert notebook.exists()
    html = bs4.BeautifulSoup(odd.site.read_text(), "html.parser")
    [link] = (a for a in html.select("article a") if a.get_text() == "Odd")
    assert link["href"] == "p%C3%A2ge%20n%C3%A9.html#sec-odd"
    notebook = odd.committed("alpha").read_text()
    assert f"/{address}.html#sec-odd)" in notebook
