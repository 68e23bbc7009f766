"""Everyone can read the book: with the keyboard, a screen reader, or large text.

Checks that apply to every page are in test_pages.py. The checks here need an action by
the reader, or concern the figures.
"""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image
from support import ROOT, axe
from support.browser import (
    DESKTOP,
    PHONE,
    choose,
    has_tabs,
    size,
    unfold,
    until,
)
from support.page_facts import CONTENT, READY
from support.site_pages import LESSONS, SITE, frameworks_of


LESSON = "chapters/linear-networks/linear-regression.html"  # terms and equations
THEORY = "chapters/linear-networks/softmax-regression.html"  # tables and exercises
REFERENCE = "article a.reference[href*='#equation-']"


def open_search(page) -> None:
    page.keyboard.press("/")
    page.locator("dialog input").fill("gradient")
    page.locator("dialog li").first.wait_for()


def open_contents(page) -> None:
    page.locator(".contents-button").click()
    page.locator("#contents a").first.wait_for()


def open_menu(page) -> None:
    page.locator(".launch-menu summary").click()
    page.locator(".launch-menu a >> visible=true").first.wait_for()


def open_preview(page) -> None:
    page.locator(REFERENCE).first.focus()
    page.locator("#preview").wait_for()


def open_sheet(page) -> None:
    page.locator(REFERENCE).first.tap()
    page.locator(".sheet").wait_for()


def open_figure(page) -> None:
    page.locator("article figure img:visible").first.click()
    page.locator(".lightbox").wait_for()


# How something is opened, on which screens, and what it is. On a wide screen, the
# contents are always open.
OPENINGS = [
    (open_search, PHONE, "dialog"),
    (open_search, DESKTOP, "dialog"),
    (open_contents, PHONE, "#contents"),
    (open_menu, PHONE, ".launch-menu"),
    (open_menu, DESKTOP, ".launch-menu"),
    (open_preview, PHONE, "#preview"),
    (open_preview, DESKTOP, "#preview"),
    (open_sheet, PHONE, ".sheet"),
    (open_figure, PHONE, ".lightbox"),
    (open_figure, DESKTOP, ".lightbox"),
]


@pytest.mark.parametrize(("opening", "width", "part"), OPENINGS)
def test_axe_finds_no_violation_in_opened_menus_and_dialogs(visit, opening, width, part):
    read = visit(LESSON, has_touch=width == PHONE, **size(width))
    opening(read)
    assert read.locator(part).count() == 1
    assert axe.violations(read, within=part) == []
    read.emulate_media(color_scheme="dark")
    assert axe.violations(read, axe.OF_SCHEME, part) == []


def test_after_the_skip_link_dark_text_has_enough_contrast(visit):
    read = visit(f"{LESSON}#main", color_scheme="dark", **size(DESKTOP))
    assert axe.violations(read, ["color-contrast"], ".on-this-page") == []


# The keyboard

FOCUSED = "document.activeElement.outerHTML"


def test_shift_tab_visits_the_stops_of_tab_in_reverse(visit):
    read = visit(LESSONS[0], **size(DESKTOP))
    ahead = []
    for _ in range(20):
        read.keyboard.press("Tab")
        ahead.append(read.evaluate(FOCUSED))
    for html in ahead[-2::-1]:
        read.keyboard.press("Shift+Tab")
        assert read.evaluate(FOCUSED) == html


SCROLLS = """(boxes) => boxes.filter((box) => box.checkVisibility()
    && box.scrollWidth > box.clientWidth
    && /auto|scroll/.test(getComputedStyle(box).overflowX))"""


LENGTHEN = """() => {
    for (const cell of document.querySelectorAll("article .wide td:last-child"))
        cell.append("·".repeat(100));
    window.dispatchEvent(new Event("resize"));
}"""


@pytest.mark.parametrize("kind", ["pre", ".formula", ".wide"])
def test_arrow_keys_scroll_boxes_that_are_too_wide(visit, kind):
    found = 0
    for page in LESSONS:
        read = visit(page, **size(320))
        read.evaluate(READY)
        unfold(read)
        if kind == ".wide":  # the book's own tables fit even on a narrow screen
            read.evaluate(LENGTHEN)
        read.evaluate("new Promise((done) => requestAnimationFrame(done))")
        boxes = read.locator(f"article {kind}")
        for framework in frameworks_of(page) if has_tabs(read) else [""]:
            if framework:
                choose(read, framework)
            reached = boxes.evaluate_all(
                f"(all) => ({SCROLLS})(all).map((box) => box.tabIndex === 0)"
            )
            assert all(reached), page
            found += len(reached)
        if found:
            boxes.evaluate_all(f"(all) => ({SCROLLS})(all)[0].focus()")
            read.keyboard.press("ArrowRight")
            until(read, "document.activeElement.scrollLeft > 0")
            break
    assert found, f"no {kind} is wide enough to scroll"


