"""Softmax regression in plain NumPy, to check the frameworks against.

Names and equation numbers are those of the page on softmax regression:
logits O = XW + b, loss log sum exp(o) - o_y, gradient softmax(o) - 1(j = y).
"""

from __future__ import annotations

import numpy as np

Parameters = tuple[np.ndarray, np.ndarray]


def loss_and_gradient(
    X: np.ndarray, y: np.ndarray, W: np.ndarray, b: np.ndarray
) -> tuple[float, Parameters]:
    """Mean cross-entropy of a minibatch and its gradient in W and b.

    X: (n, d), y: (n,) integers, W: (d, q), b: (q,), all of one float dtype,
    in which the computation stays.
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


def train(
    batches: list[Parameters], W: np.ndarray, b: np.ndarray, rate: float
) -> tuple[np.ndarray, Parameters, Parameters]:
    """Plain SGD: the losses, the first gradient and the last parameters."""
    losses, gradients = [], []
    rate = W.dtype.type(rate)
    for X, y in batches:
        loss, (dW, db) = loss_and_gradient(X, y, W, b)
        losses.append(loss)
        gradients.append((dW, db))
        W, b = W - rate * dW, b - rate * db
    return np.array(losses), gradients[0], (W, b)
