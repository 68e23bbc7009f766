"""Each framework's data loaders behave as their docstrings say.

Each test runs in a framework's own environment, against the loaders that use
NumPy.
"""

import json
import re

import pytest
from support import ROOT, pages

MAKE = {
    "mxnet": "import mxnet\nmake = mxnet.np.array",
    "tensorflow": "import tensorflow\nmake = tensorflow.constant",
    "pytorch": "import torch\nmake = lambda array, dtype=None: torch.tensor(array)",
    "jax": "import jax\nmake = jax.numpy.array",
}
COMPARE = """
import itertools, numpy as np
from d2l_extras import minibatches, to_numpy
from d2l_extras.{framework} import Minibatches
{make}
minibatches.AT_ONCE = 7000
X = np.arange(20_000, dtype="float32").reshape(10_000, 2)
y = np.arange(10_000, dtype="int32")
for size, shuffle in itertools.product((10, 3000, 5000, 20_000), (True, False)):
    more = dict(batch_size=size, shuffle=shuffle, seed=1)
    own = Minibatches(make(X, dtype="float32"), make(y, dtype="int32"), **more)
    plain = minibatches.Minibatches(X, y, **more)
    for _ in range(2):
        for minibatch, expected in zip(own, plain, strict=True):
            for one, other in zip(minibatch, expected, strict=True):
                one = to_numpy(one)
                assert one.dtype == other.dtype and np.array_equal(one, other)
for shuffle in (True, False):
    none = make(np.zeros((0, 2), "float32"))
    assert not list(Minibatches(none, batch_size=10, shuffle=shuffle))
print("the same minibatches")
"""
LOAD = """
import json, numpy as np
from d2l_extras import minibatches, to_numpy
from d2l_extras.fashion_mnist import fashion_mnist
from d2l_extras.{framework} import load_fashion_mnist, try_gpu

full = fashion_mnist()


def load(seed):
    train, test = load_fashion_mnist(9000, try_gpu(), seed)
    return [[[to_numpy(array) for array in minibatch] for minibatch in loader]
            for loader in (train, train, test)]


def join(epoch):
    return [np.concatenate(arrays) for arrays in zip(*epoch)]


def equal(one, other):
    return all(map(np.array_equal, join(one), join(other)))


first, second, test = load(seed=1)
again, _, _ = load(seed=1)
another, _, _ = load(seed=2)
X, y = join(first)
numpys = minibatches.Minibatches(
    full.X_train / np.float32(255), full.y_train,
    batch_size=9000, shuffle=True, seed=1)
print(json.dumps({{
    "range": [float(X.min()), float(X.max())],
    "dtypes": sorted({{f"{{X.dtype}} {{y.dtype}}" for X, y in first + test}}),
    "train shapes": [[X.shape, y.shape] for X, y in first],
    "test shapes": [[X.shape, y.shape] for X, y in test],
    "test set in order": [
        np.array_equal(join(test)[0], full.X_test / np.float32(255)),
        np.array_equal(join(test)[1], full.y_test)],
    "order of NumPy's loader": equal(first, numpys),
    "same seed, same order": equal(first, again),
    "second epoch, same order": equal(first, second),
    "other seed, same order": equal(first, another),
}}))
"""


@pytest.fixture(scope="module", params=MAKE)
def loaded(request, tmp_path_factory):
    """Return what a framework's `load_fashion_mnist` yields for the whole dataset."""
    framework = request.param
    folder = tmp_path_factory.mktemp(framework)
    script = LOAD.format(framework=framework)
    found = json.loads(pages.run(framework, script, folder, []))
    return {"framework": framework, **found}


def test_pixels_range_from_0_to_exactly_1(loaded):
    assert loaded["range"] == [0, 1]


def test_images_are_float32_and_labels_are_integers(loaded):
    integers = "int64" if loaded["framework"] == "pytorch" else "int32"
    assert loaded["dtypes"] == [f"float32 {integers}"]


