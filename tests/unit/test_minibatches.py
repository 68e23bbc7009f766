"""Minibatches behave as their docstring says, tested with NumPy.

The subclasses of the frameworks are tested in tests/notebooks/test_loaders.py.
"""

import numpy as np
import pytest

from d2l_extras.fashion_mnist import scale_pixels
from d2l_extras.minibatches import AT_ONCE, Minibatches


def test_pixels_are_scaled_to_float32_from_0_to_exactly_1():
    pixels = np.arange(256, dtype=np.uint8)
    scaled = scale_pixels(pixels)
    assert scaled.dtype == np.float32
    # Both divisions round correctly, so the results agree to the last bit.
    assert np.array_equal(scaled, (np.arange(256) / 255).astype(np.float32))
    assert scaled.min() == 0 and scaled.max() == 1


@pytest.mark.parametrize("shuffle", [False, True])
def test_minibatches_keep_the_dtypes_and_shapes_of_examples(shuffle):
    X = np.zeros((10, 28, 28), np.float32)
    y = np.zeros(10, np.int32)
    epoch = list(Minibatches(X, y, batch_size=4, shuffle=shuffle))
    assert [x.shape for x, _ in epoch] == [(n, 28, 28) for n in (4, 4, 2)]
    assert [y.shape for _, y in epoch] == [(4,), (4,), (2,)]
    assert {(x.dtype, y.dtype) for x, y in epoch} == {(X.dtype, y.dtype)}


@pytest.mark.parametrize("num_examples, sizes", [
    (7, [4, 3]), (8, [4, 4]), (9, [4, 4, 1]),
])
def test_only_the_last_minibatch_may_be_smaller(num_examples, sizes):
    batches = Minibatches(np.arange(num_examples), batch_size=4)
    assert [len(x) for (x,) in batches] == sizes
    assert len(batches) == len(sizes)


def test_without_a_seed_each_loader_has_its_own_order():
    def order():
        batches = Minibatches(np.arange(1000), batch_size=1000, shuffle=True)
        return [x.tolist() for (x,) in batches]

    assert order() != order()  # equal once in 1000! runs


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_yields_every_example_once_with_its_label(shuffle):
    X = np.arange(10)
    batches = Minibatches(X, X * 2, batch_size=4, shuffle=shuffle, seed=0)
    epoch = list(batches)
    assert len(epoch) == len(batches) == 3
    assert [len(x) for x, _ in epoch] == [4, 4, 2]
    seen, labels = map(np.concatenate, zip(*epoch))
    assert sorted(seen) == list(X)
    assert np.array_equal(labels, seen * 2)
    assert np.array_equal(seen, X) is not shuffle


def test_epochs_differ_but_the_same_seed_repeats_them():
    def epochs(seed):
        batches = Minibatches(np.arange(100), batch_size=32, shuffle=True,
                              seed=seed)
        return [[int(i) for (x,) in batches for i in x] for _ in range(3)]

    first, second, third = epochs(seed=1)
    assert first != second != third != first
    assert epochs(seed=1) == [first, second, third]
    assert epochs(seed=2)[0] != first


def test_an_unshuffled_epoch_copies_nothing():
    X = np.arange(10)
    assert all(np.shares_memory(x, X) for (x,) in Minibatches(X, batch_size=4))


def test_a_subclass_needs_to_override_only_place_gather_and_cut():
    class Tuples(Minibatches):
        def place(self, order):
            return order.tolist()

        def gather(self, array, indices):
            assert type(indices) is list
            return tuple(array[i] for i in indices)

        def cut(self, examples, size):
            assert size in (3, AT_ONCE // 3 * 3)
            return [list(examples[i : i + size])
                    for i in range(0, len(examples), size)]

    epoch = list(Tuples(range(5), batch_size=3, shuffle=True, seed=0))
    assert [len(x) for (x,) in epoch] == [3, 2]
    assert sorted(epoch[0][0] + epoch[1][0]) == [0, 1, 2, 3, 4]
    assert all(isinstance(x, list) for (x,) in epoch)


@pytest.mark.parametrize("batch_size, calls", [
    (1, [4096, 4096, 1808]),
    (10, [4090, 4090, 1820]),
    (256, [4096, 4096, 1808]),
    (1500, [3000, 3000, 3000, 1000]),
    (4500, [4500, 4500, 1000]),
    (15_000, [10_000]),
])
@pytest.mark.parametrize("shuffle", [False, True])
def test_one_call_gathers_several_whole_minibatches(
        shuffle, batch_size, calls):
    gathered = {28: [], 10_000: []}

    class Counting(Minibatches):
        def gather(self, array, indices):
            gathered[array.shape[-1]].append(len(array[indices]))
            return array[indices]

    y = np.arange(10_000)
    X = np.lib.stride_tricks.as_strided(y, (10_000, 28, 28), (8, 0, 0))
    epoch = list(Counting(X, y, batch_size=batch_size, shuffle=shuffle, seed=0))
    assert gathered[28] == calls, "images: several whole minibatches"
    assert gathered[10_000] == [10_000], "labels: all at once"
    assert {len(x) for x, _ in epoch[:-1]} <= {batch_size}
    assert sorted(np.concatenate([y for _, y in epoch])) == list(range(10_000))
    assert all(np.array_equal(x[:, 0, 0], y) for x, y in epoch)


@pytest.mark.parametrize("X", [np.zeros((0, 3)), np.zeros((4, 0))])
@pytest.mark.parametrize("shuffle", [False, True])
def test_empty_arrays_and_empty_examples_are_accepted(
        X, shuffle):
    epoch = list(Minibatches(X, batch_size=2, shuffle=shuffle))
    assert [x.shape for (x,) in epoch] == [(2, 0)] * (len(X) // 2)


def test_only_shuffled_epochs_place_an_order_and_each_does_so_once():
    placed = []

    class Placing(Minibatches):
        def place(self, order):
            placed.append(len(order))
            return order

    for shuffle in (True, False):
        batches = Placing(np.arange(10_000), batch_size=10, shuffle=shuffle)
        for _ in range(2):
            assert len(list(batches)) == 1000
    assert placed == [10_000, 10_000]


def test_a_minibatch_may_be_larger_than_the_dataset():
    batches = Minibatches(np.arange(3), batch_size=256)
    assert len(batches) == 1
    assert [x.tolist() for (x,) in batches] == [[0, 1, 2]]


def test_minibatches_print_their_sizes():
    batches = Minibatches(np.zeros(60_000), batch_size=256, shuffle=True)
    assert repr(batches) == (
        "Minibatches(60,000 examples in 235 minibatches of 256, shuffled)")


@pytest.mark.parametrize("arrays, batch_size, error, said", [
    ([np.zeros(3), np.zeros(4)], 2, ValueError, r"\[3, 4\].*same number"),
    ([], 2, TypeError, "no arrays"),
    ([np.float32(1)], 2, TypeError, "first axis"),
    ([np.zeros(3)], 0, ValueError, "at least 1, not 0"),
    ([np.zeros(3)], -2, ValueError, "at least 1, not -2"),
    ([np.zeros(3)], 2.0, TypeError, "whole number.*not 2.0"),
    ([np.zeros(3)], "2", TypeError, "whole number.*not '2'"),
    ([np.zeros(3)], True, TypeError, "whole number.*not True"),
])
def test_unusable_arguments_raise_an_error_that_says_what_to_pass(
        arrays, batch_size, error, said):
    with pytest.raises(error, match=said):
        Minibatches(*arrays, batch_size=batch_size)
