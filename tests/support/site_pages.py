"""Read the pages of the built site and their HTML."""

from __future__ import annotations

import json
import os
import shutil
from functools import cache
from pathlib import Path

import bs4

from bookbuild import frameworks
from support import ROOT
from support.served import lessons

SITE = ROOT / "_build" / "html"
LESSONS = lessons(ROOT)
# Includes pages without a source.
PAGES = [*LESSONS, "genindex.html", "search.html", "404.html"]
CONCISE = "chapters/linear-networks/softmax-regression-concise.html"
GLOSSARY = "chapters/appendix/glossary.html"
FIRST = LESSONS[0]


@cache
def soup(page: str) -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup((SITE / page).read_text("utf-8"), "lxml")


@cache
def frameworks_of(page: str) -> list[str]:
    """Return the frameworks that a page offers."""
    return soup(page.partition("?")[0]).html["data-frameworks"].split()


def initial_of(page: str) -> str:
    """Return the framework that a page shows to a new reader."""
    declared = frameworks.load(ROOT)
    return frameworks.initial([declared[n] for n in frameworks_of(page)]).name


@cache
def ids(page: str) -> list[str]:
    return [element["id"] for element in soup(page).select("[id]")]


def assigned(script: str) -> object:
    """Return the value that a script of the site assigns."""
    text = (SITE / "_static" / script).read_text("utf-8")
    return json.loads(text.split(" = ", 1)[1].rstrip().rstrip(";"))


def copied(target: Path) -> Path:
    """Copy the site with hard links. Change files of the copy only with `changed`."""
    shutil.copytree(SITE, target, copy_function=os.link)
    return target


def changed(path: Path, text: str) -> None:
    """Write a file of a copy without changing the site itself."""
    path.unlink()
    path.write_text(text, encoding="utf-8")
