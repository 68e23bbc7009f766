"""Restore the removed names of NumPy and Python that MXNet 1.9.1 still imports.

MXNet was archived in 2023. Importing it looks up names that NumPy has since
removed, and a module that Python has removed. `restored` puts them back during
that import and removes them afterwards. MXNet keeps them in its own view of
NumPy, and all other code sees the original NumPy. If nothing is missing, nothing
is changed.

Source: the release notes of NumPy 1.20, 1.24, 2.0, and 2.4, and PEP 632.
"""

from __future__ import annotations

import builtins
import importlib.util
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def _msort(a: Any) -> np.ndarray:
    return np.sort(a, axis=0)


def _in1d(ar1: Any, ar2: Any, **options: Any) -> np.ndarray:
    return np.isin(np.ravel(ar1), ar2, **options)


def _gone(name: str) -> Callable:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"NumPy {np.__version__} has no {name}; use the package "
            "numpy-financial"
        )

    function.__name__ = name
    return function


# Removed in NumPy 1.24 because it was only another name for Python's own type.
# NumPy 2 uses the name again, for its own Boolean type.
ALIASES = {"bool": builtins.bool}
# Alternative spellings of constants, removed in NumPy 2.0.
CONSTANTS = {
    "Inf": np.inf, "PINF": np.inf, "NINF": -np.inf,
    "NAN": np.nan, "NaN": np.nan, "PZERO": 0.0, "NZERO": -0.0,
}  # fmt: skip
# Functions that exist under another name, removed in NumPy 2.0 or, for the last
# two, in 2.4.
FUNCTIONS = {
    "alltrue": np.all, "sometrue": np.any, "product": np.prod,
    "round_": np.round, "msort": _msort, "in1d": _in1d,
    "trapz": getattr(np, "trapezoid", None),
}  # fmt: skip
# Moved to a separate package in NumPy 1.20. MXNet refers to these functions but
# never calls them.
FINANCIAL = {
    name: _gone(name) for name in ("mirr", "npv", "pmt", "ppmt", "pv", "rate")
}
NAMES = {**ALIASES, **CONSTANTS, **FUNCTIONS, **FINANCIAL}


class Version(tuple):
    """Compare versions such as "2.4.0" by their numbers.

    Replaces both classes of distutils.version, which Python 3.12 removed.
    """

    def __new__(cls, text: str) -> Version:
        """Return the version made of the numbers at the start of `text`."""
        numbers = re.match(r"\d+(?:\.\d+)*", text).group()
        return super().__new__(cls, map(int, numbers.split(".")))


class View(types.ModuleType):
    """Act as NumPy with additional names, and look up all others in NumPy."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def missing() -> dict[str, Any]:
    """Return the entries of NAMES that this version of NumPy lacks."""
    return {name: value for name, value in NAMES.items() if not _has(name)}


def _has(name: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are deprecated
        try:
            getattr(np, name)
        except Exception:  # versions of NumPy differ in what they raise
            return False
    return True


@contextmanager
def restored(package: str = "mxnet") -> Iterator[None]:
    """Restore the missing names while the block imports `package`.

    Afterwards, the modules of the package see them, but no other module does.
    Modules left behind by an earlier, failed import are removed first, because
    Python would treat them as complete.
    """
    prefix = f"{package}."
    if package not in sys.modules:
        for name in [name for name in sys.modules if name.startswith(prefix)]:
            del sys.modules[name]
    names, modules = missing(), _distutils()
    vars(np).update(names)
    sys.modules.update(modules)
    try:
        with warnings.catch_warnings():
            # Since 3.12, Python warns about backslashes in MXNet's docstrings.
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for name in names:
            del vars(np)[name]
        for name in modules:
            del sys.modules[name]
    if names:
        view = View("numpy", np.__doc__)
        vars(view).update(names)
        for name, module in list(sys.modules.items()):
            if name == package or name.startswith(prefix):
                _rebind(module, view)


def _distutils() -> dict[str, types.ModuleType]:
    """Return a replacement for distutils.version, if Python has none."""
    if importlib.util.find_spec("distutils") is not None:
        return {}
    package = types.ModuleType("distutils")
    module = types.ModuleType("distutils.version")
    module.LooseVersion = module.StrictVersion = Version
    package.version = module
    return {"distutils": package, "distutils.version": module}


def _rebind(module: types.ModuleType, view: View) -> None:
    """Replace NumPy with the view in the namespace of a module."""
    for name, value in list(vars(module).items()):
        if value is np:
            setattr(module, name, view)
