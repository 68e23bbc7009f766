"""The benchmark report contains what was measured, and nothing else."""

from __future__ import annotations

import copy

import pytest
from support import ROOT

from bench import report
from bench.measurements import PARTS, Part, load
from bookbuild import frameworks

LABELS = {"one": "One", "two": "Two"}
RUNS = {
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
        "cell.stock": 18.0,
        "cell.cached": 15.0,
    },
    "growth": {
        f"{task}.{book}.{size}": 1 + size / 1000
        for task in ("nothing", "sentence")
        for book in ("this", "stock")
        for size in (8, 128)
    },
    "training": {
        **{
            f"{name}.{way}": seconds
            for name in LABELS
            for way, seconds in {
                "taught": 1.05, "bare": 1.0, "usual": 3.0, "d2l": 12.0,
                "read": 0.05, "read_d2l": 5.0,
            }.items()
        },
        "numpy.epoch": 0.08,
        "numpy.limit": 0.01,
        "numpy.moving": 0.02,
    },
    "site": {
        f"{visit}.{measure}.{site}": value
        for visit in ("first", "next")
        for measure in report.MEASURES
        for site, value in {"this": 3.0, "stock": 6.0}.items()
    },
}  # fmt: skip
NOTES = {
    "cold": {"notebooks": 18},
    "growth": {"sizes": [8, 128]},
    "training": {
        "libraries": ["One 1.0", "Two 2.0"],
        "recommended": {"one": {"usual": "`fit`"}, "two": {"usual": "`Loader`"}},
    },
    "site": {
        "pages": 3, "visits": 12,
        "origins": {"this": [], "stock": ["cdn.example"]},
    },
}  # fmt: skip


@pytest.fixture
def parts() -> dict:
    """Return possible measurements with two frameworks, where all goals are met."""
    return {
        name: {
            "machine": {
                "processor": "CPU", "processors": 2, "memory": 8, "system": "OS"
            },
            "day": "2026-01-02",
            "commit": "0123abc",
            "changed": False,
            "versions": {"Python": "3.11.7"},
            "notes": copy.deepcopy(NOTES.get(name, {})),
            "runs": {key: [value] * 3 for key, value in RUNS[name].items()},
        }
        for name in PARTS
    }  # fmt: skip


def goals(parts: dict) -> dict[tuple[str, str], bool]:
    return {goal[:2]: goal[3] for goal in report.goals(parts, LABELS)}


def test_the_committed_report_matches_the_measurements():
    labels = {n: one.label for n, one in frameworks.used(ROOT).items()}
    text = report.REPORT.read_text(encoding="utf-8")
    assert text == report.report(load(), labels), "Run python -m bench.report."
    table = report.EPOCHS.read_text(encoding="utf-8")
    assert table == report.epoch_table(load()["training"], labels)


@pytest.mark.parametrize("part", PARTS)
def test_a_changed_measurement_changes_the_report(parts, part):
    before = report.report(parts, LABELS)
    for name, values in parts[part]["runs"].items():
        changed = copy.deepcopy(parts)
        changed[part]["runs"][name] = [3 * value for value in values]
        assert report.report(changed, LABELS) != before, name


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_was_not_measured_is_left_out(parts, part):
    before = report.report(parts, LABELS)
    del parts[part]
    text = report.report(parts, LABELS)
    assert len(text) < len(before)
    assert f"| {part} | 3 |" in before and f"| {part} | 3 |" not in text


def test_a_framework_that_was_not_measured_has_no_row(parts):
    runs = parts["training"]["runs"]
    for name in [name for name in runs if name.startswith("two.")]:
        del runs[name]
    text = report.report(parts, LABELS)
    assert "| One: as the page teaches it |" in text
    assert "| Two:" not in text


def test_a_ratio_is_the_median_of_the_ratios_of_single_turns(parts):
    runs = parts["cold"]["runs"]
    runs["this"], runs["stock"] = [1.0, 2.0, 4.0], [8.0, 6.0, 8.0]
    assert str(report.spread(runs["this"])) == "2.00 (1.00 to 4.00)"
    assert str(report.ratio(runs, "stock", "this")) == "3.00 (2.00 to 8.00)"


