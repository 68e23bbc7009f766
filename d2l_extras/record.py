"""Results that the prose refers to by name."""

from __future__ import annotations

import math
import re
from typing import Any

from .arrays import to_numpy
from .notebook import display, is_batch

GLUE = "application/papermill.record/"  # what myst_nb.glue(display=False) uses
_recorded: set[str] = set()


def record(name: str, value: Any, format: str = "") -> None:
    """Show a result, and store it under `name` for the prose to refer to.

    `value` is a string, a number, or an array of one number, of any framework;
    `format` is a format specification, such as ".3f". Stored are the formatted
    text and, at full precision, the value. Where somebody works in the
    notebook, a name recorded again takes the new value; where a program
    executes it, that is a mistake. Raises ValueError for such a name, for one
    that is not in snake_case and for a number that is not finite, TypeError
    for a value of another kind.
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(
            f"{name!r} cannot name a result: use lower-case letters, digits "
            "and underscores, as in 'test_accuracy'"
        )
    if name in _recorded and is_batch():
        raise ValueError(
            f"the result {name!r} is recorded already: give each result of a "
            "notebook a name of its own"
        )
    scalar = _scalar(name, value)
    text = f"{scalar:{format}}"
    display({"text/plain": f"{name}: {text}"})
    # As a literal, or the glue would read 0.830 as 0.83 and 10,000 as (10, 0).
    display(
        {f"{GLUE}text/plain": repr(text)},
        metadata={
            "scrapbook": {"name": name, "mime_prefix": GLUE},
            "d2l_extras": {"name": name, "value": scalar, "text": text},
        },
    )
    _recorded.add(name)


def _scalar(name: str, value: Any) -> str | int | float:
    array = to_numpy(value)
    if array.size != 1:
        raise TypeError(
            f"the result {name!r} is an array of shape {array.shape}: record "
            "one number, such as an element of it or its mean"
        )
    scalar = array.item()
    if not isinstance(scalar, (str, int, float)):
        raise TypeError(
            f"the result {name!r} is of type {type(value).__name__}: record "
            "a number or a string"
        )
    if isinstance(scalar, float) and not math.isfinite(scalar):
        raise ValueError(
            f"the result {name!r} is {scalar}: find out where the computation "
            "broke before quoting it"
        )
    return scalar
