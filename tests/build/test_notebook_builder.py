"""Notebooks have the site's content as Markdown, with the same numbers."""

from __future__ import annotations

import base64
import json
import re

import bs4
import pytest
from support import ROOT, nbval
from support.tiny_book import HEADER, REPOSITORY, TinyBook, cell

from bookbuild import wheel

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
PAGE = """\
(sec-first)=
# First

Plain *text* with **strong** words, `code`, a | bar, 2 * 3 * 4, and 5 \\$ or \\$6.

% A private remark.

\\begin{align}
a &= b
\\end{align}

$$ x $$ (eq:b)

By {eq}`eq:b`, in {ref}`sec-first`, {numref}`fig-net`, {numref}`Table {number} <tab-a>`.

- One item.

  ```{note}
  A note in a list, with $y$.
  ```

  $$ z $$ (eq_in_list)

- Another, by {eq}`eq_in_list`.

1. First
2. Second

> A quotation.

:::{note}
```python
code = 1
```
:::

:::{tip}
- a list
- in a tip
:::

```{note} A first line
More.
```

:::{admonition} Using `code`
Words.
:::

:::{seealso}
Elsewhere.
:::

~~~{warning}
Tilde.
~~~

A footnote.[^one]

[^one]: At the foot.

![Net](img.png) and [data](data.csv) and [other](other.md) and [here](#sec-first).

```{figure} img.png
:name: fig-net
:alt: A network.

A drawn figure.
```

```{list-table} Numbers
:name: tab-a
:header-rows: 1

* - a
  - b
* - $|1|$
  - `x|y`
```

```{exercise}
:nonumber:
:label: ex_none
Not counted.
```

```{exercise} Parts
:label: ex_parts

1. Part one.
2. Part two.
```

`````{solution} ex_parts
Solved.
`````

```latex
$$ c $$ (eq_example)
```

$$ d $$ (eq_last)

By {eq}`eq_last` and {numref}`ex_parts`.

```{code-block} python
:caption: A program
:linenos:
x = 1
```

```{raw} html
<b>raw</b>
```

::::{tab-set}
:::{tab-item} Linux
apt
:::
:::{tab-item} macOS
brew
:::
::::

::::{card} A card
Its text.
::::

:::{dropdown} More
Hidden.
:::

:::{admonition} Why *this*, $a < b$
:class: dropdown deeper

Depth.
:::

```{glossary}
Term
  Its definition.
```

<!-- An HTML comment with {ref}`nothing`. -->

H{sub}`2`O and {download}`data.csv`.
"""


def everything(tiny: TinyBook) -> None:
    tiny.configure(repository={"url": REPOSITORY, "branch": "main"})
    tiny.page.write_text(f"{HEADER}\n{PAGE}\n{cell('1')}")
    tiny.page.with_name("img.png").write_bytes(PNG)
    tiny.page.with_name("data.csv").write_text("a,b\n")
    tiny.add_page("other", "(sec_other)=\n# Other\n\nWords.\n")


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> TinyBook:
    tiny = TinyBook(tmp_path_factory.mktemp("everything") / "book")
    everything(tiny)
    tiny.render()
    return tiny


@pytest.fixture(scope="module")
def prose(book) -> str:
    return book.prose()


@pytest.fixture(scope="module")
def site(book) -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup(book.site.read_text(), "html.parser")


def test_equations_have_the_numbers_of_the_site(prose, site):
    shown = re.findall(r"By (\(\d+\))", site.find("article").get_text())
    assert re.findall(r"By (\(\d+\))", prose) == shown
    tags = re.findall(r"(\S+) \\tag\{(\d+)\}", prose)
    numbers = dict((formula.strip("$"), number) for formula, number in tags)
    assert {"x", "z", "d"} <= numbers.keys()
    assert f"({numbers['x']})" == shown[0] and f"({numbers['d']})" == shown[-1]


def test_an_equation_shown_as_code_is_left_alone(prose):
    assert "```latex\n$$ c $$ (eq_example)\n```" in prose


def test_amsmath_environments_become_parts_of_a_formula(prose):
    assert re.search(r"\$\$\\begin\{aligned\}\s*a &= b\s*\\end\{aligned\}", prose)
    assert "{align}" not in prose


def test_figures_tables_and_exercises_have_the_numbers_of_the_site(prose, site):
    article = " ".join(site.find("article").get_text().split())
    for name in (r"Fig\.\W\d", r"Table \d"):
        shown = {" ".join(s.split()) for s in re.findall(name, prose)}
        assert shown == {" ".join(s.split()) for s in re.findall(name, article)}
        assert shown
    assert "**Exercise 1** (Parts)." in prose and "Exercise 1" in article
    assert "Exercise 2" not in prose + article


