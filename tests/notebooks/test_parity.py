"""From the same weights and minibatches, all frameworks give the same results.

The concise page's own model, loss, optimizer, and training (a loop in Gluon, `fit` in
Keras) take 50 steps of 256 real images, and so do the programs from scratch and the
NumPy reference, in 64-bit floats.

The frameworks compute in 32-bit floats, and each sums in its own order. The reference
shows how much that matters. Over four seeds, the reference in 32-bit floats differs from
the one in 64-bit floats by at most 1.8e-7 in a loss, 3.8e-8 in an entry of the gradient,
and 3.7e-8 in a weight. A framework may differ ten times as much. A learning rate of
0.1001 instead of 0.1 exceeds that.

Linear regression, from scratch and with the frameworks' parts, takes 50 steps of 10
examples at the page's learning rate, and 50 steps of all 500 examples at rate 0.5. The
latter steps reach the closed form, the least-squares estimate. The second derivatives
are between 0.85 and 1.15, so each step multiplies the error by at most 1 - 0.5 * 0.85,
and it shrinks to 1e-12. Over six seeds, the reference in 32-bit floats differs by at
most 2.6e-6 in a loss, which starts at 25, 1.1e-6 in the gradient, 3.9e-7 in a parameter,
and 4.8e-7 in the solution. A framework may differ ten times as much.
"""

import numpy as np
import pytest
from support import pages, reference

from d2l_extras.fashion_mnist import fashion_mnist

NUM_STEPS, BATCH_SIZE, LEARNING_RATE = 50, 256, 0.1
TOLERANCE = {"losses": 2e-6, "gradient": 4e-7, "weights": 4e-7}
LINEAR_RATE, FULL_RATE, NUM_SEEDS = 0.03, 0.5, 6
LINEAR_TOLERANCE = {"losses": 2.6e-5, "gradient": 1.1e-5, "weights": 4e-6,
                    "solution": 5e-6}

# Run the page up to its training, give the model the weights of the test, and
# take the steps. `seen` is what the test compares.
COMMON = """
import json, sys
import numpy as np
given, space = dict(np.load("given.npz")), {}
for cell in json.loads(sys.argv[1]):
    exec(cell, space)
"""
MXNET = COMMON + """
import mxnet as mx
net, loss_fn, optimizer = space["net"], space["loss_fn"], space["optimizer"]
weight, bias = net[1].weight, net[1].bias
weight.set_data(given["W"].T)
bias.set_data(given["b"])

class Single(list):
    num_examples = len(given["y"][0])

batches = [(mx.np.array(X, ctx=space["device"]),
            mx.np.array(y, dtype="int32", ctx=space["device"]))
           for X, y in zip(given["X"], given["y"])]
X, y = batches[0]
with mx.autograd.record():
    loss = loss_fn(net(X), y).mean()
loss.backward()
seen = {"dW": weight.grad().asnumpy().T, "db": bias.grad().asnumpy()}
seen["losses"] = [
    space["train_epoch"](net, optimizer, Single([batch]))
    for batch in batches]
seen |= {"W": weight.data().asnumpy().T, "b": bias.data().asnumpy()}
np.savez("mxnet.npz", **seen)
"""
TENSORFLOW = COMMON + """
import tensorflow as tf
net, loss_fn = space["net"], space["loss_fn"]
net.set_weights([given["W"], given["b"]])
batches = [(tf.constant(X), tf.constant(y))
           for X, y in zip(given["X"], given["y"])]
X, y = batches[0]
with tf.GradientTape() as tape:
    loss = loss_fn(y, net(X))
dW, db = tape.gradient(loss, net.trainable_variables)
seen = {"dW": dW.numpy(), "db": db.numpy()}
seen["losses"] = [
    net.fit(X, y, batch_size=len(y), verbose=0).history["loss"][0]
    for X, y in batches]
seen["W"], seen["b"] = net.get_weights()
np.savez("tensorflow.npz", **seen)
"""
PYTORCH = COMMON + """
import torch
net, loss_fn, optimizer = space["net"], space["loss_fn"], space["optimizer"]
weight, bias = net[1].weight, net[1].bias
with torch.no_grad():
    weight.copy_(torch.tensor(given["W"].T))
    bias.copy_(torch.tensor(given["b"]))

class Single(list):
    num_examples = len(given["y"][0])

batches = [(torch.tensor(X, device=space["device"]),
            torch.tensor(y, dtype=torch.int64, device=space["device"]))
           for X, y in zip(given["X"], given["y"])]
X, y = batches[0]
loss_fn(net(X), y).backward()
seen = {"dW": weight.grad.cpu().numpy().T, "db": bias.grad.cpu().numpy()}
seen["losses"] = [
    space["train_epoch"](net, optimizer, Single([batch]))
    for batch in batches]
seen |= {"W": weight.detach().cpu().numpy().T,
         "b": bias.detach().cpu().numpy()}
np.savez("pytorch.npz", **seen)
"""
JAX = COMMON + """
import jax
from flax import nnx
net, loss_fn, optimizer = space["net"], space["loss_fn"], space["optimizer"]
net.dense.kernel[...], net.dense.bias[...] = given["W"], given["b"]

class Single(list):
    num_examples = len(given["y"][0])

batches = [(jax.numpy.array(X), jax.numpy.array(y))
           for X, y in zip(given["X"], given["y"])]
X, y = batches[0]
grads = nnx.grad(lambda net: loss_fn(net(X), y))(net)
seen = {"dW": grads["dense"]["kernel"][...], "db": grads["dense"]["bias"][...]}
seen["losses"] = [
    space["train_epoch"](net, optimizer, Single([batch]))
    for batch in batches]
seen |= {"W": net.dense.kernel[...], "b": net.dense.bias[...]}
np.savez("jax.npz", **seen)
"""
SCRIPTS = {"mxnet": MXNET, "tensorflow": TENSORFLOW, "pytorch": PYTORCH, "jax": JAX}

