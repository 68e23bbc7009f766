"""Execute the cells of one framework's notebook in its own kernel."""

from __future__ import annotations

import json
import os
import re
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

from .frameworks import Framework
from .split import Cell, Page, SourceError

# What limits the threads of NumPy's and MXNet's libraries, and TensorFlow's.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
RECORD = "d2l_extras"  # where d2l_extras.record puts a result: the metadata
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class ExecutionError(RuntimeError):
    """A cell failed; the message says which, where and how."""


class Kernels:
    """The kernels that run at the moment, so that all can be stopped at once.

    `threads` is how many a kernel may compute with, where nothing else is
    said in the environment: kernels side by side must not fight.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.limits = dict.fromkeys(THREADS, str(threads)) if threads else {}
        self.stopped = False
        self._lock = threading.Lock()
        self._clients: set[NotebookClient] = set()

    @contextmanager
    def running(self, client: NotebookClient) -> Iterator[None]:
        with self._lock:
            self.check()
            self._clients.add(client)
        try:
            yield
        finally:
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
                provisioner = client.km and client.km.provisioner
                if group := getattr(provisioner, "pgid", None):
                    with suppress(ProcessLookupError):
                        os.killpg(group, signal.SIGKILL)


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

    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as sockets,
    ):
        client = NotebookClient(
            node,
            timeout=timeout,
            kernel_name=framework.kernel,
            resources={"metadata": {"path": folder}},
            coalesce_streams=True,
            record_timing=False,
            # Sockets in a folder of our own: no port to listen on.
            config=Config(
                KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"}
            ),
            on_cell_execute=starts,
        )
        try:
            with kernels.running(client):
                client.execute(
                    env={**kernels.limits, **os.environ, "NO_COLOR": "1"}
                )
        except CellExecutionError as error:
            raise _failed(
                page, framework, cells, done, ANSI.sub("", error.traceback)
            ) from error
        except CellTimeoutError as error:
            raise _failed(
                page, framework, cells, done, f"ran longer than {timeout} s"
            ) from error
        except DeadKernelError as error:
            raise _failed(
                page, framework, cells, done, "the kernel died"
            ) from error
        except (NoSuchKernel, RuntimeError) as error:
            raise ExecutionError(
                f"{page.path}: the kernel {framework.kernel} of "
                f"{framework.label} did not start: {error}; remove "
                f".envs/{framework.kernel} and run make again"
            ) from error
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
