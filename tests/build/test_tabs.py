"""Readers see the code and the outputs of the framework that they have chosen.

Cells of different frameworks are in one synchronized tab set. A shared cell has one
code, and the outputs of each framework.
"""

import bs4
import pytest
from support.tiny_book import TinyBook, cell

FIGURE = {
    "mystnb": {
        "figure": {"caption": "A line.", "name": "fig_line"},
        "image": {"alt": "A rising line."},
    }
}
PROSE = """
:::::{tab-set}
:sync-group: framework

::::{tab-item} Beta
:sync: beta
Beta says so.
::::

::::{tab-item} Alpha
:sync: alpha
Alpha says so.
::::
:::::

"""
PAGE = (
    "See {numref}`fig_line` and {numref}`fig_same`.\n\n"
    + cell("a = 1\na", "alpha")
    + cell("a = 2\na", "beta")
    + "\nWords between.\n\n"
    + cell("b = 3\nb", "alpha")
    + cell("b = 4\nb", "beta")
    + cell("import matplotlib.pyplot as plt\nplt.plot([0, a]);", **FIGURE)
    + cell("a * 10", "hide-input")
    + cell("a * 100", "hide-output")
    + cell("a * 1000", "remove-input")
    + cell("a * 10000", "remove-output")
    + cell("None if a == 1 else 'only Beta'")
    + "\n```{exercise} Do it\n:label: ex_do\nNow.\n```\n\n"
    + "````{solution-start} ex_do\n:class: dropdown\n````\n\nSo:\n\n"
    + cell("c = 'alpha inside'\nc", "alpha")
    + cell("c = 'beta inside'\nc", "beta")
    + "\n````{solution-end}\n````\n\n"
    + PROSE
    + cell("d = 'first alpha'\nd", "alpha")
    + cell("d = 'first beta'\nd", "beta")
    + cell("e = 'next alpha'\ne", "alpha")
    + cell("e = 'next beta'\ne", "beta")
    + cell(
        "plt.plot([0, 1]);",
        mystnb={
            "figure": {"caption": "Another.", "name": "fig_same"},
            "image": {"alt": "The same line for all."},
        },
    )
)


def tabs(tiny: TinyBook) -> None:
    tiny.write(PAGE)


@pytest.fixture(scope="module")
def html(tiny_built) -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup(tiny_built(tabs).site.read_text(), "html.parser")


def labels(html: bs4.BeautifulSoup) -> list[list[str]]:
    return [
        [tab.get_text() for tab in tab_set.select("[role=tab]")]
        for tab_set in html.select(".tabs")
    ]


def cell_with(html: bs4.BeautifulSoup, code: str) -> bs4.Tag:
    """Return the only cell that shows this code."""
    [found] = [
        one for one in html.select(".cell")
        if code in [pre.get_text().strip() for pre in one.select(".cell_input pre")]
    ]  # fmt: skip
    return found


def switched(cell: bs4.Tag) -> dict[str, str]:
    """Return what a cell shows for each framework."""
    found = cell.select(".cell_output > .tab")
    assert all(one.select_one(".tab-name").extract() for one in found)
    return {one["data-framework"]: one.get_text().strip() for one in found}


def test_each_pair_of_twin_cells_becomes_a_tab_set(html):
    assert labels(html)[:3] == [["Alpha", "Beta"]] * 3


def test_tab_sets_with_nothing_between_them_become_one(html):
    assert len(labels(html)) == 4
    last = html.select(".tabs")[-1]
    assert [tab.get_text() for tab in last.select("[role=tab]")] == ["Beta", "Alpha"]
    for name in ("Alpha", "Beta"):
        panel = last.select_one(f"[role=tabpanel][data-framework={name.lower()}]")
        said = [
            panel.get_text().index(text.format(name.lower()))
            for text in (f"{name} says so", "first {}", "next {}")
        ]
        assert said == sorted(said)
        assert len(panel.select(".tab-name")) == 1


