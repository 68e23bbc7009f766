"""One choice of framework applies to the whole book, and the page does not jump."""

from __future__ import annotations

import re
import subprocess

import pytest
from lxml import etree
from support import ROOT, machine
from support.browser import DESKTOP, PHONE, choose, size, unfold, until
from support.page_facts import CHOSEN, FRAME
from support.served import served
from support.site_pages import LESSONS as ALL_LESSONS
from support.site_pages import SITE, copied, frameworks_of

from bookbuild import frameworks

DECLARED = {n: f for n, f in frameworks.used(ROOT).items() if f.default}
FRAMEWORKS = list(DECLARED)
# What readers see until they choose, and what they choose in these tests
FIRST = frameworks.initial(list(DECLARED.values())).name
LAST = next(name for name in reversed(FRAMEWORKS) if name != FIRST)


def html_of(page: str):
    return etree.HTML((SITE / page).read_text(encoding="utf-8"))


def weight(page: str) -> int:
    return (SITE / page).stat().st_size


def tab_sets(page: str) -> int:
    return len(html_of(page).findall(".//*[@role='tablist']"))


def deeper(page: str) -> list:
    return html_of(page).xpath(".//details[contains(@class, 'deeper')]")


LESSONS = [page for page in ALL_LESSONS if tab_sets(page)]
# A page that offers a framework which not every page offers, and that framework
RARE = next(n for n, f in frameworks.used(ROOT).items() if not f.default)
ADDITIONAL = max((p for p in LESSONS if RARE in frameworks_of(p)), key=tab_sets)
FRAMEWORKLESS = next(page for page in ALL_LESSONS if frameworks_of(page) == [RARE])
HEAVIEST = max(LESSONS, key=weight)
DEEPEST = max(LESSONS, key=lambda page: len(deeper(page)))
LIGHTEST = min((p for p in LESSONS if tab_sets(p) > 5), key=weight)
REFUSE = """for (const name of ["getItem", "setItem"]) {
    Storage.prototype[name] = () => { throw new DOMException("refused"); };
}"""
COVERED = """[...document.querySelectorAll(".copy-buttons")].flatMap((buttons) => {
    const over = buttons.getBoundingClientRect();
    if (!over.width) return [];
    return [...document.querySelectorAll("[role=tab]")].filter((tab) => {
      const under = tab.getBoundingClientRect();
      return under.width && under.left < over.right && over.left < under.right &&
        under.top < over.bottom - 1 && over.top < under.bottom - 1;
    }).map((tab) => tab.textContent);
})"""
every_framework = pytest.mark.parametrize("framework", FRAMEWORKS)


def chosen(page) -> set[str]:
    """Return the frameworks that anything on a page shows as chosen."""
    return set(page.evaluate(CHOSEN))


# The keys of the tab pattern in the WAI-ARIA Authoring Practices


@pytest.mark.parametrize(
    ("key", "start", "end"),
    [
        ("ArrowRight", 0, 1),
        ("ArrowRight", -1, 0),
        ("ArrowLeft", 0, -1),
        ("ArrowLeft", -1, -2),
        ("Home", -1, 0),
        ("End", 0, -1),
    ],
)
def test_keys_move_from_tab_to_tab_and_wrap_around(visit, key, start, end):
    read = visit(f"{LIGHTEST}?framework={FRAMEWORKS[start]}")
    read.locator("[role=tab][aria-selected=true]").nth(1).focus()
    read.keyboard.press(key)
    assert chosen(read) == {FRAMEWORKS[end]}
    focused, number = read.evaluate(
        "[document.activeElement.dataset.framework, "
        "[...document.querySelectorAll('[role=tablist]')]"
        ".indexOf(document.activeElement.parentElement)]"
    )
    assert (focused, number) == (FRAMEWORKS[end], 1)


def test_other_keys_are_left_to_the_browser(visit):
    read = visit(LIGHTEST)
    read.locator("[role=tab][aria-selected=true]").first.focus()
    read.keyboard.press("ArrowUp")
    read.keyboard.press("a")
    assert chosen(read) == {FIRST}
    read.keyboard.press("Tab")  # a tab set is one stop
    assert not read.evaluate("document.activeElement.matches('[role=tab]')")


# One choice


