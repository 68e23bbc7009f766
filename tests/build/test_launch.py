"""Each page offers its notebooks, those of the framework that is chosen."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import bs4
import pytest
import test_site
import yaml
from support import ROOT
from support.tiny_book import TinyBook, cell

from _ext import frameworks
from _ext.launch import addresses, menu

REPOSITORY = "https://github.com/some-body/some-book"
COLAB = "https://colab.research.google.com/github"
BINDER = "https://mybinder.org/v2"
ORIGIN = "http://book.invalid"
NOTEBOOK = "notebooks/{}/tiny/page.ipynb"
ENCODED = {"draft": "draft", "fix/no#1": "fix/no%231"}
DECLARED = list(frameworks.load(ROOT).values())
SETTINGS = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]
every_page = pytest.mark.parametrize("page", test_site.PAGES)
everything = pytest.mark.parametrize("page", test_site.EVERYTHING)
every_framework = pytest.mark.parametrize(
    "framework", DECLARED, ids=lambda framework: framework.name
)
widths = pytest.mark.parametrize("width", [390, 1280])


def texts(label: str) -> list[str]:
    """What the menu offers for one framework, in its order."""
    return [
        f"Open {label} in Colab",
        f"Open {label} in Binder",
        f"Download {label} notebook",
        f"View {label} source",
    ]


# The HTML of a tiny book, whose frameworks are Alpha and Beta.


@pytest.fixture(scope="module", params=ENCODED)
def branch(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def book(tmp_path_factory, branch: str) -> TinyBook:
    tiny = TinyBook(tmp_path_factory.mktemp("tiny") / "book")
    config = tiny.root / "_config.yml"
    settings = yaml.safe_load(config.read_text())
    settings["repository"] = {"url": REPOSITORY, "branch": branch}
    config.write_text(yaml.safe_dump(settings))
    tiny.write(cell("1"))
    tiny.html()
    return tiny


@pytest.fixture(scope="module")
def header(book: TinyBook) -> dict[str, str]:
    """The addresses of the menu and of the line below, by what they say."""
    html = bs4.BeautifulSoup(book.site.read_text(), "html.parser")
    found = html.select(".launch-menu a[href], .about-page a[href]")
    links = {a.get_text().strip(): a["href"] for a in found}
    assert len(links) == len(found)
    return links


def test_each_link_has_the_address_that_the_settings_give(header, branch):
    ref = ENCODED[branch]
    for name in ("alpha", "beta"):
        path = NOTEBOOK.format(name)
        lab = f"notebooks%2F{name}%2Ftiny%2Fpage.ipynb"
        assert [header[text] for text in texts(name.capitalize())] == [
            f"{COLAB}/some-body/some-book/blob/{ref}/{path}",
            f"{BINDER}/gh/some-body/some-book/{ref}?labpath={lab}",
            f"../../{path}",
            f"{REPOSITORY}/blob/{ref}/{path}",
        ]


def test_each_download_is_the_committed_notebook(book, header):
    for name in ("alpha", "beta"):
        url = header[f"Download {name.capitalize()} notebook"]
        served = (book.site.parent / url).resolve().read_bytes()
        assert served == book.committed(name).read_bytes()


def test_below_the_page_are_the_links_to_its_source(header, branch):
    page = "chapters/tiny/page"
    offered = {*texts("Alpha"), *texts("Beta")}
    others = {text: header[text] for text in header if text not in offered}
    report = others.pop("Report an issue")
    assert report.startswith(f"{REPOSITORY}/issues/new?title=On+the+page+")
    assert others == {
        "Edit this page": f"{REPOSITORY}/edit/{ENCODED[branch]}/{page}.md",
        "Index": "../../genindex.html",
        "Repository": REPOSITORY,
    }


# Repositories on other hosts.


def offered(repository: str | None) -> list[str]:
    options = {"repository_url": repository}
    shown = menu(DECLARED[:1], "chapters/a", options, lambda path, _: path)
    return [link["kind"] for link in shown["frameworks"][0]["links"]]


@pytest.mark.parametrize("ending", ["", "/", ".git", ".git/"])
def test_an_address_may_end_as_git_or_a_browser_ends_it(ending):
    ours = addresses(REPOSITORY, "main", "a")
    assert len(ours) == 3
    assert addresses(REPOSITORY + ending, "main", "a") == ours


def test_binder_opens_what_is_on_gitlab_and_colab_does_not():
    group = "https://gitlab.com/some/deep/book"
    assert addresses(group, "fix/no#1", "notebooks/a b.ipynb") == {
        "binder": f"{BINDER}/gl/some%2Fdeep%2Fbook/fix/no%231"
        "?labpath=notebooks%2Fa%20b.ipynb",
        "source": f"{group}/-/blob/fix/no%231/notebooks/a%20b.ipynb",
    }
    assert offered(group) == ["binder", "download", "source"]


@pytest.mark.parametrize(
    "repository",
    [
        None,
        "https://example.org/some/book",
        "https://example.org/https://github.com/some/book",
        "https://github.com/some",
        "http://github.com/some/book",
    ],
)
def test_from_anywhere_else_a_notebook_can_only_be_downloaded(repository):
    assert offered(repository) == ["download"]


# The book itself.


def expected(page: str, framework: frameworks.Framework) -> dict[str, str]:
    """What a page's four links are to lead to, in their order."""
    url, ref = SETTINGS["url"], SETTINGS["branch"]
    path = f"notebooks/{framework.name}/{page}.ipynb"
    name = url.removeprefix("https://github.com/")
    lab = path.replace("/", "%2F")
    return dict(
        zip(
            texts(framework.label),
            [
                f"{COLAB}/{name}/blob/{ref}/{path}",
                f"{BINDER}/gh/{name}/{ref}?labpath={lab}",
                f"{ORIGIN}/{path}",
                f"{url}/blob/{ref}/{path}",
            ],
            strict=True,
        )
    )


