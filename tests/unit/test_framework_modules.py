"""The modules of the frameworks load small data as their docstrings say.

Each framework starts once, in its own environment, and reads twelve images in
place of Fashion-MNIST. tests/notebooks/test_loaders.py reads the real ones.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from support import pages

SCRIPT = """
import os, sys
import numpy as np
captured = os.open("stderr.txt", os.O_CREAT | os.O_WRONLY)
stderr = os.dup(2)
os.dup2(captured, 2)
from d2l_extras import {framework} as helper
os.write(2, b"after the import")
os.dup2(stderr, 2)
from d2l_extras import to_numpy
from d2l_extras.fashion_mnist import FashionMNIST

X = (np.arange(12 * 28 * 28) % 256).astype(np.uint8).reshape(12, 28, 28)
y = np.arange(12).astype(np.uint8)
helper.fashion_mnist = lambda: FashionMNIST(X, y, X[6::-1], y[6::-1])
device, seen = helper.try_gpu(), {{}}

def read(name, batches):
    pairs = [(to_numpy(X), to_numpy(y)) for X, y in batches]
    seen[name + "_sizes"] = [len(X) for X, _ in pairs]
    seen[name + "_X"], seen[name + "_y"] = map(np.concatenate, zip(*pairs))

train, test = helper.load_fashion_mnist(5, device)
read("train", train)
read("next_epoch", train)
read("test", test)
read("test_again", test)
read("same_seed", helper.load_fashion_mnist(5, device, seed=0)[0])
read("other_seed", helper.load_fashion_mnist(5, device, seed=1)[0])
read("whole", helper.load_fashion_mnist(12, device)[0])
read("exact", helper.load_fashion_mnist(4, device)[0])
seen["lengths"] = [len(train), len(test)]
np.savez("seen.npz", **seen, given_X=X, given_y=y)
print(helper.summary())
"""


@pytest.fixture(scope="session")
def of(tmp_path_factory):
    """Return a function that maps a framework's name to what was seen in it."""

    @cache
    def of(framework: str) -> dict:
        folder = tmp_path_factory.mktemp(framework)
        script = SCRIPT.format(framework=framework)
        printed = pages.run(framework, script, folder, [])
        seen = dict(np.load(folder / "seen.npz"))
        errors = (folder / "stderr.txt").read_text(encoding="utf-8")
        return {**seen, "printed": printed.splitlines(), "errors": errors}

    return of


@pytest.fixture(params=pages.USED)
def framework(request):
    return request.param


@pytest.fixture
def seen(of, framework):
    return of(framework)


def test_pixels_are_float32_from_0_for_white_to_1_for_black(seen):
    pixels = seen["test_X"]
    assert pixels.dtype == np.float32 and pixels.shape == (7, 28, 28)
    expected = seen["given_X"][6::-1] / np.float32(255)
    assert np.array_equal(pixels, expected)
    assert pixels.min() == 0 and pixels.max() == 1


def test_labels_have_their_type_and_stay_with_their_images(seen, framework):
    expected = np.int64 if framework == "pytorch" else np.int32
    for name in ("train", "next_epoch", "exact"):
        labels = seen[f"{name}_y"]
        assert labels.dtype == expected and labels.ndim == 1
        images = seen["given_X"][labels] / np.float32(255)
        assert np.array_equal(seen[f"{name}_X"], images)


def test_each_epoch_has_every_training_example_once_in_a_new_order(seen):
    orders = [seen[f"{name}_y"].tolist() for name in ("train", "next_epoch")]
    assert orders[0] != orders[1]
    for order in orders:
        assert order != sorted(order) == list(range(12))


def test_the_test_set_keeps_its_order(seen):
    for name in ("test", "test_again"):
        assert seen[f"{name}_y"].tolist() == [6, 5, 4, 3, 2, 1, 0]


def test_only_the_same_seed_gives_the_same_order(seen):
    assert np.array_equal(seen["train_y"], seen["same_seed_y"])
    assert not np.array_equal(seen["train_y"], seen["other_seed_y"])


def test_only_the_last_minibatch_is_smaller(seen):
    assert seen["train_sizes"].tolist() == [5, 5, 2]
    assert seen["test_sizes"].tolist() == [5, 2]
    assert seen["lengths"].tolist() == [3, 2]
    assert seen["exact_sizes"].tolist() == [4, 4, 4]
    assert seen["whole_sizes"].tolist() == [12]


def test_all_frameworks_shuffle_alike(of):
    first, *others = (of(framework) for framework in pages.USED)
    for other in others:
        assert np.array_equal(first["train_y"], other["train_y"])


def test_the_import_is_silent_and_leaves_the_standard_error_open(seen):
    assert seen["errors"] == "after the import"


def test_the_summary_names_version_and_device(seen, framework):
    label = pages.USED[framework].label
    device = r"([cg]pu\(\d+\)|[CG]PU:\d+|[cg]pu:\d+|cpu|cuda:\d+, the GPU .+)"
    pattern = rf"{label} \d+\.\d+\.\d+(\+\w+)? on {device}"
    assert re.fullmatch(pattern, seen["printed"][0])