def test_a_click_on_a_tab_chooses_for_the_whole_page(visit):
    read = visit(LIGHTEST)
    read.locator(f"[role=tab][data-framework={LAST}]").first.click()
    assert chosen(read) == {LAST}


def test_a_shared_cell_keeps_its_code_and_changes_its_outputs(visit):
    read = visit(f"{LIGHTEST}?framework={FIRST}")
    cell = read.locator(".cell:has(> .cell_input):has(.copy-code):has(.tab pre)").first
    cell.evaluate("(e) => e.closest('details')?.setAttribute('open', '')")
    code, outputs = cell.locator(".cell_input pre"), cell.locator(".cell_output")
    before = code.inner_text(), outputs.inner_text()
    choose(read, LAST)
    assert code.is_visible() and code.inner_text() == before[0]
    assert outputs.inner_text() != before[1]
    assert cell.locator(".copy-code").count() == 1


def test_a_sentence_shows_the_number_of_the_chosen_framework(visit):
    page = next(p for p in LESSONS if html_of(p).findall(".//span[@class='value']"))
    read = visit(f"{page}?framework={FIRST}")
    shown = """[...document.querySelectorAll(".value, .without-scripts")]
        .filter((e) => e.checkVisibility()).map((e) => e.dataset.framework)"""
    open_all = "document.querySelectorAll('details').forEach((d) => { d.open = true })"
    read.evaluate(open_all)
    assert set(read.evaluate(shown)) == {FIRST}
    choose(read, LAST)
    assert set(read.evaluate(shown)) == {LAST}


def test_a_choice_is_remembered_on_the_next_page(visit):
    read = visit(LESSONS[0])
    choose(read, LAST)
    read.locator("a[rel=next]").first.click()
    read.wait_for_url(re.compile(re.escape(LESSONS[1])))
    assert "framework=" not in read.url
    assert chosen(read) == {LAST}


def test_a_framework_in_the_address_is_kept_for_the_visit(visit):
    read = visit(f"{LESSONS[0]}?framework={LAST}")
    read.locator("a[rel=next]").first.click()
    read.wait_for_url(re.compile(re.escape(LESSONS[1])))
    assert "framework=" not in read.url
    assert chosen(read) == {LAST}
    site = read.url.removesuffix(LESSONS[1])
    for page in LESSONS[2:5]:
        read.goto(site + page)
        assert chosen(read) == {LAST}
    # The reader has not chosen it, so it does not affect the next visit.
    later = read.context.new_page()
    later.goto(read.url)
    assert chosen(later) == {FIRST}


def test_a_page_without_the_chosen_framework_shows_the_one_chosen_before(visit):
    read = visit(LIGHTEST)
    choose(read, LAST)
    address = read.url.partition("chapters/")[0]
    read.goto(address + ADDITIONAL)
    choose(read, RARE)
    for page, framework in ((LIGHTEST, LAST), (ADDITIONAL, RARE)):
        read.goto(address + page)
        assert chosen(read) == {framework}


@pytest.mark.parametrize("page", ["index.html", FRAMEWORKLESS])
def test_the_address_of_a_page_without_tabs_can_name_a_framework(visit, page):
    read = visit(f"{page}?framework={LAST}")
    read.wait_for_url(re.compile(r"/chapters/.*\?framework="))
    read.goto(f"{read.url.partition('chapters/')[0]}{LIGHTEST}")
    assert chosen(read) == {LAST}


@pytest.mark.parametrize("width", [320, 360, 390, 412, 430, 480, 540, 768])
def test_no_button_that_copies_code_covers_a_tab(visit, width):
    read = visit(ADDITIONAL, has_touch=True, **size(width))
    unfold(read)
    assert read.locator(".copy-buttons:visible").count() > 10
    assert read.locator("[role=tab]:visible").count() > 10
    assert read.evaluate(COVERED) == []


@pytest.fixture
def two_books(tmp_path):
    """Return the address of a host that has two copies of the site."""
    for name in ("one", "two"):
        copied(tmp_path / name)
    with served(tmp_path) as url:
        yield url


