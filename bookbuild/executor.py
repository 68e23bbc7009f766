"""Execute the pages whose outputs cannot be reused.

The outputs of every page go to `_build/outputs`, where Sphinx finds them. If this
machine cannot execute a page, the committed outputs stand in for new ones.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache as memoize
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from . import cache, install_cell
from .book import Book
from .errors import BuildError, SourceError
from .execution import (
    METADATA,
    VALUES,
    ExecutionError,
    KernelError,
    Kernels,
    execute,
    with_values,
)
from .frameworks import Framework
from .page import Cell, Page
from .progress import Line
from .stand_ins import (
    Obstacle,
    StandIns,
    diagnose_kernel,
    find_data,
    find_obstacle,
)

# More kernels at a time would not finish the longest page any sooner, and each kernel
# needs a gigabyte of memory.
MOST_JOBS = 4
# The errors that a cell raises if its framework cannot be imported.
IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "OSError"}
# Appears in the code of every page that loads the data set.
LOADS_DATA = "fashion_mnist"
# The ids of the empty cells below a notebook's exercises start with this.
ANSWER = "answer-"


class Executor:
    """Execute pages, or use their committed outputs instead.

    `names` restricts this to some frameworks. If `strict`, BuildError is raised if
    this machine cannot execute a page.
    """

    def __init__(
        self,
        book: Book,
        pages: list[Page],
        names: list[str] | None = None,
        *,
        strict: bool = False,
    ) -> None:
        self.book, self.strict = book, strict
        self.stand_ins = StandIns()
        self.pairs = pairs_of(pages, names)
        self._todo: list[tuple[Page, Framework]] = []
        self._missing_data: Obstacle | None = None
        self._diagnosed = memoize(lambda f: diagnose_kernel(book.root, f))

    def plan(self, *, force: bool = False) -> bool:
        """Decide what to execute, and return whether there is anything to execute.

        With `force`, nothing is reused.
        """
        for page, framework in self.pairs:
            if obstacle := find_obstacle(self.book.root, framework):
                self._stand_in(page, framework, obstacle)
                continue
            path = cache.stored_outputs(page, framework, self.book.root)
            outputs = None if force else cache.load_outputs(path)
            if outputs is None:
                self._todo.append((page, framework))
                continue
            self._put(page, framework, outputs)
            cells = len(outputs)
            _line(page, framework).done(f"{cells} of {cells} cells  reused")
        if self.strict:
            self._refuse_stand_ins()
        return bool(self._todo)

    def execute(self, jobs: int | None = None) -> None:
        """Execute what was planned, `jobs` pages at a time.

        Pages with many cells are started first. Raises BuildError that lists every
        page that failed.
        """
        if not self._todo:
            return
        variables = self._find_data()
        jobs = min(jobs or min(cpus(), MOST_JOBS), len(self._todo))
        todo = sorted(self._todo, key=lambda one: -len(one[0].code(one[1].name)))
        failures: dict[tuple[str, str], str] = {}
        kernels = Kernels(max(1, cpus() // jobs) if jobs > 1 else None, variables)
        pool = ThreadPoolExecutor(jobs)
        try:
            tasks = {pool.submit(self._run, *one, kernels): one for one in todo}
            for task in as_completed(tasks):
                page, framework = tasks[task]
                try:
                    outputs = task.result()
                except (ExecutionError, SourceError) as error:
                    if obstacle := self._find_obstacle(framework, error):
                        self._stand_in(page, framework, obstacle)
                    else:
                        failures[page.name, framework.name] = str(error)
                else:
                    self._put(page, framework, outputs)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            kernels.stop()
            pool.shutdown()
        if failures:
            # In the order of the pages. Frameworks may report the same fault.
            order = [(page.name, framework.name) for page, framework in self.pairs]
            failed = sorted(failures, key=order.index)
            raise BuildError("\n\n".join(dict.fromkeys(map(failures.get, failed))))
        if self.strict:
            self._refuse_stand_ins()

    def _find_data(self) -> dict[str, str]:
        """Fetch the data set, and return environment variables for the kernels."""
        if not any(loads_data(*pair) for pair in self._todo):
            return {}
        line = Line("data        Fashion-MNIST")
        self._missing_data, variables = find_data(self.book.build / "data")
        line.done("not available" if self._missing_data else "found and checked")
        if self.strict:
            self._refuse_stand_ins()
        return variables

    def _run(
        self, page: Page, framework: Framework, kernels: Kernels
    ) -> list[list[dict]]:
        line = _line(page, framework)
        outputs = execute(
            page,
            framework,
            timeout=self.book.timeout,
            progress=lambda n, of: line.now(f"{n} of {of} cells"),
            kernels=kernels,
        )
        path = cache.stored_outputs(page, framework, self.book.root)
        cache.store_outputs(path, outputs)
        line.done(f"{len(outputs)} of {len(outputs)} cells  executed")
        return outputs

    def _put(self, page: Page, framework: Framework, outputs: list) -> None:
        """Write outputs to where Sphinx finds them."""
        inputs = cache.inputs(page, framework, self.book.root)
        node = executed_notebook(page, framework, outputs, inputs=inputs)
        write_notebook(self.book.output(page, framework), node)

    def _find_obstacle(
        self, framework: Framework, error: Exception
    ) -> Obstacle | None:
        """Return the problem of this machine that caused an error, if any.

        Returns None if the sources caused it.
        """
        if not isinstance(error, ExecutionError):
            return None
        if error.error_name == "DatasetNotAvailable":
            return self._missing_data or find_data(self.book.build / "data")[0]
        if error.error_name in IMPORT_ERRORS:
            return self._diagnosed(framework)
        if not isinstance(error, KernelError):
            return None
        obstacle = self._diagnosed(framework)
        if not obstacle and not error.started:
            obstacle = Obstacle(
                f"The kernel of {framework.label} did not start on this machine",
                str(error),
            )
        return obstacle

    def _stand_in(
        self, page: Page, framework: Framework, obstacle: Obstacle
    ) -> None:
        """Use the committed outputs of a page instead of new ones.

        Adds to their notebook's metadata a sentence for readers (`stand_in`) and
        the current inputs of the page (`shown_for`).
        """
        now = cache.inputs(page, framework, self.book.root)
        path = self.book.committed(page, framework)
        reason, label = obstacle.reason, framework.label
        if path.exists():
            notebook_metadata(path)  # raises if the file is damaged
            node = nbformat.read(path, as_version=4)
            note = (
                f"{reason}, so the {label} outputs on this page are those "
                "committed with the book"
            )
            if node.metadata.get("d2l_extras", {}).get("inputs") != now:
                note += ", from an earlier version of this page's code"
        else:
            nothing = [[] for _ in page.code(framework.name)]
            node = executed_notebook(page, framework, nothing)
            note = (
                f"{reason}, and no {label} outputs of this page are committed "
                "with the book yet, so its code is shown without them"
            )
        note += ". Run `make book` to see how to change that."
        metadata = node.metadata.setdefault("d2l_extras", {})
        metadata.update(stand_in=note, shown_for=now)
        write_notebook(self.book.output(page, framework), node)
        self.stand_ins[page.name, label] = obstacle
        _line(page, framework).done("committed outputs")

    def _refuse_stand_ins(self) -> None:
        problems = [self.stand_ins.summary()] if self.stand_ins else []
        if self._missing_data:
            problems.append(f"- {self._missing_data}")
        if problems:
            raise BuildError(
                "This machine cannot execute the whole book, and STRICT=1 does not "
                "allow committed outputs instead.\n" + "\n".join(problems)
            )


def pairs_of(
    pages: list[Page], names: list[str] | None = None
) -> list[tuple[Page, Framework]]:
    """Return each page with each of its frameworks, or with those in `names`."""
    return [
        (page, framework)
        for page in pages
        for framework in page.frameworks.values()
        if not names or framework.name in names
    ]


def loads_data(page: Page, framework: Framework) -> bool:
    """Return whether a page's code loads Fashion-MNIST."""
    return any(LOADS_DATA in cell.source for cell in page.code(framework.name))


