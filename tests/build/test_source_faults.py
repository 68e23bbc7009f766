"""A fault of the source is told with page, line and cure, and harms nothing."""

import hashlib
import re
from pathlib import Path

import bs4
import pytest
from myst_nb.core.read import is_myst_markdown_notebook
from support.tiny_book import HEADER, TinyBook, cell

from _ext import build, source, split
from _ext.build import Book, BuildError
from _ext.source import SourceError

RECORD = "from d2l_extras import record\n"


def tabs(*items: str, group: str = "framework") -> str:
    """A tab set with a tab for each framework named; "" is one without."""
    shown = "".join(
        f":::{{tab-item}} T\n{f':sync: {item}' if item else ''}\nWords.\n:::\n"
        for item in items
    )
    return f"::::{{tab-set}}\n:sync-group: {group}\n\n{shown}::::\n"


def figure(**settings: object) -> str:
    return cell("1", mystnb={"figure": settings})


@pytest.mark.parametrize("ending", ["---\n", "...\n", "--- \n", "", "--\n---\n"])
@pytest.mark.parametrize("start", ["---\n", "----\n", "--\n", "\n---\n", ""])
@pytest.mark.parametrize("inside", [
    "file_format: mystnb\n", "jupytext:\n  formats: md:myst\n", "a: [\n", "",
    "jupytext:\n  text_representation:\n    format_name: myst\n",
])  # fmt: skip
def test_a_page_is_a_notebook_where_myst_nb_finds_one(start, inside, ending):
    text = f"{start}{inside}{ending}# Title\n\n---\n\nfile_format: mystnb\n"
    assert source.is_notebook(text) is is_myst_markdown_notebook(text)


# The text of a page below its title, which stands in line 12; the line that
# has the fault; and what is said of it.
FAULTS = {
    "metadata in brackets that are not closed": (
        "```{code-cell} ipython3\n:tags: [alpha\n1\n```",
        15, "metadata of this cell is not valid YAML.*close brackets",
    ),
    "metadata with a colon": (
        "```{code-cell} ipython3\n---\nmystnb: See this: it\n---\n1\n```",
        16, "not valid YAML: mapping values.*put quotes around",
    ),
    "metadata that are not closed": (
        "```{code-cell} ipython3\n---\ntags: [alpha]\n1\n```",
        14, "metadata of this cell are not closed; write a line ---",
    ),
    "metadata that are a list": (
        "```{code-cell} ipython3\n---\n- alpha\n---\n1\n```",
        16, "must be lines of `name: value`, not a list",
    ),
    "tags that are no list": (
        "```{code-cell} ipython3\n:tags: alpha\n1\n```",
        14, r"as in `tags: \[hide-input\]`, not 'alpha'",
    ),
    "a figure that is text": (
        cell("1", mystnb={"figure": "A caption."}),
        14, "mystnb: figure of this cell must hold lines of .*caption",
    ),
    "a caption that is a number": (
        figure(caption=3), 14, "caption of this cell must be text, not 3",
    ),
    "a figure that is not named as one": (
        figure(caption="A.", name="plot"), 14, "begins with fig_.*'plot'",
    ),
    "a cell that is not closed": (
        "```{code-cell} ipython3\na = 1\n\nWords.",
        14, "{code-cell} is not closed; write ``` where it ends",
    ),
    "a cell that is not closed before the next": (
        "```{code-cell} ipython3\na = 1\n\n" + cell("b = 2"),
        14, "{code-cell} is not closed before line 17",
    ),
    "a directive that is not closed": (
        ":::{note}\nWords.", 14, "{note} is not closed; write ::: where it",
    ),
    "a directive that is not closed before a cell": (
        "```{note}\nWords.\n\n" + cell("b = 2"),
        14, "{note} is not closed before line 17",
    ),
    "a tab that is not closed": (
        "::::{tab-set}\n\n:::{tab-item} T\nWords.\n\n::::",
        16, "{tab-item} is not closed; write :::",
    ),
    "code that is not closed": (
        "```python\n1\n\n" + cell("b = 2"), 14, "fence is not closed before",
    ),
    "an equation that is not closed": (
        "$$\na = 1\n\nWords.\n\n$$\nb = 1\n$$",
        14, "equation is not closed; write [$][$] where",
    ),
    "a cell inside another block": (
        "````{note}\n" + cell("1") + "````", 15, "must not stand inside",
    ),
    "an unknown framework": (
        cell("1", "gamma"), 15, r"unknown tag 'gamma'.*framework \(alpha, beta",
    ),
    "a tab without its twin": (
        tabs("alpha"), 14, "have none for beta; write one beside",
    ),
    "a tab of an unknown framework": (
        tabs("alpha", "gamma"), 21, "name of a framework .*not 'gamma'",
    ),
    "a tab of no framework": (
        tabs("alpha", ""), 21, "needs `:sync:` and the name of a framework",
    ),
    "two tabs of a framework": (
        tabs("alpha", "beta", "beta"), 21, "no other tab of the set has",
    ),
    "tabs of frameworks that are in no group": (
        tabs("alpha", "beta", group="other"), 14, "write `:sync-group: frame",
    ),
    "an exercise without a label": (
        "```{exercise} Title\nWords.\n```", 14, "write `:label: ex_...`",
    ),
    "a section's label twice": (
        "(sec_a)=\n## A\n\n(sec_a)=\n## B",
        17, "label 'sec_a' is that of line 14 of chapters/tiny/page.md",
    ),
    "an equation's label twice": (
        "$$a$$ (eq_a)\n\n$$b$$ (eq_a)", 16, "'eq_a' is that of line 14",
    ),
    "a figure's name twice": (
        2 * figure(caption="A.", name="fig_a"), 28, "'fig_a' is that of line",
    ),
    "an exercise's label twice": (
        2 * "```{exercise}\n:label: ex_a\nWords.\n```\n\n",
        20, "'ex_a' is that of line 15",
    ),
    "a reference to nothing": (
        "Words.\n\nSee {ref}`sec_none`.", 16, "nothing is labeled 'sec_none'",
    ),
    "markup that notebooks do not know": (
        "Words.\n\n```{epigraph}\nWords.\n```", 16, "unknown to notebooks",
    ),
}  # fmt: skip


