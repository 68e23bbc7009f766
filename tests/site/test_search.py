"""Readers can search the book, preview references, copy code, and link to places."""

from __future__ import annotations

import copy
import gzip
import re
from pathlib import Path

import bs4
import nbformat
import pytest
from support import ROOT, pages
from support.served import served
from support.site_pages import (
    CONCISE,
    FIRST,
    GLOSSARY,
    LESSONS,
    SITE,
    assigned,
    frameworks_of,
    ids,
    soup,
)

from bookbuild import page as split
from _ext import executed_outputs
from bookbuild.build import Book

NETWORKS = "chapters/linear-networks"
EVERY_LESSON = pytest.mark.parametrize("lesson", LESSONS)
WIDE = {"width": 1280, "height": 800}
# Queries, and where the first result should lead.
FINDS = {
    "load_fashion_mnist": f"{NETWORKS}/",
    "SoftmaxCrossEntropyLoss": f"{NETWORKS}/",
    "from_logits": "chapters/appendix/frameworks.html#a-loss-for-classes",
    "surprisal": f"{GLOSSARY}#term-surprisal",
    "log-sum-exp": f"{GLOSSARY}#term-log-sum-exp",
    "minibatch": f"{GLOSSARY}#term-minibatch",
    "train_epoch": f"{NETWORKS}/softmax-regression-concise.html#training",
    "def softmax": f"{NETWORKS}/softmax-regression.html#the-softmax",
    "learning rate": f"{GLOSSARY}#term-learning-rate",
    "overfiting": f"{GLOSSARY}#term-overfitting",
}


@pytest.fixture(scope="module")
def address():
    with served(SITE) as url:
        yield url


@pytest.fixture
def context(browser, address):
    context = browser.new_context(viewport=WIDE)
    context.grant_permissions(
        ["clipboard-read", "clipboard-write"], origin=address.rstrip("/")
    )
    yield context
    context.close()


@pytest.fixture
def page(context):
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    assert page.errors == []


@pytest.fixture
def search(page):
    """Open the search page from the disk."""
    page.goto((SITE / "search.html").as_uri())
    return page


def finds(page, query: str) -> list[str]:
    """Return the addresses, within the site, of the results for a query."""
    page.locator("#search-field").fill(query)
    links = page.locator(".search-finds a")
    return [
        link.removeprefix(SITE.as_uri() + "/")
        for link in links.evaluate_all("links => links.map(one => one.href)")
    ]


# Search


def test_the_site_has_no_second_search_index():
    assert not (SITE / "searchindex.js").exists()


@pytest.mark.parametrize("query", FINDS)
def test_the_first_result_is_the_section_that_the_query_names(search, query):
    assert finds(search, query)[0].startswith(FINDS[query])


@pytest.mark.parametrize(
    "query", ["softmax", "fashion", "Fashion-MNIST", "loss", "learning rate"]
)
def test_exercises_are_not_among_the_first_results_for_a_topic(search, query):
    first = finds(search, query)[:5]
    assert len(first) == 5
    exercises = [link for link in first if "#ex_" in link or link.endswith("#exercises")]
    assert exercises == []


NUMBERS = {
    "section": "article section > :is(h1, h2, h3) > .section-number",
    "exercise": "article .exercise .caption-number",
    "figure": "article figcaption .caption-number",
    "equation": "article .eqno",
}
IS_FOUND_FIRST = """(queries) => {
  const field = document.querySelector("#search-field");
  return queries.filter(([query, title]) => {
    field.value = query;
    field.dispatchEvent(new Event("input"));
    const first = document.querySelector(".search-finds a")?.textContent ?? "";
    return first !== title && !first.startsWith(title + ":") &&
      !first.startsWith(title + " ");
  });
}"""


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_number_finds_the_thing_with_this_number_first(search, kind):
    queries = []
    for lesson in LESSONS:
        for element in soup(lesson).select(NUMBERS[kind]):
            text = " ".join(element.get_text().strip("# ").split())
            number = text.split()[-1].strip("().")
            title = {"section": number, "equation": f"Equation {number}"}.get(kind, text)
            queries += [(number if kind == "section" else text, title)]
            queries += [(f"{kind} {number}", title)]
    assert len(queries) > 60
    assert search.evaluate(IS_FOUND_FIRST, queries) == []


