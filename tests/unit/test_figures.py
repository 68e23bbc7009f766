"""A figure is shown with alternative text, a size, and a dark twin."""

from __future__ import annotations

import bs4
import pytest

from _ext import dark, figures


def svg(inside: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt" '
        f'viewBox="0 0 72 36">{inside}</svg>'
    )


@pytest.fixture
def images(tmp_path):
    """The two images of a figure whose words are hard."""
    source = tmp_path / "drawn.svg"
    source.write_text(svg('<path fill="#ffffff"/>'))
    words = 'Where "a" < b & c > d, it\'s <b>bold</b>'
    target = tmp_path / "out" / "a figure.svg"
    html = figures.html(source, target, "../_images", words)
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
    html = figures.html(source, tmp_path / "out.svg", "", "")
    for image in bs4.BeautifulSoup(html, "lxml").select("img"):
        assert (image["width"], image["height"]) == ("72", "36")


def test_a_redrawn_figure_gets_a_new_dark_image(tmp_path):
    source, target = tmp_path / "drawn.svg", tmp_path / "out" / "drawn.svg"
    for color in ("#ffffff", "#0072b2"):
        source.write_text(svg(f'<path fill="{color}"/>'))
        figures.html(source, target, "_images", "a square")
        night = target.with_name("drawn-dark.svg").read_text("utf-8")
        assert night.startswith(dark.dark(source.read_text("utf-8")))


def test_an_unchanged_figure_is_not_inverted_again(tmp_path, monkeypatch):
    source, target = tmp_path / "drawn.svg", tmp_path / "out" / "drawn.svg"
    source.write_text(svg("<text>a</text>"))
    once = figures.html(source, target, "_images", "a letter")
    monkeypatch.setattr(dark, "dark", None)  # to call it would raise
    assert figures.html(source, target, "_images", "a letter") == once