# Functions that call the code of a page on linear regression, in each framework.
# `start()` returns a program with the weights of the test, `step(program, X, y, rate)`
# returns the loss before an update, and `gradient` returns the gradients of w and b.
SCRATCH = {
    "mxnet": """
def start():
    params = to_array(given["W"]), to_array(given["b"])
    for param in params:
        param.attach_grad()
    return params

def gradient(params, X, y):
    return to_numpy(space["loss_and_gradients"](params, X, y)[1])

def step(params, X, y, rate):
    return float(space["train_step"](params, X, y, rate))
""",
    "tensorflow": """
def start():
    return tf.Variable(given["W"]), tf.Variable(given["b"])

def gradient(params, X, y):
    return to_numpy(space["loss_and_gradients"](params, X, y)[1])

def step(params, X, y, rate):
    return float(space["train_step"](params, X, y, rate))
""",
    "pytorch": """
def start():
    params = to_array(given["W"]), to_array(given["b"])
    return [param.requires_grad_() for param in params]

def gradient(params, X, y):
    return to_numpy(space["loss_and_gradients"](params, X, y)[1])

def step(params, X, y, rate):
    return float(space["train_step"](params, X, y, float(rate)))
""",
}
SCRATCH["jax"] = SCRATCH["numpy"] = """
def start():
    return [to_array(given["W"]).copy(), to_array(given["b"]).copy()]

def gradient(params, X, y):
    return to_numpy(space["loss_and_gradients"](params, X, y)[1])

def step(params, X, y, rate):
    return float(space["train_step"](params, X, y, np.float32(rate)))
"""
CONCISE = {
    "mxnet": """
loss_fn = space["loss_fn"]

def start():
    net = space["make_model"]()
    net[0].weight.set_data(given["W"].T)
    net[0].bias.set_data(given["b"])
    return net

def gradient(net, X, y):
    with mx.autograd.record():
        loss = loss_fn(net(X), y).mean()
    loss.backward()
    return to_numpy([net[0].weight.grad().T, net[0].bias.grad()])

def step(net, X, y, rate):
    loss = float(loss_fn(net(X), y).mean())
    space["train"](net, loss_fn, [(X, y)], 1, learning_rate=rate)
    return loss

def parameters(net):
    return net[0].weight.data().T, net[0].bias.data()
""",
    "tensorflow": """
import keras
loss_fn, compiled = space["loss_fn"], {}

def start():
    net = space["make_model"]()
    net.set_weights([given["W"], given["b"]])
    return net

def gradient(net, X, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, net(X))
    return to_numpy(tape.gradient(loss, net.trainable_variables))

def step(net, X, y, rate):
    if net not in compiled:
        optimizer = keras.optimizers.SGD(float(rate))
        net.compile(optimizer=optimizer, loss=loss_fn)
        compiled[net] = True
    history = net.fit(X, y, batch_size=len(y), verbose=0).history
    return history["loss"][0]

def parameters(net):
    return net.trainable_variables
""",
    "pytorch": """
loss_fn = space["loss_fn"]

def start():
    net = space["make_model"]()
    with torch.no_grad():
        net.weight.copy_(torch.tensor(given["W"].T))
        net.bias.copy_(torch.tensor(given["b"]))
    return net

def gradient(net, X, y):
    loss_fn(net(X), y).backward()
    return to_numpy([net.weight.grad.T, net.bias.grad])

def step(net, X, y, rate):
    loss = loss_fn(net(X), y).item()
    space["train"](net, loss_fn, [(X, y)], 1, lr=float(rate))
    return loss

def parameters(net):
    return net.weight.T, net.bias
""",
    "jax": """
import optax
from flax import nnx
loss_fn, optimizers = space["loss_fn"], {}

def start():
    net = space["make_model"]()
    net.kernel[...], net.bias[...] = to_array(given["W"]), to_array(given["b"])
    return net

def gradient(net, X, y):
    grads = nnx.grad(lambda net: loss_fn(net(X), y))(net)
    return to_numpy([grads["kernel"][...], grads["bias"][...]])

def step(net, X, y, rate):
    if id(net) not in optimizers:
        optimizers[id(net)] = nnx.Optimizer(
            net, optax.sgd(float(rate)), wrt=nnx.Param)
    loss = float(loss_fn(net(X), y))
    space["train"](net, loss_fn, [(X, y)], 1, optimizers[id(net)])
    return loss

def parameters(net):
    return net.kernel[...], net.bias[...]
""",
}
LINEAR_PAGES = {pages.LINEAR_SCRATCH: SCRATCH, pages.LINEAR_CONCISE: CONCISE}
LINEAR_PROGRAMS = [(page, name) for page in LINEAR_PAGES for name in LINEAR_PAGES[page]]
# The last cell of a page that they need.
LINEAR_LAST = {
    (pages.LINEAR_SCRATCH, "mxnet"): "def train_step(",
    (pages.LINEAR_SCRATCH, "tensorflow"): "def train_step(",
    (pages.LINEAR_SCRATCH, "pytorch"): "def train_step(",
    (pages.LINEAR_SCRATCH, "jax"): "def train_step(",
    (pages.LINEAR_SCRATCH, "numpy"): "def train_step(",
    (pages.LINEAR_CONCISE, "mxnet"): "def train(",
    (pages.LINEAR_CONCISE, "pytorch"): "def train(",
    (pages.LINEAR_CONCISE, "jax"): "def train(",
    (pages.LINEAR_CONCISE, "tensorflow"): "def loss_fn(",
}
LINEAR_COMMON = {
    "mxnet": COMMON + """
import mxnet as mx

def to_array(array):
    return mx.np.array(array, ctx=space["device"])

def to_numpy(arrays):
    return [array.asnumpy() for array in arrays]

parameters = tuple
""",
    "tensorflow": COMMON + """
import tensorflow as tf
to_array = tf.constant

def to_numpy(arrays):
    return [array.numpy() for array in arrays]

parameters = tuple
""",
    "pytorch": COMMON + """
import torch

def to_array(array):
    return torch.tensor(array, device=space["device"])

def to_numpy(arrays):
    return [array.detach().cpu().numpy() for array in arrays]

parameters = tuple
""",
    "jax": COMMON + """
import jax
to_array = jax.numpy.array

def to_numpy(arrays):
    return [np.asarray(array) for array in arrays]

parameters = tuple
""",
    "numpy": COMMON + """
to_array, to_numpy, parameters = np.array, list, tuple
""",
}
LINEAR_RUN = """
program, batches = start(), [(to_array(X), to_array(y))
                             for X, y in zip(given["X"], given["y"])]
dW, db = gradient(program, *batches[0])
losses = [step(program, X, y, space["learning_rate"]) for X, y in batches]
W, b = to_numpy(parameters(program))
program = start()
X, y = (to_array(np.concatenate(given[name])) for name in "Xy")
for _ in batches:
    step(program, X, y, given["full_rate"].item())
solution = np.concatenate(to_numpy(parameters(program)), axis=None)
np.savez("seen.npz", dW=dW, db=db, losses=losses, W=W, b=b,
         solution=solution)
"""
# The page on softmax regression from scratch
LABELS = {
    "mxnet": 'mx.np.array(y, dtype="int32", ctx=space["device"])',
    "pytorch": 'to_array(y.astype("int64"))',
}
SOFTMAX_RUN = """
class Single(list):
    num_examples = len(given["y"][0])

params, batches = start(), [(to_array(X), LABELS)
                            for X, y in zip(given["X"], given["y"])]
grads, _, _ = space["gradients"](params, *batches[0])
dW, db = (np.array(grad) / Single.num_examples for grad in to_numpy(grads))
losses = [space["train_epoch"](params, Single([batch]), 0.1)[0]
          for batch in batches]
W, b = to_numpy(params)
np.savez("seen.npz", dW=dW, db=db, losses=losses, W=W, b=b)
"""


