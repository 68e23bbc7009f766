"""The menu *Run or download* leads to the notebooks of the chosen framework, and to
what its readers can take away.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from support import ROOT
from support.site_pages import FIRST, SITE
from support.tiny_book import REPOSITORY, TinyBook, cell

from _ext.downloads import groups_of
from bookbuild import frameworks, settings
from bookbuild.build import Book
from bookbuild.downloads import offered

COLAB = "https://colab.research.google.com/github"
BINDER = "https://mybinder.org/v2"
ORIGIN = "http://book.invalid"
DECLARED = [one for one in frameworks.used(ROOT).values() if one.default]
INITIAL = frameworks.initial(DECLARED)
OTHER = next(one for one in DECLARED if one != INITIAL)
ADDRESS = settings.repository(ROOT)
OWN = {page.name: list(page.frameworks.values()) for page in Book(ROOT).pages()}
PAGES = list(OWN)
PAGE = "linear-networks/how-to-run"  # a short one with tabs
every_page = pytest.mark.parametrize("page", PAGES)
every_framework = pytest.mark.parametrize(
    "framework", DECLARED, ids=lambda framework: framework.name
)
# What readers can take away, by the name of the framework.
TAKEN = {group["framework"]: group["files"] for group in groups_of(offered(Book(ROOT)))}
# Links to notebooks in the menu.
NOTEBOOKS = ".launch-menu a:not([href*='downloads/']):visible"
widths = pytest.mark.parametrize("width", [390, 1280])


def texts(label: str, public: bool = ADDRESS.is_public) -> list[str]:
    """Return the texts of the menu for one framework, in order.

    A book without an address offers only the file.
    """
    if not public:
        return [f"Download {label} notebook"]
    return [
        f"Open {label} in Colab",
        f"Open {label} in Binder",
        f"Download {label} notebook",
        f"View {label} source",
    ]


def expected(page: str, framework: frameworks.Framework) -> dict[str, str]:
    """Return where a page's links should lead, in order."""
    url, ref = ADDRESS.url, ADDRESS.branch
    path = f"notebooks/{framework.name}/{page}.ipynb"
    name = url.removeprefix("https://github.com/")
    lab = path.replace("/", "%2F")
    if not ADDRESS.is_public:
        return dict(zip(texts(framework.label), [f"{ORIGIN}/{path}"], strict=True))
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


