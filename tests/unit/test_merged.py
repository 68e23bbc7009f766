"""One notebook per page holds the outputs of all frameworks."""

from pathlib import Path

import pytest
from nbformat import NotebookNode, from_dict
from support.tiny_book import HEADER, TinyBook, cell

from bookbuild import frameworks, page as split
from _ext import executed_outputs


@pytest.fixture
def both(tmp_path):
    TinyBook(tmp_path / "book")
    return frameworks.load(tmp_path / "book")


@pytest.fixture
def merged(both):
    """Return a function that merges a page's text and its outputs.

    `alpha` and `beta` are the outputs of their code cells in order. It returns
    the cells below the title.
    """

    def merged(text, alpha=(), beta=(), notes=None, names=("alpha", "beta")):
        shown = {name: both[name] for name in names}
        source = f"{HEADER}\n# Title\n\n{text}"
        page = split.parse(source, Path("page.md"), "page", both)
        notebooks = {}
        for name, outputs in (("alpha", alpha), ("beta", beta)):
            if name in shown:
                code = page.code(name)
                given = [*outputs, *[[]] * (len(code) - len(outputs))]
                notebooks[name] = split.notebook(page, both[name], given)
                if notes and name in notes:
                    details = notebooks[name].metadata["d2l_extras"]
                    details["stand_in"] = notes[name]
        return executed_outputs.merged(page, shown, notebooks)

    return merged


def printed(text: str) -> list[NotebookNode]:
    return [from_dict({"output_type": "stream", "name": "stdout", "text": text})]


def recorded(name: str, value: object, text: str) -> list[NotebookNode]:
    """The two outputs of `record`."""
    shown = {"output_type": "display_data", "metadata": {},
             "data": {"text/plain": f"{name}: {text}"}}  # fmt: skip
    kept = {
        "output_type": "display_data",
        "metadata": {
            "scrapbook": {"name": name, "mime_prefix": "p/"},
            "d2l_extras": {"name": name, "value": value, "text": text},
        },
        "data": {"p/text/plain": repr(text)},
    }
    return [from_dict(shown), from_dict(kept)]


def owners(node: NotebookNode) -> list[str | None]:
    return [
        c.metadata.get("framework") for c in node.cells if c.cell_type == "code"
    ]


def texts(node: NotebookNode) -> str:
    return "\n".join(c.source for c in node.cells if c.cell_type == "markdown")


def test_twins_stand_side_by_side_with_their_outputs(merged):
    text = cell("a", "alpha") + cell("b", "beta")
    node = merged(text, [printed("A")], [printed("B")])
    assert owners(node) == ["alpha", "beta"]
    assert [c.source for c in node.cells[1:]] == ["a", "b"]
    assert [c.outputs[0].text for c in node.cells[1:]] == ["A", "B"]


def test_a_shared_cell_is_shown_once_if_its_outputs_agree(merged):
    node = merged(cell("1"), [printed("1")], [printed("1")])
    assert owners(node) == [None]


def test_a_shared_cell_is_shown_per_framework_if_its_outputs_differ(merged):
    figure = {"figure": {"caption": "A figure.", "name": "fig_a"}}
    node = merged(cell("1", mystnb=figure), [printed("1")], [printed("2")])
    assert owners(node) == ["alpha", "beta"]
    names = [c.metadata["mystnb"]["figure"].get("name") for c in node.cells[1:]]
    # Sphinx counts what has a name.
    assert names == ["fig_a", None]
    anchors = [c.metadata["anchor"] for c in node.cells[1:]]
    assert anchors == [f"cell-{c.id}" for c in node.cells[1:]]
    assert len(set(anchors)) == 2


def test_cells_keep_their_tags_lines_and_numbers_of_lines(merged):
    node = merged("Words.\n\n" + cell("1", "hide-input") + "\nMore.")
    assert node.cells[1].metadata["tags"] == ["hide-input"]
    assert node.metadata["source_map"][0] == 11
    assert len(node.metadata["source_map"]) == len(node.cells)
    assert node.metadata["mystnb"] == {"execution_mode": "off"}


def test_an_edition_has_cells_of_one_framework_and_no_tabs(merged):
    text = cell("a", "alpha") + cell("b", "beta") + cell("c")
    node = merged(text, names=["beta"])
    assert [c.source for c in node.cells[1:]] == ["b", "c"]
    assert owners(node) == [None, None]


