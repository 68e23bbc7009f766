"""How light the site is beside a stock Jupyter Book: `make bench`.

    python bench/site.py [--seconds 320] [page ...]

Both are built of the same pages, with the same outputs: this site as it lies
in _build/html, and a stock Jupyter Book 1 (bench/stock.py). A phone visits
every page of each in turn: first with nothing in its cache, then goes on to the
next page. Round follows round until the time is up, two phones at once, so that
both sites meet the same noise.

The network and the processor are slowed down to Lighthouse's phone. All of it
is served from this machine, as a host would (tests/support/served.py). What a page
asks of jsDelivr's MathJax is answered by a server of its own, through the same
slow network; anything else from outside is refused. What a service worker
keeps for later is no part of a page and is left out, and so are icons of tabs.

Prints a summary; _build/bench/ holds site.md, and site.json with every visit.
"""

from __future__ import annotations

import argparse
import collections
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

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

from stock import stock
from support.served import lessons, served

OUT = ROOT / "_build" / "bench"
SITE = ROOT / "_build" / "html"
SITES = ("this", "stock")
CDN = "https://cdn.jsdelivr.net/npm/mathjax@3/es5/"
PHONES = 2  # as many as there are processors to give each its own
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "is_mobile": True,
    "has_touch": True,
    "service_workers": "block",
}
# Lighthouse's mobileSlow4G, as it throttles a browser: 150 ms and 1.6 Mbit/s
# down, 0.75 up, which the protocol gives in milliseconds and bytes a second.
SLOW_4G = {
    "offline": False,
    "latency": 150 * 3.75,
    "downloadThroughput": 1.6 * 1024 * 1024 / 8 * 0.9,
    "uploadThroughput": 750 * 1024 / 8 * 0.9,
}
CPU_SLOWDOWN = 4
QUIET = 0.5  # seconds without a request, after which a page has settled
TIMEOUT = 90  # seconds, for a page to settle

# The measures of a visit: title, unit, digits, and what the unit is made of.
MEASURES = {
    "requests": ("requests", "", 0, 1),
    "outside": ("of them to other origins", "", 0, 1),
    "bytes": ("bytes, images aside", "KB", 0, 1000),
    "all_bytes": ("bytes, images included", "KB", 0, 1000),
    "first_paint": ("first contentful paint", "s", 2, 1000),
    "largest_paint": ("largest contentful paint", "s", 2, 1000),
    "layout_shift": ("cumulative layout shift", "", 3, 1),
}
VISITS = {
    "cold": "First visit, nothing in the cache",
    "warm": "The next page, after the one before",
}
# The largest burst of shifts counts: at most 5 s, no pause above 1 s.
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
    """What a page asks of the network, by the browser's own account."""

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
        # Playwright's routes would turn the cache off, and answer at once.
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
        """The counts since the last call, cached answers left out."""
        counts = count(self.asked.values(), self.origin)
        self.asked, self.open = {}, set()
        return counts


def count(asked: Iterable[dict], origin: str) -> dict:
    """Requests and bytes on the network, and those to other origins."""
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
    """Open one page and then another; what each visit took.

    Raises SystemExit if a page is not there or does not settle.
    """
    context = browser.new_context(**PHONE)
    context.set_default_timeout(1000 * TIMEOUT)
    page = context.new_page()
    page.add_init_script(OBSERVE)
    traffic = Traffic(context.new_cdp_session(page), origin, mathjax)
    found = {}
    for name, address in zip(VISITS, pages):
        answer = page.goto(origin + address, wait_until="load")
        if not answer.ok:
            raise SystemExit(f"{answer.url} answers {answer.status}.")
        page.evaluate(TYPESET)
        deadline = time.monotonic() + TIMEOUT
        while not traffic.quiet:
            if time.monotonic() > deadline:
                waits = "; ".join(traffic.waits) or "one request after another"
                raise SystemExit(f"{answer.url} does not settle: {waits}.")
            page.wait_for_timeout(50)
        found[name] = {**page.evaluate(PAINTS), **traffic.take()}
    context.close()
    return found