def at(page, selector: str) -> bool:
    return page.evaluate(
        "(selector) => document.activeElement.matches(selector)", selector
    )


def test_keys_open_and_close_the_contents_and_return_the_focus(visit):
    read = visit(LESSON, **size(PHONE))
    contents = read.locator("#contents")
    read.locator(".contents-button").focus()
    read.keyboard.press("Enter")
    contents.wait_for()
    read.keyboard.press("Tab")
    assert at(read, "#contents *")
    read.keyboard.press("Escape")
    contents.wait_for(state="hidden")
    assert at(read, ".contents-button")


def test_keys_open_and_close_the_menu_and_return_the_focus(visit):
    read = visit(LESSON, **size(DESKTOP))
    first = read.locator(".launch-menu a >> visible=true").first
    read.locator(".launch-menu summary").focus()
    read.keyboard.press("Enter")
    first.wait_for()
    read.keyboard.press("Tab")
    assert at(read, ".launch-menu a")
    read.keyboard.press("Escape")
    first.wait_for(state="hidden")
    assert at(read, ".launch-menu summary")


@pytest.mark.parametrize(
    ("start", "key"), [(".search-button", "Enter"), (".home", "/")]
)
def test_keys_open_and_close_the_search_and_return_the_focus(visit, start, key):
    read = visit(LESSON, **size(DESKTOP))
    read.locator(start).focus()
    read.keyboard.press(key)
    read.locator("dialog input").wait_for()
    assert at(read, "dialog input")
    read.keyboard.type("gradient")
    assert read.locator("dialog li").count() > 1
    read.keyboard.press("ArrowDown")
    assert at(read, "dialog li:first-child a")
    for _ in range(30):  # around and around, but never behind the dialog
        read.keyboard.press("Tab")
        assert at(read, "dialog, dialog *, body")
    read.keyboard.press("Escape")
    read.locator("dialog").wait_for(state="hidden")
    assert at(read, start)


def test_escape_closes_a_preview_and_keeps_the_focus(visit):
    read = visit(LESSON, **size(DESKTOP))
    open_preview(read)
    read.keyboard.press("Escape")
    read.locator("#preview").wait_for(state="hidden")
    assert at(read, REFERENCE)


# Motion and color


def test_the_check_for_motion_notices_motion(visit):
    """Check that the page moves unless the reader prefers less motion."""
    read = visit(LESSON, reduced_motion="no-preference", **size(DESKTOP))
    assert read.evaluate(CONTENT)["moving"] > 0


