"""What a browser loads for a page: little, and from the site alone."""

from __future__ import annotations

import pytest
from support.served import served
from support.site_pages import CONCISE, LESSONS, PAGES, SITE, soup

every_lesson = pytest.mark.parametrize("name", LESSONS)
NETWORKS = "chapters/linear-networks"
MOST_OF_FIRST_VISIT = 150_000  # bytes, as sent, images aside
MOST_OF_A_PAGE = 30_000
# Formulas are most of these pages, and each framework's code and outputs of
# the longest: bytes, as sent, and the number of formulas.
HEAVY = {
    CONCISE: 64_000,  # 58,700: twice the cells of any other page, 319 formulas
    f"{NETWORKS}/softmax-regression.html": 38_000,  # 34,100: all derivation
    f"{NETWORKS}/linear-regression.html": 36_000,  # 32,300: derivation, runs
}


WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
"""


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_nothing_asks_the_outside_and_nothing_is_refused(browser, scheme):
    """On every page, with all that a reader can use on it."""
    with served(SITE) as url:
        base = url if scheme == "http" else SITE.as_uri() + "/"
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_init_script(WATCH)
        asked, wrong = [], []
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console", lambda said: said.type == "error" and wrong.append(said.text)
        )
        for name in [name for name in PAGES if name != "404.html"]:
            page.goto(base + name)
            page.locator(".theme-button").click()
            page.locator(".choose-framework").select_option("tensorflow")
            if page.locator("[role=tab]").count():
                page.locator("[role=tab]:visible").first.click()
            link = page.locator(
                "article a.reference.internal:is([href*='#term-'],"
                " [href*='#equation-']):visible"
            )
            if link.count():
                link.first.focus()
                page.locator("#preview:visible").wait_for()
            page.keyboard.press("Escape")
            if name != "search.html":
                page.keyboard.press("/")
            page.locator("#search-field").fill("softmax")
            assert page.locator(".search-finds li").count() > 0
            page.evaluate(
                "[...document.images].forEach(i => { i.loading = 'eager'; })"
            )
            assert page.evaluate("window.violations") == [], name
            assert wrong == [], name
        context.close()
    assert len(asked) > 5 * len(PAGES)
    outside = [one for one in asked if not one.startswith((base, "data:"))]
    assert outside == []


SENT = """async () => {
  await document.fonts.ready;
  const parts = performance.getEntriesByType("resource").map((entry) =>
    [new URL(entry.name).pathname, entry.encodedBodySize]);
  const [own] = performance.getEntriesByType("navigation");
  return { own: own.encodedBodySize, parts };
}"""


@pytest.fixture(scope="module")
def loads(browser):
    """What each page loads on a first visit, as sent, saving aside."""
    found = {}
    with served(SITE) as url:
        for name in LESSONS:
            context = browser.new_context(
                service_workers="block",
                viewport={"width": 1280, "height": 800},
            )
            page = context.new_page()
            page.goto(url + name, wait_until="networkidle")
            found[name] = page.evaluate(SENT)
            context.close()
    return found


@every_lesson
def test_a_first_visit_is_light(loads, name):
    parts = loads[name]["parts"]
    rest = sum(size for path, size in parts if "_images/" not in path)
    assert 10_000 < loads[name]["own"] + rest < MOST_OF_FIRST_VISIT


@every_lesson
def test_the_next_page_is_lighter(loads, name):
    assert 1_000 < loads[name]["own"] < HEAVY.get(name, MOST_OF_A_PAGE)


def test_no_page_is_excused_that_need_not_be(loads):
    for name in HEAVY:
        assert loads[name]["own"] >= MOST_OF_A_PAGE


@every_lesson
def test_a_page_loads_what_it_uses_and_nothing_else(loads, name):
    paths = {path.removeprefix("/") for path, _ in loads[name]["parts"]}
    rest = {
        path
        for path in paths
        if not path.startswith(("_images/", "_static/fonts/"))
    }
    assert rest <= {
        "_static/book.css",
        "_static/book.js",
        "_static/early.js",
        "_static/favicon.svg",
    }
    # Formulas alone need the font of formulas.
    has_formulas = bool(soup(name).select("main math"))
    assert ("_static/fonts/math.woff2" in paths) == has_formulas
