"""Provide helpers for the book's MXNet notebooks."""

from __future__ import annotations

import os

import numpy as np

from . import minibatches
from .colab import cuda, numpy_names
from .fashion_mnist import fashion_mnist, scale_pixels

# MXNet was compiled with cuDNN 8.1, and would warn that it is loading 8.9.
os.environ.setdefault("MXNET_CUDNN_LIB_CHECKING", "0")
cuda.load_libraries()
with numpy_names.restored():
    import mxnet as mx

from d2l.mxnet import try_gpu

__all__ = ["Minibatches", "load_fashion_mnist", "summary", "try_gpu"]

mx.npx.set_np()


def summary() -> str:
    """Return MXNet's version and the device that `try_gpu` chooses.

    Raises RuntimeError if MXNet contains no code for the GPU on that device.
    """
    if try_gpu().device_type == "gpu":
        try:
            cuda.check_capability()
        except RuntimeError as error:
            raise RuntimeError(
                f"{error}. To use the CPU instead, run %pip uninstall -y "
                "mxnet-cu112, restart the kernel, and run the notebook again."
            ) from None
    return f"MXNet {mx.__version__} on {try_gpu()}"


class Minibatches(minibatches.Minibatches):
    """Split MXNet arrays into minibatches, on the device of the arrays."""

    def place(self, order: np.ndarray) -> mx.np.ndarray:
        """Copy the order of an epoch to the device of the arrays.

        The copy waits for all pending computations. There are none before the
        first minibatch, but there would be many between two minibatches.
        """
        return mx.np.array(order, dtype="int32", ctx=self.arrays[0].ctx)

    def gather(
        self, array: mx.np.ndarray, indices: mx.np.ndarray | slice
    ) -> mx.np.ndarray:
        """Return the examples of several minibatches from one array."""
        if isinstance(indices, slice):
            return array[indices]
        return mx.np.take(array, indices, axis=0)


def load_fashion_mnist(
    batch_size: int, device: mx.Context, seed: int = 0
) -> tuple[Minibatches, Minibatches]:
    """Load the shuffled training set and the test set onto `device`.

    Each minibatch is a pair X, y. X holds float32 images of shape (batch_size,
    28, 28), from 0 (background) to 1, and y holds int32 labels of shape
    (batch_size,). The last minibatch may be smaller. The same `seed` gives the
    same order. Raises DatasetNotAvailable if the data cannot be found or
    downloaded (see `d2l_extras.fashion_mnist.fashion_mnist`).
    """

    def to_device(
        images: np.ndarray, labels: np.ndarray
    ) -> tuple[mx.np.ndarray, mx.np.ndarray]:
        X = mx.np.array(scale_pixels(images), dtype="float32", ctx=device)
        return X, mx.np.array(labels, dtype="int32", ctx=device)

    loaded = fashion_mnist()
    train = to_device(loaded.X_train, loaded.y_train)
    test = to_device(loaded.X_test, loaded.y_test)
    return (
        Minibatches(*train, batch_size=batch_size, shuffle=True, seed=seed),
        Minibatches(*test, batch_size=batch_size),
    )
