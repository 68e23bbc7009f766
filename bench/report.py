"""Write docs/benchmarks.md, and a table for the book, from bench/measurements.json.

    python -m bench.report

Every number in the report is computed from that file. Parts that have not been
measured are left out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import NamedTuple

from bookbuild import frameworks

from . import ROOT
from .measurements import load

REPORT = ROOT / "docs" / "benchmarks.md"
EPOCHS = ROOT / "chapters" / "appendix" / "epochs.csv"
HEAD = """\
# Benchmarks

<!-- bench/report.py writes this file. Change it there. -->

`make bench` measures the book on your machine, which takes an hour or two, and
writes this report. To measure only one part, name it, as in

    PYTHONPATH=.:tests .envs/test/bin/python -m bench.builds --parts change
    .envs/test/bin/python -m bench.report

`bench/builds.py`, `bench/training.py`, and `bench/site.py` add their measurements
to `bench/measurements.json`.

**How to read the tables.** The things compared took turns on the same machine, so
that disturbances affected them equally. Each value is the median of all runs, with
the smallest and the largest in parentheses. Each ratio is the median of the ratios
of single turns. Seconds depend on the machine, so compare ratios.

**Stock** means Jupyter Book 1 with its own theme. It executes the same notebooks in
the same environments, one after the other (`execute_notebooks: force`), or keeps
their outputs (`execute_notebooks: cache`). It does not build tabs, previews, or a
search that covers formulas.
"""
BUILDS = {
    "cold": "nothing executed before",
    "nothing": "no change",
    "sentence": "one sentence changed",
    "served": "one sentence, with `make serve`",
    "cell": "one cell changed",
}
WAYS = {
    "taught": "as the page teaches it",
    "bare": "the same, with minibatches prepared in advance",
    "d2l": "with D2L's loader",
    "read": "reading only, our loader",
    "read_d2l": "reading only, D2L's loader",
    "epoch": "the same epoch",
    "limit": "reading each pixel once",
    "moving": "moving each image once",
}
MEASURES = {
    "requests": "requests",
    "outside": "requests to other origins",
    "bytes": "KB without images",
    "all_bytes": "KB with images",
    "first_paint": "first contentful paint, s",
    "largest_paint": "largest contentful paint, s",
    "layout_shift": "cumulative layout shift",
}


class Spread(NamedTuple):
    """The median of some values, with the smallest and the largest."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        if self.least == self.most:
            return digits(self.middle)
        least, most = digits(self.least), digits(self.most)
        return f"{digits(self.middle)} ({least} to {most})"


def digits(value: float) -> str:
    """Return a number with about three digits."""
    limits = ((3, 0.1), (2, 10), (1, 100))
    places = next((p for p, limit in limits if 0 < value < limit), 0)
    return f"{value:,.{places}f}"


def spread(values: Iterable[float]) -> Spread:
    """Return the median, the minimum, and the maximum."""
    values = list(values)
    return Spread(median(values), min(values), max(values))


def ratio(runs: dict, name: str, other: str) -> Spread:
    """Compare two names turn by turn."""
    pairs = zip(runs[name], runs[other], strict=True)
    return spread(first / second for first, second in pairs if second)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with numbers aligned on the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def report(parts: dict[str, dict], labels: dict[str, str]) -> str:
    """Return the report in Markdown. `labels` are those of the frameworks."""
    labels = {**labels, "numpy": "NumPy"}
    sections = [HEAD.strip(), *goals_section(parts, labels)]
    writers = {
        "cold": builds_section,
        "growth": growth_section,
        "training": training_section,
        "site": site_section,
    }
    for name, write in writers.items():
        if name in parts:
            sections += write(parts, labels)
    return "\n\n".join([*sections, *origin_section(parts)]) + "\n"


def goals_section(parts: dict, labels: dict[str, str]) -> Iterator[str]:
    found = list(goals(parts, labels))
    missed = [what for what, *_, met in found if not met]
    yield (
        f"## Goals\n\n{len(found) - len(missed)} of {len(found)} goals are met. "
        f"Missed: {'; '.join(missed) or 'none'}."
    )
    rows = [(*goal, "met" if met else "**missed**") for *goal, met in found]
    yield table(["what", "goal", "measured", "verdict"], rows)