def commands_of(link: str) -> str:
    """Return the TeX of a section or an exercise that a result leads to."""
    path, _, anchor = link.partition("#")
    found = soup(path).find(id=anchor)
    return " ".join(tex.get_text() for tex in found.select("annotation"))


@pytest.mark.parametrize(
    ("query", "command"),
    [
        (r"\nabla", r"\nabla"),
        ("nabla", r"\nabla"),
        ("∇", r"\nabla"),
        (r"\hat{\mathbf{y}}", r"\hat{\mathbf{y}}"),
    ],
)
def test_the_name_of_a_tex_command_finds_formulas_that_use_it(search, query, command):
    links = finds(search, query)
    assert len(links) > 2
    for link in links:
        tex = commands_of(link).lower().replace(r"\hat{y}", r"\hat{\mathbf{y}}")
        assert command in tex, link


def test_code_is_shown_in_a_line_of_its_own(search):
    finds(search, "def softmax")
    line = search.locator(".search-finds li p code").first
    assert re.fullmatch(r"def softmax\(.*\):", line.inner_text())
    prose = search.locator(".search-finds li p:not(:has(code))").all_inner_texts()
    assert [text for text in prose if "def " in text] == []


@pytest.mark.parametrize("chosen", ["jax", "pytorch", "numpy"])
def test_a_result_opens_the_tab_that_its_code_is_in(page, address, chosen):
    words = {
        "mxnet": "gluon.Trainer", "pytorch": "CrossEntropyLoss", "jax": "optax.sgd",
    }  # fmt: skip
    # These pages have no NumPy tab, and show the framework that is shown initially.
    shown_tab = "pytorch" if chosen == "numpy" else chosen
    page.goto(f"{address}{CONCISE}?framework={chosen}")
    for framework, word in words.items():
        page.goto(f"{address}search.html?q={word}")
        results = page.locator(".search-finds li:has(code mark)")
        assert results.count() > 0
        result = results.filter(has_text="Concise Implementation").first
        line = result.locator("code").inner_text()
        link = result.locator("a")
        is_hidden = framework != shown_tab
        hash = link.evaluate("link => link.hash")
        assert hash.endswith(f"-{framework}-panel") == is_hidden
        link.click()
        shown = page.locator("article .cell_input pre", has_text=line)
        shown.locator("visible=true").first.wait_for()
    # The reader's choice is still the same.
    stored = page.evaluate("choices.frameworks('sessionStorage')[0]")
    assert stored == chosen


def test_results_on_the_same_page_open_their_tabs_and_are_no_choice(page, address):
    page.goto(f"{address}{CONCISE}?framework=jax")
    page.goto(f"{address}{CONCISE}")
    for word in ("CrossEntropyLoss", "nnx.Optimizer", "gluon.Trainer"):
        page.keyboard.press("Control+k")
        page.locator("dialog input").fill(word)
        result = page.locator(f"dialog li:has(code mark):has(a[href*='{CONCISE}'])")
        line = result.first.locator("code").inner_text()
        result.first.locator("a").click()
        shown = page.locator("article .cell_input pre", has_text=line)
        shown.locator("visible=true").first.wait_for()
    assert page.evaluate("choices.frameworks('sessionStorage')") == ["jax"]
    assert page.evaluate("choices.recall('framework', 'localStorage')") is None


def test_a_result_opens_the_fold_that_its_code_is_in(page, address):
    page.goto(f"{address}search.html?q=np.log1p(np.exp(")
    line = page.locator(".search-finds code").first.inner_text()
    page.locator(".search-finds li:has(code) a").first.click()
    shown = page.locator("article details[open] pre", has_text=line)
    shown.locator("visible=true").first.wait_for()


def test_going_back_to_the_search_finds_the_last_query(page, address):
    page.goto(f"{address}search.html?q=gradient")
    page.locator("#search-field").fill("CrossEntropyLoss")
    page.locator(".search-finds a").first.click()
    page.wait_for_url(re.compile("/chapters/"))
    page.go_back()
    assert page.locator("#search-field").input_value() == "CrossEntropyLoss"


