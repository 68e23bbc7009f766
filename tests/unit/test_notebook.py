"""In a notebook, figures and tables are shown by its kernel.

A reader's cells may request input, but cells that a program executes may not. One
kernel runs all tests.
"""

from __future__ import annotations

import pytest
from jupyter_client.manager import start_new_kernel
from test_progress import TABLE

IMPORT = "from d2l_extras import LivePlot, Progress\n"
PROGRESS = """
progress = Progress(2, 'epoch', 'train loss')
progress.add(1, 0.5)
progress.add(2, 0.25)
"""
PLOT = """
plot = LivePlot(2, 'epoch', {'loss (nats)': ['train']})
plot.add(1)
plot.add(0.5)
"""


@pytest.fixture(scope="module")
def run():
    """Return a function that runs code and returns what the kernel sends."""
    manager, client = start_new_kernel(kernel_name="python3")

    def run(code: str, is_batch: bool = True) -> list[dict]:
        sent = []
        client.execute_interactive(
            IMPORT + code,
            allow_stdin=not is_batch,
            timeout=60,
            output_hook=sent.append,
        )
        kinds = ("display_data", "update_display_data", "stream", "error")
        return [message for message in sent if message["msg_type"] in kinds]

    try:
        yield run
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def kinds(sent: list[dict]) -> list[str]:
    return [message["msg_type"] for message in sent]


def displays(sent: list[dict]) -> set[str]:
    return {message["content"]["transient"]["display_id"] for message in sent}


def plain(sent: list[dict]) -> list[str | None]:
    return [message["content"]["data"].get("text/plain") for message in sent]


def test_a_program_gets_only_the_finished_table(run):
    sent = run(PROGRESS)
    assert kinds(sent) == ["display_data"]
    assert plain(sent) == [TABLE]


def test_a_reader_sees_one_table_grow(run):
    sent = run(PROGRESS, is_batch=False)
    assert kinds(sent) == ["display_data"] + 2 * ["update_display_data"]
    assert len(displays(sent)) == 1
    heading, one_row, table = plain(sent)
    assert [len(text.splitlines()) for text in (heading, one_row)] == [2, 3]
    assert table == TABLE


def test_a_program_gets_only_the_finished_plot(run):
    sent = run(PLOT)
    assert kinds(sent) == ["display_data"]
    assert plain(sent) == ["<Figure with 1 axes>"]
    assert "image/svg+xml" in sent[0]["content"]["data"]


def test_a_reader_sees_one_plot_grow(run):
    sent = run(PLOT, is_batch=False)
    assert kinds(sent) == ["display_data", "update_display_data"]
    assert len(displays(sent)) == 1


def test_two_tables_in_a_notebook_have_separate_displays(run):
    first, second = (run(PROGRESS, is_batch=False) for _ in range(2))
    assert displays(first) != displays(second)
