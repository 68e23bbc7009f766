"""A page is read into cells, which belong to one framework or to all."""

from dataclasses import replace
from pathlib import Path

import jupytext
import pytest
from jupytext.config import load_jupytext_config
from support import ROOT
from support.tiny_book import HEADER, cell

from _ext import notebook_builder
from bookbuild import frameworks, page as split
from bookbuild.errors import SourceError

MXNET, TENSORFLOW = (
    frameworks.used(ROOT)[name] for name in ("mxnet", "tensorflow")
)
FRAMEWORKS = {each.name: each for each in (MXNET, TENSORFLOW)}


def page(text: str) -> split.Page:
    source = f"{HEADER}\n# Title\n\n{text}"
    return split.parse_page(source, Path("page.md"), "page", FRAMEWORKS)


def test_a_notebook_has_its_own_cells_and_the_shared_ones():
    text = cell("a = 1", "mxnet") + cell("a = 2", "tensorflow") + cell("a")
    codes = [c.source for c in page(text).code("tensorflow")]
    assert codes == ["a = 2", "a"]


@pytest.mark.parametrize(
    ("runtime", "metadata"),
    [
        ("CPU", {"colab": {"provenance": []}}),
        ("TPU", {"accelerator": "TPU", "colab": {"provenance": []}}),
        (
            "GPU",
            {
                "accelerator": "GPU",
                "colab": {"provenance": [], "gpuType": "T4"},
            },
        ),
    ],
)
def test_a_notebook_asks_colab_for_the_runtime_of_its_framework(
    runtime, metadata
):
    framework = replace(MXNET, colab=runtime)
    found = notebook_builder.notebook(page(cell("1")), framework, [], {}).metadata
    assert {k: found[k] for k in ("accelerator", "colab") if k in found} == metadata


def test_a_cell_without_a_twin_is_refused_with_its_line():
    with pytest.raises(SourceError, match=r"page.md:15.*no twin.*a = 1"):
        page(cell("a = 1", "mxnet") + cell("b"))


def test_two_cells_of_one_framework_in_a_row_need_two_twins():
    text = cell("a", "mxnet") + cell("b", "mxnet") + cell("c", "tensorflow")
    with pytest.raises(SourceError, match="no twin for tensorflow"):
        page(text)


def test_adjacent_pairs_of_twins_form_separate_groups():
    one = cell("a", "mxnet") + cell("b", "tensorflow")
    groups = split.runs(page(one + one))
    assert [len(group) for group in groups] == [1, 2, 2]


def test_invalid_metadata_of_a_cell_is_refused_with_its_line():
    broken = "```{code-cell} ipython3\n:tags: [mxnet\na\n```\n"
    with pytest.raises(SourceError, match="page.md:15: the metadata"):
        page(broken)


def test_equal_cells_have_different_stable_ids():
    ids = [c.id for c in page(cell("a") + "\n" + cell("a")).cells]
    assert len(set(ids)) == len(ids)
    assert ids == [c.id for c in page(cell("a") + "\n" + cell("a")).cells]


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
