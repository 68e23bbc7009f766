"""Executing a committed notebook again gives its committed outputs.

These notebooks take seconds. The slow ones are in tests/notebooks.
"""

from __future__ import annotations

import nbformat
import pytest
from support.nbval import assert_same_outputs, nbval, notebooks


@notebooks(quick=True)
def test_executing_a_quick_notebook_reproduces_its_committed_outputs(path, framework):
    assert_same_outputs(path, framework)


@pytest.mark.parametrize(
    "edit",
    [("6 * 7", "6 * 8"), ('"42"', '"43"'), ("loss: 0.447\\n\"", 'loss\\n"')],
    ids=["source", "result", "stream"],
)
def test_a_comparison_notices_a_changed_source_result_or_stream(tmp_path, edit):
    source = "print('train loss: 0.447')\n6 * 7"
    cell = nbformat.v4.new_code_cell(source, execution_count=1)
    cell.outputs = [
        nbformat.v4.new_output(
            "stream", name="stdout", text="train loss: 0.447\n"
        ),
        nbformat.v4.new_output(
            "execute_result", {"text/plain": "42"}, execution_count=1
        ),
    ]
    path = tmp_path / "notebook.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    assert nbval(path, "python3").returncode == 0
    path.write_text(path.read_text().replace(*edit))
    assert nbval(path, "python3").returncode == 1
