"""The page for teachers lists every exercise, with its level."""

from __future__ import annotations

import re

import bs4
from support import ROOT

PAGE = ROOT / "_build" / "html" / "chapters" / "about" / "teaching.html"


def test_the_page_for_teachers_lists_every_exercise_with_its_level():
    told = {}
    html = bs4.BeautifulSoup(PAGE.read_text("utf-8"), "html.parser")
    for row in html.select("article tr"):
        if link := row.select_one("a[href*='#ex_']"):
            told[link["href"].split("#")[1]] = row.select("td")[1].get_text()
    levels = {}
    for page in (ROOT / "chapters").rglob("*.md"):
        text = page.read_text("utf-8")
        for level, label in re.findall(r"\{exercise\} (★+).*\n:label: (\w+)", text):
            levels[label] = level
    assert len(levels) > 50
    assert told == levels
