"""A fault in a page's text is reported with its line and a fix."""

import re
from pathlib import Path

import pytest
from support.tiny_book import HEADER, TinyBook, cell

from bookbuild import frameworks, page, settings
from bookbuild.errors import SourceError

PATH = Path("page.md")
START = HEADER.count("\n") + 4  # the line that a page's text begins in


@pytest.fixture
def check(tmp_path):
    """Return a function that checks the text of a page below its title."""
    TinyBook(tmp_path / "book")
    both = frameworks.load(tmp_path / "book")

    def check(text: str, header: str = HEADER) -> None:
        page.parse_page(f"{header}\n# Title\n\n{text}", PATH, "page", both)

    return check


def tabs(*keys: str, options: str = ":sync-group: framework\n") -> str:
    items = [f":::{{tab-item}} T\n:sync: {key}\nWords.\n:::\n" for key in keys]
    return f"::::{{tab-set}}\n{options}\n{''.join(items)}::::\n"


GOOD = {
    "a cell with tags": cell("1", "hide-input", "raises-exception"),
    "a cell with options in a line": (
        "```{code-cell} ipython3\n:tags: [hide-input]\n:mystnb: {}\n\n1\n```"
    ),
    "a cell with empty options": "```{code-cell} ipython3\n---\n\n---\n1\n```",
    "an empty cell": "```{code-cell} ipython3\n```",
    "a figure with all settings": cell(
        "1",
        mystnb={
            "figure": {"caption": "A.", "name": "fig_a1"},
            "image": {"alt": "Words."},
        },
    ),
    "a figure without a name": cell("1", mystnb={"figure": {"caption": "A."}}),
    "a figure that is empty": cell("1", mystnb={"figure": None}),
    "tabs of both frameworks": tabs("alpha", "beta"),
    "tabs in another order": tabs("beta", "alpha"),
    "tabs of something else": tabs("linux", "macos", options=""),
    "colon fences with code in their titles": (
        ":::{admonition} Using `code`\nWords.\n:::\n\n"
        ":::{dropdown} See {ref}`sec_a`\nWords.\n:::"
    ),
    "an exercise without a label": "```{exercise}\nWords.\n```",
    "roles in code and comments": (
        "`{ref}`sec_none``\n\n% {ref}`sec_none`\n\n    {ref}`sec_none`\n\n"
        "<!-- {ref}`sec_none` -->"
    ),
    "all tags of Jupyter Book": cell("1", "remove-cell", "skip-execution", "margin"),
    "a tag of another book": cell("1", "my-own-tag"),
    "a figure with a hyphen in its name": cell(
        "1", mystnb={"figure": {"name": "fig-a"}}
    ),
    "an exercise with a label": "```{exercise} A\n:label: ex_a\nWords.\n```",
    "code that looks like a directive": "```\n```{note}\n```".replace(
        "```{", "~~~{"
    ),
    "a fence inside verbatim code": "````python\n```{code-cell}\n1\n```\n````",
    "an equation in one line": "$$a = 1$$ (eq_a)",
    "an equation in several lines": "$$\na = 1\n$$\n\n$$b$$",
    "an equation that begins with an empty line": "$$\n\na = 1\n\n$$",
    "an equation that ends behind its text": "$$\na = 1 $$ (eq_a)",
    "blocks in blocks": (
        "::::{note}\n\n:::{tip}\nWords.\n\n$$\na\n$$\n:::\n\n::::"
    ),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_a_good_page_is_accepted(check, text):
    check(text)


# The text, the line of the fault in it, counted from 0, and the message.
FAULTS = {
    "a value above all code": ("It is {eval}`a`.\n\n" + cell("a = 1"), 0,
        "{eval}`a` has no code cell above it"),
    "a value that is no expression": (cell("a = 1") + "\n- {eval}`a b`", 4,
        "{eval}`a b` is not valid; write a Python expression"),
    "a fence that is not closed": ("Words.\n\n:::{note}\nWords.", 2,
        "the fence of {note} is not closed; write ::: where it ends"),
    "a fence that is closed by a longer one with a name": (
        "```{note}\nWords.\n````{tip}\n````", 0,
        "{note} is not closed before line %d, '````{tip}'; write ``` where it"),
    "text between colons, which is a fence": (
        "::: what is that :::\n\nWords.", 0, "this fence is not closed"),
    "code that is not closed": ("~~~\na", 0, "this fence is not closed"),
    "an inner fence that is not closed": (
        "::::{note}\n:name: a\n\n:::{tip}\nWords.\n\n::::", 3,
        "the fence of {tip} is not closed; write ::: where it ends"),
    "an equation with an empty line": ("Words.\n\n$$\na\n\nb\n$$", 2,
        "this equation is not closed; write $$ where it ends"),
    "an equation at the end": ("$$\na", 0, "this equation is not closed"),
    "a cell in a block": ("````{note}\n\n" + cell("1") + "````", 2,
        "a code cell inside another block or a list is not executed"),
    "a cell in a list": ("- Words.\n\n  ```{code-cell}\n  1\n  ```", 2,
        "a code cell inside another block or a list is not executed"),
    "a tag that is nearly a framework": (cell("1", "alpa"), 1,
        "unknown tag 'alpa'; did you mean 'alpha'?"),
    "options that are not closed": (
        "```{code-cell} ipython3\n---\ntags: []\n1\n```", 0,
        "the metadata of this cell is not closed"),
    "options that are no YAML": (
        "```{code-cell} ipython3\n---\ntags: []\na: b: c\n---\n1\n```", 3,
        "not valid YAML: mapping values are not allowed here"),
    "options in lines that are no YAML": (
        "```{code-cell} ipython3\n:tags: []\n:a: b: c\n1\n```", 2,
        "not valid YAML"),
    "an option with an open bracket": (
        "```{code-cell} ipython3\n:mystnb: {}\n:tags: [\n:a: 1\n1\n```", 2,
        "put quotes around text with special characters, and close brackets"),
    "options that are a list": (
        "```{code-cell} ipython3\n---\n- a\n---\n1\n```", 2,
        "must be lines of `name: value`, not a list"),
    "options that are a comment": (
        "```{code-cell} ipython3\n---\n# a\n---\n1\n```", 2,
        "must be lines of `name: value`, not empty"),
    "tags that are text": (cell("1").replace("\n1", "\n:tags: a\n1"), 0,
        "the tags of a cell must be a list of names, as in `tags: [hide-input]`, "
        "not 'a'"),
    "tags that are numbers": (cell("1", mystnb={}).replace(
        "mystnb: {}", "tags: [a, 1]"), 0, "not ['a', 1]"),
    "settings that are text": (cell("1", mystnb="A."), 0,
        "mystnb of this cell must have lines of `name: value`, such as "
        "`figure: ...`, not 'A.'"),
    "a figure that is text": (cell("1", mystnb={"figure": "A."}), 0,
        "mystnb: figure of this cell must have lines of `name: value`, such "
        "as `caption: ...`, not 'A.'"),
    "a caption that is a number": (
        cell("1", mystnb={"figure": {"caption": 3}}), 0,
        "mystnb: figure: caption of this cell must be text, not 3"),
    "a name that is a number": (cell("1", mystnb={"figure": {"name": 3}}), 0,
        "mystnb: figure: name of this cell must be text, not 3"),
    "words for an image that are a list": (
        cell("1", mystnb={"image": {"alt": ["A"]}}), 0,
        "mystnb: image: alt of this cell must be text, not ['A']"),
    "a tab that is missing": (tabs("alpha"), 0,
        "this set has no tab for beta; add it next to the others"),
    "a tab of an unknown framework": (tabs("alpha", "gamma"), 7,
        "this tab has `:sync: gamma`; write `:sync:` and a framework of this page "
        "(alpha, beta) that no other tab of the set has"),
    "a tab twice": (tabs("alpha", "alpha", "beta"), 3,
        "this tab has `:sync: alpha`"),
    "a tab without a key": (tabs("alpha", "beta", "").replace(
        ":sync: \n", ""), 11, "this tab has no `:sync:`; write"),
    "tabs in no group": (tabs("alpha", "beta", options=""), 0,
        "these are tabs of frameworks; write `:sync-group: framework`"),
    "tabs in another group": (
        tabs("alpha", options=":sync-group: other\n"), 0, "; write"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_reported_with_its_line_and_a_fix(check, fault):
    text, line, said = FAULTS[fault]
    if "%d" in said:
        said %= START + line + 2
    with pytest.raises(SourceError) as raised:
        check(text)
    assert str(raised.value).startswith(f"page.md:{START + line}: ")
    assert said in str(raised.value)


def test_a_cell_needs_the_header_of_a_notebook(check):
    with pytest.raises(SourceError) as raised:
        check(cell("1"), header="---\ntitle: A\n---\n")
    assert "page.md:7: a page with code cells needs the header" in str(
        raised.value
    )
    check("Words.", header="")


@pytest.mark.parametrize(
    ("header", "line", "said"),
    [
        ("---\ntitle: A\n", 1, "the header of this page is not closed"),
        ("---\ntitle: A\nb: c: d\n---\n", 3, "the header of this page is not"),
        ("---\n- a\n---\n", 2, "must be lines of `name: value`, not a list"),
    ],
)
def test_a_faulty_header_is_refused_with_its_line(check, header, line, said):
    with pytest.raises(SourceError) as raised:
        check("Words.", header)
    assert str(raised.value).startswith(f"page.md:{line}: ")
    assert said in str(raised.value)


def test_a_header_may_end_with_dots(check):
    check(cell("1"), HEADER[::-1].replace("---", "...", 1)[::-1])


def test_a_header_that_jupyter_would_reject_is_accepted(check):
    check(
        cell("1"),
        header="---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n",
    )


def test_all_missing_tabs_and_twins_are_reported_at_once(check):
    pair = cell("1", "alpha") + "\nWords.\n\n" + cell("2", "beta")
    with pytest.raises(SourceError) as raised:
        check(f"{pair}\n{tabs('alpha')}")
    assert str(raised.value).count("has no twin") == 2
    assert "this set has no tab for beta" in str(raised.value)


def test_a_misspelled_key_for_the_frameworks_is_refused(check):
    header = HEADER.replace("---\n", "---\nframework: [beta]\n", 1)
    with pytest.raises(
        SourceError, match="page.md:2: unknown key 'framework'; did you mean"
    ):
        check(cell("1"), header=header)


def test_the_header_of_a_page_chooses_its_frameworks(tmp_path):
    TinyBook(tmp_path / "book")
    declared = frameworks.load(tmp_path / "book")

    def read(chosen: str, text: str) -> page.Page:
        header = HEADER.replace("---\n", f"---\nframeworks: {chosen}\n", 1)
        return page.parse_page(f"{header}\n# T\n\n{text}", PATH, "page", declared)

    one = read("beta", cell("1") + cell("2", "beta"))
    assert list(one.frameworks) == ["beta"]
    assert list(read("[beta, alpha]", cell("1")).frameworks) == ["alpha", "beta"]
    for chosen, text, said in [
        ("gamma", "", "page.md:2: there is no framework 'gamma'"),
        ("3", "", "page.md:2: `frameworks` must be a list of names, not 3"),
        ("beta", cell("1", "alpha"), "this page does not use alpha"),
        ("beta", tabs("alpha", "beta"), "a framework of this page (beta)"),
    ]:
        with pytest.raises(SourceError) as raised:
            read(chosen, text)
        assert said in str(raised.value)


def test_a_byte_order_mark_and_carriage_returns_are_removed(tmp_path):
    path = tmp_path / "page.md"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\n")
    assert settings.read_text(path) == "a\nb\n"
    path.write_bytes(b"a\nb\xff\n")
    with pytest.raises(SourceError, match=r"page.md:2: the byte 0xff"):
        settings.read_text(path)


def test_a_missing_settings_file_is_reported_with_a_fix(tmp_path):
    with pytest.raises(SourceError, match="git checkout _toc.yml"):
        settings.read_yaml(tmp_path / "_toc.yml")


def test_each_caller_gets_a_fresh_copy_of_the_settings(tmp_path):
    path = tmp_path / "a.yml"
    path.write_text("a: [1]\n")
    settings.read_yaml(path)["a"].append(2)
    assert settings.read_yaml(path) == {"a": [1]}
    path.write_text("")
    with pytest.raises(SourceError, match="a.yml:1: this file .*empty"):
        settings.read_yaml(path)


TOC = "format: jb-book\nroot: chapters/a\nchapters:\n- file: chapters/b\n"


def test_the_table_of_contents_lists_pages_that_exist(tmp_path):
    (tmp_path / "_toc.yml").write_text(TOC)
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "a.md").touch()
    with pytest.raises(
        SourceError, match=r"_toc.yml:4: there is no page chapters/b.md"
    ):
        settings.contents(tmp_path)
    (tmp_path / "chapters" / "b.md").touch()
    assert settings.contents(tmp_path) == ["chapters/a", "chapters/b"]
    (tmp_path / "_toc.yml").write_text(TOC.replace("file", "page"))
    with pytest.raises(SourceError, match=re.escape("_toc.yml: ")):
        settings.contents(tmp_path)
