"""Write the previews of what the pages refer to.

These are equations, terms, figures, sections, exercises, cited works, and footnotes.
Previews are made from the HTML of the pages. The file is a script that assigns an
object, because a page that is opened as a local file can load scripts, but no other
data.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import lxml.html
from lxml.html import HtmlElement
from sphinx.application import Sphinx

from .search_index import IS_TAB, assign, remove

REFERENCES = "//article//a[contains(@class, 'reference')]/@href"
# What wide screens show in the margin. It is a small file of its own, because wide
# screens load it with the page.
NOTES = tuple(f'<div class="{kind}">' for kind in ("work", "term", "footnote"))
# A section's preview ends with the sentence that reaches this many characters.
ENOUGH = 160
END_OF_SENTENCE = re.compile(r"[.?!][)”’]?(?=\s|$)")


def previews(pages: dict[str, HtmlElement]) -> dict[str, str]:
    """Return the preview of each reference's target by the target's address."""
    wanted = {
        urljoin(url, href) for url, page in pages.items() for href in page.xpath(REFERENCES)
    }
    found = {}
    for address in sorted(wanted):
        url, name = urldefrag(address)
        if url not in pages or not name:
            continue
        for target in pages[url].xpath("//*[@id=$name]", name=unquote(name)):
            if made := preview(target, url):
                kind, html = made
                found[address] = f'<div class="{kind}">{html}</div>'
    return found


def preview(target: HtmlElement, url: str) -> tuple[str, str] | None:
    """Return the kind of a target and its preview, or None for other elements."""
    kinds = target.get("class", "").split()
    parent = target.getparent()
    if target.tag == "dt" and target.get("id").startswith("term-"):
        return "term", "".join(html_of(part) for part in target.getnext())
    if target.tag == "div" and "math" in kinds:
        return "equation", html_of(target)
    if "citation" in kinds:
        return "work", html_of(target.find("p"))
    if "footnote" in kinds:
        return "footnote", "".join(html_of(p) for p in target.iterfind("p"))
    if "exercise" in kinds:
        return "exercise", exercise(target)
    if target.tag == "section":
        return section(target)
    # Sphinx puts the ids of a section's other labels before its heading.
    if target.tag == "span" and parent.tag == "section":
        return section(parent)
    if html := "".join(figures(target, url)):
        return "figure", html
    return None


def figures(target: HtmlElement, url: str) -> Iterator[str]:
    """Yield a figure's images and caption, for each framework that draws its own."""
    for figure in target.xpath("descendant-or-self::figure"):
        parts = [
            copy.deepcopy(part) for part in figure.xpath(".//img | .//figcaption")
        ]
        for part in parts:
            part.tail = None
            if part.tag == "img":
                # The script adds the way from the page to the root.
                part.set("src", urljoin(url, part.get("src")))
        html = "".join(html_of(part) for part in parts)
        tab = figure.xpath(f"ancestor::*[{IS_TAB}][1]/@data-framework")
        framework = f' data-framework="{escape(tab[0])}"' if tab else ""
        yield f"<figure{framework}>{html}</figure>"


def exercise(target: HtmlElement) -> str:
    """Return an exercise's title and text, without its hint and its code."""
    own = copy.deepcopy(target)
    remove(own, ".//details | .//*[contains(concat(' ', @class, ' '), ' cell ')]")
    return "".join(html_of(part) for part in own)


def section(target: HtmlElement) -> tuple[str, str]:
    """Return a section's title and the first sentences of its first paragraph."""
    heading = target.xpath("./h1 | ./h2 | ./h3 | ./h4")[0]
    kind = "page" if heading.tag == "h1" else "section"
    title = copy.deepcopy(heading)
    title.tag = "p"
    title.set("class", "preview-title")
    paragraph = target.find("p")
    if paragraph is None:
        return kind, html_of(title)
    return kind, html_of(title) + html_of(first_sentences(paragraph))


def first_sentences(paragraph: HtmlElement, enough: int = ENOUGH) -> HtmlElement:
    """Return a copy of a paragraph that ends with the first sentence to reach `enough`
    characters, or else with its last complete sentence.
    """
    own = copy.deepcopy(paragraph)
    own.tail = None
    ends, length = [], 0
    for child in [None, *own]:
        text = own.text if child is None else child.tail
        length += 0 if child is None else len(child.text_content())
        for end in END_OF_SENTENCE.finditer(text or ""):
            ends.append((length + end.end(), child, text[: end.end()]))
        length += len(text or "")
    if ends:
        reached = (end for end in ends if end[0] >= enough)
        _, child, text = next(reached, ends[-1])
        _cut_after(own, child, text)
    return own


def _cut_after(paragraph: HtmlElement, child: HtmlElement | None, text: str) -> None:
    """Let a paragraph end with `text`, which follows a child or is its beginning."""
    if child is None:
        paragraph.text = text
        following = list(paragraph)
    else:
        child.tail = text
        following = list(child.itersiblings())
    for part in following:
        paragraph.remove(part)


def html_of(element: HtmlElement) -> str:
    """Return the HTML of an element without ids and links."""
    element = copy.deepcopy(element)
    element.tail = None
    remove(element, ".//a[contains(@class, 'headerlink')]")
    remove(element, ".//*[contains(@class, 'cited-in')]")
    for link in element.xpath(".//a"):
        link.drop_tag()
    for named in element.xpath("descendant-or-self::*[@id]"):
        del named.attrib["id"]
    remove(element, ".//span[not(node())]")  # the places of labels
    return lxml.html.tostring(element, encoding="unicode")


def write_previews(app: Sphinx, exception: Exception | None) -> None:
    """Write both scripts once the site is complete."""
    if exception or app.builder.name != "html":
        return
    pages = {}
    for name in sorted(app.env.found_docs):
        text = Path(app.builder.get_outfilename(name)).read_text("utf-8")
        pages[app.builder.get_target_uri(name)] = lxml.html.fromstring(text)
    found = previews(pages)
    notes = {
        address: html for address, html in found.items() if html.startswith(NOTES)
    }
    static = Path(app.outdir, "_static")
    assign(static / "previews.js", "bookPreviews", found)
    assign(static / "notes.js", "bookNotes", notes)


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", write_previews)
    return {"version": "1", "parallel_read_safe": True}
