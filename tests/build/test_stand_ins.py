"""The book builds on any machine: committed outputs stand in for what a machine
cannot execute, and both the terminal and the page say so.
"""

from __future__ import annotations

import json
import shutil

import bs4
import pytest
from support import ROOT
from support.tiny_book import TinyBook, cell

RECORD = "from d2l_extras import record\nrecord('answer', 6 * 7)"
LOAD = "from d2l_extras.data import fashion_mnist\nfashion_mnist()"
NOTE = "Not computed on this machine"


def with_helpers(tiny: TinyBook) -> None:
    """A book with a result and the real helper package."""
    shutil.copytree(
        ROOT / "d2l_extras",
        tiny.root / "d2l_extras",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    tiny.write(cell(RECORD) + "\nIt is {result}`answer`.")


@pytest.fixture
def committed(tiny_copy) -> TinyBook:
    """A book with committed notebooks, in a fresh clone."""
    book = tiny_copy(with_helpers)
    shutil.rmtree(book.root / "_build")
    return book


def no_wheel(book: TinyBook) -> None:
    book.platforms("plan9-mips")


def no_environment(book: TinyBook) -> None:
    (book.root / ".envs").mkdir()
    path = book.root / ".envs" / "missing.json"
    path.write_text(json.dumps({"python3": "the disk is full: make room"}))


def no_kernel(book: TinyBook) -> None:
    declaration = book.root / "kernels" / "frameworks.toml"
    text = declaration.read_text()
    declaration.write_text(text.replace('"python3"', '"nowhere"'))


def no_library(book: TinyBook) -> None:
    for name in ("alpha", "beta"):
        (book.root / "d2l_extras" / f"{name}.py").write_text(
            "raise OSError('libgomp.so.1: cannot open shared object file: "
            "No such file or directory')\n"
        )
    # The cell fails where the framework does.
    book.write(
        cell("import d2l_extras.alpha", "alpha")
        + cell("import d2l_extras.beta", "beta")
    )


OBSTACLES = {
    no_wheel: ("Alpha has no wheel for this machine", "plan9-mips"),
    no_environment: ("Alpha has no working environment", "the disk is full: make room"),
    no_kernel: ("not installed on this machine", "run make book"),
    no_library: ("Alpha cannot be imported", "apt install libgomp1"),
}
every_obstacle = pytest.mark.parametrize(
    ("hinder", "said"),
    [pytest.param(*item, id=item[0].__name__) for item in OBSTACLES.items()],
)


@every_obstacle
def test_the_book_builds_although_a_framework_cannot_run(
    committed, hinder, said
):
    hinder(committed)
    done = committed.build("book")
    assert done.returncode == 0, done.stderr
    reason, cure = said
    end = done.stdout[done.stdout.index("2 notebooks were not executed") :]
    assert reason in end and cure in end
    assert "tiny/page (Alpha)" in end and "tiny/page (Beta)" in end
    page = bs4.BeautifulSoup(committed.site.read_text(), "html.parser")
    note = page.select_one(".admonition.warning").get_text()
    assert NOTE in note and "make book says how to change that" in note
    assert reason in note
    if hinder is not no_library:
        assert "It is 42." in page.get_text()


@every_obstacle
def test_with_strict_a_framework_that_cannot_run_fails_the_build(
    committed, hinder, said
):
    hinder(committed)
    done = committed.build("book", "--strict")
    assert done.returncode == 1
    assert all(part in done.stderr for part in said)
    assert not committed.site.exists()


def test_pages_that_need_no_data_are_executed_where_the_data_are_missing(
    committed, tmp_path, monkeypatch
):
    committed.write(cell(LOAD + "; 1"))
    other = committed.page.with_name("other.md")
    other.write_text(committed.page.read_text().replace(LOAD, "0"))
    (committed.root / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/tiny/page\n"
        "chapters:\n- file: chapters/tiny/other\n"
    )
    monkeypatch.setenv("D2L_EXTRAS_DATA", str(tmp_path))
    done = committed.build("book")
    assert done.returncode == 0, done.stderr
    assert "tiny/other  1 of 1 cells  executed" in done.stdout
    assert "data        Fashion-MNIST  not available" in done.stdout
    end = done.stdout[done.stdout.index("2 notebooks were not executed") :]
    assert "Fashion-MNIST could neither be found" in end
    assert "D2L_EXTRAS_DATA" in end  # the cure
    assert "tiny/other" not in end
    assert NOTE in committed.site.read_text()
    assert NOTE not in committed.site.with_name("other.html").read_text()
    strict = committed.build("book", "--strict")
    assert strict.returncode == 1
    assert "Fashion-MNIST could neither be found" in strict.stderr


def test_once_the_obstacle_is_gone_the_same_command_executes_the_page(
    committed,
):
    no_environment(committed)
    committed.html()
    (committed.root / ".envs" / "missing.json").unlink()
    done = committed.build("book")
    assert done.stdout.count("executed") == 2, done.stdout + done.stderr
    assert NOTE not in committed.site.read_text()


def test_outputs_of_earlier_code_stand_in_for_changed_code(committed):
    changed = RECORD.replace("6 * 7", "6 * 8")
    committed.write(
        cell(changed) + "\nIt is {result}`answer`, not {result}`other`."
    )
    no_environment(committed)
    page = bs4.BeautifulSoup(committed.html(), "html.parser")
    assert "from an earlier version of this page" in page.get_text()
    assert "It is 42, not (not computed)." in page.get_text()


def test_a_page_without_committed_outputs_shows_its_code(committed):
    shutil.rmtree(committed.root / "notebooks")
    no_environment(committed)
    page = bs4.BeautifulSoup(committed.html(), "html.parser")
    assert "no Alpha outputs of this page are committed" in page.get_text()
    assert "record('answer', 6 * 7)" in page.get_text()


@pytest.mark.parametrize(
    "code", ["__import__('no_such_module')", "raise OSError('no')", "1 / 0"]
)
def test_a_cell_that_raises_fails_the_build_where_its_framework_works(
    committed, code
):
    committed.write(cell(code))
    done = committed.build("book")
    assert done.returncode == 1
    assert f"code cell 1 of 1: {code}" in done.stderr
