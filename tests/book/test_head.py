"""Each page has metadata, and loads only what its security policy allows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from urllib.parse import urljoin, urlsplit

import pytest
import yaml
from lxml import etree
from PIL import Image
from support import ROOT
from support.site_pages import FIRST, LESSONS, PAGES, SITE, ids, soup

from bookbuild import settings

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
TITLE = CONFIG["title"]
REPOSITORY = settings.repository(ROOT)
SITE_URL = CONFIG.get("html", {}).get("baseurl") or REPOSITORY.public_site
BASE = SITE_URL or "https://book.invalid/"
every_page = pytest.mark.parametrize("name", PAGES)
every_lesson = pytest.mark.parametrize("name", LESSONS)


def head(name: str):
    return soup(name).head


def content(name: str, key: str, value: str) -> str | None:
    found = head(name).find_all("meta", {key: value})
    assert len(found) <= 1, (name, value)
    return found[0]["content"] if found else None


# The metadata of a page


@every_page
def test_a_page_has_a_title_and_a_description_of_its_own(name):
    title = head(name).title.get_text()
    assert TITLE in title
    assert [p for p in PAGES if head(p).title.get_text() == title] == [name]
    said = content(name, "name", "description")
    assert 20 < len(said) < 220
    others = [p for p in PAGES if content(p, "name", "description") == said]
    assert others == [name]


@every_lesson
def test_a_page_names_its_own_address_only_if_the_book_has_one(name):
    links = head(name).select("link[rel=canonical]")
    url = SITE_URL + name if SITE_URL else None
    assert [link["href"] for link in links] == [url] * bool(url)
    assert content(name, "property", "og:url") == url


@every_lesson
def test_a_page_has_a_card_with_a_real_picture_if_the_book_has_an_address(name):
    assert content(name, "property", "og:title")
    url = content(name, "property", "og:image")
    if not SITE_URL:
        assert url is None
        return
    assert url.startswith(BASE)
    with Image.open(SITE / url.removeprefix(BASE)) as picture:
        assert picture.format == "PNG"
        width, height = picture.size
        picture.load()
    assert width >= 600 and height >= 315
    for side, size in (("width", width), ("height", height)):
        assert content(name, "property", f"og:image:{side}") == str(size)
    assert content(name, "name", "twitter:card") == "summary_large_image"


def day(name: str) -> str | None:
    """Return the day of the last commit of a page's source, if git knows it."""
    if not shutil.which("git"):
        return None
    source = name.removesuffix(".html") + ".md"
    done = subprocess.run(
        ["git", "log", "-1", "--format=%cs", "--", source],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() or None


@every_lesson
def test_search_engines_get_structured_data_about_a_page(name):
    [script] = soup(name).select("script[type='application/ld+json']")
    said = json.loads(script.string)
    assert said["@context"] == "https://schema.org"
    if name == FIRST:
        assert said["@type"] == "Book" and said["name"] == TITLE
        assert said["url"] == (SITE_URL or None)
        return
    assert said["@type"] == "Chapter"
    heading = soup(name).select_one("article h1")
    heading = heading.get_text().removesuffix("#").strip()
    assert said["name"].split() == heading.split()
    assert said["url"] == (SITE_URL + name if SITE_URL else None)
    assert said["isPartOf"]["name"] == TITLE
    assert said.get("dateModified") == day(name)


@every_lesson
def test_the_footer_has_the_date_of_change_and_links_to_the_source(name):
    foot = soup(name).select_one("footer")
    time = foot.find("time")
    assert (time and time["datetime"]) == day(name)
    assert not time or time.get_text() == day(name)
    hrefs = {a.get_text(): a["href"] for a in foot.select("a")}
    repository = REPOSITORY.url
    if not REPOSITORY.is_public:
        assert not {"Edit this page", "Report an issue"} & hrefs.keys()
        assert "has no address yet" in foot.get_text()
        return
    source = name.removesuffix(".html") + ".md"
    assert hrefs["Edit this page"] == f"{repository}/edit/{REPOSITORY.branch}/{source}"
    assert (ROOT / source).is_file()
    assert hrefs["Report an issue"].startswith(f"{repository}/issues/new?title=")


def test_pages_without_a_source_have_no_link_to_edit_them():
    for name in ("genindex.html", "search.html", "404.html"):
        assert "Edit this page" not in soup(name).footer.get_text()


@every_page
def test_the_icon_of_a_page_exists(name):
    [icon] = head(name).select("link[rel=icon]")
    path = icon["href"].split("?")[0]
    where = SITE if name == "404.html" else (SITE / name).parent
    assert (where / path).read_text("utf-8").lstrip().startswith("<svg")


def test_the_sitemap_lists_the_pages_of_the_book_and_no_others():
    if not SITE_URL:
        assert not (SITE / "sitemap.xml").exists()
        return
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    urls = etree.parse(SITE / "sitemap.xml").getroot().findall(f"{space}url")
    found = {
        url.findtext(f"{space}loc"): url.findtext(f"{space}lastmod")
        for url in urls
    }
    assert len(urls) == len(found)
    assert found == {BASE + name: day(name) for name in LESSONS}


@every_page
def test_previous_and_next_follow_the_table_of_contents(name):
    place = LESSONS.index(name) if name in LESSONS else None
    for rel, step in (("prev", -1), ("next", 1)):
        expected = []
        if place is not None and 0 <= place + step < len(LESSONS):
            expected = [BASE + LESSONS[place + step]]
        found = soup(name).select(f"main a[rel={rel}]")
        assert [urljoin(BASE + name, a["href"]) for a in found] == expected
        hints = head(name).select(f"link[rel={rel}]")
        assert [urljoin(BASE + name, a["href"]) for a in hints] == expected


@every_lesson
def test_on_this_page_lists_its_headings(name):
    sections = soup(name).select("article section[id] > :is(h2, h3, h4)")
    title = soup(name).select_one("article h1").get_text()
    # The title leads to the top of the page.
    expected = [("#", title.removesuffix("#").split())] if sections else []
    expected += [
        ("#" + heading.parent["id"], heading.get_text().removesuffix("#").split())
        for heading in sections
    ]
    lists = soup(name).select(".on-this-page nav")
    assert len(lists) == (1 if expected else 0)
    for one in lists:
        found = [(a["href"], a.get_text().split()) for a in one.select("a")]
        assert found == expected
        assert {href[1:] for href, _ in found[1:]} <= set(ids(name))


# What a page may load


@every_page
def test_a_page_has_a_strict_content_security_policy(name):
    metas = soup(name).find_all("meta", {"http-equiv": "Content-Security-Policy"})
    assert len(metas) == 1
    policy = {
        rule.split()[0]: rule.split()[1:]
        for rule in metas[0]["content"].split(";")
    }
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    sources = [one for rule in policy.values() for one in rule]
    assert set(sources) <= {"'none'", "'self'", "'unsafe-inline'", "data:"}
    unsafe = [key for key, rule in policy.items() if "'unsafe-inline'" in rule]
    assert unsafe == ["style-src-attr"]  # widths of columns, from docutils
    before = [tag.name for tag in metas[0].find_all_previous(True)]
    assert not {"script", "link", "style", "img"} & set(before)


@every_page
def test_a_page_has_no_inline_scripts_or_event_handlers(name):
    for script in soup(name).select("script"):
        if script.get("type") != "application/ld+json":
            assert script.get("src") and not script.get_text().strip()
    for tag in soup(name).find_all(True):
        for key, value in tag.attrs.items():
            assert not key.lower().startswith("on"), tag
            assert not re.match(r"\s*javascript:", str(value), re.IGNORECASE), tag
    assert soup(name).select("style, iframe, object, embed") == []


CSS_URL = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""")


def is_ours(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("", "data") and not parts.netloc


@every_page
def test_a_page_refers_only_to_files_of_the_site(name):
    addresses = [tag["src"] for tag in soup(name).select("[src]")]
    for tag in soup(name).select("[srcset]"):
        addresses += [one.split()[0] for one in tag["srcset"].split(",")]
    links = "[rel~=stylesheet], [rel~=preload], [rel~=icon], [rel~=prefetch]"
    addresses += [tag["href"] for tag in soup(name).select(f"link:is({links})")]
    for tag in soup(name).select("[style]"):
        addresses += CSS_URL.findall(tag["style"])
    assert len(addresses) >= 4
    assert [one for one in addresses if not is_ours(one)] == []
    assert soup(name).select("link[rel~=preconnect], link[rel~=dns-prefetch]") == []


def test_styles_and_figures_refer_only_to_files_of_the_site():
    for path in SITE.rglob("*.css"):
        found = CSS_URL.findall(path.read_text("utf-8"))
        assert found and all(is_ours(one) for one in found), path
        for one in found:
            assert one.startswith("data:") or (path.parent / one).is_file(), one
    figures = list((SITE / "_images").glob("*.svg"))
    assert figures
    for path in figures:
        text = path.read_text("utf-8")
        for one in re.findall(r'(?:href|src)="([^"]*)"', text):
            assert one.startswith(("#", "data:")), (path, one[:60])
        # Matplotlib names the vocabularies of its metadata, which are never loaded.
        assert all(one.startswith("#") for one in CSS_URL.findall(text)), path


def test_every_published_file_is_used():
    """Check that a page, style, or script refers to each published file.

    Without an address of its own, the site cannot name the picture for its card.
    """
    unused = () if SITE_URL else ("page.png",)
    texts = [soup(name).decode() for name in PAGES]
    static = SITE / "_static"
    texts += [p.read_text("utf-8") for p in static.glob("*.js")]
    texts += [p.read_text("utf-8") for p in static.glob("*.css")]
    whole = "\n".join(texts)
    for path in [*static.rglob("*"), *(SITE / "_images").rglob("*")]:
        if path.is_file() and "LICENSE" not in path.name and path.name not in unused:
            assert path.name in whole, path