def executed_notebook(
    page: Page, framework: Framework, outputs: list[list[dict]], **metadata: object
) -> NotebookNode:
    """Return a notebook of a page's code cells and their outputs, without prose."""
    cells = [
        executed_cell(cell, produced, tags=cell.tags)
        for cell, produced in zip(page.code(framework.name), outputs, strict=True)
    ]
    ours = {
        "framework": framework.name,
        "source": f"chapters/{page.name}.md",
        **metadata,
    }
    return nbformat.from_dict(
        nbformat.v4.new_notebook(cells=cells, metadata={"d2l_extras": ours})
    )


def executed_cell(
    cell: Cell, outputs: list[dict], count: int | None = None, **metadata: object
) -> NotebookNode:
    """Return a code cell with its outputs.

    The values that the prose inserts after the cell become metadata of the cell,
    because Jupyter cannot use an output without data. `outputs_of` restores them.
    """
    kept = [o["metadata"][METADATA] for o in outputs if _has_values(o)]
    return nbformat.v4.new_code_cell(
        cell.source,
        id=cell.id,
        execution_count=count,
        metadata={**metadata, **({METADATA: kept[0]} if kept else {})},
        outputs=[o for o in outputs if not _has_values(o)],
    )


def _has_values(output: dict) -> bool:
    return VALUES in output.get("metadata", {}).get(METADATA, {})


