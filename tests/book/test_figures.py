"""Figures have a twin for the night, a size, and words."""

from __future__ import annotations

import base64
import io
import re

import bs4
import numpy as np
import pytest
from PIL import Image
from support import ROOT
from support.site_pages import LESSONS, SITE, soup

from _ext import dark, figures

DRAWN = sorted(
    path
    for path in (SITE / "_images").glob("*.svg")
    if not path.stem.endswith("-dark")
)


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
    """Relative luminance, as WCAG 2 defines it."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def turned(color: str) -> str:
    path = f'<path style="fill: {color}"/>'
    return re.search(r"fill: (#\w{6})", dark.dark(svg(path)))[1]


def channels(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def test_lightness_is_turned_around():
    grays = [f"#{v:02x}{v:02x}{v:02x}" for v in (0, 40, 90, 128, 180, 220, 255)]
    lights = [luminance(turned(gray)) for gray in grays]
    assert lights == sorted(lights, reverse=True)
    assert lights[0] > 0.75 and lights[-1] < 0.02
    # White becomes the paper of the page, which has a little blue in it.
    css = (ROOT / "_static" / "book.css").read_text(encoding="utf-8")
    assert f"--paper: {turned('#ffffff')};" in css
    for gray in grays[:-1]:
        assert max(channels(turned(gray))) - min(channels(turned(gray))) <= 1


def test_hue_is_kept():
    """The strongest and the weakest of red, green and blue stay so."""
    colors = {
        color
        for path in DRAWN
        for color in re.findall(r"#[0-9a-f]{6}\b", path.read_text("utf-8"))
        if max(channels(color)) - min(channels(color)) > 60
    }
    assert len(colors) >= 3
    for color in colors:
        before, after = channels(color), channels(turned(color))
        assert np.argmax(after) == np.argmax(before), (color, after)
        assert np.argmin(after) == np.argmin(before), (color, after)
        assert max(after) - min(after) > 30, (color, after)


def test_a_photograph_stays_as_it_is():
    gray = np.repeat(np.arange(48).reshape(4, 4, 3)[..., :1] * 5, 3, axis=2)
    image = f'<image xlink:href="data:image/png;base64,{png(gray)}"/>'
    assert image in dark.dark(svg(image + '<path fill="#000000"/>'))


def test_a_drawing_in_pixels_is_turned_around():
    pixels = np.full((4, 4, 3), 255)
    pixels[0] = [0, 0, 160]
    image = f'<image xlink:href="data:image/png;base64,{png(pixels)}"/>'
    made = re.search(r"base64,([^\"]+)", dark.dark(svg(image)))[1]
    with Image.open(io.BytesIO(base64.b64decode(made))) as twin:
        turned = np.asarray(twin.convert("RGB")).astype(int)
    assert turned.shape == pixels.shape
    assert turned[1:].max() < 60  # white became the paper of the night
    assert (turned[0].argmax(axis=-1) == 2).all()  # blue is blue


def test_letters_without_a_color_are_light_by_night():
    twin = bs4.BeautifulSoup(dark.dark(svg("<text>a</text>")), "xml")
    assert luminance(twin.svg["fill"]) > 0.75


def test_names_that_look_like_colors_stay():
    use = '<use xlink:href="#abcdef1234"/><path clip-path="url(#p0123456789)"/>'
    assert use in dark.dark(svg(use))


@pytest.fixture
def images(tmp_path):
    """The two images of a figure whose words are hard."""
    source = tmp_path / "drawn.svg"
    source.write_text(svg('<path fill="#ffffff"/>'))
    words = 'Where "a" < b & c > d, it\'s <b>bold</b>'
    target = tmp_path / "out" / "a figure.svg"
    html = figures.html(source, target, "../_images", words)
    return words, bs4.BeautifulSoup(html, "lxml").select("img"), target


def test_a_figure_has_its_words_whatever_they_are(images):
    words, found, _ = images
    assert [image["alt"] for image in found] == [words, words]


def test_a_figure_has_a_day_a_night_and_a_size(images):
    _, found, target = images
    assert [image["class"] for image in found] == [["by-day"], ["by-night"]]
    assert found[0]["src"] == "../_images/a%20figure.svg"
    assert found[1]["src"] == "../_images/a%20figure-dark.svg"
    assert target.with_name("a figure-dark.svg").is_file()
    for image in found:
        assert (image["width"], image["height"]) == ("96", "48")
        assert image["loading"] == "lazy"


def test_a_drawing_that_keeps_its_name_has_its_own_night(tmp_path):
    source, target = tmp_path / "drawn.svg", tmp_path / "out" / "drawn.svg"
    for color in ("#ffffff", "#0072b2"):
        source.write_text(svg(f'<path fill="{color}"/>'))
        figures.html(source, target, "_images", "a square")
        night = target.with_name("drawn-dark.svg").read_text("utf-8")
        assert night.startswith(dark.dark(source.read_text("utf-8")))


def test_a_drawing_that_stays_is_not_turned_again(tmp_path, monkeypatch):
    source, target = tmp_path / "drawn.svg", tmp_path / "out" / "drawn.svg"
    source.write_text(svg("<text>a</text>"))
    once = figures.html(source, target, "_images", "a letter")
    monkeypatch.setattr(dark, "dark", None)  # to call it would raise
    assert figures.html(source, target, "_images", "a letter") == once


def test_every_night_is_of_the_day_that_the_site_shows():
    assert len(DRAWN) > 20
    for day in DRAWN:
        night = day.with_name(f"{day.stem}-dark.svg").read_text("utf-8")
        assert night.startswith(dark.dark(day.read_text("utf-8"))), day.name


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_figure_of_a_page_has_all_that(lesson):
    folder = (SITE / lesson).parent
    shown = soup(lesson).select("article img")
    days = [image for image in shown if "by-day" in image["class"]]
    nights = [image for image in shown if "by-night" in image["class"]]
    assert len(days) == len(nights) == len(shown) / 2
    for day, night in zip(days, nights):
        text = (folder / day["src"]).read_text("utf-8")
        drawing = bs4.BeautifulSoup(text, "xml").svg
        for side in ("width", "height"):
            pixels = float(drawing[side].removesuffix("pt"))
            pixels *= 4 / 3 if drawing[side].endswith("pt") else 1
            assert abs(int(day[side]) - pixels) <= 0.5
            assert night[side] == day[side]
        for image in (day, night):
            assert image["loading"] == "lazy"
            assert len(image["alt"].split()) >= 5
        twin = (folder / night["src"]).read_text("utf-8")
        assert twin != text and day["alt"] == night["alt"]


def test_the_book_has_figures():
    assert sum(len(soup(lesson).select("article img")) for lesson in LESSONS) > 60
