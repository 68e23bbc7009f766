"""Execute the cells of a page in one framework's kernel."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import (
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)
from nbformat import NotebookNode
from traitlets.config import Config

from . import output_checks
from .errors import SourceError
from .frameworks import Framework
from .page import Cell, Expression, Page

# The maximum number of characters in the outputs of a cell: six times the book's
# largest figure. More than that comes from printing in a loop, and browsers could not
# load the page.
MOST_OUTPUT = 1_000_000
METADATA = "d2l_extras"  # the key of the book's own metadata
VALUES = "values"  # the key in there of the values that {eval} inserts
# Returns the formatted text and the representation of a value. An array of one
# number, in any framework, is treated as that number.
EVALUATE = """(lambda value, spec: (format(value, spec), repr(value)))(
(lambda value: value.item() if hasattr(value, "item")
else value.numpy().item() if hasattr(value, "numpy") else value)({code}), {format!r})"""
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class ExecutionError(RuntimeError):
    """Say which cell failed, where it is, and how it failed.

    `error_name` is the name of the exception that the cell raised, if any.
    """

    error_name = ""


class KernelError(ExecutionError):
    """Report that a kernel did not start, or died while a cell ran."""

    started = True


class Client(NotebookClient):
    """Run a notebook, and stop its kernel if a cell has too much output."""

    fault = ""  # what is wrong with the running cell, if anything
    _size = 0
    _process = _group = None

    async def async_start_new_kernel(self, **options: object) -> None:
        await super().async_start_new_kernel(**options)
        # Keep both, because nbclient drops them once the kernel has ended.
        self._process = getattr(self.km.provisioner, "process", None)
        self._group = getattr(self.km.provisioner, "pgid", None)

    def output(self, outs: list, message: dict, *place: object) -> object:
        if self.fault:
            return None
        size = len(json.dumps(message["content"]))
        added = super().output(outs, message, *place)
        # Output that was cleared, such as a redrawn display, does not count.
        self._size = size if len(outs) <= 1 else self._size + size
        if self._size > MOST_OUTPUT:
            self.fault = (
                f"puts out more than {MOST_OUTPUT:,} characters, and was "
                "stopped; print less, or print a summary"
            )
            outs.clear()
            self.kill()
        return added

    def kill(self) -> None:
        """Kill the kernel and the other processes of its group."""
        if self._group:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)

    def ending(self) -> str:
        """Describe how the process of a dead kernel ended."""
        status = self._process.poll() if self._process else None
        if status == -signal.SIGKILL:
            return "was killed (signal 9), perhaps because memory ran out"
        if status and status < 0:
            return f"crashed ({signal.Signals(-status).name})"
        return f"ended with status {status}" if status is not None else "is gone"


class Kernels:
    """Keep track of the running kernels, so that all can be stopped at once.

    `threads` limits the number of threads per kernel, unless the environment already
    does, so that kernels do not compete for processors. `variables` are additional
    environment variables for the kernels.
    """

    def __init__(
        self, threads: int | None = None, variables: dict[str, str] | None = None
    ) -> None:
        self.threads, self._variables = threads, variables or {}
        self.stopped = False
        self._lock = threading.Lock()
        self._clients: set[Client] = set()

    def variables(self, framework: Framework) -> dict[str, str]:
        """Return the environment variables for a framework's kernel."""
        limits = framework.threads if self.threads else []
        return {**dict.fromkeys(limits, str(self.threads)), **self._variables}

    @contextmanager
    def running(self, client: Client) -> Iterator[None]:
        """Register a client while its kernel runs, and kill the kernel at the end."""
        with self._lock:
            self.raise_if_stopped()
            self._clients.add(client)
        try:
            yield
        finally:
            client.kill()
            with self._lock:
                self._clients.discard(client)

    def raise_if_stopped(self) -> None:
        """Raise ExecutionError if `stop` was called."""
        if self.stopped:
            raise ExecutionError("stopped")

    def stop(self) -> None:
        """Kill all kernels. Threads that wait for one of them get an error."""
        with self._lock:
            self.stopped = True
            for client in self._clients:
                client.kill()