def test_the_dialog_follows_the_choice_of_a_framework(page, address):
    page.goto(f"{address}{CONCISE}?framework=jax")
    seen = []
    for framework in ("jax", "pytorch"):
        page.locator(".choose-framework").select_option(framework)
        page.keyboard.press("Control+k")
        page.locator("dialog input").fill("CrossEntropyLoss")
        page.keyboard.press("Escape")
        page.locator(".choose-framework").select_option("pytorch")
        page.keyboard.press("Control+k")
        links = page.locator("dialog li:has(code mark) a")
        seen.append(links.evaluate_all("links => links.map((a) => a.hash)"))
        page.keyboard.press("Escape")
    assert seen[0] == seen[1] != []
    assert [hash for hash in seen[0] if "panel" in hash] == []


def test_without_a_choice_results_lead_to_the_initial_framework(page, address):
    # The first page has no tabs, but a framework of its own.
    page.goto(address + FIRST)
    page.keyboard.press("Control+k")
    for word, is_hidden in {"CrossEntropyLoss": False, "optax.sgd": True}.items():
        page.locator("dialog input").fill(word)
        link = page.locator("dialog li:has(code mark):has-text('Concise') a").first
        assert link.evaluate("a => a.hash").endswith("-panel") == is_hidden


def test_the_index_quotes_no_solution():
    index = str(assigned("search-index.js"))
    solutions = [
        " ".join(paragraph.get_text().split())
        for lesson in LESSONS
        for paragraph in soup(lesson).select("details.solution > div > p")
        if not paragraph.select(".math, .value")
    ]
    assert len(solutions) > 20
    assert [text for text in solutions if text in index] == []


def test_a_section_with_the_words_as_its_heading_is_found_first(search):
    finds(search, "softmax")
    title = search.locator(".search-finds a").first.inner_text()
    assert re.fullmatch(r"([\d.]+ )?(The )?softmax", title, re.IGNORECASE)


FIND_ALL = """(queries) => {
  const field = document.querySelector("#search-field");
  return queries.map((query) => {
    field.value = query;
    field.dispatchEvent(new Event("input"));
    return document.querySelector(".search-finds a")?.href;
  });
}"""


def test_a_search_for_a_label_finds_what_it_names(search):
    expected = {}
    for lesson in LESSONS:
        for named in soup(lesson).select("article [id]:not(figure figure, .tab figure)"):
            label = named["id"].removeprefix("equation-").replace("-", "_")
            if label.startswith("sec_"):
                named = named.find_parent("section", id=True)
            if label.startswith(("sec_", "eq_", "fig_", "ex_")):
                expected[label] = f"{lesson}#{named['id']}"
    assert len(expected) > 150
    found = search.evaluate(FIND_ALL, list(expected))
    base = SITE.as_uri() + "/"
    wrong = {
        label: (link, expected[label])
        for label, link in zip(expected, found)
        if link != base + expected[label]
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "query", [*FINDS, "eq_linreg_sum", "learning rate", "gradient", "loss"]
)
def test_every_result_leads_to_an_existing_anchor(search, query):
    links = finds(search, query)
    assert 0 < len(links) <= 20
    for link in links:
        path, _, anchor = link.partition("#")
        assert ids(path).count(anchor) == 1, link


@pytest.mark.parametrize(
    "query",
    ["overflow", "broadcast", "palmerpenguins", "SoftmaxCrossEntropyLoss"],
)
def test_every_result_marks_the_word_that_was_searched(search, query):
    finds(search, query)
    passages = search.locator(".search-finds li p:has(mark)")
    assert passages.filter(has_text=query).count() > 0
    for item in search.locator(".search-finds li").all():
        # The word itself or one that begins with it. Some are in the title.
        marks = item.locator("mark").all_inner_texts()
        assert any(mark.lower().startswith(query.lower()) for mark in marks)


def test_typing_finds_the_same_as_pasting(search):
    pasted = finds(search, "underflow")
    field = search.locator("#search-field")
    field.fill("")
    for letter in "underflow":
        field.press_sequentially(letter)
        assert search.locator(".search-count").inner_text()
        assert search.locator(".search-finds li").count() > 0
    assert finds(search, "underflow") == pasted
    field.fill("")
    assert search.locator(".search-finds li").count() == 0


