"""A {page-map} is a drawing with links on the site, and an image elsewhere."""

from __future__ import annotations

import base64
import re

import bs4
import pytest
from support.tiny_book import HEADER, TinyBook, cell

from _ext import page_map

MAP = """\
(sec_tiny)=
## Map

See {{numref}}`fig_map`.

```{{page-map}}
---
name: fig_map
alt: Two boxes & an arrow
caption: The *pages*.
---
rows:
- [[sec_tiny, This & That, a section]]
- [[sec_other, Other, {0}]]
arrows:
  {1}
```

"""
BOXES = {"a": (0, 0, "A", "first"), "b": (0, 1, "B", "second"), "c": (1, 0, "C", "third")}


def with_map(tiny: TinyBook) -> None:
    tiny.write(MAP.format("another page", "sec_tiny: [sec_other]") + cell("1"))
    tiny.add_page("other", f"{HEADER}\n(sec_other)=\n# Other\n\nWords.\n")


def drawing(tiny: TinyBook) -> bs4.Tag:
    html = bs4.BeautifulSoup(tiny.site.read_text(), "html.parser")
    return html.select_one("figure#fig-map svg")


def test_each_box_is_a_link_to_its_page_that_names_it(tiny_built):
    links = drawing(tiny_built(with_map)).select("a")
    assert [(a["href"], a.get_text()) for a in links] == [
        ("#sec-tiny", "This & That a section"),
        ("other.html#sec-other", "Other another page"),
    ]


def test_the_map_is_described_and_has_a_caption_and_a_number(tiny_built):
    svg = drawing(tiny_built(with_map))
    assert svg["role"] == "group" and svg["aria-label"] == "Two boxes & an arrow"
    caption = svg.find_parent("figure").select_one("figcaption")
    assert caption.get_text().strip().startswith("Fig.\xa01 The pages.")


def test_a_notebook_has_the_map_as_an_image(tiny_built):
    prose = tiny_built(with_map).prose()
    kind, data = re.search(
        r"!\[Two boxes & an arrow\]\(data:(.*);base64,(.*)\)", prose
    ).groups()
    svg = base64.b64decode(data).decode()
    assert kind == "image/svg+xml"
    assert "This &amp; That" in svg and "<a " not in svg
    assert "**Fig.\xa01.** The *pages*." in prose


def test_arrows_join_neighbors_and_point_right_or_down():
    svg = page_map.draw(BOXES, [("a", "b"), ("a", "c"), ("b", "c")])
    angles = [float(a) for a in re.findall(r"rotate\((.*?)\)", svg)]
    assert angles[:2] == [0, 90] and 90 < angles[2] < 180
    with pytest.raises(ValueError, match="from 'C' to 'A' points neither"):
        page_map.draw(BOXES, [("c", "a")])


@pytest.mark.parametrize(
    ("text", "arrows", "fault"),
    [
        ("[", "sec_tiny: [sec_other]", "{page-map} cannot be read"),
        ("another page", "sec_tiny: [sec_none]", "{page-map} cannot be read"),
        ("another page", "sec_other: [sec_tiny]", "move one of the boxes"),
    ],
)
def test_a_map_that_cannot_be_drawn_is_reported(tiny, text, arrows, fault):
    tiny.write(MAP.format(text, arrows))
    failed = tiny.build("book")
    assert failed.returncode == 1
    assert fault in failed.stderr and "page.md" in failed.stderr


def test_a_box_for_a_page_that_does_not_exist_is_reported(tiny):
    tiny.write(MAP.format("another page", "sec_tiny: [sec_other]"))
    failed = tiny.build("book")
    assert failed.returncode == 1
    assert "'sec_other', which is not the label of a page" in failed.stderr
