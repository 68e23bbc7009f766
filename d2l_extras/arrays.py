"""NumPy arrays from the arrays of any framework."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_numpy(array: Any) -> np.ndarray:
    """Return an array of any framework, on any device, as a NumPy array.

    Shape and dtype stay as they are, and memory may be shared. Lists, tuples
    and numbers are taken as `numpy.asarray` takes them.
    """
    if hasattr(array, "asnumpy"):  # MXNet; others follow NumPy's protocol
        array = array.asnumpy()
    return np.asarray(array)
