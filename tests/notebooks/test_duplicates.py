"""What the page says of duplicates is true, and its search finds them.

Everything is counted a second time, in another way: the page hashes bytes,
and we sort them; the page asks a k-d tree of block means for near pairs, and
we compare every image with those that are about as dark.
"""

from __future__ import annotations

import nbformat
import numpy as np
import pytest
from support import ROOT, pages

from bookbuild.build import Book
from bookbuild.executor import outputs_of
from bookbuild.execution import results
from d2l_extras.fashion_mnist import fashion_mnist

PAGE = "linear-networks/image-classification-dataset"
BOOK = Book(ROOT)
NEAR = 3  # gray levels, as on the page


def census(images: np.ndarray, labels: np.ndarray, num_train: int) -> dict:
    """Count as the page does, by sorting the bytes."""
    counts = dict.fromkeys(("train", "test", "across", "conflicts"), 0)
    rows = sorted(
        (image.tobytes(), i >= num_train, int(label))
        for i, (image, label) in enumerate(zip(images, labels))
    )
    first, seen = None, set()
    for row, (data, in_test, label) in enumerate(rows):
        if row == 0 or data != rows[row - 1][0]:
            first, seen = in_test, {label}
            continue
        # Training images sort before test images with the same bytes.
        counts["train"] += not in_test
        counts["test"] += in_test and rows[row - 1][1]
        counts["across"] += in_test and not first
        counts["conflicts"] += len(seen) == 1 and label not in seen
        seen.add(label)
    return counts


def near_pairs(images: np.ndarray) -> set[tuple[int, int]]:
    """All pairs whose root mean squared difference is below `NEAR`.

    The mean pixel of two such images differs by less than `NEAR`, and that of
    any quarter of their pixels by less than twice as much.
    """
    pixels = images.reshape(len(images), -1).astype(np.int16)
    order = np.argsort(pixels.mean(axis=1))
    pixels = pixels[order]
    darkness = pixels.mean(axis=1, dtype=np.float32)
    quarters = [
        pixels[:, i : i + 196].mean(axis=1, dtype=np.float32)
        for i in (392, 588, 196, 0)
    ]
    found = set()
    for step in range(1, len(pixels)):
        near = darkness[step:] - darkness[:-step] < NEAR
        if not near.any():
            return found
        for quarter in quarters[:2]:
            near &= abs(quarter[step:] - quarter[:-step]) < 2 * NEAR
        left = np.flatnonzero(near)
        for quarter in quarters[2:]:
            far = abs(quarter[left + step] - quarter[left])
            left = left[far < 2 * NEAR]
        difference = pixels[left].astype(np.int32) - pixels[left + step]
        for i in left[(difference**2).mean(axis=1) < NEAR**2]:
            found.add(tuple(sorted((int(order[i]), int(order[i + step])))))
    return found


def recorded(notebook: str, framework) -> dict:
    page = next(page for page in BOOK.pages() if page.name == PAGE)
    node = nbformat.read(getattr(BOOK, notebook)(page, framework), 4)
    found = results(page, framework, outputs_of(node)).values()
    return {record["name"]: record["value"] for record in found}


@pytest.fixture(scope="module")
def data():
    loaded = fashion_mnist()
    return (
        np.concatenate([loaded.X_train, loaded.X_test]),
        np.concatenate([loaded.y_train, loaded.y_test]),
        len(loaded.X_train),
    )


@pytest.fixture(scope="module")
def counted(data):
    return census(*data)


@pytest.fixture(scope="module")
def near(data):
    return sorted(near_pairs(data[0]))


every_notebook = pytest.mark.parametrize("notebook", ["committed", "output"])
every_framework = pytest.mark.parametrize(
    "framework", pages.FRAMEWORKS.values(), ids=lambda f: f.name
)


@every_notebook
@every_framework
def test_the_page_and_sorting_count_the_same_duplicates(
    notebook, framework, counted
):
    said = recorded(notebook, framework)
    assert counted == {
        "train": said["train_duplicates"],
        "test": said["test_duplicates"],
        "across": said["shared_images"],
        "conflicts": said["label_conflicts"],
    }


@every_notebook
@every_framework
def test_the_page_counts_the_near_pairs_that_comparing_counts(
    notebook, framework, data, near
):
    _, labels, num_train = data
    said = recorded(notebook, framework)
    assert said["near_pairs"] == len(near)
    shared = {j for i, j in near if i < num_train <= j}
    assert said["near_shared"] == len(shared)
    conflicts = [(i, j) for i, j in near if labels[i] != labels[j]]
    assert said["near_conflicts"] == len(conflicts)


def test_the_pages_search_counts_planted_copies_of_every_kind():
    """Of 400 images, each one of 400 possible, many are equal."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 20, (400, 1, 2), np.uint8)
    labels = rng.integers(0, 2, 400)
    num_train = 300
    space = {
        "np": np, "num_train": num_train,
        "X_train": images[:num_train], "X_test": images[num_train:],
        "y_train": labels[:num_train], "y_test": labels[num_train:],
    }  # fmt: skip
    for code in pages.cells(PAGE, "mxnet"):
        if "def copies(" in code or "def census(" in code:
            exec(code, space)
    counts = space["census"](space["everything"], space["all_labels"])
    assert counts == census(images, labels, num_train)
    assert min(counts.values()) > 0
