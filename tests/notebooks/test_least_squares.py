"""On the penguins, both of the page's methods give the right weights.

The page's cells run in each framework, up to the hyperparameters of training. The
normal equations are compared with NumPy's least squares, which factors the design
matrix and never forms its Gram matrix. The steps of gradient descent are compared with
a NumPy reference that starts from the same weights and minibatches.
"""

import numpy as np
import pytest
from support import pages

NUM_STEPS, BATCH_SIZE, LEARNING_RATE = 50, 32, 0.1
# A linear system's solution may be off by the condition number of its matrix,
# 3e7 for these features in mm, times the rounding of 64-bit floats, 1.1e-16.
SOLUTION = 3e7 * 1.1e-16  # relative to the largest weight
# In 32-bit floats the reference differs from itself in 64-bit floats by at
# most 5.3e-4 g in a weight (of up to 4,200 g) and 1.2e-4 g in an entry of the
# gradient, over four choices of minibatches. A framework gets ten times as
# much. A learning rate of 0.1001 instead of 0.1 exceeds that.
TOLERANCE = {"weights": 5e-3, "gradient": 1.2e-3}

COMMON = """
import json, sys
import numpy as np
given, space = dict(np.load("given.npz")), {}
for cell in json.loads(sys.argv[1]):
    exec(cell, space)
to_numpy = space["to_numpy"]

def walk(array):
    batches = [(array(space["standardized"][rows]), array(space["mass"][rows]))
               for rows in given["rows"]]
    w, b = array(np.zeros(3)), array(0.0)
    dw, db = space["gradient"](w, b, *batches[0])
    for X, y in batches:
        w, b = space["sgd_step"](w, b, X, y, space["learning_rate"])
    np.savez("seen.npz", design=space["design"], mass=space["mass"],
             best=space["best"],
             gradient=np.append(to_numpy(dw), to_numpy(db)),
             weights=np.append(to_numpy(w), to_numpy(b)))
"""
SCRIPTS = {
    "mxnet": COMMON + """
import mxnet as mx
walk(lambda x: mx.np.array(x, dtype="float32", ctx=space["device"]))
""",
    "tensorflow": COMMON + """
import tensorflow as tf
walk(lambda x: tf.constant(x, tf.float32))
""",
    "pytorch": COMMON + """
import torch
walk(lambda x: torch.tensor(x, dtype=torch.float32, device=space["device"]))
""",
    "jax": COMMON + """
from jax import numpy as jnp
walk(lambda x: jnp.array(x, jnp.float32))
""",
    "numpy": COMMON + """
walk(lambda x: np.asarray(x, np.float32))
""",
}


def minibatches(seed):
    """Return the rows of each minibatch."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 267, (NUM_STEPS, BATCH_SIZE))


@pytest.fixture(scope="module")
def rows():
    return minibatches(0)


@pytest.fixture(scope="module")
def seen(rows, tmp_path_factory):
    """Return a function that maps a framework to its results. Each runs once."""
    results = {}

    def run(framework):
        if framework not in results:
            folder = tmp_path_factory.mktemp(framework)
            np.savez(folder / "given.npz", rows=rows)
            cells = pages.cells(pages.LINEAR, framework, "num_epochs = ")
            pages.run_warm(framework, SCRIPTS[framework], folder, cells)
            results[framework] = dict(np.load(folder / "seen.npz"))
        return results[framework]

    return run


def refer(design, mass, rows, dtype):
    """Run plain SGD on standardized features. Return first gradient and last weights."""
    Z = design.copy()
    Z[:, :3] = (Z[:, :3] - Z[:, :3].mean(axis=0)) / Z[:, :3].std(axis=0)
    Z, y = Z.astype(dtype), mass.astype(dtype)
    w, gradients = np.zeros(4, dtype), []
    for batch in rows:
        errors = Z[batch] @ w - y[batch]
        gradients.append(Z[batch].T @ errors / dtype(BATCH_SIZE))
        w = w - dtype(LEARNING_RATE) * gradients[-1]
    return {"gradient": gradients[0], "weights": w}


def differences(a, b):
    return {name: float(np.abs(a[name] - b[name]).max()) for name in TOLERANCE}


every_framework = pytest.mark.parametrize("framework", SCRIPTS)


@every_framework
def test_the_normal_equations_give_the_least_squares_of_numpy(framework, seen):
    found = seen(framework)
    best = np.linalg.lstsq(found["design"], found["mass"], rcond=None)[0]
    error = np.abs(found["best"] - best).max() / np.abs(best).max()
    assert error < SOLUTION


@every_framework
def test_the_residuals_are_orthogonal_to_every_column(framework, seen):
    found = seen(framework)
    residuals = found["mass"] - found["design"] @ found["best"]
    lengths = np.linalg.norm(found["design"], axis=0)
    cosines = found["design"].T @ residuals / lengths
    assert np.abs(cosines / np.linalg.norm(residuals)).max() < 1e-9


@every_framework
def test_steps_of_gradient_descent_agree_with_the_reference(
    framework, seen, rows
):
    found = seen(framework)
    expected = refer(found["design"], found["mass"], rows, np.float64)
    off = differences(found, expected)
    assert all(off[name] <= TOLERANCE[name] for name in TOLERANCE), off


def test_the_tolerance_is_near_ten_times_the_rounding(seen):
    found = seen(next(iter(SCRIPTS)))
    data = found["design"], found["mass"]
    rounding = [
        differences(*(refer(*data, minibatches(seed), dtype)
                      for dtype in (np.float64, np.float32)))
        for seed in range(4)
    ]
    for name, tolerance in TOLERANCE.items():
        largest = max(difference[name] for difference in rounding)
        assert 5 * largest < tolerance < 30 * largest