@pytest.mark.parametrize("query", ["zygomorphic", "[", "(((", "\\", "*"])
def test_a_search_without_results_says_so(search, query):
    assert finds(search, query) == []
    said = search.locator(".search-count").inner_text()
    assert said == f"No results for “{query}”. Try fewer or other words."


def test_html_in_a_query_is_shown_as_text(page):
    query = "<zz onfocus=alert(1)><img src=x onerror=alert(1)>"
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(1), dialog.dismiss()))
    page.goto((SITE / "search.html").as_uri() + f"?q={query}")
    assert page.locator("#search-field").input_value() == query
    assert page.locator("zz, #search img").count() == 0
    finds(page, "<zygomorphic>")
    assert "<zygomorphic>" in page.locator(".search-count").inner_text()
    assert page.locator("zygomorphic").count() == 0
    assert dialogs == []


def test_an_address_can_carry_a_query(page):
    page.goto((SITE / "search.html").as_uri() + "?q=surprisal")
    assert page.locator(".search-finds a").first.is_visible()


@pytest.mark.parametrize("scheme", ["file", "http"])
@pytest.mark.parametrize("keys", ["/", "Control+k", "Meta+k"])
def test_keys_search_without_leaving_the_page(page, scheme, keys, address):
    base = address if scheme == "http" else SITE.as_uri() + "/"
    page.goto(base + CONCISE)
    page.keyboard.press(keys)
    field = page.locator("dialog input")
    field.wait_for()
    assert page.evaluate("document.activeElement.id") == "search-field"
    page.keyboard.type("early stopping/")
    assert field.input_value() == "early stopping/"
    page.keyboard.press("Enter")
    page.wait_for_url(f"{base}{GLOSSARY}#term-early-stopping")
    assert page.locator("#term-early-stopping").is_visible()


@pytest.mark.parametrize("keys", ["/", "Control+k"])
def test_keys_lead_to_the_field_of_the_search_page(search, keys):
    finds(search, "softmax")
    search.locator(".search-finds a").first.focus()
    search.keyboard.press(keys)
    assert search.evaluate("document.activeElement.id") == "search-field"
    assert search.locator("dialog").count() == 0


@pytest.mark.parametrize("place", ["dialog", "#search"])
def test_arrow_keys_move_through_the_results(page, place):
    start = FIRST if place == "dialog" else "search.html"
    page.goto((SITE / start).as_uri())
    page.keyboard.press("/")
    page.locator(f"{place} input").fill("gradient")
    links = page.locator(f"{place} .search-finds a")
    focus = "link => link === document.activeElement"
    for number in (0, 1, 2):
        page.keyboard.press("ArrowDown")
        assert links.nth(number).evaluate(focus)
    page.keyboard.press("ArrowUp")
    assert links.nth(1).evaluate(focus)
    target = links.nth(1).evaluate("link => link.href")
    page.keyboard.press("Enter")
    page.wait_for_url(target)


def test_arrow_keys_lead_from_the_first_result_back_to_the_field(search):
    finds(search, "gradient")
    for key in ("ArrowDown", "ArrowUp"):
        search.keyboard.press(key)
    assert search.evaluate("document.activeElement.id") == "search-field"


def test_one_escape_closes_the_search_even_with_a_query(page):
    page.goto((SITE / FIRST).as_uri())
    page.keyboard.press("Control+k")
    page.locator("dialog input").fill("gradient")
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")


def test_the_last_query_is_kept_for_the_visit_and_selected(page, address):
    page.goto(address + FIRST)
    page.keyboard.press("/")
    page.locator("dialog input").fill("gradient")
    page.goto(address + CONCISE)
    page.keyboard.press("/")
    page.locator("dialog .search-finds a").first.wait_for()
    assert page.evaluate("getSelection().toString()") == "gradient"


@pytest.mark.parametrize(
    ("platform", "keys"), [("Linux x86_64", "Ctrl K"), ("MacIntel", "⌘ K")]
)
def test_the_header_shows_the_keys_that_open_the_search(page, platform, keys):
    page.add_init_script(
        f"Object.defineProperty(navigator, 'platform', {{get: () => '{platform}'}})"
    )
    page.goto((SITE / FIRST).as_uri())
    shown = page.locator(".search-button kbd")
    assert shown.evaluate("kbd => getComputedStyle(kbd, '::before').content") == (
        f'"{keys}"'
    )
    page.set_viewport_size({"width": 820, "height": 800})
    assert shown.is_visible()
    page.set_viewport_size({"width": 819, "height": 800})
    assert not shown.is_visible()