def test_all_minibatches_but_the_last_have_the_requested_size(loaded):
    sizes = {"train": [9000] * 6 + [6000], "test": [9000, 1000]}
    for name, expected in sizes.items():
        assert loaded[f"{name} shapes"] == [
            [[size, 28, 28], [size]] for size in expected]


def test_the_test_set_keeps_its_order(loaded):
    assert loaded["test set in order"] == [True, True]


def test_training_images_come_with_their_labels_in_the_order_of_numpy(loaded):
    assert loaded["order of NumPy's loader"]


def test_the_same_seed_repeats_the_order(loaded):
    assert loaded["same seed, same order"]


def test_each_epoch_and_each_seed_has_its_own_order(loaded):
    assert not loaded["second epoch, same order"]
    assert not loaded["other seed, same order"]


@pytest.mark.parametrize("framework", MAKE)
def test_every_framework_yields_the_same_minibatches_as_numpy(
        framework, tmp_path):
    script = COMPARE.format(framework=framework, make=MAKE[framework])
    printed = pages.run(framework, script, tmp_path, [])
    assert printed == "the same minibatches\n"


# A copy from NumPy makes MXNet wait for every pending computation.
COPIES = """
from d2l_extras.mxnet import Minibatches, mx
X, y = mx.np.zeros((10_000, 2)), mx.np.zeros(10_000)
batches = Minibatches(X, y, batch_size=10, shuffle=True)
array, copied = mx.np.array, []
mx.np.array = lambda *given, **more: copied.append(1) or array(*given, **more)
print([sum(1 for _ in batches) for _ in range(2)], len(copied))
"""


def test_mxnet_copies_nothing_to_the_device_between_minibatches(tmp_path):
    printed = pages.run("mxnet", COPIES, tmp_path, [])
    assert printed == "[1000, 1000] 2\n"


# The frameworks' own loaders, as the page shows them, without their downloads.
FILES = """
import gzip, json, os, sys
import numpy as np
os.environ["MXNET_HOME"] = os.getcwd()
from d2l_extras import to_numpy
from d2l_extras.fashion_mnist import fashion_mnist
full, space = fashion_mnist(), {}


def local(name, *_, **__):
    images, labels = full[:2] if "train" in name else full[2:]
    size = len(labels).to_bytes(4, "big")
    header = bytes((0, 0, 8, 1)) + size, bytes((0, 0, 8, 3)) + size + bytes(8)
    array = labels if "labels" in name else images
    path = os.path.basename(name)
    with gzip.open(path, "wb", 1) as file:
        file.write(header["images" in name] + array.astype("uint8").tobytes())
    return path


def same(one, other):
    return np.array_equal(to_numpy(one).squeeze(), other)

"""
OWN = {
    "mxnet": FILES + """
import d2l_extras.mxnet
from mxnet.gluon.data.vision import datasets
datasets.download = local
exec(json.loads(sys.argv[1])[0], space)
assert space["image"].shape == (28, 28, 1) and space["image"].dtype == np.uint8
assert same(space["image"], full.X_train[0])
assert int(space["label"]) == full.y_train[0]
assert same(space["images"], full.X_train)
assert same(space["labels"], full.y_train)
assert same(space["test"][:][0], full.X_test)
assert same(space["test"][:][1], full.y_test)
print("the same arrays")
""",
    "tensorflow": FILES + """
import keras
from keras.src.datasets import fashion_mnist as module
module.get_file = local
exec(json.loads(sys.argv[1])[0], space)
for name in full._fields:
    assert space[name].dtype == np.uint8 and same(space[name], getattr(full, name))
print("the same arrays")
""",
}


@pytest.mark.parametrize("framework", OWN)
def test_the_frameworks_own_loader_returns_the_same_arrays(framework, tmp_path):
    page = (ROOT / "chapters" / f"{pages.DATASET}.md").read_text("utf-8")
    shown = re.findall(rf":sync: {framework}\n\n```python\n(.*?)```", page, re.DOTALL)
    assert len(shown) == 1
    assert pages.run(framework, OWN[framework], tmp_path, shown) == "the same arrays\n"
