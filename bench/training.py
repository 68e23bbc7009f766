"""Seconds an epoch of softmax regression, as ratios: `make bench`.

60,000 images in minibatches of 256: for each framework the loop as the page
teaches it and the framework's customary way, in one process and in turns, so
that a noisy machine disturbs both alike. The ratio is the median over the
turns of the taught loop's seconds to the customary way's.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from _ext import frameworks, split  # noqa: E402

PAGE = "linear-networks/softmax-regression-concise"
LAST = "def train_epoch("
TURNS = 5

TAUGHT = """
import time
from d2l_extras.data import fashion_mnist

def taught_epochs():
    optimizer = make_optimizer(net, learning_rate)
    while True:
        train_epoch(net, loss_fn, optimizer, train_set)
        yield
"""
CUSTOMARY = {
    "mxnet": """
def customary_epochs():
    from mxnet.gluon.data import ArrayDataset, DataLoader
    from mxnet.gluon.data.vision.transforms import ToTensor
    data = fashion_mnist()
    images = mx.np.array(data.X_train[..., None], dtype="uint8")
    dataset = ArrayDataset(images, data.y_train).transform_first(ToTensor())
    loader = DataLoader(dataset, batch_size, shuffle=True)
    own = make_model()
    optimizer = make_optimizer(own, learning_rate)
    while True:
        for X, y in loader:
            train_step(own, loss_fn, optimizer, X, y)
        mx.npx.waitall()
        yield
""",
    "tensorflow": """
def customary_epochs():
    data = fashion_mnist()
    own = make_model()
    own.compile(optimizer=keras.optimizers.SGD(learning_rate),
                loss=loss_fn, metrics=["accuracy"])
    X = data.X_train.astype("float32") / 255
    while True:
        own.fit(X, data.y_train, batch_size=batch_size, verbose=0)
        yield
""",
}
NAMES = {
    "mxnet": "Gluon DataLoader with ToTensor",
    "tensorflow": "Keras fit",
}
# Runs in the framework's environment: the cells come in as JSON.
MEASURE = """
def measure(turns, context):
    ways = {"taught": taught_epochs(), "customary": customary_epochs()}
    seconds = {name: [] for name in ways}
    with context:
        for turn in range(turns + 1):  # the first one warms up
            for name, epochs in ways.items():
                start = time.perf_counter()
                next(epochs)
                seconds[name].append(time.perf_counter() - start)
    return {name: values[1:] for name, values in seconds.items()}

import contextlib
context = device if hasattr(device, "__enter__") else contextlib.nullcontext()
result = measure(TURNS, context)
"""


def seconds(cells: list[str], framework: str, python: Path) -> dict:
    code = [*cells, TAUGHT, CUSTOMARY[framework], f"TURNS = {TURNS}", MEASURE]
    script = (
        "import contextlib, json, sys\nspace = {}\n"
        "with contextlib.redirect_stdout(sys.stderr):\n"
        "    for cell in json.load(sys.stdin):\n"
        "        exec(cell, space)\n"
        "print(json.dumps(space['result']))"
    )
    done = subprocess.run(
        [python, "-c", script],
        input=json.dumps(code),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def main() -> None:
    declared = frameworks.load(ROOT)
    page = split.read(ROOT / "chapters" / f"{PAGE}.md", PAGE, declared)
    print(f"{'':42}  seconds  ratio (min, max)")
    for framework in filter(lambda f: f.available, declared.values()):
        cells = [cell.source for cell in page.code(framework.name)]
        end = [LAST in cell for cell in cells].index(True)
        python = ROOT / ".envs" / framework.kernel / "bin" / "python"
        measured = seconds(cells[: end + 1], framework.name, python)
        measured = seconds(cells[: end + 1], framework.name, python)
        pairs = zip(measured["taught"], measured["customary"])
        ratios = sorted(taught / customary for taught, customary in pairs)
        spread = (
            f"{statistics.median(ratios):5.2f}"
            f" ({ratios[0]:.2f}, {ratios[-1]:.2f})"
        )
        rows = {
            "as the page teaches it": ("taught", spread),
            NAMES[framework.name]: ("customary", f"{1:5.2f}"),
        }
        for title, (way, ratio) in rows.items():
            title = f"{framework.label}: {title}"
            median = statistics.median(measured[way])
            print(f"{title:42}  {median:7.2f}  {ratio}")


if __name__ == "__main__":
    main()
