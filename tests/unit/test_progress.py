"""Progress is one table, narrow enough for a phone."""

import pytest

from d2l_extras import Progress

TABLE = """\
epoch 2/2 [======]
 epoch  train loss
     1       0.500
     2       0.250"""


def test_the_bar_grows_with_every_row():
    progress = Progress(4, "epoch", "train loss", "test accuracy", "time")
    filled = []
    for epoch in range(1, 5):
        filled.append(str(progress).count("="))
        progress.add(epoch, 0.5, 0.5, 0.5)
    assert filled == sorted(set(filled)) and filled[0] == 0
    assert " ]" not in str(progress)


def test_outside_a_notebook_each_row_is_printed_when_it_is_added(capsys):
    progress = Progress(2, "epoch", "train loss")
    progress.add(1, 0.5)
    assert capsys.readouterr().out.splitlines() == TABLE.splitlines()[1:3]


def test_no_line_is_wider_than_a_phone():
    progress = Progress(1, "epoch", *["fourteen chars"] * 2, "10 chars..")
    progress.add(1, 0.5, 0.5, 0.5)
    assert [len(line) for line in str(progress).splitlines()] == [50] * 3
    with pytest.raises(ValueError, match="headings take 52 characters"):
        Progress(1, "epoch", *["fourteen chars"] * 2, "12 chars....")


def test_the_bar_of_a_narrow_table_has_five_places():
    progress = Progress(1_000_000, "x")
    assert str(progress).splitlines()[0] == "x 0/1000000 [     ]"


def test_a_heading_has_at_least_six_places():
    assert str(Progress(1, "x", "y")).splitlines()[1] == "     x       y"


def test_a_table_has_at_least_one_column():
    with pytest.raises(ValueError, match="take 0 characters.* between 1 and 50"):
        Progress(1)


def test_a_row_has_one_value_per_column():
    progress = Progress(2, "epoch", "train loss")
    with pytest.raises(ValueError, match="1 values for the columns epoch, "):
        progress.add(1)


def test_a_complete_table_accepts_no_more_rows():
    progress = Progress(1, "epoch")
    progress.add(1)
    with pytest.raises(ValueError, match="total is 1, .* one more row"):
        progress.add(2)


def test_a_progress_table_of_zero_steps_is_refused():
    with pytest.raises(ValueError, match="total is 0; .* at least 1 step"):
        Progress(0, "epoch")
