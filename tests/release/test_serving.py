"""Serving survives failures, and ends together with its processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
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


def test_changed_settings_start_a_build(serving, book):
    with (book.root / "_config.yml").open("a") as config:
        config.write("# A remark\n")
    serving.until("Changed: _config.yml")
    serving.until("Open ")


def test_without_a_site_a_failed_build_is_served_until_it_is_fixed(tiny):
    tiny.write("See {ref}`sec_nowhere`.")
    server = Serving(tiny)
    try:
        assert server.get("chapters/tiny/page.html")[0] == 404
        tiny.write("Fixed.")
        server.until("Open ")
        assert "Fixed." in server.get("chapters/tiny/page.html")[2]
    finally:
        server.kill()


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
