"""Compute softmax and linear regression in plain NumPy, to check the frameworks.

The names and equations are those of the pages. Softmax regression: logits
O = XW + b, loss log sum exp(o) - o_y, gradient softmax(o) - 1(j = y). Linear
regression: residuals r = Xw + b - y, loss r^2 / 2, gradient r.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Parameters = tuple[np.ndarray, np.ndarray]


def loss_and_gradient(
    X: np.ndarray, y: np.ndarray, W: np.ndarray, b: np.ndarray
) -> tuple[float, Parameters]:
    """Return the mean cross-entropy of a minibatch and its gradient in W and b.

    X: (n, d), y: (n,) integers, W: (d, q), b: (q,). The floats have one dtype, and
    all computations use it.
    """
    O = X @ W + b
    O = O - O.max(axis=1, keepdims=True)
    exp_O = np.exp(O)
    sums = exp_O.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = (np.log(sums[:, 0]) - O[rows, y]).mean()
    G = exp_O / sums
    G[rows, y] -= 1
    G /= len(y)
    return float(loss), (X.T @ G, G.sum(axis=0))


def squared_loss_and_gradient(
    X: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray
) -> tuple[float, Parameters]:
    """Return half the mean squared error of a minibatch and its gradient in w and b.

    X: (n, d), y: (n, 1), w: (d, 1), b: (1,). All have one float dtype, and all
    computations use it.
    """
    r = X @ w + b - y
    G = r / len(y)
    return float((r ** 2).mean() / 2), (X.T @ G, G.sum(axis=0))


def least_squares(X: np.ndarray, y: np.ndarray) -> Parameters:
    """Return the w and b that minimize the squared loss, by the normal equations."""
    A = np.hstack([X, np.ones((len(X), 1), X.dtype)])
    theta = np.linalg.solve(A.T @ A, A.T @ y)
    return theta[:-1], theta[-1]


def train(
    batches: list[Parameters],
    W: np.ndarray,
    b: np.ndarray,
    rate: float,
    loss_and_gradient: Callable = loss_and_gradient,
) -> tuple[np.ndarray, Parameters, Parameters]:
    """Run plain SGD, and return the losses, first gradient, and last parameters."""
    losses, gradients = [], []
    rate = W.dtype.type(rate)
    for X, y in batches:
        loss, (dW, db) = loss_and_gradient(X, y, W, b)
        losses.append(loss)
        gradients.append((dW, db))
        W, b = W - rate * dW, b - rate * db
    return np.array(losses), gradients[0], (W, b)
