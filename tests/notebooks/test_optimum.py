"""The page on the best linear classifier finds the minimum of its objective.

Its cells run, from the data to `fit`, but without SGD, so that the search starts at
zero. The results are checked here in 64-bit floats, using only the gradient:
J - J* <= |grad J|^2 / (2 lambda).

The regularization strength is 1e-2, the largest on the page, where convergence is
fastest. The page stops when that bound is 1e-5. Twice as much is allowed here, because
a gradient in 32-bit floats agreed with the one in 64 bits to 2e-7 in norm, and the mean
loss to 1e-6.
"""

import numpy as np
import pytest
from support import pages
from support.bounds import BOUNDS

from d2l_extras.fashion_mnist import fashion_mnist

DECAY, GAP = 1e-2, 2e-5
SCRIPT = """
import json, sys
import numpy as np
space = {"sgd": np.zeros((785, 10)), "tolerance": 1e-5}
for cell in json.loads(sys.argv[1]):
    exec(cell, space)
data = space["X_train"], space["y_train"]
Theta, steps = space["fit"](DECAY, *data)
J, gradient = space["objective"](Theta, DECAY, *data)
loss, accuracy = space["evaluate"](Theta, space["X_test"], space["y_test"])
np.savez("optimum.npz", Theta=Theta, J=J, gradient=gradient, steps=steps,
         start=space["objective"](space["sgd"], DECAY, *data)[0],
         bound=space["gap"](gradient, DECAY),
         test_loss=loss, test_accuracy=accuracy)
"""
# The cells that the page needs before it searches for the optimum, and to evaluate it.
NEEDED = ("import numpy", "def with_ones", "data = fashion_mnist", "def softmax",
          "def center",           "def loss_and_gradient", "def correct", "def objective",
          "P = softmax", "curvature = np.array", "def fit")


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict:
    """Run the page's cells, and return Theta and its evaluation by the page."""
    folder = tmp_path_factory.mktemp("numpy")
    cells = pages.cells(pages.LIMITS, "numpy", last="def evaluate")
    gap = next(cell for cell in cells if cell.startswith("def gap"))
    evaluate = cells[-1].partition("\nseen")[0]
    cells = [cell for cell in cells if any(part in cell for part in NEEDED)]
    cells += [gap.partition("\n\n")[0], evaluate]
    script = SCRIPT.replace("DECAY", str(DECAY))
    pages.run_warm("numpy", script, folder, cells)
    return dict(np.load(folder / "optimum.npz"))


def judge(Theta: np.ndarray, X: np.ndarray, y: np.ndarray):
    """Return the mean loss and its gradient, in 64-bit floats, by the formula."""
    O = X @ Theta[:-1] + Theta[-1]
    O -= O.max(axis=1, keepdims=True)
    sums = np.exp(O).sum(axis=1, keepdims=True)
    G = np.exp(O) / sums
    loss = np.log(sums).mean() - O[np.arange(len(O)), y].mean()
    G[np.arange(len(O)), y] -= 1
    return loss, np.vstack([X.T @ G, G.sum(axis=0)]) / len(X)


@pytest.fixture(scope="module")
def train() -> tuple[np.ndarray, np.ndarray]:
    data = fashion_mnist()
    return data.X_train.reshape(-1, 784) / 255, data.y_train


@pytest.fixture(scope="module")
def judged(found, train):
    """Return J at the point that was found and its gradient, computed here."""
    loss, gradient = judge(found["Theta"], *train)
    penalty = DECAY / 2 * np.sum(found["Theta"] ** 2)
    return loss + penalty, gradient + DECAY * found["Theta"]


def test_the_optimum_is_proved_by_its_gradient(judged):
    _, gradient = judged
    assert np.sum(gradient**2) / (2 * DECAY) <= GAP


def test_the_page_stops_at_the_bound_that_it_states(found):
    assert found["bound"] <= 1e-5


def test_the_page_computes_the_objective_and_its_gradient(found, judged):
    J, gradient = judged
    assert found["J"] == pytest.approx(J, abs=1e-5)
    assert np.linalg.norm(found["gradient"] - gradient) <= 2e-6


def test_the_search_begins_far_above_the_optimum(found):
    """Make sure that the search, not its start, explains the convergence."""
    assert found["start"] - found["J"] > 1 and found["steps"] >= 5


def test_the_minimum_is_the_one_that_another_search_finds(judged):
    """Compare with L-BFGS on a loss written in NumPy."""
    assert judged[0] == pytest.approx(0.647349, abs=GAP)


def test_the_page_evaluates_on_the_test_images(found):
    data = fashion_mnist()
    X, y = data.X_test.reshape(-1, 784) / 255, data.y_test
    loss, _ = judge(found["Theta"], X, y)
    O = X @ found["Theta"][:-1] + found["Theta"][-1]
    assert found["test_loss"] == pytest.approx(loss, abs=1e-5)
    hits = np.mean(O.argmax(axis=1) == y)
    assert found["test_accuracy"] == pytest.approx(hits, abs=3e-4)


def test_the_runaway_weights_are_counted(train):
    """Count weights of pixels that one class never uses, but another one does.

    The page counts them with Boolean arrays. Here, they are counted with sums of gray
    levels.
    """
    X, y = train
    dark = np.array([X[y == j].sum(axis=0) for j in range(10)])
    runaway = (dark == 0) & (dark.sum(axis=0) > 0)
    assert runaway.sum() == BOUNDS[pages.LIMITS]["never.sum()"]
