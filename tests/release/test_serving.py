"""Serving survives failures, and ends together with its processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support import ROOT
from support.serving import PATIENCE, Serving
from support.tiny_book import TinyBook, standard


@pytest.fixture(scope="module")
def book(tiny_built, tmp_path_factory) -> TinyBook:
    return tiny_built(standard).copy(tmp_path_factory.mktemp("serve") / "book")


@pytest.fixture(scope="module")
def serving(book: TinyBook) -> Iterator[Serving]:
    server = Serving(book)
    yield server
    server.kill()


def test_changed_settings_start_a_build_with_new_modules(serving, book):
    waiting = serving.waiting()
    with (book.root / "_config.yml").open("a") as config:
        config.write("# A remark\n")
    assert "Started again\n" in serving.said("Open ")
    assert not waiting.is_running()


def test_a_waiting_process_that_died_is_replaced(serving, book):
    waiting = serving.waiting()
    waiting.kill()
    waiting.wait()  # until the server has collected its status
    book.edit("Words.", "In spite of that.")
    assert "Started again\n" in serving.said("Open ")


@pytest.mark.parametrize(
    ("word", "said"), [("", ""), ("\n", "Nothing has changed")]
)
def test_a_waiting_build_does_nothing_without_a_server_or_a_change(
    serving, book, word, said
):
    command = [sys.executable, "-m", "bookbuild.build", "book", "--wait"]
    done = subprocess.run(
        [*command, "--root", book.root], input=word, cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(said) and bool(done.stdout) == bool(said)


def test_without_a_site_a_failed_build_ends_the_server(tiny):
    tiny.write("See {ref}`sec_nowhere`.")
    with pytest.raises(AssertionError, match="has ended"):
        Serving(tiny)


def test_ctrl_c_ends_the_server_quietly_and_all_its_processes(tiny_copy):
    server = Serving(tiny_copy(standard))
    try:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=PATIENCE) == 0
        left = list(server.lines.queue)
        assert not [line for line in left if "Traceback" in line]
        with pytest.raises(ProcessLookupError):
            os.killpg(server.process.pid, 0)
    finally:
        server.kill()
