"""Anyone can read the book: by keyboard, by ear, large, by day and by night."""

from __future__ import annotations

import base64
import io
import re
from itertools import pairwise
from pathlib import Path

import axe_playwright_python
import pytest
from lxml import etree
from PIL import Image
from support import ROOT
from support.browser import until
from support.served import lessons

from _ext import frameworks

FRAMEWORKS = list(frameworks.load(ROOT))
SITE = ROOT / "_build" / "html"
LESSONS = lessons(ROOT)
PAGES = [*LESSONS, "search.html?q=gradient", "genindex.html", "404.html"]
PHONE, DESKTOP = 390, 1280
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
# What stands inside of a formula is for the tests of mathematics below, and has
# the color of its formula.
AXE_RUN = """([only, within]) => axe.run(
    {exclude: [["math > *"]], ...(within && {include: within})},
    {preload: false, resultTypes: ["violations"], ...(only && {runOnly: only})}
).then(({violations}) => violations.flatMap(({id, nodes}) =>
    nodes.map(({html}) => `${id}: ${html.slice(0, 200)}`)))"""
# Of the words of programs that show and are of one kind, in boxes of one kind,
# one stays colored: axe takes half of its time for thousands of the same.
ONE_OF_A_KIND = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll("pre span")) {
        if (!word.checkVisibility()) continue;
        let kind = "";
        for (let e = word; e; e = e.parentElement) {
            kind += `${e.localName}.${e.className} `;
        }
        if (seen.has(kind)) word.replaceWith(...word.childNodes);
        seen.add(kind);
    }
}"""
# Axe looks behind each word for whatever else is drawn there, also for what it
# is not to judge. So a formula becomes an empty box of its width, with its TeX.
EMPTY_FORMULAS = """() => {
    const formulas = [...document.querySelectorAll("math")].filter(
        (formula) => formula.checkVisibility());
    const boxes = formulas.map((formula) => formula.getBoundingClientRect());
    formulas.forEach((formula, number) => {
        const {width, height} = boxes[number];
        formula.style.cssText += `width: ${width}px; height: ${height}px`;
        const drawn = formula.querySelectorAll("semantics > :not(annotation)");
        drawn.forEach((part) => part.remove());
    });
}"""
# A smaller grid (in pixels) to sort into what is drawn is quicker to search.
FINE_GRID = "axe.constants.gridSize = 50"
# What a choice of framework changes.
OF_CHOICE = [".tabs", ".launch-menu", ".choose-framework"]
# The rules of what is another one by night: colors, and the pictures.
OF_NIGHT = [
    "color-contrast", "link-in-text-block",
    "image-alt", "image-redundant-alt", "role-img-alt", "svg-img-alt",
]  # fmt: skip

every_page = pytest.mark.parametrize("page", PAGES)
widths = pytest.mark.parametrize("width", [PHONE, DESKTOP])
schemes = pytest.mark.parametrize("scheme", ["light", "dark"])


def heaviest() -> str:
    """The lesson with the most HTML."""
    return max(LESSONS, key=lambda name: (SITE / name).stat().st_size)


def html_of(page: str):
    path = SITE / page.partition("?")[0]
    return etree.HTML(path.read_text(encoding="utf-8"))


def size(width: int) -> dict:
    return {"viewport": {"width": width, "height": 800}}


def unfold(page) -> None:
    page.evaluate(
        "document.querySelectorAll('details:not(.menu)')"
        ".forEach((fold) => { fold.open = true; })"
    )


def switch(page, framework: str) -> None:
    """Choose a framework where the page has anything to choose from."""
    page.locator(".choose-framework").select_option(framework)


def has_tabs(page) -> bool:
    return page.locator("[role=tablist]").count() > 0


def violations(
    page, rules: list[str] | None = None, within: list[str] | None = None
) -> list[str]:
    """What axe finds by all of its usual rules, or by some; on the page, or
    in what some selectors choose.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
        page.evaluate(FINE_GRID)
    page.evaluate(ONE_OF_A_KIND)
    page.evaluate(EMPTY_FORMULAS)
    chosen = within and [[selector] for selector in within]
    return page.evaluate(AXE_RUN, [rules, chosen])


# What a machine can see of the rules that axe knows.


@widths
@every_page
def test_axe_finds_no_violation_on_a_page_by_day_or_by_night(
    visit, page, width
):
    read = visit(page, color_scheme="light", **size(width))
    unfold(read)
    for framework in FRAMEWORKS if has_tabs(read) else FRAMEWORKS[:1]:
        switch(read, framework)
        within = None if framework == FRAMEWORKS[0] else OF_CHOICE
        assert violations(read, within=within) == []
        read.emulate_media(color_scheme="dark")
        assert violations(read, OF_NIGHT, within) == []
        read.emulate_media(color_scheme="light")


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
    page.locator(".preview").wait_for()