def test_control_click_on_the_search_button_opens_the_search_page(page):
    page.goto((SITE / FIRST).as_uri())
    with page.context.expect_page() as opened:
        page.locator(".search-button").click(modifiers=["Control"])
    opened.value.wait_for_selector("#search-field")
    assert opened.value.url == (SITE / "search.html").as_uri()
    assert page.locator("dialog").count() == 0


def test_a_result_on_the_same_page_closes_the_dialog(page):
    page.goto((SITE / f"{NETWORKS}/softmax-regression-scratch.html").as_uri())
    page.locator(".search-button").click()
    page.locator("dialog input").fill("log-sum-exp")
    page.locator("dialog a[href$='#log-sum-exp']").click()
    page.locator("dialog").wait_for(state="hidden")
    assert page.url.endswith("#log-sum-exp")
    assert page.locator("#log-sum-exp h3").is_visible()


# Previews


# What a reference's address contains, for each kind with a preview.
KINDS = {
    "equation": "#equation-",
    "term": "#term-",
    "figure": "#fig-",
    "exercise": "#ex_",
    "work": "references.html#id",
}
MOST_OF_PREVIEWS = 55_000  # bytes, compressed. They load when the first is shown.


def references(kind: str) -> set[str]:
    """Return the addresses of all targets of one kind that the pages refer to."""
    found = set()
    for lesson in LESSONS:
        for link in soup(lesson).select("article a.reference.internal[href*='#']"):
            path, _, name = link["href"].partition("#")
            target = (SITE / lesson).parent / path if path else SITE / lesson
            found.add(f"{target.resolve().relative_to(SITE).as_posix()}#{name}")
    return {address for address in found if KINDS[kind] in address}


@pytest.mark.parametrize("kind", KINDS)
def test_every_reference_has_a_preview_of_its_kind(kind):
    previews = assigned("previews.js")
    found = references(kind)
    assert len(found) > 10
    for address in found:
        html = previews[address]
        assert html.startswith(f'<div class="{kind}">'), address
        assert "id=" not in html and "<a " not in html
        assert ("<math" in html) or kind != "equation"


def test_a_preview_of_a_section_has_its_title_and_first_sentences():
    html = assigned("previews.js")[f"{CONCISE}#sec-softmax-concise"]
    card = bs4.BeautifulSoup(html, "lxml")
    words = soup(CONCISE).select_one("article section > p").get_text()
    assert card.select_one(".preview-title").get_text() in soup(CONCISE).h1.get_text()
    assert words.startswith(card.select("p")[1].get_text())


def test_a_preview_of_an_exercise_has_neither_its_hint_nor_its_solution():
    previews = assigned("previews.js")
    for address in references("exercise"):
        card = bs4.BeautifulSoup(previews[address], "lxml")
        assert card.select_one(".caption-number")
        assert len(card.get_text()) > 80
        assert not card.select("details, pre"), address
        assert "Hint" not in card.get_text()


def test_a_figure_has_a_preview_in_every_framework():
    previews = assigned("previews.js")
    for address in references("figure"):
        card = bs4.BeautifulSoup(previews[address], "lxml")
        drawn = {figure.get("data-framework") for figure in card.select("figure")}
        expected = set(frameworks_of(address.partition("#")[0]))
        assert drawn in ({None}, expected), address


def test_previews_are_small_enough_to_load_on_a_phone():
    data = (SITE / "_static" / "previews.js").read_bytes()
    assert len(gzip.compress(data, 6)) < MOST_OF_PREVIEWS


CARDS = {
    "an equation here": (CONCISE, "[href^='#equation-']", "math"),
    "an equation elsewhere": (CONCISE, "[href*='.html#equation-']", "math"),
    "a term here": (GLOSSARY, "[href^='#term-']", "p"),
    "a term elsewhere": (
        f"{NETWORKS}/softmax-regression.html",
        "[href*='glossary.html#term-']",
        "p",
    ),
}


