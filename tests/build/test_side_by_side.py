"""Pages are executed side by side, what takes longest first; all stop together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT
from support.tiny_book import TinyBook, cell

from _ext import build
from _ext.build import Book
from _ext.execute import THREADS

# Each framework's cell waits for the other's.
MEET = """
from pathlib import Path
import time
(here := Path({folder!r}, "{mine}")).touch()
start = time.monotonic()
while not here.with_name("{other}").exists():
    assert time.monotonic() - start < 15, "alone"
    time.sleep(0.05)
"""


def meeting(tiny: TinyBook) -> None:
    cells = [
        cell(MEET.format(folder=str(tiny.root), mine=a, other=b).strip(), a)
        for a, b in (("alpha", "beta"), ("beta", "alpha"))
    ]
    tiny.write("".join(cells))


def test_two_kernels_run_at_once(tiny):
    meeting(tiny)
    build.make_notebooks(Book(tiny.root), renew=False, jobs=2)


def test_one_job_runs_them_in_turn(tiny):
    meeting(tiny)
    with pytest.raises(build.BuildError, match="alone"):
        build.make_notebooks(Book(tiny.root), renew=False, jobs=1)


def names(said: str) -> list[str]:
    return [line.split()[0] for line in said.splitlines() if "executed" in line]


def test_what_takes_longest_is_executed_first(tiny, capsys):
    tiny.write(cell("import time\ntime.sleep(1)", "beta") + cell("1", "alpha"))
    build.make_notebooks(Book(tiny.root), renew=False, jobs=1)
    assert names(capsys.readouterr().out) == ["Alpha", "Beta"]
    path = tiny.root / "_build" / "seconds.json"
    seconds = json.loads(path.read_text())
    assert seconds["beta/tiny/page"] >= 1
    seconds["alpha/tiny/page"] = seconds["beta/tiny/page"] / 2
    path.write_text(json.dumps(seconds))
    build.make_notebooks(Book(tiny.root), force=True, renew=False, jobs=1)
    assert names(capsys.readouterr().out) == ["Beta", "Alpha"]


@pytest.mark.parametrize(
    "kept", [None, '{"cut o', "[1]", '{"beta/tiny/page": "1"}']
)
def test_never_timed_a_page_counts_as_a_second_a_cell(tiny, kept):
    tiny.write(cell("1", "beta") + cell("1", "alpha") + cell("2"))
    book = Book(tiny.root)
    [page] = book.pages()
    if kept:
        book.build.mkdir()
        (book.build / "seconds.json").write_text(kept)
    assert build.Durations(book).expected(page, book.frameworks["beta"]) == 2


SAY = f"import os\nprint([os.environ.get(name) for name in {THREADS!r}])"


@pytest.mark.parametrize("jobs", [1, 2])
def test_kernels_side_by_side_share_the_processors(tiny, monkeypatch, jobs):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(build, "cpus", lambda: 6)
    tiny.write(cell(SAY))
    build.make_notebooks(Book(tiny.root), renew=False, jobs=jobs)
    said = tiny.committed("alpha").read_text()
    assert str([None if jobs == 1 else "3"] * len(THREADS)) in said


def test_who_sets_the_threads_is_heeded(tiny, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    tiny.write(cell("import os\nos.environ['OMP_NUM_THREADS']"))
    build.make_notebooks(Book(tiny.root), renew=False, jobs=2)
    assert "'5'" in tiny.committed("alpha").read_text()


def test_failures_are_told_in_the_order_of_the_pages(tiny):
    tiny.write(cell("import time\ntime.sleep(2)\n1 / 0", "alpha")
               + cell("1 / 0", "beta"))
    with pytest.raises(build.BuildError) as error:
        build.make_notebooks(Book(tiny.root), renew=False, jobs=2)
    said = str(error.value)
    assert 0 < said.index("Alpha, code cell") < said.index("Beta, code cell")


HANG = """
from pathlib import Path
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
Path({folder!r}, f"pid-{{os.getpid()}}-{{child.pid}}").touch()
time.sleep(300)
"""


def started(tiny: TinyBook) -> subprocess.Popen:
    """A build whose two kernels, with a child each, hang in their cells."""
    tiny.write(cell("1"))
    assert tiny.build("book").returncode == 0
    tiny.write(cell("1") + cell(HANG.format(folder=str(tiny.root)).strip()))
    # Ctrl-C works as in a terminal: what a shell starts in the background would
    # ignore it.
    running = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "_ext.build"]
        + ["book", "--jobs", "2", "--root", str(tiny.root)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 60
    while len(list(tiny.root.glob("pid-*"))) < 2:
        assert running.poll() is None, running.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return running


def alive(tiny: TinyBook) -> set[int]:
    """Kernels and children of theirs that run, of those that told of them."""
    found = set()
    for path in tiny.root.glob("pid-*"):
        for pid in path.name.split("-")[1:]:
            status = Path("/proc", pid, "status")
            if status.exists() and "State:\tZ" not in status.read_text():
                found.add(int(pid))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_nothing_is_left_running_and_the_site_stays(tiny, number):
    running = started(tiny)
    before = tiny.site.read_bytes(), tiny.committed("alpha").read_bytes()
    assert len(alive(tiny)) == 4
    running.send_signal(number)
    said = running.communicate(timeout=30)[0]
    assert running.returncode in (130, -signal.SIGINT)  # 130 to a shell
    assert said.rstrip().splitlines()[-1].startswith("Interrupted: ")
    assert "Traceback" not in said
    assert alive(tiny) == set()
    assert (tiny.site.read_bytes(), tiny.committed("alpha").read_bytes()) == before
    tiny.write(cell("1") + cell("2"))
    assert tiny.build("book").returncode == 0


def test_at_least_one_page_has_to_be_executed_at_a_time(tiny):
    tiny.write(cell("1"))
    done = tiny.build("book", "--jobs", "0")
    assert done.returncode == 1
    assert "JOBS=0" in done.stderr and "at least 1" in done.stderr