def test_a_shared_cell_shows_its_code_once_and_the_outputs_of_each(html):
    found = cell_with(html, "import matplotlib.pyplot as plt\nplt.plot([0, a]);")
    assert not found.find_parent(class_="tabs")
    assert not found.select("[role]:not(img)")
    assert [one["data-framework"] for one in found.select(".tab")] == ["alpha", "beta"]
    assert [one.get_text() for one in found.select(".tab-name")] == ["Alpha", "Beta"]
    assert all(len(one.select("figure")) == 1 for one in found.select(".tab"))
    [link] = found.select(".cell_input > .headerlink")
    assert link["href"] == f"#{found['id']}"


def test_a_framework_without_outputs_has_no_place_for_them(html):
    found = cell_with(html, "None if a == 1 else 'only Beta'")
    assert switched(found) == {"beta": "'only Beta'"}


def test_the_outputs_of_a_shared_cell_are_folded_or_removed_as_its_tags_say(html):
    folded = cell_with(html, "a * 10")
    assert folded.select("details .cell_input") and not folded.select("details .tab")
    assert switched(folded) == {"alpha": "10", "beta": "20"}
    folded = cell_with(html, "a * 100")
    assert not folded.select("details .cell_input")
    assert len(folded.select("details .tab")) == 2
    assert not cell_with(html, "a * 10000").select(".cell_output")
    [bare] = [one for one in html.select(".cell") if not one.select(".cell_input")]
    assert switched(bare) == {"alpha": "1000", "beta": "2000"}


def test_each_tab_and_its_panel_refer_to_each_other_and_to_their_framework(html):
    for tab_set in html.select(".tabs"):
        panels = tab_set.select(":scope > [role=tabpanel]")
        found = tab_set.select("[role=tab]")
        assert len(found) == len(panels)
        for tab, panel in zip(found, panels):
            name = tab["data-framework"]
            assert name == panel["data-framework"] == tab.get_text().lower()
            assert tab["aria-controls"] == panel["id"]
            assert panel["aria-labelledby"] == tab["id"]
            assert panel.select_one(".tab-name").get_text() == tab.get_text()
    ids = [element["id"] for element in html.select("[id]")]
    assert len(ids) == len(set(ids))


def test_tabs_that_are_not_frameworks_are_shown_below_their_labels(tiny):
    tiny.write("::::{tab-set}\n:::{tab-item} Linux\nUse apt.\n:::\n::::")
    article = bs4.BeautifulSoup(tiny.html(), "html.parser").find("article")
    assert not article.select(".tabs")
    assert article.find("strong").get_text() == "Linux"
    assert "Use apt." in article.get_text()


def test_each_tab_contains_the_code_and_output_of_its_framework(html):
    alpha, beta = html.select(".tabs")[0].select("[role=tabpanel]")
    assert "a = 1" in alpha.get_text() and "a = 2" not in alpha.get_text()
    assert beta.select_one(".cell_output").get_text().strip() == "2"


def test_a_tab_set_in_a_solution_stays_there(html):
    inside = html.select_one(".solution")
    assert inside.select_one(".tabs") is not None
    assert "beta inside" in inside.get_text()


def test_a_figure_has_the_same_number_in_all_frameworks(html):
    captions = [c.get_text() for c in html.select("figcaption")]
    numbers = [c.split("A line")[0].strip() for c in captions if "line" in c]
    assert numbers == ["Fig.\u00a01", "Fig.\u00a01"]
    assert any("Fig.\u00a02" in c and "Another" in c for c in captions)


def test_a_reference_to_a_figure_links_to_what_every_reader_sees(html):
    link = html.find("a", string=lambda s: s and "Fig.\u00a01" in s)
    target = html.find(id=link["href"].lstrip("#"))
    assert len(target.select("figure")) == 2
    assert not target.find_parent(class_="tab")


def test_every_picture_has_the_alternative_text_of_its_cell(html):
    alts = [img.get("alt") for img in html.select(".cell_output img")]
    assert alts.count("A rising line.") == 2
    assert "The same line for all." in alts


@pytest.mark.parametrize("framework", ["alpha", "beta"])
def test_a_notebook_has_the_caption_of_a_shared_figure_once(tiny_built, framework):
    assert tiny_built(tabs).prose(framework).count("A line.") == 1
