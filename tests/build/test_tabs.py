"""Cells and texts of different frameworks are in synchronized tabs."""

from __future__ import annotations

import bs4
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import docutils_namespace, patch_docutils
from support.tiny_book import TinyBook, cell

FRAMEWORKS = ("alpha", "beta", "gamma", "delta")  # in the declared order
ENTRY = """
[{0}]
label = "The {0}"
kernel = "python3"
lock = "{0}.txt"
platforms = []
colab = "CPU"
"""

PAGE_FILES = {"html": "index.html", "latex": "*.tex", "text": "index.txt"}
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


def text_tabs(*frameworks: str) -> nbformat.NotebookNode:
    """Return a Markdown cell with one tab per framework."""
    items = [
        f":::{{tab-item}} {name}\n:sync: {name}\nText of {name}.\n:::\n"
        for name in frameworks
    ]
    text = (
        "::::{tab-set}\n:sync-group: framework\n\n" + "\n".join(items) + "::::"
    )
    return new_markdown_cell(text)


def code(framework: str) -> nbformat.NotebookNode:
    """Return a code cell of a framework."""
    return new_code_cell(
        f"run({framework!r})", metadata={"framework": framework}
    )


@pytest.fixture
def render(tmp_path):
    """Render a page of these cells with plain Sphinx and MyST-NB."""

    def render(*cells: nbformat.NotebookNode, builder: str = "html") -> str:
        folder = tmp_path / "kernels"
        folder.mkdir(exist_ok=True)
        declaration = "".join(map(ENTRY.format, FRAMEWORKS))
        (folder / "frameworks.toml").write_text(declaration)
        page = new_notebook(
            cells=[new_markdown_cell("# A page"), *cells],
            metadata={"language_info": {"name": "python"}},
        )
        nbformat.write(page, tmp_path / "index.ipynb")
        settings = {
            "extensions": ["myst_nb", "sphinx_design", "_ext.framework_tabs"],
            "html_theme": "basic",
            "myst_enable_extensions": ["colon_fence"],
            "nb_execution_mode": "off",
        }
        out = tmp_path / builder
        with patch_docutils(tmp_path), docutils_namespace():
            Sphinx(
                tmp_path, None, out, tmp_path / "trees", builder, settings,
                status=None, warningiserror=True,
            ).build()  # fmt: skip
        [made] = out.glob(PAGE_FILES[builder])
        return made.read_text("utf-8")

    return render


def labels(html: bs4.BeautifulSoup) -> list[list[str]]:
    return [
        [tab.get_text() for tab in tab_set.select("[role=tab]")]
        for tab_set in html.select(".tabs")
    ]


def test_each_pair_of_twin_cells_becomes_a_tab_set(html):
    assert labels(html) == [["Alpha", "Beta"]] * 4


def test_each_tab_and_its_panel_refer_to_each_other_and_to_their_framework(
    html,
):
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


def test_a_tab_without_a_framework_fails_the_build(tiny):
    tiny.write("::::{tab-set}\n:::{tab-item} Alpha\nText.\n:::\n::::")
    done = tiny.build("book")
    assert done.returncode == 1
    assert "the tab 'Alpha' belongs to no framework" in done.stderr


def test_a_page_shows_the_frameworks_that_it_has_in_the_declared_order(render):
    html = render(
        text_tabs("delta", "beta"), code("beta"), code("delta"), code("beta")
    )
    shown = labels(bs4.BeautifulSoup(html, "html.parser"))
    assert shown == [["The beta", "The delta"]] * 2 + [["The beta"]]


def test_neighboring_cells_of_four_frameworks_share_their_tabs(render):
    html = bs4.BeautifulSoup(render(*map(code, FRAMEWORKS)), "html.parser")
    assert labels(html) == [[f"The {name}" for name in FRAMEWORKS]]


def test_tabs_with_text_and_those_with_code_stay_apart(render):
    html = bs4.BeautifulSoup(
        render(text_tabs("alpha"), code("beta")), "html.parser"
    )
    assert labels(html) == [["The alpha"], ["The beta"]]


def test_a_page_with_one_framework_has_no_tabs(render):
    html = render(text_tabs("beta"), code("beta"), code("beta"))
    assert "Text of beta." in html and html.count("run") == 2
    assert "tabpanel" not in html


@pytest.mark.parametrize("builder", ["latex", "text"])
def test_other_formats_have_the_texts_of_all_frameworks(render, builder):
    cells = [text_tabs("alpha", "beta"), code("alpha"), code("beta")]
    text = render(*cells, builder=builder)
    for name in ("alpha", "beta"):
        assert f"Text of {name}." in text


def test_an_unknown_framework_is_refused_with_page_and_line(render):
    with pytest.raises(
        ExtensionError, match=r"index\.ipynb:\d+: the tab 'epsilon'"
    ):
        render(text_tabs("alpha", "epsilon"))


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
