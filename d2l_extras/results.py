"""Results that the prose refers to by name."""

from __future__ import annotations

import math
import re
from typing import Any

from .arrays import to_numpy
from .ipython import display, is_batch

_recorded: set[str] = set()


def record(name: str, value: Any, format: str = "") -> None:
    """Show a result, and store it under `name` for the prose to refer to.

    `value` is a string, a number, or an array of any framework that contains
    one number. `format` is a format specification, such as ".3f". The output's
    metadata contain the formatted text and the value at full precision. In an
    interactive session, recording a name again replaces its value. In a batch
    execution, it is a mistake. Raises ValueError for such a name, for a name
    that is not in snake_case, and for a number that is not finite, and TypeError
    for any other kind of value.
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(
            f"{name!r} cannot name a result; use lower-case letters, digits, "
            "and underscores, as in 'test_accuracy'"
        )
    if name in _recorded and is_batch():
        raise ValueError(
            f"the result {name!r} has already been recorded; use a different "
            "name for each result of a notebook"
        )
    scalar = _scalar(name, value)
    text = f"{scalar:{format}}"
    kept = {"name": name, "value": scalar, "text": text}
    display({"text/plain": f"{name}: {text}"}, metadata={"d2l_extras": kept})
    _recorded.add(name)


def _scalar(name: str, value: Any) -> str | int | float:
    array = to_numpy(value)
    if array.size != 1:
        raise TypeError(
            f"the result {name!r} is an array of shape {array.shape}; record "
            "one number, such as an element or the mean"
        )
    scalar = array.item()
    if not isinstance(scalar, (str, int, float)):
        raise TypeError(
            f"the result {name!r} is of type {type(value).__name__}; record "
            "a number or a string"
        )
    if isinstance(scalar, float) and not math.isfinite(scalar):
        raise ValueError(
            f"the result {name!r} is {scalar}; find out where the computation "
            "went wrong before you quote it"
        )
    return scalar