def test_two_books_on_one_host_have_their_own_choices(browser, two_books):
    context = browser.new_context(service_workers="block")
    read = context.new_page()
    read.goto(f"{two_books}one/{LIGHTEST}")
    choose(read, LAST)
    read.locator(".bar .theme-button").click()
    theme = read.evaluate("document.documentElement.dataset.theme")
    for book, framework, colors in (("one", LAST, theme), ("two", FIRST, None)):
        read.goto(f"{two_books}{book}/{LIGHTEST}")
        assert chosen(read) == {framework}
        now = read.evaluate("document.documentElement.dataset.theme")
        assert theme and now == colors
    context.close()


@every_framework
def test_the_address_follows_the_choice(visit, framework):
    read = visit(f"{LIGHTEST}?framework={framework}")
    assert chosen(read) == {framework}
    other = FRAMEWORKS[FRAMEWORKS.index(framework) - 1]
    choose(read, other)
    assert f"framework={other}" in read.url


@pytest.mark.parametrize("where", ["address", "storage"])
def test_an_unknown_framework_is_ignored(visit, where):
    unknown = "constructor"
    read = visit(LIGHTEST)
    if where == "storage":
        read.evaluate(f"localStorage.setItem(choices.key('framework'), '{unknown}')")
        read.reload()
    else:
        read.goto(f"{read.url}?framework={unknown}")
    assert chosen(read) == {FIRST}
    # It does not undo an earlier choice, either.
    read.evaluate(f"localStorage.setItem(choices.key('framework'), '{LAST}')")
    read.goto(read.url.partition("?")[0] + f"?framework={unknown}")
    assert chosen(read) == {LAST}


def test_unknown_frameworks_leave_a_framework_from_an_address(visit):
    read = visit(f"{LIGHTEST}?framework={LAST}")
    for unknown in ("constructor", "keras", "JAX"):
        read.goto(read.url.partition("?")[0] + f"?framework={unknown}")
        assert chosen(read) == {LAST}


def test_a_framework_can_be_chosen_in_a_browser_that_stores_nothing(visit):
    read = visit("404.html")
    errors: list[str] = []
    read.on("pageerror", lambda error: errors.append(str(error)))
    read.add_init_script(REFUSE)
    read.goto(read.url.replace("404.html", LIGHTEST))
    assert chosen(read) == {FIRST}
    read.locator(f"[role=tab][data-framework={LAST}]").first.click()
    assert chosen(read) == {LAST}
    read.locator(".bar .theme-button").click()
    assert errors == []


@pytest.mark.parametrize("way", ["back", "back from memory", "reload"])
def test_a_page_from_the_history_shows_the_last_choice(visit, way):
    read = visit(LESSONS[0])
    choose(read, LAST)  # which the address names from now on
    if way == "back":
        read.goto(read.url.replace(LESSONS[0], LESSONS[1]))
        choose(read, FIRST)
        read.go_back()
        read.wait_for_url(f"**/{LESSONS[0]}*")
    else:
        change = f"choices.rememberFramework('{FIRST}', 'sessionStorage');"
        if way == "reload":
            read.evaluate(change)
            read.reload()
        else:  # as if the browser had kept the page
            at = "dispatchEvent(new PageTransitionEvent('{}', {{persisted: true}}));"
            read.evaluate(at.format("pagehide") + change + at.format("pageshow"))
    assert chosen(read) == {FIRST}
    assert f"framework={FIRST}" in read.url


def test_a_page_from_the_history_keeps_what_a_link_has_opened(visit):
    page, anchor = hidden_anchor()
    read = visit(f"{page}#{anchor}")
    read.evaluate(
        "['pagehide', 'pageshow'].forEach((name) => "
        "dispatchEvent(new PageTransitionEvent(name, {persisted: true})))"
    )
    assert chosen(read) == {LAST}


def test_a_choice_in_one_window_reaches_the_other_windows(visit):
    one = visit(LESSONS[0])
    other = one.context.new_page()
    other.goto(one.url.replace(LESSONS[0], LESSONS[1]))
    choose(one, LAST)
    until(other, f"document.querySelector('select').value === '{LAST}'")
    assert chosen(other) == {LAST}
    other.reload()
    assert chosen(other) == {LAST}
    other.evaluate(
        "localStorage.setItem(choices.key('framework'), 'none-such');"
        "dispatchEvent(new StorageEvent('storage', {key: choices.key('framework')}))"
    )
    assert chosen(other) == {LAST}


