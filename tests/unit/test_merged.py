"""One notebook per page gets the outputs of all frameworks."""

from pathlib import Path

import pytest
from nbformat import NotebookNode, from_dict
from support.tiny_book import HEADER, TinyBook, cell

from _ext import executed_outputs
from bookbuild import execution, executor, frameworks
from bookbuild import page as pages


@pytest.fixture
def both(tmp_path):
    TinyBook(tmp_path / "book")
    return frameworks.load(tmp_path / "book")


@pytest.fixture
def merged(both):
    """Return a function that merges a page's text and its outputs.

    `alpha` and `beta` are the outputs of their code cells in order.
    """

    def merged(text, alpha=(), beta=(), names=("alpha", "beta")):
        shown = {name: both[name] for name in names}
        source = f"{HEADER}\n# Title\n\n{text}"
        page = pages.parse_page(source, Path("page.md"), "page", both)
        notebooks = {}
        for name, outputs in (("alpha", alpha), ("beta", beta)):
            if name in shown:
                code = page.code(name)
                given = [*outputs, *[[]] * (len(code) - len(outputs))]
                notebooks[name] = executor.executed_notebook(page, both[name], given)
        return executed_outputs.merge_frameworks(page, shown, notebooks)

    return merged


def printed(text: str) -> list[NotebookNode]:
    return [from_dict({"output_type": "stream", "name": "stdout", "text": text})]


def valued(name: str, value: object, text: str) -> list[NotebookNode]:
    """Return the hidden output that keeps a value for the prose."""
    kept = execution.with_values([{"name": name, "value": value, "text": text}])
    return [from_dict(output) for output in kept]


def owners(node: NotebookNode) -> list[str | None]:
    return [
        c.metadata.get("framework") for c in node.cells if c.cell_type == "code"
    ]


def test_twin_cells_are_neighbors_and_keep_their_outputs(merged):
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
    # One anchor says that it is one cell.
    anchors = {c.metadata["anchor"] for c in node.cells[1:]}
    assert anchors == {f"cell-{node.cells[1].id}"}


def test_twins_have_anchors_of_their_own(merged):
    node = merged(cell("1", "alpha") + cell("1", "beta"))
    anchors = [c.metadata["anchor"] for c in node.cells[1:]]
    assert anchors == [f"cell-{c.id}" for c in node.cells[1:]]
    assert len(set(anchors)) == 2


def test_cells_keep_their_tags_lines_and_numbers_of_lines(merged):
    node = merged("Words.\n\n" + cell("1", "hide-input") + "\nMore.")
    assert node.cells[1].metadata["tags"] == ["hide-input"]
    assert node.metadata["source_map"][0] == 10
    assert len(node.metadata["source_map"]) == len(node.cells)
    assert node.metadata["mystnb"] == {"execution_mode": "off"}


def test_an_edition_has_cells_of_one_framework_and_no_tabs(merged):
    text = cell("a", "alpha") + cell("b", "beta") + cell("c")
    node = merged(text, names=["beta"])
    assert [c.source for c in node.cells[1:]] == ["b", "c"]
    assert owners(node) == [None, None]


def test_values_stored_for_the_prose_are_not_shown_as_outputs(merged):
    outputs = [printed("0.50") + valued("loss:.2f", 0.5, "0.50")]
    [code] = merged(cell("loss"), outputs, outputs).cells[1:]
    assert [o.output_type for o in code.outputs if o.get("data") != {}] == ["stream"]
    assert "0.5," not in str(code.outputs)


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


def test_the_outputs_of_this_machine_come_before_the_committed(tmp_path):
    for folder in ("notebooks", "_build/outputs"):
        path = tmp_path / folder / "alpha" / "a" / "page.ipynb"
        path.parent.mkdir(parents=True)
        path.touch()
        assert executed_outputs.find_notebook(tmp_path, "alpha", "a/page") == path
    assert executed_outputs.find_notebook(tmp_path, "beta", "a/page") is None
