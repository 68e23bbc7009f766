"""Draw figures in the style of the book, as SVG.

Figures use the font of the page. Curves differ in line style and marker as well
as in color, and their names are written beside them. The type is large enough
for a phone, and the background is opaque white. The SVG is written without
pyplot, so that the same numbers give the same bytes, whatever the notebook's
settings are.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from .arrays import to_numpy
from .ipython import display, is_batch, shell

font_manager.fontManager.addfont(
    Path(__file__).with_name("fonts") / "book-text.ttf")
WIDTH = 6.4  # of a page's column, in inches
INK, GRAY = "#1d2126", "#5c6370"
STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "0.75",
    "axes.grid": True,
    "axes.labelcolor": GRAY,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": GRAY,
    "axes.titlelocation": "left",
    "axes.titlesize": 13,
    "axes.xmargin": 0.02,
    "figure.dpi": 72,  # so that one pixel is one point
    "figure.titlesize": 14,
    # Matplotlib's own STIX has the symbols that the page's font lacks.
    "font.family": ["Book Text", "STIXGeneral"],
    "font.size": 13,
    "grid.color": "0.92",
    "legend.borderaxespad": 0,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "mathtext.fontset": "stix",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # the same letters on every machine
    "svg.hashsalt": "d2l_extras",  # the same element ids in every run
    "text.color": INK,
    **{f"{axis}tick.{key}": value for axis in "xy" for key, value in (
        ("color", "0.75"), ("labelcolor", GRAY), ("labelsize", 12),
        ("major.size", 3 * (axis == "x")), ("minor.size", 0))},
}
# Okabe and Ito's hues, which color-blind readers can tell apart, darkened so that
# text in these colors is readable.
LINES = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#B84F00", "linestyle": "--", "marker": "s"},
    {"color": "#00795A", "linestyle": "-.", "marker": "^"},
    {"color": "#A6468C", "linestyle": ":", "marker": "D"},
)
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#5c2600", "#D55E00", "white", "#0072B2", "#002c49"])
ARROW = {"arrowstyle": "-|>,head_width=0.25", "color": GRAY, "shrinkA": 0,
         "shrinkB": 0}
RIGHT, WRONG = "\N{CHECK MARK}", "\N{MULTIPLICATION SIGN}"  # of predictions
LONGEST = 20  # characters in a name that is written beside its curve

Curves = Mapping[str, Sequence[float]]
Groups = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def plot_curves(
    x: Sequence[float],
    panels: Mapping[str, Curves],
    xlabel: str,
    levels: Mapping[str, float] | None = None,
    yscale: str = "linear",
    xscale: str = "linear",
    title: str = "",
) -> None:
    """Draw a column of panels, each with curves over the same `x`.

    `x` has shape (points,). `panels` maps the label of each vertical axis, with
    its unit, to up to four named curves, each of shape (points,). A curve has a
    gap where its value is nan. `levels` adds named horizontal lines to the first
    panel. `yscale` and `xscale` are "linear" or, for positive values, "log".
    `title` says what the figure shows. Names are written at the right ends of the
    curves, or in a legend if they are long or if the curves end at different `x`.
    Raises ValueError if a curve and `x` differ in length, or if a panel has more
    than four curves.
    """
    show(_curves(to_numpy(x), panels, xlabel, levels, yscale, xscale, title))


class LivePlot:
    """Draw curves that grow by one point per step, such as an epoch.

    `total` is the number of steps. `panels` maps the label of each vertical axis,
    with its unit, to the names of up to four curves. The figure looks like one
    drawn by `plot_curves`. In an interactive notebook, it is updated in place.
    Elsewhere, it appears once it is complete. Raises ValueError if `total` is
    less than 1.
    """

    def __init__(
        self, total: int, xlabel: str, panels: Mapping[str, Sequence[str]]
    ):
        if total < 1:
            raise ValueError(f"total is {total}; pass at least 1 step")
        self.total, self.xlabel, self.panels = total, xlabel, panels
        self.rows: list[list[float]] = []
        self._id = uuid.uuid4().hex  # not saved in the notebook file

    def add(self, *values: float) -> None:
        """Add one point to each curve, in the order of the panels.

        Raises ValueError if there is not exactly one value per curve, or if the
        plot is already complete.
        """
        names = [name for names in self.panels.values() for name in names]
        if len(values) != len(names):
            raise ValueError(
                f"add got {len(values)} values for the curves "
                f"{', '.join(names)}; pass one value per curve"
            )
        if len(self.rows) == self.total:
            raise ValueError(
                f"total is {self.total}, but this would be one more step; set "
                "total to the number of times that you call add"
            )
        self.rows.append([float(value) for value in values])
        if shell() is not None and not is_batch():
            options = {"display_id": self._id, "update": len(self.rows) > 1}
            show(self._figure(), **options)
        elif len(self.rows) == self.total:
            show(self._figure())

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
        margin = STYLE["axes.xmargin"] * (self.total - 1) or 0.5
        figure.axes[0].set_xlim(1 - margin, self.total + margin)
        return figure


def plot_points(
    panels: Mapping[str, Groups],
    ylabel: str,
    title: str = "",
) -> None:
    """Draw panels side by side, each with groups of points.

    `panels` maps the label of each horizontal axis, with its unit, to up to four
    named groups. A group is a pair x, y, each of shape (points,). `ylabel` is the
    label of the vertical axis, with its unit. `title` says what the figure shows.
    Names are written beside the groups, or in a legend if there is no room.
    Raises ValueError if the x and y of a group differ in length, or if a panel
    has more than four groups.
    """
    with mpl.rc_context(STYLE):
        figure = make_figure(3.6, title)
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)
        grid[0, 0].set_title(ylabel)
        for axes, (xlabel, groups) in zip(grid.flat, panels.items()):
            _check_number(groups, "groups")
            for (name, (x, y)), line in zip(groups.items(), LINES):
                if len(x) != len(y):
                    raise ValueError(
                        f"in the group {name!r}, x has length {len(x)}, but y "
                        f"has length {len(y)}; pass one y for each x"
                    )
                axes.scatter(to_numpy(x), to_numpy(y), s=20, label=name,
                             marker=line["marker"], facecolors="none",
                             edgecolors=line["color"])
            axes.set_xlabel(xlabel)
        figure.draw_without_rendering()
        named: set[str] = set()
        for axes in grid.flat:
            named |= _name_groups(axes)
            if not named >= {each.get_label() for each in axes.collections}:
                _legend(axes)
        show(figure)


def show_layer(
    inputs: Sequence[str],
    outputs: Sequence[str],
    weights: Sequence[Sequence[str]] = (),
) -> None:
    """Draw a dense layer, with every input connected to every output above.

    Inputs and outputs are drawn as circles that contain their names. Names may
    include formulas between dollar signs. `weights` names the connections and
    has shape (inputs, outputs). Raises ValueError if its shape is different.
    """
    shape = len(inputs), len(outputs)
    if len(weights) and np.shape(weights) != shape:
        raise ValueError(
            f"weights has shape {np.shape(weights)}; with {shape[0]} inputs and "
            f"{shape[1]} outputs, pass names of shape {shape}"
        )
    below, above = ((np.arange(n) - (n - 1) / 2) * 1.2 for n in shape)
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = make_figure(2.6)
        axes = figure.subplots()
        axes.axis("off")
        for (i, start), (j, end) in product(enumerate(below), enumerate(above)):
            axes.annotate("", (end, 1), (start, 0), arrowprops={
                **ARROW, "shrinkA": 18, "shrinkB": 18})
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
        show(figure)


def show_images(
    images: Any,
    titles: Sequence[str],
    columns: int = 5,
    signed: bool = False,
    predictions: Sequence[str] | None = None,
    probabilities: Sequence[float] | None = None,
    title: str = "",
) -> None:
    """Draw grayscale images in rows of `columns`, each under its title.

    `images` has shape (examples, height, width). 0 is drawn in white and 1 in
    black. If `signed`, negative values are orange and positive values blue, and
    a color bar below the images shows the scale. Its ends are at the 99th
    percentile of the absolute values. `predictions` are marked as right or
    wrong, if `titles` are the true classes. `probabilities`, from 0 to 1, are
    added in percent. `title` says what the figure shows. Raises ValueError if
    there is not exactly one title per image.
    """
    images = to_numpy(images)
    if images.ndim != 3 or len(images) != len(titles):
        raise ValueError(
            f"images has shape {images.shape}, and there are {len(titles)} "
            "titles; pass an array of shape (examples, height, width) and one "
            "title per example"
        )
    if signed:
        limit = float(np.quantile(np.abs(images), 0.99))
        scale = {"cmap": SIGNED, "vmin": -limit, "vmax": limit}
    else:
        scale = {"cmap": "gray_r", "vmin": 0, "vmax": 1}
    if predictions is not None:
        titles = [f"{true}\n{RIGHT}" if true == guess else f"{true}\n{WRONG} {guess}"
                  for true, guess in zip(titles, predictions)]
    if probabilities is not None:
        # After the name of a wrong class there is no room.
        gaps = ["\n" if f"\n{WRONG}" in name else " " for name in titles]
        titles = [f"{name}{gap}{100 * float(p):.0f} %"
                  for name, gap, p in zip(titles, gaps, probabilities)]
    rows = -(-len(images) // columns)
    lines = 1 + max(name.count("\n") for name in titles)
    with mpl.rc_context({**STYLE, "figure.constrained_layout.hspace": 0.04}):
        height = rows * (WIDTH / columns + 0.22 * lines) + 0.7 * signed
        figure = make_figure(height, title)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for axes, image, name in zip(grid.flat, images, titles):
            drawn = axes.imshow(image, interpolation="none", **scale)
            axes.set_title(name, pad=3, loc="center", size=12,
                           color=LINES[1]["color"] if f"\n{WRONG}" in name else INK)
        if signed:
            figure.colorbar(drawn, ax=grid, location="bottom", shrink=0.6,
                            aspect=40, extend="both", label="weight")
        show(figure)


def show_confusion_matrix(counts: Any, names: Sequence[str]) -> None:
    """Draw how the examples of each true class were classified, in percent.

    `counts` has shape (classes, classes) and holds the number of examples per
    true class (row) and predicted class (column). Each row adds up to 100 percent,
    apart from rounding, and percentages that round to 0 are left out. Raises
    ValueError if the shape does not match the number of `names`.
    """
    counts = to_numpy(counts)
    if counts.shape != (len(names), len(names)):
        raise ValueError(
            f"counts has shape {counts.shape}; with {len(names)} names, pass "
            f"counts of shape {(len(names), len(names))}"
        )
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = make_figure(WIDTH)
        axes = figure.subplots()
        # With 430, black numbers have a contrast of at least 4.5 in every cell,
        # and so do the light numbers in the dark version of the figure.
        axes.imshow(percent, cmap=SIGNED, vmin=-430, vmax=430)
        for (row, column), value in np.ndenumerate(percent):
            if round(value):
                axes.text(column, row, f"{value:.0f}",
                          ha="center", va="center", fontsize=11, color="black")
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("predicted class (percent of the row)")
        axes.set_ylabel("true class")
        show(figure)


def make_figure(height: float, title: str = "") -> Figure:
    """Return a figure as wide as the page's column, and `height` inches high."""
    figure = Figure((WIDTH, height + 0.3 * bool(title)), layout="constrained")
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def _curves(
    x: np.ndarray,
    panels: Mapping[str, Curves],
    xlabel: str,
    levels: Mapping[str, float] | None = None,
    yscale: str = "linear",
    xscale: str = "linear",
    title: str = "",
) -> Figure:
    with mpl.rc_context(STYLE):
        figure = make_figure(0.8 + 2.2 * len(panels), title)
        grid = figure.subplots(len(panels), sharex=True, squeeze=False)
        for axes, (ylabel, curves) in zip(grid.flat, panels.items()):
            axes.set_title(ylabel)
            axes.set_yscale(yscale)
            _draw(axes, x, curves, levels or {})
            levels = None  # only in the first panel
        axes.set(xlabel=xlabel, xscale=xscale)
        if np.issubdtype(x.dtype, np.integer) and xscale == "linear":
            axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        for axes in grid.flat:
            _label_short_log_scales(axes)
        figure.draw_without_rendering()
        for axes in grid.flat:
            _move_apart(axes)
    return figure


