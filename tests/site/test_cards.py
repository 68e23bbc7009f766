"""Previews, margin notes, and enlarged figures show more without leaving the place."""

from __future__ import annotations

import pytest
from support import axe
from support.browser import DESKTOP, PHONE, choose, size, until
from support.page_facts import READY
from support.site_pages import CONCISE

LESSON = "chapters/linear-networks/linear-regression.html"  # terms and citations
SCRATCH = "chapters/linear-networks/softmax-regression-scratch.html"
FIGURE = "article a.reference[href*='#fig-']"
WORK = "article a.reference[href*='references.html#']"
PAGE = "article p a.reference[href*='.html#sec-']"
WIDE = 1510


# On hover


@pytest.mark.parametrize(("scheme", "shown"), [("light", "day"), ("dark", "night")])
def test_a_preview_of_a_figure_has_the_colors_of_the_page(visit, scheme, shown):
    read = visit(CONCISE, color_scheme=scheme, **size(DESKTOP))
    read.locator(FIGURE).first.hover()
    image = read.locator("#preview img:visible")
    image.wait_for()
    assert image.get_attribute("class") == f"by-{shown}"
    until(read, f"document.querySelector('#preview .by-{shown}').naturalWidth > 0")
    assert read.locator("#preview .caption-number").inner_text().startswith("Fig.\xa07")


def test_a_preview_of_a_figure_is_the_one_of_the_chosen_framework(visit):
    read = visit(SCRATCH, **size(DESKTOP))
    choose(read, "tensorflow")
    read.locator("article a[href='#fig-softmax-scratch-rates']").first.hover()
    read.locator("#preview figure").wait_for()
    own = read.locator("#fig-softmax-scratch-rates-tensorflow img").first
    assert read.locator("#preview figure").count() == 1
    assert read.locator("#preview img").first.evaluate(
        "image => image.src"
    ) == own.evaluate("image => image.src")


def test_a_preview_of_a_work_replaces_the_tooltip_of_the_browser(visit):
    read = visit(LESSON, **size(DESKTOP))
    work = read.locator(WORK).first
    assert work.get_attribute("title")
    work.hover()
    read.locator("#preview").get_by_text("PLoS ONE").wait_for()
    assert work.get_attribute("title") is None


# On touch


def tapped(visit, address: str, link: str):
    read = visit(address, has_touch=True, is_mobile=True, **size(PHONE))
    read.locator(link).first.tap()
    return read, read.locator(".sheet")


@pytest.mark.parametrize(("address", "link"), [(CONCISE, FIGURE), (LESSON, WORK)])
def test_the_first_tap_shows_a_card_at_the_bottom_and_moves_the_focus_to_it(
    visit, address, link
):
    read, sheet = tapped(visit, address, link)
    sheet.wait_for()
    box = sheet.bounding_box()
    assert round(box["y"] + box["height"]) == 800
    assert box["x"] == 0 and box["width"] == PHONE
    assert sheet.evaluate("sheet => sheet === document.activeElement")
    assert read.url.endswith(address)
    assert not read.locator("#preview").is_visible()


@pytest.mark.parametrize("way", ["a second tap", "a tap elsewhere", "Escape"])
def test_a_card_closes_and_the_page_stays(visit, way):
    read, sheet = tapped(visit, CONCISE, FIGURE)
    sheet.wait_for()
    if way == "Escape":
        read.keyboard.press("Escape")
    else:
        target = FIGURE if way == "a second tap" else "article h1"
        box = read.locator(target).first.bounding_box()
        read.touchscreen.tap(box["x"] + 9, box["y"] + box["height"] / 2)
    sheet.wait_for(state="hidden")
    assert read.url.endswith(CONCISE)
    if way == "Escape":
        assert read.locator(FIGURE).first.evaluate("a => a === document.activeElement")


def test_open_on_a_card_leads_to_its_target(visit):
    read, sheet = tapped(visit, LESSON, WORK)
    target = read.locator(WORK).first.evaluate("link => link.href")
    sheet.get_by_role("link", name="Open").tap()
    read.wait_for_url(target)


def test_a_tap_on_a_link_to_a_whole_page_leads_there_at_once(visit):
    read = visit(LESSON, has_touch=True, is_mobile=True, **size(PHONE))
    target = read.locator(PAGE).first.evaluate("link => link.href")
    read.locator(PAGE).first.tap()
    read.wait_for_url(target)


def test_a_tap_without_previews_follows_the_link(visit):
    read = visit(LESSON, has_touch=True, is_mobile=True, **size(PHONE))
    read.route("**/previews.js", lambda route: route.abort())
    target = read.locator(WORK).first.evaluate("link => link.href")
    read.locator(WORK).first.tap()
    read.wait_for_url(target)


# In the margin

PLACES = """() => [...document.querySelectorAll("article *")]
    .filter((e) => !e.closest(".margin-note") && !e.matches(".enlarge, .enlarge *"))
    .map((e) => e.getBoundingClientRect())
    .map((r) => [r.left, r.top + scrollY, r.width, r.height].map(Math.round).join())"""


def with_notes(visit, width: int, address: str = LESSON):
    read = visit(address, viewport={"width": width, "height": 900})
    read.locator(".margin-note").first.wait_for()
    read.evaluate(READY)
    return read


