"""MXNet can be imported with any supported Python and NumPy."""

import pytest
from support import pages
from support.colab import grid

ASKED = """
import sys
import numpy as np
asked, look_up = set(), np.__getattr__
def note(name):
    if "mxnet" in sys._getframe(1).f_code.co_filename:
        asked.add(name)
        return numpy_names.NAMES[name]
    return look_up(name)
from d2l_extras.colab import numpy_names
missing = set(numpy_names.missing())
np.__getattr__ = note
import mxnet
print(sorted(asked) == sorted(missing), sorted(asked ^ missing))
"""
HALF = """
try:
    import mxnet
except Exception:
    import sys
    print(any(name.startswith("mxnet.") for name in sys.modules))
import d2l_extras.mxnet, mxnet as mx, numpy
print(mx.np.ones(2).sum(), hasattr(numpy, "NINF"))
"""


def test_mxnet_looks_up_exactly_the_names_that_numpy_lacks(tmp_path):
    assert pages.run("mxnet", ASKED, tmp_path, []) == "True []\n"


def test_mxnet_can_be_imported_after_a_failed_import(tmp_path):
    printed = pages.run("mxnet", HALF, tmp_path, [])
    assert printed.split() == ["True", "2.0", "False"]


@pytest.mark.parametrize(
    ("python", "numpy"), [("3.11", "1.26.4"), ("3.13", "2.4.0")]
)
def test_the_cells_run_with_the_oldest_and_the_newest_python_and_numpy(python, numpy):
    # The whole grid: make grid.
    if not pages.FRAMEWORKS["mxnet"].available:
        pytest.skip("MXNet has no wheel for this machine")
    if not grid.has(python):
        pytest.skip(f"there is no Python {python} on this machine")
    assert grid.run(grid.build(python, numpy)) == ""
