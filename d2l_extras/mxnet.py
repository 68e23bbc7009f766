"""What the book's MXNet notebooks repeat."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import cuda, data, numpy_names

cuda.load_libraries()
with numpy_names.restored():
    import mxnet as mx

from d2l.mxnet import try_gpu

__all__ = ["Minibatches", "load_fashion_mnist", "summary", "try_gpu"]

mx.npx.set_np()


def summary() -> str:
    """Return MXNet's version and the device that `try_gpu` chooses."""
    return f"MXNet {mx.__version__} on {try_gpu()}"


class Minibatches(data.Minibatches):
    """Minibatches of MXNet arrays, on the device where the arrays are."""

    def place(self, order: np.ndarray) -> mx.np.ndarray:
        """Return the order of an epoch on the device of the arrays.

        To copy it there waits until all is computed that was asked for, which
        costs nothing before the first minibatch, and much between two.
        """
        return mx.np.array(order, dtype="int32", ctx=self.arrays[0].ctx)

    def gather(
        self, array: mx.np.ndarray, indices: mx.np.ndarray | slice
    ) -> mx.np.ndarray:
        """Return the examples of one array that a few minibatches hold."""
        if isinstance(indices, slice):
            return array[indices]
        return mx.np.take(array, indices, axis=0)


def load_fashion_mnist(
    batch_size: int, device: mx.Context, seed: int = 0
) -> tuple[Minibatches, Minibatches]:
    """Load the training set, shuffled, and the test set onto `device`.

    Minibatches are pairs X, y: images of shape (batch_size, 28, 28), float32
    from 0 (white) to 1 (black), and int32 labels of shape (batch_size,); the
    last may be smaller. The same `seed` shuffles alike. Raises
    DatasetNotAvailable where `d2l_extras.data.fashion_mnist` does.
    """

    def to_device(images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
        X = mx.np.array(data.scale_pixels(images), dtype="float32", ctx=device)
        return X, mx.np.array(labels, dtype="int32", ctx=device)

    loaded = data.fashion_mnist()
    train = to_device(loaded.X_train, loaded.y_train)
    test = to_device(loaded.X_test, loaded.y_test)
    return (
        Minibatches(*train, batch_size=batch_size, shuffle=True, seed=seed),
        Minibatches(*test, batch_size=batch_size),
    )