@everything
def test_every_address_in_the_repository_is_a_file_of_it(page):
    """Every link of every page that names the branch: none may be wrong."""
    html = bs4.BeautifulSoup(test_site.address(page).read_text(), "html.parser")
    ref = re.escape(SETTINGS["branch"])
    place = re.compile(rf"/(?:blob|edit|raw|tree)/{ref}/|/{ref}\?labpath=")
    paths = [
        unquote(place.split(link["href"], maxsplit=1)[1])
        for link in html.select("a[href^=https]")
        if place.search(link["href"])
    ]
    assert [path for path in paths if not (ROOT / path).is_file()] == []
    source = f"chapters/{page}.md"
    assert (source in paths) == (ROOT / source).exists()
    assert len(set(paths) - {source}) >= (
        len(DECLARED) if page in test_site.PAGES else 0
    )


class Menu:
    """The menu of a page in a browser that nothing leaves.

    The site has an origin of its own, as it has when it is published: a
    browser downloads from no other.
    """

    def __init__(
        self, browser, site: Path, page: str, query: str = "", **options
    ) -> None:
        self.site = site
        self.context = browser.new_context(**options)
        self.context.route("**/*", self._answer)
        self.context.set_default_timeout(10_000)
        self.page = self.context.new_page()
        self.url = f"{ORIGIN}/chapters/{page}.html"
        self.page.goto(self.url + query, wait_until="domcontentloaded")
        self.button = self.page.locator(".launch-menu > summary")

    def _answer(self, route) -> None:
        url = urlsplit(route.request.url)
        if f"{url.scheme}://{url.netloc}" != ORIGIN:
            return route.fulfill(body="")
        path = self.site / unquote(url.path).lstrip("/")
        if path.suffix == ".ipynb":  # what a browser would rather show
            text = path.read_text(encoding="utf-8")
            return route.fulfill(body=text, content_type="application/json")
        if path.is_file():
            return route.fulfill(path=path)
        return route.fulfill(status=404)

    def open(self) -> None:
        self.button.click()
        self.page.locator(".launch-menu[open]").wait_for()

    def shown(self) -> list[str]:
        """What the menu says; it is opened to be read."""
        if not self.page.locator(".launch-menu[open]").count():
            self.open()
        links = self.page.locator(".launch-menu a:visible")
        return [text.strip() for text in links.all_inner_texts()]

    def choose(self, framework: frameworks.Framework) -> None:
        tab = f"[role=tab][data-framework={framework.name}]:visible"
        self.page.locator(tab).first.click()

    def follow(self, text: str) -> str:
        """The address that a click on a link asks for."""
        link = self.page.get_by_role("link", name=text, exact=True)
        if "Download" in text:
            with self.page.expect_download() as download:
                link.click()
            assert download.value.suggested_filename.endswith(".ipynb")
            return download.value.url
        with (
            self.context.expect_page() as tab,
            self.context.expect_event("request") as request,
        ):
            link.click()
        tab.value.close()
        return request.value.url


def of_book(browser, page: str, query: str = "", **options) -> Menu:
    return Menu(browser, test_site.SITE, page, query, **options)


