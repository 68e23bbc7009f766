"""The title and the address of the book are the same wherever they are written."""

from __future__ import annotations

import tomllib

import pytest
import yaml
from support import ROOT

from bookbuild import settings

BOOK = settings.load(ROOT)
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("file", "title"),
    [("CITATION.cff", CITATION["title"]), ("README.md", README.split("\n")[0][2:])],
)
def test_the_title_matches_the_settings(file, title):
    assert title == BOOK.title, f"{file} and _config.yml give different titles"


def addresses() -> list[tuple[str, str]]:
    """Return the addresses of the repository and the site in a file."""
    found = [
        ("CITATION.cff", CITATION[key])
        for key in ("repository-code", "url")
        if key in CITATION
    ]
    return found + [("pyproject.toml", url) for url in PROJECT.get("urls", {}).values()]


@pytest.mark.parametrize(("file", "address"), addresses())
def test_every_address_of_the_book_derives_from_the_settings(file, address):
    known = (BOOK.repository.url, BOOK.repository.site.rstrip("/"))
    assert address.startswith(known), f"{file} names {address}, unlike _config.yml"
