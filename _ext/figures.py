"""Show each figure by day and by night, at its size and when it is needed.

d2l_extras draws figures as SVG on white. For dark pages each gets a twin, with
the lightness of its colors turned around.
"""

from __future__ import annotations

import hashlib
import re
from html import escape
from pathlib import Path
from urllib.parse import quote

SIZE = re.compile(
    r'<svg[^>]*?\swidth="([\d.]+)(pt|)" height="([\d.]+)\2"', re.DOTALL
)
PIXELS = 96 / 72  # in a point


def html(source: Path, target: Path, folder: str, alt: str) -> str:
    """The two images of a figure, of which a page shows one.

    `source` is the drawing, `target` where Sphinx puts it; the twin is
    written beside it. `folder` is the address of target's folder.
    """
    svg = source.read_text(encoding="utf-8")
    twin = target.with_name(f"{target.stem}-dark.svg")
    # A drawing may change and keep its name, so the twin says of which it is.
    mark = f"<!-- of {hashlib.sha256(svg.encode()).hexdigest()[:32]} -->\n"
    if not (twin.exists() and twin.read_text(encoding="utf-8").endswith(mark)):
        from .dark import dark  # with NumPy and Pillow, for a new figure

        twin.parent.mkdir(parents=True, exist_ok=True)
        twin.write_text(f"{dark(svg)}\n{mark}", encoding="utf-8")
    size = ""
    if match := SIZE.search(svg):
        unit = PIXELS if match[2] else 1
        width, height = (round(float(match[i]) * unit) for i in (1, 3))
        size = f' width="{width}" height="{height}"'
    shared = f'{size} alt="{escape(alt)}" loading="lazy" decoding="async"'
    return "".join(
        f'<img class="by-{when}" src="{folder}/{quote(path.name)}"{shared}>'
        for when, path in (("day", target), ("night", twin))
    )
