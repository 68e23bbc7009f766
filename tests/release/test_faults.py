"""No failure of a machine, process, or kernel leaves a wrong or incomplete book.

These failures need signals, limits, or whole builds in separate processes. tests/build
covers the others.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT
from support.tiny_book import TinyBook, cell, standard

from bookbuild import build, execution, print_editions
from bookbuild.__main__ import main
from bookbuild.build import Book
from bookbuild.execution import MOST_OUTPUT, ExecutionError

# ---------------------------------------------------------------- kernels


def run(tiny: TinyBook, text: str, timeout: int = 120) -> list:
    tiny.write(text)
    book = Book(tiny.root)
    [page] = book.pages()
    return execution.execute(page, book.frameworks["alpha"], timeout=timeout)


def failure(tiny: TinyBook, text: str, timeout: int = 120) -> str:
    with pytest.raises(ExecutionError) as error:
        run(tiny, text, timeout)
    return str(error.value)


@pytest.mark.parametrize(
    "code",
    [
        "for _ in range(100_000): print('x' * 1000)",
        f"print('x' * {MOST_OUTPUT + 1})",
        f"'x' * {MOST_OUTPUT + 1}",
        f"raise ValueError('x' * {MOST_OUTPUT + 1})",
        "import os\nos.system('yes | head -c 20000000')",
    ],
)
def test_a_cell_that_floods_its_output_is_stopped_and_named(
    tiny, monkeypatch, code
):
    # If a kernel finds this variable, it does not see its children's output.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    message = failure(tiny, cell("1") + cell(code))
    first = code.splitlines()[0]
    assert f"page.md:18: Alpha, code cell 2 of 2: {first}\n" in message
    assert "more than 1,000,000 characters" in message
    assert "print less" in message and len(message) < 1000


def test_a_display_that_is_updated_many_times_does_not_count_as_a_flood(tiny):
    draw = (
        "from IPython.display import clear_output\n"
        "for i in range(12):\n"
        "    clear_output(wait=True)\n"
        f"    display(str(i) * {MOST_OUTPUT // 10})"
    )
    [[shown]] = run(tiny, cell(draw))
    assert "11" in shown["data"]["text/plain"]


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("os.kill(os.getpid(), 9)", "memory ran out"),
        ("os.kill(os.getpid(), 11)", "crashed (SIGSEGV)"),
    ],
)
def test_the_signal_that_killed_a_kernel_is_explained(tiny, code, end):
    message = failure(tiny, cell(f"import os\n{code}"))
    assert "the kernel died: it " in message and end in message


CHILDREN = """
import os, pathlib, subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(300)"]
pids = [
    subprocess.Popen(sleep).pid,
    subprocess.Popen(sleep, env={{}}).pid,
    os.getpid(),
]
pathlib.Path({folder!r}, "pids").write_text(" ".join(map(str, pids)))
"""


def runs(pid: int | str) -> bool:
    status = Path("/proc", str(pid), "status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


STUBBORN = """
import ctypes, signal
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
ctypes.PyDLL(None).sleep(300)  # holding the interpreter's lock
"""


@pytest.mark.parametrize(
    ("then", "fault"),
    [
        ("1", None),
        ("os._exit(3)", "the kernel died"),
        (STUBBORN.strip(), "ran longer than 5 s; "),
    ],
)
def test_processes_that_a_cell_started_end_with_its_kernel(tiny, then, fault):
    code = cell(CHILDREN.format(folder=str(tiny.root)).strip()) + cell(then)
    if fault:
        assert fault in failure(tiny, code, timeout=5)
    else:
        run(tiny, code)
    pids = (tiny.root / "pids").read_text().split()
    assert len(pids) == 3
    deadline = time.monotonic() + 10  # a killed process may take a moment to end
    while any(map(runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [pid for pid in pids if runs(pid)] == []


# --------------------------------------------------------------- whole builds


def bare(root: Path, *command: str, **options: object) -> subprocess.Popen:
    """Start a build with locale C, no HOME, and no privileges beyond the owner's."""
    rights = []
    if os.geteuid() == 0:  # root without its privileges
        rights = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    # Let Ctrl-C work as in a terminal: a shell's background jobs ignore it.
    python = ["env", "--default-signal=INT", *rights, sys.executable]
    return subprocess.Popen(
        [*python, "-m", "bookbuild", *command, "--root", str(root)],
        cwd=ROOT,
        env={
            "PATH": os.defpath,
            "LC_ALL": "C",
            "PYTHONPATH": str(ROOT),
            "SOURCE_DATE_EPOCH": "1000000000",  # in fonts and in the wheel
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        **options,
    )


def finish(running: subprocess.Popen) -> tuple[int, str]:
    said = running.communicate(timeout=300)[0]
    return running.returncode, said


def state(tiny: TinyBook) -> dict[str, bytes]:
    """Return the files of the site and the notebooks by path."""
    return {**tiny.site_files(), **tiny.notebook_files()}


def assert_the_site_stayed_and_can_be_built(
    tiny: TinyBook, before: dict[str, bytes]
) -> None:
    """Assert that the site is unchanged, and that the next build equals the first."""
    site = {k: v for k, v in before.items() if k.startswith("_build/")}
    assert {k: v for k, v in state(tiny).items() if k in site} == site
    tiny.write(GOOD)
    status, said = finish(bare(tiny.root, "book"))
    assert status == 0, said
    assert state(tiny) == tiny.first


GOOD = "Good words.\n\n" + cell("1")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> TinyBook:
    """Return a built book with two pages, in a folder with spaces and accents."""
    tiny = TinyBook(tmp_path_factory.mktemp("a b") / "Bücher für Zoë")
    tiny.write(GOOD)
    plain = tiny.page.with_name("plain.md")
    plain.write_text("# Plain\n\nPlain words.\n")
    (tiny.root / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/tiny/page\n"
        "chapters:\n- file: chapters/tiny/plain\n"
    )
    status, said = finish(bare(tiny.root, "book"))
    assert status == 0, said
    tiny.first = state(tiny)
    return tiny


@pytest.fixture
def again(built: TinyBook) -> TinyBook:
    """Return the built book with its original sources."""
    built.write(GOOD)
    built.page.with_name("plain.md").write_text("# Plain\n\nPlain words.\n")
    return built


def test_a_book_is_built_without_home_locale_or_privileges(built):
    assert "Good words." in built.site.read_text()
    assert "Plain words." in built.site.with_name("plain.html").read_text()


def test_a_read_only_folder_is_reported_with_a_remedy(again):
    before = state(again)
    rights = {path: path.stat().st_mode for path in again.root.rglob("*")}
    rights[again.root] = again.root.stat().st_mode
    again.write("More words.\n\n" + GOOD)
    for path in rights:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        status, said = finish(bare(again.root, "book"))
    finally:
        for path, mode in rights.items():
            path.chmod(mode)
    assert status == 1
    assert "Permission denied" in said and "Give yourself access" in said
    assert "Traceback" not in said
    assert state(again) == before


def test_a_full_disk_keeps_the_last_site_and_the_next_build_is_complete(again):
    before = state(again)
    again.write("More words.\n\n" + GOOD)

    def limit() -> None:  # less than Sphinx's own record of a book
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    status, said = finish(bare(again.root, "book", preexec_fn=limit))
    assert status == 1, said
    assert os.strerror(errno.EFBIG) in said and "ulimit -f" in said
    assert_the_site_stayed_and_can_be_built(again, before)


HANG = (
    "import os, pathlib, time\n"
    "pathlib.Path({folder!r}, f'pid-{{os.getpid()}}').touch()\n"
    "time.sleep(300)"
)


def pids(tiny: TinyBook) -> list[str]:
    return [path.name.split("-")[1] for path in tiny.root.glob("pid-*")]


@pytest.mark.parametrize("when", ["executing", "rendering"])
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]
)
def test_an_interrupted_build_keeps_the_site_and_the_next_is_complete(
    again, when, number
):
    before = state(again)
    extra = cell(HANG.format(folder=str(again.root))) if when == "executing" else ""
    again.write("More words.\n\n" + GOOD + extra)
    copy = again.root / "_build" / "rendered.new"
    running = bare(again.root, "book")
    deadline = time.monotonic() + 120
    while len(pids(again)) < 2 if extra else not copy.exists():
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.02)
    os.killpg(running.pid, number)
    status, said = finish(running)
    if number == signal.SIGKILL:
        assert status == -signal.SIGKILL
    else:
        # Both are 130 to a shell. Python ends itself by the signal if that came
        # while it ran code from a string.
        assert status in (130, -signal.SIGINT), said
        assert said.rstrip().splitlines()[-1].startswith("Interrupted. ")
        assert "Traceback" not in said
    while any(runs(pid) for pid in pids(again)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    if when == "executing":
        assert state(again) == before  # the notebooks as well
    assert_the_site_stayed_and_can_be_built(again, before)
    for path in again.root.glob("pid-*"):
        path.unlink()


def test_an_interrupted_edition_stays_as_it_was(
    tiny_copy, monkeypatch, capsys
):
    book = tiny_copy(standard)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(print_editions, "make_edition", interrupt)
    assert main(["pdf", "--root", str(book.root)]) == 130
    assert capsys.readouterr().err.startswith("\nInterrupted. ")


def test_a_build_interrupted_while_it_is_imported_leaves_nothing_behind(tiny):
    tiny.write(GOOD)
    running = bare(tiny.root, "book")
    # What nbformat imports, one of the first to be imported.
    maps, deadline = Path("/proc", str(running.pid), "maps"), time.monotonic() + 60
    while "/rpds/" not in maps.read_text():
        assert time.monotonic() < deadline and running.poll() is None
    os.killpg(running.pid, signal.SIGINT)
    status, said = finish(running)
    assert status in (130, -signal.SIGINT)
    assert "Traceback" not in said
    assert not (tiny.root / "_build").exists()


def test_ctrl_c_in_sphinx_is_not_reported_as_a_failed_page(tmp_path, monkeypatch):
    """Jupyter Book returns the interruption instead of raising it."""
    from jupyter_book import sphinx

    interrupted = KeyboardInterrupt()
    monkeypatch.setattr(sphinx, "build_sphinx", lambda *_, **__: interrupted)
    tiny = TinyBook(tmp_path / "book")
    tiny.write(GOOD)
    with pytest.raises(KeyboardInterrupt):
        build.run_sphinx(Book(tiny.root), "html", tmp_path / "aside")