def execute(
    page: Page,
    framework: Framework,
    *,
    timeout: int = 600,
    progress: Callable[[int, int], None] = lambda done, total: None,
    kernels: Kernels | None = None,
) -> list[list[dict]]:
    """Run a page's cells for a framework, and return each code cell's outputs.

    `timeout` is in seconds per cell. Another thread can call `kernels.stop()`. Raises
    ExecutionError if a cell raises an exception, hangs, or kills its kernel, or if a
    cell tagged raises-exception does not raise one.
    """
    cells = page.code(framework.name)
    outputs = _run(page, framework, cells, timeout, progress, kernels or Kernels())
    for number, (cell, produced) in enumerate(zip(cells, outputs)):
        raised = any(o["output_type"] == "error" for o in produced)
        faults = [output_checks.fault(o.get("data", {})) for o in produced]
        if "raises-exception" in cell.tags and not raised:
            what = "is tagged raises-exception, but raised nothing; remove the tag"
        elif fault := next(filter(None, faults), None):
            what = (
                f"puts out {fault}, which the site cannot show; use text, a table, "
                "or a picture instead"
            )
        else:
            continue
        raise _failed(page, framework, cells, number, what)
    return outputs


def _run(
    page: Page,
    framework: Framework,
    cells: list[Cell],
    timeout: int,
    progress: Callable[[int, int], None],
    kernels: Kernels,
) -> list[list[dict]]:
    node = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                cell.source, id=cell.id, metadata={"tags": cell.tags}
            )
            for cell in cells
        ]
    )
    number = 0
    expressions = page.expressions_by_cell(framework.name)
    values: list[list[dict]] = [[] for _ in cells]

    def report_start(cell_index: int, **_: object) -> None:
        nonlocal number
        kernels.raise_if_stopped()
        number = cell_index
        progress(number, len(cells))

    async def finish_cell(execute_reply: dict, **_: object) -> None:
        payload = execute_reply["content"].get("payload", [])
        if any(part.get("source") == "ask_exit" for part in payload):
            client.fault = "ends the kernel with exit() or quit(); remove that call"
        if client.fault:
            raise ExecutionError(client.fault)
        for one in expressions[number]:
            values[number].append(await _evaluate(page, framework, client, one))

    def failed(what: str) -> ExecutionError:
        return _failed(page, framework, cells, number, client.fault or what)

    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as sockets,
    ):
        for path in page.files(framework.name):
            shutil.copy(path, folder)
        client = Client(
            node,
            timeout=timeout,
            # Lost output must not look as if there had been no output.
            iopub_timeout=timeout,
            raise_on_iopub_timeout=True,
            kernel_name=framework.kernel,
            resources={"metadata": {"path": folder}},
            coalesce_streams=True,
            record_timing=False,
            skip_cells_with_tag="skip-execution",
            # A kernel that is asked to end may print that it was interrupted.
            shutdown_kernel="immediate",
            # Use sockets in a temporary folder, so that no port is opened.
            config=Config(
                KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"}
            ),
            on_cell_execute=report_start,
            on_cell_executed=finish_cell,
        )
        try:
            with kernels.running(client):
                client.execute(
                    env={**kernels.variables(framework), **os.environ, "NO_COLOR": "1"}
                )
        except CellExecutionError as error:
            failure = failed(_describe(error, node.cells[number], framework))
            failure.error_name = error.ename
            raise failure from error
        except CellTimeoutError as error:
            lost = "IOPub" in str(error)
            raise failed(
                f"puts out more than could be read in {timeout} s; print less"
                if lost
                else f"ran longer than {timeout} s; make it faster, or increase "
                "execute: timeout in _config.yml"
            ) from error
        except DeadKernelError as error:
            died = failed(f"the kernel died: it {client.ending()}")
            raise (died if client.fault else KernelError(*died.args)) from error
        except ExecutionError as error:
            raise (failed("") if client.fault else error) from error
        except (NoSuchKernel, RuntimeError, OSError) as error:
            failure = KernelError(
                f"{page.path}: the kernel {framework.kernel} of "
                f"{framework.label} did not start: {error}; remove "
                f".envs/{framework.kernel} and run make again"
            )
            failure.started = False
            raise failure from error
    return [
        [output_checks.clean(output) for output in cell.outputs] + with_values(found)
        for cell, found in zip(node.cells, values)
    ]


