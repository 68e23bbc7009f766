"""The comparison with a stock Jupyter Book counts what a reader waits for."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest
from support import ROOT
from support.served import served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HERE = "http://127.0.0.1:1/"


def load():
    spec = importlib.util.spec_from_file_location(
        "bench_site", ROOT / "bench" / "site.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench = load()


# What is counted


def asked(path: str, size: int, kind: str = "Script", **more: bool) -> dict:
    url = path if "://" in path else HERE + path
    return {"url": url, "bytes": size, "type": kind, **more}


def test_images_cached_answers_and_other_origins_are_told_apart():
    counts = bench.count(
        [
            asked("a.html", 1000, "Document"),
            asked("a.svg", 200, "Image"),
            asked("a.js", 30, cached=True),
            asked("https://cdn.example/b.js", 4),
        ],
        HERE,
    )
    assert counts == {
        "requests": 3,
        "outside": 1,
        "bytes": 1004,
        "all_bytes": 1204,
        "outside_bytes": 4,
        "addresses": ["https://cdn.example/b.js"],
    }


PAGE = """<!doctype html><title>Page</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="book.css">
<script src="book.js"></script>
<script src="{cdn}tex.js"></script>
<script src="https://other.example/none.js"></script>
<h1>Page</h1><p>words</p>
<script>
  // Comes after the first paint, and no place is kept for it.
  addEventListener("load", () => {
    const picture = new Image();
    picture.src = "tall.svg";
    document.body.prepend(picture);
  });
</script>
"""


@pytest.fixture(scope="module")
def visited(tmp_path_factory):
    """Two pages of a small site, visited as the benchmark visits them."""
    if not CHROMIUM:
        message = "There is no Chromium (Debian: apt install chromium)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("bench")
    site, mathjax = folder / "site", folder / "mathjax"
    site.mkdir()
    mathjax.mkdir()
    (site / "one.html").write_text(PAGE.replace("{cdn}", bench.CDN))
    (site / "two.html").write_text(
        '<!doctype html><title>Two</title><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="book.css"><h1>Two</h1>'
    )
    # 90 KB that cannot be compressed take half a second on a slow 4G.
    (site / "book.js").write_text(f"// {os.urandom(90_000).hex()}")
    (site / "book.css").write_text("body { margin: 8px }" + " " * 9000)
    (site / "tall.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="400"/>'
    )
    (mathjax / "tex.js").write_text("window.typeset = true;")
    with (
        served(site) as url,
        served(mathjax) as cdn,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        found = bench.visit(browser, url, ("one.html", "two.html"), cdn)
        found["size"] = {
            path.name: path.stat().st_size for path in site.iterdir()
        }
        with pytest.raises(SystemExit, match=r"gone\.html answers 404"):
            bench.visit(browser, url, ("gone.html", "two.html"), cdn)
        browser.close()
    return found


def test_a_first_visit_asks_for_all_that_the_page_needs(visited):
    cold = visited["cold"]
    assert cold["requests"] == 6
    assert cold["outside"] == 2
    assert cold["addresses"] == [
        f"{bench.CDN}tex.js", "https://other.example/none.js"
    ]  # fmt: skip
    # Of MathJax's stand-in the headers are most.
    assert 20 < cold["outside_bytes"] < 1000


def test_bytes_are_those_that_crossed_the_network(visited):
    cold, size = visited["cold"], visited["size"]
    # Half of what hexadecimal digits take; nearly none of the spaces.
    assert size["book.js"] / 2 < cold["bytes"] < 0.65 * size["book.js"]
    assert 0 < cold["all_bytes"] - cold["bytes"] < 1000


def test_the_next_page_is_asked_for_alone(visited):
    warm = visited["warm"]
    assert (warm["requests"], warm["outside"]) == (1, 0)
    assert 0 < warm["bytes"] == warm["all_bytes"] < 1000


def test_the_network_is_as_slow_as_a_phones(visited):
    cold, warm = visited["cold"], visited["warm"]
    latency = 562  # milliseconds
    transfer = 1000 * 8 * cold["bytes"] / 1.6e6
    # The page, then in parallel what stands in its head.
    assert cold["first_paint"] > 2 * latency + 0.8 * transfer
    assert latency < warm["first_paint"] < cold["first_paint"]


class Session:
    """Stands in for a connection to the browser: keeps what it is told."""

    def __init__(self) -> None:
        self.told: dict[str, dict] = {}

    def on(self, event: str, handler: object) -> None:
        pass

    def send(self, command: str, options: dict | None = None) -> None:
        self.told[command] = options


def test_the_processor_is_slowed_down_four_times_as_lighthouse_does():
    """Told apart by what is asked for: how fast this machine is varies."""
    session = Session()
    bench.Traffic(session, HERE, HERE)
    assert session.told["Emulation.setCPUThrottlingRate"] == {"rate": 4}


def test_a_picture_that_comes_late_is_the_largest_paint(visited):
    cold, warm = visited["cold"], visited["warm"]
    late = cold["largest_paint"] - cold["first_paint"]
    assert late > 0.8 * bench.SLOW_4G["latency"]
    assert warm["largest_paint"] == warm["first_paint"]


def test_what_moves_under_the_readers_eye_is_a_shift(visited):
    assert visited["cold"]["layout_shift"] > 0.005
    assert visited["warm"]["layout_shift"] == 0


# In which order


def test_each_page_is_visited_in_both_sites_which_take_turns_to_be_first():
    first = list(bench.in_turn(0, ["a", "b", "c"]))
    second = list(bench.in_turn(1, ["a", "b", "c"]))
    assert [page for _, page, _ in first] == ["a", "b", "c"]
    for (_, _, order), (_, _, next_order) in zip(first, second):
        assert sorted(order) == sorted(bench.SITES)
        assert order == next_order[::-1]
    assert first[0][2] != first[1][2]


# What is made of it


def taken(site: str, page: str, visit: str = "cold", **values: float) -> dict:
    measures = {**dict.fromkeys(bench.MEASURES, 1), **values}
    entry = {"site": site, "page": page, "visit": visit, "turn": 0}
    return {**entry, **measures, "outside_bytes": 0, "addresses": []}


def both(measure: str, this: dict, stock: dict) -> list[dict]:
    """Visits of pages, `this` and `stock` giving each page's values."""
    return [
        taken(site, page, visit, **{measure: value})
        for site, pages in (("this", this), ("stock", stock))
        for page, values in pages.items()
        for value in values
        for visit in bench.VISITS
    ]


