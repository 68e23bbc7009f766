"""Provide helpers for the book's JAX notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import jax
import numpy as np

from . import minibatches
from .fashion_mnist import fashion_mnist, scale_pixels

__all__ = ["Minibatches", "load_fashion_mnist", "summary", "try_gpu"]

# On GPUs and TPUs, JAX would round the factors of float32 matrix products, which is
# too coarse for the pages.
jax.config.update("jax_default_matmul_precision", "highest")


def try_gpu() -> jax.Device:
    """Return the first GPU if there is one, and the CPU otherwise."""
    try:
        return jax.devices("gpu")[0]
    except RuntimeError:
        return jax.devices("cpu")[0]


def summary() -> str:
    """Return JAX's version and the device that `try_gpu` chooses."""
    device = try_gpu()
    return f"JAX {jax.__version__} on {device.platform}:{device.id}"


@jax.jit
def _take(array: jax.Array, indices: jax.Array) -> jax.Array:
    return array.at[indices].get(mode="promise_in_bounds")


@partial(jax.jit, static_argnames="size")
def _part(examples: jax.Array, start: int, size: int) -> jax.Array:
    return jax.lax.dynamic_slice_in_dim(examples, start, size)


class Minibatches(minibatches.Minibatches):
    """Split JAX arrays into minibatches, on the device of the arrays."""

    def place(self, order: np.ndarray) -> jax.Array:
        """Copy the order of an epoch to the device of the arrays, as int32.

        It is committed to the device only if they are.
        """
        array = self.arrays[0]
        device = array.device if array.committed else None
        return jax.device_put(order.astype(np.int32), device)

    def gather(self, array: jax.Array, indices: jax.Array | slice) -> jax.Array:
        """Return the examples of several minibatches from one array."""
        return array[indices] if isinstance(indices, slice) else _take(array, indices)

    def cut(self, examples: jax.Array, size: int) -> Iterator[jax.Array]:
        """Cut examples, or the order of an epoch, into parts of at most `size`."""
        for start in range(0, len(examples), size):
            yield _part(examples, start, min(size, len(examples) - start))


def load_fashion_mnist(
    batch_size: int, device: jax.Device, seed: int = 0
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
    ) -> tuple[jax.Array, jax.Array]:
        X = jax.device_put(scale_pixels(images), device)
        return X, jax.device_put(labels.astype(np.int32), device)

    loaded = fashion_mnist()
    train = to_device(loaded.X_train, loaded.y_train)
    test = to_device(loaded.X_test, loaded.y_test)
    return (
        Minibatches(*train, batch_size=batch_size, shuffle=True, seed=seed),
        Minibatches(*test, batch_size=batch_size),
    )
