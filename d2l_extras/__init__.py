"""Helpers shared by the book's notebooks; one module a framework."""

from .arrays import to_numpy
from .data import CLASS_NAMES, text_labels
from .maps import show_map
from .plots import (
    LivePlot,
    plot_curves,
    plot_points,
    show_confusion_matrix,
    show_images,
    show_layer,
)
from .progress import Progress
from .record import record

__version__ = "0.1.0"
__all__ = [
    "CLASS_NAMES",
    "LivePlot",
    "Progress",
    "plot_curves",
    "plot_points",
    "record",
    "show_confusion_matrix",
    "show_images",
    "show_layer",
    "show_map",
    "text_labels",
    "to_numpy",
]
