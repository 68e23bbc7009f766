"""The page on measurements says what was measured, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.errors import ExtensionError
from support import ROOT
from support.measurements import LABELS, data

from bookbuild import frameworks as declaration
from _ext import measured

PAGE = ROOT / "chapters" / "appendix" / "measurements.md"
PLOTS = {"builds.svg", "growth.svg", "training.svg"}
def filled(found: dict) -> str:
    """The source of the page with these measurements."""
    made = measured.Measured(found, LABELS)
    return measured.filled(PAGE.read_text(encoding="utf-8"), made, "page")


def goals(found: dict) -> dict[str, bool]:
    made = measured.Measured(found, LABELS).goals()
    return {goal.what: goal.met for goal in made}


@pytest.mark.parametrize("part", measured.PARTS)
def test_changed_measurements_change_the_page(part):
    found, before = data(), filled(data())
    seconds = found["parts"][part]["seconds"]
    name = next(iter(seconds))
    seconds[name] = [3 * value for value in seconds[name]]
    assert filled(found) != before


def test_times_are_medians_and_speedups_are_medians_of_ratios():
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


def test_a_unit_is_not_separated_from_its_number():
    table = measured.Measured(data(), LABELS).facts()["table_goals"]
    assert "under 2\u00a0s" in table
    assert "1.0\u00a0ms, Sphinx 1.0\u00a0ms" in table
    assert not re.search(r"[\d)] m?s\b", table)


def test_changed_sentences_are_judged_in_total_and_page_by_page():
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


TABLES = {
    "table_setup": """\
| `make setup` from | seconds |
| --- | --: |
| empty caches | 300 |
| warm caches | 30.0 |""",
    "table_builds": """\
| build after | this book, s | stock, s | stock with its cache, s | stock / this book |
| --- | --: | --: | --: | --: |
| nothing executed before | 100 | 200 | – | 2.00 |
| no change | 0.30 | 6.00 | 5.00 | 20.0 |
| one sentence changed | 3.00 | 60.0 | 9.00 | 20.0 |
| the same, `make serve` watching | 2.00 | – | – | 30.0 |
| one cell changed | 9.00 | 60.0 | 50.0 | 6.67 |""",
    "table_growth": """\
