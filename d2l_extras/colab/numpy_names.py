"""The names that MXNet 1.9.1 needs from NumPy and Python, but that were removed.

MXNet was archived in 2023. During its import it looks up names that NumPy has
since removed, and a module that Python has removed. `restored` puts them back
for that import and takes them away afterwards. MXNet keeps them in a view of
NumPy of its own, and all other code sees NumPy as it was. If nothing is missing,
nothing is done.

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
            f"NumPy {np.__version__} has no {name}: the package "
            "numpy-financial has"
        )

    function.__name__ = name
    return function


# Removed in NumPy 1.24 because it was only another name of Python's own type.
# NumPy 2 uses the name again, for its own boolean type.
ALIASES = {"bool": builtins.bool}
# Removed in NumPy 2.0: second spellings of constants.
CONSTANTS = {
    "Inf": np.inf, "PINF": np.inf, "NINF": -np.inf,
    "NAN": np.nan, "NaN": np.nan, "PZERO": 0.0, "NZERO": -0.0,
}  # fmt: skip
# Removed in NumPy 2.0, and the last two in 2.4: functions that exist under
# another name.
FUNCTIONS = {
    "alltrue": np.all, "sometrue": np.any, "product": np.prod,
    "round_": np.round, "msort": _msort, "in1d": _in1d,
    "trapz": getattr(np, "trapezoid", None),
}  # fmt: skip
# Moved to a package of their own in NumPy 1.20. MXNet mentions but never calls them.
FINANCIAL = {
    name: _gone(name) for name in ("mirr", "npv", "pmt", "ppmt", "pv", "rate")
}
NAMES = {**ALIASES, **CONSTANTS, **FUNCTIONS, **FINANCIAL}


class Version(tuple):
    """A version such as "2.4.0", compared by its numbers.

    It replaces both classes of distutils.version, which Python 3.12 removed.
    """

    def __new__(cls, text: str) -> Version:
        """Return the version with the numbers that `text` begins with."""
        numbers = re.match(r"\d+(?:\.\d+)*", text).group()
        return super().__new__(cls, map(int, numbers.split(".")))


class View(types.ModuleType):
    """NumPy with further names. All others are looked up in NumPy."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def missing() -> dict[str, Any]:
    """Return the names of NAMES that this NumPy lacks, with what replaces them."""
    return {name: value for name, value in NAMES.items() if not _has(name)}


def _has(name: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are deprecated
        try:
            getattr(np, name)
        except Exception:  # the versions differ in what they raise
            return False
    return True


@contextmanager
def restored(package: str = "mxnet") -> Iterator[None]:
    """Restore the missing names while `package` is imported in the block.

    Afterwards, the modules of the package see them, and no other module does.
    Modules that an earlier, failed import has left behind are removed first,
    because Python would take them for complete.
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
            # Since 3.12, Python warns about backslashes in its docstrings.
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
    """Replace NumPy by the view in the namespace of a module."""
    for name, value in list(vars(module).items()):
        if value is np:
            setattr(module, name, view)