def luminance(color: str) -> float:
    """Return the relative luminance of an sRGB color, by WCAG 2.2."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in parts
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def blended(color: str, opacity: float, background: str) -> str:
    mixed = (
        opacity * int(color[i : i + 2], 16)
        + (1 - opacity) * int(background[i : i + 2], 16)
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


# Returns the kind, the colors, and the place of each shape in a drawing.
INKS = """() => {
    const found = [], letters = [];
    const shapes = "path, use, text, circle, ellipse, line, polyline, " +
      "polygon, rect";
    const hex = (color) => "#" + color.match(/[\\d.]+/g).slice(0, 3)
      .map((n) => (+n).toString(16).padStart(2, "0")).join("");
    for (const shape of document.querySelectorAll(shapes)) {
      if (shape.closest("defs, clipPath, marker")) continue;
      const style = getComputedStyle(shape);
      const strokes = style.stroke !== "none" && parseFloat(style.strokeWidth);
      const colors = [];
      if (style.fill !== "none") {
        colors.push([hex(style.fill), style.opacity * style.fillOpacity]);
      }
      if (strokes) {
        colors.push([hex(style.stroke), style.opacity * style.strokeOpacity]);
      }
      let kind = "line";
      if (shape.closest("text, [id^=text_]")) {
        kind = strokes ? "halo" : "letter";
      } else if (shape.closest("[id^=xtick_], [id^=ytick_]")
          && shape.hasAttribute("clip-path")) {
        kind = "grid";
      } else if (shape.closest("[id^=patch_]") || shape.matches("rect")) {
        kind = "ground"; // of the drawing, a panel, a legend, a box
      }
      const {left, top, right, bottom} = shape.getBoundingClientRect();
      if (colors.length) {
        found.push({kind, colors, box: [left, top, right, bottom]});
      }
      if (kind === "letter") letters.push(shape);
    }
    // Last, since a change of style makes the next look at one slow.
    letters.forEach((shape) => { shape.style.visibility = "hidden"; });
    return found;
}"""

# Returns the drawing in its present state, as a PNG. On a busy machine, Chromium's own
# screenshot may fail right after the browser has moved to another page.
PICTURE = """async () => {
    const drawing = new Image();
    const text = new XMLSerializer().serializeToString(document);
    drawing.src = "data:image/svg+xml," + encodeURIComponent(text);
    await drawing.decode();
    const kind = "http://www.w3.org/1999/xhtml";
    const canvas = document.createElementNS(kind, "canvas");
    const {width, height} = document.documentElement.getBoundingClientRect();
    [canvas.width, canvas.height] = [Math.ceil(width), Math.ceil(height)];
    const brush = canvas.getContext("2d");
    brush.fillStyle = "white";
    brush.fillRect(0, 0, canvas.width, canvas.height);
    brush.drawImage(drawing, 0, 0, width, height);
    return canvas.toDataURL().split(",")[1];
}"""


def picture(read) -> Image.Image:
    png = base64.b64decode(read.evaluate(PICTURE))
    return Image.open(io.BytesIO(png)).convert("RGB")


def paper(night: bool) -> str:
    """Return the background of pages, from the stylesheet."""
    css = (ROOT / "_theme" / "css" / "base.css").read_text(encoding="utf-8")
    grounds = re.findall(r"--paper: (#[0-9a-f]{6});", css)
    assert len(set(grounds)) == 2
    return grounds[1 if night else 0]


def background(picture: Image.Image, box: list[float]) -> str:
    """Return the most common color of a part of a picture."""
    left, top, right, bottom = (round(edge) for edge in box)
    part = picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    _, color = max(part.getcolors(part.width * part.height))
    return "#" + "".join(f"{c:02x}" for c in color)


def drawn_paper(picture: Image.Image) -> str:
    """Return the color in the corner of a drawing."""
    return background(picture, [0, 0, 2, 2])


# Axes and ticks are pale on purpose. Without them a figure says as much.
FRAMES = {"#bfbfbf", "#575a5d"}


def too_pale(visit, site: str, night: bool) -> set:
    """Return the shapes with too little contrast, in all figures of a color scheme.

    WCAG 2.2 requires a ratio of 4.5 for letters and of 3 for lines and marks.
    """
    figures = sorted(
        path
        for path in SITE.glob("_images/*.svg")
        if path.stem.endswith("-dark") == night
    )
    assert len(figures) > 20
    read = visit("404.html", viewport={"width": 1000, "height": 1000})
    pale, letters = set(), 0
    for figure in figures:
        read.goto(f"{site}_images/{figure.name}")
        inks = read.evaluate(INKS)
        below = picture(read)
        for ink in inks:
            if ink["kind"] == "letter":
                grounds, least = [background(below, ink["box"])], 4.5
                letters += 1
            elif {color for color, _ in ink["colors"]} <= FRAMES:
                continue
            elif ink["kind"] == "line":
                grounds, least = [paper(night), drawn_paper(below)], 3
            else:
                continue
            for under in grounds:
                best = max(
                    contrast(blended(color, opacity, under), under)
                    for color, opacity in ink["colors"]
                )
                if best < least:
                    colors = tuple(color for color, _ in ink["colors"])
                    pale.add((figure.name, ink["kind"], colors, under))
    assert letters > 500
    return pale


@pytest.mark.parametrize("night", [False, True], ids=["day", "night"])
def test_every_mark_in_a_figure_has_enough_contrast(visit, site, night):
    assert too_pale(visit, site, night) == set()


def test_the_columns_of_a_table_are_aligned_on_a_phone(visit):
    read = visit(THEORY, **size(PHONE))
    edges = """[...document.querySelectorAll("article table")].map((table) =>
        [...table.rows].map((row) => [...row.cells].map(
            (cell) => Math.round(cell.getBoundingClientRect().left))))"""
    tables = read.evaluate(edges)
    assert tables
    for rows in tables:
        assert len({tuple(row) for row in rows}) == 1, rows


def test_every_scrollable_box_and_every_checkbox_has_a_name(visit):
    read = visit(THEORY, **size(PHONE))
    unfold(read)
    boxes = read.locator("article [tabindex='0']:is(pre, .wide, .formula, .math)")
    names = set(boxes.evaluate_all("(all) => all.map((e) => e.ariaLabel)"))
    assert {"Code", "Output"} <= names <= {"Code", "Output", "Formula", "Table"}
    ticks = read.locator(".exercise .done input")
    names = ticks.evaluate_all("(all) => all.map((e) => e.ariaLabel)")
    assert len(set(names)) == len(names) > 5
    assert all(name.startswith("Done: Exercise 4.") for name in names)
    for summary in read.locator("article details.hide > summary").all():
        assert summary.get_attribute("aria-label") is None


@pytest.mark.parametrize("width", [320, PHONE])
def test_the_open_menu_stays_inside_the_window_with_large_letters(visit, width):
    read = visit(THEORY, **size(width))
    read.evaluate("document.documentElement.style.fontSize = '200%'")
    read.locator(".launch-menu > summary").evaluate("(e) => e.click()")
    box = read.locator(".menu-panel").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width
