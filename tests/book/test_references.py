"""The bibliography links to its works, and to the places that cite them."""

from __future__ import annotations

import re

import bs4
from support import ROOT

SITE = ROOT / "_build" / "html"
REFERENCES = SITE / "chapters" / "references.html"
FIELD = re.compile(r"^ *(doi|eprint|url) *= *\{(.+)\},", re.MULTILINE)
PREFIX = {"doi": "https://doi.org/", "eprint": "https://arxiv.org/abs/", "url": ""}


def works() -> list[bs4.Tag]:
    soup = bs4.BeautifulSoup(REFERENCES.read_text("utf-8"), "lxml")
    return soup.select(".citation")


def test_every_doi_preprint_and_address_is_a_link():
    source = (ROOT / "chapters" / "references.bib").read_text("utf-8")
    named = FIELD.findall(source)
    assert len(named) > 25
    linked = {link["href"] for work in works() for link in work.select("a")}
    for field, value in named:
        assert PREFIX[field] + value in linked


def test_only_books_from_before_1900_have_no_link():
    for work in works():
        year = max(map(int, re.findall(r"\b1[789]\d\d|\b20\d\d", work.get_text())))
        assert year < 1900 or work.select("a.external"), work.get_text()


def test_every_work_says_where_it_is_cited():
    assert len(works()) > 25
    for work in works():
        links = work.select(".cited-in a")
        assert links, work.get_text()
        for link in links:
            path, _, name = link["href"].partition("#")
            html = (REFERENCES.parent / path).read_text("utf-8")
            assert f'class="bibtex-citation" id="{name}"' in html