@pytest.fixture(scope="module")
def given():
    """Return initial weights and minibatches, as 32-bit floats and integers."""
    data, generator = fashion_mnist(), np.random.default_rng(0)
    rows = generator.permutation(len(data.X_train))[: NUM_STEPS * BATCH_SIZE]
    X = data.X_train[rows].reshape(NUM_STEPS, BATCH_SIZE, 28, 28)
    return {
        "X": X.astype(np.float32) / np.float32(255),
        "y": data.y_train[rows].reshape(NUM_STEPS, BATCH_SIZE),
        "W": generator.normal(0, 0.01, (784, 10)).astype(np.float32),
        "b": generator.normal(0, 0.01, 10).astype(np.float32),
    }


@pytest.fixture(scope="module")
def ours(given):
    """Return the results of the reference, in 64-bit and in 32-bit floats."""
    return {dtype: refer(given, dtype) for dtype in (np.float64, np.float32)}


@pytest.fixture(scope="module")
def theirs(given, tmp_path_factory):
    """Return a function that maps a framework to its results. Each runs once."""
    folder = tmp_path_factory.mktemp("parity")
    np.savez(folder / "given.npz", **given)
    seen = {}

    def run(framework):
        if framework not in seen:
            cells = pages.cells(pages.SOFTMAX, framework, "history = ")
            # Not the training itself, which ends the last cell.
            cells[-1] = cells[-1].partition("history = ")[0]
            pages.run_warm(framework, SCRIPTS[framework], folder, cells)
            seen[framework] = dict(np.load(folder / f"{framework}.npz"))
        return seen[framework]

    return run


