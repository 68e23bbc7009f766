"""{compare} shows the cells of a page that define a name, one per framework."""

from __future__ import annotations

import bs4
import pytest
from support.tiny_book import HEADER, TinyBook, cell

STEPS = (
    cell("import types\nused = types.SimpleNamespace()", "alpha")
    + cell("used = 0", "beta")
    + cell("used.step = 1", "alpha")
    + cell("used + 1", "beta")
    + cell("first = 1\ndef step():\n    hidden = 2", "alpha")
    + cell("first = 3\nstep = lambda: 4", "beta")
    + cell("def shared(): ...")
)


def with_comparison(tiny: TinyBook, name: str = "step", page: str = "tiny/page") -> None:
    tiny.write(STEPS)
    comparison = f"```{{compare}} {page}\n{name}\n```\n"
    tiny.add_page("other", f"{HEADER}\n# Other\n\n{comparison}")


def shown(tiny: TinyBook) -> dict[str, str]:
    """Return the code of each framework that the second page shows."""
    html = bs4.BeautifulSoup(
        tiny.site.with_name("other.html").read_text(), "html.parser"
    )
    parts = html.select(".compare > div")
    return {part.p.get_text(): part.pre.get_text().strip() for part in parts}


def test_each_framework_has_its_label_and_the_cell_that_defines_the_name(tiny_built):
    assert shown(tiny_built(with_comparison)) == {
        "Alpha": "first = 1\ndef step():\n    hidden = 2",
        "Beta": "first = 3\nstep = lambda: 4",
    }


def test_a_changed_cell_changes_the_comparison(tiny_copy):
    tiny = tiny_copy(with_comparison)
    tiny.edit("step = lambda: 4", "step = lambda: 5")
    tiny.html()
    assert shown(tiny)["Beta"].endswith("step = lambda: 5")


@pytest.mark.parametrize(
    ("name", "page", "reason"),
    [
        ("step", "tiny/gone", "there is no page chapters/tiny/gone.md"),
        ("gone", "tiny/page", "no cell for Alpha on the page chapters/tiny/page.md "
         "defines 'gone'"),
        ("hidden", "tiny/page", "defines 'hidden'"),
        ("shared", "tiny/page", "defines 'shared'"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_stops_the_build_with_the_reason(
    tiny, name, page, reason
):
    with_comparison(tiny, name, page)
    done = tiny.build("book")
    assert done.returncode != 0
    assert reason in done.stderr and "other.md:14" in done.stderr
