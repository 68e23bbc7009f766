"""Readers see where they are, and find their place and their progress again."""

from __future__ import annotations

import json

import pytest
from support.browser import DESKTOP, PHONE, size, until
from support.site_pages import GLOSSARY, LESSONS, soup

LESSON = "chapters/linear-networks/linear-regression-scratch.html"
SECTIONS = [a["href"] for a in soup(LESSON).select("#sections nav ul ul a")]
THIRD = SECTIONS[2]
SCROLL = "(hash) => document.querySelector(hash).scrollIntoView()"
STORED = "JSON.parse(localStorage.getItem(choices.key('progress')))"


def title_of(hash: str) -> str:
    return soup(LESSON).select_one(f"#sections a[href='{hash}']").get_text()


@pytest.mark.parametrize("width", [320, PHONE, 820, 1150])
def test_the_header_names_the_section_and_opens_the_list_of_sections(visit, width):
    read = visit(LESSON, **size(width))
    here = read.locator(".here")
    assert here.inner_text() == "On this page"
    read.evaluate(SCROLL, THIRD)
    until(read, f"document.querySelector('.here').innerText === {title_of(THIRD)!r}")
    assert not read.locator("#sections").is_visible()
    here.evaluate("(button) => button.click()")  # click() would scroll the page
    assert read.locator("#sections [aria-current]").inner_text() == title_of(THIRD)
    read.locator(f"#sections a[href='{SECTIONS[0]}']").click()
    assert read.evaluate("location.hash") == SECTIONS[0]
    assert not read.locator("#sections").is_visible()


def test_a_header_of_several_lines_does_not_stay_in_sight(visit):
    read = visit(LESSON, **size(320))
    read.evaluate("document.documentElement.style.fontSize = '250%'")
    until(read, "document.querySelector('.high-bar') !== null")
    read.evaluate(SCROLL, THIRD)
    bar = read.locator(".bar").bounding_box()
    assert bar["y"] + bar["height"] <= 0
    read.evaluate("document.documentElement.style.fontSize = ''")
    until(read, "document.querySelector('.high-bar') === null")


def test_the_contents_show_the_current_page_and_which_pages_were_read(visit):
    last = LESSONS[-1]
    read = visit(last, viewport={"width": 1280, "height": 500})
    current = read.locator("#contents [aria-current]")
    box = current.bounding_box()
    assert 0 < box["y"] and box["y"] + box["height"] <= 500
    read.evaluate(
        "(page) => progress.change(page, { read: true })", LESSON
    )
    read.reload()
    assert read.locator("#contents [aria-label=read]").count() == 1


@pytest.mark.parametrize("width", [1200, DESKTOP, 1920])
def test_the_list_of_sections_is_beside_the_text(visit, width):
    read = visit(LESSON, **size(width))
    assert not read.locator(".here").is_visible()
    text = read.locator("article").bounding_box()
    assert read.locator("#sections").bounding_box()["x"] >= text["x"] + text["width"]
    read.evaluate(SCROLL, THIRD)
    until(read, "document.querySelector('#sections [aria-current]') !== null")
    assert read.locator("#sections [aria-current]").inner_text() == title_of(THIRD)


@pytest.mark.parametrize("page", [LESSON, GLOSSARY])
def test_the_header_is_one_line_on_the_narrowest_phone(visit, page):
    read = visit(page, **size(320))
    read.evaluate("window.scrollTo(0, 5000)")
    assert read.locator(".bar").bounding_box()["height"] < 60


def test_the_list_of_sections_opens_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False, **size(PHONE))
    page = context.new_page()
    page.goto(site + LESSON)
    page.locator(".here").click()
    assert page.locator("#sections nav").is_visible()
    context.close()


def test_a_reader_who_returns_can_continue_in_the_same_section(visit):
    read = visit(LESSON, **size(PHONE))
    assert read.locator(".continue").count() == 0
    read.evaluate(SCROLL, THIRD)
    until(read, f"{STORED} !== null")
    read.goto(read.url.partition("?")[0])
    offer = read.locator(".continue a")
    assert offer.inner_text() == f"Continue at {title_of(THIRD)}"
    offer.click()
    assert read.evaluate("location.hash") == THIRD
    assert read.locator(".continue").count() == 0


def test_a_link_to_a_section_offers_no_other_place(visit):
    read = visit(LESSON, **size(PHONE))
    read.evaluate(SCROLL, THIRD)
    until(read, f"{STORED} !== null")
    read.goto(f"{read.url.partition('?')[0]}{SECTIONS[0]}")
    assert read.locator(".continue").count() == 0


def test_a_page_counts_as_read_at_its_end(visit):
    read = visit(LESSON, **size(DESKTOP))
    read.evaluate("document.querySelector('.neighbors').scrollIntoView()")
    until(read, f"{STORED}?.['{LESSON}']?.read")
    assert read.evaluate(f"{STORED}['{LESSON}'].place") is None


def test_exercises_marked_as_done_stay_marked(visit):
    read = visit(LESSON, **size(DESKTOP))
    boxes = read.locator(".exercise .done input")
    assert boxes.count() == len(soup(LESSON).select(".exercise[id]")) > 5
    boxes.nth(1).check()
    read.reload()
    marks = boxes.evaluate_all("(all) => all.map((box) => box.checked)")
    assert marks.index(True) == 1 and marks.count(True) == 1
    boxes.nth(1).uncheck()
    assert read.evaluate(f"{STORED}['{LESSON}'].done") == []


def test_the_first_page_shows_saves_erases_and_loads_the_progress(visit, tmp_path):
    read = visit(LESSON, **size(DESKTOP))
    read.locator(".exercise .done input").first.check()
    read.goto(read.url.split("linear-regression-scratch")[0] + "index.html")
    mark = read.locator(".mark-read")
    assert "1 of" in mark.inner_text()
    with read.expect_download() as saving:
        read.get_by_role("button", name="Save a copy").click()
    copy = tmp_path / "copy.json"
    saving.value.save_as(copy)
    assert json.loads(copy.read_text())[LESSON]["exercises"] > 5
    read.get_by_role("button", name="Erase").click()
    assert mark.count() == 0
    read.reload()
    assert mark.count() == 0


def test_a_file_that_is_no_copy_of_the_progress_changes_nothing(visit, tmp_path):
    read = visit(LESSON, **size(DESKTOP))
    read.locator(".exercise .done input").first.check()
    read.goto(read.url.split("linear-regression-scratch")[0] + "index.html")
    wrong = tmp_path / "wrong.json"
    wrong.write_text('["not", "progress"]')
    with read.expect_file_chooser() as choosing:
        read.get_by_role("button", name="Load a copy").click()
    choosing.value.set_files(wrong)
    status = read.locator(".progress-tools [role=status]")
    until(read, "document.querySelector('.progress-tools [role=status]').innerText")
    assert status.inner_text() == "This file is not a copy of your progress."
    assert read.locator(".mark-read").count() == 1
