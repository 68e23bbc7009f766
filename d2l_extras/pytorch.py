"""Provide helpers for the book's PyTorch notebooks."""

from __future__ import annotations

import numpy as np
import torch

from . import minibatches
from .fashion_mnist import fashion_mnist, scale_pixels

__all__ = ["Minibatches", "load_fashion_mnist", "summary", "try_gpu"]


def try_gpu() -> torch.device:
    """Return the first GPU if there is one, and the CPU otherwise."""
    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def summary() -> str:
    """Return PyTorch's version and the device that `try_gpu` chooses."""
    device = try_gpu()
    if device.type == "cpu":
        return f"PyTorch {torch.__version__} on cpu"
    return (
        f"PyTorch {torch.__version__} on {device}, the GPU "
        f"{torch.cuda.get_device_name(device)}"
    )


class Minibatches(minibatches.Minibatches):
    """Split PyTorch tensors into minibatches, on the device of the tensors."""

    def place(self, order: np.ndarray) -> torch.Tensor:
        """Copy the order of an epoch to the device of the tensors."""
        return torch.from_numpy(order).to(self.arrays[0].device)

    def gather(
        self, array: torch.Tensor, indices: torch.Tensor | slice
    ) -> torch.Tensor:
        """Return the examples of several minibatches from one tensor."""
        if isinstance(indices, slice):
            return array[indices]
        return torch.index_select(array, 0, indices)

    def cut(self, examples: torch.Tensor, size: int) -> tuple[torch.Tensor, ...]:
        """Cut examples, or the order of an epoch, into parts of at most `size`."""
        return torch.split(examples, size)


def load_fashion_mnist(
    batch_size: int, device: torch.device, seed: int = 0
) -> tuple[Minibatches, Minibatches]:
    """Load the shuffled training set and the test set onto `device`.

    Each minibatch is a pair X, y. X holds float32 images of shape (batch_size,
    28, 28), from 0 (background) to 1, and y holds labels of shape (batch_size,),
    as int64, which PyTorch's losses require. The last minibatch may be smaller.
    The same `seed` gives the same order. Raises DatasetNotAvailable if the data
    cannot be found or downloaded (see `d2l_extras.fashion_mnist.fashion_mnist`).
    """

    def to_device(
        images: np.ndarray, labels: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor]:
        X = torch.from_numpy(scale_pixels(images)).to(device)
        return X, torch.from_numpy(labels.astype(np.int64)).to(device)

    loaded = fashion_mnist()
    train = to_device(loaded.X_train, loaded.y_train)
    test = to_device(loaded.X_test, loaded.y_test)
    return (
        Minibatches(*train, batch_size=batch_size, shuffle=True, seed=seed),
        Minibatches(*test, batch_size=batch_size),
    )
