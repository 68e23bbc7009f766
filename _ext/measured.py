"""Put what bench/rebuild.py measured into the page that tells of it.

No number on that page is typed: `` {measured}`name` `` stands for one, or for
a table, and the plots are drawn as the page is read. All of it follows from
one file, which bench/rebuild.py writes.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from bookbuild import frameworks as declaration

DATA = "chapters/appendix/measurements.json"
PLOTS = "_build/measured"  # where the page looks for its plots
ROLE = re.compile(r"(?<!`)\{measured\}`([^`]*)`")
PARTS = ("setup", "cold", "change", "growth", "training")
NOT_YET = "(not measured yet)"
BOOKS = {
    "this": "this book",
    "stock": "stock",
    "cached": "stock with its cache",
}
TASKS = {
    "cold": "nothing executed before",
    "nothing": "no change",
    "sentence": "one sentence changed",
    "served": "the same, `make serve` watching",
    "cell": "one cell changed",
}
KINDS = {"this": "this book", "stock": "stock", "sphinx": "Sphinx alone"}
WAYS = {
    "taught": "as the page teaches it",
    "bare": "the same, minibatches made before",
    "d2l": "with D2L's loader",
    "read": "reading alone, our loader",
    "read_d2l": "reading alone, D2L's loader",
    "epoch": "the same epoch",
    "limit": "reading each pixel once",
    "moving": "moving each image to another place",
}


class Span(NamedTuple):
    """Repeats of a measurement: their median, least and most."""

    middle: float
    least: float
    most: float

    @property
    def text(self) -> str:
        return self.said(shown)

    def said(self, show: Callable[[float], str]) -> str:
        """The middle and, in parentheses, what no line breaks, the spread."""
        if self.least == self.most:
            return show(self.middle)
        least, most = show(self.least), show(self.most)
        spread = f"({least} to {most})".replace(" ", "\N{NO-BREAK SPACE}")
        return f"{show(self.middle)} {spread}"


class Goal(NamedTuple):
    """What was aimed at, what came of it, and whether that is enough."""

    what: str
    aim: str
    found: str
    met: bool


def shown(value: float) -> str:
    """A number with about three digits."""
    digits = next(
        (d for d, top in ((3, 0.1), (2, 10), (1, 100)) if value < top), 0
    )
    return f"{value:,.{digits}f}"


def milliseconds(seconds: float) -> str:
    """To a tenth, without a minus before nothing."""
    return f"{round(1000 * seconds, 1) + 0.0:.1f}"


def _joined(text: str) -> str:
    """With units that stay in the line of their numbers."""
    return re.sub(r"(?<=[\d)]) (?=m?s\b)", "\N{NO-BREAK SPACE}", text)


def span(values: Iterable[float]) -> Span:
    values = list(values)
    return Span(median(values), min(values), max(values))


class Measured:
    """All that the page says, from the data and the frameworks' labels."""

    def __init__(self, data: dict, labels: dict[str, str]) -> None:
        self.machine, self.parts = data["machine"], data["parts"]
        self.labels = {**labels, "numpy": "NumPy"}
        self.missing = [name for name in PARTS if name not in self.parts]

    def seconds(self, part: str, name: str) -> Span:
        return span(self._values(part, name))

    def ratio(self, part: str, name: str, other: str) -> Span:
        """How many times as long the first takes, turn by turn."""
        pairs = zip(self._values(part, name), self._values(part, other))
        return span(first / second for first, second in pairs)

    def _values(self, part: str, name: str) -> list[float]:
        return self.parts[part]["seconds"][name]

    def has(self, part: str, name: str) -> bool:
        return name in self.parts.get(part, {}).get("seconds", {})

    # Builds

    def _task(self, task: str) -> tuple[str, str]:
        """The part that measured a task, and what its names begin with."""
        return ("cold", "") if task == "cold" else ("change", f"{task}.")

    def build(self, task: str, book: str) -> Span | None:
        part, before = self._task(task)
        name = before + book
        return self.seconds(part, name) if self.has(part, name) else None

    def faster(self, task: str) -> Span:
        """How many times as long as this book the stock book takes, which
        nobody watches.
        """
        part, before = self._task(task)
        of_stock = "sentence." if task == "served" else before
        return self.ratio(part, f"{of_stock}stock", f"{before}this")

    def faster_in_all(self, task: str) -> float:
        """The same of all turns together, where each is of another page."""
        part, before = self._task(task)
        stock, ours = (
            sum(self._values(part, f"{before}{book}"))
            for book in ("stock", "this")
        )
        return stock / ours

    # Growth

    @property
    def sizes(self) -> list[int]:
        return self.parts["growth"]["notes"]["sizes"]

    def per_page(self, task: str, kind: str) -> float:
        """Seconds that a build takes longer for each page there is more."""
        few, many = self.sizes[0], self.sizes[-1]
        first, last = (
            self.seconds("growth", f"{task}.{kind}.{size}").middle
            for size in (few, many)
        )
        return (last - first) / (many - few)

    # What is said

    def goals(self) -> list[Goal]:
        """The goals whose parts were measured."""
        of = {"cold": self._cold_goals, "change": self._change_goals,
              "growth": self._growth_goals, "training": self._training_goals}  # fmt: skip
        return [
            goal for part in of if part in self.parts for goal in of[part]()
        ]

    def _cold_goals(self) -> Iterator[Goal]:
        times = self.faster("cold")
        yield Goal("Cold build, beside stock", "1.7 times as fast",
                   f"{times.text} times", times.middle >= 1.7)  # fmt: skip

    def _change_goals(self) -> Iterator[Goal]:
        for task, top in {"nothing": 2, "sentence": 4}.items():
            found = self.seconds("change", f"{task}.this")
            yield Goal(f"Build after {TASKS[task]}", f"under {top} s",
                       f"{found.text} s", found.middle < top)  # fmt: skip
        served = self.seconds("change", "served.this")
        yield Goal("One sentence changed while `make serve` watches", "under 4 s",
                   f"{served.text} s", served.middle < 4)  # fmt: skip
        in_all = self.faster_in_all("sentence")
        yield Goal("One sentence changed on each page, in all, beside stock",
                   "10 times as fast", f"{shown(in_all)} times", in_all > 10)  # fmt: skip
        executed = set(self.parts["change"]["notes"]["executed"]["cell"])
        yield Goal("Notebooks executed after one framework's cell", "1",
                   _numbers(sorted(executed)), executed == {1})  # fmt: skip

    def _growth_goals(self) -> Iterator[Goal]:
        ours, sphinx = (
            self.per_page("sentence", kind) for kind in ("this", "sphinx")
        )
        yield Goal("One sentence, for each page more", "no more than Sphinx",
                   f"{milliseconds(ours)} ms, Sphinx {milliseconds(sphinx)} ms",
                   ours <= sphinx)  # fmt: skip

    def _training_goals(self) -> Iterator[Goal]:
        for name, label in self.labels.items():
            if not self.has("training", f"{name}.taught"):
                continue
            taught = f"{name}.taught"
            added = self.ratio("training", taught, f"{name}.bare")
            yield Goal(f"{label}: the taught loop, beside computing alone",
                       "under 1.10 times as long",
                       f"{added.said('{:.3f}'.format)} times",
                       added.middle < 1.1)  # fmt: skip
            for way, called in self._customary(name).items():
                times = self.ratio("training", f"{name}.{way}", taught)
                yield Goal(f"{label}: the taught loop, beside {called}",
                           "as fast", f"{times.text} times as fast",
                           times.middle >= 1)  # fmt: skip
            times = self.ratio("training", f"{name}.read_d2l", f"{name}.read")
            yield Goal(f"{label}: our loader, beside D2L's", "10 times as fast",
                       f"{times.text} times", times.middle >= 10)  # fmt: skip

    def _customary(self, name: str) -> dict[str, str]:
        notes = self.parts.get("training", {}).get("notes", {})
        return notes.get("customary", {}).get(name, {})

    def facts(self) -> dict[str, str]:
        """What {measured} may name: numbers, phrases and tables."""
        goals = self.goals()
        missed = [goal for goal in goals if not goal.met]
        facts = {
            "machine": (
                f"{self.machine['processor']} with "
                f"{self.machine['processors']} processors and "
                f"{self.machine['memory']} GB of memory, "
                f"{self.machine['system']}"
            ),
            "goals": str(len(goals)),
            "goals_met": str(len(goals) - len(missed)),
            "missed": "; ".join(goal.what for goal in missed) or "none",
            "table_goals": _table(
                ["what", "goal", "measured", "verdict"],
                [(goal.what, *map(_joined, (goal.aim, goal.found)),
                  "met" if goal.met else "**missed**") for goal in goals],
            ),
            "table_when": _table(
                ["part", "measured on", "commit", "turns"],
                [(name, part["day"],
                  f"`{part['commit']}`" + ", changed" * part["with_changes"],
                  _numbers({len(v) for v in part["seconds"].values()}))
                 for name in PARTS if (part := self.parts.get(name))],
            ),
        }  # fmt: skip
        of = {"setup": self._setup, "cold": self._cold, "change": self._change,
              "growth": self._growth, "training": self._training}  # fmt: skip
        for part, make in of.items():
            if part in self.parts:
                facts |= make()
        if not {"cold", "change"} & set(self.missing):
            facts["table_builds"] = self._builds()
        return facts

    def _setup(self) -> dict[str, str]:
        rows = [
            (f"{state} caches", self.seconds("setup", state).text)
            for state in ("empty", "warm")
        ]
        return {
            "table_setup": _table(["`make setup` from", "seconds"], rows),
            "setup_times": self.ratio("setup", "empty", "warm").text,
        }

    def _cold(self) -> dict[str, str]:
        versions = self.parts["cold"]["versions"]
        return {
            "versions": ", ".join(f"{k} {v}" for k, v in versions.items()),
            "notebooks": str(self.parts["cold"]["notes"]["notebooks"]),
            "cold_faster": self.faster("cold").text,
        }

    def _change(self) -> dict[str, str]:
        return {
            "pages": str(len(set(self.parts["change"]["notes"]["pages"]))),
            "sentence_faster": shown(self.faster_in_all("sentence")),
            "sentence_served": self.seconds("change", "served.this").text,
            "sentence_faster_by_page": self.faster("sentence").text,
        }

    def _builds(self) -> str:
        rows = []
        for task, called in TASKS.items():
            found = [self.build(task, book) for book in BOOKS]
            cells = ["–" if one is None else one.text for one in found]
            rows.append((called, *cells, self.faster(task).text))
        head = ["build after", *(f"{b}, s" for b in BOOKS.values())]
        return _table([*head, "stock / this book"], rows)

    def _growth(self) -> dict[str, str]:
        rows = [
            (f"{TASKS[task]}, {called}",
             *(self.seconds("growth", f"{task}.{kind}.{size}").text
               for size in self.sizes),
             milliseconds(self.per_page(task, kind)))
            for task in ("nothing", "sentence")
            for kind, called in KINDS.items()
        ]  # fmt: skip
        head = ["seconds", *(f"{size} pages" for size in self.sizes)]
        facts = {
            "sizes": _numbers(self.sizes),
            "table_growth": _table([*head, "ms a page"], rows),
        }
        for task in ("nothing", "sentence"):
            for kind in KINDS:
                more = milliseconds(self.per_page(task, kind))
                facts[f"{task}_per_page_{kind}"] = more
        return facts

    def ways(self) -> list[tuple[str, str, str]]:
        """The ways of an epoch: name, what it belongs to, what it is."""
        found = []
        for name, label in self.labels.items():
            called = {**WAYS, **self._customary(name)}
            order = ["taught", "bare", *self._customary(name)]
            for way in [*order, *(w for w in WAYS if w not in order)]:
                if self.has("training", f"{name}.{way}"):
                    found.append((f"{name}.{way}", label, called[way]))
        return found

    def _training(self) -> dict[str, str]:
        rows = []
        for name, label, called in self.ways():
            base = f"{name.partition('.')[0]}.taught"
            times = "–"
            if name != base and self.has("training", base):
                times = self.ratio("training", name, base).text
            seconds = self.seconds("training", name).text
            rows.append((f"{label}: {called}", seconds, times))
        return {
            "loader_bounds": self._to_moving("read_d2l"),
            "loader_moving": self._to_moving("read"),
            "libraries": ", ".join(
                self.parts["training"]["notes"]["libraries"]
            ),
            "table_training": _table(
                ["an epoch", "seconds", "to the taught loop"], rows
            ),
            "numpy_limit": self.ratio(
                "training", "numpy.epoch", "numpy.limit"
            ).text,
        }

    def _to_moving(self, way: str) -> str:
        """How a loader of each framework compares with the least there is."""
        return " and ".join(
            f"{self.ratio('training', name, 'numpy.moving').text} times in {label}"
            for framework, label in self.labels.items()
            if self.has("training", name := f"{framework}.{way}")
        )


