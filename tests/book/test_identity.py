"""The title and the address of the book are the same wherever they are written."""

from __future__ import annotations

import json
import re
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


def test_the_bibtex_entry_on_the_first_page_says_what_citation_cff_says():
    page = (ROOT / "chapters/linear-networks/index.md").read_text("utf-8")
    [entry] = re.findall(r"```bibtex\n(.*?)\n```", page, re.DOTALL)
    fields = dict(re.findall(r"(\w+) = \{(.*)\}", entry))
    address = {"url": CITATION["repository-code"]} if BOOK.repository.is_public else {}
    assert fields == {
        "author": "{%s}" % " and ".join(a["name"] for a in CITATION["authors"]),
        "title": CITATION["title"],
        "year": str(CITATION["date-released"].year),
        "version": CITATION["version"],
        **address,
    }


def test_zenodo_gets_the_title_the_authors_and_the_abstract_of_citation_cff():
    # Zenodo does not read CITATION.cff files that list several licenses.
    zenodo = json.loads((ROOT / ".zenodo.json").read_text("utf-8"))
    assert zenodo["title"] == CITATION["title"]
    assert zenodo["creators"] == CITATION["authors"]
    assert zenodo["description"] == CITATION["abstract"].strip()
    assert zenodo["license"].upper() in CITATION["license"]


def test_the_helper_package_and_citation_cff_have_the_same_version():
    assert CITATION["version"] == PROJECT["version"]
