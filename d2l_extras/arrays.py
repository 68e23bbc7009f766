"""NumPy arrays from the arrays of any framework."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_numpy(array: Any) -> np.ndarray:
    """Copy an array of any framework from its device into a NumPy array.

    Shape and dtype stay as they are. Lists, tuples and numbers are taken as
    `numpy.asarray` takes them.
    """
    for method in ("asnumpy", "numpy"):  # MXNet's name, then the others'
        if hasattr(array, method):
            array = getattr(array, method)()
    return np.asarray(array)