def measure(
    sites: dict[str, str], mathjax: str, pages: list[str], seconds: float
) -> list[dict]:
    """Visit every page of each site, in rounds, for some time; all visits.

    The first round is completed however long it takes.
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
                        where = pair[name == "warm"]
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
    """The jobs of a round: each page, with the site that goes first."""
    for number, page in enumerate(pages):
        order = SITES if (turn + number) % 2 == 0 else SITES[::-1]
        yield turn, page, order


def summarize(visits: list[dict]) -> dict:
    """Medians by visit, measure, page and site, with least and most.

    Maps (visit, measure, page) to {site: (median, least, most)}.
    """
    values = collections.defaultdict(lambda: collections.defaultdict(list))
    for entry in visits:
        for measure in MEASURES:
            key = (entry["visit"], measure, entry["page"])
            values[key][entry["site"]].append(entry[measure])
    return {
        key: {
            site: (statistics.median(some), min(some), max(some))
            for site, some in by_site.items()
        }
        for key, by_site in values.items()
    }


def ratio(this: float, stock: float) -> float | None:
    return this / stock if stock else None


def shown(value: float | None, measure: str) -> str:
    _, _, digits, unit = MEASURES[measure]
    return f"{value / unit:,.{digits}f}"


def summary(medians: dict, pages: list[str]) -> str:
    """A table of both sites: medians over the pages, and their ratios."""
    lines = []
    for name, title in VISITS.items():
        lines += [f"**{title}**", ""]
        lines += ["| | this site | stock Jupyter Book | ratio (of pages) |"]
        lines += ["|---|---:|---:|---:|"]
        for measure, (label, unit, _, _) in MEASURES.items():
            rows = [medians[name, measure, page] for page in pages]
            both = [
                statistics.median(row[site][0] for row in rows)
                for site in SITES
            ]
            ratios = [ratio(row["this"][0], row["stock"][0]) for row in rows]
            ratios = sorted(r for r in ratios if r is not None)
            text = "–"
            if ratios:
                middle = statistics.median(ratios)
                text = f"{middle:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            cells = [shown(value, measure) for value in both]
            label += f", {unit}" if unit else ""
            lines.append(f"| {label} | {' | '.join(cells)} | {text} |")
        lines.append("")
    return "\n".join(lines)


def details(medians: dict, pages: list[str]) -> str:
    """A table a measure and visit: every page, with least and most."""
    lines = []
    for (name, title), measure in itertools.product(VISITS.items(), MEASURES):
        label, unit, _, _ = MEASURES[measure]
        label += f", {unit}" if unit else ""
        lines += [f"## {title}: {label}", ""]
        lines += ["| page | this site | stock Jupyter Book | ratio |"]
        lines += ["|---|---:|---:|---:|"]
        for page in pages:
            row = medians[name, measure, page]
            cells = []
            for site in SITES:
                middle, least, most = (shown(v, measure) for v in row[site])
                spread = f" ({least} to {most})" if least != most else ""
                cells.append(middle + spread)
            share = ratio(row["this"][0], row["stock"][0])
            cells.append("–" if share is None else f"{share:.2f}")
            lines.append(f"| {page} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def notes(visits: list[dict], seconds: float) -> str:
    """How it was measured, and what was asked of other origins."""
    kinds = [(visit["page"], visit["site"], visit["visit"]) for visit in visits]
    repeats = sorted(collections.Counter(kinds).values())
    how = (
        f"{len(visits)} visits in {seconds:.0f} s, {repeats[0]} to "
        f"{repeats[-1]} of each kind; a phone of "
        f"{PHONE['viewport']['width']} pixels, Lighthouse's slow 4G, a "
        f"processor slowed down {CPU_SLOWDOWN} times, HTTP/1.1. Figures are "
        "medians; in brackets stands what the pages, or the repeats, span. A "
        "ratio below 1 is in favor of this site."
    )
    lines = [how, ""]
    for site in SITES:
        mine = [v for v in visits if v["site"] == site]
        hosts = sorted({u.split("/")[2] for v in mine for u in v["addresses"]})
        most = max(v["outside_bytes"] for v in mine)
        asked = f"{', '.join(hosts)} (at most {most / 1000:.0f} KB a visit)"
        lines.append(f"- {site}: other origins: {asked if hosts else 'none'}")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/site.py")
    parser.add_argument("pages", nargs="*", help="as they stand in the site")
    parser.add_argument(
        "--seconds", type=float, default=320, help="for the visits"
    )
    options = parser.parse_args()
    pages = options.pages or lessons(ROOT)
    if not (SITE / pages[0]).exists():
        raise SystemExit(f"{SITE} lacks {pages[0]}: make book builds it.")
    package = find_spec("sphinx-mathjax-offline").submodule_search_locations[0]
    start = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(package, "static", "mathjax")) as mathjax,
        served(SITE) as this,
        served(stock(Path(folder, "book"))) as other,
    ):
        sites = dict(zip(SITES, (this, other)))
        visits = measure(sites, mathjax, pages, options.seconds)
    medians = summarize(visits)
    head = notes(visits, time.monotonic() - start)
    head += "\n" + summary(medians, pages)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "site.json").write_text(json.dumps(visits, indent=1))
    text = f"# This site beside a stock Jupyter Book\n\n{head}\n"
    (OUT / "site.md").write_text(text + details(medians, pages))
    print(head)
    print(f"Every page: {(OUT / 'site.md').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
