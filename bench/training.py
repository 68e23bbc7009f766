"""Seconds an epoch of softmax regression, in several ways.

60,000 images in minibatches of 256: for each framework the loop as the page
teaches it, the same without a loader, its customary ways, and D2L's loader;
beside them plain NumPy, and what the memory allows. What the page teaches has
a process of its own, as a notebook has; and each turn has new processes, since
how fast one is depends on where its memory happens to lie. bench/rebuild.py
asks for it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bookbuild import frameworks, page as split

PAGE = "linear-networks/softmax-regression-concise"
LAST = "def train_epoch("
EPOCHS = 5  # that are timed of each way in a process, after one to warm up
LONG = 2  # seconds of an epoch that is timed once

# A way is a generator that trains, or reads, for one epoch at a time.
BEFORE = """
import numpy as np
from d2l_extras.data import fashion_mnist

data = fashion_mnist()

class Batches:
    '''What train_epoch wants of a loader: minibatches, and how many images.'''

    num_examples = train_set.num_examples

    def __init__(self, batches, change=lambda X, y: (X, y)):
        self.batches, self.change = batches, change

    def __iter__(self):
        return (self.change(X, y) for X, y in self.batches)

def training(batches):
    own = make_model()
    optimizer = make_optimizer(own, learning_rate)
    while True:
        train_epoch(own, loss_fn, optimizer, batches)
        yield

def reading(batches):
    while True:
        for X, y in batches:
            pass
        wait()
        yield
"""
OURS = """
ways = {
    "taught": training(train_set),
    "bare": training(Batches(list(train_set))),
    "read": reading(train_set),
}
"""
LIBRARY = {
    "mxnet": """
from d2l_extras.mxnet import summary

wait = mx.npx.waitall
""",
    "tensorflow": """
from d2l_extras.tensorflow import summary

def wait():
    pass
""",
}
THEIRS = {
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
ways = {
    "customary": training(Batches(loader)),
    "d2l": training(Batches(d2l_loader)),
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
    own.compile(optimizer=make_optimizer(own, learning_rate), loss=loss_fn,
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
}
# What the customary ways are called.
CUSTOMARY = {
    "mxnet": {"customary": "Gluon's `DataLoader` with `ToTensor`"},
    "tensorflow": {"customary": "Keras' `fit`", "pipeline": "`tf.data`"},
    "numpy": {},
}
# Two things that take as long as the memory does, by as many threads as there
# are processors. Reading each pixel once, as a 32-bit float: no way to compute
# the products can take less. Moving each image to another place: no loader that
# keeps 32-bit floats and shuffles images can take less.
NUMPY = """
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from d2l_extras.data import fashion_mnist
from bookbuild.build import cpus

data = fashion_mnist()
batch_size, learning_rate = 256, 0.1
images = (data.X_train.reshape(-1, 784) / 255).astype("float32")
labels = data.y_train
num_images = len(images)
device = None

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
# Runs in the framework's environment: the cells come in as JSON, then the
# name of a way for each epoch that is wanted; its seconds go out.
SERVE = """
import contextlib, json, sys, time
answer, space = sys.stdout, {}
with contextlib.redirect_stdout(sys.stderr):
    for cell in json.loads(sys.stdin.readline()):
        exec(cell, space)
    device = space["device"]
    computing = hasattr(device, "__enter__")
    with device if computing else contextlib.nullcontext():
        told = [space["summary"](), *space["ways"]]
        print(json.dumps(told), file=answer, flush=True)
        for name in sys.stdin:
            start = time.perf_counter()
            next(space["ways"][name.strip()])
            seconds = time.perf_counter() - start
            print(json.dumps(seconds), file=answer, flush=True)
"""


class Worker:
    """A process that trains on demand: `summary` of its library, its `ways`.

    Raises SystemExit with what it said if it fails.
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

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def epoch(self, way: str) -> float:
        """Seconds of an epoch."""
        return self._ask(way)

    def _ask(self, line: str) -> object:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        if answer := self.process.stdout.readline():
            return json.loads(answer)
        self.errors.seek(0)
        raise SystemExit(f"The training failed:\n{self.errors.read()}")


def cells(framework: str) -> list[list[str]]:
    """What a framework's processes run: the page's cells, and some ways."""
    page = split.read(
        ROOT / "chapters" / f"{PAGE}.md", PAGE, frameworks.load(ROOT)
    )
    sources = [cell.source for cell in page.code(framework)]
    end = [LAST in source for source in sources].index(True)
    before = [*sources[: end + 1], LIBRARY[framework], BEFORE]
    return [[*before, ways] for ways in (OURS, THEIRS[framework])]


def rounds(worker: Worker, turn: int) -> dict[str, float]:
    """Seconds of an epoch for each way of a process: the median of EPOCHS."""
    seconds: dict[str, list[float]] = {way: [] for way in worker.ways}
    for way in worker.ways:  # to warm up
        worker.epoch(way)
    for number in range(turn, turn + EPOCHS):
        # The other way round each time: nobody always comes first.
        for way in worker.ways[:: -1 if number % 2 else 1]:
            if not seconds[way] or seconds[way][0] < LONG:
                seconds[way].append(worker.epoch(way))
    return {way: statistics.median(times) for way, times in seconds.items()}


def measure(turns: int, keep: Callable[[str, float], None]) -> dict:
    """Hand the seconds of an epoch, `turns` a way, to `keep`, with a name of
    framework and way, as in "mxnet.taught"; which libraries they are of.
    """
    commands = {
        framework.name: (
            ROOT / ".envs" / framework.kernel / "bin" / "python",
            cells(framework.name),
        )
        for framework in frameworks.load(ROOT).values()
        if framework.available
    }
    commands["numpy"] = Path(sys.executable), [[NUMPY]]
    # A product so thin is slower with a second thread, which waits for the first.
    alone = {"numpy": {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}}
    processes = [
        (name, python, sources)
        for name, (python, several) in commands.items()
        for sources in several
    ]
    libraries = {}
    for turn in range(turns):
        for name, python, sources in processes[:: -1 if turn % 2 else 1]:
            with Worker(python, sources, **alone.get(name, {})) as worker:
                libraries[name] = worker.summary
                for way, seconds in rounds(worker, turn).items():
                    keep(f"{name}.{way}", seconds)
    return {
        "libraries": [libraries[name] for name in commands],
        "customary": {name: CUSTOMARY[name] for name in commands},
    }
