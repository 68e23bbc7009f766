"""Every page of the site works in a browser, for every reader.

Each page is opened once per way of reading (support/page_facts.py), and the tests check
the facts that were recorded there.
"""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from support import ROOT, page_facts
from support.browser import PHONE
from support.page_facts import Desktop, Phone
from support.site_pages import (
    CONCISE, FIRST, GLOSSARY, LESSONS, SITE, frameworks_of, initial_of, soup,
)  # fmt: skip

from bookbuild import frameworks

DECLARED = frameworks.used(ROOT)
SEARCH = "search.html?q=gradient"
PAGES = [*LESSONS, SEARCH, "genindex.html", "404.html"]
WITH_CHOICE = [page for page in LESSONS if soup(page).select(".choose-framework")]
WITH_TABS = [page for page in LESSONS if soup(page).select("[role=tablist]")]
# One page of each kind, for checks that are not needed on every page.
KINDS = [FIRST, CONCISE, GLOSSARY, SEARCH]
RAW_TEX = re.compile(r"\\[(\[]|\\[a-zA-Z]+|\$.*?\$")


@pytest.fixture(scope="module")
def desktop(browser, site, request) -> Desktop:
    """Open the page from the disk, where a reader may have copied it."""
    page = request.param
    # 404.html knows only the address at which the book is published.
    base = site if page == "404.html" else SITE.as_uri() + "/"
    facts = page_facts.on_desktop(browser, base + page, frameworks_of(page))
    facts.initial = initial_of(page)
    facts.asked = [url for url in facts.asked if not url.startswith(base)]
    return facts


@pytest.fixture(scope="module")
def phone(browser, site, request) -> Phone:
    page = request.param
    return page_facts.on_phone(
        browser, site + page, frameworks_of(page), judge=page in KINDS
    )


@pytest.fixture(scope="module")
def plain(browser, site, request) -> dict:
    """Return what a browser without scripts shows."""
    return page_facts.without_scripts(browser, site + request.param)


def pages(fixture: str, some: list[str] = PAGES):
    return pytest.mark.parametrize(fixture, some, indirect=True, scope="module")


# Loading


@pages("desktop")
def test_a_page_makes_no_requests_to_other_servers(desktop):
    elsewhere = [
        u for u in desktop.asked if not u.startswith(("data:", "blob:"))
    ]
    assert elsewhere == []


@pages("desktop")
def test_a_page_loads_completely_and_without_errors_from_the_disk(desktop):
    assert desktop.failed == []
    assert desktop.errors == []


@pages("phone")
def test_a_page_loads_completely_and_without_errors_from_a_server(phone):
    assert phone.missing == []
    # Chromium reports the status of 404.html itself.
    own = "the server responded with a status of 404"
    assert [error for error in phone.errors if own not in error] == []


# Text and mathematics


@pages("desktop")
def test_no_page_shows_raw_tex(desktop):
    """Check the text that remains without code and typeset formulas."""
    prose = desktop.content["prose"]
    assert len(prose.split()) > 20
    assert RAW_TEX.findall(prose) == []


@pages("desktop")
def test_every_formula_is_typeset_with_the_font_of_formulas(desktop):
    content = desktop.content
    assert content["typeset"] == content["formulas"]
    assert content["formula_errors"] == 0
    assert content["math_font"] == (content["formulas"] > 0)


@pages("desktop")
def test_a_formula_has_the_color_of_the_words_around_it(desktop):
    assert desktop.off_color == {"light": 0, "dark": 0}


@pages("desktop", LESSONS)
def test_solutions_are_folded_until_the_reader_opens_them(desktop):
    assert desktop.content["open_solutions"] == 0


@pages("desktop")
def test_nothing_moves_for_a_reader_who_asks_for_less_motion(desktop):
    assert desktop.content["moving"] == 0


# Screen readers


@pages("desktop")
def test_a_page_states_its_language_its_title_and_its_landmarks(desktop):
    assert desktop.content["language"] == "en"
    assert len(desktop.content["title"].split()) >= 2
    for role in ("banner", "main", "contentinfo"):
        assert len(desktop.roles.get(role, [])) == 1, role
    navigation = desktop.roles["navigation"]
    assert "Contents" in navigation
    assert all(navigation) and len(set(navigation)) == len(navigation)


@pages("desktop")
def test_headings_descend_one_level_at_a_time_from_one_h1(desktop):
    assert list(desktop.headings) == desktop.frameworks
    for levels in desktop.headings.values():
        assert levels.count(1) == 1 and levels[0] == 1
        assert all(new <= old + 1 for old, new in pairwise(levels)), levels


