"""Provide helpers for the book's TensorFlow notebooks."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import minibatches
from .fashion_mnist import fashion_mnist, scale_pixels

__all__ = ["Minibatches", "load_fashion_mnist", "summary", "try_gpu"]


@contextmanager
def _quiet() -> Iterator[None]:
    """Discard what is written to file descriptor 2, unless the block fails.

    TensorFlow logs the type of processor and the lack of a GPU before it reads
    its own setting, TF_CPP_MIN_LOG_LEVEL.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(stderr, kept.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _quiet():
    import tensorflow as tf
    from d2l.tensorflow import try_gpu

    tf.config.list_physical_devices()  # the first call logs what is missing

# On GPUs of compute capability 8.0 and later, TensorFlow would round the factors
# of float32 matrix products to 11 bits (TensorFloat-32), which is too coarse for
# the pages.
tf.config.experimental.enable_tensor_float_32_execution(False)


def summary() -> str:
    """Return TensorFlow's version and the device that `try_gpu` chooses."""
    with try_gpu():
        device = tf.constant(0).device
    device = tf.DeviceSpec.from_string(device)
    return (
        f"TensorFlow {tf.__version__} on "
        f"{device.device_type}:{device.device_index}"
    )


class Minibatches(minibatches.Minibatches):
    """Split TensorFlow tensors into minibatches, on the device of the tensors."""

    def place(self, order: np.ndarray) -> tf.Tensor:
        """Convert the order of an epoch to int32, which GPUs can gather by."""
        with tf.device(self.arrays[0].device):
            return tf.constant(order, tf.int32)

    def gather(
        self, array: tf.Tensor, indices: tf.Tensor | slice
    ) -> tf.Tensor:
        """Return the examples of several minibatches from one tensor.

        The raw operation is called because, for labels, the Python code of
        `tf.gather` takes longer than the operation itself.
        """
        with tf.device(array.device):
            if isinstance(indices, slice):
                return array[indices]
            return tf.raw_ops.GatherV2(params=array, indices=indices, axis=0)

    def cut(self, examples: tf.Tensor, size: int) -> list[tf.Tensor]:
        """Cut examples, or the order of an epoch, into parts of at most `size`."""
        full, rest = divmod(len(examples), size)
        with tf.device(examples.device):
            if not rest:  # three times as fast as passing a list of sizes
                return tf.split(examples, full)
            return tf.split(examples, [size] * full + [rest])


def load_fashion_mnist(
    batch_size: int, device: Any, seed: int = 0
) -> tuple[Minibatches, Minibatches]:
    """Load the shuffled training set and the test set onto `device`.

    `device` is what `try_gpu` or `tf.device` returns. Each minibatch is a pair
    X, y. X holds float32 images of shape (batch_size, 28, 28), from 0
    (background) to 1, and y holds int32 labels of shape (batch_size,). The last
    minibatch may be smaller. The same `seed` gives the same order. Raises
    DatasetNotAvailable if the data cannot be found or downloaded (see
    `d2l_extras.fashion_mnist.fashion_mnist`).
    """

    def to_device(
        images: np.ndarray, labels: np.ndarray
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with device:
            X = tf.constant(scale_pixels(images), tf.float32)
            return X, tf.constant(labels, tf.int32)

    loaded = fashion_mnist()
    train = to_device(loaded.X_train, loaded.y_train)
    test = to_device(loaded.X_test, loaded.y_test)
    return (
        Minibatches(*train, batch_size=batch_size, shuffle=True, seed=seed),
        Minibatches(*test, batch_size=batch_size),
    )
