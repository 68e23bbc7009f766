"""Build the book: execute what changed, merge, render, swap the site in.

    python -m bookbuild.build book        the site, in _build/html
    python -m bookbuild.build notebooks   the notebooks alone, all written anew
    python -m bookbuild.build site        the site, from notebooks executed before
    python -m bookbuild.build check       are the committed notebooks current?
    python -m bookbuild.build why PAGE    is a page executed or reused, and why?

After `notebooks`, names of frameworks leave out the others. With --wait it
loads what it needs, and begins once a line comes by standard input.
"""

from __future__ import annotations

import argparse
import errno
import gc
import hashlib
import io
import json
import logging
import os
import re
import shutil
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import (
    closing,
    contextmanager,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import ClassVar

if __name__ == "__main__":
    # Python looks for garbage after each 700 new objects, though Sphinx makes
    # millions that stay: a site is rendered in two thirds of the time with this,
    # and what is left lying until then takes some hundred megabytes at most.
    gc.set_threshold(5_000_000, 20, 20)
    # While it is imported there is nothing to end, and nothing to say.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

import nbformat
from click import Abort
from filelock import FileLock, Timeout
from nbformat import NotebookNode
from sphinx.application import builtin_extensions
from sphinx.errors import ExtensionError

from . import frameworks as declaration
from . import install_cell, labels, processes, source, unchanged, wheel
from .execution import ExecutionError, KernelError, Kernels, execute, results
from .frameworks import ROOT, Framework
from .cache import CELLS, inputs, key
from _ext.executed_outputs import find_notebook
from .settled import Settled
from .source import SourceError
from .page import Page, notebook, read
from .stand_ins import (
    Obstacle,
    StandIns,
    diagnose_kernel,
    find_data,
    find_obstacle,
)

# Kernels at a time, as a rule: with more, the longest page still takes as long,
# and each needs a gigabyte of memory.
MOST_JOBS = 4
# What a cell raises where its framework cannot be imported.
IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "OSError"}
# What the system says of a file that cannot be written or read, and the cure.
CURES = {
    errno.ENOSPC: "Make room on the disk, and run the command again.",
    errno.EDQUOT: "Make room on the disk, and run the command again.",
    errno.EFBIG: "Raise the limit of a file's length (ulimit -f), and run the "
    "command again.",
    errno.EROFS: "Copy the book to where you can write, and run the command "
    "there.",
    errno.EACCES: "Give yourself the right to this file, or copy the book to "
    "where you have it, and run the command again.",
}
REDIRECTION = re.compile(r'<meta http-equiv="Refresh" content="0; url=([^"]+)" />')


# What the code of a page contains if it loads the dataset.
LOADS_DATA = "fashion_mnist"


class BuildError(RuntimeError):
    """The book cannot be built; the message is for the person who tried."""


class Book:
    """The book below `root`: its pages, frameworks and folders."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.frameworks = declaration.load(root)
        self.build = root / "_build"
        config, path = source.settings(root / "_config.yml"), "_config.yml"
        title = config.get("title")
        if not isinstance(title, str):
            raise SourceError(f"{path}: write the book's `title: ...`")
        # The title in the names of files.
        self.slug = "-".join(re.findall(r"\w+", title.lower()))
        self.timeout = (config.get("execute") or {}).get("timeout", 600)
        if type(self.timeout) is not int:
            raise SourceError(
                f"{path}: `timeout` is a whole number of seconds, not "
                f"{self.timeout!r}"
            )
        self.contents = source.contents(root)
        self.labels = labels.read(root)

    def sources(self) -> dict[str, Path]:
        """Every page that has code, by its name, in the order of their paths.

        Raises SourceError for the first fault of a page without code, or of
        one that is in no table of contents.
        """
        found = {}
        for path in sorted((self.root / "chapters").rglob("*.md")):
            name = path.relative_to(self.root).with_suffix("").as_posix()
            if "/." in name:  # JupyterLab's copies of what it has saved
                continue
            if name not in self.contents:
                raise SourceError(
                    f"{path}: no reader would find this page: name it in "
                    f"_toc.yml, as `- file: {name}`, or move it out of chapters/"
                )
            text = source.read(path)
            if source.is_notebook(text):
                found[name.removeprefix("chapters/")] = path
            else:
                source.check(text, path, self.frameworks)
        return found

    def pages(self) -> list[Page]:
        """The same, read and checked."""
        return [
            read(path, name, self.frameworks)
            for name, path in self.sources().items()
        ]

    def committed(self, page: Page, framework: Framework) -> Path:
        """The notebook that is committed with the book."""
        return self._notebook(self.root / "notebooks", page, framework)

    def output(self, page: Page, framework: Framework) -> Path:
        """The notebook that the site shows, executed on this machine."""
        return self._notebook(self.build / "outputs", page, framework)

    @staticmethod
    def _notebook(folder: Path, page: Page, framework: Framework) -> Path:
        return folder / framework.name / f"{page.name}.ipynb"


def compose(
    book: Book, page: Page, framework: Framework, outputs: list, **metadata: str
) -> NotebookNode:
    """An executed notebook: cells, outputs, and prose with its numbers."""
    recorded = results(page, framework, outputs)
    metadata = {"inputs": inputs(page, framework, book.root), **metadata}
    texts = {name: record["text"] for name, record in recorded.items()}
    return notebook(page, framework, outputs, texts, book.labels, metadata)


def outputs_of(node: NotebookNode) -> list[list[dict]]:
    """The outputs of each code cell of a page's notebook, in order."""
    return [
        cell.outputs
        for cell in node.cells
        if cell.cell_type == "code" and cell.id != install_cell.ID
    ]