async def _evaluate(
    page: Page, framework: Framework, client: Client, one: Expression
) -> dict:
    """Evaluate an expression in the kernel, and return its text and value."""
    code = EVALUATE.format(code=one.code, format=one.format)
    reply = await client.kc.execute(
        "", silent=True, user_expressions={"value": code}, reply=True,
        timeout=client.timeout,
    )  # fmt: skip
    result = reply["content"]["user_expressions"]["value"]
    if result["status"] == "ok":
        text, value = ast.literal_eval(result["data"]["text/plain"])
        what = _fault_of_value(text, value, one)
    else:
        what = f"{result['ename']}: {result['evalue']}"
    if what:
        raise SourceError(
            f"{page.path}:{one.line}: {framework.label}, {{eval}}`{one.text}`: {what}"
        )
    return {"name": one.text, "text": text, "value": ast.literal_eval(value)}


def _fault_of_value(text: str, value: str, one: Expression) -> str | None:
    """Return why a value, given as its repr, cannot be inserted, or None."""
    if value in ("nan", "inf", "-inf"):
        return f"the value is {value}; find out where the computation went wrong"
    try:
        quoted = ast.literal_eval(value)
    except (SyntaxError, ValueError):
        quoted = None
    if not isinstance(quoted, (str, int, float)):
        return f"the value is {value[:80]}; write an expression for a number or a string"
    if isinstance(quoted, float) and not one.format:
        return f"the value is {value}; add a format, as in {{eval}}`{one.text}:.3f`"
    return None


def with_values(found: list[dict]) -> list[dict]:
    """Return a list with an invisible output that keeps these values, if any."""
    if not found:
        return []
    kept = {"output_type": "display_data", "data": {}}
    return [{**kept, "metadata": {METADATA: {VALUES: found}}}]


def values_in(output: dict) -> list[dict]:
    """Return the values that an output keeps for the prose."""
    return output.get("metadata", {}).get(METADATA, {}).get(VALUES, [])


def _describe(
    error: CellExecutionError, cell: NotebookNode, framework: Framework
) -> str:
    """Return the traceback of a cell without the frames of installed packages."""
    [raised] = [o for o in cell.outputs if o.output_type == "error"]
    frames = ANSI.sub("", "\n".join(raised.traceback)).split("\n\n")
    text = "\n\n".join(frame for frame in frames if "-packages/" not in frame)
    if error.ename == "ModuleNotFoundError":
        text += (
            f"\nIf the environment of {framework.label} lacks a package, add it to the "
            f"extra {framework.name} in pyproject.toml, and run make lock. If it is "
            "your own module, put its file into the folder of the page."
        )
    return text


def _failed(
    page: Page,
    framework: Framework,
    cells: list[Cell],
    number: int,
    what: str,
) -> ExecutionError:
    cell = cells[min(number, len(cells) - 1)]
    return ExecutionError(
        f"{page.path}:{cell.line}: {framework.label}, code cell "
        f"{number + 1} of {len(cells)}: {cell.first_line}\n{what}"
    )


def results(
    page: Page, framework: Framework, outputs: list[list[dict]]
) -> dict[str, dict]:
    """Return the value and the text of each result that the prose inserts, by name.

    Raises SourceError if a name has two different values.
    """
    found: dict[str, dict] = {}
    for cell, produced in zip(page.code(framework.name), outputs):
        for kept in (kept for output in produced for kept in values_in(output)):
            name, known = kept["name"], found.setdefault(kept["name"], kept)
            if known != kept:
                raise SourceError(
                    f"{page.path}:{cell.line}: the value of {{eval}}`{name}` is "
                    f"{kept['text']} here, but {known['text']} further up in "
                    f"{framework.label}; use different names for the two"
                )
    return found
