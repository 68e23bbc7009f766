"""Conversion of any framework's arrays to NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_numpy(array: Any) -> np.ndarray:
    """Return an array of any framework, on any device, as a NumPy array.

    Shape and dtype do not change, and memory may be shared. Lists, tuples, and
    numbers are converted as `numpy.asarray` does.
    """
    if hasattr(array, "asnumpy"):  # MXNet; others follow NumPy's protocol
        array = array.asnumpy()
    return np.asarray(array)