def run(
    book: Book, page: Page, framework: Framework, kernels: Kernels
) -> list[list[dict]]:
    """The outputs of a page in one framework, executed and kept."""
    line, start = _line(page.name, framework), time.monotonic()
    outputs = execute(
        page,
        framework,
        timeout=book.timeout,
        progress=lambda n, of: line.now(f"{n} of {of} cells"),
        kernels=kernels,
    )
    _keep(_cached(book, page, framework), outputs)
    total = len(page.code(framework.name))
    line.done(f"{total} of {total} cells  executed")
    Durations(book).set(page, framework, time.monotonic() - start)
    return outputs


def _line(name: str, framework: Framework) -> Line:
    return Line(f"{framework.label:<10}  {name}")


class Durations:
    """How long the pages took on this machine, in seconds."""

    _lock = threading.Lock()

    def __init__(self, book: Book) -> None:
        self.path = book.build / "seconds.json"

    def set(self, page: Page, framework: Framework, seconds: float) -> None:
        with self._lock:
            known = self._read()
            known[f"{framework.name}/{page.name}"] = round(seconds, 1)
            _write(self.path, json.dumps(known, indent=1, sort_keys=True))

    def expected(self, page: Page, framework: Framework) -> float:
        """As long as last time, or else a second a cell."""
        cells = len(page.code(framework.name))
        return self._read().get(f"{framework.name}/{page.name}", cells)

    def _read(self) -> dict[str, float]:
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        numbers = isinstance(known, dict) and all(
            isinstance(seconds, (int, float)) for seconds in known.values()
        )
        return known if numbers else {}


