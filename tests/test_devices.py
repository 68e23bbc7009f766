"""Every array of the page is on the device that the page chose.

The page runs on a second CPU device, which needs no GPU: `mx.cpu(1)` and a
second logical CPU of TensorFlow. It runs whole, on a few hundred images.
"""

import pages
import pytest

# Both scripts call `step(cell)` for each cell and print each fault found.
COMMON = """
import contextlib, json, sys
from d2l_extras import data
full = data.fashion_mnist()
few = data.FashionMNIST(full.X_train[:600], full.y_train[:600],
                        full.X_test[:300], full.y_test[:300])
data.fashion_mnist = lambda: few
space, cells = {}, json.loads(sys.argv[1])

def run(step):
    for number, cell in enumerate(cells, 1):
        with contextlib.redirect_stdout(sys.stderr):
            faults = step(cell)
        if faults:
            first = cell.strip().splitlines()[0]
            raise SystemExit(print(f"cell {number}: {first}", *faults))
    print("every array is on the device")
"""

# With a GPU that is not there as the default, what is made without a device
# raises; what is made on another CPU stays in sight in the page's variables.
MXNET = COMMON + """
import mxnet as mx
from d2l_extras import mxnet as helper
helper.try_gpu = lambda: mx.cpu(1)

def arrays(value):
    if isinstance(value, mx.np.ndarray):
        yield value
    elif isinstance(value, mx.gluon.Block):
        for parameter in value.collect_params().values():
            yield from (parameter.data(), parameter.grad())
    elif isinstance(value, data.Minibatches):
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
helper.try_gpu = lambda: tf.device("/CPU:1")
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
# For each framework one place that names the device, and one that forgets it.
FORGOTTEN = {
    "mxnet": ("sigma=0.01), ctx=device", "sigma=0.01)"),
    "tensorflow": ("with device:\n    initial", "if True:\n    initial"),
}


def report(framework, sources, folder):
    return pages.run(framework, SCRIPTS[framework], folder, sources)


@pytest.mark.parametrize("framework", pages.FRAMEWORKS)
@pytest.mark.parametrize("page", [pages.LINEAR, pages.THEORY, pages.SOFTMAX])
def test_every_array_of_the_page_is_on_its_device(page, framework, tmp_path):
    sources = pages.cells(page, framework)
    printed = report(framework, sources, tmp_path)
    assert printed == "every array is on the device\n"


@pytest.mark.parametrize("framework", pages.FRAMEWORKS)
def test_a_forgotten_device_is_found(framework, tmp_path):
    sources = pages.cells(pages.SOFTMAX, framework, "initial_loss = ")
    device, none = FORGOTTEN[framework]
    broken = [source.replace(device, none) for source in sources]
    assert broken != sources, f"the page no longer says {device!r}"
    printed = report(framework, broken, tmp_path)
    assert printed.startswith("cell ")
