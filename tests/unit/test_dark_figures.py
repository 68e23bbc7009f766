"""A figure is shown with alternative text, a size, and a dark twin.

The twin has the opposite lightness and the same hues.
"""

from __future__ import annotations

import base64
import io
import re

import bs4
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image
from support import ROOT

from _ext import dark_figures
from d2l_extras import plots


def png(pixels: np.ndarray) -> str:
    made = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


def svg(inside: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt" '
        f'viewBox="0 0 72 36">{inside}</svg>'
    )


def luminance(color: str) -> float:
    """Return the relative luminance, as defined in WCAG 2."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(light: str, dark: str) -> float:
    return (luminance(light) + 0.05) / (luminance(dark) + 0.05)


def turned(color: str) -> str:
    path = f'<path style="fill: {color}"/>'
    return re.search(r"fill: (#\w{6})", dark_figures.darken(svg(path)))[1]


def channels(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def test_dark_becomes_light_and_light_becomes_dark():
    grays = [f"#{v:02x}{v:02x}{v:02x}" for v in (0, 40, 90, 128, 180, 220, 255)]
    lights = [luminance(turned(gray)) for gray in grays]
    assert lights == sorted(lights, reverse=True)
    assert lights[0] > 0.75 and lights[-1] < 0.02
    # White becomes the paper of the page, which has a little blue in it.
    css = (ROOT / "_theme" / "css" / "base.css").read_text(encoding="utf-8")
    assert f"--paper: {turned('#ffffff')};" in css
    for gray in grays[:-1]:
        assert max(channels(turned(gray))) - min(channels(turned(gray))) <= 7


@pytest.mark.parametrize(
    "color", [plots.INK, plots.GRAY, *(line["color"] for line in plots.LINES)]
)
def test_lines_and_names_are_readable_in_light_and_dark_colors(color):
    assert contrast("#ffffff", color) >= 4.5
    assert contrast(turned(color), dark_figures.PAPER) >= 6


@pytest.mark.parametrize("percent", range(0, 101, 10))
def test_the_numbers_of_a_confusion_matrix_can_be_read(percent):
    cell = to_hex(plots.SIGNED((1 + percent / 430) / 2))
    assert contrast(cell, "#000000") >= 4.5
    assert contrast(turned("#000000"), turned(cell)) >= 4.5


@pytest.mark.parametrize(
    "color", ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7f3b08"]
)
def test_the_hue_is_kept(color):
    """Check that the strongest and the weakest of red, green, and blue stay the same."""
    before, after = channels(color), channels(turned(color))
    assert np.argmax(after) == np.argmax(before), after
    assert np.argmin(after) == np.argmin(before), after
    assert max(after) - min(after) > 30, after


@pytest.mark.parametrize("gray", [0.0, 0.002, 0.2, 0.5, 0.9])
def test_a_gray_becomes_the_gray_of_the_opposite_lightness(gray):
    """Use that a gray's lightness in Oklab is the cube root of its linear light."""
    linear = gray / 12.92 if gray < 0.04 else ((gray + 0.055) / 1.055) ** 2.4
    found = dark_figures.invert_lightness(np.full((2, 1, 3), gray))
    assert found.shape == (2, 1, 3)
    white = linear ** (2 / 3)
    paper = dark_figures._oklab(np.array(channels(dark_figures.PAPER)) / 255)
    expected = 0.93 * (1 - white) * np.array([1, 0, 0]) + white * paper
    assert np.abs(dark_figures._oklab(found) - expected).max() < 1e-6


def test_darkest_results_use_the_linear_part_of_srgb():
    """Invert a cream that nearly loses its blue, as sRGB is linear below 0.0031308."""
    assert 0 < dark_figures.invert_lightness(np.array([1.0, 0.95, 0.8]))[2] < 0.04


def test_white_has_lightness_one_and_no_color_in_oklab():
    lms = dark_figures.TO_LMS @ np.ones(3)
    assert np.abs(lms - 1).max() < 1e-6
    assert np.abs(dark_figures.TO_LAB @ np.ones(3) - [1, 0, 0]).max() < 1e-6


def test_a_bitmap_is_inverted():
    pixels = np.full((4, 4, 3), 255)
    pixels[0] = [0, 0, 160]
    image = f'<image xlink:href="data:image/png;base64,{png(pixels)}"/>'
    made = re.search(r"base64,([^\"]+)", dark_figures.darken(svg(image)))[1]
    with Image.open(io.BytesIO(base64.b64decode(made))) as twin:
        turned = np.asarray(twin.convert("RGB")).astype(int)
    assert turned.shape == pixels.shape
    assert (turned[1:] == channels(dark_figures.PAPER)).all()
    assert (turned[0].argmax(axis=-1) == 2).all()  # blue is blue


def test_letters_without_a_color_become_light():
    twin = bs4.BeautifulSoup(dark_figures.darken(svg("<text>a</text>")), "xml")
    assert luminance(twin.svg["fill"]) > 0.75


def test_element_names_that_look_like_colors_are_kept():
    use = '<use xlink:href="#abcdef1234"/><path clip-path="url(#p0123456789)"/>'
    assert use in dark_figures.darken(svg(use))


@pytest.fixture
def images(tmp_path):
    """Return the two images of a figure whose alternative text has special characters."""
    source = tmp_path / "drawn.svg"
    source.write_text(svg('<path fill="#ffffff"/>'))
    words = 'Where "a" < b & c > d, it\'s <b>bold</b>'
    target = tmp_path / "out" / "a figure.svg"
    html = dark_figures.figure_html(source, target, "../_images", words)
    return words, bs4.BeautifulSoup(html, "lxml").select("img"), target


def test_alternative_text_may_hold_any_characters(images):
    words, found, _ = images
    assert [image["alt"] for image in found] == [words, words]


def test_a_figure_has_a_light_and_a_dark_image_with_their_size(images):
    _, found, target = images
    assert [image["class"] for image in found] == [["by-day"], ["by-night"]]
    assert found[0]["src"] == "../_images/a%20figure.svg"
    assert found[1]["src"] == "../_images/a%20figure-dark.svg"
    assert target.with_name("a figure-dark.svg").is_file()
    for image in found:
        assert (image["width"], image["height"]) == ("96", "48")
        assert image["loading"] == "lazy"


def test_a_figure_measured_in_pixels_keeps_its_size(tmp_path):
    source = tmp_path / "drawn.svg"
    source.write_text(svg("").replace("72pt", "72").replace("36pt", "36"))
    html = dark_figures.figure_html(source, tmp_path / "out.svg", "", "")
    for image in bs4.BeautifulSoup(html, "lxml").select("img"):
        assert (image["width"], image["height"]) == ("72", "36")


def test_a_redrawn_figure_gets_a_new_dark_image(tmp_path):
    source, target = tmp_path / "drawn.svg", tmp_path / "out" / "drawn.svg"
    for color in ("#ffffff", "#0072b2"):
        source.write_text(svg(f'<path fill="{color}"/>'))
        dark_figures.figure_html(source, target, "_images", "a square")
        night = target.with_name("drawn-dark.svg").read_text("utf-8")
        assert night.startswith(dark_figures.darken(source.read_text("utf-8")))


def test_an_unchanged_figure_is_not_inverted_again(tmp_path, monkeypatch):
    source, target = tmp_path / "drawn.svg", tmp_path / "out" / "drawn.svg"
    source.write_text(svg("<text>a</text>"))
    once = dark_figures.figure_html(source, target, "_images", "a letter")
    monkeypatch.setattr(dark_figures, "darken", None)  # to call it would raise
    assert dark_figures.figure_html(source, target, "_images", "a letter") == once
