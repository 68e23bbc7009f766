"""`to_numpy` converts arrays of any framework."""

from types import SimpleNamespace

import numpy as np

from d2l_extras import to_numpy


def test_an_array_is_returned_as_it_is():
    array = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert to_numpy(array) is array


def test_an_mxnet_array_is_converted_by_its_own_method():
    array = np.array([0.5], np.float32)
    assert to_numpy(SimpleNamespace(asnumpy=lambda: array)) is array


def test_lists_tuples_and_numbers_become_arrays():
    assert to_numpy([(1, 2), (3, 4)]).tolist() == [[1, 2], [3, 4]]
    assert to_numpy(2.5).shape == ()
