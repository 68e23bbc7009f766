"""Execute the cells of one framework's notebook in its own kernel."""

from __future__ import annotations

import atexit
import json
import os
import re
import signal
import tempfile
import threading
import uuid
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

from . import output_checks, processes
from .frameworks import Framework
from .page import Cell, Page, SourceError

# What limits the threads of NumPy's and MXNet's libraries, and TensorFlow's.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
# Characters that a cell may put out: six times the book's largest figure. More
# is a loop that prints, and a page that nobody could load.
MOST_OUTPUT = 1_000_000
RECORD = "d2l_extras"  # where d2l_extras.record puts a result: the metadata
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class ExecutionError(RuntimeError):
    """A cell failed; the message says which, where and how.

    `error_name` is the name of the exception that the cell raised, if it
    raised one.
    """

    error_name = ""


class KernelError(ExecutionError):
    """A kernel did not start, or died while a cell ran."""

    started = True


class Client(NotebookClient):
    """nbclient's, which kills a kernel whose cell floods the page, and notices
    what ends a kernel or loses output without an error.
    """

    fault = ""  # what is wrong with the cell that runs, if anything is
    group: int | None = None  # the processes of the kernel, by their group
    _size = 0

    async def async_start_new_kernel(self, **options: object) -> None:
        await super().async_start_new_kernel(**options)
        self.group = getattr(self.km.provisioner, "pgid", None)
        # nbclient forgets it where the kernel is gone.
        self.process = getattr(self.km.provisioner, "process", None)

    def output(self, outs: list, message: dict, *place: object) -> object:
        if self.fault:
            return None
        size = len(json.dumps(message["content"]))
        added = super().output(outs, message, *place)
        # What was cleared, as by a display that is drawn anew, does not count.
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
        """Kill the kernel and what is in its group of processes."""
        if self.group:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.group, signal.SIGKILL)

    def end(self) -> str:
        """How the process of a kernel that died has ended."""
        status = self.process.poll() if self.process else None
        if status == -signal.SIGKILL:
            return "was killed (signal 9), perhaps since memory ran out"
        if status and status < 0:
            return f"crashed ({signal.Signals(-status).name})"
        return f"ended with status {status}" if status is not None else "is gone"


class Kernels:
    """The kernels that run at the moment, so that all can be stopped at once.

    `threads` is how many a kernel may compute with, where nothing else is
    said in the environment: kernels side by side must not fight. By `mark`
    are known the processes that cells start: see processes.py.
    """

    def __init__(
        self, threads: int | None = None, mark: str | None = None
    ) -> None:
        self.limits = dict.fromkeys(THREADS, str(threads)) if threads else {}
        self.mark = mark or uuid.uuid4().hex
        self.stopped = False
        self._lock = threading.Lock()
        self._clients: set[Client] = set()

    @contextmanager
    def running(self, client: Client) -> Iterator[str]:
        """While a kernel runs; gives its mark. Then nothing that its cells
        have started is left running.
        """
        mark = f"{self.mark}/{uuid.uuid4().hex}"
        with self._lock:
            self.check()
            self._clients.add(client)
        try:
            yield mark
        finally:
            client.kill()
            processes.end(mark)
            # Where a kernel did not start, nbclient would look for it at exit.
            atexit.unregister(client._cleanup_kernel)
            with self._lock:
                self._clients.discard(client)

    def check(self) -> None:
        """Raise ExecutionError if all was stopped."""
        if self.stopped:
            raise ExecutionError("stopped")

    def stop(self) -> None:
        """Kill what runs, with its children; those who wait get an error."""
        with self._lock:
            self.stopped = True
            for client in self._clients:
                client.kill()
            processes.end(self.mark)


def execute(
    page: Page,
    framework: Framework,
    *,
    timeout: int = 600,
    progress: Callable[[int, int], None] = lambda done, total: None,
    kernels: Kernels | None = None,
) -> list[list[dict]]:
    """Run the page's cells for a framework; the outputs of each code cell.

    `timeout` is in seconds and for one cell; `kernels` can be told to stop, by
    another thread. Raises ExecutionError for a cell that raises, hangs or takes
    its kernel down, and for a cell tagged raises-exception that does not raise.
    """
    cells = page.code(framework.name)
    node = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                cell.source, id=cell.id, metadata={"tags": cell.tags}
            )
            for cell in cells
        ]
    )
    code = node.cells
    at = {id(cell): number for number, cell in enumerate(code)}
    done = 0
    kernels = kernels or Kernels()

    def starts(cell: NotebookNode, **_: object) -> None:
        nonlocal done
        kernels.check()
        done = at[id(cell)]
        progress(done, len(code))

    def executed(execute_reply: dict, **_: object) -> None:
        payload = execute_reply["content"].get("payload", [])
        if any(part.get("source") == "ask_exit" for part in payload):
            client.fault = "ends the kernel, by exit() or quit(): remove that"
        if client.fault:
            raise ExecutionError(client.fault)

    def failed(what: str) -> ExecutionError:
        return _failed(page, framework, cells, done, client.fault or what)

    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as sockets,
    ):
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
            # Sockets in a folder of our own: no port to listen on.
            config=Config(
                KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"}
            ),
            on_cell_execute=starts,
            on_cell_executed=executed,
        )
        try:
            with kernels.running(client) as mark:
                client.execute(
                    env={
                        **kernels.limits,
                        **os.environ,
                        "NO_COLOR": "1",
                        processes.MARK: mark,
                    }
                )
        except CellExecutionError as error:
            failure = failed(ANSI.sub("", error.traceback))
            failure.error_name = error.ename
            raise failure from error
        except CellTimeoutError as error:
            if "IOPub" in str(error):
                what = "puts out more than could be read: print less"
            else:
                what = (
                    f"ran longer than {timeout} s: make it faster, or raise "
                    "execute: timeout in _config.yml"
                )
            raise failed(what) from error
        except DeadKernelError as error:
            died = failed(f"the kernel died: it {client.end()}")
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
    outputs = [[_clean(output) for output in cell.outputs] for cell in code]
    for number, (cell, produced) in enumerate(zip(cells, outputs)):
        raised = any(o["output_type"] == "error" for o in produced)
        if "raises-exception" in cell.tags and not raised:
            raise _failed(
                page,
                framework,
                cells,
                number,
                "is tagged raises-exception but raised nothing",
            )
        for output in produced:
            if fault := output_checks.fault(output.get("data", {})):
                raise _failed(
                    page,
                    framework,
                    cells,
                    number,
                    f"puts out HTML with {fault}, which the site cannot show: "
                    "put out text, a table or a picture",
                )
    return outputs


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


def _clean(output: NotebookNode) -> dict:
    """An output without what differs from machine to machine."""
    output = json.loads(json.dumps(output))
    output.pop("transient", None)
    if output["output_type"] == "error":
        # The frames name files of this machine; the message is what counts.
        output["traceback"] = [f"{output['ename']}: {output['evalue']}"]
    return output


def results(
    page: Page, framework: Framework, outputs: list[list[dict]]
) -> dict[str, dict]:
    """What the cells recorded: name, full-precision value and text by name.

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
