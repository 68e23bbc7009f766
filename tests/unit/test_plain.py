"""Notebooks get MyST's directives and roles as plain Markdown."""

from pathlib import Path

import nbformat
import pytest
from support import ROOT
from support.tiny_book import HEADER, cell

from _ext import frameworks, split

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


def test_fenced_code_is_left_alone():
    code = "```python\nx = {ref}`y`\n```"
    assert code in markdown(code)


def test_a_directive_or_role_unknown_to_notebooks_is_refused():
    with pytest.raises(split.SourceError, match="{epigraph} is unknown"):
        markdown("```{epigraph}\nWords.\n```")
    with pytest.raises(split.SourceError, match="{kbd} is unknown"):
        markdown("Press {kbd}`q`.")


def test_a_fence_that_is_not_closed_is_refused():
    with pytest.raises(split.SourceError, match="{note} is not closed"):
        markdown("````{note}\nWords.\n```\n")
