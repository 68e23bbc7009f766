"""Show each figure in the colors of a light page and of a dark one.

d2l_extras draws figures as SVG on white. For dark pages, each figure gets a twin whose
colors have the opposite lightness but the same hue, so that a blue line stays blue.
The images of Fashion-MNIST become white on black, as they are in the data.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

SIZE = re.compile(
    r'<svg[^>]*?\swidth="([\d.]+)(pt|)" height="([\d.]+)\2"', re.DOTALL
)
PIXELS = 96 / 72  # per point
COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")
BITMAP = re.compile(r'(?<="data:image/png;base64,)([A-Za-z0-9+/=\s]+)(?=")')
# What black and white become on a dark page: a gray of this lightness in Oklab, and
# the dark background, --paper in css/base.css.
LIGHT, PAPER = 0.93, "#16191d"
# An exponent above 1 makes the colors in between lighter. A color with a contrast of
# 4.5 to 1 on white then has at least 6 to 1 on PAPER.
LIFT = 2
# Björn Ottosson's Oklab, https://bottosson.github.io/posts/oklab/
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def figure_html(source: Path, target: Path, folder: str, alt: str) -> str:
    """Return the HTML of a figure's two images, of which a page shows one.

    `source` is the drawing, and `target` is where Sphinx copies it. The dark twin
    is written next to `target`, and `folder` is the address of their folder.
    """
    svg = source.read_text(encoding="utf-8")
    twin = target.with_name(f"{target.stem}-dark.svg")
    # A drawing may change but keep its name, so the twin's name contains its digest.
    mark = f"<!-- of {hashlib.sha256(svg.encode()).hexdigest()[:32]} -->\n"
    if not (twin.exists() and twin.read_text(encoding="utf-8").endswith(mark)):
        twin.parent.mkdir(parents=True, exist_ok=True)
        twin.write_text(f"{darken(svg)}\n{mark}", encoding="utf-8")
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


def darken(svg: str) -> str:
    """Return a drawing's twin for dark pages."""
    svg = "".join(
        _dark_bitmap(part)
        if i % 2  # BITMAP's group
        else COLOR.sub(lambda m: _dark_color(m[0].lower()), part)
        for i, part in enumerate(BITMAP.split(svg))
    )
    # Elements without a color, such as letters, are black by default.
    return svg.replace("<svg ", f'<svg fill="{_dark_color("#000000")}" ', 1)


@cache
def _dark_color(color: str) -> str:
    return "#" + "".join(f"{round(255 * c):02x}" for c in invert_lightness(_rgb(color)))


def _dark_bitmap(encoded: str) -> str:
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        pixels = np.asarray(image.convert("RGBA")) / 255
    pixels = np.concatenate([invert_lightness(pixels[..., :3]), pixels[..., 3:]], -1)
    made = io.BytesIO()
    Image.fromarray(np.round(255 * pixels).astype(np.uint8)).save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


def invert_lightness(rgb: np.ndarray) -> np.ndarray:
    """Return colors of the same hue and the opposite lightness.

    `rgb` and the result have shape (..., 3) and contain sRGB values from 0 to 1.
    White becomes PAPER.
    """
    lab = _oklab(rgb)
    white = np.clip(lab[..., :1], 0, 1) ** LIFT
    lab[..., 0] = 0
    lab += (1 - white) * [LIGHT, 0, 0] + white * _oklab(_rgb(PAPER))
    lms = (lab @ np.linalg.inv(TO_LAB).T) ** 3
    linear = np.clip(lms @ np.linalg.inv(TO_LMS).T, 0, 1)
    return np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )


def _oklab(rgb: np.ndarray) -> np.ndarray:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ TO_LMS.T) @ TO_LAB.T


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
