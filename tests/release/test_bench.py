"""The comparison with a stock Jupyter Book measures what a reader waits for."""

from __future__ import annotations

import importlib.util
import os

import pytest
from support import ROOT
from support.served import served

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
  // Comes after the first paint, and no place is kept for it.
  addEventListener("load", () => {
    const picture = new Image();
    picture.src = "tall.svg";
    document.body.prepend(picture);
  });
</script>
"""


@pytest.fixture(scope="module")
def visited(browser, tmp_path_factory):
    """Two pages of a small site, visited as the benchmark visits them."""
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
    cold = visited["cold"]
    assert cold["requests"] == 6
    assert cold["outside"] == 2
    assert cold["addresses"] == [
        f"{bench.CDN}tex.js", "https://other.example/none.js"
    ]  # fmt: skip
    # Most of the answer of MathJax's stand-in is headers.
    assert 20 < cold["outside_bytes"] < 1000


def test_the_bytes_are_those_sent_over_the_network(visited):
    cold, size = visited["cold"], visited["size"]
    # Hexadecimal digits shrink to half, and spaces to almost nothing.
    assert size["book.js"] / 2 < cold["bytes"] < 0.65 * size["book.js"]
    assert 0 < cold["all_bytes"] - cold["bytes"] < 1000


def test_the_second_visit_requests_only_the_page(visited):
    warm = visited["warm"]
    assert (warm["requests"], warm["outside"]) == (1, 0)
    assert 0 < warm["bytes"] == warm["all_bytes"] < 1000


def test_the_network_is_as_slow_as_that_of_a_phone(visited):
    cold, warm = visited["cold"], visited["warm"]
    latency = 562  # milliseconds
    transfer = 1000 * 8 * cold["bytes"] / 1.6e6
    # The page, then in parallel what its head names.
    assert cold["first_paint"] > 2 * latency + 0.8 * transfer
    assert latency < warm["first_paint"] < cold["first_paint"]


def test_a_late_picture_counts_as_the_largest_paint(visited):
    cold, warm = visited["cold"], visited["warm"]
    late = cold["largest_paint"] - cold["first_paint"]
    assert late > 0.8 * bench.SLOW_4G["latency"]
    assert warm["largest_paint"] == warm["first_paint"]


def test_content_that_moves_counts_as_a_layout_shift(visited):
    assert visited["cold"]["layout_shift"] > 0.005
    assert visited["warm"]["layout_shift"] == 0


def test_the_stock_book_has_every_page_and_none_of_our_design(tmp_path):
    site = bench.stock(tmp_path / "book")
    for page in bench.lessons(ROOT):
        html = (site / page).read_text(encoding="utf-8")
        assert "sphinx-book-theme" in html
        assert "book.css" not in html
    lesson = (site / bench.lessons(ROOT)[1]).read_text(encoding="utf-8")
    assert f'src="{bench.CDN}tex-mml-chtml.js"' in lesson
    assert 'role="tabpanel"' in lesson
    assert "cell_output" in lesson