@every_page
@widths
def test_each_link_leads_where_it_says(browser, page, width):
    size = {"width": width, "height": 800}
    read = of_book(browser, page, viewport=size)
    for framework in DECLARED:
        read.choose(framework)
        links = expected(page, framework)
        assert read.shown() == list(links)
        assert {text: read.follow(text) for text in links} == links


@every_page
def test_the_links_follow_the_tab_and_remember_it(browser, page):
    read = of_book(browser, page)
    first, last = DECLARED[0], DECLARED[-1]
    assert read.shown() == texts(first.label)
    read.choose(last)
    assert read.shown() == texts(last.label)
    read.page.reload()
    assert read.shown() == texts(last.label)
    read.choose(first)
    assert read.shown() == texts(first.label)


@every_page
@every_framework
def test_an_address_can_choose_the_links(browser, page, framework):
    read = of_book(browser, page, f"?framework={framework.name}")
    assert read.shown() == texts(framework.label)


def test_an_unknown_framework_in_the_address_leaves_the_first(browser):
    read = of_book(browser, test_site.INDEX, "?framework=abacus")
    assert read.shown() == texts(DECLARED[0].label)


def test_a_tab_that_is_chosen_outweighs_the_address(browser):
    first, last = DECLARED[0], DECLARED[-1]
    read = of_book(browser, test_site.INDEX, f"?framework={first.name}")
    read.choose(last)
    assert read.shown() == texts(last.label)


def test_the_keyboard_chooses_opens_and_closes(browser):
    read = of_book(browser, test_site.INDEX)
    press = read.page.keyboard.press
    read.page.locator("[role=tab]").first.focus()
    press("ArrowRight")
    read.button.focus()
    press("Enter")
    label = DECLARED[1].label
    assert read.shown() == texts(label)
    visited = []
    for _ in texts(label):
        press("Tab")
        visited.append(read.page.locator(":focus").inner_text().strip())
    assert visited == texts(label)
    press("Escape")
    assert read.page.locator(".launch-menu[open]").count() == 0
    assert read.page.locator(":focus").inner_text().strip() == "Run"


def test_the_menu_closes_when_the_reader_goes_elsewhere(browser):
    read = of_book(browser, test_site.INDEX)
    closed = read.page.locator(".launch-menu:not([open])")
    read.open()
    read.page.locator("article h1").first.click(position={"x": 2, "y": 2})
    assert closed.count() == 1
    read.open()
    for _ in range(5):  # four links, and what follows them
        read.page.keyboard.press("Tab")
    assert closed.count() == 1


def test_where_nothing_is_remembered_the_links_still_follow(browser):
    read = of_book(browser, test_site.INDEX)
    read.page.add_init_script(
        "Object.defineProperty(window, 'localStorage',"
        "{ get() { throw new DOMException('no', 'SecurityError'); } })"
    )
    read.page.goto(f"{read.url}?framework={DECLARED[-1].name}")
    assert read.shown() == texts(DECLARED[-1].label)
    read.choose(DECLARED[0])
    assert read.shown() == texts(DECLARED[0].label)


def test_a_page_without_tabs_follows_address_and_memory(browser, book):
    site = book.root / "_build" / "html"
    read = Menu(browser, site, "tiny/page")
    assert read.page.locator(".tabs").count() == 0
    assert read.shown() == texts("Alpha")
    read.page.evaluate("localStorage.setItem('framework', 'beta')")
    read.page.reload()
    assert read.shown() == texts("Beta")
    read.page.goto(f"{read.url}?framework=alpha")
    assert read.shown() == texts("Alpha")


@every_page
@widths
def test_without_scripts_every_frameworks_links_are_shown(browser, page, width):
    size = {"width": width, "height": 800}
    read = of_book(browser, page, java_script_enabled=False, viewport=size)
    every = [text for one in DECLARED for text in texts(one.label)]
    assert read.shown() == every
    first = every[0]
    assert read.follow(first) == expected(page, DECLARED[0])[first]


@every_page
@widths
def test_the_menu_fits_the_screen_and_a_finger(browser, page, width):
    size = {"width": width, "height": 800}
    read = of_book(browser, page, viewport=size)
    read.open()
    bar = read.page.locator(".bar")
    buttons = bar.locator("button:visible, summary").all()
    links = read.page.locator(".launch-menu a:visible").all()
    assert len(links) == len(texts(""))
    for box in [target.bounding_box() for target in buttons + links]:
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert box["width"] >= 24 and box["height"] >= 24
    bottom = bar.bounding_box()["y"] + bar.bounding_box()["height"]
    for box in [button.bounding_box() for button in buttons]:
        assert box["y"] >= 0 and box["y"] + box["height"] <= bottom
