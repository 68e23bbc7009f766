"""Each page offers its notebooks, one a framework."""

import bs4
import pytest
import yaml
from conftest import ROOT, TinyBook, cell

from _ext import frameworks
from _ext.launch import buttons, colab_url

REPOSITORY = "https://github.com/some-body/some-book"
NOTEBOOK = "notebooks/{}/tiny/page.ipynb"


@pytest.fixture(scope="module")
def book(tiny_of_module: TinyBook) -> TinyBook:
    config = tiny_of_module.root / "_config.yml"
    settings = yaml.safe_load(config.read_text())
    settings["repository"] = {"url": REPOSITORY, "branch": "draft"}
    config.write_text(yaml.safe_dump(settings))
    tiny_of_module.write(cell("1"))
    tiny_of_module.html()
    return tiny_of_module


@pytest.fixture(scope="module")
def links(book: TinyBook) -> dict[str, str]:
    html = bs4.BeautifulSoup(book.site.read_text(), "html.parser")
    header = html.select_one(".article-header-buttons")
    return {a.get_text().strip(): a["href"] for a in header.select("a[href]")}


def test_colab_opens_each_frameworks_committed_notebook(links):
    colab = "https://colab.research.google.com/github/some-body/some-book"
    for name in ("alpha", "beta"):
        path = NOTEBOOK.format(name)
        url = links[f"{name.capitalize()} in Colab"]
        assert url == f"{colab}/blob/draft/{path}"


def test_each_download_is_the_committed_notebook(book, links):
    for name in ("alpha", "beta"):
        url = links[f"{name.capitalize()} notebook"]
        assert url == f"../../{NOTEBOOK.format(name)}"
        served = (book.site.parent / url).resolve().read_bytes()
        assert served == book.committed(name).read_bytes()


def test_the_themes_own_wrong_links_are_gone(book):
    html = book.site.read_text()
    assert "_sources/chapters/tiny/page.md" not in html
    assert "blob/draft/chapters/tiny/page.md" not in html
    assert html.count("colab.research.google.com") == 2


def test_without_a_repository_on_github_there_is_no_colab_link():
    assert colab_url("https://gitlab.com/some/book", "main", "a") is None
    assert colab_url("", "main", "a") is None
    declared = list(frameworks.load(ROOT).values())
    groups = buttons(declared, "chapters/a", {}, lambda path, _: path)
    assert [group["label"] for group in groups] == ["download-buttons"]