def goals(parts: dict, labels: dict[str, str]) -> Iterator[tuple]:
    """Yield what was measured, the goal, the result, and whether it is met."""
    if "cold" in parts:
        found = ratio(parts["cold"]["runs"], "stock", "this")
        aim, met = "1.7 times as fast as stock", found.middle >= 1.7
        yield "Cold build", aim, f"{found} times", met
    if "change" in parts:
        yield from change_goals(parts["change"]["runs"])
    if "training" in parts:
        yield from training_goals(parts["training"], labels)


def change_goals(runs: dict) -> Iterator[tuple]:
    for task, limit in {"nothing": 1, "sentence": 5, "served": 4}.items():
        found = spread(runs[f"{task}.this"])
        what = f"Build after {BUILDS[task]}"
        yield what, f"under {limit} s", f"{found} s", found.middle < limit
    found = sum(runs["sentence.stock"]) / sum(runs["sentence.this"])
    what, aim = "All builds after one sentence", "5 times as fast as stock"
    yield what, aim, f"{digits(found)} times", found > 5
    found = ratio(runs, "cell.stock", "cell.this")
    what, aim = f"Build after {BUILDS['cell']}", "as fast as stock"
    yield what, aim, f"{found} times", found.middle >= 1


def training_goals(part: dict, labels: dict[str, str]) -> Iterator[tuple]:
    runs = part["runs"]
    for name, label in labels.items():
        taught, d2l = f"{name}.taught", f"{name}.read_d2l"
        if taught not in runs:
            continue
        found = ratio(runs, taught, f"{name}.bare").middle
        what = (
            f"{label}: time of the taught loop, compared with computation alone"
        )
        yield what, "under 1.10 times", f"{found:.3f} times", found < 1.1
        for way, called in part["notes"]["recommended"].get(name, {}).items():
            found = ratio(runs, f"{name}.{way}", taught)
            what, aim = f"{label}: the taught loop", f"as fast as {called}"
            yield what, aim, f"{found} times", found.middle >= 1
        if d2l in runs:
            found = ratio(runs, d2l, f"{name}.read")
            what, aim = f"{label}: our loader", "10 times as fast as D2L's"
            yield what, aim, f"{found} times", found.middle >= 10


def builds_section(parts: dict, _: dict) -> Iterator[str]:
    yield "## Builds"
    if "setup" in parts:
        empty, warm = map(spread, parts["setup"]["runs"].values())
        yield (
            f"`make setup` takes {empty} s if the caches of uv and pip are empty, "
            f"and {warm} s if they are warm. The difference depends on the network."
        )
    yield (
        "A cold build executes "
        f"{parts['cold']['notes']['notebooks']} notebooks and renders all pages. "
        "After a change, the book executes only the page and the framework whose "
        "cells changed. The sentence was added to each page with code in turn. "
        "With `make serve`, the time runs from saving the file to the finished "
        "site."
    )
    runs = {
        **{f"cold.{n}": values for n, values in parts["cold"]["runs"].items()},
        **parts.get("change", {}).get("runs", {}),
    }
    rows = []
    for task, called in BUILDS.items():
        if f"{task}.this" not in runs:
            continue
        names = [f"{task}.{book}" for book in ("this", "stock", "cached")]
        cells = [spread(runs[name]) if name in runs else "–" for name in names]
        other = "sentence.stock" if task == "served" else f"{task}.stock"
        rows.append((called, *cells, ratio(runs, other, f"{task}.this")))
    books = ("this book, s", "stock, s", "stock with its cache, s")
    yield table(["build after", *books, "stock / this book"], rows)


def growth_section(parts: dict, _: dict) -> Iterator[str]:
    part = parts["growth"]
    sizes = part["notes"]["sizes"]
    yield (
        "## Growth\n\nThese are rebuilds of generated books whose pages are all alike. "
        "No cell has to be executed. The last column shows how much time each "
        "additional page takes."
    )
    rows = []
    for task in ("nothing", "sentence"):
        for book, called in {"this": "this book", "stock": "stock"}.items():
            found = [spread(part["runs"][f"{task}.{book}.{n}"]) for n in sizes]
            more = (found[-1].middle - found[0].middle) / (sizes[-1] - sizes[0])
            name = f"{BUILDS[task]}, {called}"
            rows.append((name, *found, f"{1000 * more + 0.0:.1f}"))
    head = ["seconds", *(f"{size} pages" for size in sizes), "ms per page"]
    yield table(head, rows)


