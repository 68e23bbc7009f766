"""Turn a drawing on white into the same drawing for a dark page.

The lightness of its colors is turned around, so that a blue line stays blue.
Photographs, the gray images in it, stay as they are.
"""

from __future__ import annotations

import base64
import io
import re
from functools import cache

import numpy as np
from PIL import Image

COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")
BITMAP = re.compile(r'(?<="data:image/png;base64,)([A-Za-z0-9+/=\s]+)(?=")')
# Lightness in the dark, in Oklab: of what was black, and of what was white.
LIGHT, DARK = 0.93, 0.215
PAPER = "#16191d"  # --paper of css/base.css at night
# Above one, so that colors between the two stand out from the dark by 3 to 1.
LIFT = 1.4
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


def inverted(rgb: np.ndarray) -> np.ndarray:
    """Colors of the same hue whose lightness is turned around.

    `rgb` has shape (..., 3), sRGB from 0 to 1; so has the result.
    """
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab = np.cbrt(linear @ TO_LMS.T) @ TO_LAB.T
    lightness = np.clip(lab[..., 0], 0, 1) ** LIFT
    lab[..., 0] = LIGHT + (DARK - LIGHT) * lightness
    lms = (lab @ np.linalg.inv(TO_LAB).T) ** 3
    linear = np.clip(lms @ np.linalg.inv(TO_LMS).T, 0, 1)
    return np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )


@cache
def _dark_color(color: str) -> str:
    if color == "#ffffff":
        return PAPER
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return "#" + "".join(f"{round(255 * c):02x}" for c in inverted(rgb))


def _dark_bitmap(encoded: str) -> str:
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        pixels = np.asarray(image.convert("RGBA")) / 255
    rgb = pixels[..., :3]
    if np.ptp(rgb, axis=-1).max() < 0.02:
        return encoded  # gray: a photograph
    pixels = np.concatenate([inverted(rgb), pixels[..., 3:]], axis=-1)
    made = io.BytesIO()
    Image.fromarray(np.round(255 * pixels).astype(np.uint8)).save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


def dark(svg: str) -> str:
    """The drawing for a dark page."""
    svg = "".join(
        _dark_bitmap(part)
        if i % 2  # BITMAP's group
        else COLOR.sub(lambda m: _dark_color(m[0].lower()), part)
        for i, part in enumerate(BITMAP.split(svg))
    )
    # What has no color of its own, such as letters, is black.
    return svg.replace("<svg ", f'<svg fill="{_dark_color("#000000")}" ', 1)