def side_by_side(
    book: Book,
    todo: list[tuple[Page, Framework]],
    jobs: int,
    settings: dict[str, str] | None = None,
) -> Iterator[tuple[Page, Framework, list | Exception]]:
    """Execute pages, at most `jobs` at a time, the longest first; yield each,
    as it ends, with its outputs or with what went wrong.

    `settings` are environment variables for the kernels, where the environment
    does not set them. If the caller stops early, the kernels are killed.
    """
    if not todo:
        return
    durations = Durations(book)
    todo = sorted(todo, key=lambda one: -durations.expected(*one))
    threads = max(1, cpus() // jobs) if jobs > 1 else None
    kernels = Kernels(threads, f"{processes.mark(book.root)}/{uuid.uuid4().hex}")
    kernels.limits.update(settings or {})
    pool = ThreadPoolExecutor(jobs)
    with processes.watched(kernels.mark):
        try:
            tasks = {pool.submit(run, book, *one, kernels): one for one in todo}
            for task in as_completed(tasks):
                error = task.exception()
                yield *tasks[task], task.result() if error is None else error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            kernels.stop()
            pool.shutdown()


def cpus() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def _cached(book: Book, page: Page, framework: Framework) -> Path:
    """Where the outputs are kept that a page has by what it is made of."""
    made_of = key(inputs(page, framework, book.root))
    name = f"{made_of}-{_python(book, framework)}.json"
    return book.build / "executed" / name


def _python(book: Book, framework: Framework) -> str:
    config = book.root / ".envs" / framework.kernel / "pyvenv.cfg"
    if not config.exists():
        return "unknown"
    lines = config.read_text(encoding="utf-8").splitlines()
    return next(
        (s.split("=")[1].strip() for s in lines if s.startswith("version")),
        "unknown",
    )


def _keep(cached: Path, outputs: list[list[dict]]) -> None:
    """Keep outputs, with a digest by which a damaged file is noticed."""
    text = json.dumps(outputs, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    _write(cached, f"{digest}\n{text}")


def _load(cached: Path) -> list[list[dict]] | None:
    """The outputs that were kept, if they are what was kept."""
    try:
        digest, _, text = cached.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    if digest.decode(errors="replace") != hashlib.sha256(text).hexdigest():
        return None
    return json.loads(text)


def stand_in(
    book: Book, page: Page, framework: Framework, obstacle: Obstacle
) -> NotebookNode:
    """Return the committed notebook of a page that cannot be executed here.

    It carries a sentence for readers (`stand_in`), and the inputs that the page
    has now (`shown_for`). A page without a committed notebook has no outputs.
    """
    path, now = book.committed(page, framework), inputs(page, framework, book.root)
    reason = obstacle.sentence.rstrip(".")
    if path.exists():
        told = _told(path)
        node = nbformat.read(path, as_version=4)
        said = (
            f"{reason}, so the {framework.label} outputs on this page are those "
            "committed with the book"
        )
        if told != now:
            said += ", from an earlier version of this page's code"
    else:
        node = notebook(page, framework, labels=book.labels)
        said = (
            f"{reason}, and no {framework.label} outputs of this page are "
            "committed with the book yet, so its code is shown without them"
        )
    said += ". `make book` says how to change that."
    metadata = node.metadata.setdefault("d2l_extras", {})
    metadata.update(stand_in=said, shown_for=now)
    _line(page.name, framework).done("committed outputs")
    return node


def _told(path: Path) -> dict[str, str] | None:
    """What an executed notebook was made from: see inputs.py.

    Raises BuildError if the file is no notebook.
    """
    return _metadata(path).get("inputs")


def _metadata(path: Path) -> dict:
    """Return what a notebook says of itself, or raise BuildError."""
    try:
        node = nbformat.read(path, as_version=4)
        nbformat.validate(node)
        return node.metadata.get("d2l_extras", {})
    except OSError:
        raise
    except Exception as error:  # nbformat raises whatever it stumbles over
        raise BuildError(
            f"{path} is no notebook any more, perhaps since it was cut off or "
            "holds a conflict of git: restore it (git checkout), or have it "
            "written anew by make book on a machine with the framework"
        ) from error


def require_executed(
    book: Book,
    names: list[str] | None = None,
    *,
    again: str = "make site",
    strict: bool = False,
) -> None:
    """Raise BuildError unless every notebook that would be shown, of the
    named frameworks or of all, is what its page gives, wherever it was
    executed. One that stands in passes unless `strict`, because its page says
    so. `again` is the command to repeat.
    """
    stale = {}
    for page in book.pages():
        for framework in map(book.frameworks.get, names or book.frameworks):
            try:
                path = find_notebook(book.root, framework.name, page.name)
                told = _metadata(path)
            except (ExtensionError, BuildError):  # none, or none any more
                path, told = book.output(page, framework), {}
            now = inputs(page, framework, book.root)
            if now not in (told.get("inputs"), told.get("shown_for")) or (
                strict and "stand_in" in told
            ):
                stale.setdefault(framework.name, path)
    if stale:
        paths = ", ".join(str(p.relative_to(book.root)) for p in stale.values())
        raise BuildError(
            "These are missing, or were executed with other code, helpers or "
            f"lock than those of now{', or only stand in' * strict}: {paths}. Run make notebooks "
            f"FRAMEWORKS=\"{' '.join(stale)}\", and {again} again."
        )


class CommittedNotebooks:
    """The committed notebooks, whose changes a failing build takes back."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._before: dict[Path, bytes | None] = {}
        self._after: dict[Path, bytes | None] = {}

    def write(self, path: Path, node: NotebookNode) -> None:
        self._keep(path)
        _write_notebook(path, node)
        self._after[path] = _text(node).encode()

    def remove_orphans(self) -> None:
        """Remove each notebook that was made from a page that is gone.

        One that says nothing of the page it was made from is left alone.
        """
        pages = self.book.sources()
        for folder in (self.book.root / "notebooks", self.book.build / "outputs"):
            for path in sorted(folder.rglob("*.ipynb")):
                framework, _, page = (
                    path.relative_to(folder).with_suffix("").as_posix()
                ).partition("/")
                if framework in self.book.frameworks and page in pages:
                    continue
                if _source_of(path) != f"chapters/{page}.md":
                    continue
                self._keep(path)
                path.unlink()
                self._after[path] = None
                with suppress(OSError):  # as long as there are others
                    path.parent.rmdir()
                if folder.name == "notebooks":
                    name = path.relative_to(self.book.root)
                    print(f"{name}  removed, because its page is gone")

    def restore(self) -> None:
        """Put each notebook back as it was, unless it was changed by hand since."""
        for path, before in self._before.items():
            try:
                now = path.read_bytes() if path.exists() else None
                if now == before or now != self._after.get(path, now):
                    continue
                if before is None:
                    path.unlink()
                else:
                    _write_bytes(path, before)
            except OSError as error:
                print(f"{path} could not be restored: {error}", file=sys.stderr)

    def _keep(self, path: Path) -> None:
        before = path.read_bytes() if path.exists() else None
        self._before.setdefault(path, before)


def _source_of(path: Path) -> str | None:
    """The page that a notebook says it was made from."""
    try:
        node = json.loads(path.read_text(encoding="utf-8"))
        return node["metadata"]["d2l_extras"]["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def make_notebooks(
    book: Book,
    names: list[str] | None = None,
    *,
    force: bool = False,
    renew: bool,
    jobs: int | None = None,
    strict: bool = False,
    committed: CommittedNotebooks | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> StandIns:
    """Execute what changed and write the notebooks of the named frameworks,
    or of all, `jobs` pages at a time (by default one per processor). Return
    the pages that this machine cannot execute.

    The notebooks that the site shows are always written. A committed one keeps
    its outputs as long as nothing that they depend on has changed, unless
    `renew` asks for this machine's: so building the book leaves a clean
    checkout clean. Raises BuildError for a fault of the sources and, if
    `strict`, for a page that cannot be executed. `meanwhile` runs in a thread
    while kernels execute.
    """
    committed = committed or CommittedNotebooks(book)
    settled = Settled(book.build / "settled.json", book.root, _shared(book))
    unsettled, todo, failures, order, sources = [], [], {}, [], {}
    stand_ins, data = StandIns(), None

    @cache
    def diagnosed(framework: Framework) -> Obstacle | None:
        return diagnose_kernel(book.root, framework)

    def show_committed(
        page: Page, framework: Framework, obstacle: Obstacle
    ) -> None:
        node = stand_in(book, page, framework, obstacle)
        _write_notebook(book.output(page, framework), node)
        stand_ins.add(page.name, framework, obstacle)

    def obstacle_of(
        framework: Framework, error: Exception
    ) -> Obstacle | None:
        """What kept a page from being executed, if its sources did not."""
        if not isinstance(error, ExecutionError):
            return None
        if error.error_name == "DatasetNotAvailable":
            return data or find_data(book.build / "data")[0]
        if error.error_name in IMPORT_ERRORS:
            return diagnosed(framework)
        if isinstance(error, KernelError):
            obstacle = diagnosed(framework)
            if not obstacle and not error.started:
                obstacle = Obstacle(
                    f"the kernel of {framework.label} did not start on this "
                    "machine",
                    str(error),
                )
            return obstacle
        return None

    def write(
        page: Page, framework: Framework, outputs: list | Exception
    ) -> None:
        try:
            if isinstance(outputs, Exception):
                if obstacle := obstacle_of(framework, outputs):
                    show_committed(page, framework, obstacle)
                    return
                raise outputs
            files = _write_both(
                book, page, framework, outputs, renew, committed
            )
        except (ExecutionError, SourceError) as error:
            failures[page.name, framework.name] = str(error)
        else:
            name, cells = page.name, len(page.code(framework.name))
            settled.settle(name, framework.name, sources[name], files, cells)

    try:
        committed.remove_orphans()
        for name, path in book.sources().items():
            sources[name], page = settled.sources(path), None
            for framework in map(book.frameworks.get, names or book.frameworks):
                order.append((name, framework.name))
                cells = settled.cells(name, framework.name, sources[name])
                if cells is not None and not force and not renew:
                    _line(name, framework).done(_reused(cells))
                    continue
                page = page or read(path, name, book.frameworks)
                unsettled.append((page, framework))
        _refuse_faulty(book, unsettled)
        for page, framework in unsettled:
            if obstacle := find_obstacle(book.root, framework):
                show_committed(page, framework, obstacle)
                continue
            kept = None if force else _load(_cached(book, page, framework))
            if kept is None:
                todo.append((page, framework))
                continue
            cells = len(page.code(framework.name))
            _line(page.name, framework).done(_reused(cells))
            write(page, framework, kept)
        settings = {}
        if any(
            LOADS_DATA in cell.source
            for page, framework in todo
            for cell in page.code(framework.name)
        ):
            line = Line("data        Fashion-MNIST")
            data, settings = find_data(book.build / "data")
            line.done("not available" if data else "found and checked")
        if strict:
            _refuse_stand_ins(stand_ins, data)
        if todo:
            threading.Thread(target=meanwhile, daemon=True).start()
        jobs = min(jobs or min(cpus(), MOST_JOBS), max(1, len(todo)))
        with closing(side_by_side(book, todo, jobs, settings)) as executed:
            for one in executed:
                write(*one)
    finally:
        settled.save()
    # In the order of the pages, whichever ended first.
    _fail([failures[name] for name in order if name in failures])
    if strict:
        _refuse_stand_ins(stand_ins)
    return stand_ins


def _refuse_stand_ins(
    stand_ins: StandIns, data: Obstacle | None = None
) -> None:
    """Raise BuildError if anything cannot be executed on this machine."""
    said = [stand_ins.summary()] if stand_ins else []
    if data:
        said.append(f"- {data}")
    if said:
        raise BuildError(
            "This machine cannot execute the whole book, and with STRICT=1 no "
            "committed outputs stand in.\n" + "\n".join(said)
        )


def _refuse_faulty(book: Book, pairs: list[tuple[Page, Framework]]) -> None:
    """Raise BuildError for what no notebook can say, before any execution."""
    failures = []
    for page, framework in pairs:
        try:
            notebook(page, framework, labels=book.labels)
        except SourceError as error:
            failures.append(str(error))
    _fail(failures)


def _fail(failures: list[str]) -> None:
    """Raise BuildError if there are any, each once: what is wrong in a source
    is told by every framework.
    """
    if failures:
        raise BuildError("\n\n".join(dict.fromkeys(failures)))


def _reused(cells: int) -> str:
    return f"{cells} of {cells} cells  reused"


def _write_both(
    book: Book,
    page: Page,
    framework: Framework,
    outputs: list,
    renew: bool,
    committed: CommittedNotebooks,
) -> list[Path]:
    """Write the notebook that the site shows and, where it is due, the committed
    one. Return the files that now hold what the page gives, the cached outputs
    among them.
    """
    node = compose(book, page, framework, outputs)
    shown, path = book.output(page, framework), book.committed(page, framework)
    _write_notebook(shown, node)
    if not renew and path.exists() and path.read_bytes() != _text(node).encode():
        node = _with_own_outputs(book, page, framework, path) or node
    committed.write(path, node)
    return [_cached(book, page, framework), shown, path]


def _with_own_outputs(
    book: Book, page: Page, framework: Framework, path: Path
) -> NotebookNode | None:
    """Compose a committed notebook anew around the outputs that it holds.

    Returns None if they depend on something that has changed since, or if the
    notebook cannot be used.
    """
    try:
        if _told(path) != inputs(page, framework, book.root):
            return None
        node = nbformat.read(path, as_version=4)
        return compose(book, page, framework, outputs_of(node))
    except (BuildError, SourceError):
        return None


def _shared(book: Book) -> str:
    """What all notebooks share besides the files that Settled looks at."""
    pythons = [_python(book, f) for f in book.frameworks.values()]
    return repr([book.labels, wheel.version(), pythons])


def why(book: Book, names: list[str]) -> str:
    """Say of pages, for each framework, whether their outputs can be reused,
    and if not, what has changed since they were executed.

    Raises BuildError for a page that is not there or has no code.
    """
    pages = {page.name: page for page in book.pages()}
    lines = []
    for name in names:
        name = name.removeprefix("chapters/").removesuffix(".md")
        if name not in pages:
            raise BuildError(
                f"There is no page {name!r} with code, only: "
                f"{', '.join(pages)}."
            )
        for framework in book.frameworks.values():
            said = _why(book, pages[name], framework)
            lines.append(f"{framework.label:<10}  {name}: {said}")
    return "\n".join(lines)


def _why(book: Book, page: Page, framework: Framework) -> str:
    now = inputs(page, framework, book.root)
    if obstacle := find_obstacle(book.root, framework):
        return (
            f"not executed, because {obstacle.reason}. The committed outputs "
            f"stand in. {obstacle.explanation}"
        )
    cached = _cached(book, page, framework)
    if _load(cached) is not None:
        return (
            f"reused. It was executed by Python {_python(book, framework)} "
            f"with what is there now: {', '.join(now)}"
        )
    try:
        path = find_notebook(book.root, framework.name, page.name)
        before = _told(path)
    except (ExtensionError, BuildError):
        before = None
    if not isinstance(before, dict):
        return "to be executed. No notebook of it tells what it was made from"
    changes = [
        what + (" is new" if what not in before else " is no longer needed")
        if what not in before or what not in now
        else _changed_cell(page, framework, path)
        if what == CELLS
        else f"{what} has changed"
        for what in {**now, **before}
        if now.get(what) != before.get(what)
    ]
    if not changes:
        others = cached.parent.glob(f"{key(now)}-*.json")
        versions = sorted(p.stem.partition("-")[2] for p in others)
        reason = (
            f"it was executed by Python {' and '.join(versions)}, and this is "
            f"{_python(book, framework)}"
            if versions
            else "it has not been executed on this machine as it is now"
        )
        changes = [reason]
    shown = path.relative_to(book.root)
    return f"to be executed. Since {shown}: {'; '.join(changes)}"


def _changed_cell(page: Page, framework: Framework, path: Path) -> str:
    """The first code cell that is not what it was in a notebook."""
    then = [
        [cell.source, cell.metadata.get("tags", [])]
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code" and cell.id != install_cell.ID
    ]
    cells = page.code(framework.name)
    for number, cell in enumerate(cells):
        if number >= len(then) or [cell.source, cell.tags] != then[number]:
            return (
                f"code cell {number + 1} of {len(cells)} ({page.path.name}:"
                f"{cell.line}) has changed, and all after it run again"
            )
    return f"code cells are gone from the end: {len(cells)} of {len(then)} left"


def outdated(book: Book, page: Page, framework: Framework) -> str | None:
    """Say why a committed notebook is not what its source gives, if it is not."""
    path = book.committed(page, framework)
    name = path.relative_to(book.root)
    if not path.exists():
        return f"{name} is missing"
    try:
        node = nbformat.read(path, as_version=4)
        expected = compose(book, page, framework, outputs_of(node))
    except Exception as error:  # whatever it is, it is not a good notebook
        return f"{name} cannot be read as a notebook of its page: {error}"
    told = node.metadata.get("d2l_extras", {}).get("inputs")
    if told != expected.metadata.d2l_extras.inputs:
        return (
            f"{name} was executed with other code, helpers or lock than "
            "those of now"
        )
    if _text(expected) != path.read_text(encoding="utf-8"):
        return f"{name} differs from {page.path.relative_to(book.root)}"
    return None


def check(book: Book) -> None:
    """Raise BuildError unless every committed notebook is current."""
    expected, problems, strays = set(), [], []
    for page in book.pages():
        for framework in book.frameworks.values():
            expected.add(book.committed(page, framework))
            if problem := outdated(book, page, framework):
                problems.append(problem)
    for path in sorted((book.root / "notebooks").rglob("*.ipynb")):
        if path not in expected and ".ipynb_checkpoints" not in path.parts:
            strays.append(f"{path.relative_to(book.root)} has no source page")
    if problems:
        problems.append("Run `make notebooks` and commit the result.")
    if strays:
        strays.append("Remove what has no page (git rm), or restore the page.")
    if problems or strays:
        raise BuildError("\n".join(problems + strays))
    print(f"{len(expected)} committed notebooks are what their sources give")


def make_site(book: Book) -> Path:
    """Render the pages and swap the new site in; its first page.

    The site is built aside, so the last good one stays if this one fails.
    """
    aside, last = book.build / "aside", book.build / "rendered"
    design = _design(book)
    if _read(aside / "design") != design:
        shutil.rmtree(aside, ignore_errors=True)
        if _read(last / "design") == design:
            # Without its stamp: a copy that is cut off is not taken for whole.
            stamp = shutil.ignore_patterns("design")
            shutil.copytree(last, aside, ignore=stamp)
    # Sphinx would take pages that are half written for good, and warn but once:
    # after what does not get to the end, the next build begins with the last.
    (aside / "design").unlink(missing_ok=True)
    # Jupyter Book makes it, `lead_in` changes it: sw.js must not tell the two.
    (aside / "_build" / "html" / "index.html").unlink(missing_ok=True)
    line = Line("site")
    line.now("rendering")
    if said := render(book, aside):
        raise BuildError(
            "The pages could not be rendered; the site of before is untouched."
            f"\n{said}"
        )
    lead_in(aside / "_build" / "html" / "index.html")
    (aside / "design").write_text(design)
    swap(aside, last)
    site = book.build / "html"
    swap(last / "_build" / "html", site)
    line.done("rendered")
    return site / "index.html"


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def render(book: Book, folder: Path) -> str:
    """Let Jupyter Book make HTML in a folder; what it says if it fails.

    It runs in this process, which has imported half of what it needs.
    """
    from jupyter_book.cli.main import main as jupyter_book

    arguments = [
        "build", str(book.root),
        "--path-output", str(folder), "--keep-going", "-W", "-n", "-q",
    ]  # fmt: skip
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            jupyter_book(arguments, standalone_mode=False)
    except Abort:  # what click makes of Ctrl-C, where Sphinx does not
        raise KeyboardInterrupt from None
    except SystemExit as error:
        if isinstance(error.code, KeyboardInterrupt):
            raise error.code from None
        return said.getvalue() or f"status {error.code}"
    except Exception as error:  # Jupyter Book's own way to say what is wrong
        return f"{said.getvalue()}{error}"
    return ""


def load(root: Path) -> None:
    """Import what rendering needs: a third of what a changed sentence takes."""
    import_module("jupyter_book.cli.main")
    settings = source.settings(root / "_config.yml")
    own = ((settings.get("sphinx") or {}).get("config") or {}).get("extensions")
    for name in (*builtin_extensions, *(own or ())):
        # What is wrong with one is said by Sphinx, once there is a build.
        with suppress(Exception):
            import_module(name)


def lead_in(door: Path) -> None:
    """Make of Jupyter Book's redirection a page that says where it leads."""
    if match := REDIRECTION.search(door.read_text(encoding="utf-8")):
        door.write_text(
            "<!DOCTYPE html>\n"
            '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width">\n'
            "<title>The book</title>\n"
            f'<link rel="canonical" href="{match[1]}">\n'
            f'<meta http-equiv="refresh" content="0; url={match[1]}">\n'
            "</head>\n<body>\n"
            f'<p><a href="{match[1]}">To the first page of the book</a></p>\n'
            "</body>\n</html>\n",
            encoding="utf-8",
        )


def _design(book: Book) -> str:
    """A digest of all that shapes every page, for which Sphinx does not look."""
    digest = hashlib.sha256()
    files = [book.root / name for name in ("_config.yml", "_toc.yml")]
    files += (book.root / "_static").rglob("*")
    files += [ROOT / "requirements.txt", *(ROOT / "_ext").rglob("*.*")]
    files += (ROOT / "bookbuild").glob("*.py")
    # A page that was rendered from a committed notebook is rendered again once
    # this machine has a notebook of its own.
    outputs = book.build / "outputs"
    own = sorted(p.relative_to(outputs) for p in outputs.rglob("*.ipynb"))
    digest.update(repr([path.as_posix() for path in own]).encode())
    for path in sorted(set(files)):
        if not path.is_file() or path.suffix == ".pyc":
            continue
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def swap(new: Path, site: Path) -> None:
    """Replace the folder `site` by a copy of `new`.

    A file that is still the one that was copied the last time gets a second
    name instead, which costs a fraction of a copy, and is one as long as nobody
    writes into it: files here are only ever replaced, as a whole.
    """
    fresh, old = (site.with_name(f"{site.name}.{s}") for s in ("new", "old"))

    def put(file: str, place: str) -> None:
        last = f"{site}{place.removeprefix(str(fresh))}"
        with suppress(OSError):  # there is none, or the system has no such names
            if _stamp(file) == _stamp(last):
                os.link(last, place)
                return
        shutil.copy2(file, place)

    tidy(site)
    try:
        shutil.copytree(new, fresh, copy_function=put)
        # No system exchanges two folders in a way that all have: so for some
        # microseconds there is none, see `tidy`.
        if site.exists():
            site.rename(old)
        fresh.rename(site)
    finally:
        tidy(site)


def _stamp(file: str) -> tuple[int, int]:
    found = os.stat(file)
    return found.st_size, found.st_mtime_ns


def tidy(site: Path) -> None:
    """Put the last good site back if it is missing, as after a swap that was
    cut off, and remove what is half made.
    """
    fresh, old = (site.with_name(f"{site.name}.{s}") for s in ("new", "old"))
    if old.exists() and not site.exists():
        old.rename(site)
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)


def recover(book: Book) -> None:
    """Mend and end what a build left that was killed."""
    processes.end(processes.mark(book.root))
    for folder in ("html", "rendered"):
        tidy(book.build / folder)
    rooms = [book.build / "executed", book.build / "outputs",
             book.root / "notebooks"]
    partials = [path for room in rooms for path in room.rglob("*.part")]
    for part in (*partials, *book.build.glob("*.part")):
        part.unlink()


def _write_notebook(path: Path, node: NotebookNode) -> None:
    nbformat.validate(node)
    _write(path, _text(node))


def _text(node: NotebookNode) -> str:
    return json.dumps(node, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    """Write whole or not at all, and not if nothing would change."""
    if not path.exists() or path.read_bytes() != text.encode():
        _write_bytes(path, text.encode())


def _write_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def alone(book: Book) -> Iterator[None]:
    """Wait until no other build of this book runs, and keep others waiting."""
    book.build.mkdir(exist_ok=True)
    lock = FileLock(book.build / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print("Another build of this book runs: waiting for it.", flush=True)
        lock.acquire()
    try:
        recover(book)
        yield
    finally:
        lock.release()


def said(error: Exception) -> str:
    """What went wrong, and where the system refused something the cure."""
    text = str(error)
    cures = [cure for n, cure in CURES.items() if os.strerror(n) in text]
    return "\n".join([text, *cures])


class Line:
    """A line of progress. On a terminal all that is under way stands in one
    line, rewritten in place, below the lines of what is done.
    """

    _lock = threading.Lock()
    _open: ClassVar[dict[Line, str]] = {}

    def __init__(self, head: str) -> None:
        self.head, self.start = head, time.monotonic()

    def now(self, what: str) -> None:
        with self._lock:
            self._open[self] = what
            if sys.stdout.isatty():
                print(f"\r\033[K{self._under_way()}", end="", flush=True)

    def done(self, what: str) -> None:
        with self._lock:
            self._open.pop(self, None)
            seconds = time.monotonic() - self.start
            text = f"{self.head}  {what}  {seconds:.1f} s"
            if sys.stdout.isatty():
                text = f"\r\033[K{text}\n{self._under_way()}"
                print(text, end="", flush=True)
            else:
                print(text, flush=True)

    def _under_way(self) -> str:
        parts = [
            " ".join(f"{line.head} {what}".split())
            for line, what in self._open.items()
        ]
        columns = shutil.get_terminal_size().columns
        return "; ".join(parts)[: columns - 1]


def build(book: Book, options: argparse.Namespace) -> StandIns:
    """Make what the command line asks for. Return what was not executed.

    If that fails, the committed notebooks are as they were before.
    """
    made_from, stand_ins = unchanged.sources(book.root), StandIns()
    committed = CommittedNotebooks(book)
    try:
        if options.what == "site":
            require_executed(book, strict=options.strict)
        else:
            stand_ins = make_notebooks(
                book,
                options.names,
                force=options.force,
                renew=options.what == "notebooks",
                jobs=options.jobs,
                strict=options.strict,
                committed=committed,
                # What renders pages is imported while a kernel works.
                meanwhile=partial(load, book.root)
                if options.what == "book"
                else lambda: None,
            )
        if options.what != "notebooks":
            make_site(book)
    except BaseException:
        committed.restore()
        raise
    if options.what == "book" and not options.names:
        # The next build tries again what a later one could execute.
        key = "" if stand_ins.avoidable else made_from
        unchanged.remember(book.root, key)
    return stand_ins


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bookbuild.build", description=__doc__)
    parser.add_argument(
        "what", choices=["book", "notebooks", "site", "check", "why"]
    )
    parser.add_argument("names", nargs="*", help="of frameworks, or of pages")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument(
        "--force", action="store_true", help="execute even what did not change"
    )
    parser.add_argument(
        "--jobs", type=int, help="pages to execute at a time; as a rule one a "
        f"processor, and {MOST_JOBS} at most"
    )
    parser.add_argument(
        "--strict", action="store_true",
        help="fail if a page cannot be executed on this machine",
    )
    parser.add_argument(
        "--wait", action="store_true", help="begin when a line comes in"
    )
    options = parser.parse_args(arguments)
    if options.wait:
        load(options.root)
        if not sys.stdin.readline():  # nobody is left who could want a build
            return 0
        if not unchanged.main(["--root", str(options.root)]):
            return 0
    # Whoever ends the build by a signal wants its kernels ended as well.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks for
            signal.signal(number, signal.default_int_handler)
    # nbclient leaves tasks behind where a kernel dies; what matters is told.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    root = options.root.resolve()
    kernels = root / ".envs" / "share" / "jupyter"
    paths = [str(kernels), os.environ.get("JUPYTER_PATH", "")]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, paths))
    try:
        book = Book(root)
        if options.jobs is not None and options.jobs < 1:
            raise BuildError(
                f"JOBS={options.jobs}: execute at least 1 page at a time."
            )
        if options.what == "why":
            if not options.names:
                raise BuildError(
                    "Name a page, as in make why "
                    f"PAGE={book.pages()[-1].name}."
                )
            print(why(book, options.names))
            return 0
        for name in options.names:
            if name not in book.frameworks:
                raise BuildError(
                    f"The book has no framework {name!r}, only "
                    f"{' and '.join(book.frameworks)}."
                )
        if options.what == "check":
            check(book)
            return 0
        with alone(book):
            stand_ins = build(book, options)
        if stand_ins:
            count = len(stand_ins)
            notebooks = "1 notebook was" if count == 1 else f"{count} notebooks were"
            print(
                f"\n{notebooks} not executed on this machine. Committed "
                f"outputs stand in.\n{stand_ins.summary()}"
            )
        if options.what != "notebooks":
            print(f"\nOpen {book.build / 'html' / 'index.html'}")
    except (BuildError, SourceError, ValueError, OSError) as error:
        print(f"\n{said(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nInterrupted: the site of before is untouched. What was executed "
            "is kept, so the same command goes on from here.",
            file=sys.stderr,
        )
        return 130
    return 0


if __name__ == "__main__":
    status = main()
    gc.freeze()  # nor is it worth while to look for any at the end
    sys.exit(status)
