"""A source page gives one notebook a framework, in plain Markdown."""

from pathlib import Path

import jupytext
import nbformat
import pytest
from jupytext.config import load_jupytext_config
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


def test_a_notebook_has_its_own_cells_and_the_shared_ones():
    text = cell("a = 1", "mxnet") + cell("a = 2", "tensorflow") + cell("a")
    codes = [c.source for c in page(text).code("tensorflow")]
    assert codes == ["a = 2", "a"]


def test_a_cell_without_a_twin_is_refused_with_its_line():
    with pytest.raises(split.SourceError, match=r"page.md:15.*no twin.*a = 1"):
        page(cell("a = 1", "mxnet") + cell("b"))


def test_two_cells_of_one_framework_in_a_row_need_two_twins():
    text = cell("a", "mxnet") + cell("b", "mxnet") + cell("c", "tensorflow")
    with pytest.raises(split.SourceError, match="no twin for tensorflow"):
        page(text)


def test_twins_side_by_side_form_one_run_each():
    one = cell("a", "mxnet") + cell("b", "tensorflow")
    groups = split.runs(page(one + one))
    assert [len(group) for group in groups] == [1, 2, 2]


def test_an_unknown_tag_is_refused_with_the_tags_there_are():
    with pytest.raises(split.SourceError, match="'pytorch'.*mxnet, tensorflow"):
        page(cell("a", "pytorch"))


def test_invalid_metadata_of_a_cell_is_refused_with_its_line():
    broken = "```{code-cell} ipython3\n:tags: [mxnet\na\n```\n"
    with pytest.raises(split.SourceError, match="page.md:15: the metadata"):
        page(broken)


def test_the_same_cell_twice_gets_two_ids_that_stay():
    ids = [c.id for c in page(cell("a") + "\n" + cell("a")).cells]
    assert len(set(ids)) == len(ids)
    assert ids == [c.id for c in page(cell("a") + "\n" + cell("a")).cells]


def test_a_tab_set_leaves_the_words_of_the_notebooks_framework():
    assert "Keras's words." in markdown(TABS, TENSORFLOW)
    assert "Gluon" not in markdown(TABS, TENSORFLOW)


def test_results_become_their_values():
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


def test_a_figures_caption_follows_its_cell_with_its_number():
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


def test_markup_that_notebooks_do_not_know_is_refused():
    with pytest.raises(split.SourceError, match="{epigraph} is unknown"):
        markdown("```{epigraph}\nWords.\n```")
    with pytest.raises(split.SourceError, match="{kbd} is unknown"):
        markdown("Press {kbd}`q`.")


def test_a_fence_that_is_not_closed_is_refused():
    with pytest.raises(split.SourceError, match="{note} is not closed"):
        markdown("````{note}\nWords.\n```\n")


def test_the_declaration_names_what_is_wrong_with_it(tmp_path):
    (tmp_path / "kernels").mkdir()
    toml = tmp_path / "kernels" / "frameworks.toml"
    toml.write_text('[jax]\nlabel = "JAX"\n')
    with pytest.raises(ValueError, match=r"\[jax\]: missing colab, kernel"):
        frameworks.load(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted((ROOT / "chapters").rglob("*.md"))
        if "format_name: myst" in path.read_text(encoding="utf-8")
    ],
    ids=lambda path: path.stem,
)
def test_saving_a_page_as_a_notebook_changes_no_byte_of_it(path):
    # What JupyterLab does, by the settings in pyproject.toml.
    text, config = path.read_text("utf-8"), load_jupytext_config(str(path))
    form = {"extension": ".md", "format_name": "myst"}
    opened = jupytext.reads(text, fmt=form, config=config)
    assert jupytext.writes(opened, fmt=form, config=config) == text