def outputs_of_cell(cell: NotebookNode) -> list[dict]:
    """Return the outputs of a notebook's code cell, as `execute` returned them."""
    values = cell.metadata.get(METADATA, {}).get(VALUES, [])
    return [*cell.outputs, *with_values(values)]


def write_notebook(path: Path, node: NotebookNode) -> None:
    """Write a notebook if it has changed. Equal notebooks give equal bytes."""
    nbformat.validate(node)
    text = json.dumps(node, indent=1, sort_keys=True, ensure_ascii=False)
    cache.write_whole(path, f"{text}\n".encode())


def notebook_metadata(path: Path) -> dict:
    """Return our metadata in a notebook, or {} if there is no such file.

    Raises BuildError if the file is not a notebook.
    """
    if not path.exists():
        return {}
    try:
        node = nbformat.read(path, as_version=4)
        nbformat.validate(node)
        return node.metadata.get("d2l_extras", {})
    except OSError:
        raise
    except Exception as error:  # nbformat may raise errors of any type
        raise BuildError(
            f"{path} is not a valid notebook. It may be incomplete or contain a "
            "merge conflict. Restore it (git checkout), or remove it and run make "
            "book on a machine that has the framework."
        ) from error


def outputs_of(node: NotebookNode) -> list[list[dict]]:
    """Return the outputs of each of a page's code cells in a notebook, in order."""
    return [outputs_of_cell(cell) for cell in code_cells(node)]


def code_cells(node: NotebookNode) -> list[NotebookNode]:
    """Return a page's code cells in a notebook, in the order of the page.

    Solutions are at the end of a notebook, but they were executed in the order of
    the page, which the execution counts keep.
    """
    cells = [c for c in node.cells if c.cell_type == "code" and not is_added(c)]
    return sorted(cells, key=lambda cell: cell.execution_count or 0)


def is_added(cell: NotebookNode) -> bool:
    """Return whether a cell is only in the notebook, not on the page.

    These are the first cell, and the empty cells for answers.
    """
    return cell.id == install_cell.ID or cell.id.startswith(ANSWER)


def cpus() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def _line(page: Page, framework: Framework) -> Line:
    return Line(f"{framework.label:<10}  {page.name}")