def rows(text: str, label: str) -> list[list[str]]:
    """The cells of each row of the tables in a text that begins so."""
    lines = [s for s in text.splitlines() if s.startswith(f"| {label}")]
    return [[c.strip() for c in line.split("|")[2:-1]] for line in lines]


def test_of_repeats_the_median_counts_and_the_spread_is_kept():
    visits = both("bytes", {"a": [1, 9, 2]}, {"a": [4, 4]})
    assert bench.summarize(visits)["cold", "bytes", "a"] == {
        "this": (2, 1, 9), "stock": (4, 4, 4)
    }  # fmt: skip


def test_the_summary_gives_medians_over_pages_and_the_ratios_of_pages():
    visits = both(
        "first_paint",
        {"a": [1000], "b": [2000], "c": [3000]},
        {"a": [4000], "b": [4000], "c": [30000]},
    )
    text = bench.summary(bench.summarize(visits), ["a", "b", "c"])
    cold, warm = rows(text, "first contentful paint, s")
    assert cold == warm == ["2.00", "4.00", "0.25 (0.10 to 0.50)"]


def test_what_the_stock_book_has_none_of_has_no_ratio():
    visits = both("layout_shift", {"a": [0.5]}, {"a": [0]})
    medians = bench.summarize(visits)
    shift = rows(bench.summary(medians, ["a"]), "cumulative layout shift")
    assert shift == [["0.500", "0.000", "–"]] * 2
    assert "| a | 0.500 | 0.000 | – |" in bench.details(medians, ["a"])


def test_the_details_give_every_page_with_its_spread():
    visits = both("bytes", {"a": [90_400, 91_000, 92_000]}, {"a": [182_000]})
    text = bench.details(bench.summarize(visits), ["a"])
    section = text.split("bytes, images aside, KB")[1].split("##")[0]
    assert "| a | 91 (90 to 92) | 182 | 0.50 |" in section


def test_the_notes_name_every_other_origin_and_the_repeats():
    visits = both("bytes", {"a": [1, 2]}, {"a": [1]})
    visits[-1]["addresses"] = ["https://cdn.example/b.js"]
    visits[-1]["outside_bytes"] = 7000
    text = bench.notes(visits, 12.3)
    assert "6 visits in 12 s, 1 to 2 of each kind" in text
    assert "- this: other origins: none" in text
    assert "- stock: other origins: cdn.example (at most 7 KB a visit)" in text


def test_the_stock_book_has_every_page_and_nothing_of_our_design(tmp_path):
    site = bench.stock(tmp_path / "book")
    for page in bench.lessons(ROOT):
        html = (site / page).read_text(encoding="utf-8")
        assert "sphinx-book-theme" in html
        assert "book.css" not in html
    lesson = (site / bench.lessons(ROOT)[1]).read_text(encoding="utf-8")
    assert f'src="{bench.CDN}tex-mml-chtml.js"' in lesson
    assert "cell-tabs" in lesson and 'data-sync-id="mxnet"' in lesson
    assert "cell_output" in lesson