| seconds | 8 pages | 128 pages | ms a page |
| --- | --: | --: | --: |
| no change, this book | 1.01 | 1.13 | 1.0 |
| no change, stock | 1.01 | 1.13 | 1.0 |
| no change, Sphinx alone | 1.01 | 1.13 | 1.0 |
| one sentence changed, this book | 1.01 | 1.13 | 1.0 |
| one sentence changed, stock | 1.01 | 1.13 | 1.0 |
| one sentence changed, Sphinx alone | 1.01 | 1.13 | 1.0 |""",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_shows_every_measurement_in_its_place(name):
    assert measured.Measured(data(), LABELS).facts()[name] == TABLES[name]


def test_the_table_of_training_compares_each_way_with_the_taught_loop():
    facts = measured.Measured(data(), LABELS).facts()
    rows = facts["table_training"].splitlines()
    assert rows[2:8] == [
        "| One: as the page teaches it | 1.05 | – |",
        "| One: the same, minibatches made before | 1.00 | 0.95 |",
        "| One: `fit` | 3.00 | 2.86 |",
        "| One: with D2L's loader | 12.0 | 11.4 |",
        "| One: reading alone, our loader | 0.050 | 0.048 |",
        "| One: reading alone, D2L's loader | 5.00 | 4.76 |",
    ]
    assert rows[14] == "| NumPy: the same epoch | 0.080 | – |"
    assert facts["numpy_limit"] == "8.00" and facts["setup_times"] == "10.0"


def test_the_origin_of_each_part_is_listed():
    found = data()
    found["parts"]["cold"]["with_changes"] = True
    found["parts"]["cold"]["seconds"]["this"] = [100.0] * 1234
    rows = measured.Measured(found, LABELS).facts()["table_when"].splitlines()
    assert rows[2] == "| setup | 2026-01-02 | `0123abc` | 3 |"
    assert rows[3].startswith("| cold | 2026-01-02 | `0123abc`, changed | ")
    assert "1,234" in rows[3] and " and " in rows[3]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.01234, "0.012"), (0.0999, "0.100"), (0.1, "0.10"), (9.994, "9.99"),
        (10, "10.0"), (99.94, "99.9"), (100, "100"), (1234.5, "1,234"),
    ],
)  # fmt: skip
def test_times_have_about_three_digits(seconds, text):
    assert measured.shown(seconds) == text


def test_milliseconds_have_a_tenth_and_no_negative_zero():
    assert measured.milliseconds(0.01234) == "12.3"
    assert measured.milliseconds(-0.00001) == "0.0"


@pytest.mark.parametrize(
    ("task", "name", "goal", "short_of", "just"),
    [
        ("cold", "stock", "Cold build", 169.9, 170.0),
        ("change", "nothing.this", "Build after no change", 2.0, 1.99),
        ("change", "sentence.this", "Build after one sentence", 4.0, 3.99),
        ("change", "served.this", "One sentence changed while", 4.0, 3.99),
        ("change", "sentence.stock", "One sentence changed on", 30.0, 30.1),
        ("training", "one.taught", "One: the taught loop, beside computing",
         1.1, 1.099),
        ("training", "one.customary", "One: the taught loop, beside `fit`",
         1.049, 1.05),
        ("training", "one.read_d2l", "One: our loader", 0.499, 0.5),
    ],
)  # fmt: skip
def test_a_goal_is_met_once_past_its_bound(task, name, goal, short_of, just):
    for seconds, expected in ((short_of, False), (just, True)):
        found = data()
        found["parts"][task]["seconds"][name] = [seconds] * 3
        [met] = [met for what, met in goals(found).items()
                 if what.startswith(goal)]  # fmt: skip
        assert met == expected


def test_a_single_run_is_shown_without_a_range():
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
def test_a_goal_that_is_missed_is_said_to_be_missed(goal):
    found = data()
    assert all(goals(found).values())
    assert "What was missed: none." in filled(found)
    part, name, seconds = BREAKS[goal]
    found["parts"][part]["seconds"][name] = [seconds] * 3
    assert [what for what, met in goals(found).items() if not met] == [goal]
    facts = measured.Measured(found, LABELS).facts()
    assert (facts["goals"], facts["goals_met"]) == ("13", "12")
    assert f"What was missed: {goal}." in filled(found)
    assert re.search(rf"^\| {re.escape(goal)} \|.*\*\*missed\*\* \|$",
                     filled(found), re.MULTILINE)  # fmt: skip


@pytest.mark.parametrize("executed", [[1, 2, 1], [0, 0, 0]])
def test_executing_any_other_set_of_notebooks_misses_the_goal(executed):
    found = data()
    found["parts"]["change"]["notes"]["executed"]["cell"] = executed
    missed = [what for what, met in goals(found).items() if not met]
    assert missed == ["Notebooks executed after one framework's cell"]


def test_a_framework_that_was_not_measured_has_no_row():
    found = data()
    seconds = found["parts"]["training"]["seconds"]
    for name in [name for name in seconds if name.startswith("two.")]:
        del seconds[name]
    text = filled(found)
    assert "| One: as the page teaches it |" in text
    assert "| Two:" not in text


def test_an_unknown_measurement_is_refused_with_its_line():
    with pytest.raises(ExtensionError, match=r"page\.md:2: .* under 'none'"):
        made = measured.Measured(data(), LABELS)
        measured.filled("# A\n{measured}`none`", made, "page.md")


@pytest.mark.parametrize("part", measured.PARTS)
def test_an_unmeasured_part_is_reported_as_missing(part):
    """The book has to build before it can be measured."""
    found, known = data(), measured.Measured(data(), LABELS).facts()
    del found["parts"][part]
    text = filled(found)
    assert measured.NOT_YET in text and measured.NOT_YET not in filled(data())
    made = measured.Measured(found, LABELS)
    assert measured.plots(made).keys() == PLOTS
    assert made.facts().keys() < known.keys()
    assert f"| {part} |" not in text


def test_the_books_own_measurements_are_complete():
    assert not measured.read(ROOT).missing, "run python bench/rebuild.py"


def test_the_page_uses_every_available_measurement():
    used = measured.ROLE.findall(PAGE.read_text(encoding="utf-8"))
    assert set(used) == set(measured.Measured(data(), LABELS).facts())


@pytest.mark.parametrize("content", [None, "{cut"])
def test_a_file_that_cannot_be_read_is_named_with_the_cure(tmp_path, content):
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
def test_a_changed_measurement_changes_only_its_plot(plot, part, name):
    found, before = data(), measured.plots(measured.Measured(data(), LABELS))
    found["parts"][part]["seconds"][name] = [1.7, 1.8, 1.9]
    after = measured.plots(measured.Measured(found, LABELS))
    assert [name for name in after if after[name] != before[name]] == [plot]


def test_the_page_is_read_again_when_the_file_has_changed(tmp_path):
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