@pytest.mark.parametrize(
    ("way", "scheme"), [("hover", "file"), ("focus", "http")]
)
@pytest.mark.parametrize("what", CARDS)
def test_a_reference_shows_a_preview_of_its_target(
    page, address, what, way, scheme
):
    lesson, link, part = CARDS[what]
    base = address if scheme == "http" else SITE.as_uri() + "/"
    page.goto(base + lesson)
    link = page.locator(f"article a.reference.internal{link}:visible").first
    card = page.locator("#preview")
    link.scroll_into_view_if_needed()
    assert not card.is_visible()
    link.hover() if way == "hover" else link.focus()
    card.locator(part).first.wait_for()
    assert link.get_attribute("aria-describedby") == card.get_attribute("id")
    name = link.evaluate("link => link.hash.slice(1)")
    target = link.evaluate("link => link.href").split("#")[0].removeprefix(base)
    original = soup(target).find(id=name)
    if name.startswith("term-"):
        original = original.find_next_sibling("dd")
    else:
        original = original.select_one(".formula")
    # Both contain hidden TeX, and whitespace may differ.
    words = "".join(original.get_text().split())
    assert words in "".join(card.text_content().split())
    box = card.bounding_box()
    assert box["x"] >= 0 and box["y"] >= 0
    assert box["x"] + box["width"] <= WIDE["width"]
    assert box["y"] + box["height"] <= WIDE["height"]
    if way == "hover":
        page.mouse.move(2, 2)
    else:
        link.blur()
    card.wait_for(state="hidden")
    assert link.get_attribute("aria-describedby") is None


def test_escape_hides_a_preview(page):
    page.goto((SITE / GLOSSARY).as_uri())
    page.locator("article a.reference.internal[href^='#term-']").first.focus()
    page.locator("#preview").wait_for()
    page.keyboard.press("Escape")
    assert not page.locator("#preview").is_visible()


# Copying


def clipboard(page) -> str:
    return page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize("framework", list(pages.FRAMEWORKS))
def test_the_copy_button_copies_the_code_and_nothing_else(
    page, address, framework
):
    page.goto(f"{address}{CONCISE}?framework={framework}")
    written = {
        cell.source.rstrip("\n")
        for cell in split.read_page(
            ROOT / "chapters" / f"{pages.SOFTMAX}.md",
            pages.SOFTMAX,
            pages.FRAMEWORKS,
        ).code(framework)
    }
    buttons = page.locator(".cell .copy-code:visible")
    assert buttons.count() > 10
    assert page.locator(".cell_output .copy-code").count() == 0
    for number in range(0, buttons.count(), 3):
        button = buttons.nth(number)
        button.click()
        page.wait_for_function(
            "button => button.getAttribute('aria-label') === 'Copied'",
            arg=button.element_handle(),
        )
        assert clipboard(page) in written


def test_every_code_cell_has_a_copy_button(page):
    page.goto((SITE / CONCISE).as_uri())
    cells = page.locator("article .cell_input").count()
    assert page.locator("article .cell_input .copy-code").count() == cells > 30


def test_all_code_up_to_a_cell_can_be_copied_and_runs_in_one_piece(page, address):
    page.goto(f"{address}{CONCISE}?framework={next(iter(pages.FRAMEWORKS))}")
    cells = split.read_page(
        ROOT / "chapters" / f"{pages.SOFTMAX}.md", pages.SOFTMAX, pages.FRAMEWORKS
    ).code(next(iter(pages.FRAMEWORKS)))
    page.locator(".cell .copy-above:visible").nth(3).click()
    page.wait_for_selector(".copy-above.done")
    copied = clipboard(page)
    written = [cell.source.rstrip("\n") for cell in cells]
    last = next(i for i, code in enumerate(written) if copied.endswith(code))
    assert last >= 4
    assert copied == "\n\n".join(written[: last + 1])


def test_the_tab_key_stops_once_at_the_copy_buttons_of_a_cell(page, address):
    page.goto(address + CONCISE)
    page.locator(".cell .copy-code:visible").nth(2).focus()
    focused = "document.activeElement.className"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused) == "copy-above"
    page.keyboard.press("Enter")
    page.wait_for_selector(".copy-above.done")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == "copy-code"
    page.keyboard.press("Tab")
    assert page.evaluate("!document.activeElement.closest('.copy-buttons')"
                         " || document.activeElement.className === 'copy-code'")