@schemes
@widths
@pytest.mark.parametrize(
    "opening", [open_search, open_contents, open_menu, open_preview]
)
def test_axe_finds_no_violation_in_what_opens(visit, opening, width, scheme):
    if opening is open_contents and width == DESKTOP:
        pytest.skip("the contents are always open on a wide screen")
    read = visit(LESSONS[1], color_scheme=scheme, **size(width))
    opening(read)
    assert violations(read) == []


# The keyboard.


def rewind(page) -> None:
    """Put the focus before the first stop: the search's field takes it."""
    page.evaluate(
        "document.body.tabIndex = -1, document.body.focus(),"
        "document.body.removeAttribute('tabindex')"
    )


def focused(page) -> dict | None:
    """What has the focus, and how it shows; None if nothing has it."""
    return page.evaluate(
        """() => {
            const element = document.activeElement;
            if (element === document.body) return null;
            const style = getComputedStyle(element);
            const box = element.getBoundingClientRect();
            const bar = document.querySelector(".bar");
            const below = bar.contains(element) ? 0
              : bar.getBoundingClientRect().bottom;
            let opacity = 1;
            for (let e = element; e; e = e.parentElement) {
              opacity *= getComputedStyle(e).opacity;
            }
            return {
              html: element.outerHTML.slice(0, 200),
              number: window.stops ? window.stops.indexOf(element) : -1,
              outlined: style.outlineStyle !== "none"
                && parseFloat(style.outlineWidth) >= 2 && opacity === 1,
              seen: box.width > 0 && box.height > 0
                && box.right > 0 && box.left < innerWidth
                && box.bottom > below && box.top < innerHeight,
            };
        }"""
    )


@every_page
def test_the_skip_link_is_the_first_stop_and_leads_to_the_text(visit, page):
    read = visit(page, **size(DESKTOP))
    rewind(read)
    read.keyboard.press("Tab")
    assert read.evaluate("document.activeElement.matches('.skip')")
    assert focused(read)["outlined"] and focused(read)["seen"]
    read.keyboard.press("Enter")
    until(read, "document.activeElement.id === 'main'")
    read.keyboard.press("Tab")
    assert read.evaluate(
        "document.activeElement.closest('main, aside, footer') !== null"
    )


@pytest.mark.parametrize(
    ("page", "width"),
    [*((page, DESKTOP) for page in PAGES), (LESSONS[1], PHONE)],
)
def test_the_keyboard_reaches_every_control_in_order_and_shows_it(
    visit, page, width
):
    read = visit(page, reduced_motion="reduce", **size(width))
    read.evaluate("document.fonts.ready.then(() => null)")
    unfold(read)
    rewind(read)
    count = read.evaluate(
        """() => {
            const selector = "a[href], button, input, select, textarea, "
              + "summary, [tabindex]";
            window.stops = [...document.querySelectorAll(selector)].filter(
              (e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility());
            return window.stops.length;
        }"""
    )
    assert count >= 10
    for number in range(count):
        read.keyboard.press("Tab")
        stop = focused(read)
        assert stop is not None, f"stop {number} of {count} is not reached"
        assert stop["number"] == number, stop
        assert stop["outlined"] and stop["seen"], stop
    read.keyboard.press("Tab")  # and out of the page: nothing holds the focus
    assert (focused(read) or {"number": 0})["number"] == 0


def test_the_keyboard_goes_back_as_it_came(visit):
    read = visit(LESSONS[0], **size(DESKTOP))
    ahead = []
    for _ in range(20):
        read.keyboard.press("Tab")
        ahead.append(focused(read)["html"])
    for html in ahead[-2::-1]:
        read.keyboard.press("Shift+Tab")
        assert focused(read)["html"] == html


SCROLLS = """(boxes) => boxes.filter((box) => box.checkVisibility()
    && box.scrollWidth > box.clientWidth
    && /auto|scroll/.test(getComputedStyle(box).overflowX))"""


@pytest.mark.parametrize("kind", ["pre", ".formula", ".wide"])
def test_a_box_that_scrolls_sideways_is_scrolled_by_keys(visit, kind):
    found = 0
    for page in LESSONS:
        read = visit(page, **size(320))
        read.evaluate("document.fonts.ready.then(() => null)")
        unfold(read)
        read.evaluate("new Promise((done) => requestAnimationFrame(done))")
        boxes = read.locator(f"article {kind}")
        for framework in FRAMEWORKS if has_tabs(read) else FRAMEWORKS[:1]:
            switch(read, framework)
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
    assert found, f"no {kind} is wide enough to try it on"


def at(page, selector: str) -> bool:
    return page.evaluate(
        "(selector) => document.activeElement.matches(selector)", selector
    )


