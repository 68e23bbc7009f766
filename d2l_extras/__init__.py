"""Provide helpers that the book's notebooks share, with one module per framework."""

from .arrays import to_numpy
from .fashion_mnist import CLASS_NAMES, text_labels
from .plots import (
    LivePlot,
    plot_curves,
    plot_points,
    show_confusion_matrix,
    show_images,
    show_layer,
)
from .progress import Progress

__version__ = "0.1.0"
__all__ = [
    "CLASS_NAMES",
    "LivePlot",
    "Progress",
    "plot_curves",
    "plot_points",
    "show_confusion_matrix",
    "show_images",
    "show_layer",
    "text_labels",
    "to_numpy",
]
