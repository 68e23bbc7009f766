"""A recorded result is shown, kept in the notebook, and found by name."""

from copy import deepcopy

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from myst_nb.ext.glue import extract_glue_data_cell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from support import pages

from d2l_extras import record

IMPORT = "from d2l_extras import record\n"


def execute(*sources):
    """The code cells of a notebook that a program has executed."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    return notebook.cells


@pytest.fixture(scope="module")
def cell():
    (cell,) = execute(IMPORT + "record('test_accuracy', 0.83354, '.3f')")
    return cell


def test_the_result_is_shown_with_its_name(cell):
    shown = [output.data.get("text/plain") for output in cell.outputs]
    assert "test_accuracy: 0.834" in shown


def test_the_value_is_kept_at_full_precision(cell):
    found = (output.metadata.get("d2l_extras") for output in cell.outputs)
    kept = [details for details in found if details]
    expected = {"name": "test_accuracy", "value": 0.83354, "text": "0.834"}
    assert kept == [expected]


def test_glue_finds_the_text_as_a_string(cell):
    ((name, output),) = extract_glue_data_cell(deepcopy(cell))
    assert name == "test_accuracy"
    assert output["data"] == {"text/plain": "'0.834'"}


def test_it_works_where_myst_nb_is_not_installed():
    hide = "import sys\nsys.modules['myst_nb'] = None\n"
    (cell,) = execute(hide + IMPORT + "record('a', 1)")
    assert cell.outputs[0].data["text/plain"] == "a: 1"


def test_it_prints_where_there_is_no_notebook(capsys):
    record("printed", 10000, ",")
    assert capsys.readouterr().out == "printed: 10,000\n"


def test_a_program_may_not_record_a_name_twice():
    with pytest.raises(CellExecutionError, match="'a' is recorded already"):
        execute(IMPORT + "record('a', 1)", "record('a', 2)")


def test_a_reader_may_run_a_cell_again():
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        for value in (1, 2):
            reply = client.execute_interactive(
                IMPORT + f"record('a', {value})",
                allow_stdin=True,
                timeout=60,
                output_hook=lambda message: None,
            )
            assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("name", ["", "Test", "test accuracy", "1st", "a-b"])
def test_a_name_that_prose_could_not_use_is_refused(name):
    with pytest.raises(ValueError, match="cannot name a result"):
        record(name, 1)


def test_several_numbers_are_refused_with_the_cure():
    with pytest.raises(TypeError, match=r"shape \(2,\): record one number"):
        record("two", [1.0, 2.0])


def test_what_is_no_number_is_refused():
    with pytest.raises(TypeError, match="of type NoneType"):
        record("nothing", None)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="where the computation broke"):
        record("broken", value)


SCALARS = {
    "mxnet": "import d2l_extras.mxnet, mxnet\nscalar = mxnet.np.array(0.5)",
    "tensorflow": "import tensorflow\nscalar = tensorflow.constant(0.5)",
}


@pytest.mark.parametrize("framework", pages.FRAMEWORKS)
def test_a_framework_s_own_scalar_can_be_recorded(framework, tmp_path):
    script = f"{IMPORT}{SCALARS[framework]}\nrecord('half', scalar, '.2f')"
    assert pages.run(framework, script, tmp_path, []) == "half: 0.50\n"
