"""Diagrams of boxes and arrows, such as the map of the chapter's pages.

The SVG is written here because its bytes must not depend on a library. Every
framework's notebook then has the same picture, and the site shows it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .ipython import display

WIDTH = 192, 22  # of a box and of the gap beside it, in SVG units
HEIGHT = 54, 30  # of a box and of the gap below it
MARGIN = 4
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" '
    'width="{0}" height="{1}" text-anchor="middle" '
    'font-family="DejaVu Sans, Verdana, sans-serif">'
    '<rect width="{0}" height="{1}" fill="#ffffff"/>'
    '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="9" '
    'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
    '<path d="M0 0L8 4L0 8z"/></marker>'
)
BOX = (
    '<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" '
    'fill="#f2f7fb" stroke="#0072b2" stroke-width="1.5"/>'
    '<text x="{middle}" y="{first}" font-size="14.5" font-weight="bold">'
    '{title}</text>'
    '<text x="{middle}" y="{second}" font-size="13.5">{about}</text>'
)
ARROW = (
    '<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="#000000" '
    'stroke-width="1.5" marker-end="url(#tip)"/>'
)


def show_map(
    rows: Sequence[Sequence[str]], arrows: Sequence[tuple[str, str]]
) -> None:
    """Draw boxes in rows and columns, and arrows from box to box.

    A box is a text of two lines, a title and a description. An empty string
    leaves its place empty. `arrows` contains pairs of titles. Arrows are straight
    and point right or down. Raises ValueError for a box that does not have two
    lines, for a title that occurs twice, and for an arrow that cannot be drawn.
    """
    places: dict[str, tuple[int, int]] = {}
    drawn = []
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            if text:
                title = text.split("\n")[0]
                if title in places:
                    raise ValueError(f"two boxes have the title {title!r}; give "
                                     "each a title of its own")
                places[title] = column, row
                drawn.append(_box(text, column, row))
    drawn += [_arrow(places, *pair) for pair in arrows]
    width = 2 * MARGIN - WIDTH[1] + sum(WIDTH) * max(map(len, rows))
    height = 2 * MARGIN - HEIGHT[1] + sum(HEIGHT) * len(rows)
    svg = "\n".join([HEAD.format(width, height), *drawn, "</svg>\n"])
    lines = [f"{start} -> {end}" for start, end in arrows]
    display({"image/svg+xml": svg, "text/plain": "\n".join(lines)})


def _corner(column: int, row: int) -> tuple[int, int]:
    return MARGIN + column * sum(WIDTH), MARGIN + row * sum(HEIGHT)


def _box(text: str, column: int, row: int) -> str:
    lines = text.split("\n")
    if len(lines) != 2:
        raise ValueError(f"the box {text!r} has {len(lines)} lines; it needs "
                         "two, a title and a description")
    x, y = _corner(column, row)
    return BOX.format(
        x=x, y=y, width=WIDTH[0], height=HEIGHT[0], middle=x + WIDTH[0] / 2,
        first=y + 23, second=y + 42,
        title=escape(lines[0]), about=escape(lines[1]),
    )


def _arrow(places: dict[str, tuple[int, int]], start: str, end: str) -> str:
    for title in start, end:
        if title not in places:
            raise ValueError(f"an arrow names the box {title!r}; the titles of "
                             f"the boxes are {', '.join(places)}")
    (x1, y1), (x2, y2) = _corner(*places[start]), _corner(*places[end])
    if y1 == y2 and x1 < x2:
        middle = y1 + HEIGHT[0] / 2
        return ARROW.format(x1 + WIDTH[0], middle, x2, middle)
    if x1 == x2 and y1 < y2:
        middle = x1 + WIDTH[0] / 2
        return ARROW.format(middle, y1 + HEIGHT[0], middle, y2)
    raise ValueError(f"the arrow from {start!r} to {end!r} points neither "
                     "right nor down; move one of the boxes")
