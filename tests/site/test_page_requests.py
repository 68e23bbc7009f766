"""A browser loads little for a page, and only from the site."""

from __future__ import annotations

import shutil
from urllib.parse import urlsplit

import pytest
from support import ROOT
from support.served import served
from support.site_pages import FIRST, LESSONS, PAGES, SITE, soup

from bookbuild import settings

BASE = settings.repository(ROOT).public_site

every_lesson = pytest.mark.parametrize("name", LESSONS)
NETWORKS = "chapters/linear-networks"
MOST_OF_FIRST_VISIT = 150_000  # bytes, as sent, images aside
MOST_OF_A_PAGE = 31_000
# Formulas are most of these pages, and each framework's code and outputs of
# the longest: bytes, as sent, and the number of formulas.
HEAVY = {
    f"{NETWORKS}/linear-regression-scratch.html": 42_000,  # 38,600: derivations, runs
    f"{NETWORKS}/softmax-regression-scratch.html": 44_000,  # 40,200: runs
    f"{NETWORKS}/softmax-regression.html": 44_000,  # 40,000: all derivation
    "chapters/appendix/naive-bayes-underflow.html": 36_000,  # 32,800: runs
    f"{NETWORKS}/linear-regression.html": 36_000,  # 32,300: derivation, runs
}


WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
"""


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_no_page_makes_requests_to_other_sites_or_breaks_its_policy(browser, scheme):
    """Check this on every page, with everything that a reader can use on it."""
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
            page.locator(".bar .theme-button").click()
            if page.locator(".choose-framework").count():
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
    """Return what each page loads on a first visit, except for offline reading."""
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
def test_a_next_page_is_lighter_than_a_first_visit(loads, name):
    assert 1_000 < loads[name]["own"] < HEAVY.get(name, MOST_OF_A_PAGE)


def test_every_exempted_page_still_exceeds_the_limit(loads):
    for name in HEAVY:
        assert loads[name]["own"] >= MOST_OF_A_PAGE


@every_lesson
def test_a_page_loads_only_what_it_uses(loads, name):
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


def test_the_page_for_missing_addresses_works_at_any_depth(browser, tmp_path):
    place = urlsplit(BASE).path.lstrip("/")
    shutil.copytree(SITE, tmp_path / place, symlinks=True, dirs_exist_ok=True)
    shutil.copy(SITE / "404.html", tmp_path / "404.html")
    with served(tmp_path) as url:
        page = browser.new_page()
        failed = []
        page.on(
            "response", lambda got: got.status >= 400 and failed.append(got.url)
        )
        for path in ("no.html", "chapters/no/such/page.html", "a/b/c/"):
            failed.clear()
            answer = page.goto(f"{url}{place}{path}")
            assert answer.status == 404
            assert failed == [f"{url}{place}{path}"]
            assert page.evaluate("document.styleSheets[0].cssRules.length") > 50
            links = page.evaluate("[...document.links].map(a => a.href)")
            assert len(links) > len(LESSONS)
            for link in {link.split("#")[0] for link in links}:
                if link.startswith(url) and not link.endswith(path):
                    target = tmp_path / urlsplit(link).path.lstrip("/")
                    assert target.is_file() or target == tmp_path / place, link
        page.locator(".skip").focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"{url}{place}{path}#main")
        assert page.locator("h1").inner_text() == "No such page"
        page.goto(f"{url}{place}chapters/softmax_regresion.html")
        page.locator(".search-address").click()
        page.wait_for_url("**/search.html?q=softmax+regresion")
        assert "Softmax" in page.locator("#search li").first.inner_text()
        page.go_back()
        page.get_by_role("link", name="first page").click()
        page.wait_for_url(f"{url}{place}{FIRST}")
        page.close()
