"""Every array of the page is on the device that the page chose.

The page runs on a second CPU device, which needs no GPU: `mx.cpu(1)` and a
second logical CPU of TensorFlow. It runs on a few hundred images, whole but
for what UNTIL, FREE and SHORT name.
"""

import json
from functools import cache

import pytest
from support import pages

# Both scripts call `step(cell)` for each cell of each page, and print what
# faults the first bad cell of each page has.
COMMON = """
import contextlib, json, sys, traceback
from d2l_extras import fashion_mnist as data, minibatches
full = data.fashion_mnist()
train, test = ([i for k in range(10) for i in (y == k).nonzero()[0][:n]]
               for y, n in ((full.y_train, 60), (full.y_test, 30)))
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
"""

# With a GPU that is not there as the default, what is made without a device
# raises; what is made on another CPU stays in sight in the page's variables.
MXNET = COMMON + """
from d2l_extras import mxnet as helper
import mxnet as mx
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

# A callback sees the device of every tensor that an operation returns while
# the cells run, and of no other.
TENSORFLOW = COMMON + """
from d2l_extras import tensorflow as helper
import tensorflow as tf
from tensorflow.python.framework import op_callbacks
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(
    cpus[0], 2 * [tf.config.LogicalDeviceConfiguration()])
helper.try_gpu = lambda i=0: tf.device("/CPU:1")
seen = []

def callback(op_type, inputs, attrs, outputs, op_name=None, graph=None):
    if graph is None:  # inside a graph nothing has been placed yet
        seen.extend((op_type, tensor.device) for tensor in outputs)

def step(cell):
    seen.clear()
    exec(cell, space)
    variables = [variable.value for value in space.values()
                 for variable in getattr(value, "variables", ())]
    placed = seen + [("variable", each.device) for each in variables]
    return sorted({f"{name} on {device}" for name, device in placed
                   if not device.endswith("CPU:1")})

op_callbacks.add_op_callback(callback)
run(step)
"""

SCRIPTS = {"mxnet": MXNET, "tensorflow": TENSORFLOW}
PAGES = (
    pages.THEORY, pages.DATASET, pages.SOFTMAX_SCRATCH, pages.SOFTMAX,
)
# TensorFlow's callbacks change how tf.function sees a shape, which two of these
# pages ask for, and the third leaves the device to TensorFlow; MXNet, where a
# forgotten device is an error, runs them too.
CASES = [(page, name) for page in PAGES for name in pages.FRAMEWORKS] + [
    (page, "mxnet")
    for page in (pages.LINEAR, pages.LINEAR_SCRATCH, pages.LINEAR_CONCISE)
]
# Where a page goes on with NumPy alone, and needs all its images for that:
# the text of the last cell that runs.
UNTIL = {pages.DATASET: 'record("nearest_mean_accuracy"'}
# The text of cells that may use another device, and why.
FREE = {
    # Gluon's loader makes its minibatches on the default device, tf.data on
    # the CPU, which the page names. Nothing is computed from them.
    pages.DATASET: "customary",
    # The section on devices uses a second one on purpose.
    pages.SOFTMAX: "elsewhere",
}
# Searches that end after a step or two: placement shows in the first.
SHORT = {
    "max_steps=300": "max_steps=2",
    "for steps in 20, 40, 80": "for steps in 1, 2, 3",
    "for steps in 30, 120": "for steps in 1, 2",
}
# For each framework one place that names the device, and one that forgets it.
FORGOTTEN = {
    "mxnet": ("sigma=0.01), ctx=device", "sigma=0.01)"),
    "tensorflow": ("with device:\n    initial", "if True:\n    initial"),
}


def every_page(framework):
    """Return the cells of each page that a framework runs, by its name.

    Each cell comes with whether it may use another device. What is broken on
    purpose is one more page.
    """
    found = {}
    for page in (page for page, name in CASES if name == framework):
        sources = pages.cells(page, framework, UNTIL.get(page, ""))
        for steps, few in SHORT.items() if page == pages.SOFTMAX else ():
            assert any(steps in source for source in sources), steps
            sources = [source.replace(steps, few) for source in sources]
        free = FREE.get(page)
        found[page] = [(each, bool(free) and free in each) for each in sources]
    sources = pages.cells(pages.SOFTMAX, framework, "initial_loss = ")
    device, none = FORGOTTEN[framework]
    broken = [source.replace(device, none) for source in sources]
    assert broken != sources, f"the page no longer says {device!r}"
    found["broken"] = [(source, False) for source in broken]
    return found


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Return a function from a framework to its report of each page."""

    @cache
    def reports(framework):
        folder = tmp_path_factory.mktemp(framework)
        found = every_page(framework)
        printed = pages.run(framework, SCRIPTS[framework], folder, found)
        return json.loads(printed)

    return reports


@pytest.mark.parametrize(("page", "framework"), CASES)
def test_every_array_of_a_page_is_on_the_pages_device(page, framework, reports):
    assert reports(framework)[page] == "every array is on the device"


@pytest.mark.parametrize("page", UNTIL)
def test_only_cells_of_all_frameworks_are_left_out(page):
    run, whole = (
        [pages.cells(page, framework, last) for framework in pages.FRAMEWORKS]
        for last in (UNTIL[page], "")
    )
    left_out = [every[len(first):] for every, first in zip(whole, run)]
    assert all(rest == left_out[0] for rest in left_out)


@pytest.mark.parametrize("framework", pages.FRAMEWORKS)
def test_a_forgotten_device_is_found(framework, reports):
    said = reports(framework)["broken"]
    assert said.startswith("cell ") and "Traceback" not in said
