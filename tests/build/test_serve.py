"""A served book is rebuilt when a file changes, and open pages load it anew."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from queue import Queue

import psutil
import pytest
from support import ROOT
from support.tiny_book import TinyBook, cell
from watchfiles import Change

from _ext.serve import Sources

START = """
import sys
from _ext import serve
build = [sys.executable, "-m", "_ext.build", "book", "--root", {root!r}]
first = ["sh", "-c", 'echo Started anew; exec "$@"', "sh", *build]
spare = [*build, "--wait"]
sys.exit(serve.main(["--port", {port!r}, "--root", {root!r}], first, spare))
"""
MINUTES = 180  # seconds, for a build on a busy machine


class Serving:
    """A server in a process of its own, and what it says."""

    def __init__(self, tiny: TinyBook) -> None:
        code = START.format(root=str(tiny.root), port="0")
        self.process = subprocess.Popen(
            ["env", "--default-signal=INT", sys.executable, "-uc", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.url = self.until("The book is at").split()[4]

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def until(self, start: str) -> str:
        """The next line that begins so."""
        while line := self.lines.get(timeout=MINUTES):
            if line.startswith(start):
                return line
        raise AssertionError(f"the server has ended without: {start}")

    def said(self, end: str) -> list[str]:
        """All lines up to the next one that begins so."""
        lines = []
        while not lines or not lines[-1].startswith(end):
            lines.append(self.until(""))
        return lines

    def waiting(self) -> psutil.Process:
        """The process that has loaded its modules for the next build."""
        stop = time.monotonic() + MINUTES
        while time.monotonic() < stop:
            for child in psutil.Process(self.process.pid).children():
                if child.cmdline()[-1:] == ["--wait"]:
                    return child
            time.sleep(0.05)
        raise AssertionError("none waits")

    def get(self, path: str) -> tuple[int, dict, str]:
        try:
            answer = urllib.request.urlopen(self.url + path)
        except urllib.error.HTTPError as error:
            answer = error
        return answer.status, dict(answer.headers), answer.read().decode()


@pytest.fixture(scope="module")
def book(tiny_of_module: TinyBook) -> TinyBook:
    tiny_of_module.write(cell("1"))
    return tiny_of_module


@pytest.fixture(scope="module")
def serving(book: TinyBook) -> Iterator[Serving]:
    server = Serving(book)
    yield server
    if server.process.poll() is None:
        os.killpg(server.process.pid, signal.SIGKILL)


@pytest.fixture
def page(browser, serving):
    context = browser.new_context()
    page = context.new_page()
    page.goto(serving.url + "chapters/tiny/page.html")
    return page


def test_a_page_is_sent_as_it_was_built_but_for_one_script(serving, book):
    status, headers, text = serving.get("chapters/tiny/page.html")
    assert (status, headers["Cache-Control"]) == (200, "no-cache")
    script = re.search(r'<script src="/_reload.js\?built=\w+"></script>\n', text)
    assert text.replace(script[0], "") == book.site.read_text()


def test_the_first_page_and_the_lost_one_are_sent_as_a_host_would(serving):
    assert serving.get("")[0] == 200
    status, _, text = serving.get("chapters/nowhere.html")
    assert status == 404
    assert "<!DOCTYPE html>" in text and "_reload.js" in text


def test_nothing_of_the_machine_is_served_besides_the_site(serving):
    for path in ("../unchanged.json", "%2e%2e/unchanged.json", "..%2funchanged.json"):
        status, _, text = serving.get(path)
        assert status in (403, 404)
        assert '"built"' not in text


WORKERS = "navigator.serviceWorker.getRegistrations().then((all) => all.length)"
REGISTER = "navigator.serviceWorker.register('/sw.js').then(() => null)"


def test_no_worker_keeps_pages_that_are_being_changed(serving, page):
    bare = serving.url + "_static/book.css"  # has a browser's usual objects
    page.goto(bare)
    page.evaluate(REGISTER)
    assert page.evaluate(WORKERS) == 1
    page.goto(serving.url + "chapters/tiny/page.html")
    page.wait_for_load_state("networkidle")
    assert "offline" not in page.locator("footer").inner_text()
    page.goto(bare)
    assert page.evaluate(WORKERS) == 0


def test_an_open_page_shows_a_changed_sentence_by_itself(serving, book, page):
    errors = []
    page.on("console", lambda said: errors.append(said.text))
    book.write("A sentence of now.\n\n" + cell("1"))
    serving.until("Changed: chapters/tiny/page.md")
    page.wait_for_load_state()
    serving.until("Open ")
    page.get_by_text("A sentence of now.").wait_for(timeout=MINUTES * 1000)
    assert errors == []


def test_a_failed_build_leaves_the_page_and_the_next_one_mends_it(
    serving, book, page
):
    good = page.content()
    book.write("See {ref}`sec_nowhere`.\n\n" + cell("1"))
    serving.until("Changed: chapters/tiny/page.md")
    assert "sec_nowhere" in serving.until(f"{book.page}:")
    page.reload()
    assert page.content() == good
    book.write("It is mended.\n\n" + cell("1"))
    page.get_by_text("It is mended.").wait_for(timeout=MINUTES * 1000)
    serving.until("Open ")


def test_a_changed_page_is_built_by_a_process_that_has_waited(serving, book):
    waiting = serving.waiting()
    book.write("Without delay.\n\n" + cell("1"))
    assert "Started anew\n" not in serving.said("Open ")
    waiting.wait(MINUTES)
    assert serving.waiting() != waiting


def test_other_changes_start_the_build_anew(serving, book):
    waiting = serving.waiting()
    with (book.root / "_config.yml").open("a") as config:
        config.write("# A remark\n")
    assert "Started anew\n" in serving.said("Open ")
    assert not waiting.is_running()


def test_a_waiting_process_that_has_died_is_missed_by_nobody(serving, book):
    waiting = serving.waiting()
    waiting.kill()
    waiting.wait()
    time.sleep(0.5)  # until the server has heard of it
    book.write("In spite of that.\n\n" + cell("1"))
    assert "Started anew\n" in serving.said("Open ")


@pytest.mark.parametrize(
    ("word", "said"), [("", ""), ("\n", "Nothing has changed")]
)
def test_a_waiting_build_does_nothing_for_nobody_or_for_no_change(
    serving, book, word, said
):
    command = [sys.executable, "-m", "_ext.build", "book", "--wait"]
    done = subprocess.run(
        [*command, "--root", book.root], input=word, cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(said) and bool(done.stdout) == bool(said)


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("chapters/tiny/page.md", True),
        ("_config.yml", True),
        ("_static/book.css", True),
        ("kernels/alpha.txt", True),
        ("_build/html/index.html", False),
        ("notebooks/alpha/tiny/page.ipynb", False),
        (".git/index", False),
        ("chapters/tiny/.page.md.swp", False),
        ("chapters/tiny/page.md~", False),
        ("_ext/__pycache__/build.pyc", False),
    ],
)
def test_what_pages_are_made_from_is_watched_and_nothing_else(
    tmp_path, name, matters
):
    path = str(tmp_path / name)
    assert Sources(tmp_path)(Change.modified, path) is matters


def test_a_port_in_use_is_named_with_the_cure(serving, book):
    port = serving.url.rsplit(":", 1)[1].strip("/")
    done = subprocess.run(
        [sys.executable, "-c", START.format(root=str(book.root), port=port)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {port} cannot be used: name another, as in "
        "make serve PORT=8123.\n"
    )


def test_without_a_site_a_failed_build_ends_it(tiny):
    tiny.write("See {ref}`sec_nowhere`.\n\n" + cell("1"))
    with pytest.raises(AssertionError, match="has ended"):
        Serving(tiny)


def test_ctrl_c_ends_it_quietly(serving):
    serving.process.send_signal(signal.SIGINT)
    assert serving.process.wait(timeout=MINUTES) == 0
    left = list(serving.lines.queue)
    assert not [line for line in left if "Traceback" in line]
    with pytest.raises(ProcessLookupError):  # nor does anything go on
        os.killpg(serving.process.pid, 0)
