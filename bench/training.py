"""Measure the seconds per epoch of softmax regression, implemented in several ways.

    python -m bench.training [--turns N]

An epoch reads 60,000 images in minibatches of 256. For each framework, we time the
loop that the pages teach, the same loop over minibatches that are prepared
beforehand, the ways that the framework's own guides recommend, and D2L's loader. For
comparison, we time plain NumPy and the memory accesses alone.

The taught loop runs in its own process, as in a notebook. Every turn starts new
processes, because speed depends on how a process's memory happens to be laid out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from bookbuild import frameworks

from . import ROOT
from .measurements import Part, alternate

EPOCHS = 5  # timed epochs per way and process, after one to warm up
LONG = 2  # an epoch of more seconds than this is timed once

# The model, the loss, the optimizer, and the epoch that the pages teach, on all
# training images. `wait` returns when all arrays have been computed.
LOOPS = {
    "mxnet": """
from d2l_extras.mxnet import load_fashion_mnist, summary, try_gpu
import mxnet as mx
from mxnet import autograd, gluon, init, npx
npx.set_np()
device = try_gpu()
wait = npx.waitall
loss_fn = gluon.loss.SoftmaxCrossEntropyLoss()

def make_model():
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Flatten(), gluon.nn.Dense(10, in_units=784))
    net.initialize(init.Normal(sigma=0.01), ctx=device)
    net.hybridize()
    return net

def make_optimizer(net):
    return gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})

def train_epoch(net, optimizer, batches):
    loss_sum = hits = 0
    for X, y in batches:
        with autograd.record():
            logits = net(X)
            losses = loss_fn(logits, y)
        losses.backward()
        optimizer.step(len(y))
        loss_sum += losses.sum()
        hits += (logits.argmax(axis=1).astype(y.dtype) == y).sum()
    return float(loss_sum), float(hits)
""",
    "tensorflow": """
from d2l_extras.tensorflow import load_fashion_mnist, summary, try_gpu
import keras
import tensorflow as tf
from keras import layers
device = try_gpu()
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

def wait():
    pass

def make_model():
    normal = keras.initializers.RandomNormal(stddev=0.01)
    return keras.Sequential([
        keras.Input(shape=(28, 28)), layers.Flatten(),
        layers.Dense(10, kernel_initializer=normal)])

def make_optimizer(net):
    return keras.optimizers.SGD(0.1)

@tf.function
def train_step(net, optimizer, X, y):
    with tf.GradientTape() as tape:
        logits = net(X)
        loss = loss_fn(y, logits)
    weights = net.trainable_variables
    optimizer.apply(tape.gradient(loss, weights), weights)
    right = tf.cast(tf.argmax(logits, axis=1), y.dtype) == y
    return loss, tf.reduce_sum(tf.cast(right, tf.int32))

def train_epoch(net, optimizer, batches):
    loss_sum = hits = 0
    for X, y in batches:
        loss, correct = train_step(net, optimizer, X, y)
        loss_sum += loss * len(y)
        hits += correct
    return float(loss_sum), float(hits)
""",
    "pytorch": """
from d2l_extras.pytorch import load_fashion_mnist, summary, try_gpu
import torch
from torch import nn, optim
device = try_gpu()
loss_fn = nn.CrossEntropyLoss()

def wait():
    if device.type == "cuda":
        torch.cuda.synchronize()

def make_model():
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    nn.init.normal_(net[1].weight, std=0.01)
    nn.init.zeros_(net[1].bias)
    return net.to(device)

def make_optimizer(net):
    return optim.SGD(net.parameters(), lr=0.1)

def train_epoch(net, optimizer, batches):
    loss_sum = hits = 0
    for X, y in batches:
        optimizer.zero_grad()
        logits = net(X)
        loss = loss_fn(logits, y)
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach() * len(y)
        hits += (logits.argmax(dim=1) == y).sum()
    return float(loss_sum), float(hits)
""",
    "jax": """
from d2l_extras.jax import load_fashion_mnist, summary, try_gpu
import jax
import optax
from flax import nnx
device = try_gpu()

def wait():
    jax.block_until_ready(jax.numpy.zeros(1, device=device) + 1)

class Classifier(nnx.Module):
    def __init__(self, rngs):
        normal = nnx.initializers.normal(0.01)
        self.dense = nnx.Linear(784, 10, kernel_init=normal, rngs=rngs)

    def __call__(self, X):
        return self.dense(X.reshape(len(X), -1))

def make_model():
    return Classifier(nnx.Rngs(0))

def make_optimizer(net):
    return nnx.Optimizer(net, optax.sgd(0.1), wrt=nnx.Param)

@nnx.jit
def train_step(net, optimizer, X, y):
    def loss_and_logits(net):
        logits = net(X)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, y)
        return losses.mean(), logits

    (loss, logits), grads = nnx.value_and_grad(
        loss_and_logits, has_aux=True)(net)
    optimizer.update(net, grads)
    return loss * len(y), (logits.argmax(axis=1) == y).sum()

