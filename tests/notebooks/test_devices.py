"""Every array on the pages is on the device that the page chooses.

The pages run completely, with a few hundred images, except for what UNTIL and FREE list.
No GPU is needed. In MXNet, a page's device is the second CPU, `mx.cpu(1)`, and the
default is a GPU that is not there. In PyTorch, a page's device is the CPU, and the
default is `meta`, with which nothing can be computed. In JAX, a page's device is the
second of two CPUs. Its data and all other arrays that are committed to a device are on
that one. (Those made without a device follow the others, so there it does no harm to
forget it.) TensorFlow places operations automatically.
"""

import json
from functools import cache

import pytest
from support import pages

COMMON = """
import contextlib, json, linecache, sys, traceback
import numpy as np
from d2l_extras import fashion_mnist as data, minibatches
full = data.fashion_mnist()
def few_of(y, n):  # n of each class, in turns
    return np.stack([(y == k).nonzero()[0][:n] for k in range(10)], 1).ravel()
train, test = few_of(full.y_train, 60), few_of(full.y_test, 30)
few = data.FashionMNIST(full.X_train[train], full.y_train[train],
                        full.X_test[test], full.y_test[test])
data.fashion_mnist = lambda: few
space, free_names = {}, set()

def reset():
    pass  # Scripts replace this to undo what a page sets for the whole process.

def report(cells, step):
    space.clear()
    free_names.clear()
    reset()
    for number, (cell, free) in enumerate(cells, 1):
        name = f"cell {number}"
        lines = cell.splitlines(keepends=True)
        linecache.cache[name] = len(cell), None, lines, name  # for inspect
        code = compile(cell, name, "exec")
        try:
            if free:
                before = set(space)
                faults = exec(code, space)
                free_names.update(set(space) - before)
            else:
                faults = step(code)
        except Exception:
            faults = [traceback.format_exc()]
        if faults:
            return f"{name}: {lines[0]} " + " ".join(faults)
    return "every array is on the device"

def variables():
    return [pair for pair in space.items() if pair[0] not in free_names]

def run(step):
    with contextlib.redirect_stdout(sys.stderr):
        pages = json.loads(sys.argv[1])
        reports = {name: report(cells, step) for name, cells in pages.items()}
    print(json.dumps(reports))
"""
SCRIPTS = {
    "mxnet": """
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

def step(code):
    try:
        with mx.gpu(99):
            exec(code, space)
    except mx.MXNetError as error:
        return [str(error).splitlines()[-1]]
    return [f"{name} on {array.ctx}" for name, value in variables()
            for array in arrays(value) if array.ctx != mx.cpu(1)]

run(step)
""",
    "pytorch": """
from d2l_extras import pytorch as helper
import torch
from torch.utils.data import DataLoader
helper.fashion_mnist = data.fashion_mnist
helper.try_gpu = lambda: torch.device("cpu")

def arrays(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, torch.nn.Module):
        yield from value.parameters()
    elif isinstance(value, minibatches.Minibatches):
        yield from value.arrays

def reset():
    torch.set_grad_enabled(True)

def whole_epoch(self):
    with torch.device("cpu"):  # the loader's own numbers need the default
        return iter(list(one_by_one(self)))

one_by_one, DataLoader.__iter__ = DataLoader.__iter__, whole_epoch

def step(code):
    try:
        with torch.device("meta"):
            exec(code, space)
    except (RuntimeError, NotImplementedError) as error:
        if "meta" not in str(error):
            raise
        return [str(error).splitlines()[0]]
    return [f"{name} on {array.device}" for name, value in variables()
            for array in arrays(value) if array.device.type != "cpu"]

run(step)
""",
    "jax": """
import jax
jax.config.update("jax_num_cpu_devices", 2)
from flax import nnx
from d2l_extras import jax as helper
helper.fashion_mnist = data.fashion_mnist
second = jax.devices("cpu")[1]
helper.try_gpu = lambda: second

def arrays(value):
    if isinstance(value, jax.Array):
        yield value
    elif isinstance(value, nnx.Module):
        yield from jax.tree.leaves(nnx.state(value, nnx.Param))
    elif isinstance(value, minibatches.Minibatches):
        yield from value.arrays

def step(code):
    try:
        exec(code, space)
    except ValueError as error:
        if "incompatible devices" not in str(error):
            raise
        return [str(error).splitlines()[0]]
    return [f"{name} on {array.device}" for name, value in variables()
            for array in arrays(value)
            if array.device != second
            and (array.committed or isinstance(value, minibatches.Minibatches))]

run(step)
""",
}

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
    pages.DATASET: ("ways",),
    # It counts the parameters of networks that are never used.
    pages.SOFTMAX: ("color = ",),
    # It uses a second device on purpose, and moves a network with to(device).
    pages.DEVICES: ("elsewhere", ".to(device)"),
}
# How many of the training images a page keeps for training.
KEPT, FEW_KEPT = "50_000", "500"
# Code that uses the page's device, and code that forgets it or uses another.
WRONG = {
    "mxnet": ("sigma=0.01), ctx=device", "sigma=0.01)"),
    "pytorch": ("nn.Linear(784, 10, device=device)", "nn.Linear(784, 10)"),
    "jax": ("net = Classifier(nnx.Rngs(seed))", """\
net = Classifier(nnx.Rngs(seed))
nnx.update(net, jax.device_put(nnx.state(net), jax.devices("cpu")[0]))"""),
}


def every_page(framework: str) -> dict[str, list]:
    """Return the cells of each page, by its name.

    Each cell comes with whether it may use another device. An additional page is broken
    on purpose.
    """
    found = {}
    for page in PAGES:
        free = FREE.get(page, ())
        found[page] = [
            (source.replace(KEPT, FEW_KEPT), any(text in source for text in free))
            for source in pages.cells(page, framework, UNTIL.get(page, ""))
        ]
    whole = found[pages.SOFTMAX]
    right, wrong = WRONG[framework]
    found["broken"] = [(cell.replace(right, wrong), free) for cell, free in whole]
    assert found["broken"] != whole, f"the page no longer says {right!r}"
    return found


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Return a function that maps a framework to the report of each page."""

    @cache
    def of(framework: str) -> dict:
        folder = tmp_path_factory.mktemp(framework)
        script = COMMON + SCRIPTS[framework]
        return json.loads(pages.run(framework, script, folder, every_page(framework)))

    return of


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("framework", SCRIPTS)
def test_every_array_of_a_page_is_on_the_pages_device(framework, page, reports):
    assert reports(framework)[page] == "every array is on the device"


@pytest.mark.parametrize("framework", SCRIPTS)
def test_an_array_on_another_device_is_found(framework, reports):
    said = reports(framework)["broken"]
    assert said.startswith("cell ") and "Traceback" not in said
