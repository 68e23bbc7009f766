"""The page What's New and its feed repeat the changelog's sections for readers."""

from __future__ import annotations

import bs4
from lxml import etree
from support.tiny_book import REPOSITORY, TinyBook

from _ext import whats_new

CHANGELOG = """\
# Changelog

Words.

## Unreleased

### For people who build the book

- A hidden change.

## 1.1.0 (2026-05-04)

### For readers

- Exercise 7.8 has a *new* solution, with `a < b`
  and `b < c`.

### For Colab users

- Another hidden change.

## 1.0.0 (2026-01-02)

### For readers

- The first version.
"""
ATOM = "{http://www.w3.org/2005/Atom}"
SITE = "https://some-body.github.io/some-book/"


def with_changes(tiny: TinyBook) -> None:
    tiny.configure(repository={"url": REPOSITORY, "branch": "main"})
    tiny.write("Words.")
    (tiny.root / "CHANGELOG.md").write_text(CHANGELOG)
    (tiny.root / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/tiny/page\nchapters:\n"
        "- file: chapters/about/whats-new\n"
    )
    page = tiny.root / "chapters" / "about" / "whats-new.md"
    page.parent.mkdir()
    page.write_text("# What's New\n\n```{changes-for-readers}\n```\n")


def article(tiny: TinyBook) -> bs4.Tag:
    html = tiny.site.parent.with_name("about") / "whats-new.html"
    return bs4.BeautifulSoup(html.read_text(), "html.parser").find("article")


def test_the_page_has_a_section_for_each_version_that_changes_something(tiny_built):
    page = article(tiny_built(with_changes))
    assert [h.get_text().removesuffix("#") for h in page.select("h2")] == [
        "Version 1.1.0 (2026-05-04)", "Version 1.0.0 (2026-01-02)"
    ]  # fmt: skip
    text = " ".join(page.get_text().split())
    assert "Exercise 7.8 has a new solution, with a < b and b < c." in text
    assert "hidden" not in text


def test_the_feed_has_an_entry_for_each_version_with_its_date(tiny_built):
    feed = etree.parse(tiny_built(with_changes).root / "_build" / "html" / "feed.xml")
    assert feed.findtext(f"{ATOM}updated") == "2026-05-04T00:00:00Z"
    entries = feed.getroot().findall(f"{ATOM}entry")
    assert [e.findtext(f"{ATOM}title") for e in entries] == [
        "Version 1.1.0", "Version 1.0.0"
    ]  # fmt: skip
    content = bs4.BeautifulSoup(entries[0].findtext(f"{ATOM}content"), "html.parser")
    assert content.find("em").get_text() == "new"
    assert [c.get_text() for c in content.select("code")] == ["a < b", "b < c"]


def test_an_entry_of_the_feed_links_to_its_section_of_the_page(tiny_built):
    tiny = tiny_built(with_changes)
    feed = etree.parse(tiny.root / "_build" / "html" / "feed.xml").getroot()
    ids = {section["id"] for section in article(tiny).select("section[id]")}
    for entry in feed.findall(f"{ATOM}entry"):
        page, anchor = entry.find(f"{ATOM}link").get("href").split("#")
        assert page == f"{SITE}chapters/about/whats-new.html"
        assert anchor in ids


def test_every_page_links_to_the_feed_and_to_the_page(tiny_built):
    html = bs4.BeautifulSoup(tiny_built(with_changes).site.read_text(), "html.parser")
    [link] = html.head.select("link[rel=alternate]")
    assert (link["type"], link["href"]) == ("application/atom+xml", "../../feed.xml")
    hrefs = [a["href"] for a in html.footer.select("a")]
    assert "../../feed.xml" in hrefs and "../about/whats-new.html" in hrefs


def test_a_changed_changelog_changes_the_page(tiny_copy):
    tiny = tiny_copy(with_changes)
    path = tiny.root / "CHANGELOG.md"
    path.write_text(CHANGELOG.replace("The first version", "The very first version"))
    assert tiny.build("book").returncode == 0
    assert "The very first version" in article(tiny).get_text()


def test_a_book_without_the_page_has_no_feed(tiny):
    tiny.write("Words.")
    html = tiny.html()
    assert "feed.xml" not in html
    assert not (tiny.root / "_build" / "html" / "feed.xml").exists()


def test_unreleased_changes_have_the_day_of_the_last_commit(tmp_path, monkeypatch):
    path = tmp_path / "CHANGELOG.md"
    path.write_text("# C\n\n## Unreleased\n\n### For readers\n\n- New.\n")
    monkeypatch.setattr(whats_new, "last_change", lambda path: "2026-07-08")
    assert whats_new.read_versions(path) == [
        ("Latest Changes", "latest-changes", "2026-07-08", "- New.")
    ]
