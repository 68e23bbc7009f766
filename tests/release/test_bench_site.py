"""The benchmark of the site measures what a reader downloads and waits for."""

from __future__ import annotations

import os

import pytest
from support import ROOT
from support.served import served

from bench import site as bench
from bench import stock_book
from bench.measurements import Part
from bookbuild.build import Book

HERE = "http://127.0.0.1:1/"


def asked(path: str, size: int, kind: str = "Script", **more: bool) -> dict:
    url = path if "://" in path else HERE + path
    return {"url": url, "bytes": size, "type": kind, **more}


def test_the_counts_separate_images_cached_answers_and_other_origins():
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
  // The picture comes after the first paint, and no space is reserved for it.
  addEventListener("load", () => {
    const picture = new Image();
    picture.src = "tall.svg";
    document.body.prepend(picture);
  });
</script>
"""


@pytest.fixture(scope="module")
def visited(browser, tmp_path_factory):
    """Visit two pages of a small site, as the benchmark does."""
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
    with served(site) as url, served(mathjax) as cdn:
        found = bench.visit(browser, url, ("one.html", "two.html"), cdn)
        with pytest.raises(SystemExit, match=r"gone\.html answers 404"):
            bench.visit(browser, url, ("gone.html", "two.html"), cdn)
    found["size"] = {path.name: path.stat().st_size for path in site.iterdir()}
    return found


def test_a_first_visit_requests_everything_that_the_page_needs(visited):
    cold = visited["first"]
    assert cold["requests"] == 6
    assert cold["outside"] == 2
    assert cold["addresses"] == [
        f"{bench.CDN}tex.js", "https://other.example/none.js"
    ]  # fmt: skip
    # Most of the answer of MathJax's stand-in is headers.
    assert 20 < cold["outside_bytes"] < 1000


def test_the_bytes_are_those_sent_over_the_network(visited):
    cold, size = visited["first"], visited["size"]
    # Hexadecimal digits shrink to half, and spaces to almost nothing.
    assert size["book.js"] / 2 < cold["bytes"] < 0.65 * size["book.js"]
    assert 0 < cold["all_bytes"] - cold["bytes"] < 1000


def test_the_second_visit_requests_only_the_page(visited):
    warm = visited["next"]
    assert (warm["requests"], warm["outside"]) == (1, 0)
    assert 0 < warm["bytes"] == warm["all_bytes"] < 1000


def test_the_network_is_as_slow_as_that_of_a_phone(visited):
    cold, warm = visited["first"], visited["next"]
    latency = 562  # milliseconds
    transfer = 1000 * 8 * cold["bytes"] / 1.6e6
    # The page, then in parallel what its head names.
    assert cold["first_paint"] > 2 * latency + 0.8 * transfer
    assert latency < warm["first_paint"] < cold["first_paint"]


def test_a_late_picture_counts_as_the_largest_paint(visited):
    cold, warm = visited["first"], visited["next"]
    late = cold["largest_paint"] - cold["first_paint"]
    assert late > 0.8 * bench.SLOW_4G["latency"]
    assert warm["largest_paint"] == warm["first_paint"]


def test_content_that_moves_counts_as_a_layout_shift(visited):
    assert visited["first"]["layout_shift"] > 0.005
    assert visited["next"]["layout_shift"] == 0


def test_a_page_gets_the_median_of_its_visits_in_the_units_of_the_report():
    visit = dict.fromkeys(bench.MEASURES, 0) | {"addresses": []}
    visits = [
        {
            **visit, "site": site, "page": page, "visit": kind,
            "bytes": size, "addresses": ["https://cdn.example/a.js"],
        }
        for site in bench.SITES
        for page in ("a", "b")
        for kind in ("first", "next")
        for size in (1000, 3000, 8000)
    ]  # fmt: skip
    part = Part("site")
    bench.add_medians(part, visits, ["a", "b"])
    assert part.runs["next.bytes.stock"] == [3.0, 3.0]
    assert part.notes["visits"] == 24
    assert part.notes["origins"]["this"] == ["cdn.example"]


def test_the_stock_book_has_every_page_with_code_and_none_of_our_design(
    tmp_path,
):
    site = stock_book.build_with_outputs(tmp_path / "book")
    book = Book(ROOT)
    framework = next(f for f in book.frameworks.values() if f.available)
    pages = [
        (site / "chapters" / f"{page.name}.html").read_text(encoding="utf-8")
        for page in book.pages()
        if framework.name in page.frameworks
    ]
    assert len(pages) > 10
    for html in pages:
        assert "sphinx-book-theme" in html and "cell_output" in html
        assert "book.css" not in html and "tab-set" not in html
    assert any(f'src="{bench.CDN}tex-mml-chtml.js"' in html for html in pages)
