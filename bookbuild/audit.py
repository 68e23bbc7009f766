"""Look for known vulnerabilities in what the locks name.

    .envs/audit/bin/python -m bookbuild.audit     by `make audit`

pip-audit, in an environment of its own, asks PyPI of each pinned version, or
OSV where PyPI does not answer; AUDIT_URL names another service that answers
as OSV does. Nothing is installed, and of a lock those lines count that this
machine would install. pip-audit itself passes packages that a service does
not know, such as all of those that a mirror of PyPI is asked for; here that
is a failure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

from .frameworks import ROOT, load

LOCK = "bookbuild/audit.txt"
OSV = "https://api.osv.dev/v1/query"
SECONDS = 900  # for a lock; a slow service takes about a second a package


class Unanswered(RuntimeError):
    """A service did not answer; says which and why."""


def locks(root: Path = ROOT) -> list[str]:
    """The locks of all environments, by their paths from `root`."""
    kernels = [framework.lock for framework in load(root).values()]
    return ["requirements.txt", *kernels, "tests/requirements.txt", LOCK]


def services() -> dict[str, list[str]]:
    """What pip-audit is told of each service, in the order they are tried."""
    if url := os.environ.get("AUDIT_URL"):
        return {url: ["--vulnerability-service=osv", f"--osv-url={url}"]}
    return {
        "https://pypi.org": ["--vulnerability-service=pypi"],
        OSV: ["--vulnerability-service=osv"],
    }


def ask(lock: str, service: str, options: list[str]) -> list[dict]:
    """What a service says of each package of a lock.

    Raises Unanswered if it says nothing of one.
    """
    command = [
        sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes",
        "--progress-spinner=off", "--format=json", "--requirement", lock,
        f"--cache-dir={Path(sys.prefix, 'cache')}", *options,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, timeout=SECONDS,
        )  # fmt: skip
        found = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        raise Unanswered(f"{service}: no answer in {SECONDS} s") from None
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason is given"]
        raise Unanswered(f"{service}: {last[0]}") from None
    if skipped := [each for each in found if "skip_reason" in each]:
        raise Unanswered(
            f"{service}: knows nothing of {len(skipped)} of {len(found)} "
            f"packages, such as {skipped[0]['name']}"
        )
    return found


def audit(lock: str) -> int:
    """Print what is known of a lock's packages; how many are vulnerable.

    Raises Unanswered if no service says it.
    """
    reasons = []
    for service, options in services().items():
        try:
            found = ask(lock, service, options)
            break
        except Unanswered as reason:
            reasons.append(str(reason))
    else:
        raise Unanswered("\n".join(reasons))
    bad = [package for package in found if package["vulns"]]
    print(
        f"{lock}: {len(found)} packages, {len(bad) or 'none'} with known "
        f"vulnerabilities, says {service}",
        flush=True,
    )
    for package in bad:
        print(f"  {package['name']} {package['version']}")
        for known in package["vulns"]:
            names = ", ".join([known["id"], *sorted(known["aliases"])])
            cure = " or ".join(known["fix_versions"])
            cure = f"mended in {cure}" if cure else "no version mends it"
            about = textwrap.shorten(known["description"], 200)
            text = f"{names}: {about} ({cure})"
            print(textwrap.indent(textwrap.fill(text, 74), "    "))
    return len(bad)


def main() -> str | int:
    bad = 0
    try:
        for lock in locks():
            bad += audit(lock)
    except Unanswered as reasons:
        return (
            "Nothing can be said of known vulnerabilities, since no service "
            f"that knows them can be reached:\n{reasons}\nConnect to the "
            "network, or name a service that answers as OSV does in AUDIT_URL."
        )
    if bad:
        return (
            "Look whether the book uses what is vulnerable, and renew the "
            "locks: make lock UPGRADE=1."
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