def test_the_contents_open_and_close_by_keys_and_give_the_focus_back(visit):
    read = visit(LESSONS[1], **size(PHONE))
    contents = read.locator("#contents")
    read.locator(".contents-button").focus()
    read.keyboard.press("Enter")
    contents.wait_for()
    read.keyboard.press("Tab")
    assert at(read, "#contents *")
    read.keyboard.press("Escape")
    contents.wait_for(state="hidden")
    assert at(read, ".contents-button")


def test_the_menu_opens_and_closes_by_keys_and_gives_the_focus_back(visit):
    read = visit(LESSONS[1], **size(DESKTOP))
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
def test_the_search_opens_and_closes_by_keys_and_gives_the_focus_back(
    visit, start, key
):
    read = visit(LESSONS[1], **size(DESKTOP))
    read.locator(start).focus()
    read.keyboard.press(key)
    read.locator("dialog input").wait_for()
    assert at(read, "dialog input")
    read.keyboard.type("gradient")
    assert read.locator("dialog li").count() > 1
    read.keyboard.press("Enter")
    assert at(read, "dialog li:first-child a")
    for _ in range(30):  # round and round, but never behind the dialog
        read.keyboard.press("Tab")
        assert at(read, "dialog, dialog *, body")
    read.keyboard.press("Escape")
    read.locator("dialog").wait_for(state="hidden")
    assert at(read, start)


def test_a_preview_closes_by_escape_and_leaves_the_focus(visit):
    read = visit(LESSONS[1], **size(DESKTOP))
    open_preview(read)
    read.keyboard.press("Escape")
    read.locator(".preview").wait_for(state="hidden")
    assert at(read, REFERENCE)


# The order of a page, for those who hear it.


@every_page
def test_headings_go_down_one_level_at_a_time_from_one_h1(visit, page):
    read = visit(page, **size(DESKTOP))
    unfold(read)
    for framework in FRAMEWORKS:
        switch(read, framework)
        levels = read.evaluate(
            "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')]"
            ".filter((e) => e.checkVisibility()).map((e) => +e.tagName[1])"
        )
        assert levels.count(1) == 1 and levels[0] == 1
        assert all(new <= old + 1 for old, new in pairwise(levels)), levels


