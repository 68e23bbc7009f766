"""What a page looks up when a reader asks for it: passages and previews.

Both are scripts that assign an object, since a page that was opened from a
file may load scripts but no other data. They are made from the pages as
written, so they say what the pages say.
"""

from __future__ import annotations

import copy
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import lxml.html
from lxml.html import HtmlElement
from sphinx.application import Sphinx

SPACE = re.compile(r"\s+")
# What is no part of the running text.
ASIDE = (
    ".//annotation | .//*[contains(concat(' ', @class, ' '), ' headerlink ')]"
    " | .//*[contains(@class, 'cell_output')]"
    " | .//*[contains(concat(' ', @class, ' '), ' tab-list ')]"
    " | .//*[contains(concat(' ', @class, ' '), ' tab-name ')]"
)


def sections(page: HtmlElement, url: str) -> Iterator[dict[str, str]]:
    """The sections of a page, each with what is in no section below it."""
    article = page.find(".//article")
    if article is None:
        return
    heads = article.xpath(".//h1")
    page_title = _text(heads[0]) if heads else ""
    for section in article.xpath(".//section[@id]"):
        own = copy.deepcopy(section)
        for inner in own.xpath(".//section[@id]"):
            _drop(inner)
        for term in own.xpath(".//dl[contains(@class, 'glossary')]"):
            yield from _terms(term, url, page_title)
            _drop(term)
        labels = [
            one.replace("-", "_") for one in [section.get("id"), *own.xpath(".//@id")]
        ]
        for aside in own.xpath(ASIDE):
            _drop(aside)
        code = []
        for block in own.xpath(".//pre"):
            code.append(block.text_content())
            _drop(block)
        title = ""
        for head in own.xpath("./h1 | ./h2 | ./h3 | ./h4")[:1]:
            title = _text(head)
            _drop(head)
        yield {
            "page": page_title,
            "title": title,
            "url": f"{url}#{section.get('id')}",
            "labels": " ".join(dict.fromkeys(labels)),
            "text": _text(own),
            "code": "\n".join(dict.fromkeys(code)),
        }


def _terms(glossary: HtmlElement, url: str, page: str) -> Iterator[dict[str, str]]:
    for term in glossary.xpath("./dt[@id]"):
        meaning = term.getnext()
        yield {
            "page": page,
            "title": _text(term),
            "url": f"{url}#{term.get('id')}",
            "labels": term.get("id").replace("-", "_"),
            "text": _text(meaning),
            "code": "",
        }


def previews(page: HtmlElement, url: str) -> Iterator[tuple[str, str]]:
    """What the references to numbered equations and to terms stand for."""
    for formula in page.xpath("//div[starts-with(@id, 'equation-')]"):
        yield f"{url}#{formula.get('id')}", _shown(formula)
    for term in page.xpath("//dt[starts-with(@id, 'term-')]"):
        meaning = "".join(_shown(part) for part in term.getnext())
        yield f"{url}#{term.get('id')}", meaning


def _shown(element: HtmlElement) -> str:
    """HTML to show elsewhere: with no names, and no links from there."""
    element = copy.deepcopy(element)
    element.tail = None
    for link in element.xpath(".//a[contains(@class, 'headerlink')]"):
        _drop(link)
    for link in element.xpath(".//a"):
        link.drop_tag()
    for named in element.xpath("descendant-or-self::*[@id]"):
        del named.attrib["id"]
    return lxml.html.tostring(element, encoding="unicode")


def _text(element: HtmlElement) -> str:
    element = copy.deepcopy(element)
    element.tail = None
    for aside in element.xpath(ASIDE):
        _drop(aside)
    # Letters of formulas are searched as those of the keyboard.
    text = unicodedata.normalize("NFKC", element.text_content())
    return SPACE.sub(" ", text).strip()


def _drop(element: HtmlElement) -> None:
    if element.getparent() is not None:
        element.drop_tree()


def write(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.name != "html":
        return
    found: list[dict[str, str]] = []
    shown: dict[str, str] = {}
    for name in sorted(app.env.found_docs):
        text = Path(app.builder.get_outfilename(name)).read_text("utf-8")
        page, url = lxml.html.fromstring(text), app.builder.get_target_uri(name)
        found += sections(page, url)
        shown.update(previews(page, url))
    static = Path(app.outdir, "_static")
    _assign(static / "search-index.js", "bookSections", found)
    _assign(static / "previews.js", "bookPreviews", shown)


def _assign(path: Path, name: str, value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    path.write_text(f"window.{name} = {text};\n", encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True}
