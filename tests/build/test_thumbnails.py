"""The role {thumbnail} shows a figure of another page in small, but only on the site."""

from __future__ import annotations

import bs4
from support.tiny_book import HEADER, TinyBook, cell

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
    '<rect width="{0}" height="9" fill="#0b6db0"/></svg>'
)


def with_thumbnail(tiny: TinyBook) -> None:
    tiny.write("- {thumbnail}`fig_bird` {ref}`sec_other`\n\n" + cell("1"))
    tiny.add_page(
        "other",
        f"{HEADER}\n(sec_other)=\n# Other\n\n"
        "```{figure} bird.svg\n:name: fig_bird\n:alt: A bird\n\nA bird.\n```\n",
    )
    tiny.page.with_name("bird.svg").write_text(SVG.format(5))


def images(html: str) -> list[bs4.Tag]:
    return bs4.BeautifulSoup(html, "html.parser").select("article li img")


def test_a_thumbnail_has_a_light_and_a_dark_version_and_no_text_of_its_own(tiny_built):
    tiny = tiny_built(with_thumbnail)
    day, night = images(tiny.site.read_text())
    assert (day["class"], night["class"]) == (["by-day"], ["by-night"])
    for image in (day, night):
        assert image["alt"] == "" and image["loading"] == "lazy"
        assert (tiny.site.parent / image["src"]).is_file()
    other = tiny.site.with_name("other.html").read_text()
    assert day["src"] in other and night["src"] in other


def test_notebooks_have_no_thumbnails(tiny_built):
    prose = tiny_built(with_thumbnail).prose()
    assert "- Other" in prose and "![" not in prose


def test_a_thumbnail_follows_its_figure(tiny_copy):
    tiny = tiny_copy(with_thumbnail)
    other = tiny.page.with_name("other.md")
    tiny.page.with_name("fish.svg").write_text(SVG.format(7))
    other.write_text(other.read_text().replace("bird.svg", "fish.svg"))
    assert "fish.svg" in images(tiny.html())[0]["src"]


def test_a_thumbnail_of_something_else_is_reported_with_its_line_and_a_fix(tiny):
    tiny.write("(sec_tiny)=\n## Section\n\nWords {thumbnail}`sec_tiny`.")
    failed = tiny.build("book")
    assert failed.returncode == 1
    assert "page.md:17: " in failed.stderr
    assert "{thumbnail}`sec_tiny` is not the label of a figure" in failed.stderr
    assert "Correct the label" in failed.stderr
