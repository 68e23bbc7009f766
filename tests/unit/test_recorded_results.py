"""A recorded result is shown, kept in the notebook, and found by name."""

import pytest

from d2l_extras import record


def test_outside_a_notebook_a_result_is_printed(capsys):
    record("printed", 10000, ",")
    assert capsys.readouterr().out == "printed: 10,000\n"


@pytest.mark.parametrize("name", ["", "Test", "test accuracy", "1st", "a-b"])
def test_a_name_that_is_not_in_snake_case_is_refused(name):
    with pytest.raises(ValueError, match="cannot name a result"):
        record(name, 1)


def test_an_array_of_several_numbers_is_refused_with_the_cure():
    with pytest.raises(TypeError, match=r"shape \(2,\); record one number"):
        record("two", [1.0, 2.0])


def test_a_value_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="of type NoneType"):
        record("nothing", None)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="where the computation went wrong"):
        record("broken", value)
