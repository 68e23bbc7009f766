"""Put what bench/rebuild.py measured into the page that tells of it.

No number on that page is typed: `` {measured}`name` `` stands for one, or for
a table, and the plots are drawn as the page is read. All of it follows from
one file, which bench/rebuild.py writes.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from . import frameworks as declaration

DATA = "chapters/appendix/measurements.json"
PLOTS = "_build/measured"  # where the page looks for its plots
ROLE = re.compile(r"(?<!`)\{measured\}`([^`]*)`")
PARTS = ("setup", "cold", "change", "growth", "training")
BOOKS = {
    "this": "this book",
    "stock": "stock",
    "cached": "stock with its cache",
}
TASKS = {
    "cold": "nothing executed before",
    "nothing": "no change",
    "sentence": "one sentence changed",
    "cell": "one cell changed",
}
KINDS = {"this": "this book", "sphinx": "Sphinx alone"}
WAYS = {
    "taught": "as the page teaches it",
    "bare": "the same, minibatches made before",
    "d2l": "with D2L's loader",
    "read": "reading alone, our loader",
    "read_d2l": "reading alone, D2L's loader",
    "epoch": "the same in NumPy",
    "limit": "reading each pixel once",
}


class Span(NamedTuple):
    """Repeats of a measurement: their median, least and most."""

    middle: float
    least: float
    most: float

    @property
    def text(self) -> str:
        if self.least == self.most:
            return shown(self.middle)
        return (
            f"{shown(self.middle)} ({shown(self.least)} to {shown(self.most)})"
        )


class Goal(NamedTuple):
    """What was aimed at, what came of it, and whether that is enough."""

    what: str
    aim: str
    found: str
    met: bool


def shown(value: float) -> str:
    """A number with about three digits."""
    digits = next((d for d, top in ((3, 0.1), (2, 10), (1, 100)) if value < top), 0)
    return f"{value:,.{digits}f}"


def span(values: Iterable[float]) -> Span:
    values = list(values)
    return Span(median(values), min(values), max(values))


class Measured:
    """All that the page says, from the data and the frameworks' labels."""

    def __init__(self, data: dict, labels: dict[str, str]) -> None:
        self.machine, self.parts = data["machine"], data["parts"]
        self.labels = {**labels, "numpy": "NumPy"}
        missing = [name for name in PARTS if name not in self.parts]
        if missing:
            raise ExtensionError(
                f"{DATA} lacks the parts {', '.join(missing)}: run "
                f"python bench/rebuild.py --parts {','.join(missing)}"
            )

    def seconds(self, part: str, name: str) -> Span:
        return span(self._values(part, name))

    def ratio(self, part: str, name: str, other: str) -> Span:
        """How many times as long the first takes, turn by turn."""
        pairs = zip(self._values(part, name), self._values(part, other))
        return span(first / second for first, second in pairs)

    def _values(self, part: str, name: str) -> list[float]:
        return self.parts[part]["seconds"][name]

    def has(self, part: str, name: str) -> bool:
        return name in self.parts[part]["seconds"]

    @property
    def frameworks(self) -> list[str]:
        return [n for n in self.labels if self.has("training", f"{n}.taught")]

    # Builds

    def _task(self, task: str) -> tuple[str, str]:
        """The part that measured a task, and what its names begin with."""
        return ("cold", "") if task == "cold" else ("change", f"{task}.")

    def build(self, task: str, book: str) -> Span | None:
        part, before = self._task(task)
        name = before + book
        return self.seconds(part, name) if self.has(part, name) else None

    def faster(self, task: str) -> Span:
        """How many times as long as this book the stock book takes."""
        part, before = self._task(task)
        return self.ratio(part, f"{before}stock", f"{before}this")

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
        faster, sentence = self.faster("cold"), self.faster("sentence")
        nothing = self.build("nothing", "this")
        changed = self.build("sentence", "this")
        executed = self.parts["change"]["notes"]["executed"]["cell"]
        ours, sphinx = (self.per_page("sentence", kind) for kind in KINDS)
        goals = [
            Goal("Cold build, beside stock", "1.7 times as fast",
                 f"{faster.text} times", faster.middle >= 1.7),
            Goal("Build after no change", "under 2 s",
                 f"{nothing.text} s", nothing.middle < 2),
            Goal("Build after one sentence", "under 4 s",
                 f"{changed.text} s", changed.middle < 4),
            Goal("The same, beside stock", "10 times as fast",
                 f"{sentence.text} times", sentence.middle > 10),
            Goal("Notebooks executed after one framework's cell", "1",
                 _numbers(executed), set(executed) == {1}),
            Goal("One sentence, for each page more", "no more than Sphinx",
                 f"{1000 * ours:.0f} ms, Sphinx {1000 * sphinx:.0f} ms",
                 ours <= sphinx),
        ]  # fmt: skip
        for name in self.frameworks:
            label = self.labels[name]
            added = self.ratio("training", f"{name}.taught", f"{name}.bare")
            share = Span(*(100 * (value - 1) for value in added))
            goals.append(
                Goal(f"{label}: what the loader adds", "under 10 percent",
                     f"{share.middle:.0f} percent ({share.least:.0f} to "
                     f"{share.most:.0f})", share.middle < 10)
            )  # fmt: skip
            for way, called in self._customary(name).items():
                times = self.ratio(
                    "training", f"{name}.{way}", f"{name}.taught"
                )
                goals.append(
                    Goal(f"{label}: the taught loop, beside {called}",
                         "as fast", f"{times.text} times as fast",
                         times.middle >= 1)
                )  # fmt: skip
            times = self.ratio("training", f"{name}.read_d2l", f"{name}.read")
            goals.append(
                Goal(f"{label}: our loader, beside D2L's", "10 times as fast",
                     f"{times.text} times", times.middle >= 10)
            )  # fmt: skip
        return goals

    def _customary(self, name: str) -> dict[str, str]:
        return self.parts["training"]["notes"]["customary"].get(name, {})

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
            "versions": ", ".join(
                f"{name} {number}"
                for name, number in self.parts["cold"]["versions"].items()
            ),
            "libraries": ", ".join(
                self.parts["training"]["notes"]["libraries"]
            ),
            "notebooks": str(self.parts["cold"]["notes"]["notebooks"]),
            "sizes": _numbers(self.sizes),
            "goals": str(len(goals)),
            "goals_met": str(len(goals) - len(missed)),
            "missed": "; ".join(
                f"{goal.what} ({goal.found}, not {goal.aim})"
                for goal in missed
            )
            or "none",
            "table_goals": _table(
                ["what", "goal", "measured", ""],
                [(*goal[:3], "met" if goal.met else "**missed**")
                 for goal in goals],
            ),
            "table_setup": self._setup(),
            "table_builds": self._builds(),
            "table_growth": self._growth(),
            "table_training": self._training(),
            "table_when": _table(
                ["part", "measured on", "commit", "turns"],
                [(name, part["day"],
                  f"`{part['commit']}`" + ", changed" * part["with_changes"],
                  _numbers({len(v) for v in part["seconds"].values()}))
                 for name in PARTS for part in [self.parts[name]]],
            ),
            "setup_times": self.ratio("setup", "empty", "warm").text,
        }  # fmt: skip
        for task in TASKS:
            facts[f"{task}_faster"] = self.faster(task).text
            facts[f"{task}_seconds"] = self.build(task, "this").text
        for task in ("nothing", "sentence"):
            for kind in KINDS:
                milliseconds = 1000 * self.per_page(task, kind)
                facts[f"{task}_per_page_{kind}"] = f"{milliseconds:.0f}"
        limit = self.ratio("training", "numpy.epoch", "numpy.limit")
        facts["numpy_limit"] = limit.text
        return facts

    def _setup(self) -> str:
        rows = [
            (f"{state} caches", self.seconds("setup", state).text)
            for state in ("empty", "warm")
        ]
        return _table(["`make setup` from", "seconds"], rows)

    def _builds(self) -> str:
        rows = []
        for task, called in TASKS.items():
            found = [self.build(task, book) for book in BOOKS]
            cells = ["–" if one is None else one.text for one in found]
            rows.append((called, *cells, self.faster(task).text))
        head = ["build after", *(f"{b}, s" for b in BOOKS.values())]
        return _table([*head, "stock / this book"], rows)

    def _growth(self) -> str:
        rows = [
            (f"{TASKS[task]}, {called}",
             *(self.seconds("growth", f"{task}.{kind}.{size}").text
               for size in self.sizes),
             f"{1000 * self.per_page(task, kind):.0f}")
            for task in ("nothing", "sentence")
            for kind, called in KINDS.items()
        ]  # fmt: skip
        head = ["seconds", *(f"{size} pages" for size in self.sizes)]
        return _table([*head, "ms a page"], rows)

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

    def _training(self) -> str:
        rows = []
        for name, label, called in self.ways():
            base = f"{name.partition('.')[0]}.taught"
            times = "–"
            if name != base and self.has("training", base):
                times = self.ratio("training", name, base).text
            seconds = self.seconds("training", name).text
            rows.append((f"{label}: {called}", seconds, times))
        return _table(["an epoch", "seconds", "to the taught loop"], rows)


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

    colors = [line["color"] for line in LINES]

    def bars(rows: list[tuple[str, Span, int]], title: str) -> str:
        """Bars with their labels above them, on a logarithmic scale; the
        line on each is from the least to the most.
        """
        height = 0.7 + 0.5 * len(rows)
        figure = Figure((WIDTH, height), layout="constrained")
        axes = figure.subplots()
        for place, (label, found, color) in enumerate(rows):
            below = [[found.middle - found.least], [found.most - found.middle]]
            axes.barh(place, found.middle, 0.4, xerr=below,
                      color=colors[color], ecolor="black")  # fmt: skip
            axes.annotate(
                f"{label}: {shown(found.middle)} s", (0, place - 0.24), (2, 1),
                xycoords=axes.get_yaxis_transform(), fontsize=10,
                textcoords="offset points",
            )  # fmt: skip
        least = min(found.least for _, found, _ in rows)
        axes.set(xscale="log", xlabel=title, yticks=[])
        axes.set_xlim(left=10 ** int(f"{least:e}".partition("e")[2]) / 2)
        axes.set_ylim(len(rows) - 0.5, -0.9)
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
        (f"{TASKS[task]}, {called}", found, number)
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
        return {
            "builds.svg": bars(builds, "seconds"),
            "growth.svg": curves(),
            "training.svg": bars(epochs, "seconds an epoch"),
        }


def _svg(figure: object) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


# The page


def filled(text: str, facts: dict[str, str], page: str) -> str:
    """A page with what was measured in it.

    Raises ExtensionError for a name that nothing was measured under.
    """

    def put(match: re.Match) -> str:
        if match[1] not in facts:
            line = text.count("\n", 0, match.start()) + 1
            raise ExtensionError(
                f"{page}:{line}: nothing is measured under {match[1]!r}, "
                f"only under {', '.join(facts)}"
            )
        return facts[match[1]]

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
    content[0] = filled(content[0], measured.facts(), source)
    folder = root / PLOTS
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in plots(measured).items():
        (folder / name).write_text(svg, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("source-read", replace)
    return {"version": "1", "parallel_read_safe": True}
