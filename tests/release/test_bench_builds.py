"""The benchmark measures what the page on measurements says."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import ROOT
from support.measurements import data
from support.tiny_book import TinyBook, cell

from bookbuild import frameworks as declaration
from bookbuild import install_cell, page as split
from _ext import measured
from bookbuild.build import Book

sys.path.insert(0, str(ROOT / "bench"))
import rebuild
import stock
import training

# What is measured

SOURCE = ROOT / "chapters" / f"{rebuild.PAGE}.md"
BOOK = Book(ROOT)


def codes(text: str) -> dict[str, list[str]]:
    """Return the code of a page that each framework executes."""
    page = split.parse(text, SOURCE, rebuild.PAGE, BOOK.frameworks)
    return {n: [c.source for c in page.code(n)] for n in BOOK.frameworks}


@pytest.mark.parametrize(
    ("task", "own", "others"),
    [("nothing", False, []), ("cell", True, [0]), ("sentence", True, [0, 1])],
)
def test_this_book_and_a_stock_book_are_changed_in_the_same_way(
    executed, monkeypatch, task, own, others
):
    monkeypatch.setattr(rebuild, "PAGE", "tiny/page")
    source, paths = executed.tiny.page, sorted(executed.paths["cache"])
    books = [object.__new__(kind) for kind in (rebuild.Ours, rebuild.Stock)]
    for book in books:
        book.bench = SimpleNamespace(clone=executed.tiny.root)
        book.folder = executed.folder / "cache"
    before = [path.read_bytes() for path in (source, *paths)]
    written = [path.stat().st_mtime_ns for path in paths]
    for book in books:
        book.edit(task, "tiny/page")
    anew = [
        number for number, path in enumerate(paths)
        if path.stat().st_mtime_ns != written[number]
    ]  # fmt: skip
    after = [path.read_bytes() for path in (source, *paths)]
    assert (before[0] != after[0]) == own
    pairs = enumerate(zip(before[1:], after[1:]))
    assert [number for number, (a, b) in pairs if a != b] == others
    assert anew == others  # by its time Sphinx tells what to execute
    if task == "sentence":
        assert all(text.count(b"This sentence is of") == 1 for text in after)


def test_the_changed_cell_belongs_to_one_framework():
    text = SOURCE.read_text(encoding="utf-8")
    framework, code = rebuild.cell_of(BOOK)
    once = rebuild.edited("cell", text, code)
    before, after = codes(text), codes(once)
    assert [n for n in before if before[n] != after[n]] == [framework]
    twice = rebuild.edited("cell", once, code)
    assert twice not in (once, text) and len(twice) == len(once)


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> SimpleNamespace:
    """A page that prints something else each time, in two stock books.

    One executes it by itself, and one has its outputs in a cache.
    """
    folder = tmp_path_factory.mktemp("stock")
    tiny = TinyBook(folder / "tiny")
    tiny.write(
        cell("import os\n\nprint('drawn', os.urandom(8).hex())")
        + cell("word = 'alpha'", "alpha")
        + cell("word = 'beta'", "beta")
    )
    done = tiny.build("notebooks")
    assert done.returncode == 0, done.stderr
    found = SimpleNamespace(tiny=tiny, folder=folder, drawn={}, paths={})
    for mode in ("force", "cache"):
        book = folder / mode
        found.paths[mode] = stock.executing(book, Book(tiny.root), mode)
        stock.build(book)
        found.drawn[mode] = [
            drawn(path.read_text("utf-8"))
            for path in sorted(book.glob("_build/html/*/tiny/page.html"))
        ]
    committed = [tiny.committed(name) for name in ("alpha", "beta")]
    found.committed = [drawn(path.read_text("utf-8")) for path in committed]
    return found


def drawn(text: str) -> str:
    return re.search(r"drawn ([0-9a-f]{16})", text)[1]


def test_a_stock_book_executes_each_page_in_each_framework(executed):
    drawn = executed.drawn["force"]
    assert len(drawn) == 2 and len({*drawn, *executed.committed}) == 4


def test_a_stock_book_with_a_cache_reuses_the_outputs(executed):
    assert executed.drawn["cache"] == executed.committed


def test_a_stock_book_has_the_cells_of_a_page_without_the_setup_cell(executed):
    for path in executed.paths["force"]:
        ids = [c["id"] for c in json.loads(path.read_text())["cells"]]
        assert install_cell.ID not in ids and len(ids) > 2


def test_a_stock_book_with_a_failing_notebook_stops_the_benchmark(executed):
    path = executed.paths["force"][0]
    node = json.loads(path.read_text())
    node["cells"][-1]["source"] = "1 / 0"
    path.write_text(json.dumps(node))
    with pytest.raises(SystemExit, match="cannot be built"):
        stock.build(executed.folder / "force")


@pytest.fixture
def bench(tmp_path, monkeypatch) -> rebuild.Bench:
    monkeypatch.setattr(rebuild, "LOG", tmp_path / "log" / "rebuild.json")
    return rebuild.Bench(tmp_path / "work", 1)


def test_generated_books_are_timed_and_show_the_changed_sentence(bench):
    rebuild.growth(bench, (2,))
    names = [f"{task}.{kind}.2" for task in ("nothing", "sentence")
             for kind in ("this", "stock", "sphinx")]  # fmt: skip
    assert list(bench.seconds) == names
    assert json.loads(rebuild.LOG.read_text()) == bench.seconds
    pages = list(bench.work.glob("growth/**/html/**/page-1.html"))
    pages = [p for p in pages if not {"aside", "rendered"} & set(p.parts)]
    assert len(pages) == 3
    for page in pages:
        assert re.search(
            r"This is the \d{16,} version", page.read_text("utf-8")
        )


def test_a_clone_of_another_commit_is_rejected(bench):
    bench.clone.mkdir(parents=True)
    for words in (["init", "-q"], ["commit", "-qm", "x", "--allow-empty"]):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *who, *words], cwd=bench.clone, check=True)
    with pytest.raises(SystemExit, match="of another commit"):
        bench.cloned()


def test_the_taught_loop_runs_in_a_process_of_its_own():
    for framework in declaration.load(ROOT):
        ours, theirs = training.cells(framework)
        assert "d2l_loader" not in "".join(ours)
        assert '"taught"' in ours[-1] and '"bare"' in ours[-1]
        assert ours[:-1] == theirs[:-1] and '"taught"' not in theirs[-1]


# What is kept


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    return tmp_path / "page.json", tmp_path / "draft.json"


def keep(bench: rebuild.Bench, files: tuple[Path, Path], *names: str) -> None:
    for name in names:
        bench.seconds = {"a": [1.5, 2.5]}
        rebuild.keep(name, bench, *files)


def test_the_page_waits_until_all_parts_are_complete(bench, files):
    path, draft = files
    *first, last = rebuild.PARTS
    keep(bench, files, *first)
    assert not path.exists()
    assert list(json.loads(draft.read_text())["parts"]) == first
    keep(bench, files, last)
    parts = json.loads(path.read_text())["parts"]
    assert list(parts) == list(rebuild.PARTS)
    assert parts[last]["seconds"] == {"a": [1.5, 2.5]}
    assert parts[last]["commit"] == rebuild.commit_of(ROOT)


def test_measuring_a_part_again_replaces_only_that_part(bench, files):
    path, _ = files
    path.write_text(json.dumps({**data(), "machine": rebuild.machine()}))
    keep(bench, files, "cold")
    parts, before = json.loads(path.read_text())["parts"], data()["parts"]
    assert parts["cold"]["seconds"] == {"a": [1.5, 2.5]}
    assert {n for n in before if parts[n] != before[n]} == {"cold"}


def test_parts_from_the_same_machine_are_added_one_by_one(bench, files):
    path, draft = files
    found = {**data(), "machine": rebuild.machine()}
    del found["parts"]["cold"], found["parts"]["setup"]
    path.write_text(json.dumps(found))
    keep(bench, files, "cold")
    assert "cold" in json.loads(path.read_text())["parts"]
    assert not draft.exists()


def test_parts_from_different_machines_are_never_mixed(bench, files):
    path, draft = files
    other = copy.deepcopy(data())
    path.write_text(json.dumps(other))
    keep(bench, files, "cold")
    assert json.loads(path.read_text()) == other
    assert list(json.loads(draft.read_text())["parts"]) == ["cold"]


def test_the_data_file_reveals_no_host_name_and_no_path(bench, files):
    keep(bench, files, *rebuild.PARTS)
    text = files[0].read_text() + (ROOT / measured.DATA).read_text()
    assert str(ROOT) not in text and str(Path.home()) not in text
    assert set(rebuild.machine()) == {
        "processor", "processors", "memory", "system"
    }  # fmt: skip
