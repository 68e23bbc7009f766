"""Lighthouse gives a page on a phone at least 98 of 100 points.

One page of each kind is audited, or every page if the environment variable LIGHTHOUSE
is "all". Performance depends on times, which are longer on a busy machine, so only
`make lighthouse` requires it. The tests check the causes of slow pages instead: bytes
(test_page_requests.py) and layout shifts (test_framework_choice.py).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time

import psutil
import pytest
from support import machine
from support.lighthouse import audit
from support.lighthouse.audit import AuditError, Scores
from support.once import announce
from support.served import served

URL = "http://127.0.0.1:1/"
PERFECT = dict.fromkeys(audit.CATEGORIES, 1.0)
JUDGED = audit.PAGES if os.environ.get("LIGHTHOUSE") == "all" else audit.KINDS
WITHOUT_TIMES = tuple(c for c in audit.CATEGORIES if c != "performance")


@pytest.fixture(scope="module")
def address(request):
    """Serve the site on loopback, with Lighthouse installed."""
    machine.require("browser")
    audit.install(report=lambda words: announce(request, words))
    with served(audit.SITE) as url:
        yield url


@pytest.mark.parametrize("page", JUDGED)
def test_a_page_scores_98_in_accessibility_practices_and_search(address, page):
    report = audit.judge(address + page, WITHOUT_TIMES)
    scores = audit.read(report, page)
    assert set(scores.scores) == set(WITHOUT_TIMES)
    assert scores.short == [], "\n".join(scores.lost)


def test_lighthouse_knows_every_page_of_the_site():
    """Check this except for the two pages without their own content."""
    built = [*audit.SITE.glob("*.html")]
    built += (audit.SITE / "chapters").rglob("*.html")
    pages = {path.relative_to(audit.SITE).as_posix() for path in built}
    assert pages - {"index.html", "404.html"} == set(audit.PAGES)
    assert set(audit.KINDS) <= set(audit.PAGES)


# Reading a report


def report(scores: dict, page: str = "a.html", **audits: dict) -> dict:
    """Return a report as Lighthouse writes it, with audits of performance."""
    references = [
        {"id": name, "weight": details.pop("weight", 1)}
        for name, details in audits.items()
    ]
    categories = {
        name: {"score": score, "auditRefs": []}
        for name, score in scores.items()
    }
    categories["performance"]["auditRefs"] = references
    return {
        "requestedUrl": URL + page,
        "finalDisplayedUrl": URL + page,
        "categories": categories,
        "audits": {name: {"id": name, **a} for name, a in audits.items()},
    }


def test_a_score_of_97_falls_short_and_98_does_not():
    scores = {**PERFECT, "performance": 0.98, "seo": 0.97}
    found = audit.read(report(scores))
    assert (found.scores["performance"], found.scores["seo"]) == (98, 97)
    assert found.short == ["seo"]


def test_each_audit_that_lost_points_is_named_with_its_score_and_place():
    node = {"node": {"snippet": "<img src='wide.png'>"}}
    place = {"sourceLocation": {"url": "/favicon.ico"}, "description": "404"}
    lost = audit.read(
        report(
            {**PERFECT, "performance": 0.5},
            paint={"score": 0.4, "displayValue": "3.1 s"},
            images={"score": 0, "details": {"items": [node, place]}},
            passed={"score": 1},
            unscored={"score": None},
            hint={"score": 0.2, "weight": 0},
        )
    ).lost
    assert lost == [
        "performance: paint 0.40 3.1 s",
        "performance: images 0.00 [<img src='wide.png'>] [404] [/favicon.ico]",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"categories": {"seo": {"score": None, "auditRefs": []}}},
            r"gave a\.html no score for seo",
        ),
        (
            {"finalDisplayedUrl": f"{URL}b.html"},
            r"judged \S+b\.html and not \S+a\.html",
        ),
        (
            {"runtimeError": {"message": "status 404"}},
            r"did not judge a\.html: status 404",
        ),
    ],
    ids=["no score", "another page", "no page"],
)
def test_a_report_without_a_verdict_on_the_page_is_an_error(change, message):
    with pytest.raises(AuditError, match=message):
        audit.read({**report(PERFECT), **change}, "a.html")


# How often a page is audited


class Judge:
    """Replace Lighthouse, and return one performance score after another."""

    def __init__(self, *performance: float, **others: float) -> None:
        self.left, self.others = list(performance), others
        self.asked: list[tuple] = []

    def __call__(self, url: str, categories=audit.CATEGORIES) -> dict:
        self.asked.append(categories)
        score = self.left.pop(0)
        scores = {**PERFECT, **self.others, "performance": score}
        scores = {name: scores[name] for name in categories}
        return report(scores, paint={"score": score})


@pytest.mark.parametrize(
    ("runs", "best", "asked"),
    [
        ([0.98], 98, 1),
        ([0.90, 0.99], 99, 2),
        ([0.90, 0.80, 0.98], 98, 3),
        ([0.90, 0.97, 0.80], 97, 3),
    ],
)
def test_the_best_of_three_runs_counts_if_only_performance_falls_short(
    runs, best, asked
):
    judge = Judge(*runs)
    found = audit.best("a.html", URL, judge=judge)
    assert found.scores == {
        name: best if name == "performance" else 100 for name in PERFECT
    }
    assert found.lost == [f"performance: paint 0.{best}"]
    assert len(judge.asked) == asked
    assert set(judge.asked[1:]) <= {("performance",)}


def test_a_page_is_not_judged_again_if_another_category_falls_short():
    judge = Judge(0.5, seo=0.9)
    found = audit.best("a.html", URL, judge=judge)
    assert found.short == ["performance", "seo"]
    assert len(judge.asked) == 1


def test_the_table_marks_low_scores_and_says_why():
    good = dict.fromkeys(audit.CATEGORIES, 100)
    found = [
        Scores("a.html", good, []),
        Scores("longer.html", {**good, "performance": 97}, ["performance: x"]),
    ]
    head, first, second, why = audit.table(found).splitlines()
    assert head.split() == list(audit.CATEGORIES)
    assert first.split() == ["a.html", "100", "100", "100", "100"]
    assert second.split() == ["longer.html", "97!", "100", "100", "100"]
    assert why == "  performance: x"
    assert len(head) == len(first) == len(second)


# How it is installed


@pytest.fixture
def npm(tmp_path):
    """Write a program that replaces npm and records its arguments."""

    def write(line: str):
        path = tmp_path / "npm"
        path.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\n{line}\n')
        path.chmod(0o755)
        return path

    write.asked = tmp_path / "asked"
    return write


def test_npm_installs_once_by_the_lock_and_says_so_first(npm, tmp_path):
    folder, said = tmp_path / "envs" / "node", []
    program = npm("cat package-lock.json > installed")
    for _ in range(2):
        assert audit.install(folder, program, said.append) == folder
    lock = (audit.HERE / "package-lock.json").read_text()
    assert (folder / "installed").read_text() == lock
    asked = npm.asked.read_text().splitlines()
    assert len(asked) == len(said) == 1
    assert asked[0].startswith("ci --ignore-scripts")


def test_a_changed_lock_is_installed_anew(npm, tmp_path, monkeypatch):
    copy = tmp_path / "here"
    shutil.copytree(audit.HERE, copy)
    monkeypatch.setattr(audit, "HERE", copy)
    folder, program = tmp_path / "node", npm("touch left")
    audit.install(folder, program)
    (folder / "left").rename(folder / "old")
    with open(copy / "package-lock.json", "a") as lock:
        lock.write("\n")
    audit.install(folder, program)
    assert len(npm.asked.read_text().splitlines()) == 2
    assert not (folder / "old").exists()


def test_if_npm_fails_one_sentence_says_why_and_what_to_do(npm, tmp_path):
    said = "npm error code ENOTFOUND\\nnpm error syscall connect\\n"
    said += "npm error request to host failed\\nnpm error in the end"
    program = npm(f"printf '{said}\\n' >&2; exit 1")
    folder = tmp_path / "node"
    for _ in range(2):  # half an installation does not count
        with pytest.raises(AuditError) as caught:
            audit.install(folder, program)
    words = str(caught.value)
    assert "\n" not in words
    assert "(request to host failed)" in words
    assert "Connect to the network" in words
    assert len(npm.asked.read_text().splitlines()) == 2


def test_a_missing_npm_is_reported_with_a_fix(tmp_path):
    with pytest.raises(AuditError, match="none does not exist. Run make test"):
        audit.install(tmp_path / "node", tmp_path / "none")


def test_a_missing_lighthouse_is_reported_with_a_fix(tmp_path):
    with pytest.raises(AuditError, match="Run make lighthouse or make test-all"):
        audit.judge(URL, folder=tmp_path)


def test_the_error_of_lighthouse_is_passed_on(tmp_path):
    program = tmp_path / audit.CLI
    program.parent.mkdir(parents=True)
    program.write_text("console.error('no page'); process.exit(1);")
    (tmp_path / "stamp").touch()
    with pytest.raises(AuditError, match=f"not judge {URL}: no page"):
        audit.judge(URL, folder=tmp_path)


def test_lighthouse_is_stopped_after_the_time_limit(tmp_path):
    program = tmp_path / audit.CLI
    program.parent.mkdir(parents=True)
    # It writes its process id, so that the test can check whether it still runs.
    number = tmp_path / "number"
    program.write_text(
        f"require('fs').writeFileSync('{number}', String(process.pid));"
        "setInterval(() => {}, 1000);"
    )
    (tmp_path / "stamp").touch()
    with pytest.raises(AuditError, match=r"no report in 3 s"):
        audit.judge(URL, folder=tmp_path, timeout=3)
    start = time.monotonic()
    while is_running(int(number.read_text())):
        assert time.monotonic() - start < 20


def is_running(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_every_package_is_pinned_by_its_hash_and_names_no_host():
    text = (audit.HERE / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    asked = packages.pop("")["dependencies"]
    assert len(packages) > 50
    assert all(p["integrity"].startswith("sha512-") for p in packages.values())
    assert not any("resolved" in package for package in packages.values())
    pinned = json.loads((audit.HERE / "package.json").read_text())
    assert asked == pinned["dependencies"]
    version = packages["node_modules/lighthouse"]["version"]
    assert asked == {"lighthouse": version}
    assert re.fullmatch(r"12\.8\.\d+", version)
