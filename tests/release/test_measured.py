"""The page on measurements shows what was measured, and nothing else."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.errors import ExtensionError
from support import ROOT
from support.site_pages import soup
from support.tiny_book import TinyBook, cell

from _ext import frameworks as declaration
from _ext import measured, setup_cell, split
from _ext.build import Book

sys.path.insert(0, str(ROOT / "bench"))
import rebuild
import stock
import training

PAGE = ROOT / "chapters" / "appendix" / "measurements.md"
HTML = "chapters/appendix/measurements.html"
PLOTS = {"builds.svg", "growth.svg", "training.svg"}
LABELS = {"one": "One", "two": "Two"}
# Mathematics, code, roles, and the targets of links.
NOT_PROSE = r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\{[\w:]+\}`[^`]*`|\]\([^)]*\)"
# A decimal fraction, a number with thousands, or a percentage.
NUMBER = r"(?<![\w.])(?:\d[\d,]*\.\d+|\d{1,3}(?:,\d{3})+|\d+(?=\s?%))"


def data() -> dict:
    """Return what a run might have measured in two frameworks, all goals met."""
    part = {
        "commit": "0123abc",
        "with_changes": False,
        "day": "2026-01-02",
        "versions": {"Python": "3.11.7"},
    }
    training = {"epoch": 0.08, "limit": 0.01, "moving": 0.02}
    ways = {"taught": 1.05, "bare": 1.0, "customary": 3.0, "d2l": 12.0}
    ways |= {"read": 0.05, "read_d2l": 5.0}
    seconds = {
        "setup": {"empty": 300.0, "warm": 30.0},
        "cold": {"this": 100.0, "stock": 200.0},
        "change": {
            "nothing.this": 0.3,
            "nothing.stock": 6.0,
            "nothing.cached": 5.0,
            "sentence.this": 3.0,
            "served.this": 2.0,
            "sentence.stock": 60.0,
            "sentence.cached": 9.0,
            "cell.this": 9.0,
            "cell.stock": 60.0,
            "cell.cached": 50.0,
        },
        "growth": {
            f"{task}.{kind}.{size}": 1 + size / 1000
            for task in ("nothing", "sentence")
            for kind in ("this", "stock", "sphinx")
            for size in (8, 128)
        },
        "training": {
            **{f"{n}.{w}": s for n in LABELS for w, s in ways.items()},
            **{f"numpy.{way}": value for way, value in training.items()},
        },
    }
    notes = {
        "cold": {"notebooks": 18},
        "change": {"executed": {"cell": [1, 1, 1]}, "pages": ["a", "b", "c"]},
        "growth": {"sizes": [8, 128]},
        "training": {
            "libraries": ["One 1.0", "Two 2.0"],
            "customary": {"one": {"customary": "`fit`"},
                          "two": {"customary": "a `Loader`"}},
        },
    }  # fmt: skip
    return {
        "machine": {
            "processor": "A CPU", "processors": 2, "memory": 8, "system": "OS"
        },
        "parts": {
            name: {
                **part,
                "notes": notes.get(name, {}),
                "seconds": {k: [v] * 3 for k, v in values.items()},
            }
            for name, values in seconds.items()
        },
    }  # fmt: skip


def filled(found: dict) -> str:
    """Return the source of the page with these measurements."""
    made = measured.Measured(found, LABELS)
    return measured.filled(PAGE.read_text(encoding="utf-8"), made, "page")


def goals(found: dict) -> dict[str, bool]:
    made = measured.Measured(found, LABELS).goals()
    return {goal.what: goal.met for goal in made}


# What the page says


def test_no_result_is_typed_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    prose = re.sub(NOT_PROSE, " ", text, flags=re.DOTALL)
    assert set(re.findall(NUMBER, prose)) <= {"60,000"}  # images, a setting


@pytest.mark.parametrize("part", measured.PARTS)
def test_the_page_changes_with_the_measured_times(part):
    found, before = data(), filled(data())
    seconds = found["parts"][part]["seconds"]
    name = next(iter(seconds))
    seconds[name] = [3 * value for value in seconds[name]]
    assert filled(found) != before


def test_the_site_shows_what_the_data_file_holds():
    def bare(text: str) -> str:
        return re.sub(r"[\s`'’]", "", text)

    said = bare(soup(HTML).select_one("article").get_text())
    facts = measured.read(ROOT).facts()
    assert "{measured}" not in said
    for name, fact in facts.items():
        if not name.startswith("table_"):
            assert bare(fact) in said, name
    for row in soup(HTML).select("table tr"):
        assert len(row.select("th, td")) > 1


def test_numbers_are_medians_and_ratios_are_taken_turn_by_turn():
    found = data()
    seconds = found["parts"]["cold"]["seconds"]
    seconds["this"], seconds["stock"] = [1.0, 2.0, 4.0], [8.0, 6.0, 8.0]
    made = measured.Measured(found, LABELS)
    assert made.seconds("cold", "this").text == "2.00 (1.00\u00a0to\u00a04.00)"
    assert made.faster("cold").text == "3.00 (2.00\u00a0to\u00a08.00)"


def test_a_ratio_near_its_goal_is_not_rounded_to_the_goal():
    found = data()
    found["parts"]["training"]["seconds"]["one.taught"] = [1.0955] * 3
    goal = next(
        goal
        for goal in measured.Measured(found, LABELS).goals()
        if goal.what == "One: the taught loop, beside computing alone"
    )
    assert goal.found.startswith("1.09") and goal.met


def test_both_loaders_are_compared_with_moving_the_images():
    facts = measured.Measured(data(), LABELS).facts()
    assert facts["loader_bounds"] == "250 times in One and 250 times in Two"
    assert facts["loader_moving"] == "2.50 times in One and 2.50 times in Two"


def test_a_unit_stays_in_the_line_of_its_number():
    table = measured.Measured(data(), LABELS).facts()["table_goals"]
    assert "under 2\u00a0s" in table
    assert "1.0\u00a0ms, Sphinx 1.0\u00a0ms" in table
    assert not re.search(r"[\d)] m?s\b", table)


def test_the_goal_for_one_sentence_is_judged_over_all_pages():
    found = data()
    seconds = found["parts"]["change"]["seconds"]
    seconds["sentence.this"] = [3.0, 3.0, 3.0]
    seconds["sentence.stock"] = [6.0, 9.0, 81.0]
    facts = measured.Measured(found, LABELS).facts()
    assert facts["sentence_faster"] == "10.7"  # 96 / 9
    assert facts["sentence_faster_by_page"] == "3.00 (2.00\u00a0to\u00a027.0)"
    seconds["served.this"] = [1.0, 2.0, 3.0]  # of the same pages
    made = measured.Measured(found, LABELS)
    assert made.faster("served").text == "6.00 (4.50\u00a0to\u00a027.0)"
    [verdict] = [met for what, met in goals(found).items() if "on each" in what]
    assert verdict
    seconds["sentence.stock"] = [3.0, 3.0, 81.0]
    assert [m for w, m in goals(found).items() if "on each" in w] == [False]


def test_a_single_turn_has_no_spread():
    assert measured.span([1.5]).text == "1.50"


BREAKS = {
    "Cold build, beside stock": ("cold", "stock", 160),
    "Build after no change": ("change", "nothing.this", 2.5),
    "Build after one sentence changed": ("change", "sentence.this", 4.5),
    "One sentence changed while `make serve` watches": (
        "change", "served.this", 4.5
    ),
    "One sentence changed on each page, in all, beside stock": (
        "change", "sentence.stock", 29
    ),
    "One sentence, for each page more": ("growth", "sentence.this.128", 1.2),
    "One: the taught loop, beside computing alone":
        ("training", "one.bare", 0.9),
    "One: the taught loop, beside `fit`": ("training", "one.customary", 1.0),
    "Two: our loader, beside D2L's": ("training", "two.read_d2l", 0.4),
}  # fmt: skip


@pytest.mark.parametrize("goal", BREAKS)
def test_the_page_names_a_missed_goal(goal):
    found = data()
    assert all(goals(found).values())
    assert "What was missed: none." in filled(found)
    part, name, seconds = BREAKS[goal]
    found["parts"][part]["seconds"][name] = [seconds] * 3
    assert [what for what, met in goals(found).items() if not met] == [goal]
    assert f"What was missed: {goal}." in filled(found)
    assert re.search(rf"^\| {re.escape(goal)} \|.*\*\*missed\*\* \|$",
                     filled(found), re.MULTILINE)  # fmt: skip


@pytest.mark.parametrize("executed", [[1, 2, 1], [0, 0, 0]])
def test_executing_any_other_notebook_misses_the_goal(executed):
    found = data()
    found["parts"]["change"]["notes"]["executed"]["cell"] = executed
    missed = [what for what, met in goals(found).items() if not met]
    assert missed == ["Notebooks executed after one framework's cell"]


def test_an_unmeasured_framework_has_no_row():
    found = data()
    seconds = found["parts"]["training"]["seconds"]
    for name in [name for name in seconds if name.startswith("two.")]:
        del seconds[name]
    text = filled(found)
    assert "| One: as the page teaches it |" in text
    assert "| Two:" not in text


def test_an_unknown_name_is_rejected_with_its_line():
    with pytest.raises(ExtensionError, match=r"page\.md:2: .* under 'none'"):
        made = measured.Measured(data(), LABELS)
        measured.filled("# A\n{measured}`none`", made, "page.md")


@pytest.mark.parametrize("part", measured.PARTS)
def test_the_page_says_which_part_was_not_measured(part):
    """A book must be built before it can be measured."""
    found, known = data(), measured.Measured(data(), LABELS).facts()
    del found["parts"][part]
    text = filled(found)
    assert measured.NOT_YET in text and measured.NOT_YET not in filled(data())
    made = measured.Measured(found, LABELS)
    assert measured.plots(made).keys() == PLOTS
    assert made.facts().keys() < known.keys()
    assert f"| {part} |" not in text


def test_the_measurements_of_this_book_are_complete():
    assert not measured.read(ROOT).missing, "run python bench/rebuild.py"


def test_the_page_shows_every_fact_that_is_made_for_it():
    used = measured.ROLE.findall(PAGE.read_text(encoding="utf-8"))
    assert set(used) == set(measured.Measured(data(), LABELS).facts())


@pytest.mark.parametrize("content", [None, "{cut"])
def test_an_unreadable_data_file_is_named_with_the_cure(tmp_path, content):
    path = tmp_path / measured.DATA
    path.parent.mkdir(parents=True)
    if content:
        path.write_text(content)
    with pytest.raises(ExtensionError, match=f"git checkout {measured.DATA}"):
        measured.read(tmp_path)


@pytest.mark.parametrize(
    ("plot", "part", "name"),
    [
        ("builds.svg", "change", "cell.cached"),
        ("growth.svg", "growth", "sentence.this.128"),
        ("growth.svg", "growth", "nothing.stock.8"),
        ("training.svg", "training", "numpy.limit"),
    ],
)
def test_a_plot_changes_with_its_measured_times(plot, part, name):
    found, before = data(), measured.plots(measured.Measured(data(), LABELS))
    found["parts"][part]["seconds"][name] = [1.7, 1.8, 1.9]
    after = measured.plots(measured.Measured(found, LABELS))
    assert [name for name in after if after[name] != before[name]] == [plot]


def test_the_page_depends_on_the_data_file(tmp_path):
    path = tmp_path / measured.DATA
    for folder in ("kernels", Path(measured.DATA).parent):
        (tmp_path / folder).mkdir(parents=True)
    text = (ROOT / declaration.DECLARATION).read_text()
    (tmp_path / declaration.DECLARATION).write_text(text)
    path.write_text(json.dumps(data()))
    noted = []
    env = SimpleNamespace(
        note_dependency=noted.append, doc2path=lambda name: tmp_path / name
    )
    app = SimpleNamespace(srcdir=str(tmp_path), env=env)
    content = ["Of {measured}`notebooks` notebooks."]
    measured.replace(app, "page", content)
    assert content == ["Of 18 notebooks."]
    assert noted == [str(path)]
    for name in re.findall(r"/_build/measured/(\S+)", PAGE.read_text("utf-8")):
        assert (tmp_path / measured.PLOTS / name).exists()


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
        assert setup_cell.ID not in ids and len(ids) > 2


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