@pages("desktop", LESSONS)
def test_a_screen_reader_gets_every_formula(desktop):
    assert len(desktop.formulas_told) == desktop.formulas
    assert all(text.strip() for text in desktop.formulas_told)


@pages("desktop")
def test_axe_finds_no_violation_in_light_colors(desktop):
    assert desktop.hidden_from_axe == 0
    assert desktop.axe["light"] == []


@pages("desktop")
def test_axe_finds_enough_contrast_in_dark_colors(desktop):
    assert desktop.axe["dark"] == []


@pages("phone", KINDS)
def test_axe_finds_no_violation_on_a_phone_in_dark_colors(phone):
    assert phone.axe == []


# The keyboard


@pages("desktop")
def test_tab_reaches_every_control_in_order_and_then_leaves(desktop):
    assert desktop.stops >= 10
    *reached, last = desktop.reached
    numbers = [stop and stop["number"] for stop in reached]
    assert numbers == list(range(desktop.stops)), reached
    assert last is None or last["number"] == 0


@pages("desktop")
def test_the_focus_is_always_visible(desktop):
    for stop in desktop.reached[: desktop.stops]:
        assert stop and stop["outlined"] and stop["seen"], stop


@pages("desktop")
def test_the_skip_link_comes_first_and_leads_to_the_text(desktop):
    assert desktop.after_skip == {"first": True, "in_text": True}


# Frameworks


@pages("desktop", WITH_TABS)
def test_every_tab_set_follows_the_tab_pattern_of_wai_aria(desktop):
    assert desktop.tab_sets
    for tab_set in desktop.tab_sets:
        assert tab_set["name"]
        tabs = tab_set["tabs"]
        assert [tab["framework"] for tab in tabs] == desktop.frameworks
        for tab in tabs:
            first = tab["framework"] == desktop.initial
            assert tab["name"] == DECLARED[tab["framework"]].label
            assert tab["role"] == "tabpanel" and tab["label"]
            assert tab["selected"] == ("true" if first else "false")
            assert tab["stop"] == (0 if first else -1)
            assert tab["shown"] == (first and not tab["folded"])


@pages("desktop", WITH_TABS)
def test_find_in_page_can_reach_the_hidden_panels(desktop):
    for tab_set in desktop.tab_sets:
        for tab in tab_set["tabs"]:
            shown = tab["framework"] == desktop.initial
            assert tab["hidden"] == (None if shown else "until-found")


@pages("desktop", WITH_CHOICE)
def test_a_new_reader_sees_the_initial_framework(desktop):
    assert desktop.chosen_first == {desktop.initial}


@pages("desktop", WITH_CHOICE)
def test_the_header_chooses_the_framework_of_the_whole_page(desktop):
    assert desktop.chosen == {name: {name} for name in desktop.frameworks}


@pages("phone")
def test_an_address_can_choose_the_framework(phone):
    assert phone.chosen == {phone.frameworks[-1]}


@pages("plain", WITH_TABS)
def test_without_scripts_every_framework_is_shown_under_its_name(plain):
    assert plain["all_panels"] >= 2 and plain["panels"]
    for panel in plain["panels"]:
        assert panel["shown"]
        assert panel["names"] == [DECLARED[panel["framework"]].label]


@pages("plain", WITH_TABS)
def test_without_scripts_no_control_is_shown_that_does_nothing(plain):
    assert plain["dead"] == []
    assert plain["contents"] == 1


# Widths


@pages("desktop")
def test_no_page_scrolls_sideways_on_a_wide_screen(desktop):
    assert len(desktop.widths) == len(desktop.frameworks) * len(page_facts.WIDTHS)
    wide = {k: found for k, found in desktop.widths.items() if found > k[1]}
    assert wide == {}


@pages("phone")
def test_no_page_scrolls_sideways_on_a_phone(phone):
    assert list(phone.widths) == phone.frameworks
    assert max(phone.widths.values()) <= PHONE


@pages("phone")
def test_text_at_twice_the_size_fits_a_phone(phone):
    assert phone.letters == "32px"
    assert list(phone.large_widths) == phone.frameworks
    assert max(phone.large_widths.values()) <= PHONE
    for edges in phone.large_bar_edges.values():
        assert len(edges) >= 3 and max(edges) <= PHONE


@pages("phone", LESSONS)
def test_the_links_to_the_next_pages_fit_a_phone(phone):
    assert phone.neighbor_edges and max(phone.neighbor_edges) <= PHONE
