"""The book builds on any machine. If a machine cannot execute a page, the committed
outputs are used, and both the terminal and the page say so.
"""

from __future__ import annotations

import json
import shutil
import warnings

import bs4
import numpy as np
import pytest
from support import ROOT
from support.tiny_book import TinyBook, cell

from bookbuild import cache, stand_ins
from d2l_extras import fashion_mnist as data
from d2l_extras.download import FILES

COMPUTE = "from d2l_extras import to_numpy\nanswer = to_numpy(6 * 7)"
LOAD = "from d2l_extras.fashion_mnist import fashion_mnist\nfashion_mnist()"
NOTE = "Not computed on this machine"


def with_helpers(tiny: TinyBook) -> None:
    """Return a book with a result and the real helper package."""
    shutil.copytree(
        ROOT / "d2l_extras",
        tiny.root / "d2l_extras",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    tiny.write(cell(COMPUTE) + "\nIt is {eval}`answer`.")


@pytest.fixture
def committed(tiny_copy) -> TinyBook:
    """Return a book with committed notebooks, as in a fresh clone."""
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
    # The cell fails when the framework does.
    book.write(
        cell("import d2l_extras.alpha", "alpha")
        + cell("import d2l_extras.beta", "beta")
    )


OBSTACLES = {
    no_wheel: ("Alpha has no wheel for this machine", "plan9-mips"),
    no_environment: ("Alpha has no working environment", "the disk is full: make room"),
    no_kernel: ("not installed on this machine", "Run make book"),
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
    assert NOTE in note and "Run make book to see how to change that" in note
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


def test_pages_that_need_no_data_are_executed_even_if_the_data_are_missing(
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


def test_outputs_of_earlier_code_are_used_for_changed_code(committed):
    changed = COMPUTE.replace("6 * 7", "6 * 8")
    committed.write(
        cell(changed) + "\nIt is {eval}`answer`, not {eval}`other`."
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
    assert "answer = to_numpy(6 * 7)" in page.get_text()


def test_a_fault_in_a_helper_fails_the_build(committed):
    no_library(committed)
    helper = committed.root / "d2l_extras" / "alpha.py"
    helper.write_text("from json import no_such_name\n")
    done = committed.build("book")
    assert done.returncode == 1
    assert "code cell 1 of 1: import d2l_extras.alpha" in done.stderr


def test_other_commands_accept_committed_outputs_unless_strict(
    committed,
):
    committed.write(cell(COMPUTE.replace("7", "8")))
    no_environment(committed)
    committed.html()
    assert committed.build("site").returncode == 0
    refused = committed.build("site", "--strict")
    assert refused.returncode == 1
    assert "or from another machine" in refused.stderr


def test_after_a_change_is_reverted_the_committed_outputs_are_current(
    committed,
):
    text = committed.page.read_text()
    committed.write(cell(COMPUTE.replace("7", "8")))
    no_environment(committed)
    committed.html()
    committed.page.write_text(text)
    done = committed.build("site")
    assert done.returncode == 0, done.stderr


def test_a_committed_notebook_without_our_metadata_is_used(committed):
    notebook = committed.committed("alpha")
    node = json.loads(notebook.read_text())
    del node["metadata"]["d2l_extras"]
    notebook.write_text(json.dumps(node))
    no_environment(committed)
    assert "from an earlier version" in committed.html()


def test_pages_executed_after_a_site_of_committed_outputs_are_rendered_again(
    committed,
):
    assert committed.build("site").returncode == 0
    no_environment(committed)
    assert NOTE in committed.html()


def test_a_served_book_is_reloaded_after_a_build_with_stand_ins(committed):
    no_environment(committed)
    committed.html()
    before = json.loads((committed.root / cache.STATE).read_text())
    committed.edit("It is", "The answer is")
    committed.html()
    after = json.loads((committed.root / cache.STATE).read_text())
    assert after["built"] != before["built"]
    assert not cache.is_unchanged(committed.root)


def test_data_that_the_cache_cannot_keep_are_passed_to_the_kernels(
    tmp_path, monkeypatch
):
    rng = np.random.default_rng(0)
    shapes = {"X": (3, 28, 28), "y": (3,)}
    arrays = [
        rng.integers(0, 10, shapes[kind]).astype(np.uint8) for kind in "XyXy"
    ]

    def fetch() -> list:
        warnings.warn("the cache cannot be written", stacklevel=1)
        return arrays

    monkeypatch.setattr(data, "fashion_mnist", fetch)
    obstacle, settings = stand_ins.find_data(tmp_path / "data")
    assert obstacle is None
    assert settings == {"D2L_EXTRAS_DATA": str(tmp_path / "data")}
    for name, array in zip(FILES, arrays, strict=True):
        kept = data.decode_idx((tmp_path / "data" / name).read_bytes())
        assert np.array_equal(kept, array)


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
