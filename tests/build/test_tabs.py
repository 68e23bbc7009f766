"""Cells of different frameworks are in one synchronized tab set."""

import bs4
import pytest
from support.tiny_book import TinyBook, cell

FIGURE = {
    "mystnb": {
        "figure": {"caption": "A line.", "name": "fig_line"},
        "image": {"alt": "A rising line."},
    }
}
PAGE = (
    "See {numref}`fig_line` and {numref}`fig_same`.\n\n"
    + cell("a = 1\na", "alpha")
    + cell("a = 2\na", "beta")
    + cell("b = 3\nb", "alpha")
    + cell("b = 4\nb", "beta")
    + cell("import matplotlib.pyplot as plt\nplt.plot([0, a]);", **FIGURE)
    + "\n```{exercise} Do it\n:label: ex_do\nNow.\n```\n\n"
    + "````{solution-start} ex_do\n:class: dropdown\n````\n\nSo:\n\n"
    + cell("c = 'alpha inside'\nc", "alpha")
    + cell("c = 'beta inside'\nc", "beta")
    + "\n````{solution-end}\n````\n\n"
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


def test_each_pair_of_twin_cells_becomes_a_tab_set(html):
    assert labels(html) == [["Alpha", "Beta"]] * 4


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


def test_a_figure_has_the_same_number_in_all_tabs(html):
    captions = [c.get_text() for c in html.select("figcaption")]
    numbers = [c.split("A line")[0].strip() for c in captions if "line" in c]
    assert numbers == ["Fig.\u00a01", "Fig.\u00a01"]
    assert any("Fig.\u00a02" in c and "Another" in c for c in captions)


def test_a_reference_to_a_figure_links_to_its_tab_set(html):
    link = html.find("a", string=lambda s: s and "Fig.\u00a01" in s)
    target = html.find(id=link["href"].lstrip("#"))
    assert "tabs" in target["class"]


def test_every_picture_has_the_alternative_text_of_its_cell(html):
    alts = [img.get("alt") for img in html.select(".cell_output img")]
    assert alts.count("A rising line.") == 2
    assert "The same line for all." in alts