def _label_short_log_scales(axes: Any) -> None:
    """Label 1, 2, 5, 10 on logarithmic axes that span few powers of ten."""
    limits = axes.get_xlim(), axes.get_ylim()
    for axis, (low, high) in zip((axes.xaxis, axes.yaxis), limits):
        if axis.get_scale() == "log" and high < 100 * low:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("")


def _draw(
    axes: Any, x: np.ndarray, curves: Curves, levels: Mapping[str, float]
) -> None:
    _check_number(curves, "curves")
    ends, last = [], set()
    for (name, values), line in zip(curves.items(), LINES):
        values = to_numpy(values)
        if len(values) != len(x):
            raise ValueError(
                f"the curve {name!r} has {len(values)} values, but x has "
                f"{len(x)}; pass one value for each x"
            )
        marks = max(1, len(x) // 10)
        axes.plot(x, values, label=name, markevery=marks, **line)
        lowest = 0 if axes.get_yscale() == "log" else -np.inf
        drawn = np.flatnonzero(np.isfinite(values) & (values > lowest))
        last.add(max(drawn, default=-1))
        ends.append((name, values[max(last)], line["color"]))
    for name, level in levels.items():
        axes.axhline(level, label=name, color=INK, lw=1.5, ls=(0, (1, 1)))
        ends.append((name, level, INK))
    longest = max(len(name) for name, *_ in ends)
    if len(last) > 1 or -1 in last or longest > LONGEST:
        _legend(axes)
        return
    for name, value, color in ends:
        axes.annotate(name, (1, value), (6, 0), color=color, va="center",
                      xycoords=axes.get_yaxis_transform(),
                      textcoords="offset points", annotation_clip=False)


def _move_apart(axes: Any) -> None:
    """Move the names at the ends of the curves until none overlap."""
    ends = [axes.transData.transform((1, text.xy[1]))[1] for text in axes.texts]
    places = np.array(ends)
    for _ in range(100):
        for low, high in pairwise(np.argsort(ends, kind="stable")):
            push = max(0, 15 - (places[high] - places[low])) / 2
            places[[low, high]] += -push, push
    for text, end, place in zip(axes.texts, ends, places):
        text.set_position((6, round(place - end, 1)))


def _name_groups(axes: Any) -> set[str]:
    """Write each name close to its own points, without covering any points.

    Returns the names, or an empty set if there is no room for one of them.
    """
    groups = [axes.transData.transform(
                  each.get_offsets().compressed().reshape(-1, 2))
              for each in axes.collections]
    for number, (each, points) in enumerate(zip(axes.collections, groups)):
        text = axes.text(0, 0, each.get_label(), color=LINES[number]["color"],
                         ha="center", va="center", transform=axes.transAxes)
        half = np.array(text.get_window_extent().size) / 2 + 4
        sides = np.linspace(axes.bbox.min + half, axes.bbox.max - half, 40)
        places = np.stack(np.meshgrid(*sides.T), axis=-1).reshape(-1, 1, 2)
        gaps = [np.linalg.norm(np.maximum(abs(places - other) - half, 0),
                               axis=-1).min(axis=1) for other in groups]
        near = gaps.pop(number)
        far = np.min(gaps, axis=0, initial=np.inf)
        cost = near + np.linalg.norm(places[:, 0] - points.mean(axis=0), axis=1) / 4
        cost[(near <= 2) | (far <= near + 4)] = np.inf
        if cost.min() == np.inf:
            for text in [*axes.texts]:
                text.remove()
            break
        best = places[cost.argmin()]
        text.set_position(axes.transAxes.inverted().transform(best[0]).round(3))
        corners = best + half * [[-1, -1], [-1, 1], [0, 0], [1, -1], [1, 1]]
        groups[number] = np.concatenate([points, corners])  # not to be covered
    return {text.get_text() for text in axes.texts}


def _legend(axes: Any) -> None:
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1.02), ncols=len(LINES),
                handlelength=2.5, handletextpad=0.5, columnspacing=1.2)


def _check_number(drawn: Mapping[str, Any], kind: str) -> None:
    if len(drawn) > len(LINES):
        raise ValueError(
            f"one panel has {len(drawn)} {kind}; draw at most {len(LINES)}, "
            "so that readers can tell them apart"
        )


def show(figure: Figure, text: str = "", **options: Any) -> None:
    """Display a figure, or `text` where figures cannot be shown."""
    svg = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(svg, format="svg", metadata={"Date": None})
    text = text or f"<Figure with {len(figure.axes)} axes>"
    display({"image/svg+xml": svg.getvalue(), "text/plain": text}, **options)
