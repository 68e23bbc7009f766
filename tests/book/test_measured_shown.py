"""The built page on measurements shows every number of its file."""

import re

from support import ROOT
from support.site_pages import soup

from _ext import measured

HTML = "chapters/appendix/measurements.html"


def test_the_page_shows_every_measured_number():
    def bare(text: str) -> str:
        return re.sub(r"[\s`'’]", "", text)

    said = bare(soup(HTML).select_one("article").get_text())
    facts = measured.read(ROOT).facts()
    assert "{measured}" not in said
    for name, fact in facts.items():
        if not name.startswith("table_"):
            assert bare(fact) in said, name
    for row in soup(HTML).select("table tr"):
        assert len(row.select("th, td")) > 1