def tree(page) -> list[dict]:
    """What Chromium tells a screen reader."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    return [node for node in nodes if not node["ignored"]]


def names(nodes: list[dict], role: str) -> list[str]:
    return [n["name"]["value"] for n in nodes if n["role"]["value"] == role]


@every_page
def test_a_page_says_its_language_its_title_and_its_parts(visit, page):
    read = visit(page, **size(DESKTOP))
    assert read.locator("html").get_attribute("lang") == "en"
    assert len(read.title().split()) >= 2
    nodes = tree(read)
    for role in ("banner", "main", "contentinfo"):
        assert len(names(nodes, role)) == 1, role
    parts = names(nodes, "navigation")
    assert "Contents" in parts
    assert all(parts) and len(set(parts)) == len(parts)


def test_no_two_pages_have_one_title():
    titles = [html_of(page).findtext(".//title") for page in PAGES]
    assert len(set(titles)) == len(titles)


# Motion, size, color.

MOVES = """[...document.querySelectorAll("*")].filter((element) => {
    const style = getComputedStyle(element);
    const times = style.transitionDuration + style.animationDuration
      .replace("auto", "0s");
    return /[1-9]/.test(times) || style.scrollBehavior === "smooth";
}).length"""


@pytest.mark.parametrize("page", [LESSONS[1], "search.html?q=gradient"])
def test_nothing_moves_for_a_reader_who_asks_for_less_motion(visit, page):
    read = visit(page, reduced_motion="reduce", **size(DESKTOP))
    assert read.evaluate(MOVES) == 0


def test_what_moves_otherwise_is_seen_by_the_test_above(visit):
    read = visit(LESSONS[1], reduced_motion="no-preference", **size(DESKTOP))
    assert read.evaluate(MOVES) > 0


@every_page
def test_letters_twice_as_large_leave_a_page_as_wide_as_a_phone(visit, page):
    read = visit(page, **size(PHONE))
    session = read.context.new_cdp_session(read)
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 32}})
    read.reload()
    letters = "getComputedStyle(document.documentElement).fontSize"
    assert read.evaluate(letters) == "32px"
    read.evaluate("document.fonts.ready.then(() => null)")
    unfold(read)
    read.evaluate("new Promise((done) => requestAnimationFrame(done))")
    for framework in FRAMEWORKS:
        switch(read, framework)
        wide = read.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE
        edges = read.evaluate(
            "[...document.querySelectorAll('.bar :is(a, button, select, "
            "summary)')].filter((e) => e.checkVisibility())"
            ".map((e) => e.getBoundingClientRect().right)"
        )
        assert len(edges) >= 4 and max(edges) <= PHONE


@schemes
def test_a_formula_has_the_color_of_the_words_around_it(visit, scheme):
    read = visit(heaviest(), color_scheme=scheme)
    unfold(read)
    formulas, others = read.evaluate(
        """() => {
            const color = (e) => getComputedStyle(e).color;
            const all = [...document.querySelectorAll("article math")];
            return [all.length, all.filter((math) =>
              [math, ...math.querySelectorAll("*")].some((part) =>
                color(part) !== color(math.parentElement))).length];
        }"""
    )
    assert formulas > 50
    assert others == 0


def luminance(color: str) -> float:
    """The relative luminance of an sRGB color, as WCAG 2.2 defines it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in parts
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def blended(color: str, opacity: float, ground: str) -> str:
    mixed = (
        opacity * int(color[i : i + 2], 16)
        + (1 - opacity) * int(ground[i : i + 2], 16)
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


# Of each shape in a drawing: what it is, its colors, and where it stands.
INKS = """() => {
    const found = [];
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
      if (kind === "letter") shape.style.visibility = "hidden";
    }
    return found;
}"""

# The drawing as it now stands, as a PNG. Chromium's own screenshot, right
# after a page has been left for another, may fail on a busy machine.
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
    """The page's own ground, as the stylesheet has it."""
    css = (ROOT / "_static" / "book.css").read_text(encoding="utf-8")
    grounds = re.findall(r"--paper: (#[0-9a-f]{6});", css)
    assert len(set(grounds)) == 2
    return grounds[1 if night else 0]


def ground(picture: Image.Image, box: list[float]) -> str:
    """The commonest color of a part of a picture."""
    left, top, right, bottom = (round(edge) for edge in box)
    part = picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    _, color = max(part.getcolors(part.width * part.height))
    return "#" + "".join(f"{c:02x}" for c in color)


def drawn_paper(picture: Image.Image) -> str:
    """The color in the corner of a drawing."""
    return ground(picture, [0, 0, 2, 2])


@pytest.fixture(scope="module")
def pale() -> dict[str, set]:
    """What stands out too little, by the time of day; filled once each."""
    return {}


def look(visit, site: str, night: bool) -> set:
    """WCAG 2.2 asks for 4.5 of letters and for 3 of lines and marks."""
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
                grounds, least = [ground(below, ink["box"])], 4.5
                letters += 1
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


@pytest.mark.parametrize("when", ["day", "night"])
@pytest.mark.parametrize("where", ["paper", "colored ground"])
def test_what_is_drawn_in_figures_stands_out(visit, site, pale, when, where):
    night = when == "night"
    if when not in pale:
        pale[when] = look(visit, site, night)
    papers = {paper(night), paper(night=False)}
    found = {
        one for one in pale[when] if (one[-1] in papers) == (where == "paper")
    }
    assert found == set()


# Mathematics and pictures, for those who hear them.


@pytest.mark.parametrize("page", LESSONS)
def test_every_formula_is_told_to_a_screen_reader(visit, page):
    read = visit(page, **size(DESKTOP))
    unfold(read)
    formulas = read.locator("article math >> visible=true").count()
    nodes = tree(read)
    known = {node["nodeId"]: node for node in nodes}

    def words(node: dict) -> str:
        below = [known[i] for i in node.get("childIds", []) if i in known]
        own = node["name"]["value"] if not below else ""
        return own + "".join(map(words, below))

    told = [
        words(node)
        for node in nodes
        if node["role"]["value"] in ("MathMLMath", "math")
    ]
    assert len(told) == formulas
    assert all(text.strip() for text in told)


@pytest.mark.parametrize("page", LESSONS)
def test_every_formula_carries_its_tex(page):
    for formula in html_of(page).iter("math"):
        kept = formula.findall(".//annotation")
        assert [k.get("encoding") for k in kept] == ["application/x-tex"]
        assert kept[0].text.strip()
        assert formula.get("aria-hidden") is None


@every_page
def test_every_picture_is_described_in_words(page):
    html = html_of(page)
    for picture in html.iter("img"):
        words = picture.get("alt", "").split()
        assert len(words) >= 5, picture.get("src")
        assert not re.search(r"\.(svg|png|jpe?g|webp)\b", " ".join(words))
    for drawing in html.iter("svg"):  # an icon: what it does stands beside it
        assert drawing.get("aria-hidden") == "true"


def test_the_figures_of_the_book_are_pictures_for_day_and_night():
    pictures = [p for page in LESSONS for p in html_of(page).iter("img")]
    days = [p.get("alt") for p in pictures if p.get("class") == "by-day"]
    nights = [p.get("alt") for p in pictures if p.get("class") == "by-night"]
    assert len(days) > 20 and days == nights
