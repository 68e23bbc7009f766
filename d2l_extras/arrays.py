"""Convert the arrays of any framework to NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_numpy(array: Any) -> np.ndarray:
    """Convert an array of any framework, on any device, to a NumPy array.

    Shape and dtype do not change, and memory may be shared. Lists, tuples, and
    numbers are converted as by `numpy.asarray`.
    """
    if hasattr(array, "asnumpy"):  # MXNet
        array = array.asnumpy()
    elif hasattr(array, "detach"):  # PyTorch; the others follow NumPy's protocol
        array = array.detach().cpu()
    return np.asarray(array)
