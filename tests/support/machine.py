"""Name what this machine lacks for `make test-all`.

    python -m support.machine

Exits with 1 and a list, unless nothing is missing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

from _ext import printed

from . import ROOT
from .browser import CHROMIUM

# Programs by Debian's package, besides those that make pdf and make epub need.
PROGRAMS = {"git": "git", "pdftotext": "poppler-utils"}


def missing_packages() -> dict[str, str]:
    """Return what is missing, by the Debian package that brings it."""
    wanted = {**PROGRAMS, **printed.PROGRAMS["pdf"], **printed.PROGRAMS["epub"]}
    missing = {
        package: program
        for program, package in wanted.items()
        if not shutil.which(program)
    }
    if not CHROMIUM:
        missing["chromium"] = "chromium"
    for file, package in printed.TEX_FILES.items():
        if package not in missing and not _has_tex_file(file):
            missing[package] = file
    return missing


def _has_tex_file(file: str) -> bool:
    """Whether TeX finds a file; without TeX it finds none."""
    if not shutil.which("kpsewhich"):
        return False
    done = subprocess.run(["kpsewhich", file], capture_output=True, check=False)
    return done.returncode == 0


def missing_frameworks() -> list[str]:
    """Return why frameworks that have a wheel here have no environment."""
    path = ROOT / ".envs" / "missing.json"
    return list(json.loads(path.read_text(encoding="utf-8")).values())


def main() -> int:
    packages, reasons = missing_packages(), missing_frameworks()
    if packages:
        reasons.append(
            f"This machine lacks {', '.join(packages.values())}. Install "
            f"{'it' if len(packages) == 1 else 'them'} (Debian: apt install "
            f"{' '.join(packages)})."
        )
    if reasons:
        print("make test-all cannot run every test here.", file=sys.stderr)
        print(
            *reasons, "make test needs none of this.", sep="\n", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