def training_section(parts: dict, labels: dict[str, str]) -> Iterator[str]:
    part, runs = parts["training"], parts["training"]["runs"]
    yield (
        "## Training and Reading Data\n\nThe table shows seconds per epoch of softmax "
        "regression, which is 60,000 images in minibatches of 256. The libraries are "
        f"{', '.join(part['notes']['libraries'])}. The last two rows are lower "
        "bounds set by the memory. No epoch can be faster than reading every pixel "
        "once, and no loader that shuffles single images can be faster than moving "
        "every image once. D2L's TensorFlow loader shuffles whole minibatches instead."
    )
    rows = []
    for name, label in labels.items():
        recommended = part["notes"]["recommended"].get(name, {})
        first = {"taught": WAYS["taught"], "bare": WAYS["bare"]}
        for way, called in {**first, **recommended, **WAYS}.items():
            key, base = f"{name}.{way}", f"{name}.taught"
            if key in runs:
                compared = base in runs and way != "taught"
                times = ratio(runs, key, base) if compared else "–"
                rows.append((f"{label}: {called}", spread(runs[key]), times))
    yield table(["one epoch", "seconds", "compared with the taught loop"], rows)


def epoch_table(part: dict, labels: dict[str, str]) -> str:
    """Return the table that compares the frameworks in the book, as CSV."""
    runs = part["runs"]
    rows = [("framework", "customary way", "seconds", "this book's loop", "ratio")]
    for name, label in labels.items():
        taught = f"{name}.taught"
        for way, called in part["notes"]["recommended"].get(name, {}).items():
            other = f"{name}.{way}"
            times = digits(ratio(runs, other, taught).middle)
            seconds = [digits(median(runs[key])) for key in (other, taught)]
            rows.append((label, called, *seconds, times))
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def site_section(parts: dict, _: dict) -> Iterator[str]:
    part = parts["site"]
    runs, notes = part["runs"], part["notes"]
    others = ", ".join(notes["origins"]["this"]) or "none"
    yield (
        "## Weight of the Site\n\nThe tables show medians over "
        f"{notes['pages']} pages, from {notes['visits']} visits with a slow phone, "
        "as simulated by Lighthouse. A ratio below 1 favors this site, although its "
        "pages show all frameworks and not only one. Other origins that this site "
        f"contacts: {others}."
    )
    visits = {"first": "First visit, with an empty cache", "next": "Next page"}
    for visit, title in visits.items():
        rows = []
        for measure, label in MEASURES.items():
            this, stock = (f"{visit}.{measure}.{s}" for s in ("this", "stock"))
            times = ratio(runs, this, stock) if any(runs[stock]) else "–"
            medians = [digits(median(runs[name])) for name in (this, stock)]
            rows.append((label, *medians, times))
        yield f"**{title}**"
        yield table(["", "this site", "stock", "this site / stock"], rows)


def origin_section(parts: dict) -> Iterator[str]:
    yield "## Where and When"
    rows = []
    for name, part in parts.items():
        counts = sorted({len(values) for values in part["runs"].values()})
        commit = f"`{part['commit']}`" + " with changes" * part["changed"]
        machine = "{processor}, {processors} processors, {memory} GB, {system}"
        machine = machine.format(**part["machine"])
        versions = ", ".join(f"{k} {v}" for k, v in part["versions"].items())
        runs = " or ".join(map(str, counts))
        rows.append((name, runs, part["day"], commit, machine, versions))
    head = ("part", "runs", "day", "commit", "machine", "versions")
    yield table(head, rows)


def main() -> None:
    labels = {name: one.label for name, one in frameworks.used(ROOT).items()}
    parts = load()
    REPORT.write_text(report(parts, labels), encoding="utf-8")
    print(f"Wrote {REPORT.relative_to(ROOT)}.")
    if "training" in parts:
        EPOCHS.write_text(epoch_table(parts["training"], labels), encoding="utf-8")
        print(f"Wrote {EPOCHS.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
