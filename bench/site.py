"""Measure how much a phone downloads, and how long it waits, to read the site.

    python -m bench.site [--seconds 320] [page ...]

Compares the site in _build/html with a stock Jupyter Book (bench/stock_book.py) of
the pages with code. A page of the stock book shows a single framework, while ours
shows all of them. A simulated phone opens each page of both sites in turn, first
with an empty cache, and then goes on to the next page. Two phones repeat this until
the time is up, so that disturbances affect both sites alike.

The network and the processor are as slow as Lighthouse's phone. This machine serves
all files as a host would (tests/support/served.py). MathJax, which the stock book
loads from jsDelivr, comes from a second server through the same slow network. All
other requests to other origins are blocked. Tab icons, and files that a service
worker saves for later, do not count.

Prints nothing but progress. Medians go to bench/measurements.json, and every
visit to _build/bench/site.json.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, sync_playwright
from support.served import served

from bookbuild.build import Book

from . import ROOT, stock_book
from .measurements import Part

VISITS = ROOT / "_build" / "bench" / "site.json"
SITE = ROOT / "_build" / "html"
SITES = ("this", "stock")
CDN = "https://cdn.jsdelivr.net/npm/mathjax@3/es5/"
PHONES = 2  # at the same time
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "is_mobile": True,
    "has_touch": True,
    "service_workers": "block",
}
# How Lighthouse's mobileSlow4G throttles a browser: 150 ms, 1.6 Mbit/s down, and
# 0.75 Mbit/s up, given in milliseconds and bytes per second.
SLOW_4G = {
    "offline": False,
    "latency": 150 * 3.75,
    "downloadThroughput": 1.6 * 1024 * 1024 / 8 * 0.9,
    "uploadThroughput": 750 * 1024 / 8 * 0.9,
}
CPU_SLOWDOWN = 4
QUIET = 0.5  # seconds without a request, after which a page has settled
TIMEOUT = 90  # seconds, for a page to settle

# The measures of a visit, with factors that convert them to KB and seconds.
MEASURES = {
    "requests": 1,
    "outside": 1,
    "bytes": 1000,
    "all_bytes": 1000,
    "first_paint": 1000,
    "largest_paint": 1000,
    "layout_shift": 1,
}
# The layout shift is that of the largest burst, which lasts at most 5 s, without a
# pause of more than 1 s.
OBSERVE = """
(() => {
  const seen = window.seen = {largest_paint: 0, layout_shift: 0};
  let start = 0, last = 0, burst = 0;
  const watch = (type, each) => new PerformanceObserver(
    list => list.getEntries().forEach(each)).observe({type, buffered: true});
  watch("largest-contentful-paint", e => seen.largest_paint = e.startTime);
  watch("layout-shift", e => {
    if (e.hadRecentInput) return;
    if (e.startTime - last > 1000 || e.startTime - start > 5000) {
      start = e.startTime;
      burst = 0;
    }
    last = e.startTime;
    burst += e.value;
    seen.layout_shift = Math.max(seen.layout_shift, burst);
  });
})();
"""
TYPESET = """async () => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
}"""
PAINTS = """() => ({
  ...window.seen,
  first_paint:
    performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
})"""


class Traffic:
    """Count the requests of a page, as the browser reports them."""

    def __init__(self, session: CDPSession, origin: str, mathjax: str) -> None:
        self.session, self.origin, self.mathjax = session, origin, mathjax
        self.asked: dict[str, dict] = {}
        self.open: set[str] = set()
        self.changed = time.monotonic()
        for event, handler in {
            "Network.requestWillBeSent": self._asked,
            "Network.requestServedFromCache": self._cached,
            "Network.responseReceived": self._answered,
            "Network.loadingFinished": self._ended,
            "Network.loadingFailed": self._ended,
            "Fetch.requestPaused": self._outside,
        }.items():
            session.on(event, handler)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", SLOW_4G)
        session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
        # Playwright's routes would disable the cache and bypass the slow network.
        patterns = [{"urlPattern": "https://*"}]
        session.send("Fetch.enable", {"patterns": patterns})

    def _asked(self, event: dict) -> None:
        url = event["request"]["url"]
        if url.startswith("http") and not url.endswith("/favicon.ico"):
            self.asked[event["requestId"]] = {
                "url": url, "type": event.get("type"), "bytes": 0,
            }  # fmt: skip
            self.open.add(event["requestId"])
        self.changed = time.monotonic()

    def _cached(self, event: dict) -> None:
        self.asked.get(event["requestId"], {})["cached"] = True

    def _answered(self, event: dict) -> None:
        if event["response"].get("fromDiskCache"):
            self._cached(event)

    def _ended(self, event: dict) -> None:
        request = self.asked.get(event["requestId"], {})
        request["bytes"] = event.get("encodedDataLength", 0)
        self.open.discard(event["requestId"])
        self.changed = time.monotonic()

    def _outside(self, event: dict) -> None:
        url, answer = event["request"]["url"], {"requestId": event["requestId"]}
        if url.startswith(CDN):
            answer["url"] = self.mathjax + url.removeprefix(CDN)
            self.session.send("Fetch.continueRequest", answer)
        else:
            answer["responseCode"] = 404
            self.session.send("Fetch.fulfillRequest", answer)

    @property
    def quiet(self) -> bool:
        return not self.open and time.monotonic() - self.changed > QUIET

    @property
    def waits(self) -> list[str]:
        return [self.asked[request]["url"] for request in self.open]

    def take(self) -> dict:
        """Return the counts since the last call, without cached responses."""
        counts = count(self.asked.values(), self.origin)
        self.asked, self.open = {}, set()
        return counts


def count(asked: Iterable[dict], origin: str) -> dict:
    """Count the requests and the bytes that were sent over the network."""
    sent = [request for request in asked if not request.get("cached")]
    away = [r for r in sent if not r["url"].startswith(origin)]
    return {
        "requests": len(sent),
        "outside": len(away),
        "bytes": sum(r["bytes"] for r in sent if r["type"] != "Image"),
        "all_bytes": sum(r["bytes"] for r in sent),
        "outside_bytes": sum(r["bytes"] for r in away),
        "addresses": sorted({r["url"] for r in away}),
    }


def visit(browser: Browser, origin: str, pages: tuple, mathjax: str) -> dict:
    """Open one page and then another, and return the measures of each visit.

    Raises SystemExit if a page is missing or never stops making requests.
    """
    context = browser.new_context(**PHONE)
    context.set_default_timeout(1000 * TIMEOUT)
    page = context.new_page()
    page.add_init_script(OBSERVE)
    traffic = Traffic(context.new_cdp_session(page), origin, mathjax)
    found = {}
    for name, address in zip(("first", "next"), pages):
        answer = page.goto(origin + address, wait_until="load")
        if not answer.ok:
            raise SystemExit(f"{answer.url} answers {answer.status}.")
        page.evaluate(TYPESET)
        deadline = time.monotonic() + TIMEOUT
        while not traffic.quiet:
            if time.monotonic() > deadline:
                waits = "; ".join(traffic.waits) or "one request after another"
                raise SystemExit(
                    f"{answer.url} makes requests for {TIMEOUT} s: {waits}."
                )
            page.wait_for_timeout(50)
        found[name] = {**page.evaluate(PAINTS), **traffic.take()}
    context.close()
    return found


def measure(
    sites: dict[str, str], mathjax: str, pages: list[str], seconds: float
) -> list[dict]:
    """Visit every page of each site, in rounds, and return all visits.

    The first round is always completed, no matter how long it takes.
    """
    following = dict(zip(pages, [*pages[1:], pages[0]]))
    turns = itertools.count()
    jobs = (job for turn in turns for job in in_turn(turn, pages))
    lock, visits, deadline = threading.Lock(), [], time.monotonic() + seconds
    longest = 0.0

    def phone(_: int) -> None:
        nonlocal longest
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium")
                or shutil.which("chromium-browser"),
                args=["--no-sandbox", "--disable-gpu"]
                + ["--disable-background-networking"],
            )
            while True:
                with lock:
                    turn, page, order = next(jobs)
                start = time.monotonic()
                if turn and start + longest > deadline:
                    break
                for site in order:
                    pair = (page, following[page])
                    found = visit(browser, sites[site], pair, mathjax)
                    for name, taken in found.items():
                        where = pair[name == "next"]
                        entry = {"site": site, "page": where, "visit": name}
                        visits.append({**entry, "turn": turn, **taken})
                with lock:
                    longest = max(longest, time.monotonic() - start)
                    done = f"round {turn + 1}: {page}"
                    print(f"{done:75}", end="\r", file=sys.stderr, flush=True)
            browser.close()

    with ThreadPoolExecutor(PHONES) as pool:
        list(pool.map(phone, range(PHONES)))
    print(f"{'':75}", end="\r", file=sys.stderr)
    return visits


def in_turn(turn: int, pages: list[str]) -> Iterable[tuple]:
    """Return the visits of a round: each page, with the order of the sites."""
    for number, page in enumerate(pages):
        order = SITES if (turn + number) % 2 == 0 else SITES[::-1]
        yield turn, page, order


def add_medians(part: Part, visits: list[dict], pages: list[str]) -> None:
    """Add the median of each page as "visit.measure.site", and add notes."""
    for visit, measure, site in itertools.product(
        ("first", "next"), MEASURES, SITES
    ):
        for page in pages:
            values = [
                entry[measure]
                for entry in visits
                if (entry["visit"], entry["site"], entry["page"])
                == (visit, site, page)
            ]
            name = f"{visit}.{measure}.{site}"
            part.add(name, statistics.median(values) / MEASURES[measure])
    part.notes["pages"], part.notes["visits"] = len(pages), len(visits)
    part.notes["origins"] = {
        site: sorted(
            {
                address.split("/")[2]
                for entry in visits
                if entry["site"] == site
                for address in entry["addresses"]
            }
        )
        for site in SITES
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.site")
    parser.add_argument("pages", nargs="*", help="addresses within the site")
    parser.add_argument(
        "--seconds", type=float, default=320, help="how long to visit pages"
    )
    options = parser.parse_args(arguments)
    if not SITE.exists():
        raise SystemExit(f"There is no {SITE}. Run make book.")
    package = find_spec("sphinx-mathjax-offline").submodule_search_locations[0]
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.ExitStack() as stack,
    ):
        stock = stock_book.build_with_outputs(Path(folder, "book"))
        names = (page.name for page in Book(ROOT).pages())
        pages = options.pages or [f"chapters/{name}.html" for name in names]
        mathjax, *urls = (
            stack.enter_context(served(site))
            for site in (Path(package, "static", "mathjax"), SITE, stock)
        )
        sites = dict(zip(SITES, urls))
        visits = measure(sites, mathjax, pages, options.seconds)
    VISITS.parent.mkdir(parents=True, exist_ok=True)
    VISITS.write_text(json.dumps(visits, indent=1))
    part = Part("site")
    add_medians(part, visits, pages)
    part.save()


if __name__ == "__main__":
    main()