def _numbers(values: Iterable[int]) -> str:
    words = [f"{value:,}" for value in values]
    return ", ".join(words[:-1]) + " and " * (len(words) > 1) + words[-1]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; numbers stand on the right."""
    rules = ["---", *["--:"] * (len(head) - 1)]
    lines = [head, rules, *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


# The plots


def plots(measured: Measured) -> dict[str, str]:
    """The plots as SVG, by the name of their files."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from d2l_extras.plots import LINES, STYLE, WIDTH

    def points(rows: list[tuple[str, Span, int]], xlabel: str) -> str:
        """A point a row, its label above it, on a logarithmic scale; a line
        through it goes from the least to the most.
        """
        figure = Figure((WIDTH, 0.7 + 0.4 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for place, (label, found, number) in enumerate(rows):
            line = {**LINES[number], "linestyle": "-"}
            axes.plot((found.least, found.most), (place, place), **{
                **line, "marker": "|"})  # fmt: skip
            axes.plot(found.middle, place, **line)
            axes.annotate(
                f"{label}: {shown(found.middle)} s", (0, place), (2, 5),
                xycoords=axes.get_yaxis_transform(), fontsize=10,
                textcoords="offset points",
            )  # fmt: skip
        axes.set(xscale="log", xlabel=xlabel, yticks=[])
        axes.set_ylim(len(rows) - 0.5, -1)
        return _svg(figure)

    def curves() -> str:
        figure = Figure((WIDTH, 5), layout="constrained")
        grid = figure.subplots(2, sharex=True)
        for axes, task in zip(grid, ("nothing", "sentence")):
            for (kind, called), line in zip(KINDS.items(), LINES):
                found = [
                    measured.seconds("growth", f"{task}.{kind}.{size}").middle
                    for size in measured.sizes
                ]
                axes.plot(measured.sizes, found, label=called, **line)
            axes.set(ylabel=f"{TASKS[task]}, s", ylim=(0, None))
            axes.legend(handlelength=3, framealpha=0.9)
        grid[-1].set(xlabel="pages", xticks=measured.sizes)
        return _svg(figure)

    builds = [
        (f"{TASKS[task]}, {called}".replace("`", ""), found, number)
        for task in TASKS
        for number, (book, called) in enumerate(BOOKS.items())
        if (found := measured.build(task, book))
    ]
    labels = list(measured.labels.values())
    epochs = [
        (f"{label}: {called.replace('`', '')}",
         measured.seconds("training", name), labels.index(label))
        for name, label, called in measured.ways()
    ]  # fmt: skip
    with mpl.rc_context({**STYLE, "axes.grid.axis": "x"}):
        nothing = _svg(Figure((WIDTH, 1)))
        return {
            "builds.svg": points(builds, "seconds") if builds else nothing,
            "growth.svg": (
                nothing if "growth" in measured.missing else curves()
            ),
            "training.svg": (
                points(epochs, "seconds an epoch") if epochs else nothing
            ),
        }


def _svg(figure: object) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


# The page


def filled(text: str, measured: Measured, page: str) -> str:
    """A page with what was measured in it.

    Where parts are missing, the page says so in their place, so that a book can
    be built and measured. Raises ExtensionError for any other name that
    nothing is measured under.
    """
    facts = measured.facts()

    def put(match: re.Match) -> str:
        if match[1] in facts:
            return facts[match[1]]
        if measured.missing:
            return NOT_YET
        line = text.count("\n", 0, match.start()) + 1
        raise ExtensionError(
            f"{page}:{line}: nothing is measured under {match[1]!r}, "
            f"only under {', '.join(facts)}"
        )

    return ROLE.sub(put, text)


def read(root: Path) -> Measured:
    """What was measured, for the book below `root`."""
    try:
        data = json.loads((root / DATA).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExtensionError(
            f"{DATA} cannot be read: {error}. Restore it with git checkout "
            f"{DATA}, or measure anew with python bench/rebuild.py"
        ) from error
    declared = declaration.load(root).values()
    return Measured(data, {one.name: one.label for one in declared})


def replace(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the numbers, tables and plots into a page that asks for them."""
    if not ROLE.search(content[0]):
        return
    root = Path(app.srcdir)
    app.env.note_dependency(str(root / DATA))
    measured = read(root)
    source = Path(app.env.doc2path(docname)).relative_to(root).as_posix()
    content[0] = filled(content[0], measured, source)
    folder = root / PLOTS
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in plots(measured).items():
        (folder / name).write_text(svg, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("source-read", replace)
    return {"version": "1", "parallel_read_safe": True}
