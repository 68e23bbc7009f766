"""Figures in the style of the book, drawn as SVG.

The style is made for a phone. It has large type, curves that differ in line and
marker as well as in color, and an opaque white background. The SVG is written
without pyplot, so that the same numbers give the same bytes, whatever the
notebook's settings are.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .arrays import to_numpy
from .ipython import display, is_batch, shell

WIDTH = 5  # inches; a phone scales them to about three quarters
STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "font.size": 12,
    "grid.color": "0.9",
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # the same letters on every machine
    "svg.hashsalt": "d2l_extras",  # the same element names in every run
}
# Okabe and Ito's colors, which color-blind readers can tell apart.
LINES = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    {"color": "#CC79A7", "linestyle": ":", "marker": "D"},
)

Curves = Mapping[str, Sequence[float]]
Groups = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def plot_curves(
    x: Sequence[float],
    panels: Mapping[str, Curves],
    xlabel: str,
    levels: Mapping[str, float] | None = None,
    yscale: str = "linear",
) -> None:
    """Draw panels above each other, each with curves over the same `x`.

    `x` has shape (points,). `panels` maps the label of a vertical axis, with its
    unit, to up to four named curves, each of shape (points,). A curve breaks off
    where its value is nan. `levels` draws named horizontal lines in the first
    panel. `yscale` is "linear" or, for positive values, "log". Raises ValueError
    if a curve has another length, or a panel has more than four curves.
    """
    _show(_curves(to_numpy(x), panels, xlabel, levels, yscale))


class LivePlot:
    """Curves that grow by one point per step, such as an epoch.

    `total` is the number of steps. `panels` maps the label of a vertical axis,
    with its unit, to the names of up to four curves. The figure looks like that
    of `plot_curves`. In an interactive notebook, it is updated in place.
    Elsewhere, it appears once it is complete. Raises ValueError if `total` is
    less than 1.
    """

    def __init__(
        self, total: int, xlabel: str, panels: Mapping[str, Sequence[str]]
    ):
        if total < 1:
            raise ValueError(f"a plot needs at least 1 step, not {total}")
        self.total, self.xlabel, self.panels = total, xlabel, panels
        self.rows: list[list[float]] = []
        self._id = uuid.uuid4().hex  # not saved in the notebook file

    def add(self, *values: float) -> None:
        """Add one point to each curve, in the order of the panels.

        Raises ValueError if there is not one value per curve, or if the plot
        already has all its points.
        """
        names = [name for names in self.panels.values() for name in names]
        if len(values) != len(names):
            raise ValueError(
                f"there are {len(values)} values for the curves "
                f"{', '.join(names)}; pass one value for each"
            )
        if len(self.rows) == self.total:
            raise ValueError(
                f"the plot already has all its {self.total} steps; set `total` "
                "to the number of calls of add"
            )
        self.rows.append([float(value) for value in values])
        if shell() is not None and not is_batch():
            options = {"display_id": self._id, "update": len(self.rows) > 1}
            _show(self._figure(), **options)
        elif len(self.rows) == self.total:
            _show(self._figure())

    def _figure(self) -> Figure:
        to_come = self.total - len(self.rows)
        rows = self.rows + to_come * [[np.nan] * len(self.rows[0])]
        curves = iter(zip(*rows))
        panels = {
            ylabel: {name: next(curves) for name in names}
            for ylabel, names in self.panels.items()
        }
        steps = np.arange(1, self.total + 1)
        figure = _curves(steps, panels, self.xlabel)
        margin = 0.05 * (self.total - 1) or 0.5
        figure.axes[0].set_xlim(1 - margin, self.total + margin)
        return figure


def plot_points(
    panels: Mapping[str, Groups],
    ylabel: str,
) -> None:
    """Draw panels above each other, each with groups of points.

    `panels` maps the label of a horizontal axis, with its unit, to up to four
    named groups, each a pair x, y of shape (points,). `ylabel` is the label of
    the vertical axes, with its unit. Raises ValueError if x and y of a group
    differ in length, or a panel has more than four groups.
    """
    with mpl.rc_context(STYLE):
        figure = Figure((WIDTH, 0.8 + 2.4 * len(panels)), layout="constrained")
        grid = figure.subplots(len(panels), sharey=True, squeeze=False)
        for axes, (xlabel, groups) in zip(grid.flat, panels.items()):
            _check_number(groups, "groups")
            for (name, (x, y)), line in zip(groups.items(), LINES):
                if len(x) != len(y):
                    raise ValueError(
                        f"the group {name!r} has {len(x)} x and {len(y)} y; "
                        "pass as many x as y"
                    )
                axes.scatter(to_numpy(x), to_numpy(y), s=22, label=name,
                             marker=line["marker"], facecolors="none",
                             edgecolors=line["color"])
            axes.set(xlabel=xlabel, ylabel=ylabel)
            axes.legend(handletextpad=0.1, framealpha=0.9)
        _show(figure)


def show_layer(
    inputs: Sequence[str],
    outputs: Sequence[str],
    weights: Sequence[Sequence[str]] = (),
) -> None:
    """Draw a dense layer: all inputs, connected to all outputs above them.

    Inputs and outputs are circles with their names, which may contain formulas
    between dollar signs. `weights` names the connections and has shape (inputs,
    outputs). Raises ValueError if it has another shape.
    """
    shape = len(inputs), len(outputs)
    if len(weights) and np.shape(weights) != shape:
        raise ValueError(
            f"the names of the weights have shape {np.shape(weights)}; with "
            f"{shape[0]} inputs and {shape[1]} outputs it must be {shape}"
        )
    below, above = ((np.arange(n) - (n - 1) / 2) * 1.2 for n in shape)
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure((WIDTH, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.axis("off")
        for (i, start), (j, end) in product(enumerate(below), enumerate(above)):
            axes.annotate("", (end, 1), (start, 0), arrowprops={
                "arrowstyle": "-|>", "color": "0.35", "shrinkA": 18,
                "shrinkB": 18})
            if len(weights):
                axes.text(0.55 * start + 0.45 * end, 0.45, weights[i][j],
                          ha="center", va="center", bbox={
                              "color": "white", "boxstyle": "square,pad=0.15"})
        for row, places, names in ((0, below, inputs), (1, above, outputs)):
            color = LINES[row]["color"]
            for place, name in zip(places, names):
                axes.plot(place, row, "o", ms=36, mfc="white", mec=color)
                axes.text(place, row, name, ha="center", va="center")
        width = max(*shape, 4) * 0.6
        axes.set(xlim=(-width, width), ylim=(-0.3, 1.3))
        _show(figure)


def show_images(
    images: Any,
    titles: Sequence[str],
    columns: int = 5,
    signed: bool = False,
) -> None:
    """Draw grayscale images in rows of `columns`, each under its title.

    `images` has shape (examples, height, width). 0 is white and 1 is black. If
    `signed`, negative values are orange and positive ones purple, on a scale
    that a bar beside the images shows. Raises ValueError if there is not one
    title per image.
    """
    images = to_numpy(images)
    if images.ndim != 3 or len(images) != len(titles):
        raise ValueError(
            f"the images have shape {images.shape}, with {len(titles)} titles; "
            "pass an array of shape (examples, height, width) and a title for "
            "each example"
        )
    if signed:
        limit = float(np.abs(images).max())
        scale = {"cmap": "PuOr", "vmin": -limit, "vmax": limit}
    else:
        scale = {"cmap": "gray_r", "vmin": 0, "vmax": 1}
    rows = -(-len(images) // columns)
    lines = 1 + max(title.count("\n") for title in titles)
    with mpl.rc_context(STYLE):
        side = WIDTH / (columns + signed)  # the bar takes one more
        height = rows * (side + 0.22 * lines)
        figure = Figure((WIDTH, height), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for axes, image, title in zip(grid.flat, images, titles):
            drawn = axes.imshow(image, interpolation="none", **scale)
            axes.set_title(title, pad=3)
        if signed:
            figure.colorbar(drawn, ax=grid, shrink=0.8, label="weight")
        _show(figure)


def show_confusion_matrix(counts: Any, names: Sequence[str]) -> None:
    """Draw how the examples of each true class were classified, in percent.

    `counts` has shape (classes, classes) and holds the number of examples by
    true class (row) and predicted class (column). Apart from rounding, each row
    adds up to 100. Numbers that round to 0 are left out. Raises ValueError if
    the shape does not fit the number of `names`.
    """
    counts = to_numpy(counts)
    if counts.shape != (len(names), len(names)):
        raise ValueError(
            f"counts has shape {counts.shape}; with {len(names)} classes it "
            f"must be {(len(names), len(names))}"
        )
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure((WIDTH + 0.5, WIDTH + 0.5), layout="constrained")
        axes = figure.subplots()
        # With 180, black numbers have a contrast of at least 4.5 in each cell,
        # and so have light ones in the dark version of the figure.
        axes.imshow(percent, cmap="Blues", vmin=0, vmax=180)
        for (row, column), value in np.ndenumerate(percent):
            if round(value):
                axes.text(column, row, f"{value:.0f}",
                          ha="center", va="center", fontsize=11)
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("predicted class (percent of the row)")
        axes.set_ylabel("true class")
        _show(figure)


def _curves(
    x: np.ndarray,
    panels: Mapping[str, Curves],
    xlabel: str,
    levels: Mapping[str, float] | None = None,
    yscale: str = "linear",
) -> Figure:
    with mpl.rc_context(STYLE):
        figure = Figure((WIDTH, 0.8 + 2.4 * len(panels)), layout="constrained")
        grid = figure.subplots(len(panels), sharex=True, squeeze=False)
        for axes, (ylabel, curves) in zip(grid.flat, panels.items()):
            _draw(axes, x, curves)
            axes.set_ylabel(ylabel)
            axes.set_yscale(yscale)
        for name, level in (levels or {}).items():
            grid.flat[0].axhline(level, color="black", lw=1.5, ls=(0, (1, 1)))
            _label(grid.flat[0], 0.5, level, name)
        axes.set_xlabel(xlabel)
        if np.issubdtype(x.dtype, np.integer):
            axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    return figure


def _draw(axes: Any, x: np.ndarray, curves: Curves) -> None:
    _check_number(curves, "curves")
    for (name, values), line in zip(curves.items(), LINES):
        values = to_numpy(values)
        if len(values) != len(x):
            raise ValueError(
                f"the curve {name!r} has {len(values)} values, but x has "
                f"{len(x)}; pass as many"
            )
        marks = max(1, len(x) // 10)
        axes.plot(x, values, label=name, markevery=marks, **line)
    axes.legend(handlelength=3, framealpha=0.9)


def _check_number(drawn: Mapping[str, Any], kind: str) -> None:
    if len(drawn) > len(LINES):
        raise ValueError(
            f"one panel has {len(drawn)} {kind}; draw at most {len(LINES)}, "
            "so that readers can tell them apart"
        )


def _label(axes: Any, across: float, level: float, name: str) -> None:
    axes.annotate(name, (across, level), (0, 5), ha="center", va="bottom",
                  xycoords=axes.get_yaxis_transform(),
                  textcoords="offset points")  # above the line


def _show(figure: Figure, **options: Any) -> None:
    svg = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(svg, format="svg", metadata={"Date": None})
    text = f"<Figure with {len(figure.axes)} axes>"
    display({"image/svg+xml": svg.getvalue(), "text/plain": text}, **options)
