"""Each page links to its notebooks and to its source, if the book has an address."""

import bs4
import pytest
from support.tiny_book import BRANCH, REPOSITORY, TinyBook, standard

from bookbuild.settings import PLACEHOLDER

COLAB = "https://colab.research.google.com/github"
BINDER = "https://mybinder.org/v2"
NOTEBOOK = "notebooks/{}/tiny/page.ipynb"
REF = BRANCH.replace("#", "%23")


def texts(label: str) -> list[str]:
    """Return the texts of the menu for one framework, in order."""
    return [
        f"Open {label} in Colab",
        f"Open {label} in Binder",
        f"Download {label} notebook",
        f"View {label} source",
    ]


@pytest.fixture(scope="module")
def book(tiny_built) -> TinyBook:
    return tiny_built(standard)


@pytest.fixture(scope="module")
def header(book: TinyBook) -> dict[str, str]:
    """Return the addresses in the menu and below the page, by their texts."""
    html = bs4.BeautifulSoup(book.site.read_text(), "html.parser")
    found = html.select(
        ".launch-menu a[href]:not([href*='downloads/']), .about-page a[href]"
    )
    links = {a.get_text().strip(): a["href"] for a in found}
    assert len(links) == len(found)
    return links


def test_each_link_in_the_menu_has_the_address_given_by_the_settings(header):
    for name in ("alpha", "beta"):
        path = NOTEBOOK.format(name)
        lab = f"notebooks%2F{name}%2Ftiny%2Fpage.ipynb"
        assert [header[text] for text in texts(name.capitalize())] == [
            f"{COLAB}/some-body/some-book/blob/{REF}/{path}",
            f"{BINDER}/gh/some-body/some-book/{REF}?labpath={lab}",
            f"../../{path}",
            f"{REPOSITORY}/blob/{REF}/{path}",
        ]


def test_each_download_is_the_committed_notebook(book, header):
    for name in ("alpha", "beta"):
        url = header[f"Download {name.capitalize()} notebook"]
        served = (book.site.parent / url).resolve().read_bytes()
        assert served == book.committed(name).read_bytes()


def test_below_the_page_are_links_to_its_source(header):
    page = "chapters/tiny/page"
    offered = {*texts("Alpha"), *texts("Beta")}
    others = {text: header[text] for text in header if text not in offered}
    report = others.pop("Report an issue")
    assert report.startswith(f"{REPOSITORY}/issues/new?title=On+the+page+")
    assert others == {
        "Edit this page": f"{REPOSITORY}/edit/{REF}/{page}.md",
        "Discuss": f"{REPOSITORY}/discussions",
        "Index": "../../genindex.html",
        "Repository": REPOSITORY,
    }


def test_a_page_of_a_book_with_an_address_names_its_own(book):
    site = "https://some-body.github.io/some-book/"
    page = f"{site}chapters/tiny/page.html"
    html = bs4.BeautifulSoup(book.site.read_text(), "html.parser")
    assert html.select_one("link[rel=canonical]")["href"] == page
    assert html.select_one("meta[property='og:url']")["content"] == page
    picture = html.select_one("meta[property='og:image']")["content"]
    root = book.root / "_build/html"
    assert (root / picture.removeprefix(site)).exists()
    assert '<base href="/some-book/">' in (root / "404.html").read_text()
    assert f"<loc>{page}</loc>" in (root / "sitemap.xml").read_text()


def plain(tiny: TinyBook) -> None:
    """Write a book whose address is still the placeholder, with links to it."""
    standard(tiny)
    tiny.configure(repository={"url": PLACEHOLDER, "branch": "main"})
    tiny.add_page("other", "(sec_other)=\n# Other\n\n[Ask](repository:discussions).\n\n"
                  ":::{only} public\nSome address.\n:::\n\n"
                  ":::{only} not public\nNo address.\n:::\n")


def test_without_an_address_nothing_leads_to_one(tiny_built):
    book = tiny_built(plain)
    root = book.root / "_build/html"
    for path in [*root.rglob("tiny/*.html"), root / "search.html", root / "404.html"]:
        html = bs4.BeautifulSoup(path.read_text(), "html.parser")
        assert not html.select(f"[href^='{PLACEHOLDER}'], [href*='colab.research']")
        assert "has no address yet" in html.footer.get_text()
        assert not html.select("link[rel=canonical]")
    html = bs4.BeautifulSoup(book.site.read_text(), "html.parser")
    assert [a.get_text().strip() for a in html.select(".launch-menu li")][:2] == [
        "Download Alpha notebook", "Download Beta notebook",
    ]  # fmt: skip
    other = (root / "chapters/tiny/other.html").read_text()
    assert '<base href="/">' in (root / "404.html").read_text()
    assert "<p>Ask.</p>" in other
    assert "No address." in other and "Some address." not in other
    notebook = book.committed("alpha").read_text()
    assert "SOURCES = []" in notebook and PLACEHOLDER not in notebook
    assert not (root / "sitemap.xml").exists()


@pytest.mark.parametrize("address", ["example.org/book", "ftp://example.org", "/book/"])
def test_the_sites_own_address_is_checked(tiny, address):
    standard(tiny)
    tiny.configure(html={"baseurl": address})
    done = tiny.build("book")
    assert done.returncode != 0
    assert f"`baseurl: {address}` is not the address of a site" in done.stderr
