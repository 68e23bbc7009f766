"""Every array on MXNet's pages is on the device that the page chooses.

The pages run on a second CPU device, `mx.cpu(1)`, which needs no GPU, with a few hundred
images. They run completely, except for what UNTIL and FREE list. TensorFlow places
operations automatically.
"""

import json

import pytest
from support import pages

SCRIPT = """
import contextlib, json, sys, traceback
import numpy as np
from d2l_extras import fashion_mnist as data, minibatches
full = data.fashion_mnist()
def few_of(y, n):  # n of each class, in turns
    return np.stack([(y == k).nonzero()[0][:n] for k in range(10)], 1).ravel()
train, test = few_of(full.y_train, 60), few_of(full.y_test, 30)
few = data.FashionMNIST(full.X_train[train], full.y_train[train],
                        full.X_test[test], full.y_test[test])
data.fashion_mnist = lambda: few
space = {}

def report(cells, step):
    space.clear()
    for number, (cell, free) in enumerate(cells, 1):
        try:
            faults = exec(cell, space) if free else step(cell)
        except Exception:
            faults = [traceback.format_exc()]
        if faults:
            first = cell.strip().splitlines()[0]
            return f"cell {number}: {first} " + " ".join(faults)
    return "every array is on the device"

def run(step):
    with contextlib.redirect_stdout(sys.stderr):
        pages = json.loads(sys.argv[1])
        reports = {name: report(cells, step) for name, cells in pages.items()}
    print(json.dumps(reports))

# With a GPU that is not there as the default, what is made without a device
# raises. What is made on another CPU is found among the page's variables.
from d2l_extras import mxnet as helper
import mxnet as mx
helper.fashion_mnist = data.fashion_mnist
helper.try_gpu = lambda i=0: mx.cpu(1)

def arrays(value):
    if isinstance(value, mx.np.ndarray):
        yield value
    elif isinstance(value, mx.gluon.Block):
        for parameter in value.collect_params().values():
            yield from (parameter.data(), parameter.grad())
    elif isinstance(value, minibatches.Minibatches):
        yield from value.arrays
        yield from next(iter(value))

def step(cell):
    try:
        with mx.gpu(99):
            exec(cell, space)
    except mx.MXNetError as error:
        return [str(error).splitlines()[-1]]
    return [f"{name} on {array.ctx}" for name, value in space.items()
            for array in arrays(value) if array.ctx != mx.cpu(1)]

run(step)
"""

PAGES = (
    pages.LINEAR, pages.LINEAR_SCRATCH, pages.LINEAR_CONCISE, pages.THEORY,
    pages.DATASET, pages.SOFTMAX_SCRATCH, pages.SOFTMAX, pages.SOFTMAX_TWICE,
    pages.DEVICES,
)  # fmt: skip
# The text of the last cell to run on pages that then continue in NumPy, for which they
# need all images.
UNTIL = {pages.DATASET: "correct = predictions == y_test"}
# The text of cells that may use another device, and why.
FREE = {
    # Gluon's own loader makes its minibatches on the default device. Nothing is
    # computed from them.
    pages.DATASET: "ways",
    # It uses a second device on purpose.
    pages.DEVICES: "elsewhere",
}
# How many of the training images a page keeps for training.
KEPT, FEW_KEPT = "50_000", "500"
# Code that passes the device, and the same code without it.
FORGOTTEN = ("sigma=0.01), ctx=device", "sigma=0.01)")


def every_page() -> dict[str, list]:
    """Return the cells of each page, by its name.

    Each cell comes with whether it may use another device. An additional page is broken
    on purpose.
    """
    found = {}
    for page in PAGES:
        free = FREE.get(page)
        found[page] = [
            (source.replace(KEPT, FEW_KEPT), bool(free) and free in source)
            for source in pages.cells(page, "mxnet", UNTIL.get(page, ""))
        ]
    whole = found[pages.SOFTMAX]
    found["broken"] = [(cell.replace(*FORGOTTEN), free) for cell, free in whole]
    assert found["broken"] != whole, f"the page no longer says {FORGOTTEN[0]!r}"
    return found


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Return the report of each page."""
    folder = tmp_path_factory.mktemp("mxnet")
    return json.loads(pages.run("mxnet", SCRIPT, folder, every_page()))


@pytest.mark.parametrize("page", PAGES)
def test_every_array_of_a_page_is_on_the_pages_device(page, reports):
    assert reports[page] == "every array is on the device"


def test_a_forgotten_device_is_found(reports):
    said = reports["broken"]
    assert said.startswith("cell ") and "Traceback" not in said
