"""Every link of the site into its repository leads to a file in it, if it has one."""

import re
from urllib.parse import unquote

import pytest
from support import ROOT
from support.site_pages import LESSONS, soup

from bookbuild import settings
from bookbuild.build import Book

REPOSITORY = settings.repository(ROOT)
WITH_CODE = {
    f"chapters/{page.name}.html": page.frameworks for page in Book(ROOT).pages()
}


@pytest.mark.parametrize("name", [*LESSONS, "genindex.html", "search.html"])
def test_every_link_into_the_repository_leads_to_an_existing_file(name):
    if not REPOSITORY.is_public:
        urls = [link["href"] for link in soup(name).select("a[href]")]
        hosts = (REPOSITORY.url or "-", "https://colab", "https://mybinder")
        assert [url for url in urls if url.startswith(hosts)] == []
        return
    ref = re.escape(REPOSITORY.branch)
    place = re.compile(rf"/(?:blob|edit|raw|tree)/{ref}/|/{ref}\?labpath=")
    paths = [
        unquote(place.split(link["href"], maxsplit=1)[1])
        for link in soup(name).select("a[href^=https]")
        if place.search(link["href"])
    ]
    assert [path for path in paths if not (ROOT / path).is_file()] == []
    source = f"{name.removesuffix('.html')}.md"
    assert (source in paths) == (ROOT / source).exists()
    if name in WITH_CODE:
        assert len(set(paths) - {source}) >= len(WITH_CODE[name])