def train_epoch(net, optimizer, batches):
    sums = [train_step(net, optimizer, X, y) for X, y in batches]
    loss_sum, hits = map(sum, zip(*sums))
    return float(loss_sum), float(hits)
""",
}
# A way is a generator that trains, or reads, for one epoch at a time.
BEFORE = """
import numpy as np
from d2l_extras.fashion_mnist import fashion_mnist

data = fashion_mnist()
batch_size = 256
train_set, _ = load_fashion_mnist(batch_size, device)

class Batches:
    '''Minibatches, each changed before it is used.'''

    def __init__(self, batches, change=lambda X, y: (X, y)):
        self.batches, self.change = batches, change

    def __iter__(self):
        return (self.change(X, y) for X, y in self.batches)

def training(batches):
    own = make_model()
    optimizer = make_optimizer(own)
    while True:
        train_epoch(own, optimizer, batches)
        yield

def reading(batches):
    while True:
        for X, y in batches:
            pass
        wait()
        yield
"""
TAUGHT = """
ways = {
    "taught": training(train_set),
    "bare": training(Batches(list(train_set))),
    "read": reading(train_set),
}
"""
OTHERS = {
    "mxnet": """
from d2l import mxnet as d2l
from mxnet.gluon.data import ArrayDataset, DataLoader, vision
from mxnet.gluon.data.vision.transforms import ToTensor

images = mx.np.array(data.X_train[..., None], dtype="uint8")
dataset = ArrayDataset(images, data.y_train).transform_first(ToTensor())
loader = DataLoader(dataset, batch_size, shuffle=True)

def from_here(self):
    self._data = mx.np.array(data.X_train[..., None], dtype="uint8")
    self._label = mx.np.array(data.y_train, dtype="int32")

vision.FashionMNIST._get_data = from_here  # it would download
d2l_loader = d2l.FashionMNIST(batch_size).get_dataloader(train=True)

def to_device(X, y):  # from the memory that its processes share
    return X.copyto(device), y.copyto(device)

ways = {
    "customary": training(Batches(loader)),
    "d2l": training(Batches(d2l_loader, to_device)),
    "read_d2l": reading(d2l_loader),
}
""",
    "tensorflow": """
from d2l import tensorflow as d2l

X = data.X_train.astype("float32") / 255
dataset = tf.data.Dataset.from_tensor_slices((X, data.y_train))
dataset = dataset.shuffle(len(X)).batch(batch_size).prefetch(tf.data.AUTOTUNE)

def fitting():
    own = make_model()
    own.compile(optimizer=make_optimizer(own), loss=loss_fn,
                metrics=["accuracy"])
    while True:
        own.fit(X, data.y_train, batch_size=batch_size, verbose=0)
        yield

keras.datasets.fashion_mnist.load_data = (  # it would download
    lambda: ((data.X_train, data.y_train), (data.X_test, data.y_test)))
d2l_loader = d2l.FashionMNIST(batch_size).get_dataloader(train=True)
ways = {
    "customary": fitting(),
    "pipeline": training(Batches(dataset)),
    "d2l": training(Batches(d2l_loader, lambda X, y: (X[..., 0], y))),
    "read_d2l": reading(d2l_loader),
}
""",
    "pytorch": """
from torch.utils.data import DataLoader, TensorDataset

X = torch.from_numpy(data.X_train.astype("float32") / 255)
dataset = TensorDataset(X, torch.from_numpy(data.y_train).long())
loader = DataLoader(dataset, batch_size, shuffle=True)
ways = {
    "customary": training(
        Batches(loader, lambda X, y: (X.to(device), y.to(device))))}
""",
    "jax": """
rng = np.random.default_rng(0)
X, y = data.X_train.astype("float32") / 255, data.y_train

