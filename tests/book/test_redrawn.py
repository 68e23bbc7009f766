"""The helpers reproduce the figures of the committed notebooks, byte for byte.

Only cells that need no framework run here. Their figures depend only on their code and
the data.
"""


import nbformat
import numpy as np
import pytest
from support import ROOT, pages

import d2l_extras
from bookbuild.build import Book
from d2l_extras import plots
from d2l_extras.fashion_mnist import fashion_mnist

BOOK = Book(ROOT)
CALLS = {
    "a layer with one output": (pages.LINEAR, "show_layer("),
    "a layer with three outputs": (pages.THEORY, "show_layer("),
    "images of the data": (pages.DATASET, "show_images(X_train[order]"),
}


def names() -> dict:
    """Return the names that the cells may use."""
    data = fashion_mnist()
    X_train, y_train = data.X_train, data.y_train
    return {**vars(d2l_extras), "np": np, "X_train": X_train, "y_train": y_train}


@pytest.mark.parametrize("figure", CALLS)
def test_drawing_a_committed_figure_again_gives_the_same_bytes(figure, monkeypatch):
    name, call = CALLS[figure]
    drawn = []
    monkeypatch.setattr(plots, "display", drawn.append)
    [page] = (page for page in BOOK.pages() if page.name == name)
    framework = next(iter(page.frameworks.values()))
    node = nbformat.read(BOOK.committed(page, framework), as_version=4)
    [cell] = (cell for cell in node.cells if call in cell.source)
    exec(cell.source, names())
    [committed] = cell.outputs
    assert drawn[0]["text/plain"] == committed.data["text/plain"]
    assert drawn[0]["image/svg+xml"] == committed.data["image/svg+xml"]
