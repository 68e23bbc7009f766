"""Write the search index.

It is made from the HTML of the pages. It is a script that assigns an object, because a
page that is opened as a local file can load scripts, but no other data.
"""

from __future__ import annotations

import copy
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import lxml.html
from lxml.html import HtmlElement
from sphinx.application import Sphinx

# The elements that are not part of the running text.
ASIDE = " | ".join(
    [
        ".//annotation",
        ".//*[contains(@class, 'cell_output')]",
        *(
            f".//*[contains(concat(' ', @class, ' '), ' {name} ')]"
            for name in ("headerlink", "tab-list", "tab-name")
        ),
    ]
)


def sections(page: HtmlElement, url: str) -> Iterator[dict[str, str]]:
    """Yield each section of a page without its subsections, and each term."""
    article = page.find(".//article")
    if article is None:
        return
    heads = article.xpath(".//h1")
    page_title = text_of(heads[0]) if heads else ""
    for section in article.xpath(".//section[@id]"):
        own = copy.deepcopy(section)
        remove(own, ".//section[@id]")
        for glossary in own.xpath(".//dl[contains(@class, 'glossary')]"):
            yield from terms(glossary, url, page_title)
            glossary.drop_tree()
        labels = [
            id.replace("-", "_")
            for id in own.xpath("descendant-or-self::*/@id")
        ]
        remove(own, ASIDE)
        code = [block.text_content() for block in own.xpath(".//pre")]
        remove(own, ".//pre")
        heads = own.xpath("./h1 | ./h2 | ./h3 | ./h4")[:1]
        title = text_of(heads[0]) if heads else ""
        remove(own, "./*[self::h1 or self::h2 or self::h3 or self::h4][1]")
        yield {
            "page": page_title,
            "title": title,
            "url": f"{url}#{section.get('id')}",
            "labels": " ".join(dict.fromkeys(labels)),
            "text": text_of(own),
            "code": "\n".join(dict.fromkeys(code)),
        }


def terms(
    glossary: HtmlElement, url: str, page: str
) -> Iterator[dict[str, str]]:
    """Yield each term of a glossary as if it were a section."""
    for term in glossary.xpath("./dt[@id]"):
        meaning = term.getnext()
        yield {
            "page": page,
            "title": text_of(term),
            "url": f"{url}#{term.get('id')}",
            "labels": term.get("id").replace("-", "_"),
            "text": text_of(meaning),
            "code": "",
        }


def text_of(element: HtmlElement) -> str:
    """Return the text of an element, with plain letters instead of Unicode's
    mathematical letters.
    """
    element = copy.deepcopy(element)
    element.tail = None
    remove(element, ASIDE)
    text = unicodedata.normalize("NFKC", element.text_content())
    return " ".join(text.split())


def remove(element: HtmlElement, xpath: str) -> None:
    """Remove the elements that a path finds, but not the text after them."""
    for found in element.xpath(xpath):
        if found.getparent() is not None:
            found.drop_tree()


def write_search_index(app: Sphinx, exception: Exception | None) -> None:
    """Write the script once the site is complete."""
    if exception or app.builder.name != "html":
        return
    found: list[dict[str, str]] = []
    for name in sorted(app.env.found_docs):
        text = Path(app.builder.get_outfilename(name)).read_text("utf-8")
        page, url = lxml.html.fromstring(text), app.builder.get_target_uri(name)
        found += sections(page, url)
    static = Path(app.outdir, "_static")
    assign(static / "search-index.js", "bookSections", found)


def assign(path: Path, name: str, value: object) -> None:
    """Write a script that assigns a value to a global variable."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    path.write_text(f"window.{name} = {text};\n", encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", write_search_index)
    return {"version": "1", "parallel_read_safe": True}