def test_prose_names_each_framework_where_their_results_differ(merged):
    text = cell("record()") + "\nIt is {result}`loss`, or {result}`size`."
    both = recorded("size", 2, "2")
    node = merged(
        text,
        [recorded("loss", 0.5, "0.50") + both],
        [recorded("loss", 0.6, "0.60") + both],
    )
    assert texts(node).endswith(
        "It is Alpha {glue:text}`alpha.loss`, Beta {glue:text}`beta.loss`, "
        "or {glue:text}`alpha.size`."
    )


def test_results_are_glued_under_the_name_of_their_framework(merged):
    outputs = [recorded("loss", 0.5, "0.50")]
    node = merged(cell("record()"), outputs, outputs)
    [code] = node.cells[1:]
    glued = [o.metadata.scrapbook.name for o in code.outputs if o.metadata]
    assert glued == ["alpha.loss", "beta.loss"]
    assert len(code.outputs) == 3  # and what is shown, once


TAB_SET = """
::::{tab-set}
:sync-group: framework

:::{tab-item} Alpha
:sync: alpha
A has {result}`loss`.
:::

:::{tab-item} Beta
:sync: beta
B has {result}`loss`.
:::
::::

All have {result}`loss`.
"""


def test_a_tab_has_the_result_of_its_framework_alone(merged):
    alpha, beta = ([recorded("loss", x, str(x))] for x in (1, 2))
    said = texts(merged(cell("record()") + TAB_SET, alpha, beta))
    assert "A has {glue:text}`alpha.loss`." in said
    assert "B has {glue:text}`beta.loss`." in said
    assert "All have Alpha {glue:text}`alpha.loss`, Beta {glue" in said


def test_a_result_that_is_not_recorded_is_refused_with_its_line(merged):
    text = cell("1") + "\nIt is {result}`loss`."
    with pytest.raises(
        split.SourceError, match=r"page.md:18: {result}`loss` is not .*by Alpha"
    ):
        merged(text)


def test_outputs_that_were_not_computed_here_are_announced(merged):
    node = merged(cell("1"), notes={"beta": "Beta has no wheel"})
    title, note = node.cells[0].source.split("\n\n", 1)
    assert title == "# Title"
    assert "{admonition} Not computed on this machine" in note
    assert "Beta has no wheel" in note
    assert "Not computed" not in texts(merged(cell("1")))


def test_terminal_codes_are_removed_from_every_kind_of_output(merged):
    red = "\x1b[31mred\x1b[0m"
    error = {"output_type": "error", "ename": "E", "evalue": red,
             "traceback": [red, red]}  # fmt: skip
    result = {"output_type": "execute_result", "execution_count": 1,
              "metadata": {}, "data": {"text/plain": red}}  # fmt: skip
    outputs = [printed(red) + [from_dict(error), from_dict(result)]]
    node = merged(cell("1"), outputs, outputs)
    stream, error, result = node.cells[1].outputs
    assert stream.text == error.evalue == result.data["text/plain"] == "red"
    assert error.traceback == ["red", "red"]


def test_an_edition_keeps_the_text_of_its_tab_but_no_tab_set():
    said = executed_outputs.of_one(TAB_SET, "beta")
    assert "B has" in said and "A has" not in said and "All have" in said
    assert ":::" not in said and ":sync" not in said


def test_an_edition_keeps_tab_sets_that_are_not_for_frameworks():
    other = TAB_SET.replace("alpha", "linux").replace("beta", "macos")
    other = other.replace(":sync-group: framework\n", "")
    assert executed_outputs.of_one(other, "beta") == other.rstrip("\n")
    alone = ":::{tab-item} Alpha\n:sync: alpha\nA.\n:::"
    assert executed_outputs.of_one(alone, "beta") == ""


def test_other_blocks_and_open_fences_are_kept_in_an_edition():
    text = ":::{note}\nWords.\n:::\n\n```{tab-set}\nnot closed"
    assert executed_outputs.of_one(text, "beta") == text


def test_the_outputs_of_this_machine_come_before_the_committed(tmp_path):
    for folder in ("notebooks", "_build/outputs"):
        path = tmp_path / folder / "alpha" / "a" / "page.ipynb"
        path.parent.mkdir(parents=True)
        path.touch()
        assert executed_outputs.find_notebook(tmp_path, "alpha", "a/page") == path
    with pytest.raises(executed_outputs.ExtensionError, match="no executed beta notebook"):
        executed_outputs.find_notebook(tmp_path, "beta", "a/page")
