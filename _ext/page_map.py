"""Define the directive {page-map}, a diagram of pages in which each box is a link.

Its content is YAML: the rows of boxes, and for each page that others build on, which.
A box is a label, a title, and a description. An empty list leaves a gap.

    rows:
    - [[sec_a, Title, a description], []]
    - [[sec_b, Title, a description], [sec_c, Title, a description]]
    arrows:
      sec_a: [sec_b]

On the site, the drawing is part of the page, with the colors of css/page-map.css. The
other outputs show the same drawing as an image, without links.
"""

from __future__ import annotations

import base64
import math
from html import escape

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

WIDTH, HEIGHT = 212, 62  # of a box, in pixels
STEP = WIDTH + 28, HEIGHT + 30  # from one box to the next
EDGE = 2  # room for the outlines
# The colors of printed editions. css/page-map.css overrides them on the site.
BOX, OUTLINE, TITLE, TEXT, ARROW = "#f2f7fb", "#0b6db0", "#1d2126", "#535c66", "#535c66"


class page_map(nodes.image):
    """Hold the boxes and arrows, besides an image of them."""


class PageMapDirective(SphinxDirective):
    """Implement {page-map}, with the options `name`, `alt`, and `caption`."""

    has_content = True
    option_spec = {
        "name": directives.unchanged,
        "alt": directives.unchanged_required,
        "caption": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        try:
            found = yaml.safe_load("\n".join(self.content))
            boxes = read_boxes(found["rows"])
            arrows = [(a, b) for a in found["arrows"] for b in found["arrows"][a]]
            svg = draw(boxes, arrows)
        except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            raise self.error(f"{{page-map}} cannot be read: {error}") from error
        data = base64.b64encode(svg.encode()).decode()
        image = page_map(
            uri=f"data:image/svg+xml;base64,{data}",
            alt=self.options["alt"],
            boxes=boxes,
            arrows=arrows,
        )
        figure = nodes.figure("", image)
        texts, messages = self.parse_inline(self.options["caption"])
        figure += nodes.caption(self.options["caption"], "", *texts)
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure, *messages]


def read_boxes(rows: list) -> dict[str, tuple]:
    """Return the row, column, title, and description of each box by its label."""
    boxes = {}
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            if cell:
                label, title, text = cell
                boxes[label] = row, column, title, text
    return boxes


def draw(
    boxes: dict[str, tuple],
    arrows: list[tuple[str, str]],
    links: dict[str, str] | None = None,
    alt: str = "",
) -> str:
    """Return the map as SVG. With `links`, each box is a link to its page."""
    rows, columns, *_ = zip(*boxes.values())
    width = max(columns) * STEP[0] + WIDTH + 2 * EDGE
    height = max(rows) * STEP[1] + HEIGHT + 2 * EDGE
    parts = [_arrow(boxes[start], boxes[end]) for start, end in arrows]
    for label, box in boxes.items():
        drawn = _box(*box)
        if links:
            drawn = f'<a href="{escape(links[label])}">{drawn}</a>'
        parts.append(drawn)
    inline = f' class="page-map" role="group" aria-label="{escape(alt)}"' * bool(links)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'text-anchor="middle"{inline}>{"".join(parts)}</svg>'
    )


def _place(row: int, column: int) -> tuple[int, int]:
    return EDGE + column * STEP[0], EDGE + row * STEP[1]


def _box(row: int, column: int, title: str, text: str) -> str:
    x, y = _place(row, column)
    middle = x + WIDTH // 2
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" '
        f'fill="{BOX}" stroke="{OUTLINE}" stroke-width="1.5"/>'
        f'<text x="{middle}" y="{y + 26}" font-size="16.5" '
        f'fill="{TITLE}">{escape(title)}</text> '
        f'<text class="quiet" x="{middle}" y="{y + 48}" font-size="15" '
        f'fill="{TEXT}">{escape(text)}</text>'
    )


def _arrow(start: tuple, end: tuple) -> str:
    """Return an arrow to the right within a row, and otherwise down."""
    (x1, y1), (x2, y2) = _place(*start[:2]), _place(*end[:2])
    if start[0] == end[0] and x1 < x2:
        x1, y1, y2 = x1 + WIDTH, y1 + HEIGHT // 2, y2 + HEIGHT // 2
    elif start[0] < end[0]:
        x1, y1, x2 = x1 + WIDTH // 2, y1 + HEIGHT, x2 + WIDTH // 2
    else:
        raise ValueError(
            f"the arrow from {start[2]!r} to {end[2]!r} points neither right nor down; "
            "move one of the boxes"
        )
    angle = math.degrees(math.atan2(y2 - y1, x2 - x1))
    length = math.hypot(x2 - x1, y2 - y1)
    return (
        f'<path class="arrow" transform="translate({x1} {y1}) rotate({angle:.1f})" '
        f'd="M1 0H{length - 3:.1f}m-7 -5l7 5l-7 5" fill="none" stroke="{ARROW}" '
        'stroke-width="1.5"/>'
    )


class LinkBoxes(SphinxPostTransform):
    """Draw the maps of a page of the site as SVG with links."""

    default_priority = 5

    def run(self, **kwargs: object) -> None:
        labels = self.env.get_domain("std").anonlabels
        for node in list(self.document.findall(page_map)):
            image = nodes.image(uri=node["uri"], alt=node["alt"])
            image["candidates"] = node["candidates"]
            if missing := [label for label in node["boxes"] if label not in labels]:
                raise ExtensionError(
                    f"{self.env.doc2path(self.env.docname, base=False)}: a {{page-map}} "
                    f"has a box for {missing[0]!r}, which is not the label of a page"
                )
            if self.app.builder.name == "html":
                links = {
                    label: self._address_of(*labels[label][:2]) for label in node["boxes"]
                }
                svg = draw(node["boxes"], node["arrows"], links, node["alt"])
                image = nodes.raw("", svg, format="html")
            node.replace_self(image)

    def _address_of(self, docname: str, id: str) -> str:
        page = self.app.builder.get_relative_uri(self.env.docname, docname)
        return f"{page}#{id}"


def setup(app: Sphinx) -> dict:
    app.add_directive("page-map", PageMapDirective)
    app.add_post_transform(LinkBoxes)
    return {"version": "1", "parallel_read_safe": True}