@pytest.mark.parametrize(
    "expected",
    [
        "Plain *text* with **strong** words, `code`, a | bar, 2 \\* 3 \\* 4",
        "5 \\$ or \\$6",
        "> **Note.** A note in a list, with $y$.",
        "1. First\n2. Second",
        "> A quotation.",
        "> **Note.**\n>\n> ```python\n> code = 1\n> ```",
        "> **Tip.**\n>\n> - a list\n> - in a tip",
        "A first line",
        "> **Using `code`.** Words.",
        "> **See also.** Elsewhere.",
        "> **Warning.** Tilde.",
        "A footnote.<sup>1</sup>",
        "<sup>1</sup> At the foot.",
        "![Net](data:image/png;base64,",
        "![A network.](data:image/png;base64,",
        "| a | b |\n| --- | --- |\n| $\\vert 1\\vert $ | `x\\|y` |",
        "**Exercise 1** (Parts).\n\n1. Part one.\n2. Part two.",
        "**Solution to Exercise 1.** Solved.",
        "```python\nx = 1\n```",
        "<b>raw</b>",
        "**Linux**\n\napt\n\n**macOS**\n\nbrew",
        "A card",
        "<details>\n<summary>More</summary>\n\nHidden.\n\n</details>",
        "<details>\n<summary>Why <em>this</em>, $a &lt; b$</summary>\n\nDepth.",
        "**Term**\n\n> Its definition.",
        "H<sub>2</sub>O",
    ],
)
def test_markup_becomes_the_closest_markdown(prose, expected):
    assert expected in prose


def test_comments_stay_private_and_no_directive_is_left(prose):
    assert "private remark" not in prose and "HTML comment" not in prose
    assert not re.search(r"\{[a-z-]+\}`|:::|^\s*~~~|^:\w+:", prose, re.MULTILINE)


def test_links_to_files_and_pages_lead_to_the_repository_and_the_site(prose):
    addresses = re.findall(r"\]\((\S+?)\)", prose)
    assert any(a.endswith("/chapters/tiny/other.html") for a in addresses), addresses
    assert sum(a.endswith("/chapters/tiny/data.csv") for a in addresses) == 2
    assert all(re.match("https://|data:image/", a) for a in addresses), addresses


def test_content_that_notebooks_cannot_show_is_reported_before_execution(tiny):
    tiny.write(
        cell("1 / 0") + "\n```{list-table}\n* - a\n  - - a list\n    - in a cell\n```\n"
    )
    failed = tiny.build("book")
    assert failed.returncode == 1
    assert re.search(r"page\.md:\d+: a table in a notebook can only", failed.stderr)
    assert "ZeroDivisionError" not in failed.stderr + failed.stdout


def test_a_cell_that_the_site_leaves_out_is_still_in_the_notebook(tiny):
    tiny.write(cell("a = 1", "remove-cell") + "\nWords.\n\n" + cell("a"))
    tiny.render()
    cells = [c for c in tiny.notebook()["cells"][1:] if c["cell_type"] == "code"]
    assert ["".join(c["source"]) for c in cells] == ["a = 1", "a"]


def test_glued_values_are_pasted_even_before_any_execution(tiny):
    glue = "import importlib\nglue = importlib.import_module('myst_nb').glue\n"
    tiny.write(
        cell(f"{glue}for i in range(2):\n    glue(f'part:{{i}}', i + 0.25)")
        + cell("from IPython.display import SVG\n" + f"glue('draw', SVG({SVG!r}))")
        + "Pasted: {glue:text}`part:1:.1f`, see {numref}`fig-drawn`.\n\n"
        + "```{glue:figure} draw\n:name: fig-drawn\nA drawing.\n```\n"
    )
    assert "1.2</span>" in tiny.html()
    prose = tiny.prose().replace("\xa0", " ")
    assert "Pasted: 1.2, see Fig. 1." in prose
    assert re.search(r"!\[.*\]\(data:image/svg\S+\n\n\*\*Fig. 1.\*\* A drawing.", prose)
    tiny.edit("i + 0.25", "i + 0.5")
    assert "1.5</span>" in tiny.html()


def test_cells_with_magics_of_ipython_are_highlighted(tiny):
    tiny.write(cell("!echo x") + cell("%%bash\necho $HOME") + cell("len?"))
    assert "echo" in tiny.render()


def test_a_notebook_is_written_again_only_if_something_that_it_shows_changed(tiny):
    tiny.write(cell("1"))
    tiny.add_page("other", f"{HEADER}\n# Other\n\nWords.\n\n{cell('2')}")
    tiny.render()
    written = tiny.root / "_build" / "rendered" / "notebooks" / "alpha" / "tiny"
    before = {p.name: p.stat().st_mtime_ns for p in written.iterdir()}
    tiny.write("A sentence.\n\n" + cell("1"))
    tiny.render()
    after = {p.name: p.stat().st_mtime_ns for p in written.iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"page.ipynb"}