def test_the_books_table_compares_each_recommended_way_with_the_taught_loop(parts):
    _, *rows = report.epoch_table(parts["training"], LABELS).splitlines()
    assert rows == ["One,`fit`,3.00,1.05,2.86", "Two,`Loader`,3.00,1.05,2.86"]


def test_values_have_about_three_digits():
    values = (0, 0.01234, 0.1, 9.994, 10, 99.94, 100, 1234.5)
    assert [report.digits(value) for value in values] == [
        "0", "0.012", "0.10", "9.99", "10.0", "99.9", "100", "1,234"
    ]  # fmt: skip


def test_each_row_compares_the_books_after_the_same_change(parts):
    text = report.report(parts, LABELS)
    assert (
        """\
| nothing executed before | 100 | 200 | – | 2.00 |
| no change | 0.30 | 6.00 | 5.00 | 20.0 |
| one sentence changed | 3.00 | 60.0 | 9.00 | 20.0 |
| one sentence, with `make serve` | 2.00 | – | – | 30.0 |
| one cell changed | 9.00 | 18.0 | 15.0 | 2.00 |"""
        in text
    )
    assert "| no change, this book | 1.01 | 1.13 | 1.0 |" in text
    assert "| One: `fit` | 3.00 | 2.86 |" in text
    assert "| NumPy: the same epoch | 0.080 | – |" in text
    assert "| KB with images | 3.00 | 6.00 | 0.50 |" in text


# For each goal, a value that just misses it, and one that just meets it.
@pytest.mark.parametrize(
    ("goal", "name", "misses", "meets"),
    [
        ("Cold build", "cold/stock", 169, 170),
        ("Build after no change", "change/nothing.this", 1.0, 0.99),
        ("Build after one sentence changed", "change/sentence.this", 5.0, 4.99),
        ("Build after one sentence, with `make serve`",
         "change/served.this", 4.0, 3.99),
        ("All builds after one sentence", "change/sentence.stock", 15.0, 15.1),
        ("Build after one cell changed", "change/cell.stock", 8.9, 9.0),
        ("One: time of the taught loop, compared with computation alone",
         "training/one.taught", 1.1, 1.099),
        ("One: the taught loop", "training/one.usual", 1.04, 1.05),
        ("Two: our loader", "training/two.read_d2l", 0.49, 0.5),
    ],
)  # fmt: skip
def test_a_goal_is_met_at_its_limit_but_not_just_below(parts, goal, name, misses, meets):
    part, name = name.split("/")
    assert all(goals(parts).values())
    for value, expected in ((misses, []), (meets, [goal])):
        parts[part]["runs"][name] = [value] * 3
        found = [what for (what, _), met in goals(parts).items() if met]
        assert [what for what in found if what == goal] == expected
    parts[part]["runs"][name] = [misses] * 3
    assert f"Missed: {goal}." in report.report(parts, LABELS)


def test_measuring_a_part_again_replaces_only_that_part(parts, tmp_path):
    path = tmp_path / "measurements.json"
    for name, value in (("cold", 1.23456), ("setup", 2.0), ("cold", 3.0)):
        part = Part(name, path)
        part.add("this", value)
        part.save("0123abc")
    found = load(path)
    assert list(found) == ["setup", "cold"]
    assert found["setup"]["runs"] == {"this": [2.0]}
    assert found["cold"]["runs"] == {"this": [3.0]}
    assert found["cold"]["commit"] == "0123abc"


def test_the_measurements_reveal_neither_paths_nor_names_of_machines():
    for part in load().values():
        assert part["machine"].keys() == {
            "processor", "processors", "memory", "system"
        }  # fmt: skip
        assert part["notes"].keys() <= {
            "notebooks", "pages", "sizes", "libraries", "recommended",
            "visits", "origins",
        }  # fmt: skip