@pytest.mark.parametrize("width", [WIDE, 1920])
@pytest.mark.parametrize("address", [LESSON, CONCISE])
def test_notes_stand_between_the_text_and_the_list_of_sections(visit, width, address):
    read = with_notes(visit, width, address)
    text = read.locator("article").bounding_box()
    beside = read.locator("#sections nav").bounding_box()
    notes = [note.bounding_box() for note in read.locator(".margin-note:visible").all()]
    bottom = 0
    for note in sorted(notes, key=lambda note: note["y"]):
        assert note["x"] > text["x"] + text["width"]
        assert note["x"] + note["width"] < beside["x"]
        assert note["y"] >= bottom, "two notes overlap"
        bottom = note["y"] + note["height"]


def test_a_note_is_next_to_the_line_that_first_mentions_its_term(visit):
    read = with_notes(visit, WIDE)
    note = read.locator(".margin-note").first
    term = note.locator("xpath=preceding-sibling::a[1]")
    assert note.locator("b").inner_text() == term.inner_text()
    distance = note.bounding_box()["y"] - term.bounding_box()["y"]
    assert abs(distance) < 40


def test_each_term_and_work_has_one_note_on_a_page(visit):
    read = with_notes(visit, WIDE)
    targets = read.locator(".margin-note").evaluate_all(
        "notes => notes.map((note) => note.previousElementSibling.href)"
    )
    assert len(targets) > 10
    assert len(set(targets)) == len(targets)


def test_the_text_does_not_move_when_the_notes_arrive(visit):
    read = with_notes(visit, WIDE)
    after = read.evaluate(PLACES)
    read.evaluate(
        "document.querySelectorAll('.margin-note').forEach((note) => note.remove())"
    )
    assert read.evaluate(PLACES) == after


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_notes_have_enough_contrast(visit, scheme):
    read = visit(LESSON, color_scheme=scheme, viewport={"width": WIDE, "height": 900})
    read.locator(".margin-note").first.wait_for()
    assert axe.violations(read, ["color-contrast"], ".margin-note") == []


def test_copied_text_does_not_contain_notes(visit):
    read = with_notes(visit, WIDE)
    note = read.locator(".margin-note").first
    copied = note.locator("xpath=ancestor::p").evaluate(
        "(text) => { getSelection().selectAllChildren(text);"
        " return getSelection().toString(); }"
    )
    assert "penguin" in copied
    assert note.locator("p").inner_text() not in copied


def test_notes_are_hidden_from_screen_readers_and_on_narrow_screens(visit):
    read = with_notes(visit, WIDE)
    notes = read.locator(".margin-note")
    assert notes.count() == read.locator(".margin-note[aria-hidden=true]").count()
    read.set_viewport_size({"width": 1400, "height": 900})
    notes.first.wait_for(state="hidden")


# Enlarged figures

SHOWN = "article figure.enlargeable:visible"


def test_the_keyboard_enlarges_a_figure_and_escape_returns_the_focus(visit):
    read = visit(CONCISE, **size(DESKTOP))
    button = read.locator(f"{SHOWN} .enlarge").first
    assert button.get_attribute("aria-label") == "Enlarge Fig.\xa07.1"
    button.focus()
    read.keyboard.press("Enter")
    dialog = read.get_by_role("dialog", name="Fig. 7.1")
    dialog.wait_for()
    read.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert button.evaluate("button => button === document.activeElement")


@pytest.mark.parametrize(("scheme", "shown"), [("light", "day"), ("dark", "night")])
def test_a_click_enlarges_a_figure_in_the_colors_of_the_page(visit, scheme, shown):
    read = visit(CONCISE, color_scheme=scheme, **size(DESKTOP))
    figure = read.locator(SHOWN).first
    image = figure.locator("img:visible")
    assert image.evaluate("image => getComputedStyle(image).cursor") == "zoom-in"
    image.click()
    large = read.locator(".lightbox img:visible")
    assert large.get_attribute("class") == f"by-{shown}"
    assert large.get_attribute("alt") == image.get_attribute("alt")
    assert large.bounding_box()["width"] > 1.5 * image.bounding_box()["width"]
    caption = figure.locator(".caption-text").inner_text()
    assert caption in read.locator(".lightbox-caption").inner_text()
    read.get_by_role("button", name="Close").click()
    assert not large.is_visible()
    assert figure.locator(".enlarge").evaluate("b => b === document.activeElement")


def test_an_enlarged_figure_can_be_zoomed_and_scrolled_on_a_phone(visit):
    read = visit(CONCISE, has_touch=True, is_mobile=True, **size(PHONE))
    read.locator(f"{SHOWN} img:visible").first.tap()
    large = read.locator(".lightbox img:visible")
    zoom_in = read.get_by_role("button", name="Zoom in")
    # A wide figure opens enlarged, because the screen is as narrow as the text.
    assert zoom_in.count() == 0
    before = large.bounding_box()["width"]
    large.tap()
    assert large.bounding_box()["width"] < before / 2
    assert zoom_in.count() == 1
    large.tap()
    assert large.bounding_box()["width"] == before
    picture = read.locator(".lightbox-picture")
    assert picture.evaluate("box => box.scrollWidth > box.clientWidth")
    viewport = read.locator("meta[name=viewport]").get_attribute("content")
    assert "scalable" not in viewport and "maximum" not in viewport


def test_without_scripts_nothing_can_be_enlarged(visit):
    read = visit(CONCISE, java_script_enabled=False, **size(DESKTOP))
    assert read.locator("article figure").count() > 2
    assert read.locator(".enlarge, .enlargeable").count() == 0
