"""Write the search index.

It is made from the HTML of the pages. It is a script that assigns an object, because a
page that is opened as a local file can load scripts, but no other data.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path

import lxml.html
from lxml.html import HtmlElement
from sphinx.application import Sphinx

from .formula_text import formula_text

# The elements that are not part of the running text.
ASIDE = " | ".join(
    [
        ".//figure",
        ".//*[contains(@class, 'cell_output')]",
        *(
            f".//*[contains(concat(' ', @class, ' '), ' {name} ')]"
            for name in ("headerlink", "tab-list", "tab-name", "eqno", "hide")
        ),
    ]
)
HEADING = "./*[self::h1 or self::h2 or self::h3 or self::h4][1]"
IS_TAB = "contains(concat(' ', @class, ' '), ' tab ')"
TAB = f".//*[{IS_TAB}]"
FOLDED = ".//*[@id][./details[contains(@class, 'hide')]]"
SOLUTION = "[contains(@class, 'solution')]"
# Commands that only choose a font, with what they apply to.
FONT_COMMAND = re.compile(r"\\(?:math|bold|text)[a-z]+ ?\{(\w+)\}")
COMMAND = re.compile(r"\\[A-Za-z]+(?:\{\w\})?")

# The texts of an entry under their names, and its parts that a reader may have to open.
Entry = dict[str, str | list[dict[str, str]]]


def index_entries(page: HtmlElement, url: str) -> Iterator[Entry]:
    """Yield what can be found on a page: its sections without their subsections, and
    its terms, exercises, numbered figures, and numbered equations.

    Exercises have neither their hints nor their solutions, which are left out
    altogether. A figure in a solution can be found by its number only.
    """
    article = page.find(".//article")
    if article is None:
        return
    article = copy.deepcopy(article)
    for hint in article.xpath(".//*[contains(@class, 'exercise')]//details"):
        hint.drop_tree()
    write_formulas_as_text(article)
    heads = article.xpath(".//h1")
    page_title = text_of(heads[0]) if heads else ""
    for section in article.xpath(".//section[@id]"):
        for found in section_entries(own_part(section)):
            found["url"] = f"{url}#{found.pop('id')}"
            if found["kind"] != "section" or section.find("h1") is None:
                found["page"] = page_title
            yield {key: value for key, value in found.items() if value}


def own_part(section: HtmlElement) -> HtmlElement:
    """Return a copy of a section without its subsections."""
    own = copy.deepcopy(section)
    remove(own, ".//section[@id]")
    return own


def section_entries(own: HtmlElement) -> Iterator[Entry]:
    """Yield the parts of a section that are entries of their own, then the section."""
    for term in own.xpath(".//dl[contains(@class, 'glossary')]/dt[@id]"):
        yield entry("term", term, title=text_of(term), text=text_of(term.getnext()))
    remove(own, ".//dl[contains(@class, 'glossary')]")
    for exercise in own.xpath(".//*[contains(@class, 'exercise')][@id]"):
        heading = exercise.find("p")
        number, title = numbered(heading, ".//*[@class='caption-number']")
        heading.drop_tree()
        title = re.sub(r"^\(★*\s*|\)$", "", title)
        yield entry(
            "exercise", exercise, number=number, title=title, **content_of(exercise)
        )
    remove(own, ".//*[contains(@class, 'exercise')][@id]")
    yield from figures(own)
    remove(own, f".//details{SOLUTION}")
    for equation in own.xpath(".//div[starts-with(@id, 'equation-')]"):
        number = equation.find(".//*[@class='eqno']").text.strip("()")
        yield entry(
            "equation", equation, number=f"Equation {number}", text=text_of(equation)
        )
    heading = own.xpath(HEADING)[0]
    number, title = numbered(heading, "./*[@class='section-number']")
    heading.drop_tree()
    labels = " ".join(label(id) for id in own.xpath("./span/@id"))
    yield entry(
        "section",
        own,
        number=number.rstrip("."),
        title=title,
        labels=labels,
        **content_of(own),
    )


def figures(own: HtmlElement) -> Iterator[Entry]:
    """Yield the numbered figures of a section, each once for all frameworks."""
    seen = set()
    for caption in own.xpath(".//figcaption[.//*[@class='caption-number']]"):
        figure = caption.xpath(
            "ancestor::*[@id][self::figure or contains(@class, 'cell_output')]"
        )[0]
        if figure.get("id") in seen:
            continue
        seen.add(figure.get("id"))
        number, text = numbered(caption, ".//*[@class='caption-number']")
        if caption.xpath(f"ancestor::details{SOLUTION}"):
            text = ""
        yield entry("figure", figure, number=number, text=text)


def content_of(element: HtmlElement) -> Entry:
    """Take an element apart: TeX commands, closed parts, and the rest of code and text.

    A closed part is a tab or a cell whose code is folded. It has a `place` (its id), its
    own code and text, and the `framework` of the tab.
    """
    remove(element, ".//*[contains(@class, 'cell_output')]")
    tex, parts = tex_commands(element), []
    for closed in element.xpath(f"{TAB} | {FOLDED}"):
        part = {"framework": closed.get("data-framework"), "place": closed.get("id")}
        part |= {"code": code_of(closed), "text": text_of(closed)}
        parts.append({name: value for name, value in part.items() if value})
    remove(element, TAB)
    code = code_of(element)
    return {"tex": tex, "parts": parts, "code": code, "text": text_of(element)}


def entry(kind: str, element: HtmlElement, **fields: str | list) -> Entry:
    """Return the entry of an element, which can be found by its id as well."""
    id = element.get("id")
    return {"kind": kind, "id": id, "labels": label(id)} | fields


def label(id: str) -> str:
    """Return the label from which docutils has made an id."""
    return id.removeprefix("equation-").replace("-", "_")


def numbered(element: HtmlElement, number: str) -> tuple[str, str]:
    """Return the number in an element and the rest of its text."""
    element = copy.deepcopy(element)
    found = element.xpath(number)
    text = text_of(found[0]) if found else ""
    remove(element, number)
    return text, text_of(element)


def code_of(element: HtmlElement) -> str:
    """Take the code out of an element. Return its lines, each of them once."""
    lines = [
        line.rstrip()
        for block in element.xpath(".//pre")
        for line in block.text_content().splitlines()
    ]
    remove(element, ".//pre")
    return "\n".join(dict.fromkeys(filter(None, lines)))


def write_formulas_as_text(element: HtmlElement) -> None:
    """Replace every formula of an element by a line of text, and keep its TeX."""
    for math in element.xpath(".//math"):
        text, tex = formula_text(math), math.findtext(".//annotation")
        math.clear(keep_tail=True)
        math.text = text
        math.set("data-tex", tex or "")


def tex_commands(element: HtmlElement) -> str:
    r"""Return the commands in the formulas of an element, such as "\hat{y} \nabla"."""
    formulas = " ".join(element.xpath(".//math/@data-tex"))
    return " ".join(sorted(set(COMMAND.findall(FONT_COMMAND.sub(r"\1", formulas)))))


def text_of(element: HtmlElement) -> str:
    """Return the running text of an element."""
    element = copy.deepcopy(element)
    element.tail = None
    remove(element, ASIDE)
    return " ".join(element.text_content().split())


def remove(element: HtmlElement, xpath: str) -> None:
    """Remove the elements that a path finds, but not the text after them."""
    for found in element.xpath(xpath):
        if found.getparent() is not None:
            found.drop_tree()


def write_search_index(app: Sphinx, exception: Exception | None) -> None:
    """Write the script once the site is complete."""
    if exception or app.builder.name != "html":
        return
    found: list[Entry] = []
    for name in sorted(app.env.found_docs):
        text = Path(app.builder.get_outfilename(name)).read_text("utf-8")
        page, url = lxml.html.fromstring(text), app.builder.get_target_uri(name)
        found += index_entries(page, url)
    static = Path(app.outdir, "_static")
    assign(static / "search-index.js", "bookEntries", found)


def assign(path: Path, name: str, value: object) -> None:
    """Write a script that assigns a value to a global variable."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    path.write_text(f"window.{name} = {text};\n", encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", write_search_index)
    return {"version": "1", "parallel_read_safe": True}
