"""Each figure of the built site has a dark twin, a size, and alternative text."""

from __future__ import annotations

import bs4
import pytest
from support.site_pages import LESSONS, SITE, soup

from _ext import dark_figures

DRAWN = sorted(
    path
    for path in (SITE / "_images").glob("*.svg")
    if not path.stem.endswith("-dark")
)


def test_every_dark_image_was_made_from_its_light_image():
    assert len(DRAWN) > 20
    for day in DRAWN:
        night = day.with_name(f"{day.stem}-dark.svg").read_text("utf-8")
        assert night.startswith(dark_figures.darken(day.read_text("utf-8"))), day.name


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_figure_of_a_page_has_a_dark_twin_a_size_and_words(lesson):
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
            is_thumbnail = image.find_parent(class_="page-cards")
            assert is_thumbnail or len(image["alt"].split()) >= 5
        twin = (folder / night["src"]).read_text("utf-8")
        assert twin != text and day["alt"] == night["alt"]


def test_the_book_has_figures():
    assert sum(len(soup(lesson).select("article img")) for lesson in LESSONS) > 60