def test_a_choice_reaches_a_window_whose_page_lacks_the_framework(visit):
    one = visit(ADDITIONAL)
    other = one.context.new_page()
    lacking = next(p for p in LESSONS if RARE not in frameworks_of(p))
    other.goto(one.url.replace(ADDITIONAL, lacking))
    before = chosen(other)
    choose(one, RARE)
    until(other, f"choices.frameworks('sessionStorage')[0] === '{RARE}'")
    assert chosen(other) == before
    other.goto(one.url)
    assert chosen(other) == {RARE}


def hidden_anchor() -> tuple[str, str]:
    """Return a page and an anchor in a panel of the last framework."""
    for page in LESSONS:
        panels = f".//*[@role='tabpanel'][@data-framework='{LAST}']//*[@id]"
        for element in html_of(page).iterfind(panels):
            return page, element.get("id")
    raise AssertionError("no panel holds an anchor")


@pytest.mark.parametrize("how", ["opened", "followed"])
def test_a_link_to_an_anchor_in_a_hidden_panel_opens_it(visit, how):
    page, anchor = hidden_anchor()
    if how == "opened":
        read = visit(f"{page}#{anchor}", **size(DESKTOP))
    else:
        read = visit(page, **size(DESKTOP))
        assert chosen(read) == {FIRST}
        read.evaluate("(anchor) => { location.hash = anchor; }", anchor)
    until(
        read,
        "(() => { const box = document.getElementById("
        f"'{anchor}').getBoundingClientRect();"
        "return box.height > 0 && box.top >= 0 && box.top < innerHeight; })()",
    )
    assert chosen(read) == {LAST}
    # The reader has not chosen it.
    assert read.evaluate("choices.recall('framework', 'localStorage')") is None
    # What the reader then chooses is what the address says.
    choose(read, FIRST)
    assert "#" not in read.url
    read.reload()
    assert chosen(read) == {FIRST}


def test_a_malformed_anchor_does_no_harm(visit):
    read = visit(f"{LIGHTEST}#100%")
    assert chosen(read) == {FIRST}
    assert read.locator(".copy-code").count() > 0


# What is found in a hidden panel


def test_finding_text_in_a_hidden_panel_chooses_its_framework(visit):
    read = visit(LIGHTEST)
    read.locator(f"[role=tabpanel][data-framework={LAST}] pre").first.evaluate(
        "(e) => e.dispatchEvent(new Event('beforematch', {bubbles: true}))"
    )
    assert chosen(read) == {LAST}


def own_word() -> tuple[str, str]:
    """Return a page and a word that only panels of the last framework have."""
    for page in LESSONS:
        html = html_of(page)
        words = {}
        for framework in FRAMEWORKS:
            found = html.iterfind(
                f".//*[@role='tabpanel'][@data-framework='{framework}']//p"
            )
            text = " ".join("".join(p.itertext()) for p in found)
            words[framework] = re.findall(r"\b[a-zA-Z]{6,}\b", text)
        everything = "".join(html.find(".//body").itertext())
        for word in words[LAST]:
            if everything.count(word) == 1:
                return page, word
    raise AssertionError("no word is only in panels of the last framework")


def test_a_link_to_a_text_fragment_opens_its_hidden_panel(visit):
    page, word = own_word()
    read = visit(f"{page}#:~:text={word}")
    until(read, f"document.querySelector('select').value === '{LAST}'")
    assert chosen(read) == {LAST}


# The text in view stays in place


def middle(page) -> None:
    page.evaluate("document.fonts.ready.then(() => null)")
    page.evaluate(
        """new Promise((done) => {
            scrollTo(0, document.documentElement.scrollHeight / 2);
            requestAnimationFrame(() => requestAnimationFrame(done));
        })"""
    )


# Chromium keeps the page in place automatically. In other browsers, book.js does it.
anchoring = pytest.mark.parametrize("anchoring", ["auto", "none"])


def anchor(page, how: str) -> None:
    page.evaluate(
        "(how) => { document.documentElement.style.overflowAnchor = how; }", how
    )


