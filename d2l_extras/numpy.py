"""Provide helpers for the book's NumPy notebooks."""

from __future__ import annotations

import numpy as np

from .fashion_mnist import fashion_mnist, scale_pixels
from .minibatches import Minibatches

__all__ = ["Minibatches", "load_fashion_mnist", "summary", "try_gpu"]


def try_gpu() -> str:
    """Return "cpu", because NumPy has no other device."""
    return "cpu"


def summary() -> str:
    """Return NumPy's version and its device."""
    return f"NumPy {np.__version__} on cpu"


def load_fashion_mnist(
    batch_size: int, device: str = "cpu", seed: int = 0
) -> tuple[Minibatches, Minibatches]:
    """Load the shuffled training set and the test set.

    Each minibatch is a pair X, y. X holds float32 images of shape (batch_size,
    28, 28), from 0 (background) to 1, and y holds int32 labels of shape
    (batch_size,). The last minibatch may be smaller. The same `seed` gives the
    same order. Raises DatasetNotAvailable if the data cannot be found or
    downloaded (see `d2l_extras.fashion_mnist.fashion_mnist`), and ValueError for
    any device but "cpu".
    """
    if device != "cpu":
        raise ValueError(f"NumPy computes only on 'cpu', not on {device!r}")
    loaded = fashion_mnist()
    train = scale_pixels(loaded.X_train), loaded.y_train.astype(np.int32)
    test = scale_pixels(loaded.X_test), loaded.y_test.astype(np.int32)
    return (
        Minibatches(*train, batch_size=batch_size, shuffle=True, seed=seed),
        Minibatches(*test, batch_size=batch_size),
    )
