"""Execute the cells of a page in one framework's kernel."""

from __future__ import annotations

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
from .page import Cell, Page

# Characters that a page may put out: six times the book's largest figure. More
# comes from a loop that prints, and makes a page that no browser can load.
MOST_OUTPUT = 1_000_000
RECORD = "d2l_extras"  # where d2l_extras.record puts a result: the metadata
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class ExecutionError(RuntimeError):
    """A cell failed. The message says which one, where, and how.

    `error_name` is the name of the exception that the cell raised, if it
    raised one.
    """

    error_name = ""


class KernelError(ExecutionError):
    """A kernel did not start, or died while a cell ran."""

    started = True


class Client(NotebookClient):
    """A client that stops a kernel if its cells flood the page with output."""

    fault = ""  # what is wrong with the cell that runs, if anything is
    _size = 0
    _process = _group = None

    async def async_start_new_kernel(self, **options: object) -> None:
        await super().async_start_new_kernel(**options)
        # nbclient forgets both once the kernel is gone.
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
                "stopped: print less, or a summary"
            )
            outs.clear()
            self.kill()
        return added

    def kill(self) -> None:
        """Kill the kernel with the processes of its group."""
        if self._group:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)

    def ending(self) -> str:
        """Say how the process of a kernel that died has ended."""
        status = self._process.poll() if self._process else None
        if status == -signal.SIGKILL:
            return "was killed (signal 9), perhaps because memory ran out"
        if status and status < 0:
            return f"crashed ({signal.Signals(-status).name})"
        return f"ended with status {status}" if status is not None else "is gone"


class Kernels:
    """The kernels that run at the moment, so that all can be stopped at once.

    `threads` limits the threads of each, unless the environment already does:
    kernels that run side by side must not compete. `variables` are further
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
        """Return the environment variables of a framework's kernel."""
        limits = framework.threads if self.threads else []
        return {**dict.fromkeys(limits, str(self.threads)), **self._variables}

    @contextmanager
    def running(self, client: Client) -> Iterator[None]:
        """Know a client while its kernel runs, and kill the kernel at the end."""
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
        """Raise ExecutionError after `stop`."""
        if self.stopped:
            raise ExecutionError("stopped")

    def stop(self) -> None:
        """Kill all kernels. Whoever waits for one gets an error."""
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

    `timeout` is in seconds per cell. Another thread can tell `kernels` to stop.
    Raises ExecutionError for a cell that raises, hangs, or kills its kernel, and
    for a cell tagged raises-exception that does not raise.
    """
    cells = page.code(framework.name)
    outputs = _run(page, framework, cells, timeout, progress, kernels or Kernels())
    for number, (cell, produced) in enumerate(zip(cells, outputs)):
        raised = any(o["output_type"] == "error" for o in produced)
        faults = [output_checks.fault(o.get("data", {})) for o in produced]
        if "raises-exception" in cell.tags and not raised:
            what = "is tagged raises-exception but raised nothing"
        elif fault := next(filter(None, faults), None):
            what = (
                f"puts out {fault}, which the site cannot show: put out text, a "
                "table, or a picture"
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

    def report_start(cell_index: int, **_: object) -> None:
        nonlocal number
        kernels.raise_if_stopped()
        number = cell_index
        progress(number, len(cells))

    def refuse_exit(execute_reply: dict, **_: object) -> None:
        payload = execute_reply["content"].get("payload", [])
        if any(part.get("source") == "ask_exit" for part in payload):
            client.fault = "ends the kernel, by exit() or quit(): remove that"
        if client.fault:
            raise ExecutionError(client.fault)

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
            # Output that is lost must not pass for output that never was.
            iopub_timeout=timeout,
            raise_on_iopub_timeout=True,
            kernel_name=framework.kernel,
            resources={"metadata": {"path": folder}},
            coalesce_streams=True,
            record_timing=False,
            skip_cells_with_tag="skip-execution",
            # Sockets in a folder of our own: no port to listen on.
            config=Config(
                KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"}
            ),
            on_cell_execute=report_start,
            on_cell_executed=refuse_exit,
        )
        try:
            with kernels.running(client):
                client.execute(
                    env={**kernels.variables(framework), **os.environ, "NO_COLOR": "1"}
                )
        except CellExecutionError as error:
            failure = failed(_told(error, node.cells[number], framework))
            failure.error_name = error.ename
            raise failure from error
        except CellTimeoutError as error:
            lost = "IOPub" in str(error)
            raise failed(
                "puts out more than could be read: print less"
                if lost
                else f"ran longer than {timeout} s: make it faster, or raise "
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
        [output_checks.clean(output) for output in cell.outputs]
        for cell in node.cells
    ]


def _told(error: CellExecutionError, cell: NotebookNode, framework: Framework) -> str:
    """Return the traceback of a cell without the frames of installed packages."""
    [raised] = [o for o in cell.outputs if o.output_type == "error"]
    frames = ANSI.sub("", "\n".join(raised.traceback)).split("\n\n")
    told = "\n\n".join(frame for frame in frames if "-packages/" not in frame)
    if error.ename == "ModuleNotFoundError":
        told += (
            f"\nIf the environment of {framework.label} lacks a package, add it to the "
            f"extra {framework.name} in pyproject.toml, and run make lock. If it is a "
            "module of your own, put its file beside the page."
        )
    return told


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
    """Return what the cells recorded: value and text of each result, by name.

    Raises SourceError if two cells record under the same name.
    """
    found: dict[str, dict] = {}
    for cell, produced in zip(page.code(framework.name), outputs):
        for output in produced:
            record = output.get("metadata", {}).get(RECORD)
            if record is None:
                continue
            if record["name"] in found:
                raise SourceError(
                    f"{page.path}:{cell.line}: {framework.label} records "
                    f"{record['name']!r} a second time; choose another name"
                )
            found[record["name"]] = record
    return found
