"""Open a page once, and collect everything that the tests check.

Opening a page takes longer than a check. So each page is opened once on a desktop,
once on a phone, and once without scripts, and the facts are kept for many tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from support import axe
from support.browser import DESKTOP, PHONE, choose, size, unfold, until

WIDTHS = (768, DESKTOP, 1920)
READY = "document.fonts.ready.then(() => null)"
FRAME = "new Promise((done) => requestAnimationFrame(() => done()))"

CONTENT = """() => {
    const body = document.body.cloneNode(true);
    body.querySelectorAll("pre, code, script, style, math")
        .forEach((e) => e.remove());
    const count = (s) => document.querySelectorAll(s).length;
    return {
        language: document.documentElement.lang,
        title: document.title,
        prose: body.textContent,
        formulas: count(".math"),
        typeset: count(".math math > semantics > annotation"),
        formula_errors: count("merror, .temml-error"),
        math_font: [...document.fonts].some(
            (f) => f.family === "Book Math" && f.status === "loaded"),
        open_solutions: count("details.solution[open]"),
        moving: [...document.querySelectorAll("*")].filter((element) => {
            const style = getComputedStyle(element);
            const times = style.transitionDuration
                + style.animationDuration.replace("auto", "0s");
            return /[1-9]/.test(times) || style.scrollBehavior === "smooth";
        }).length,
    };
}"""
TAB_SETS = """() => [...document.querySelectorAll("[role=tablist]")].map((list) =>
  ({
    name: list.getAttribute("aria-label"),
    tabs: [...list.querySelectorAll("[role=tab]")].map((tab) => {
      const id = tab.getAttribute("aria-controls");
      const panel = document.getElementById(id);
      return {
        framework: tab.dataset.framework,
        name: tab.textContent.trim(),
        selected: tab.getAttribute("aria-selected"),
        stop: tab.tabIndex,
        role: panel.getAttribute("role"),
        label: panel.getAttribute("aria-labelledby") === tab.id,
        hidden: panel.getAttribute("hidden"),
        shown: [...panel.children].some((e) => e.checkVisibility()),
        folded: panel.closest("details:not([open])") !== null,
      };
    }),
  }))"""
CHOSEN = """() => {
    const all = (s) => [...document.querySelectorAll(s)];
    return [
      ...all("[role=tab][aria-selected=true]"),
      ...all(".tab:not([hidden])"),
      ...all(":is(.launch-menu, .downloads) [data-framework]:not([hidden])"),
    ].map((e) => e.dataset.framework).concat(
      all(".choose-framework").map((e) => e.value));
}"""
HEADINGS = """[...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
    .filter((e) => e.checkVisibility()).map((e) => +e.tagName[1])"""
VISIBLE_FORMULAS = """[...document.querySelectorAll("article math")]
    .filter((e) => e.checkVisibility({visibilityProperty: true})).length"""
# The number of formulas of which some part differs in color from the text around them.
OFF_COLOR = """() => {
    const color = (e) => getComputedStyle(e).color;
    return [...document.querySelectorAll("article math")].filter((math) =>
      [math, ...math.querySelectorAll("*")].some((part) =>
        color(part) !== color(math.parentElement))).length;
}"""
# Lists what the keyboard should reach, and records before each press of Tab what it
# has reached, because by then the browser has scrolled there.
WALK = """() => {
    const selector = "a[href], button, input, select, textarea, summary, "
      + "[tabindex]";
    const stops = [...document.querySelectorAll(selector)].filter(
      (e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility());
    const bar = document.querySelector(".bar");
    window.walk = {
      count: stops.length,
      reached: [],
      note() {
        const element = document.activeElement;
        if (element === document.body) {
          walk.reached.push(null);
          return;
        }
        const style = getComputedStyle(element);
        const box = element.getBoundingClientRect();
        const below = bar.contains(element) ? 0
          : bar.getBoundingClientRect().bottom;
        let opacity = 1;
        for (let e = element; e; e = e.parentElement) {
          opacity *= getComputedStyle(e).opacity;
        }
        walk.reached.push({
          number: stops.indexOf(element),
          html: element.outerHTML.slice(0, 200),
          outlined: style.outlineStyle !== "none"
            && parseFloat(style.outlineWidth) >= 2 && opacity === 1,
          seen: box.width > 0 && box.height > 0
            && box.right > 0 && box.left < innerWidth
            && box.bottom > below && box.top < innerHeight,
        });
      },
    };
    addEventListener("keydown", (event) => {
      if (event.key === "Tab") walk.note();
    }, true);
    return walk.count;
}"""
# Moves the focus before the first stop, because the search field has taken it.
REWIND = """document.body.tabIndex = -1, document.body.focus(),
    document.body.removeAttribute("tabindex")"""
# Shows the content of all frameworks, so that axe can check all of it at once.
SHOW_ALL = """() => {
    const parts = ".tab, .value, :is(.launch-menu, .downloads) [data-framework]";
    document.querySelectorAll(parts).forEach((e) => { e.hidden = false; });
    dispatchEvent(new Event("resize")); // book.js looks which boxes are too wide
    return [...document.querySelectorAll(".tab")]
        .filter((e) => !e.checkVisibility()).length;
}"""
WIDTH = "document.documentElement.scrollWidth"
BAR_EDGES = """[...document.querySelectorAll(
    ".bar :is(a, button, select, summary)")].filter((e) => e.checkVisibility())
    .map((e) => e.getBoundingClientRect().right)"""
NEIGHBOR_EDGES = """[...document.querySelectorAll(".neighbors a")]
    .map((e) => e.getBoundingClientRect().left + e.scrollWidth)"""
LETTERS = "getComputedStyle(document.documentElement).fontSize"
WITHOUT_SCRIPTS = """() => {
    const all = (s) => [...document.querySelectorAll(s)];
    const visible = (e) => e.checkVisibility({visibilityProperty: true});
    return {
      panels: all(".tab:not(details .tab)").map((panel) =>
        ({
          framework: panel.dataset.framework,
          shown: visible(panel),
          names: [...panel.querySelectorAll(".tab-name")].filter(visible)
            .map((e) => e.innerText),
        })),
      all_panels: all(".tab").length,
      dead: all(":is(button:not([popovertarget]), select)").filter(visible)
        .map((e) => e.outerHTML),
      contents: all(".bar button[popovertarget=contents]").length,
    };
}"""


@dataclass
class Desktop:
    """Hold facts on a page 1280 pixels wide, opened as a file, with reduced motion."""

    frameworks: list[str] = field(default_factory=list)
    initial: str = ""
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    content: dict = field(default_factory=dict)
    tab_sets: list[dict] = field(default_factory=list)
    chosen_first: set[str] = field(default_factory=set)
    headings: dict[str, list[int]] = field(default_factory=dict)
    widths: dict[tuple[str, int], int] = field(default_factory=dict)
    chosen: dict[str, set[str]] = field(default_factory=dict)
    roles: dict[str, list[str]] = field(default_factory=dict)
    formulas: int = 0
    formulas_told: list[str] = field(default_factory=list)
    off_color: dict[str, int] = field(default_factory=dict)
    stops: int = 0
    reached: list[dict | None] = field(default_factory=list)
    after_skip: dict = field(default_factory=dict)
    hidden_from_axe: int = 0
    axe: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Phone:
    """Hold facts on a page 390 pixels wide, from a server, in dark colors.

    The last tab is chosen.
    """

    frameworks: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    chosen: set[str] = field(default_factory=set)
    widths: dict[str, int] = field(default_factory=dict)
    neighbor_edges: list[float] = field(default_factory=list)
    axe: list[str] | None = None
    letters: str = ""
    large_widths: dict[str, int] = field(default_factory=dict)
    large_bar_edges: dict[str, list[float]] = field(default_factory=dict)


def _watch(page, facts: Desktop | Phone) -> None:
    page.on("pageerror", lambda error: facts.errors.append(str(error)))
    page.on(
        "console",
        lambda said: said.type == "error" and facts.errors.append(said.text),
    )


def on_desktop(browser, url: str, frameworks: list[str]) -> Desktop:
    """Open a page like a reader with a mouse and a keyboard."""
    facts = Desktop(frameworks)
    context = browser.new_context(
        service_workers="block", reduced_motion="reduce", **size(DESKTOP)
    )
    page = context.new_page()
    _watch(page, facts)
    page.on("request", lambda asked: facts.asked.append(asked.url))
    page.on("requestfailed", lambda asked: facts.failed.append(asked.url))
    page.goto(url)
    page.evaluate(READY)
    facts.content = page.evaluate(CONTENT)
    facts.tab_sets = page.evaluate(TAB_SETS)
    facts.chosen_first = set(page.evaluate(CHOSEN))
    unfold(page)
    facts.formulas = page.evaluate(VISIBLE_FORMULAS)
    _listen(page, facts)
    for framework in frameworks:
        choose(page, framework)
        facts.chosen[framework] = set(page.evaluate(CHOSEN))
        facts.headings[framework] = page.evaluate(HEADINGS)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        for framework in frameworks:
            choose(page, framework)
            facts.widths[framework, width] = page.evaluate(WIDTH)
    page.set_viewport_size({"width": DESKTOP, "height": 800})
    choose(page, frameworks[0])
    _walk(page, facts)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        facts.off_color[scheme] = page.evaluate(OFF_COLOR)
    facts.hidden_from_axe = page.evaluate(SHOW_ALL)
    page.emulate_media(color_scheme="light")
    facts.axe["light"] = axe.violations(page)
    page.emulate_media(color_scheme="dark")
    facts.axe["dark"] = axe.violations(page, axe.OF_SCHEME)
    _skip(page, facts)
    context.close()
    return facts


def _listen(page, facts: Desktop) -> None:
    """Record what Chromium exposes to screen readers."""
    session = page.context.new_cdp_session(page)
    tree = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    nodes = {node["nodeId"]: node for node in tree if not node["ignored"]}

    def words(node: dict) -> str:
        below = [nodes[i] for i in node.get("childIds", []) if i in nodes]
        own = node["name"]["value"] if not below else ""
        return own + "".join(map(words, below))

    for node in nodes.values():
        role = node["role"]["value"]
        facts.roles.setdefault(role, []).append(node["name"]["value"])
        if role in ("MathMLMath", "math"):
            facts.formulas_told.append(words(node))


def _walk(page, facts: Desktop) -> None:
    """Press Tab until the focus has left the page."""
    page.evaluate(REWIND)
    facts.stops = page.evaluate(WALK)
    for _ in range(facts.stops + 1):
        page.keyboard.press("Tab")
    facts.reached = page.evaluate("walk.note(), walk.reached.slice(1)")


def _skip(page, facts: Desktop) -> None:
    """Follow the skip link, then press Tab once more."""
    page.evaluate(REWIND)
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.matches('.skip')")
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'main'")
    page.keyboard.press("Tab")
    inside = "document.activeElement.closest('main, aside, footer') !== null"
    facts.after_skip = {"first": first, "in_text": page.evaluate(inside)}


def on_phone(browser, url: str, frameworks: list[str], *, judge: bool) -> Phone:
    """Open a page on a phone. With `judge`, check all of it with axe."""
    facts = Phone(frameworks)
    context = browser.new_context(
        service_workers="block", color_scheme="dark", **size(PHONE)
    )
    page = context.new_page()
    _watch(page, facts)
    page.on(
        "response",
        lambda got: (
            got.status >= 400
            and got.request.resource_type != "document"
            and facts.missing.append(got.url)
        ),
    )
    query = "&" if "?" in url else "?"
    page.goto(f"{url}{query}framework={frameworks[-1]}")
    page.evaluate(READY)
    facts.chosen = set(page.evaluate(CHOSEN))
    facts.neighbor_edges = page.evaluate(NEIGHBOR_EDGES)
    for framework in frameworks:
        choose(page, framework)
        facts.widths[framework] = page.evaluate(WIDTH)
    if judge:
        unfold(page)
        page.evaluate(SHOW_ALL)
        facts.axe = axe.violations(page)
    session = page.context.new_cdp_session(page)
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 32}})
    page.reload()
    page.evaluate(READY)
    unfold(page)
    page.evaluate(FRAME)
    facts.letters = page.evaluate(LETTERS)
    for framework in frameworks:
        choose(page, framework)
        facts.large_widths[framework] = page.evaluate(WIDTH)
        facts.large_bar_edges[framework] = page.evaluate(BAR_EDGES)
    context.close()
    return facts


def without_scripts(browser, url: str) -> dict:
    """Open a page in a browser with scripts disabled."""
    context = browser.new_context(
        java_script_enabled=False, service_workers="block", **size(DESKTOP)
    )
    page = context.new_page()
    page.goto(url)
    facts = page.evaluate(WITHOUT_SCRIPTS)
    context.close()
    return facts