def fail(*_: object, **__: object) -> None:
    pytest.fail("a cell of a faulty page was executed")


def message(tiny: TinyBook) -> str:
    """What a build says of a fault that it finds before it executes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "execute", fail)
        with pytest.raises((SourceError, BuildError)) as raised:
            build.make_notebooks(Book(tiny.root), renew=False)
    return str(raised.value)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_its_line_before_anything_is_executed(tiny, fault):
    text, line, said = FAULTS[fault]
    tiny.page.write_text(f"{HEADER}\n# Tiny\n\n{text}\n")
    (told,) = message(tiny).splitlines()
    assert re.match(rf"\S*chapters/tiny/page\.md:{line}: ", told), told
    assert re.search(said, told), told


@pytest.mark.parametrize(
    ("header", "line", "said"),
    [
        (HEADER.replace("spec:", "spec: [a"), 6, "not valid YAML.*brackets"),
        (HEADER.removesuffix("---\n"), 1, "header of this page is not closed"),
        ("---\ntitle: A\n---\n", 8, "needs the header of a notebook"),
        ("", 5, "needs the header of a notebook"),
    ],
    ids=["invalid", "not closed", "of no notebook", "missing"],
)
def test_a_header_that_makes_no_notebook_of_a_page_is_told(
    tiny, header, line, said
):
    tiny.page.write_text(f"{header}\n# Tiny\n\n\n{cell('1')}")
    told = message(tiny)
    assert f"page.md:{line}: " in told and re.search(said, told), told


def second_page(tiny: TinyBook, name: str, text: str) -> Path:
    """A further page of a tiny book, in its table of contents."""
    toc = tiny.root / "_toc.yml"
    toc.write_text(
        "format: jb-book\nroot: chapters/tiny/page\nchapters:\n"
        f"- file: chapters/tiny/{name}\n"
    )
    path = tiny.page.with_name(f"{name}.md")
    path.write_text(text)
    return path


def test_a_label_on_two_pages_is_told_with_both_lines(tiny):
    tiny.page.write_text(f"{HEADER}\n(sec_a)=\n# Tiny\n")
    second_page(tiny, "other", "(sec_a)=\n# Other\n")
    assert message(tiny).startswith(
        "chapters/tiny/other.md:1: the label 'sec_a' is that of line 12 of "
        "chapters/tiny/page.md already; choose another"
    )


def test_a_page_that_no_reader_would_find_is_told(tiny):
    tiny.write(cell("1"))
    path = second_page(tiny, "other", "# Other\n")
    (tiny.root / "_toc.yml").write_text("root: chapters/tiny/page\n")
    told = message(tiny)
    assert f"{path}: no reader would find this page: name it in" in told
    assert "`- file: chapters/tiny/other`" in told


def test_what_jupyterlab_keeps_of_a_page_is_no_page(tiny):
    tiny.write(cell("1"))
    copy = tiny.page.parent / ".ipynb_checkpoints" / "page-checkpoint.md"
    copy.parent.mkdir()
    copy.write_text(tiny.page.read_text())
    assert "Tiny" in tiny.html()
    assert not list((tiny.root / "_build" / "html").rglob("*checkpoint*"))


def test_a_page_that_does_not_exist_is_told_with_its_line(tiny):
    tiny.write(cell("1"))
    second_page(tiny, "other", "").unlink()
    told = message(tiny)
    assert "_toc.yml:4: there is no page chapters/tiny/other.md" in told


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("_config.yml", None, "is missing: restore it with git checkout"),
        ("_config.yml", "title: [a\nb: 1", r":1: .*not valid YAML.*close"),
        ("_config.yml", "", ":1: this file must be lines of .*not empty"),
        ("_config.yml", "author: A", "write the book's `title: ...`"),
        ("_config.yml", "title: A\nexecute: {timeout: soon}", "not 'soon'"),
        ("_config.yml", "title: A\nrepository: here", "hold `url`.*'here'"),
        ("_toc.yml", None, "is missing: restore it with git checkout"),
        ("_toc.yml", "root: [", r":1: .*not valid YAML"),
        ("_toc.yml", "chapters: []", "_toc.yml: 'root' key not found"),
        ("chapters/references.bib", "@book{a, title = {x", "bib: .*line 1"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_told(tiny, file, text, said):
    tiny.write(cell("1"))
    path = tiny.root / file
    path.unlink() if text is None else path.write_text(text)
    assert re.search(said, message(tiny))


def test_a_page_in_another_encoding_is_told_with_its_line(tiny):
    tiny.page.write_bytes(f"{HEADER}\n# Tiny\n\nÉ\n".encode("latin-1"))
    assert "page.md:14: the byte 0xc9 is not UTF-8; save" in message(tiny)


@pytest.mark.parametrize(
    "text",
    [
        cell(RECORD + "record('a', 1)")
        + "\nWords.\n\n"
        + cell("record('a', 2)"),
        cell(RECORD + "record('a', 1)") + "\nWords.\n\nIt is {result}`b`.\n",
    ],
    ids=["recorded twice", "not recorded"],
)
def test_what_only_execution_shows_is_told_with_its_line(tiny, text):
    tiny.write(text)
    with pytest.raises(BuildError) as raised:
        build.make_notebooks(Book(tiny.root), renew=False)
    told = str(raised.value)
    line = "22: Alpha, code cell 2 of 2" if "2)" in text else "21: {result}`b`"
    assert f"chapters/tiny/page.md:{line}" in told
    assert ("name of its own" in told) or ("calls record('b', ...)" in told)


def test_a_longer_fence_holds_a_shorter_one(tiny):
    # What is right must not be refused.
    text = (
        "````markdown\n```{note}\nWords.\n````\n\n$$a$$ (eq_a)\n\n"
        "::::{note}\n:::{tip}\n~~~\n$$\n~~~\n:::\n\n$$\nb\n$$\n::::\n\n"
        "`````{note}\n````{tip}\n```\n:::\n```\n````\n`````\n"
    )
    frameworks = Book(tiny_with(tiny, text).root).frameworks
    source.check(tiny.page.read_text(), tiny.page, frameworks)


def tiny_with(tiny: TinyBook, text: str) -> TinyBook:
    tiny.write(text)
    return tiny


# A page whose name has a space and accents, and one whose lines end in CR LF.

ODD = "pâge né"
DRAW = (
    "from IPython.display import SVG\n"
    'SVG(\'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>\')'
)


@pytest.fixture(scope="module")
def odd(tiny_of_module: TinyBook) -> TinyBook:
    """A built book of such pages."""
    tiny = tiny_of_module
    text = (
        f"{HEADER}\n(sec_crlf)=\n# Tiny\n\nSee {{ref}}`sec_odd` and "
        "{numref}`fig_odd`, {eq}`eq_a`.\n\n$$\na\n$$ (eq_a)\n\n"
        + cell(RECORD + "text = '''x\ny'''\nrecord('length', len(text))")
        + "\nIt is {result}`length`.\n\n"
        + tabs("alpha", "beta")
    )
    tiny.page.write_bytes(text.replace("\n", "\r\n").encode())
    shown = {"figure": {"caption": "Nothing.", "name": "fig_odd"}}
    second_page(
        tiny, ODD,
        f"{HEADER}\n(sec_odd)=\n# Odd\n\nSee {{ref}}`sec_crlf` and "
        "{numref}`fig_odd`.\n\n"
        + cell(DRAW, mystnb={**shown, "image": {"alt": "A square."}}),
    )  # fmt: skip
    done = tiny.build("book")
    assert done.returncode == 0, done.stdout + done.stderr
    return tiny


def test_lines_may_end_as_windows_ends_them(odd):
    html = bs4.BeautifulSoup(odd.site.read_text(), "html.parser")
    assert "It is 3." in html.find("article").get_text()
    node = (odd.root / "notebooks/alpha/tiny/page.ipynb").read_text()
    assert "\\r" not in node


def test_a_page_has_the_same_cells_however_its_lines_end(tiny):
    text = f"{HEADER}\n# Tiny\n\n$$a$$ (eq_a)\n\n{cell('a = 1', 'alpha')}"
    text += cell("a = 2", "beta") + tabs("alpha", "beta")
    frameworks = Book(tiny_with(tiny, "").root).frameworks
    pages = []
    for end in ("\n", "\r\n"):
        tiny.page.write_bytes(text.replace("\n", end).encode())
        pages.append(split.read(tiny.page, "tiny/page", frameworks))
    assert pages[0] == pages[1]


def test_a_name_with_a_space_and_accents_is_a_page_like_any(odd):
    site = odd.root / "_build" / "html"
    page = site / "chapters" / "tiny" / f"{ODD}.html"
    assert "A square." in page.read_text()
    address = "chapters/tiny/p%C3%A2ge%20n%C3%A9"
    for file in ("sitemap.xml", "sw.js", "_static/search-index.js"):
        assert f"{address}.html" in (site / file).read_text(), file
    for framework in ("alpha", "beta"):
        assert (
            site / "notebooks" / framework / "tiny" / f"{ODD}.ipynb"
        ).exists()
    html = bs4.BeautifulSoup(odd.site.read_text(), "html.parser")
    (link,) = (a for a in html.select("article a") if a.get_text() == "Odd")
    assert link["href"] == "p%C3%A2ge%20n%C3%A9.html#sec-odd"
    notebook = odd.committed("alpha").read_text()
    assert f"/{address}.html#sec-odd)" in notebook


def test_a_fault_leaves_site_and_notebooks_as_they_were(odd, capsys):
    def digest() -> str:
        found = hashlib.sha256()
        for folder in ("_build/html", "notebooks"):
            for path in sorted((odd.root / folder).rglob("*")):
                if path.is_file():
                    found.update(f"{path}".encode() + path.read_bytes())
        return found.hexdigest()

    before, text = digest(), odd.page.read_text()
    odd.page.write_text(f"{text}\n```{{note}}\nWords.\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", "")
        status = build.main(["book", "--root", str(odd.root)])
    odd.page.write_bytes(text.replace("\n", "\r\n").encode())
    assert status == 1
    assert "{note} is not closed" in capsys.readouterr().err
    assert digest() == before