def test_new_helpers_change_the_first_cells_of_all_notebooks(tiny, monkeypatch):
    tiny.write(cell("1"))
    tiny.add_page("other", f"{HEADER}\n# Other\n\nWords.\n\n{cell('2')}")
    tiny.render()
    tiny.build("site")  # now that the committed notebooks exist
    monkeypatch.setattr(wheel, "version", lambda root=ROOT: "9.9+new")
    assert tiny.build("site").returncode == 0
    for page in ("page", "other"):
        first = tiny.notebook(page=page)["cells"][0]
        assert 'WANTED = "9.9+new"' in "".join(first["source"])


FIRST, SOLVED = "a = 1\na", "first = a + 1\nfirst"
EXERCISES = f"""\
{cell(FIRST)}
```{{exercise}} First
:label: ex_first
One.
```

```{{solution-start}} ex_first
:class: dropdown
```
Solved by
{cell(SOLVED)}
```{{solution-end}}
```

```{{exercise}} Second
:label: ex_second
Two.
```

```{{solution}} ex_second
Words.
```

```{{exercise}} Third
:label: ex_third
Unsolved.
```

## Afterwards

{cell("a + 2")}"""


@pytest.fixture(scope="module")
def solved(tmp_path_factory) -> TinyBook:
    tiny = TinyBook(tmp_path_factory.mktemp("solved") / "book")
    tiny.write(EXERCISES)
    tiny.html()
    return tiny


def shown(tiny: TinyBook) -> list[tuple[str, str]]:
    """Return the source and the output of each code cell but the first."""
    cells = [c for c in tiny.notebook()["cells"][1:] if c["cell_type"] == "code"]
    return [
        (
            "".join(one["source"]),
            "".join(t for o in one["outputs"] for t in o["data"]["text/plain"]),
        )
        for one in cells
    ]


def test_each_exercise_is_followed_by_an_empty_cell(solved):
    cells = solved.notebook()["cells"]
    answers = [i for i, c in enumerate(cells) if c["id"].startswith("answer-")]
    before = ["".join(cells[i - 1]["source"]) for i in answers]
    assert [re.findall(r"(\w+)\)\.", text) for text in before] == [
        ["First"],
        ["Second"],
        ["Third"],
    ]
    for i in answers:
        assert cells[i]["cell_type"] == "code"
        assert (cells[i]["source"], cells[i]["outputs"]) == ("", [])
        assert cells[i]["execution_count"] is None


def test_solutions_come_at_the_end_in_order_with_their_outputs(solved):
    prose = solved.prose()
    heads = ["## Afterwards", "## Solutions", "Solution to Exercise 1", "Exercise 2.**"]
    places = [prose.index(head) for head in heads]
    assert places == sorted(places)
    answers = 3 * [("", "")]
    assert shown(solved) == [
        (FIRST, "1"),
        *answers,
        ("a + 2", "3"),
        (SOLVED, "2"),
    ]


def test_an_exercise_says_whether_its_solution_is_at_the_end(solved):
    text = solved.prose().partition("## Solutions")[0]
    first, second, third = text.split("Exercise ")[1:]
    assert "under “Solutions”" in first and "under “Solutions”" in second
    assert "Solutions" not in third


def test_solutions_are_collapsed_in_colab_and_jupyterlab(solved):
    node = solved.notebook()
    [heading] = [c for c in node["cells"] if c["source"] == "## Solutions"]
    assert heading["metadata"]["jp-MarkdownHeadingCollapsed"] is True
    assert node["metadata"]["colab"]["collapsed_sections"] == [heading["metadata"]["id"]]


def test_a_notebook_without_solutions_has_no_section_for_them(tiny):
    tiny.write("```{exercise}\n:label: ex_alone\nAlone.\n```\n\n" + cell("1"))
    tiny.render()
    assert "Solutions" not in tiny.prose()
    assert "collapsed_sections" not in tiny.notebook()["metadata"]["colab"]


def test_outputs_stay_with_their_cells_when_only_the_prose_changes(solved, tmp_path):
    tiny = solved.copy(tmp_path / "book")
    tiny.edit("Unsolved.", "Still unsolved.")
    tiny.html()
    assert "Still unsolved." in tiny.prose()
    assert shown(tiny) == shown(solved)


def test_running_all_cells_of_a_notebook_gives_the_same_outputs(solved, tmp_path):
    node = solved.notebook()
    del node["cells"][0]  # prepares Colab's machine
    path = tmp_path / "page.ipynb"
    path.write_text(json.dumps(node))
    done = nbval.nbval(path, "python3")
    assert "6 passed" in done.stdout, done.stdout
