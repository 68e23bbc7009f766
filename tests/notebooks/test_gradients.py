"""The gradient on the page about softmax regression is right, by three methods.

The page's own cells run, and their functions compute the losses and gradients of other
logits and labels. Automatic differentiation and finite differences must both agree with
softmax(O) - Y, computed here in NumPy. So must the page's training and its Hessian.

Everything is computed in 64-bit floats, with u = 2 ** -53. A gradient is the result of
a few dozen operations on numbers of order one, and an error of 1e-14 is 90 u. Central
differences with h = 1e-5 have two errors. One is h ** 2 / 6 times the third derivative
p (1 - p) (1 - 2p), which is at most 0.1, so this error is at most 2e-12. The other is
the rounding error of a loss, a few u times its value of at most 16, divided by h.
Together, they are below 1e-9.
"""

import numpy as np
import pytest
from support import pages, reference

NUM_ROWS, NUM_CLASSES, H = 50, 6, 1e-5
EXACT, DIFFERENCES = 1e-14, 1e-9
STEPS = (1e-2, 1e-3)

SCRIPT = """
import json, sys
import numpy as np
given, space = dict(np.load("given.npz")), {}
for cell in json.loads(sys.argv[1]):
    exec(cell, space)
O, Y = given["O"], given["Y"]
losses, automatic = space["loss_and_gradient"](O, Y)
seen = {"losses": losses, "automatic": automatic}
for name, h in [("best", given["h"]), *enumerate(given["steps"])]:
    for side, behind in ("forward", 0), ("central", h):
        seen[f"{side}_{name}"] = space["slopes"](O, Y, h, behind)
if "hessian" in space:
    seen["hessian"] = space["hessian"](O[:1], Y[:1])
    seen["again"] = space["hessian"](space["some_O"][:1], space["some_Y"][:1])
for name in ("some_O", "features", "labels", "learning_rate", "num_steps", "W",
             "b", "H", "difference"):
    if name in space:
        seen[f"page_{name}"] = space["to_numpy"](space[name])
np.savez("seen.npz", **seen)
"""
# Mistakes in the cells that both checks have to find.
MISTAKES = {
    "sums over examples": {
        "mxnet": ("exp_O.sum(axis=1", "exp_O.sum(axis=0"),
        "tensorflow": ("reduce_sum(exp_O, axis=1", "reduce_sum(exp_O, axis=0"),
        "pytorch": ("exp_O.sum(dim=1", "exp_O.sum(dim=0"),
        "jax": ("exp_O.sum(axis=1", "exp_O.sum(axis=0"),
        "numpy": ("exp_O.sum(axis=1", "exp_O.sum(axis=0"),
    },
    "loses the logarithm": {
        "mxnet": ("Y * mx.np.log(softmax(O))", "Y * softmax(O)"),
        "tensorflow": ("Y * tf.math.log(softmax(O))", "Y * softmax(O)"),
        "pytorch": ("Y * torch.log(softmax(O))", "Y * softmax(O)"),
        "jax": ("Y * jnp.log(softmax(O))", "Y * softmax(O)"),
        "numpy": ("Y * np.log(softmax(O))", "Y * softmax(O)"),
    },
}


@pytest.fixture(scope="module")
def given():
    """Return logits of order three, and labels, half one-hot and half distributions."""
    generator = np.random.default_rng(0)
    O = generator.normal(0, 3, size=(NUM_ROWS, NUM_CLASSES))
    hard = np.eye(NUM_CLASSES)[generator.integers(NUM_CLASSES, size=25)]
    soft = generator.dirichlet(np.ones(NUM_CLASSES), size=25)
    return {"O": O, "Y": np.concatenate([hard, soft]), "h": H, "steps": STEPS}


def run(framework, given, folder, last, mistake=None):
    """Return what the page's cells compute, up to the cell that contains `last`."""
    np.savez(folder / "given.npz", **given)
    cells = pages.cells(pages.THEORY, framework, last)
    if mistake:
        right, wrong = mistake[framework]
        broken = [cell.replace(right, wrong) for cell in cells]
        assert broken != cells, f"the page no longer says {right!r}"
        cells = broken
    pages.run_warm(framework, SCRIPT, folder, cells)
    return dict(np.load(folder / "seen.npz"))