class FromNumPy:
    def __iter__(self):
        order = rng.permutation(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            yield jax.device_put((X[rows], y[rows]), device)

ways = {"customary": training(FromNumPy())}
""",
}
# The names of the recommended ways in the report.
RECOMMENDED = {
    "mxnet": {"customary": "Gluon's `DataLoader` with `ToTensor`"},
    "tensorflow": {"customary": "Keras' `fit`", "pipeline": "`tf.data`"},
    "pytorch": {"customary": "`DataLoader` over tensors"},
    "jax": {"customary": "minibatches from NumPy"},
}
# Lower bounds, computed by one thread per processor. Any way to compute the products
# has to read every pixel at least once, as a 32-bit float. A loader that keeps 32-bit
# floats and shuffles single images has to move every image at least once.
NUMPY = """
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from d2l_extras.fashion_mnist import fashion_mnist
from bookbuild.executor import cpus

data = fashion_mnist()
batch_size, learning_rate = 256, 0.1
images = (data.X_train.reshape(-1, 784) / 255).astype("float32")
labels = data.y_train
num_images = len(images)

def summary():
    return f"NumPy {np.__version__}"

def training():
    rng = np.random.default_rng(0)
    W = rng.normal(0, 0.01, (784, 10)).astype("float32")
    b = np.zeros(10, "float32")
    while True:
        order = rng.permutation(num_images)
        for start in range(0, num_images, batch_size):
            rows = order[start : start + batch_size]
            X, y = images[rows], labels[rows]
            P = X @ W + b
            P = np.exp(P - P.max(axis=1, keepdims=True))
            P /= P.sum(axis=1, keepdims=True)
            P[np.arange(len(y)), y] -= 1
            W -= learning_rate / len(y) * (X.T @ P)
            b -= learning_rate / len(y) * P.sum(axis=0)
        yield

def limit():
    parts = np.array_split(images, cpus())
    with ThreadPoolExecutor(len(parts)) as pool:
        while True:
            list(pool.map(np.max, parts))
            yield

def moving():
    order = np.random.default_rng(0).permutation(num_images)
    parts = [np.array_split(a, cpus()) for a in (order, np.empty_like(images))]
    with ThreadPoolExecutor(cpus()) as pool:
        while True:
            list(pool.map(lambda rows, out: images.take(rows, 0, out, "clip"), *parts))
            yield

ways = {"epoch": training(), "limit": limit(), "moving": moving()}
"""
# Runs in the framework's environment. It reads the cells as JSON, and then the names of
# ways, one per line. For each way, it trains for an epoch and prints the seconds.
SERVE = """
import contextlib, json, sys, time
answer, space = sys.stdout, {}
with contextlib.redirect_stdout(sys.stderr):
    for cell in json.loads(sys.stdin.readline()):
        exec(cell, space)
    print(json.dumps([space["summary"](), *space["ways"]]), file=answer, flush=True)
    for name in sys.stdin:
        start = time.perf_counter()
        next(space["ways"][name.strip()])
        seconds = time.perf_counter() - start
        print(json.dumps(seconds), file=answer, flush=True)
"""


class Worker:
    """Run a process that trains for one epoch per request.

    `summary` describes its library, and `ways` lists the ways that it supports.
    Raises SystemExit with the errors of the process if it fails.
    """

    def __init__(self, python: Path, cells: list[str], **more: str) -> None:
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [python, "-c", SERVE],
            cwd=ROOT,
            env={**os.environ, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.summary, *self.ways = self._ask(json.dumps(cells))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def epoch(self, way: str) -> float:
        """Train for one epoch, and return its duration in seconds."""
        return self._ask(way)

    def _ask(self, line: str) -> object:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        if answer := self.process.stdout.readline():
            return json.loads(answer)
        self.errors.seek(0)
        raise SystemExit(
            f"The training in {self.process.args[0]} failed:\n{self.errors.read()}"
        )


def programs(framework: str) -> list[str]:
    """Return the code that each process of a framework runs.

    The first one times the taught loop. The second one, if there is one, times
    the other ways.
    """
    ways = [TAUGHT, *filter(None, [OTHERS.get(framework)])]
    return [LOOPS[framework] + BEFORE + code for code in ways]


def median_epochs(worker: Worker, turn: int) -> dict[str, float]:
    """Return the median seconds of an epoch for each way of a process."""
    seconds: dict[str, list[float]] = {way: [] for way in worker.ways}
    for way in worker.ways:  # to warm up
        worker.epoch(way)
    for number in range(turn, turn + EPOCHS):
        for way in alternate(number, worker.ways):
            if not seconds[way] or seconds[way][0] < LONG:
                seconds[way].append(worker.epoch(way))
    return {way: statistics.median(times) for way, times in seconds.items()}


def measure(part: Part, turns: int) -> None:
    """Train in all ways, and add their seconds as "framework.way"."""
    processes = [
        (name, ROOT / ".envs" / framework.kernel / "bin" / "python", [code], {})
        for name, framework in frameworks.used(ROOT).items()
        if framework.available and name in LOOPS
        for code in programs(name)
    ]
    # A second thread slows down products of matrices as thin as these.
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    processes.append(("numpy", Path(sys.executable), [NUMPY], one_thread))
    libraries = dict.fromkeys(name for name, *_ in processes)
    for turn in range(turns):
        for name, python, code, variables in alternate(turn, processes):
            with Worker(python, code, **variables) as worker:
                libraries[name] = worker.summary
                for way, seconds in median_epochs(worker, turn).items():
                    part.add(f"{name}.{way}", seconds)
                    print(
                        f"  {f'{name}.{way}':28} {seconds:9.3f} s", flush=True
                    )
    part.notes["libraries"] = list(libraries.values())
    part.notes["recommended"] = {
        name: ways for name, ways in RECOMMENDED.items() if name in libraries
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.training")
    parser.add_argument(
        "--turns", type=int, default=5, help="how often to repeat it"
    )
    options = parser.parse_args(arguments)
    part = Part("training")
    measure(part, options.turns)
    part.save()


if __name__ == "__main__":
    main()