SELECT = """(range) => {
  const [start, end] = range.map(one => document.querySelector(one));
  const selection = getSelection();
  selection.removeAllRanges();
  const chosen = document.createRange();
  chosen.setStartBefore(start);
  chosen.setEndAfter(end);
  selection.addRange(chosen);
}"""


def test_a_formula_is_copied_as_its_tex(page, address):
    page.goto(address + CONCISE)
    equation = "#equation-eq-softmax-concise-logits"
    page.evaluate(SELECT, [equation, equation])
    page.keyboard.press("Control+c")
    tex = page.locator(f"{equation} annotation").text_content()
    assert "\\" in tex
    assert clipboard(page).strip() == f"$${tex}$$"
    # Half of a formula in a sentence is copied as the whole.
    page.evaluate(SELECT, ["article p span.math mi", "article p span.math mi"])
    page.keyboard.press("Control+c")
    inline = page.locator("article p span.math:has(mi) annotation").first.text_content()
    assert clipboard(page).strip() == f"${inline}$"


def test_a_sentence_is_copied_with_its_formulas_in_place(page, address):
    page.goto(address + CONCISE)
    page.evaluate(
        "document.querySelector('article p span.math').closest('p').id = 'one'"
    )
    page.evaluate(SELECT, ["#one", "#one"])
    page.keyboard.press("Control+c")
    sentence = soup(CONCISE).select_one("article p span.math").find_parent("p")
    sentence = copy.copy(sentence)
    for formula in sentence.select(".math"):
        formula.replace_with(f"${formula.select_one('annotation').get_text()}$")
    assert clipboard(page).split() == sentence.get_text().split()


# Permalinks

NAMED = {
    "headings": "article section > :is(h1, h2, h3, h4)",
    "equations": "article .math:has(.eqno)",
    "figures": "article figure:has(.caption-number)",
    "exercises": "article .exercise",
    "terms": "article dl.glossary > dt",
    "cells": "article .cell:has(> .cell_input)",
}
COUNTS = {
    "headings": 80,
    "equations": 40,
    "figures": 40,
    "exercises": 30,
    "terms": 20,
    "cells": 200,
}


@pytest.mark.parametrize("kind", NAMED)
def test_everything_worth_linking_to_has_a_permalink(kind):
    count = 0
    for lesson in LESSONS:
        for named in soup(lesson).select(NAMED[kind]):
            count += 1
            own = {named.get("id"), named.parent.get("id")} - {None}
            links = {a["href"][1:] for a in named.select("a.headerlink")}
            assert own & links, (lesson, named.get_text()[:60])
            assert own, lesson
    assert count >= COUNTS[kind]


@EVERY_LESSON
def test_a_permalink_leads_to_one_place_and_is_labeled(lesson):
    names = ids(lesson)
    assert len(names) == len(set(names))
    for link in soup(lesson).select("a.headerlink"):
        assert names.count(link["href"].removeprefix("#")) == 1, link
        assert link["aria-label"].startswith("Link to this ")


def test_a_link_to_the_exercises_opens_no_solution(page, address):
    page.goto(f"{address}{CONCISE}#exercises")
    assert page.locator("details.solution").count() > 0
    assert page.locator("details.solution[open]").count() == 0


def test_inserting_a_cell_keeps_the_anchors_of_the_other_cells():
    name = pages.LINEAR
    path = ROOT / "chapters" / f"{name}.md"
    text = path.read_text("utf-8")
    inserted = "\n\n```{code-cell} ipython3\n1 + 1\n```\n\n## "

    def anchors(text: str) -> list[str]:
        page = split.parse_page(text, Path(path), name, pages.USED)
        nodes = {
            one: Book(ROOT).output(page, framework)
            for one, framework in page.frameworks.items()
        }
        executed = {k: nbformat.read(v, as_version=4) for k, v in nodes.items()}
        merged = executed_outputs.merge_frameworks(page, page.frameworks, executed)
        return [
            cell["metadata"]["anchor"]
            for cell in merged["cells"]
            if cell["cell_type"] == "code"
        ]

    before = anchors(text)
    after = anchors(text.replace("\n\n## ", inserted, 1))
    assert len(after) == len(before) + 1
    assert [one for one in after if one in before] == before
    # And the page has them.
    assert set(before) <= set(ids(f"chapters/{name}.html"))
