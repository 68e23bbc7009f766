"""MXNet finds the names that it needs in any NumPy, and other code does not see them."""

import importlib
import sys

import numpy as np
import pytest

from d2l_extras.colab import numpy_names

# An old library, which uses one removed name when it is imported, another one when it
# runs, and a module that Python no longer has.
OLD = """
import numpy as onp
from distutils.version import LooseVersion
from . import part
lowest = onp.NINF
def kind(value):
    return isinstance(value, onp.bool)
def modern():
    return LooseVersion(onp.__version__) >= LooseVersion("1.17")
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Return the name of such a library, which can be imported but has not been."""
    folder = tmp_path / "oldlib"
    folder.mkdir()
    (folder / "__init__.py").write_text(OLD)
    (folder / "part.py").write_text("import numpy as np\nnone = np.PZERO\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(np, "__getattr__", absent)
    yield "oldlib"
    for name in [name for name in sys.modules if name.startswith("oldlib")]:
        del sys.modules[name]


def absent(name):
    raise AttributeError(name)


def test_only_the_old_library_sees_the_restored_names(library):
    before = set(vars(np))
    with numpy_names.restored(library):
        oldlib = importlib.import_module(library)
    assert set(vars(np)) == before
    assert oldlib.lowest == -np.inf and oldlib.part.none == 0
    assert oldlib.onp.PINF == oldlib.part.np.PINF == np.inf
    assert oldlib.kind(np.True_)
    assert oldlib.modern()
    assert oldlib.onp.ndarray is np.ndarray


def test_the_stand_in_for_distutils_is_removed_after_the_import(library, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        numpy_names.importlib.util,
        "find_spec",
        lambda name: None if name == "distutils" else find(name),
    )
    for name in [name for name in sys.modules if name.startswith("distutils")]:
        monkeypatch.delitem(sys.modules, name)
    with numpy_names.restored(library):
        importlib.import_module(library)
    assert "distutils" not in sys.modules
    assert "distutils.version" not in sys.modules


def test_a_failed_import_leaves_no_names_behind(library):
    before = set(vars(np))
    with pytest.raises(ZeroDivisionError), numpy_names.restored(library):
        1 / 0
    assert set(vars(np)) == before


def test_a_half_imported_package_is_imported_anew(library, monkeypatch):
    with pytest.raises((AttributeError, ImportError)):
        importlib.import_module(library)
    # The package is not in sys.modules, but a part of it may still be.
    sys.modules["oldlib.part"] = half = type(sys)("oldlib.part")
    with numpy_names.restored(library):
        oldlib = importlib.import_module(library)
    assert oldlib.part is not half and oldlib.part.none == 0


def test_numpy_is_untouched_when_no_name_is_missing(library, monkeypatch):
    for name, value in numpy_names.NAMES.items():
        if not hasattr(np, name):
            monkeypatch.setitem(vars(np), name, value)
    assert numpy_names.missing() == {}
    with numpy_names.restored(library):
        oldlib = importlib.import_module(library)
    assert oldlib.onp is np


def test_a_name_whose_lookup_raises_any_error_is_missing(monkeypatch):
    def raises(name):
        raise RuntimeError("expired")

    monkeypatch.setattr(np, "__getattr__", raises)
    assert "npv" in numpy_names.missing()


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("alltrue", ([1, 0],), False),
        ("sometrue", ([1, 0],), True),
        ("product", ([2, 3],), 6),
        ("round_", (2.75, 1), 2.8),
        ("msort", ([[3, 1], [2, 5]],), [[2, 1], [3, 5]]),
        ("in1d", ([[1, 2]], [2]), [False, True]),
        ("trapz", ([1.0, 2.0, 3.0],), 4.0),
    ],
)
def test_a_stand_in_computes_what_the_removed_function_did(name, arguments, expected):
    stand_in = numpy_names.FUNCTIONS[name] or getattr(np, name)
    assert np.array_equal(stand_in(*arguments), expected)


def test_a_moved_function_names_its_new_package():
    with pytest.raises(NotImplementedError, match="no npv.*numpy-financial"):
        numpy_names.FINANCIAL["npv"](0.1, [1, 2])


def test_versions_are_compared_by_their_numbers():
    version = numpy_names.Version
    assert version("2.10.0") > version("2.9") > version("1.26.4")
    assert version("2.4.0rc1") == version("2.4.0")