@anchoring
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_a_tab_stays_under_the_pointer_that_chooses_it(visit, width, anchoring):
    read = visit(HEAVIEST, **size(width))
    unfold(read)
    anchor(read, anchoring)
    middle(read)
    tabs = read.locator(f"[role=tab][data-framework={LAST}]")
    number = tabs.evaluate_all(
        "(all) => all.findIndex((e) => e.getBoundingClientRect().top > 200)"
    )
    assert number > 5  # so much above it changes height
    tab = tabs.nth(number)
    tab.evaluate("(e) => e.scrollIntoView({block: 'center'})")
    top = "(e) => e.getBoundingClientRect().top"
    before = tab.evaluate(top)
    height = read.evaluate("document.documentElement.scrollHeight")
    tab.evaluate("(e) => e.click()")
    read.evaluate(FRAME)
    assert chosen(read) == {LAST}
    assert abs(tab.evaluate(top) - before) <= 2
    assert read.evaluate("document.documentElement.scrollHeight") != height


@anchoring
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_choosing_in_the_header_leaves_the_text_in_place(
    visit, width, anchoring
):
    read = visit(HEAVIEST, **size(width))
    unfold(read)
    anchor(read, anchoring)
    middle(read)
    read.evaluate(
        """() => {
            const bar = document.querySelector(".bar").getBoundingClientRect();
            const words = [...document.querySelectorAll("article p")].filter(
              (p) => !p.closest(".tab") && p.checkVisibility());
            window.first = words.find(
              (p) => p.getBoundingClientRect().top >= bar.bottom);
            window.first.scrollIntoView({block: "start"});
        }"""
    )
    top = "window.first.getBoundingClientRect().top"
    before = read.evaluate(top)
    choose(read, LAST)
    read.evaluate(FRAME)
    assert chosen(read) == {LAST}
    assert abs(read.evaluate(top) - before) <= 2


SHIFTS = """window.shift = 0;
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shift += entry.value;
}).observe({type: "layout-shift", buffered: true});"""


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@every_framework
@pytest.mark.parametrize("page", [HEAVIEST, LIGHTEST])
def test_the_layout_does_not_shift_while_a_page_loads(
    visit, page, framework, width
):
    read = visit("404.html", **size(width))
    session = read.context.new_cdp_session(read)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    read.add_init_script(SHIFTS)
    address = read.url.replace("404.html", f"{page}?framework={framework}")
    read.goto(address, wait_until="load")
    read.evaluate(
        "document.fonts.ready.then(() => new Promise((done) =>"
        "requestAnimationFrame(() => requestAnimationFrame(done))))"
    )
    assert read.evaluate("window.shift") < 0.01


def test_a_click_opens_a_folded_solution(visit):
    read = visit(LIGHTEST)
    solution = read.locator("details.solution").first
    paragraph = solution.locator("p:not(.tab-name)").first
    assert not paragraph.is_visible()
    solution.locator("summary").first.click()
    assert paragraph.is_visible()


# Without scripts, on paper, in the first moment


def test_without_scripts_the_contents_open_on_a_phone(visit):
    read = visit(LIGHTEST, java_script_enabled=False, **size(PHONE))
    contents = read.locator("#contents")
    assert not contents.is_visible()
    read.locator(".contents-button").click()
    contents.wait_for()


def code_of(page: str, framework: str) -> list[str]:
    """Return the names that only the cells of a framework use on a page."""
    words = {}
    for name in FRAMEWORKS:
        found = html_of(page).iterfind(
            f".//*[@role='tabpanel'][@data-framework='{name}']//pre"
        )
        text = " ".join("".join(pre.itertext()) for pre in found)
        words[name] = set(re.findall(r"\b[a-z_]{5,}\b", text))
    others = set().union(*(w for n, w in words.items() if n != framework))
    return sorted(words[framework] - others)