@pytest.fixture(scope="module")
def seen(given, tmp_path_factory):
    """Return a function that maps a framework to its results. Each runs once."""
    found = {}

    def of(framework):
        if framework not in found:
            folder = tmp_path_factory.mktemp(framework)
            last = "np.linalg.eigvalsh(H)"
            found[framework] = run(framework, given, folder, last)
        return found[framework]

    return of


def derived(given):
    """Return the losses, and prediction minus label."""
    O = given["O"] - given["O"].max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(O).sum(axis=1, keepdims=True))
    losses = -(given["Y"] * (O - log_sums)).sum(axis=1)
    return losses, np.exp(O - log_sums) - given["Y"]


def hessian(o):
    """Return the second derivatives of the loss with respect to one row of logits."""
    p = np.exp(o - o.max()) / np.exp(o - o.max()).sum()
    return np.diag(p) - np.outer(p, p)


def error(a, b):
    return float(np.abs(a - b).max())


each_framework = pytest.mark.parametrize("framework", pages.USED)


@each_framework
def test_the_loss_is_the_cross_entropy(framework, seen, given):
    losses, _ = derived(given)
    assert losses.max() < 16  # as the tolerance supposes
    assert error(seen(framework)["losses"], losses) < 16 * EXACT


@each_framework
def test_automatic_differentiation_finds_prediction_minus_label(
    framework, seen, given
):
    _, gradient = derived(given)
    assert error(seen(framework)["automatic"], gradient) < EXACT


@each_framework
def test_central_differences_find_prediction_minus_label(
    framework, seen, given
):
    _, gradient = derived(given)
    assert error(seen(framework)["central_best"], gradient) < DIFFERENCES


@each_framework
@pytest.mark.parametrize(("side", "ratio"), [("forward", 10), ("central", 100)])
def test_a_step_ten_times_smaller_lowers_the_error_by_the_power_of_the_method(
    framework, side, ratio, seen, given
):
    """Allow for the next term of Taylor's series, which changes the ratio by about h."""
    _, gradient = derived(given)
    large, small = (
        error(seen(framework)[f"{side}_{step}"], gradient) for step in (0, 1)
    )
    assert abs(large / small - ratio) < 0.02 * ratio


@each_framework
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_loss_is_found_by_both_checks(
    framework, mistake, given, tmp_path
):
    found = run(framework, given, tmp_path, "def slopes(", MISTAKES[mistake])
    _, gradient = derived(given)
    assert error(found["automatic"], gradient) > 0.1
    assert error(found["central_best"], gradient) > 0.1


@each_framework
def test_training_with_the_formula_agrees_with_the_reference(
    framework, seen
):
    """Allow for the rounding errors of a few hundred steps on numbers of order one."""
    page = seen(framework)
    X, y = page["page_features"], page["page_labels"]
    start = np.zeros((2, 3)), np.zeros(3)
    batches = int(page["page_num_steps"]) * [(X, y)]
    rate = page["page_learning_rate"].item()
    _, _, (W, b) = reference.train(batches, *start, rate)
    assert error(W, 0) > 1  # it has moved
    assert error(page["page_W"], W) < 1e-11
    assert error(page["page_b"], b) < 1e-11


@each_framework
def test_the_hessian_is_diag_p_minus_p_p_transposed(
    framework, seen, given
):
    page = seen(framework)
    values = np.linalg.eigvalsh(page["page_H"])
    assert error(page["hessian"], hessian(given["O"][0])) < DIFFERENCES
    assert error(page["page_H"], hessian(page["page_some_O"][0])) < EXACT
    assert error(page["page_difference"], 0) < DIFFERENCES
    assert error(page["again"] - page["page_H"], page["page_difference"]) < EXACT
    assert abs(values[0]) < EXACT and 0.01 < values[1] < values[2] <= 0.5
