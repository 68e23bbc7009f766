"""How fast the book is set up, built, changed and trained: `make bench`.

    python bench/rebuild.py [--parts setup,cold,...] [--turns N] [--work FOLDER]

    1  setup     `make setup` from empty caches of uv and pip, and from warm ones
    2  cold      `make book` where nothing was executed, beside a stock Jupyter
                 Book that executes the same notebooks by itself
    3  change    a build after no change, one sentence (of each page, one page
                 after the other), one cell, beside it
    4  growth    no change and one sentence with 8, 32 and 128 pages, beside
                 Sphinx alone
    5  training  an epoch in several ways (bench/training.py)

What is compared takes turns within one run. What is built is a clone of the
last commit, in a temporary folder or in --work, which is kept: part 3 needs
the books that part 2 builds, and builds those that it does not find.

Every time goes to _build/bench/rebuild.json at once and, when its part is
complete, to chapters/appendix/measurements.json, from which _ext/measured.py
makes the numbers, tables and plots of the page there. On another machine than
the one that measured what is there, that waits until all parts are complete.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench"), str(ROOT / "tests")]

import stock
import training
from support.tiny_book import HEADER, TinyBook, cell

from bookbuild import unchanged
from bookbuild.build import Book, cpus
from _ext.measured import DATA

LOG = ROOT / "_build" / "bench" / "rebuild.json"
DRAFT = LOG.with_name("measurements.json")
PYTHON = getattr(sys, "_base_executable", sys.executable)
# A page that is executed in seconds, of which a cell is changed.
PAGE = "linear-networks/linear-regression-concise"
SENTENCE = re.compile(r"\s*This sentence is of \d+\.\s*\Z")
SIZES = (8, 32, 128)  # pages
PAUSE = 10  # seconds from one change to the next, while the book is served
PATIENCE = 300  # seconds until a change must have come to the site


class Bench:
    """A run: where it works, how often, and what it has measured so far.

    `seconds` holds the times of each thing that was measured, one a turn;
    `notes` what else is to be known.
    """

    def __init__(
        self, work: Path, turns: int | None = None, commit: str | None = None
    ) -> None:
        self.work, self.turns = work, turns
        self.commit = commit or commit_of(ROOT)
        self.clone = work / "book"
        self.seconds: dict[str, list[float]] = {}
        self.notes: dict[str, object] = {}

    def times(self, usual: int) -> range:
        return range(self.turns or usual)

    def time(self, name: str, do: Callable[[], object]) -> None:
        start = time.perf_counter()
        do()
        self.keep(name, time.perf_counter() - start)

    def keep(self, name: str, seconds: float) -> None:
        self.seconds.setdefault(name, []).append(float(f"{seconds:.4g}"))
        print(f"  {name:28} {seconds:9.3f} s", flush=True)
        LOG.parent.mkdir(parents=True, exist_ok=True)
        LOG.write_text(json.dumps(self.seconds, indent=1), encoding="utf-8")

    def make(self, *words: str, **more: str) -> str:
        """Run make in the clone; what it printed."""
        # What belongs to the environment that this runs in is not the clone's.
        hidden = ("JUPYTER_PATH", "MAKEFLAGS", "PYTHONPATH", "VIRTUAL_ENV")
        kept = {k: v for k, v in os.environ.items() if k not in hidden}
        command = ["make", f"PYTHON={PYTHON}", *words]
        return run(command, cwd=self.clone, env={**kept, **more})

    def cloned(self) -> None:
        """See to a clone of the commit.

        Raises SystemExit if --work has one of another commit.
        """
        if not self.clone.exists():
            run(["git", "clone", "--quiet", ROOT, self.clone])
        if commit_of(self.clone) != self.commit:
            raise SystemExit(
                f"{self.clone} is of another commit: remove {self.work}."
            )


def run(command: list, **more: object) -> str:
    """What a command printed; SystemExit with all of it if it fails."""
    done = subprocess.run(
        command,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **more,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}:\n{done.stdout}")
    return done.stdout


def in_turn(turn: int, ways: list) -> list:
    """The other way round each time, so that nobody always comes first."""
    return ways[:: -1 if turn % 2 else 1]


# 1 Set-up


def setup(bench: Bench) -> None:
    """Environments, with everything to be fetched and with nothing."""
    bench.cloned()
    for _ in bench.times(2):
        with tempfile.TemporaryDirectory(dir=bench.work) as caches:
            own = {
                "UV_CACHE_DIR": f"{caches}/uv",
                "PIP_CACHE_DIR": f"{caches}/pip",
            }
            for state in ("empty", "warm"):
                shutil.rmtree(bench.clone / ".envs", ignore_errors=True)
                bench.time(state, lambda: bench.make("setup", **own))


# 2 Cold builds


def cold(bench: Bench) -> None:
    """Both books where nothing was executed or rendered before."""
    bench.cloned()
    bench.make("setup")
    other = bench.work / "stock"
    shutil.rmtree(other, ignore_errors=True)
    bench.notes["notebooks"] = len(stock.executing(other, Book(bench.clone)))
    ways = [
        ("this", bench.clone, lambda: bench.make("book")),
        ("stock", other, lambda: stock.build(other)),
    ]
    for turn in bench.times(2):
        for name, folder, build in in_turn(turn, ways):
            shutil.rmtree(folder / "_build", ignore_errors=True)
            bench.time(name, build)


# 3 Changes


def change(bench: Bench) -> None:
    """Books that were built before, after no change, one sentence, one cell."""
    bench.cloned()
    ours = Ours(bench)
    books = [ours, Stock(bench, "stock", "force")]
    books.append(Stock(bench, "cached", "cache"))
    bench.notes["notebooks"] = len(books[1].notebooks)
    executed = bench.notes["executed"] = {}

    def step(turn: int, task: str, page: str = PAGE) -> None:
        for book in in_turn(turn, books):
            book.edit(task, page)
            bench.time(f"{task}.{book.name}", book.build)
        executed.setdefault(task, []).append(ours.executed)

    for turn in bench.times(3):
        step(turn, "nothing")
        step(turn, "cell")
    pages = [page.name for page in Book(bench.clone).pages()]
    pages *= len(bench.times(1))
    bench.notes["pages"] = pages
    for turn, page in enumerate(pages):
        step(turn, "sentence", page)
    with Served(bench) as served:
        for page in pages:
            served.edit("sentence", page)
            bench.time("served.this", served.build)


class Ours:
    """This book, built and ready to be changed."""

    name = "this"

    def __init__(self, bench: Bench) -> None:
        self.bench, self.executed = bench, 0
        known = ROOT / "_build" / "executed"
        if known.exists():  # what was executed with the same inputs is reused
            kept = bench.clone / "_build" / "executed"
            shutil.copytree(known, kept, dirs_exist_ok=True)
        self.build()

    def build(self) -> None:
        """Build; `executed` is then the number of notebooks that were run."""
        self.executed = self.bench.make("book").count("  executed  ")

    def edit(self, task: str, page: str) -> None:
        path = self.bench.clone / "chapters" / f"{page}.md"
        text = path.read_text(encoding="utf-8")
        _, code = cell_of(Book(self.bench.clone))
        path.write_text(edited(task, text, code), encoding="utf-8")


class Served(Ours):
    """This book while `make serve` watches it, for one who writes slowly."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def __enter__(self) -> Served:
        self.output = tempfile.TemporaryFile("w+")
        self.server = subprocess.Popen(
            ["make", f"PYTHON={PYTHON}", "serve", "PORT=0"],
            cwd=self.bench.clone,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        while "The book is at" not in self._said():
            if self.server.poll() is not None:
                raise SystemExit(f"make serve:\n{self._said()}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self.server.pid, signal.SIGTERM)
        self.server.wait()
        self.output.close()

    def _said(self) -> str:
        self.output.seek(0)
        return self.output.read()

    def edit(self, task: str, page: str) -> None:
        time.sleep(PAUSE)
        self.before, self.changed = self._built(), time.monotonic()
        super().edit(task, page)

    def build(self) -> None:
        """Wait for the site that the open pages are told to load."""
        while self._built() in (None, self.before):
            if time.monotonic() > self.changed + PATIENCE:
                raise SystemExit(f"make serve:\n{self._said()}")
            time.sleep(0.01)

    def _built(self) -> str | None:
        path = unchanged.note(self.bench.clone)
        return path.read_text(encoding="utf-8") if path.exists() else None


class Stock:
    """A stock book, in which a page is a notebook a framework."""

    def __init__(self, bench: Bench, name: str, mode: str) -> None:
        self.bench, self.name, self.folder = bench, name, bench.work / name
        if not self.folder.exists():
            stock.executing(self.folder, Book(bench.clone), mode)
        self.notebooks = sorted(self.folder.glob("*/*/*.ipynb"))
        self.build()

    def build(self) -> None:
        stock.build(self.folder)

    def edit(self, task: str, page: str) -> None:
        _, code = cell_of(Book(self.bench.clone))
        for path in self.folder.glob(f"*/{page}.ipynb"):
            node = nbformat.read(path, as_version=4)
            before = [c.source for c in node.cells]
            prose = [c for c in node.cells if c.cell_type == "markdown"]
            for c in prose[-1:] if task == "sentence" else node.cells:
                c.source = edited(task, c.source, code)
            if before != [c.source for c in node.cells]:
                nbformat.write(node, path)


def cell_of(book: Book) -> tuple[str, str]:
    """The first cell of PAGE that belongs to one framework: its framework and
    code, without what `edited` has put before it.
    """
    page = next(page for page in book.pages() if page.name == PAGE)
    own = {name: f for name, f in book.frameworks.items() if f.available}
    found = next(cell for cell in page.cells if cell.framework in own)
    return found.framework, re.sub(r"^(# \d+\n)+", "", found.source)


def edited(task: str, text: str, code: str) -> str:
    """A text with a last sentence or a cell that it has never had."""
    now = time.time_ns()
    if task == "sentence":
        rest = SENTENCE.sub("", text).rstrip()
        return f"{rest}\n\nThis sentence is of {now}.\n"
    if task == "cell":
        pattern = rf"^(# \d+\n)?{re.escape(code)}"
        new = f"# {now}\n{code}"
        return re.sub(pattern, lambda _: new, text, count=1, flags=re.MULTILINE)
    return text


# 4 Growth

CONF = """
extensions = ["myst_nb"]
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "off"
numfig = True
"""
PARAGRAPH = (
    "The mean of $n$ numbers $x_1, \\ldots, x_n$ is $\\bar{x} = \\frac{1}{n} "
    "\\sum_{i=1}^n x_i$, and each of them pulls at it with the same force. "
    "What was said of the mean on {ref}`the page before <sec_%d>` holds here "
    "as well, and so does what was said of the variance there."
)


def growth(bench: Bench, sizes: tuple[int, ...] = SIZES) -> None:
    """This book's builds and Sphinx's own, of the same generated pages."""
    bench.notes["sizes"] = sizes
    books = [
        kind(bench.work / "growth" / f"{kind.name}-{size}", size)
        for size in sizes
        for kind in (Generated, StockPages, Plain)
    ]
    for turn in bench.times(3):
        for task in ("nothing", "sentence"):
            for book in in_turn(turn, books):
                if task == "sentence":
                    book.write(book.size // 2, str(time.time_ns()))
                bench.time(f"{task}.{book.name}.{book.size}", book.build)


def page(number: int, word: str = "first") -> str:
    """A generated page: a title, ten paragraphs with formulas, three cells."""
    other = max(number - 1, 0)
    paragraphs = "\n\n".join([PARAGRAPH % other] * 10)
    return (
        f"(sec_{number})=\n# Page {number}\n\nThis is the {word} version.\n\n"
        f"{paragraphs}\n\n"
        + cell("x = [1, 2, 3, 4]\nprint(len(x))")
        + cell("print('alpha', sum(x))", "alpha")
        + cell("print('beta', sum(x))", "beta")
    )


class Generated(TinyBook):
    """A book of ours of some generated pages, all executed."""

    name = "this"

    def __init__(self, root: Path, size: int) -> None:
        shutil.rmtree(root, ignore_errors=True)
        super().__init__(root)
        self.size = size
        for number in range(size):
            self.write(number)
        names = [f"chapters/tiny/page-{n}" for n in range(size)]
        files = "".join(f"- file: {name}\n" for name in names[1:])
        (root / "_toc.yml").write_text(
            f"format: jb-book\nroot: {names[0]}\nchapters:\n{files}"
        )
        (root / ".gitignore").write_text("_build\n")
        who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Pages"]):
            run(["git", *who, *words], cwd=root)
        self.build()

    def write(self, number: int, word: str = "first") -> None:
        self.page = self.page.with_name(f"page-{number}.md")
        self.page.write_text(HEADER + page(number, word), encoding="utf-8")

    def build(self) -> None:
        """What `make book` runs."""
        for module in ("unchanged", "build book"):
            command = [sys.executable, "-m", *f"bookbuild.{module}".split()]
            done = subprocess.run(
                [*command, "--root", self.root], capture_output=True, text=True,
                cwd=ROOT, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                return
        raise SystemExit(f"{self.root}: {done.stdout}{done.stderr}")


class Plain:
    """The same pages for Sphinx with what it takes to read them."""

    name = "sphinx"

    def __init__(self, root: Path, size: int) -> None:
        shutil.rmtree(root, ignore_errors=True)
        (root / "source").mkdir(parents=True)
        self.root, self.size = root, size
        for number in range(size):
            self.write(number)
        self.configure([f"page-{number}" for number in range(size)])
        self.build()

    def write(self, number: int, word: str = "first") -> None:
        path = self.root / "source" / f"page-{number}.md"
        path.write_text(HEADER + page(number, word), encoding="utf-8")

    def configure(self, names: list[str]) -> None:
        (self.root / "source" / "conf.py").write_text(CONF)
        listed = "\n".join(names)
        (self.root / "source" / "index.md").write_text(
            f"# Pages\n\n```{{toctree}}\n{listed}\n```\n"
        )

    def build(self) -> None:
        command = [sys.executable, "-m", "sphinx", "-q", "-b", "html"]
        run([*command, self.root / "source", self.root / "html"])


class StockPages(Plain):
    """The same pages for a stock Jupyter Book, which executes none of them."""

    name = "stock"

    def configure(self, names: list[str]) -> None:
        root = self.root / "source"
        settings = {
            "execute": {"execute_notebooks": "off"},
            "only_build_toc_files": False,  # which is Jupyter Book's default
        }
        stock.configure(root, (), **settings)
        files = "".join(f"- file: {name}\n" for name in names[1:])
        (root / "_toc.yml").write_text(
            f"format: jb-book\nroot: {names[0]}\nchapters:\n{files}"
        )

    def build(self) -> None:
        stock.build(self.root / "source")


# 5 Training


def train(bench: Bench) -> None:
    """Epochs in several ways: see bench/training.py."""
    bench.notes.update(training.measure(len(bench.times(5)), bench.keep))


CLONED = ("setup", "cold", "change")  # what measures a clone of the commit
PARTS = {
    "setup": setup,
    "cold": cold,
    "change": change,
    "growth": growth,
    "training": train,
}


# What is kept


def machine() -> dict[str, object]:
    """What a reader has to know of the machine to understand the times."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.platform(terse=True)
    return {
        "processor": _processor(),
        "processors": cpus(),
        "memory": round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        ),
        "system": system,
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        text = ""
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def commit_of(root: Path) -> str:
    return run(["git", "-C", root, "rev-parse", "--short=9", "HEAD"]).strip()


def merged(known: list[dict], new: dict) -> dict:
    """A new part beside those that are known, of the first that were measured
    on the same machine.
    """
    for old in known:
        if old["machine"] == new["machine"]:
            return {**new, "parts": {**old["parts"], **new["parts"]}}
    return new


def keep(name: str, bench: Bench, path: Path, draft: Path) -> None:
    """Put a part that is complete into `path`, which the page reads, or into
    `draft` as long as `path` is of another machine and parts are missing.
    """
    changes = ["git", "-C", ROOT, "status", "--porcelain", "-uno", "--"]
    changed = run([*changes, ".", f":!{DATA}"])
    part = {
        "commit": bench.commit,
        "with_changes": name not in CLONED and bool(changed.strip()),
        "day": datetime.now(UTC).date().isoformat(),
        "versions": {
            "Python": platform.python_version(),
            "Jupyter Book": version("jupyter-book"),
            "Sphinx": version("sphinx"),
        },
        "notes": bench.notes,
        "seconds": bench.seconds,
    }
    known = [
        json.loads(file.read_text(encoding="utf-8"))
        for file in (path, draft)
        if file.exists()
    ]
    found = merged(known, {"machine": machine(), "parts": {name: part}})
    found["parts"] = {
        n: found["parts"][n] for n in PARTS if n in found["parts"]
    }
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    # The repeats of one measurement stand on one line.
    text = re.sub(
        r"\[\s+([^\[\]{}\"]*?)\s+\]",
        lambda match: f"[{' '.join(match[1].split())}]",
        text,
    )
    here = known and path.exists() and known[0]["machine"] == machine()
    complete = len(found["parts"]) == len(PARTS)
    (path if here or complete else draft).write_text(text, encoding="utf-8")


def chosen(text: str) -> list[str]:
    """The parts that are named, by number or name."""
    names = list(PARTS)
    found = [
        names[int(word) - 1] if word in "12345" else word
        for word in filter(None, text.split(","))
    ]
    for name in found:
        if name not in PARTS:
            raise SystemExit(f"There is no part {name!r}: {', '.join(names)}.")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/rebuild.py")
    parser.add_argument("--parts", default=",".join(PARTS), help="1,3 or names")
    parser.add_argument("--turns", type=int, help="instead of the usual ones")
    parser.add_argument("--work", type=Path, help="a folder that is kept")
    options = parser.parse_args()
    names = chosen(options.parts)
    with tempfile.TemporaryDirectory() as folder:
        work = (options.work or Path(folder)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        commit = commit_of(ROOT)
        for name in names:
            start = time.monotonic()
            print(f"{name}:", flush=True)
            bench = Bench(work, options.turns, commit)
            PARTS[name](bench)
            keep(name, bench, ROOT / DATA, DRAFT)
            print(f"  in all {time.monotonic() - start:21.0f} s", flush=True)


if __name__ == "__main__":
    main()