@every_framework
def test_a_printed_page_has_only_the_code_of_the_chosen_framework(
    visit, framework, tmp_path
):
    read = visit(f"{LIGHTEST}?framework={framework}", color_scheme="dark")
    machine.require("pdf")  # pdftotext
    path = tmp_path / "page.pdf"
    read.pdf(path=path)
    done = subprocess.run(
        ["pdftotext", "-raw", path, "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    printed = done.stdout
    own = code_of(LIGHTEST, framework)
    assert len(own) >= 3
    for word in own:
        assert re.search(rf"\b{word}\b", printed), word
    html = html_of(LIGHTEST)
    for panel in html.findall(".//*[@role='tabpanel']"):
        if panel.get("data-framework") != framework:
            panel.clear()
    rest = "".join(html.find(".//article").itertext())
    for other in FRAMEWORKS:
        if other == framework:
            continue
        unwanted = [word for word in code_of(LIGHTEST, other) if word not in rest]
        assert len(unwanted) >= 3
        for word in unwanted:
            assert not re.search(rf"\b{word}\b", printed), word


@pytest.mark.parametrize("chooser", ["system", "reader"])
def test_a_printed_page_is_white_unfolded_and_without_controls(visit, chooser):
    scheme = "dark" if chooser == "system" else "light"
    read = visit(DEEPEST, color_scheme=scheme, **size(DESKTOP))
    if chooser == "reader":
        read.evaluate("document.documentElement.dataset.theme = 'dark'")
    read.emulate_media(media="print")
    read.evaluate("dispatchEvent(new Event('beforeprint'))")
    deeper = read.locator("article details.deeper > p")
    assert deeper.count() > 3
    assert deeper.first.is_visible()
    answers = read.locator("article :is(.solution, .sd-dropdown) p:not(summary p)")
    assert answers.count() > 10
    assert read.locator(".solution p:not(summary p) >> visible=true").count() == 0
    assert read.locator(".paper-head").is_visible()
    gone = ".bar, .contents, .copy-buttons, .done, .tab-list, .headerlink, .foot, .skip, nav"
    assert read.locator(f":is({gone}) >> visible=true").count() == 0
    assert read.locator("img.by-day >> visible=true").count() > 3
    assert read.locator("img.by-night >> visible=true").count() == 0
    ground = "getComputedStyle(document.body).backgroundColor"
    assert read.evaluate(ground) == "rgb(255, 255, 255)"
    read.evaluate("dispatchEvent(new Event('afterprint'))")
    read.emulate_media(media="screen")
    assert read.locator("article details[open]").count() == 0


# When the page is parsed, before book.js and DOMContentLoaded.
FIRST_LOOK = """document.addEventListener("readystatechange", () => {
    if (document.readyState !== "interactive") return;
    window.look = {
      theme: document.documentElement.dataset.theme,
      framework: document.documentElement.dataset.framework,
      ground: getComputedStyle(document.body).backgroundColor,
      later: document.querySelector("[role=tab][aria-selected]") !== null,
    };
});"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_first_frame_has_the_chosen_colors(visit, theme):
    system = "light" if theme == "dark" else "dark"
    read = visit(LIGHTEST, color_scheme=system)
    read.evaluate(f"localStorage.setItem(choices.key('theme'), '{theme}')")
    read.evaluate(f"localStorage.setItem(choices.key('framework'), '{LAST}')")
    read.add_init_script(FIRST_LOOK)
    read.goto(read.url.partition("?")[0])
    look = read.evaluate("window.look")
    assert not look["later"]
    assert (look["theme"], look["framework"]) == (theme, LAST)
    dark = look["ground"] == "rgb(22, 25, 29)"
    assert dark == (theme == "dark"), look


def test_the_first_frame_shows_only_the_chosen_framework(visit):
    """Until book.js has loaded, the styles of early.js hide the others."""
    read = visit(LIGHTEST)
    read.evaluate(f"localStorage.setItem(choices.key('framework'), '{LAST}')")
    read.route("**/book.js*", lambda route: route.abort())
    read.goto(read.url.partition("?")[0])
    shown = read.locator(".tab >> visible=true").evaluate_all(
        "(all) => all.map((e) => e.dataset.framework)"
    )
    assert shown and set(shown) == {LAST}


def test_the_theme_button_cycles_through_the_schemes_and_remembers(visit):
    read = visit(LIGHTEST, color_scheme="light")
    button = read.locator(".bar .theme-button")
    seen = []
    for _ in range(3):
        button.click()
        seen.append(
            read.evaluate(
                "[document.documentElement.dataset.theme ?? 'auto',"
                "localStorage.getItem(choices.key('theme')),"
                "getComputedStyle(document.body).backgroundColor]"
            )
        )
    assert [theme for theme, _, _ in seen] == ["dark", "light", "auto"]
    assert all(theme == kept for theme, kept, _ in seen)
    grounds = [ground for _, _, ground in seen]
    assert grounds[0] != grounds[1] == grounds[2]
    names = [key.split()[0] for key in read.evaluate("Object.keys(localStorage)")]
    assert set(names) <= {"framework", "theme"}
