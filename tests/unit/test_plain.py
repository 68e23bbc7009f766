"""Notebooks get MyST's directives and roles as plain Markdown."""

from pathlib import Path

import nbformat
import pytest
from support import ROOT
from support.tiny_book import HEADER, cell

from bookbuild import frameworks, page as split
from bookbuild.labels import Labels

FRAMEWORKS = frameworks.load(ROOT)
MXNET, TENSORFLOW = FRAMEWORKS["mxnet"], FRAMEWORKS["tensorflow"]

TABS = """
::::{tab-set}
:sync-group: framework

:::{tab-item} MXNet
:sync: mxnet
Gluon's words.
:::

:::{tab-item} TensorFlow
:sync: tensorflow
Keras's words.
:::
::::
"""


def page(text: str) -> split.Page:
    source = f"{HEADER}\n# Title\n\n{text}"
    return split.parse(source, Path("page.md"), "page", FRAMEWORKS)


def markdown(text: str, framework=MXNET, results=None) -> str:
    node = split.notebook(page(text), framework, results=results)
    nbformat.validate(node)
    cells = [c.source for c in node.cells if c.cell_type == "markdown"]
    return "\n\n".join(cells)


def test_a_tab_set_leaves_the_words_of_the_notebooks_framework():
    assert "Keras's words." in markdown(TABS, TENSORFLOW)
    assert "Gluon" not in markdown(TABS, TENSORFLOW)


def test_a_result_is_replaced_by_its_value():
    text = "It is {result}`accuracy`."
    assert "It is 0.834." in markdown(text, results={"accuracy": "0.834"})


def test_a_result_that_no_cell_records_is_refused():
    with pytest.raises(split.SourceError, match="accuracy.*by MXNet"):
        markdown("It is {result}`accuracy`.", results={"other": "1"})


def test_equations_keep_their_numbers():
    text = "$$\na\n$$\n\n$$\nb\n$$ (eq_b)\n\n$$c$$ (eq_c)\n\nBy {eq}`eq_c`."
    out = markdown(text)
    assert "b \\tag{1}\n$$" in out and "$$c \\tag{2}$$" in out
    assert "By (2)." in out


def test_a_caption_follows_its_figure_with_its_number():
    figure = {"caption": "See {numref}`fig_a`.", "name": "fig_a"}
    text = cell("plot()", mystnb={"figure": figure})
    assert "**Figure 1.** See Figure 1." in markdown(text)


def test_exercises_and_solutions_keep_title_and_number():
    text = (
        "```{exercise} Batch size\n:label: ex_batch\nTry it.\n```\n\n"
        "````{solution-start} ex_batch\n:class: dropdown\n````\n\nDone.\n\n"
        "````{solution-end}\n````\n"
    )
    out = markdown(text)
    assert "**Exercise 1** (Batch size). Try it." in out
    assert "**Solution to Exercise 1.**" in out and "{" not in out


def test_admonitions_become_quotations():
    out = markdown(":::{note}\nOne.\n\nTwo.\n:::")
    assert "> **Note.** One.\n>\n> Two." in out


def test_fenced_code_is_left_alone_and_the_text_around_it_is_translated():
    code = "```python\nx = {ref}`y`\n```"
    out = markdown(f"By {{eq}}`eq_a`.\n\n{code}\n\nBy {{eq}}`eq_a`.\n\n$$a$$ (eq_a)")
    assert code in out
    assert "{eq}" not in out


def test_a_directive_or_role_unknown_to_notebooks_is_refused():
    with pytest.raises(split.SourceError, match="{epigraph} is unknown"):
        markdown("```{epigraph}\nWords.\n```")
    with pytest.raises(split.SourceError, match="{kbd} is unknown"):
        markdown("Press {kbd}`q`.")


def test_a_fence_that_is_not_closed_is_refused():
    with pytest.raises(split.SourceError, match="{note} is not closed"):
        markdown("````{note}\nWords.\n```\n")


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("{term}`logit`", "logit"),
        ("{term}`the logits <logit>`", "the logits"),
        ("(sec_a)=\n## A\n\nSee {ref}`sec_a`.", "## A\n\nSee A."),
        ("```{index} logit\n```\n\nWords.", "Words."),
        ("```{admonition} Deeper\n:class: tip\nWords.\n```", "> **Deeper.** Words."),
        (
            "```{dropdown} Hint\n:open:\nWords.\n```",
            "<details><summary>Hint</summary>\n\nWords.\n\n</details>",
        ),
        ("```{only} site\nHere.\n```\n```{only} edition\nThere.\n```", "Here."),
        ("```{math}\na = 1\n```", "$$\na = 1\n$$"),
        ("A `{ref}` and ``{ref}`x` ``.", "A `{ref}` and ``{ref}`x` ``."),
        ("~~~\n{ref}`x`\n:::{note}\n~~~", "~~~\n{ref}`x`\n:::{note}\n~~~"),
        ("One.\n\n\n\nTwo.", "One.\n\nTwo."),
        ("::::{note}\n:::{tip}\nIn.\n:::\nOut.\n::::", "> **Note.** > **Tip.** In."),
    ],
)
def test_markup_becomes_plain_markdown(text, out):
    assert markdown(text).partition("\n\n")[2].startswith(out)


def test_a_figure_is_referred_to_by_its_number_or_in_other_words():
    figure = {"caption": "A.", "name": "fig_a"}
    out = markdown(
        cell("1", mystnb={"figure": figure})
        + "\n{numref}`fig_a`, {numref}`plot %s <fig_a>`"
    )
    assert "Figure 1, plot 1" in out


def test_a_caption_without_a_name_has_no_number():
    text = cell("1", mystnb={"figure": {"caption": " Of {term}`logit`. "}})
    assert markdown(text).endswith("\n\nOf logit.")
    assert markdown(cell("1", mystnb={"figure": {"name": "fig_a"}})) == "# Title"


def test_an_exercise_may_lack_a_title():
    text = "```{exercise}\n:label: ex_a\nTry.\n```"
    assert markdown(text).endswith("**Exercise 1**. Try.")


def test_a_notebook_that_was_not_executed_has_the_names_of_results():
    assert "It is `accuracy`." in markdown("It is {result}`accuracy`.")


def test_works_are_cited_in_the_text_or_in_parentheses():
    labels = Labels(works={"A.1": ("A", "1"), "B.2": ("B", "2"), "C.3": ("C", "3")})
    source = page("{cite:t}`A.1, B.2,C.3`, {cite:p}`A.1,B.2`, {cite:t}`A.1`")
    node = split.notebook(source, MXNET, labels=labels)
    assert node.cells[-1].source.endswith("A (1), B (2), C (3), (A, 1; B, 2), A (1)")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Words.\n\nSee {ref}`none`.", 17),
        ("$$\na\n$$\n\n:::{note}\nSee {kbd}`q`.\n:::", 20),
        ("Words.\n\n:::{note}\nWords.\n::", 17),
    ],
)
def test_an_error_names_the_line_that_cannot_be_translated(text, line):
    source = page("")
    [cell] = source.cells
    cell.source, cell.line = f"# Title\n\n{text}", 13
    with pytest.raises(split.SourceError, match=rf"^page.md:{line}: "):
        split.notebook(source, MXNET)


def test_an_error_in_a_caption_names_the_cell():
    text = cell("1", mystnb={"figure": {"caption": "See {ref}`none`."}})
    with pytest.raises(
        split.SourceError, match=r"^page.md:15 \(the cell from this line on\)"
    ):
        markdown(text)
