"""Store measurements in bench/measurements.json.

The file has one entry per part, such as "cold". Each entry records the machine, the
day, and the commit, and lists the values of every run by name. Measuring a part again
replaces its entry.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bookbuild.executor import cpus

from . import ROOT

MEASUREMENTS = ROOT / "bench" / "measurements.json"
PARTS = ("setup", "cold", "change", "growth", "training", "site")


class Part:
    """Collect the runs of a part by name, and notes on them."""

    def __init__(self, name: str, path: Path = MEASUREMENTS) -> None:
        self.name, self.path = name, path
        self.runs: dict[str, list[float]] = {}
        self.notes: dict[str, object] = {}

    def add(self, name: str, value: float) -> None:
        """Add the value of one run, rounded to four digits."""
        self.runs.setdefault(name, []).append(float(f"{value:.4g}"))

    def time(
        self, name: str, function: Callable, *args: object, **more: object
    ) -> None:
        """Time a call, and add and print the seconds."""
        start = time.perf_counter()
        function(*args, **more)
        seconds = time.perf_counter() - start
        self.add(name, seconds)
        print(f"  {name:28} {seconds:9.3f} s", flush=True)

    def save(self, commit: str | None = None) -> None:
        """Write the part to the file. If a clone was measured, pass its `commit`.

        For the working tree, the entry says whether files had changed since the
        last commit.
        """
        parts = load(self.path)
        parts[self.name] = {
            "machine": machine(),
            "day": datetime.now(UTC).date().isoformat(),
            "commit": commit or commit_of(ROOT),
            "changed": commit is None and _is_changed(),
            "versions": {
                "Python": platform.python_version(),
                "Jupyter Book": version("jupyter-book"),
                "Sphinx": version("sphinx"),
            },
            "notes": self.notes,
            "runs": self.runs,
        }
        parts = {name: parts[name] for name in PARTS if name in parts}
        text = json.dumps(parts, indent=1, ensure_ascii=False)
        # Put all runs of one name on one line.
        text = re.sub(
            r"\[\s+([^\[\]{}\"]*?)\s+\]",
            lambda match: f"[{' '.join(match[1].split())}]",
            text,
        )
        self.path.write_text(f"{text}\n", encoding="utf-8")


def load(path: Path = MEASUREMENTS) -> dict[str, dict]:
    """Return the parts that have been measured, by name."""
    if not path.exists():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))


def machine() -> dict[str, object]:
    """Describe the machine in terms that explain the times."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:  # not Linux
        system = platform.platform(terse=True)
    pages = os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "processors": cpus(),
        "memory": round(os.sysconf("SC_PAGE_SIZE") * pages / 2**30),
        "system": system,
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        text = ""
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def commit_of(folder: Path) -> str:
    """Return the abbreviated name of the commit that is checked out."""
    return run("git", "-C", folder, "rev-parse", "--short=9", "HEAD").strip()


def _is_changed() -> bool:
    written = (":!bench/measurements.json", ":!docs/benchmarks.md")
    words = ("status", "--porcelain", "-uno", "--", ".", *written)
    return bool(run("git", "-C", ROOT, *words).strip())


def run(*command: str | Path, **options: object) -> str:
    """Return what a command prints.

    Raises SystemExit with its output if it fails.
    """
    done = subprocess.run(
        command,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    )
    if done.returncode:
        words = " ".join(map(str, command))
        raise SystemExit(f"This command failed: {words}\n{done.stdout}")
    return done.stdout


def alternate(turn: int, items: Sequence) -> Sequence:
    """Return the items, reversed in every other turn.

    In this way, whatever else the machine is doing affects all items alike.
    """
    return items[:: -1 if turn % 2 else 1]
