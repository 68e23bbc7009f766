"""The benchmark of builds compares this book fairly with a stock book."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from support import ROOT
from support.tiny_book import TinyBook, cell

from bench import builds, stock_book, training
from bench.measurements import Part, commit_of, run
from bookbuild import cache, install_cell
from bookbuild.build import Book


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> SimpleNamespace:
    """Build two stock books of a page that prints random digits.

    One book executes the page, and the other one has the outputs in a cache.
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
        found.paths[mode] = stock_book.write_notebooks(
            book, Book(tiny.root), mode
        )
        stock_book.build(book)
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


@pytest.mark.parametrize(
    ("task", "changed"),
    [("nothing", []), ("cell", ["alpha"]), ("sentence", ["alpha", "beta"])],
)
def test_a_stock_book_is_changed_in_the_same_way_as_this_book(
    executed, task, changed
):
    source, paths = executed.tiny.page, sorted(executed.paths["cache"])
    books = [
        object.__new__(kind) for kind in (builds.ThisBook, builds.StockBook)
    ]
    for book in books:
        book.workspace = SimpleNamespace(clone=executed.tiny.root)
        book.folder = executed.folder / "cache"
    before = {path: path.read_bytes() for path in (source, *paths)}
    written = {path: path.stat().st_mtime_ns for path in paths}
    for book in books:
        book.edit(task, "tiny/page")
    assert (source.read_bytes() != before[source]) == bool(changed)
    names = {path: path.relative_to(books[0].folder).parts[0] for path in paths}
    differ = [
        names[path] for path in paths if path.read_bytes() != before[path]
    ]
    assert differ == changed
    # Sphinx executes what is newer, so no other notebook may be written.
    newer = [p for p in paths if p.stat().st_mtime_ns != written[p]]
    assert [names[path] for path in newer] == changed


def test_an_edit_gives_a_text_that_is_new_each_time():
    page = f"Words.\n\n{cell('a = 1', 'alpha')}"
    for task, text in (("sentence", "Words.\n"), ("cell", page)):
        once = builds.edited(task, text, "a = 1")
        twice = builds.edited(task, once, "a = 1")
        assert len({text, once, twice}) == 3
        assert len(once) == len(twice)


def test_a_stock_book_with_a_failing_notebook_stops_the_benchmark(executed):
    path = executed.paths["force"][0]
    node = json.loads(path.read_text())
    node["cells"][-1]["source"] = "1 / 0"
    path.write_text(json.dumps(node))
    with pytest.raises(SystemExit, match="cannot be built"):
        stock_book.build(executed.folder / "force")


@pytest.fixture
def workspace(tmp_path) -> builds.Workspace:
    return builds.Workspace(tmp_path / "work", 1)


def test_generated_books_are_timed_and_show_the_changed_sentence(workspace):
    part = Part("growth")
    builds.measure_growth(workspace, part, (2,))
    assert list(part.runs) == [
        f"{task}.{book}.2"
        for task in ("nothing", "sentence")
        for book in ("this", "stock")
    ]
    pages = workspace.work.glob("growth/*/_build/html/**/page-1.html")
    texts = [path.read_text(encoding="utf-8") for path in pages]
    assert len(texts) == 2
    assert all(
        re.search(r"This is the \d{16,} version", text) for text in texts
    )


def test_a_clone_of_another_commit_is_rejected(workspace):
    workspace.clone.mkdir(parents=True)
    for words in (["init", "-q"], ["commit", "-qm", "x", "--allow-empty"]):
        user = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *user, *words], cwd=workspace.clone, check=True)
    with pytest.raises(SystemExit, match="clone of another commit"):
        workspace.clone_book()


def test_the_taught_loop_runs_in_a_process_of_its_own():
    for framework in training.LOOPS:
        taught, *others = training.programs(framework)
        assert '"taught"' in taught and '"bare"' in taught
        assert "d2l_loader" not in taught
        assert others and not any('"taught"' in other for other in others)


def test_the_helpers_that_the_benchmark_of_training_imports_exist():
    code = training.BEFORE + training.NUMPY
    found = re.findall(r"^from (\S+) import (\w+)$", code, re.MULTILINE)
    for module, name in found:
        assert hasattr(importlib.import_module(module), name)
    assert ("bookbuild.executor", "cpus") in found


def test_a_part_that_does_not_exist_is_refused_with_the_names_of_all_parts(
    capsys,
):
    with pytest.raises(SystemExit):
        builds.main(["--parts", "cold,none"])
    error = capsys.readouterr().err
    assert "there is no part 'none', only setup, cold, change, growth" in error


@pytest.fixture
def fake_server(workspace):
    """Return a clone in which `make serve` runs the command in the variable SERVE."""
    workspace.clone.mkdir(parents=True)
    state = workspace.clone / cache.STATE
    state.parent.mkdir()
    state.write_text("first")
    makefile = workspace.clone / "Makefile"
    makefile.write_text(
        "serve:\n\t@echo The book is at http://127.0.0.1:$(PORT)/\n"
        "\t@$(SERVE)\n"
    )
    return workspace


def test_a_served_change_is_timed_until_the_site_differs(
    fake_server, monkeypatch
):
    rebuild = f"sleep 0.5; printf second > {cache.STATE}; sleep 60"
    monkeypatch.setenv("SERVE", rebuild)
    before = builds.state_of(fake_server.clone)
    with builds.served(fake_server) as wait_for_site:
        wait_for_site(before)
        assert builds.state_of(fake_server.clone) == b"second"


def test_a_server_that_ends_is_reported_with_its_output(
    fake_server, monkeypatch
):
    monkeypatch.setenv("SERVE", "echo The port is in use; exit 1")
    with (
        pytest.raises(SystemExit, match=r"failed:\n(.*\n)*The port is in use"),
        builds.served(fake_server) as wait_for_site,
    ):
        wait_for_site(b"first")


def test_cold_builds_and_changes_of_both_books_are_timed(
    workspace, monkeypatch
):
    tiny = TinyBook(workspace.clone)
    tiny.write(cell("a = 1\na", "alpha") + cell("b = 1\nb", "beta"))
    command = f"PYTHONPATH={ROOT} {sys.executable} -m bookbuild book --root ."
    (tiny.root / "Makefile").write_text(
        f"setup:\n\t@true\nbook:\n\t@{command}\n"
        "serve:\n\t@echo The book is at http://127.0.0.1:8000/\n"
        f"\t@while sleep 0.1; do {command}; done\n"
    )
    (tiny.root / ".gitignore").write_text("_build\n")
    assert tiny.build("book").returncode == 0  # writes the notebooks
    user = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Book"]):
        run("git", *user, *words, cwd=tiny.root)
    workspace.commit = commit_of(tiny.root)
    monkeypatch.setattr(builds, "PAUSE", 0)

    cold, change = Part("cold"), Part("change")
    builds.measure_cold(workspace, cold)
    builds.measure_change(workspace, change)

    assert cold.runs.keys() == {"this", "stock"}
    assert cold.notes == {"notebooks": 2}
    assert change.runs.keys() == {"served.this"} | {
        f"{task}.{book}"
        for task in ("nothing", "cell", "sentence")
        for book in ("this", "stock", "cached")
    }
    assert change.notes == {"pages": 1}
    assert all(len(values) == 1 for values in change.runs.values())
    assert "This sentence was written at" in tiny.site.read_text()