class Menu:
    """Operate the menu of a page in a browser without a network.

    The site has its own origin, as when it is published, because a browser downloads
    only from the origin of the page.
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
        """Open the menu if necessary, and return the texts about this page."""
        if not self.page.locator(".launch-menu[open]").count():
            self.open()
        links = self.page.locator(NOTEBOOKS)
        return [text.strip() for text in links.all_inner_texts()]

    def taken(self, place: str) -> list[str]:
        """Return the texts of the visible links to downloads."""
        links = self.page.locator(f"{place} a[href*='downloads/']:visible")
        return [text.strip() for text in links.all_inner_texts()]

    def choose(self, framework: frameworks.Framework) -> None:
        tab = f"[role=tab][data-framework={framework.name}]:visible"
        self.page.locator(tab).first.click()

    def follow(self, text: str) -> str:
        """Click on a link and return the address that it requests."""
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
    return Menu(browser, SITE, page, query, **options)


@every_page
def test_each_link_leads_to_the_place_that_it_names(browser, page):
    read = of_book(browser, page)
    for framework in OWN[page]:
        if len(OWN[page]) > 1:
            read.choose(framework)
        links = expected(page, framework)
        assert read.shown() == list(links)
        assert {text: read.follow(text) for text in links} == links


def test_the_links_follow_the_chosen_tab_also_after_a_reload(browser):
    read = of_book(browser, PAGE)
    assert read.shown() == texts(INITIAL.label)
    read.choose(OTHER)
    assert read.shown() == texts(OTHER.label)
    read.page.reload()
    assert read.shown() == texts(OTHER.label)
    read.choose(INITIAL)
    assert read.shown() == texts(INITIAL.label)


@every_framework
def test_the_address_of_a_page_can_choose_the_framework(browser, framework):
    read = of_book(browser, PAGE, f"?framework={framework.name}")
    assert read.shown() == texts(framework.label)


def test_an_unknown_framework_in_the_address_is_ignored(browser):
    read = of_book(browser, PAGE, "?framework=abacus")
    assert read.shown() == texts(INITIAL.label)


def test_a_chosen_tab_takes_precedence_over_the_address(browser):
    first, last = DECLARED[0], DECLARED[-1]
    read = of_book(browser, PAGE, f"?framework={first.name}")
    read.choose(last)
    assert read.shown() == texts(last.label)


def test_the_keyboard_chooses_a_tab_and_opens_and_closes_the_menu(browser):
    read = of_book(browser, PAGE)
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
    assert read.page.locator(":focus").inner_text().strip() == "Run or download"


def test_the_menu_closes_when_the_reader_clicks_or_tabs_elsewhere(browser):
    read = of_book(browser, PAGE)
    closed = read.page.locator(".launch-menu:not([open])")
    read.open()
    read.page.locator("article h1").first.click(position={"x": 2, "y": 2})
    assert closed.count() == 1
    read.open()
    links = read.page.locator(".launch-menu a:visible").count()
    for _ in range(links + 1):
        read.page.keyboard.press("Tab")
    assert closed.count() == 1


def test_without_local_storage_the_links_still_follow_the_tab(browser):
    read = of_book(browser, PAGE)
    read.page.add_init_script(
        "Object.defineProperty(window, 'localStorage',"
        "{ get() { throw new DOMException('no', 'SecurityError'); } })"
    )
    read.page.goto(f"{read.url}?framework={DECLARED[-1].name}")
    assert read.shown() == texts(DECLARED[-1].label)
    read.choose(DECLARED[0])
    assert read.shown() == texts(DECLARED[0].label)


def without_tabs(tiny: TinyBook) -> None:
    tiny.configure(repository={"url": REPOSITORY, "branch": "main"})
    tiny.write("Words.\n\n" + cell("1"))


def test_on_a_page_without_tabs_the_menu_follows_address_and_last_choice(
    browser, tiny_built
):
    site = tiny_built(without_tabs).root / "_build" / "html"
    read = Menu(browser, site, "tiny/page")
    assert read.page.locator(".tabs").count() == 0
    assert read.shown() == texts("Alpha", public=True)
    colab = f"{COLAB}/some-body/some-book/blob/main/notebooks/alpha/tiny/page.ipynb"
    assert read.follow("Open Alpha in Colab") == colab
    read.page.evaluate("localStorage.setItem(choices.key('framework'), 'beta')")
    read.page.reload()
    assert read.shown() == texts("Beta", public=True)
    read.page.goto(f"{read.url}?framework=alpha")
    assert read.shown() == texts("Alpha", public=True)


def described(*names: str) -> list[str]:
    """Return the texts of the menu about the files of some frameworks."""
    files = [file for name in names for file in TAKEN.get(name, [])]
    return [f"{file['title']} {file['size']}" for file in files]


def test_the_menu_and_the_footer_offer_the_files_of_the_chosen_framework(browser):
    read = of_book(browser, PAGE)
    for one in (DECLARED[0], DECLARED[-1]):
        read.choose(one)
        read.open()
        assert read.taken(".launch-menu") == described(one.name, "")
        shown = [*TAKEN[one.name], *TAKEN.get("", [])]
        assert read.taken(".foot") == [file["text"] for file in shown]
        read.page.keyboard.press("Escape")


def test_a_page_without_the_choice_offers_the_files_of_every_framework(browser):
    read = of_book(browser, FIRST.removeprefix("chapters/").removesuffix(".html"))
    read.open()
    every = described(*frameworks.used(ROOT), "")
    assert read.taken(".launch-menu") == every


def test_a_download_is_the_file_that_was_made(browser):
    read = of_book(browser, PAGE)
    files = [file for file in offered(Book(ROOT)) if file.path.suffix == ".zip"]
    assert files
    for file in files:
        link = f".foot a[href$='/{file.path.name}']"
        if file.framework:
            read.choose(file.framework)
        with read.page.expect_download() as download:
            read.page.locator(link).click()
        assert download.value.suggested_filename == file.path.name
        served = SITE / urlsplit(download.value.url).path.lstrip("/")
        assert served.read_bytes() == file.path.read_bytes()


@widths
def test_without_scripts_the_links_of_every_framework_are_shown(browser, width):
    size = {"width": width, "height": 800}
    read = of_book(browser, PAGE, java_script_enabled=False, viewport=size)
    every = [text for one in OWN[PAGE] for text in texts(one.label)]
    assert read.shown() == every
    first = every[0]
    assert read.follow(first) == expected(PAGE, DECLARED[0])[first]


@every_page
@widths
def test_the_menu_fits_the_screen_and_is_large_enough_for_a_finger(browser, page, width):
    size = {"width": width, "height": 800}
    read = of_book(browser, page, viewport=size)
    read.open()
    bar = read.page.locator(".bar")
    buttons = bar.locator("button:visible, summary").all()
    links = read.page.locator(".launch-menu a:visible").all()
    assert len(links) > len(texts(""))
    for box in [target.bounding_box() for target in buttons + links]:
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert box["width"] >= 24 and box["height"] >= 24
    bottom = bar.bounding_box()["y"] + bar.bounding_box()["height"]
    for box in [button.bounding_box() for button in buttons]:
        assert box["y"] >= 0 and box["y"] + box["height"] <= bottom
