"""Measure how long the book takes to set up, to build, and to rebuild.

    python -m bench.builds [--parts cold,change] [--turns N] [--work FOLDER]

setup   `make setup` with empty caches of uv and pip, and with warm ones
cold    `make book` with nothing executed before, and a stock Jupyter Book that
        executes the same notebooks
change  rebuilds after no change, after one changed sentence (on each page, one
        page after the other; also with `make serve`), and after one changed cell
growth  rebuilds of generated books of 8, 32, and 128 pages

The books to compare are built in turns. The parts `setup`, `cold`, and `change`
build a clone of the last commit, in a temporary folder or in --work, which is kept.
`change` needs both books, and builds them if they are not there.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
from support.tiny_book import HEADER, TinyBook, cell

from bookbuild import cache
from bookbuild.build import Book
from bookbuild.page import Page

from . import ROOT, stock_book
from .measurements import Part, alternate, commit_of, run

PYTHON = getattr(sys, "_base_executable", sys.executable)
SENTENCE = re.compile(r"\s*This sentence was written at \d+\.\s*\Z")
SIZES = (8, 32, 128)  # pages
PAUSE = 10  # seconds between two changes while the book is served
TIMEOUT = 300  # seconds for a change to appear on the served site


class Workspace:
    """Manage the folder that the books are built in, and how often each is built."""

    def __init__(self, work: Path, turns: int | None = None) -> None:
        self.work, self.turns = work, turns
        self.clone = work / "book"
        self.commit = commit_of(ROOT)

    def repeat(self, usual: int) -> range:
        """Return the numbers of the turns."""
        return range(self.turns or usual)

    def make(self, *words: str, **variables: str) -> str:
        """Run make in the clone, and return what it prints."""
        # These variables describe this script's environment, not the clone's.
        hidden = ("JUPYTER_PATH", "MAKEFLAGS", "PYTHONPATH", "VIRTUAL_ENV")
        kept = {k: v for k, v in os.environ.items() if k not in hidden}
        return run(
            "make", f"PYTHON={PYTHON}", *words,
            cwd=self.clone, env={**kept, **variables},
        )  # fmt: skip

    def clone_book(self) -> None:
        """Clone the last commit, unless an earlier part has done so.

        Raises SystemExit if the folder contains a clone of another commit.
        """
        if not self.clone.exists():
            run("git", "clone", "--quiet", ROOT, self.clone)
        if commit_of(self.clone) != self.commit:
            raise SystemExit(
                f"{self.clone} is a clone of another commit. Remove {self.work}, "
                "and try again."
            )


# Set-up and cold builds


def measure_setup(workspace: Workspace, part: Part) -> None:
    """Create the environments, with empty and with warm caches."""
    workspace.clone_book()
    for _ in workspace.repeat(2):
        with tempfile.TemporaryDirectory(dir=workspace.work) as caches:
            places = {
                "UV_CACHE_DIR": f"{caches}/uv",
                "PIP_CACHE_DIR": f"{caches}/pip",
            }
            for state in ("empty", "warm"):
                shutil.rmtree(workspace.clone / ".envs", ignore_errors=True)
                part.time(state, workspace.make, "setup", **places)


def measure_cold(workspace: Workspace, part: Part) -> None:
    """Build both books with nothing executed or rendered before."""
    workspace.clone_book()
    workspace.make("setup")
    stock = workspace.work / "stock"
    shutil.rmtree(stock, ignore_errors=True)
    notebooks = stock_book.write_notebooks(stock, Book(workspace.clone))
    part.notes["notebooks"] = len(notebooks)
    books = [
        ("this", workspace.clone, lambda: workspace.make("book")),
        ("stock", stock, lambda: stock_book.build(stock)),
    ]
    for turn in workspace.repeat(2):
        for name, folder, build in alternate(turn, books):
            shutil.rmtree(folder / "_build", ignore_errors=True)
            part.time(name, build)


# Changes


def measure_change(workspace: Workspace, part: Part) -> None:
    """Rebuild books after no change, one changed sentence, or one changed cell."""
    workspace.clone_book()
    this = ThisBook(workspace)
    books = [
        this, StockBook(workspace, "stock", "force"), StockBook(workspace, "cached", "cache")
    ]  # fmt: skip
    example = page_with_tabs(Book(workspace.clone))
    for turn in workspace.repeat(3):
        for task in ("nothing", "cell"):
            for book in alternate(turn, books):
                book.edit(task, example)
                part.time(f"{task}.{book.name}", book.build)
    pages = [page.name for page in Book(workspace.clone).pages()]
    part.notes["pages"] = len(pages)
    pages *= len(workspace.repeat(1))
    for turn, page in enumerate(pages):
        for book in alternate(turn, books):
            book.edit("sentence", page)
            part.time(f"sentence.{book.name}", book.build)
    with served(workspace) as wait_for_site:
        for page in pages:
            time.sleep(PAUSE)
            before = state_of(workspace.clone)
            this.edit("sentence", page)
            part.time("served.this", wait_for_site, before)


class ThisBook:
    """Rebuild the clone after changes."""

    name = "this"

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        stored = ROOT / "_build" / "executed"
        if stored.exists():  # spares executing the same notebooks again
            folder = workspace.clone / "_build" / "executed"
            shutil.copytree(stored, folder, dirs_exist_ok=True)
        self.build()

    def build(self) -> None:
        self.workspace.make("book")

    def edit(self, task: str, page: str) -> None:
        book = Book(self.workspace.clone)
        path = find_page(book, page).path
        text = path.read_text(encoding="utf-8")
        code = example_cell(book, page)
        path.write_text(edited(task, text, code), encoding="utf-8")


class StockBook:
    """Rebuild a stock Jupyter Book with one notebook per page and framework."""

    def __init__(self, workspace: Workspace, name: str, mode: str) -> None:
        self.workspace, self.name = workspace, name
        self.folder = workspace.work / name
        if not self.folder.exists():
            stock_book.write_notebooks(self.folder, Book(workspace.clone), mode)
        self.build()

    def build(self) -> None:
        stock_book.build(self.folder)

    def edit(self, task: str, page: str) -> None:
        code = example_cell(Book(self.workspace.clone), page)
        for path in self.folder.glob(f"*/{page}.ipynb"):
            node = nbformat.read(path, as_version=4)
            before = [c.source for c in node.cells]
            prose = [c for c in node.cells if c.cell_type == "markdown"]
            for c in prose[-1:] if task == "sentence" else node.cells:
                c.source = edited(task, c.source, code)
            if before != [c.source for c in node.cells]:
                nbformat.write(node, path)


@contextmanager
def served(workspace: Workspace) -> Iterator:
    """Run `make serve` in the clone.

    Yields a function that waits until the site differs from a given state.
    """
    with tempfile.TemporaryFile("w+") as output:
        server = subprocess.Popen(
            ["make", f"PYTHON={PYTHON}", "serve", "PORT=0"],
            cwd=workspace.clone,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def wait_until(condition) -> None:
            deadline = time.monotonic() + TIMEOUT
            while not condition():
                if server.poll() is not None or time.monotonic() > deadline:
                    output.seek(0)
                    raise SystemExit(f"make serve failed:\n{output.read()}")
                time.sleep(0.01)

        def is_ready() -> bool:
            output.seek(0)
            return "http://127.0.0.1:" in output.read()

        try:
            wait_until(is_ready)
            yield lambda before: wait_until(
                lambda: state_of(workspace.clone) not in (None, before)
            )
        finally:
            with suppress(ProcessLookupError):  # if it has ended by itself
                os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def state_of(root: Path) -> bytes | None:
    """Return the record that a complete build leaves, or None if there is none."""
    path = root / cache.STATE
    return path.read_bytes() if path.exists() else None


def page_with_tabs(book: Book) -> str:
    """Return the name of a page with a cell that belongs to one framework."""
    return next(p.name for p in book.pages() if example_cell(book, p.name))


def find_page(book: Book, name: str) -> Page:
    return next(page for page in book.pages() if page.name == name)


def example_cell(book: Book, name: str) -> str:
    """Return the code of a page's first cell that belongs to one framework.

    Leaves out comments that `edited` has added. Returns an empty string if there is
    no such cell.
    """
    usable = {name for name, f in book.frameworks.items() if f.available}
    cells = find_page(book, name).cells
    sources = [c.source for c in cells if c.framework in usable]
    return re.sub(r"\A(# \d+\n)+", "", sources[0]) if sources else ""


def edited(task: str, text: str, code: str) -> str:
    """Return a text with a new last sentence or a changed cell."""
    now = time.time_ns()
    if task == "sentence":
        rest = SENTENCE.sub("", text).rstrip()
        return f"{rest}\n\nThis sentence was written at {now}.\n"
    if task == "cell":
        pattern = rf"^(# \d+\n)?{re.escape(code)}"
        new = f"# {now}\n{code}"
        return re.sub(pattern, lambda _: new, text, count=1, flags=re.MULTILINE)
    return text


# Growth

PARAGRAPH = (
    "The mean of $n$ numbers $x_1, \\ldots, x_n$ is $\\bar{x} = \\frac{1}{n} "
    "\\sum_{i=1}^n x_i$, and each number has the same influence on it. What "
    "{ref}`the previous page <sec_%d>` says about the mean and the variance "
    "holds here, too."
)


def measure_growth(
    workspace: Workspace, part: Part, sizes: tuple[int, ...] = SIZES
) -> None:
    """Rebuild generated books of several sizes, with every cell executed."""
    part.notes["sizes"] = sizes
    books = [
        kind(workspace.work / "growth" / f"{kind.name}-{size}", size)
        for size in sizes
        for kind in (GeneratedBook, GeneratedStockBook)
    ]
    for turn in workspace.repeat(3):
        for task in ("nothing", "sentence"):
            for book in alternate(turn, books):
                if task == "sentence":
                    book.write(book.size // 2, str(time.time_ns()))
                part.time(f"{task}.{book.name}.{book.size}", book.build)


def generated_page(number: int, word: str = "first") -> str:
    """Return a page with a title, ten paragraphs of formulas, and three cells."""
    paragraphs = "\n\n".join([PARAGRAPH % max(number - 1, 0)] * 10)
    return (
        f"{HEADER}(sec_{number})=\n# Page {number}\n\n"
        f"This is the {word} version.\n\n{paragraphs}\n\n"
        + cell("x = [1, 2, 3, 4]\nprint(len(x))")
        + cell("print('alpha', sum(x))", "alpha")
        + cell("print('beta', sum(x))", "beta")
    )


def generated_contents(size: int, folder: str) -> str:
    """Return the `_toc.yml` of a generated book."""
    names = [f"{folder}page-{number}" for number in range(size)]
    files = "".join(f"- file: {name}\n" for name in names[1:])
    return f"format: jb-book\nroot: {names[0]}\nchapters:\n{files}"


class GeneratedBook(TinyBook):
    """Build a generated book with this pipeline."""

    name = "this"

    def __init__(self, root: Path, size: int) -> None:
        shutil.rmtree(root, ignore_errors=True)
        super().__init__(root)
        self.size = size
        for number in range(size):
            self.write(number)
        contents = generated_contents(size, "chapters/tiny/")
        (root / "_toc.yml").write_text(contents)
        (root / ".gitignore").write_text("_build\n")
        user = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Pages"]):
            run("git", *user, *words, cwd=root)
        self.build()

    def write(self, number: int, word: str = "first") -> None:
        path = self.page.with_name(f"page-{number}.md")
        path.write_text(generated_page(number, word), encoding="utf-8")

    def build(self) -> None:
        run(
            sys.executable, "-m", "bookbuild", "book", "--root", self.root,
            cwd=ROOT,
        )  # fmt: skip


class GeneratedStockBook:
    """Build the same pages as a stock Jupyter Book that executes none of them."""

    name = "stock"

    def __init__(self, root: Path, size: int) -> None:
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        self.root, self.size = root, size
        for number in range(size):
            self.write(number)
        (root / "_toc.yml").write_text(generated_contents(size, ""))
        stock_book.configure(root, execute={"execute_notebooks": "off"})
        self.build()

    def write(self, number: int, word: str = "first") -> None:
        path = self.root / f"page-{number}.md"
        path.write_text(generated_page(number, word), encoding="utf-8")

    def build(self) -> None:
        stock_book.build(self.root)


MEASURES = {
    "setup": measure_setup,
    "cold": measure_cold,
    "change": measure_change,
    "growth": measure_growth,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.builds", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument(
        "--parts", default=",".join(MEASURES), help="what to measure"
    )
    parser.add_argument("--turns", type=int, help="how often to repeat it")
    parser.add_argument(
        "--work", type=Path, help="a folder to work in and keep"
    )
    options = parser.parse_args(arguments)
    names = options.parts.split(",")
    if unknown := [name for name in names if name not in MEASURES]:
        parser.error(
            f"there is no part {unknown[0]!r}, only {', '.join(MEASURES)}"
        )
    with tempfile.TemporaryDirectory() as folder:
        work = (options.work or Path(folder)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        workspace = Workspace(work, options.turns)
        for name in names:
            start = time.monotonic()
            print(f"{name}:", flush=True)
            part = Part(name)
            MEASURES[name](workspace, part)
            part.save(None if name == "growth" else workspace.commit)
            print(f"  total {time.monotonic() - start:21.0f} s", flush=True)


if __name__ == "__main__":
    main()