def refer(given, dtype):
    X = given["X"].reshape(NUM_STEPS, BATCH_SIZE, 784).astype(dtype)
    W, b = given["W"].astype(dtype), given["b"].astype(dtype)
    losses, (dW, db), (W, b) = reference.train(
        list(zip(X, given["y"])), W, b, LEARNING_RATE
    )
    return {"losses": losses, "dW": dW, "db": db, "W": W, "b": b}


def differences(a, b):
    largest = {name: float(np.abs(a[name] - b[name]).max()) for name in a}
    found = {
        "losses": largest["losses"],
        "gradient": max(largest["dW"], largest["db"]),
        "weights": max(largest["W"], largest["b"]),
    }
    if "solution" in largest:
        found["solution"] = largest["solution"]
    return found


def assert_equal(a, b, tolerance=TOLERANCE):
    found = differences(a, b)
    too_large = {n: d for n, d in found.items() if not d <= tolerance[n]}
    assert not too_large, f"of {found} these exceed {tolerance}"


def linear_given(seed):
    """Return initial weights and minibatches of linear regression, in 32-bit floats."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(NUM_STEPS, 10, 2))
    noise = generator.normal(0, 0.01, (NUM_STEPS, 10, 1))
    arrays = {
        "X": X,
        "y": X @ [[2.0], [-3.4]] + 4.2 + noise,
        "W": generator.normal(0, 0.01, (2, 1)),
        "b": generator.normal(0, 0.01, 1),
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def linear_refer(given, dtype):
    X, y, W, b = (given[name].astype(dtype) for name in ("X", "y", "W", "b"))
    whole = np.concatenate(X), np.concatenate(y)
    run = reference.squared_loss_and_gradient
    losses, (dW, db), (last_W, last_b) = reference.train(
        list(zip(X, y)), W, b, LINEAR_RATE, run
    )
    *_, solution = reference.train(NUM_STEPS * [whole], W, b, FULL_RATE, run)
    return {"losses": losses, "dW": dW, "db": db, "W": last_W, "b": last_b,
            "solution": np.concatenate(solution, axis=None)}


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """Return a function that maps a page and a framework to the results of the page."""
    seen = {}

    def run(page, framework):
        if (page, framework) not in seen:
            folder = tmp_path_factory.mktemp("linear")
            np.savez(folder / "given.npz", **linear_given(0),
                     full_rate=FULL_RATE)
            script = LINEAR_PAGES[page][framework]
            script = LINEAR_COMMON[framework] + script + LINEAR_RUN
            cells = pages.cells(page, framework, LINEAR_LAST[page, framework])
            pages.run_warm(framework, script, folder, cells)
            seen[page, framework] = dict(np.load(folder / "seen.npz"))
        return seen[page, framework]

    return run


SOFTMAX_POINT = ((5, 6), np.array([0, 1, 2, 0, 1]), (6, 3))
LINEAR_POINT = ((5, 2), np.arange(5.0).reshape(5, 1), (2, 1))


@pytest.mark.parametrize(("loss_and_gradient", "point"), [
    (reference.loss_and_gradient, SOFTMAX_POINT),
    (reference.squared_loss_and_gradient, LINEAR_POINT),
])
def test_the_gradient_of_the_reference_is_the_slope_of_its_loss(
    loss_and_gradient, point
):
    generator = np.random.default_rng(0)
    X, y, W = generator.random(point[0]), point[1], generator.normal(
        size=point[2])
    b = generator.normal(size=point[2][1])
    _, (dW, db) = loss_and_gradient(X, y, W, b)
    for parameter, gradient in ((W, dW), (b, db)):
        for index in np.ndindex(parameter.shape):
            slope = 0.0
            for sign in (1, -1):
                parameter[index] += sign * 1e-5
                slope += sign * loss_and_gradient(X, y, W, b)[0]
                parameter[index] -= sign * 1e-5
            # Central differences err by about 1e-5 ** 2.
            assert abs(slope / 2e-5 - gradient[index]) < 1e-9


def test_the_tolerance_is_near_ten_times_the_rounding(ours):
    rounding = differences(ours[np.float64], ours[np.float32])
    for name, difference in rounding.items():
        assert 5 * difference < TOLERANCE[name] < 30 * difference


@pytest.mark.parametrize("framework", SCRIPTS)
def test_a_framework_agrees_with_the_reference(framework, theirs, ours):
    assert_equal(theirs(framework), ours[np.float64])


@pytest.mark.parametrize("framework", SCRATCH)
def test_softmax_regression_from_scratch_agrees_with_the_reference(
    framework, given, ours, tmp_path
):
    np.savez(tmp_path / "given.npz", **given)
    run = SOFTMAX_RUN.replace("LABELS", LABELS.get(framework, "to_array(y)"))
    script = LINEAR_COMMON[framework] + SCRATCH[framework] + run
    cells = pages.cells(pages.SOFTMAX_SCRATCH, framework, "def train_epoch(")
    pages.run_warm(framework, script, tmp_path, cells)
    assert_equal(dict(np.load(tmp_path / "seen.npz")), ours[np.float64])


def test_the_frameworks_agree_with_each_other(theirs):
    first, *others = SCRIPTS
    for other in others:
        assert_equal(theirs(first), theirs(other))


def test_linear_tolerances_are_ten_times_the_largest_rounding():
    largest = dict.fromkeys(LINEAR_TOLERANCE, 0.0)
    for seed in range(NUM_SEEDS):
        given = linear_given(seed)
        rounding = differences(linear_refer(given, np.float64),
                               linear_refer(given, np.float32))
        largest = {n: max(largest[n], d) for n, d in rounding.items()}
    for name, difference in largest.items():
        assert 5 * difference < LINEAR_TOLERANCE[name] < 20 * difference


def test_full_batch_steps_of_the_linear_reference_reach_the_closed_form():
    given = linear_given(0)
    X, y = (np.concatenate(given[n].astype(np.float64)) for n in "Xy")
    closed = np.concatenate(reference.least_squares(X, y), axis=None)
    found = linear_refer(given, np.float64)["solution"]
    assert np.abs(found - closed).max() < 1e-11


@pytest.mark.parametrize(("page", "framework"), LINEAR_PROGRAMS)
def test_linear_regression_agrees_with_the_reference(page, framework, linear):
    ours = linear_refer(linear_given(0), np.float64)
    assert_equal(linear(page, framework), ours, LINEAR_TOLERANCE)


@pytest.mark.parametrize(("page", "framework"), LINEAR_PROGRAMS)
def test_linear_regression_reaches_the_closed_form(page, framework, linear):
    given = linear_given(0)
    X, y = (np.concatenate(given[n].astype(np.float64)) for n in "Xy")
    closed = np.concatenate(reference.least_squares(X, y), axis=None)
    found = linear(page, framework)["solution"]
    assert np.abs(found - closed).max() < LINEAR_TOLERANCE["solution"]


@pytest.mark.parametrize("page", LINEAR_PAGES)
def test_the_frameworks_agree_on_linear_regression(page, linear):
    first, *others = LINEAR_PAGES[page]
    for other in others:
        assert_equal(linear(page, first), linear(page, other),
                     LINEAR_TOLERANCE)
