"""From the same weights and minibatches, every framework does the same.

The page's own model, loss, optimizer and training step take 50 steps of 256
real images, and so does the NumPy reference, in 64-bit floats.

The frameworks compute in 32-bit floats and sum in orders of their own. How
much that matters, the reference tells: computed in 32-bit floats it differs
from itself in 64-bit floats by at most 1.8e-7 in a loss, 3.8e-8 in an entry of
the gradient and 3.7e-8 in a weight, over four seeds. A framework gets ten
times as much. A learning rate of 0.1001 instead of 0.1 exceeds that.
"""

import numpy as np
import pages
import pytest
import reference

from d2l_extras.data import fashion_mnist

NUM_STEPS, BATCH_SIZE, LEARNING_RATE = 50, 256, 0.1
TOLERANCE = {"losses": 2e-6, "gradient": 4e-7, "weights": 4e-7}

# Run the page up to its training step, give the model the weights of the test,
# and take the steps. `seen` is what the test compares.
COMMON = """
import json, sys
import numpy as np
given, space = dict(np.load("given.npz")), {}
for cell in json.loads(sys.argv[1]):
    exec(cell, space)
net, loss_fn = space["make_model"](), space["loss_fn"]
"""
MXNET = COMMON + """
import mxnet as mx
weight, bias = net[1].weight, net[1].bias
weight.set_data(given["W"].T)
bias.set_data(given["b"])
batches = [(mx.np.array(X, ctx=space["device"]),
            mx.np.array(y, dtype="int32", ctx=space["device"]))
           for X, y in zip(given["X"], given["y"])]
X, y = batches[0]
with mx.autograd.record():
    loss = loss_fn(net(X), y).mean()
loss.backward()
seen = {"dW": weight.grad().asnumpy().T, "db": bias.grad().asnumpy()}
optimizer = space["make_optimizer"](net, space["learning_rate"])
seen["losses"] = [float(space["train_step"](net, loss_fn, optimizer, X, y)[0])
                  for X, y in batches]
seen |= {"W": weight.data().asnumpy().T, "b": bias.data().asnumpy()}
np.savez("mxnet.npz", **seen)
"""
TENSORFLOW = COMMON + """
import tensorflow as tf
net.set_weights([given["W"], given["b"]])
batches = [(tf.constant(X), tf.constant(y))
           for X, y in zip(given["X"], given["y"])]
X, y = batches[0]
with tf.GradientTape() as tape:
    loss = loss_fn(y, net(X))
dW, db = tape.gradient(loss, net.trainable_variables)
seen = {"dW": dW.numpy(), "db": db.numpy()}
optimizer = space["make_optimizer"](net, space["learning_rate"])
seen["losses"] = [float(space["train_step"](net, loss_fn, optimizer, X, y)[0])
                  for X, y in batches]
seen["W"], seen["b"] = net.get_weights()
np.savez("tensorflow.npz", **seen)
"""
SCRIPTS = {"mxnet": MXNET, "tensorflow": TENSORFLOW}


@pytest.fixture(scope="module")
def given():
    """Initial weights and minibatches, as 32-bit floats and integers."""
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
    """What the reference sees, in 64-bit and in 32-bit floats."""
    return {dtype: refer(given, dtype) for dtype in (np.float64, np.float32)}


@pytest.fixture(scope="module")
def theirs(given, tmp_path_factory):
    """What a framework sees, by its name; each runs once."""
    folder = tmp_path_factory.mktemp("parity")
    np.savez(folder / "given.npz", **given)
    seen = {}

    def run(framework):
        if framework not in seen:
            cells = pages.cells(pages.SOFTMAX, framework, "def train_step(")
            pages.run(framework, SCRIPTS[framework], folder, cells)
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
    return {
        "losses": largest["losses"],
        "gradient": max(largest["dW"], largest["db"]),
        "weights": max(largest["W"], largest["b"]),
    }


def assert_equal(a, b):
    found = differences(a, b)
    too_large = {n: d for n, d in found.items() if not d <= TOLERANCE[n]}
    assert not too_large, f"of {found} these exceed {TOLERANCE}"


def test_the_gradient_of_the_reference_is_the_slope_of_its_loss():
    generator = np.random.default_rng(0)
    X, y = generator.random((5, 6)), np.array([0, 1, 2, 0, 1])
    W, b = generator.normal(size=(6, 3)), generator.normal(size=3)
    _, (dW, db) = reference.loss_and_gradient(X, y, W, b)
    for parameter, gradient in ((W, dW), (b, db)):
        for index in np.ndindex(parameter.shape):
            slope = 0.0
            for sign in (1, -1):
                parameter[index] += sign * 1e-5
                slope += sign * reference.loss_and_gradient(X, y, W, b)[0]
                parameter[index] -= sign * 1e-5
            # Central differences err by about 1e-5 ** 2.
            assert abs(slope / 2e-5 - gradient[index]) < 1e-9


def test_the_tolerance_is_near_ten_times_the_rounding(ours):
    rounding = differences(ours[np.float64], ours[np.float32])
    for name, difference in rounding.items():
        assert 5 * difference < TOLERANCE[name] < 30 * difference


@pytest.mark.parametrize("framework", pages.FRAMEWORKS)
def test_a_framework_agrees_with_the_reference(framework, theirs, ours):
    assert_equal(theirs(framework), ours[np.float64])


def test_the_frameworks_agree_with_each_other(theirs):
    first, *others = pages.FRAMEWORKS
    for other in others:
        assert_equal(theirs(first), theirs(other))
