"""The page's statements about duplicates are true, and its search finds them.

Everything is counted a second time, in a different way. The page hashes bytes, and we
sort them. The page finds near pairs with a k-d tree of block means, and we compare
every image with those that are about as dark.
"""

from __future__ import annotations

from itertools import groupby

import nbformat
import numpy as np
import pytest
from support import ROOT, pages

from bookbuild.build import Book
from bookbuild.execution import results
from bookbuild.executor import outputs_of
from d2l_extras.fashion_mnist import fashion_mnist

BOOK = Book(ROOT)
PAGE = next(page for page in BOOK.pages() if page.name == pages.DATASET)
NEAR = 3  # gray levels, as on the page


def copies(images: np.ndarray) -> list[list[int]]:
    """Return the groups that the page returns, by sorting the bytes."""
    rows = sorted((image.tobytes(), i) for i, image in enumerate(images))
    groups = [
        [i for _, i in equal] for _, equal in groupby(rows, key=lambda row: row[0])
    ]
    return sorted(group for group in groups if len(group) > 1)


def near_pairs(images: np.ndarray) -> set[tuple[int, int]]:
    """Return all pairs whose root mean squared difference is below `NEAR`.

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


def values(notebook: str, framework) -> dict:
    """Return the values that the prose inserts, by their expressions."""
    node = nbformat.read(getattr(BOOK, notebook)(PAGE, framework), 4)
    found = results(PAGE, framework, outputs_of(node))
    return {text.partition(":")[0]: kept["value"] for text, kept in found.items()}


@pytest.fixture(scope="module")
def data():
    loaded = fashion_mnist()
    return (
        np.concatenate([loaded.X_train, loaded.X_test]),
        np.concatenate([loaded.y_train, loaded.y_test]),
        len(loaded.X_train),
    )


@pytest.fixture(scope="module")
def near(data):
    return sorted(near_pairs(data[0]))


every_notebook = pytest.mark.parametrize("notebook", ["committed", "output"])
every_framework = pytest.mark.parametrize(
    "framework", PAGE.frameworks.values(), ids=lambda f: f.name
)


def test_the_dataset_has_no_copies_as_the_page_says(data):
    assert copies(data[0]) == []


@every_notebook
@every_framework
def test_the_page_says_how_many_copies_its_search_found(notebook, framework):
    assert values(notebook, framework)["len(duplicates)"] == 0


@every_notebook
@every_framework
def test_the_page_counts_the_near_pairs_that_comparing_counts(
    notebook, framework, data, near
):
    _, labels, num_train = data
    said = values(notebook, framework)
    assert said["len(pairs)"] == len(near)
    shared = {j for i, j in near if i < num_train <= j}
    assert said["len(twins)"] == len(shared)
    assert all(labels[i] == labels[j] for i, j in near)


def test_the_pages_search_finds_planted_copies_of_every_kind():
    """Search 400 images drawn from 400 possible ones, so that many are equal."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 20, (400, 1, 2), np.uint8)
    labels = rng.integers(0, 2, 400)
    space = {
        "np": np,
        "X_train": images[:300], "X_test": images[300:],
        "y_train": labels[:300], "y_test": labels[300:],
    }  # fmt: skip
    for code in pages.cells(pages.DATASET, "mxnet"):
        if "def copies(" in code:
            exec(code, space)
    assert sorted(space["duplicates"]) == copies(images)
    kinds = [{i >= 300 for i in group} for group in space["duplicates"]]
    assert all(kind in kinds for kind in ({True}, {False}, {True, False}))
