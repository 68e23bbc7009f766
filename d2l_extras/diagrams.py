"""Draw diagrams of boxes and arrows, such as the map of the chapter's pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.patches import FancyBboxPatch

from . import plots

WIDTH = 1, 0.14  # of a box, and of the gap beside it
HEIGHT = 0.66, 0.32  # of a box, and of the gap below it, in inches


def show_map(
    rows: Sequence[Sequence[str]], arrows: Sequence[tuple[str, str]]
) -> None:
    """Draw boxes in rows and columns, connected by arrows.

    Each box is a string of two lines, a title and a description. An empty string
    leaves a gap. `arrows` contains pairs of titles. Arrows are straight and point
    right or down. Raises ValueError if a box does not have two lines, if a title
    occurs twice, or if an arrow cannot be drawn.
    """
    places: dict[str, tuple[float, float]] = {}
    columns = max(map(len, rows))
    height = sum(HEIGHT) * len(rows) - HEIGHT[1] + 0.1
    with mpl.rc_context(plots.STYLE):
        figure = plots.make_figure(height)
        axes = figure.subplots()
        axes.axis("off")
        axes.set(xlim=(-0.01, sum(WIDTH) * columns - WIDTH[1] + 0.01),
                 ylim=(height - 0.05, -0.05))
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                if text:
                    title = text.split("\n")[0]
                    if title in places:
                        raise ValueError(f"two boxes have the title {title!r}; give "
                                         "each box its own title")
                    places[title] = sum(WIDTH) * column, sum(HEIGHT) * row
                    _box(axes, text, *places[title])
        for start, end in arrows:
            _arrow(axes, places, start, end)
        lines = [f"{start} -> {end}" for start, end in arrows]
        plots.show(figure, "\n".join(lines))


def _box(axes: Any, text: str, x: float, y: float) -> None:
    lines = text.split("\n")
    if len(lines) != 2:
        raise ValueError(f"the box {text!r} must have two lines, a title and a "
                         f"description, not {len(lines)}")
    axes.add_patch(FancyBboxPatch(
        (x, y), WIDTH[0], HEIGHT[0], "round,pad=0,rounding_size=0.06",
        mutation_aspect=1, fc="#f2f7fb", ec=plots.LINES[0]["color"]))
    for line, height, color in zip(lines, (0.3, 0.72), (plots.INK, plots.GRAY)):
        axes.text(x + WIDTH[0] / 2, y + height * HEIGHT[0], line, color=color,
                  size=14.5, ha="center", va="center_baseline")


def _arrow(
    axes: Any, places: dict[str, tuple[float, float]], start: str, end: str
) -> None:
    for title in start, end:
        if title not in places:
            raise ValueError(f"an arrow refers to {title!r}, but no box has that "
                             f"title; choose from {', '.join(places)}")
    (x1, y1), (x2, y2) = places[start], places[end]
    if y1 == y2 and x1 < x2:
        tail, tip = (x1 + WIDTH[0], y1 + HEIGHT[0] / 2), (x2, y1 + HEIGHT[0] / 2)
    elif x1 == x2 and y1 < y2:
        tail, tip = (x1 + WIDTH[0] / 2, y1 + HEIGHT[0]), (x1 + WIDTH[0] / 2, y2)
    else:
        raise ValueError(f"the arrow from {start!r} to {end!r} points neither "
                         "right nor down; move one of the boxes")
    axes.annotate("", tip, tail, arrowprops=plots.ARROW)
