"""No fault of a machine, a process or a kernel leaves a wrong or half-made book."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from support import ROOT
from support.tiny_book import TinyBook, cell

from _ext import build, execute, fresh, harmless, printed, processes
from _ext.build import Book, BuildError
from _ext.execute import MOST_OUTPUT, ExecutionError

# ---------------------------------------------------------------- kernels


def run(tiny: TinyBook, text: str, timeout: int = 120) -> list:
    tiny.write(text)
    book = Book(tiny.root)
    [page] = book.pages()
    return execute.execute(page, book.frameworks["alpha"], timeout=timeout)


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
    # Where a kernel finds this, it does not see what its children print.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    message = failure(tiny, cell("1") + cell(code))
    first = code.splitlines()[0]
    assert f"page.md:18: Alpha, code cell 2 of 2: {first}\n" in message
    assert "more than 1,000,000 characters" in message
    assert "print less" in message and len(message) < 1000


def test_a_display_that_is_drawn_anew_is_no_flood(tiny):
    draw = (
        "from IPython.display import clear_output\n"
        "for i in range(12):\n"
        "    clear_output(wait=True)\n"
        f"    display(str(i) * {MOST_OUTPUT // 10})"
    )
    [[shown]] = run(tiny, cell(draw))
    assert "11" in shown["data"]["text/plain"]


@pytest.mark.parametrize("after", ["", cell("1")])
def test_a_cell_that_ends_its_kernel_is_named(tiny, after):
    message = failure(tiny, cell("0") + cell("exit()") + after)
    assert ": exit()\nends the kernel" in message
    assert "remove that" in message


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("os._exit(3)", "ended with status 3"),
        ("os.kill(os.getpid(), 9)", "memory ran out"),
        ("os.kill(os.getpid(), 11)", "crashed (SIGSEGV)"),
    ],
)
def test_it_is_said_how_a_kernel_died(tiny, code, end):
    message = failure(tiny, cell(f"import os\n{code}"))
    assert "the kernel died: it " in message and end in message


CHILDREN = """
import os, pathlib, subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(300)"]
pids = [
    subprocess.Popen(sleep).pid,
    subprocess.Popen(sleep, env={{}}).pid,
    subprocess.Popen(sleep, start_new_session=True).pid,
    subprocess.check_output(
        ["sh", "-c", 'setsid "$@" >/dev/null & echo $!', "", *sleep], text=True
    ).strip(),
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
ctypes.PyDLL(None).sleep(300)  # which keeps the interpreter's lock
"""


@pytest.mark.parametrize(
    ("then", "fault"),
    [
        ("1", None),
        ("os._exit(3)", "the kernel died"),
        (STUBBORN.strip(), "ran longer than 5 s: "),
    ],
)
def test_what_a_cell_has_started_does_not_outlive_its_kernel(tiny, then, fault):
    code = cell(CHILDREN.format(folder=str(tiny.root)).strip()) + cell(then)
    if fault:
        assert fault in failure(tiny, code, timeout=5)
    else:
        run(tiny, code)
    pids = (tiny.root / "pids").read_text().split()
    assert len(pids) == 5
    assert [pid for pid in pids if runs(pid)] == []


def test_what_a_watcher_could_not_end_the_next_build_ends(executed):
    book = Book(executed.root)
    mark = f"{processes.mark(book.root)}/1"
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(300)"],
        env={**os.environ, processes.MARK: mark},
    )
    try:
        with build.alone(book):
            assert left.wait(60) == -signal.SIGKILL
    finally:
        left.kill()
        left.wait()


def test_an_end_kills_no_other_books_processes():
    sleep = [sys.executable, "-c", "import time; time.sleep(300)"]
    marks = ("one/1", "two/1")
    children = [
        subprocess.Popen(sleep, env={**os.environ, processes.MARK: mark})
        for mark in marks
    ]
    try:
        processes.end("one")
        assert children[0].wait(10) == -signal.SIGKILL
        assert children[1].poll() is None
    finally:
        for child in children:
            child.kill()
            child.wait()


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<script>a()</script>", "<script>"),
        ('<img src="x" onerror="a()">', "a script in onerror="),
        ('<a href=" JavaScript:a()">b</a>', "a script in href="),
        ('<meta http-equiv="refresh" content="0; url=//a.b">', "<meta>"),
        ("<iframe srcdoc='a'></iframe>", "<iframe>"),
        ("</div></main>", "</div> where <div> is not open"),
        ("<div><b>a</div>", "</div> where <div> is not open"),
        ("<table><tr><td>a</table><div>", "<div> that is not closed"),
        ("<table><tr><td>a<br>b<td>c</table><p>d", None),
        ('<pre style="a">1 < 2 &lt; 3 <b/></pre><svg><path d=""/></svg>', None),
    ],
)
def test_html_that_a_page_cannot_run_or_hold_is_found(html, fault):
    assert harmless.fault({"text/html": html}) == fault
    assert harmless.fault({"text/markdown": html}) == fault


@pytest.mark.parametrize("kind", ["HTML", "Javascript"])
def test_a_cell_that_puts_out_a_script_is_named(tiny, kind):
    code = f"from IPython.display import {kind}\n{kind}('<script></script>')"
    message = failure(tiny, cell("1") + cell(code))
    assert "page.md:18: Alpha, code cell 2 of 2: from IPython" in message
    assert "script" in message and "put out text, a table or a pic" in message


@pytest.mark.parametrize(
    "code",
    ["\x1b[31m", "\x1b[38;5;12m", "\x1b]0;title\x07", "\x1b]8;;a\x1b\\", "\x1b[2J",
     "\x1b(B", "\x1b", "\x07", "\x08", "\x00", "\x7f", "\r"],
)  # fmt: skip
def test_text_keeps_nothing_that_only_a_terminal_understands(code):
    assert harmless.plain(f"a{code}\n[b]\té") == "a\n[b]\té"


# ------------------------------------------------- what was kept, and lost


@pytest.fixture
def executed(tiny, monkeypatch) -> TinyBook:
    """A tiny book whose notebooks were made without a kernel."""
    def outputs(page, framework, **_: object) -> list:
        return [
            [nb_output(f"{framework.name} {number}")]
            for number in range(len(page.code(framework.name)))
        ]

    monkeypatch.setattr(build, "execute", outputs)
    tiny.write("Words.\n\n" + cell("1") + cell("2"))
    build.make_notebooks(Book(tiny.root), renew=False)
    return tiny


def nb_output(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": text}


def damages(text: str) -> dict[str, bytes]:
    digest, _, outputs = text.partition("\n")
    fewer = json.dumps(json.loads(outputs)[:1])
    return {
        "empty": b"",
        "cut off": text[:-20].encode(),
        "not text": bytes(range(256)),
        "another shape": b'{"outputs": 1}',
        "a list": b"[]",
        "a changed digit": text.replace("alpha 1", "alpha 7").encode(),
        "fewer outputs": f"{digest}\n{fewer}".encode(),
        "of an older book": outputs.encode(),
    }


@pytest.mark.parametrize("how", damages("\n[]"))
def test_a_damaged_cache_entry_is_executed_anew(executed, capsys, how):
    book = Book(executed.root)
    before = executed.committed("alpha").read_bytes()
    for entry in (book.build / "executed").iterdir():
        entry.write_bytes(damages(entry.read_text())[how])
    capsys.readouterr()
    build.make_notebooks(book, renew=True)
    done = capsys.readouterr().out
    # The other framework's entry does not hold what was changed.
    assert done.count("executed") == (1 if how == "a changed digit" else 2)
    assert executed.committed("alpha").read_bytes() == before
    build.make_notebooks(book, renew=True)
    assert capsys.readouterr().out.count("reused") == 2


def spoil(path: Path, how: str) -> None:
    text = path.read_text()
    spoiled = {
        "cut off": text[: len(text) // 2],
        "conflict": text.replace(
            ' "nbformat": 4,',
            '<<<<<<< HEAD\n "nbformat": 4,\n=======\n "nbformat": 4,\n>>>>>>> other',
        ),
        "a list": "[]",
        "another object": '{"a": 1}',
        "empty": "",
    }[how]
    assert spoiled != text
    path.write_text(spoiled)


SPOILED = ["cut off", "conflict", "a list", "another object", "empty"]


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("which", ["committed", "output"])
def test_a_spoiled_notebook_is_written_anew(executed, how, which):
    book = Book(executed.root)
    [page], alpha = book.pages(), book.frameworks["alpha"]
    path = getattr(book, which)(page, alpha)
    before = path.read_bytes()
    spoil(path, how)
    build.make_notebooks(book, renew=False)
    assert path.read_bytes() == before


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_notebook_that_has_to_stand_in_is_named(executed, how):
    path = executed.committed("beta")
    spoil(path, how)
    executed.platforms("plan9-mips")
    with pytest.raises(BuildError) as error:
        build.make_notebooks(Book(executed.root), renew=False)
    message = str(error.value)
    assert message.startswith(f"{path} is no notebook any more")
    assert "git checkout" in message


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_notebook_is_named_by_check_and_by_site(executed, how):
    book = Book(executed.root)
    spoil(executed.committed("alpha"), how)
    with pytest.raises(BuildError, match="notebooks/alpha/tiny/page.ipynb"):
        build.check(book)
    shutil.rmtree(book.build / "outputs")
    with pytest.raises(BuildError, match='make notebooks FRAMEWORKS="alpha"'):
        build.require_executed(book)


def test_what_is_wrong_with_a_page_is_said_once(executed):
    executed.write("See {ref}`sec_nowhere`.\n\n" + cell("1"))
    with pytest.raises(BuildError) as error:
        build.make_notebooks(Book(executed.root), renew=False)
    assert str(error.value).count("sec_nowhere") == 1


# ---------------------------------------------------------- files and disks


@pytest.mark.parametrize("stop", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path, monkeypatch, stop):
    path = tmp_path / "a.ipynb"
    path.write_text("before")

    def refuse(*_: object) -> None:
        raise stop

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(type(stop)):
        build._write(path, "after")
    assert [p.name for p in tmp_path.iterdir()] == ["a.ipynb"]
    assert path.read_text() == "before"


def site_of(root: Path, text: str) -> Path:
    (root / "pages").mkdir(parents=True)
    for name in ("index.html", "pages/a.html"):
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize("links", [True, False])
def test_a_swap_copies_what_has_changed_and_links_the_rest(
    tmp_path, monkeypatch, links
):
    def refuse(file: str, place: str) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), file)

    if not links:  # as on a system that has none
        monkeypatch.setattr(os, "link", refuse)
    new, site = site_of(tmp_path / "a/html", "old"), tmp_path / "html"
    build.swap(new, site)
    last = {name: (site / name).stat() for name in ("index.html", "pages/a.html")}
    (new / "pages/a.html").write_text("new")  # as long as before
    (new / "b.html").write_text("new")
    build.swap(new, site)
    found = {name: (site / name).read_text() for name in (*last, "b.html")}
    assert found == {"index.html": "old", "pages/a.html": "new", "b.html": "new"}
    same = {
        name: os.path.samestat(stat, (site / name).stat())
        for name, stat in last.items()
    }
    assert same == {"index.html": links, "pages/a.html": False}
    assert {p.name for p in tmp_path.iterdir()} == {"a", "html"}


def test_a_page_of_the_site_is_mended_though_it_is_as_long(tmp_path):
    new, site = site_of(tmp_path / "a/html", "whole"), tmp_path / "html"
    build.swap(new, site)
    (site / "index.html").write_text("spoil")
    build.swap(new, site)
    assert (site / "index.html").read_text() == "whole"
    assert (new / "index.html").read_text() == "whole"


@pytest.mark.parametrize("renames", [0, 1])
def test_a_swap_that_stops_leaves_the_last_site(tmp_path, monkeypatch, renames):
    new, site = site_of(tmp_path / "a/html", "new"), site_of(tmp_path / "html", "old")
    rename, left = Path.rename, [None] * renames

    def stops(path: Path, target: Path) -> Path:
        if path.name == "html.old":
            return rename(path, target)
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stops)
    with pytest.raises(KeyboardInterrupt):
        build.swap(new, site)
    assert (site / "pages" / "a.html").read_text() == "old"
    assert {p.name for p in tmp_path.iterdir()} == {"a", "html"}


def test_the_next_build_mends_what_a_killed_one_left(executed):
    book = Book(executed.root)
    site_of(book.build / "html.old", "old")
    site_of(book.build / "html.new", "new")
    partial = executed.committed("alpha").with_name("page.ipynb.part")
    partial.write_text("{")
    (book.build / "settled.json.part").write_text("{")
    with build.alone(book):
        assert (book.build / "html" / "index.html").read_text() == "old"
        assert not list(book.root.rglob("html.*")) + list(book.root.rglob("*.part"))


def test_a_second_build_says_that_it_waits_for_the_first(executed, capsys):
    book = Book(executed.root)
    first = FileLock(book.build / ".lock")

    def second() -> str:
        with build.alone(book):
            return "second"

    with ThreadPoolExecutor(1) as pool:
        with first:
            waiting = pool.submit(second)
            said, deadline = "", time.monotonic() + 60
            while "waiting for it" not in said:
                assert time.monotonic() < deadline and not waiting.done(), said
                said += capsys.readouterr().out
                time.sleep(0.05)
        assert waiting.result(timeout=60) == "second"


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "Make room on the disk"),
        (errno.EROFS, "Copy the book to where you can write"),
        (errno.EACCES, "Give yourself the right"),
        (errno.EFBIG, "ulimit -f"),
    ],
)
def test_what_the_system_refuses_is_said_with_the_cure(
    executed, monkeypatch, capsys, number, cure
):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "a/file")

    monkeypatch.setattr(build, "make_notebooks", refuse)
    monkeypatch.setattr(build, "find_data", lambda: None)
    assert build.main(["book", "--root", str(executed.root)]) == 1
    said = capsys.readouterr().err
    assert "'a/file'" in said and cure in said and "Traceback" not in said


def test_interrupted_a_printed_edition_stays_as_it_was(
    executed, monkeypatch, capsys
):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(printed, "make", interrupt)
    assert printed.main(["pdf", "--root", str(executed.root)]) == 130
    assert capsys.readouterr().err.startswith("\nInterrupted: ")


@pytest.mark.parametrize("which", ["page.md", "notebook.ipynb"])
@pytest.mark.parametrize("how", ["changed", "removed", "touched"])
def test_pages_are_read_again_by_content_and_not_by_time(tmp_path, which, how):
    for name in ("page.md", "notebook.ipynb"):
        (tmp_path / name).write_text("before")
    env = SimpleNamespace(
        found_docs={"page"},
        srcdir=tmp_path,
        dependencies={"page": {"notebook.ipynb"}},
        doc2path=lambda name: str(tmp_path / f"{name}.md"),
    )
    assert looked_at(env) == []
    path = tmp_path / which
    if how == "changed":
        time_of = path.stat().st_mtime_ns
        path.write_text("after!")
        os.utime(path, ns=(time_of, time_of))
    elif how == "removed":
        path.unlink()
    else:
        os.utime(path, (0, 0))
    assert looked_at(env) == ([] if how == "touched" else ["page"])


def looked_at(env: SimpleNamespace) -> list[str]:
    return fresh.changed(None, env, set(), set(), set())


def test_what_a_page_turns_out_to_depend_on_while_it_is_read_counts(tmp_path):
    page, notebook = tmp_path / "page.md", tmp_path / "notebook.ipynb"
    for path in (page, notebook):
        path.write_text("before")
    env = SimpleNamespace(
        found_docs={"page"},
        srcdir=tmp_path,
        dependencies={},
        doc2path=lambda name: str(page),
    )
    after = []
    app = SimpleNamespace(connect=lambda event, do: after.append(do))
    assert looked_at(env) == []
    fresh.reading(app, env, ["page"])
    env.dependencies["page"] = {"notebook.ipynb"}
    for do in after:
        do(app, env)
    assert looked_at(env) == []
    notebook.write_text("after")
    assert looked_at(env) == ["page"]


# --------------------------------------------------------------- whole builds


def bare(root: Path, *command: str, **options: object) -> subprocess.Popen:
    """A build in the poorest surroundings: locale C, no HOME, no more rights
    than those of who owns the folder.
    """
    rights = []
    if os.geteuid() == 0:  # root without what makes it root
        rights = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    # Ctrl-C works as in a terminal: what a shell starts in the background would
    # ignore it.
    python = ["env", "--default-signal=INT", *rights, sys.executable]
    return subprocess.Popen(
        [*python, "-m", "_ext.build", *command, "--root", str(root)],
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
    """The site and the notebooks, by their paths."""
    rooms = (tiny.root / "_build" / "html", tiny.root / "notebooks")
    return {
        path.relative_to(tiny.root).as_posix(): path.read_bytes()
        for room in rooms
        for path in sorted(room.rglob("*"))
        if path.is_file()
    }


def assert_the_site_stayed_and_can_be_built(
    tiny: TinyBook, before: dict[str, bytes]
) -> None:
    """The site is what it was, and the next build gives what the first gave."""
    site = {k: v for k, v in before.items() if k.startswith("_build/")}
    assert {k: v for k, v in state(tiny).items() if k in site} == site
    tiny.write(GOOD)
    status, said = finish(bare(tiny.root, "book"))
    assert status == 0, said
    assert state(tiny) == tiny.first


GOOD = "Good words.\n\n" + cell("1")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> TinyBook:
    """A built book in a folder with spaces and accents, with a second page."""
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
    """The built book with its sources as they were at first."""
    built.write(GOOD)
    built.page.with_name("plain.md").write_text("# Plain\n\nPlain words.\n")
    return built


def test_the_poorest_surroundings_suffice_for_a_book(built):
    assert "Good words." in built.site.read_text()
    assert "Plain words." in built.site.with_name("plain.html").read_text()


def test_a_page_with_an_old_time_reaches_the_site(again):
    page = again.page.with_name("plain.md")
    page.write_text("# Plain\n\nRestored words.\n")
    os.utime(page, (1e9, 1e9))
    status, said = finish(bare(again.root, "book"))
    assert status == 0, said
    assert "Restored words." in again.site.with_name("plain.html").read_text()


def test_what_fails_once_fails_until_it_is_mended(again):
    page = again.page.with_name("plain.md")
    page.write_text("# Plain\n\nSee [it](nowhere.md).\n")
    before = state(again)
    for _ in range(2):
        status, said = finish(bare(again.root, "book"))
        assert status == 1, said
        assert "plain.md:3: WARNING" in said and "nowhere.md" in said
        assert state(again) == before


def test_a_folder_where_nothing_can_be_written_is_named(again):
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
    assert "Permission denied" in said and "Give yourself the right" in said
    assert "Traceback" not in said
    assert state(again) == before


def test_a_full_disk_leaves_the_last_site(again):
    before = state(again)
    again.write("More words.\n\n" + GOOD)

    def limit() -> None:  # what Sphinx keeps of a book is longer
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    status, said = finish(bare(again.root, "book", preexec_fn=limit))
    assert status == 1, said
    assert os.strerror(errno.EFBIG) in said and "ulimit -f" in said
    assert_the_site_stayed_and_can_be_built(again, before)


HANG = (
    "import os, pathlib, subprocess, sys, time\n"
    "sleep = [sys.executable, '-c', 'import time; time.sleep(300)']\n"
    "child = subprocess.Popen(sleep, start_new_session=True)\n"
    "pathlib.Path({folder!r}, f'pid-{{os.getpid()}}-{{child.pid}}').touch()\n"
    "time.sleep(300)"
)


def pids(tiny: TinyBook) -> list[str]:
    return [
        pid for path in tiny.root.glob("pid-*") for pid in path.name.split("-")[1:]
    ]


@pytest.mark.parametrize("when", ["executing", "rendering"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_and_built_again_the_book_is_what_it_would_be(
    again, when, number
):
    before = state(again)
    extra = cell(HANG.format(folder=str(again.root))) if when == "executing" else ""
    again.write("More words.\n\n" + GOOD + extra)
    stamp = again.root / "_build" / "aside" / "design"
    assert when == "executing" or stamp.exists()
    running = bare(again.root, "book")
    deadline = time.monotonic() + 120
    while len(pids(again)) < 4 if extra else stamp.exists():
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.02)
    os.killpg(running.pid, number)
    status, said = finish(running)
    # Both are 130 to a shell: Python ends itself by the signal where this had
    # come while it ran code from a string.
    assert status in ((130, -2) if number == signal.SIGINT else (-number,)), said
    while any(runs(pid) for pid in pids(again)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert_the_site_stayed_and_can_be_built(again, before)
    for path in again.root.glob("pid-*"):
        path.unlink()


def test_interrupted_before_it_begins_a_build_says_nothing(tiny):
    tiny.write(GOOD)
    running = bare(tiny.root, "book")
    # What nbformat imports, one of the first to be imported.
    maps, deadline = Path("/proc", str(running.pid), "maps"), time.monotonic() + 60
    while "/rpds/" not in maps.read_text():
        assert time.monotonic() < deadline and running.poll() is None
    os.killpg(running.pid, signal.SIGINT)
    assert finish(running) == (-signal.SIGINT, "")
    assert not (tiny.root / "_build").exists()


def test_ctrl_c_before_sphinx_begins_is_not_a_failure_of_the_pages(
    tmp_path, monkeypatch
):
    """Jupyter Book's commands are click's, which makes an error of it."""
    from jupyter_book import sphinx

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sphinx, "build_sphinx", interrupted)
    tiny = TinyBook(tmp_path / "book")
    tiny.write(GOOD)
    with pytest.raises(KeyboardInterrupt):
        build.render(build.Book(tiny.root), tmp_path / "aside")
