"""Load Fashion-MNIST as NumPy arrays.

``python -m d2l_extras.fashion_mnist`` downloads any missing files and prints
where each file is.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .download import (
    FILES,
    MIRRORS,
    PATIENCE,
    DatasetNotAvailable,
    find_files,
)

CLASS_NAMES = ("t-shirt/top", "trouser", "pullover", "dress", "coat",
               "sandal", "shirt", "sneaker", "bag", "ankle boot")


class FashionMNIST(NamedTuple):
    """Hold the training and test images and their labels as NumPy arrays.

    Images are uint8, of shape (examples, 28, 28), read-only, and range from 0
    (background) to 255. Labels are int32, of shape (examples,), and are indices
    into ``CLASS_NAMES``. Source: Xiao, Rasul, and Vollgraf (2017),
    arXiv:1708.07747.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray

    def __repr__(self) -> str:
        arrays = (f"{name} {array.shape} {array.dtype}"
                  for name, array in zip(self._fields, self))
        return (f"FashionMNIST: {len(self.X_train):,} training and "
                f"{len(self.X_test):,} test images\n  " + "\n  ".join(arrays))


def fashion_mnist(
    directory: str | os.PathLike | None = None,
    *,
    mirrors: Sequence[str] = MIRRORS,
    patience: float = PATIENCE,
) -> FashionMNIST:
    """Load Fashion-MNIST from this machine, or download it into a cache.

    If `directory` or the environment variable D2L_EXTRAS_DATA names a directory,
    look only there. Otherwise, look in the user's cache directory and in the
    folder of Debian's package dataset-fashion-mnist. Then try `mirrors`, each
    the URL of a folder, and finally fetch the Debian package with apt, without
    installing it. If the network does not respond, give up after about
    `patience` seconds in total.

    Files may be compressed (.gz) or not. The SHA-256 of every uncompressed file
    is checked. Raises DatasetNotAvailable if no source has an intact copy.
    """
    found = find_files(directory, mirrors, patience)
    X_train, y_train, X_test, y_test = (
        decode_idx(found[name].data, name) for name in FILES)
    return FashionMNIST(X_train, y_train.astype(np.int32),
                        X_test, y_test.astype(np.int32))


def scale_pixels(images: np.ndarray) -> np.ndarray:
    """Scale uint8 images to float32, so that 0 becomes 0.0 and 255 exactly 1.0."""
    return images / np.float32(255)


def text_labels(y: Iterable[Any]) -> list[str]:
    """Return the class names for integer labels in an array of any framework.

    `y` has shape (examples,). Raises ValueError if a label is not between 0 and 9.
    """
    labels = [int(label) for label in y]
    for label in labels:
        if not 0 <= label < len(CLASS_NAMES):
            raise ValueError(f"there is no class {label}; pass labels "
                             f"from 0 to {len(CLASS_NAMES) - 1}")
    return [CLASS_NAMES[label] for label in labels]


def decode_idx(data: bytes, name: str = "data") -> np.ndarray:
    """Decode the bytes of an idx file into a read-only uint8 array.

    The header consists of two zero bytes, an 8 for uint8, the number of
    dimensions, and each dimension as a big-endian uint32. Raises ValueError if
    the header is not of this form or does not match the length. Source: LeCun,
    Cortes, and Burges, the MNIST database.
    """
    start = 4 + 4 * int.from_bytes(data[3:4], "big")
    if data[:3] != b"\0\0\x08" or not 4 < start <= len(data):
        raise ValueError(f"{name}: not an idx file of unsigned bytes. It should "
                         "begin with 00 00 08, the number of dimensions, and "
                         f"the dimensions, but it begins with "
                         f"{data[:4].hex(' ')} or ends within the header")
    shape = tuple(np.frombuffer(data[4:start], ">u4").tolist())
    if start + math.prod(shape) != len(data):
        raise ValueError(f"{name}: the header gives the shape {shape}, for which "
                         f"the file needs {start + math.prod(shape)} bytes, but "
                         f"it has {len(data)}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def main() -> int:
    """Print where each file is, and return 1 if the dataset is not available."""
    try:
        found = find_files()
    except DatasetNotAvailable as error:
        print(error, file=sys.stderr)
        return 1
    for name, file in found.items():
        print(f"{name}: {file.source}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
