"""Check that the machine has what `make test-all` needs.

    python -m support.machine    exit with status 1, and list what is missing

No test is skipped because a program is missing. Instead, a test that needs it fails and
names the Debian package that contains it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from support import ROOT
from support.browser import CHROMIUM

# The programs that each purpose needs, by the Debian package that contains them.
POPPLER = dict.fromkeys(
    ("pdffonts", "pdfinfo", "pdftohtml", "pdftotext"), "poppler-utils"
)
PURPOSES = ("git", "browser", "pdf", "epub")


def missing_programs(*purposes: str) -> list[str]:
    """Return the Debian packages that the tests need and this machine lacks.

    Without `purposes`, the needs of all tests are checked.
    """
    from bookbuild.print_editions import PROGRAMS, TEX_FILES  # which loads Sphinx

    missing = []
    for purpose in purposes or PURPOSES:
        if purpose == "browser":
            programs = {} if CHROMIUM else {"chromium": "chromium"}
        elif purpose == "pdf":
            programs = {**PROGRAMS["pdf"], **POPPLER}
        elif purpose == "epub":
            programs = PROGRAMS["epub"]
        else:
            programs = {purpose: purpose}
        missing += [
            package
            for program, package in programs.items()
            if not shutil.which(program)
        ]
        if purpose == "pdf":
            missing += [
                package
                for file, package in TEX_FILES.items()
                if not _tex_has(file)
            ]
    return list(dict.fromkeys(missing))


def _tex_has(file: str) -> bool:
    if not shutil.which("kpsewhich"):
        return False
    asked = ["kpsewhich", file]
    return not subprocess.run(
        asked, capture_output=True, check=False
    ).returncode


def advice(packages: list[str]) -> str:
    """Return a message that says how to install Debian packages."""
    return (
        "This needs programs that this machine does not have. Install them "
        f"(Debian: apt install {' '.join(packages)})."
    )


def require(*purposes: str) -> None:
    """Fail the running test if the machine lacks what a purpose needs."""
    if packages := missing_programs(*purposes):
        pytest.fail(advice(packages), pytrace=False)


def missing_environments() -> list[str]:
    """Return why frameworks that have a wheel here have no environment."""
    path = ROOT / ".envs" / "missing.json"
    return list(json.loads(path.read_text(encoding="utf-8")).values())


def main() -> int:
    packages, problems = missing_programs(), missing_environments()
    if packages:
        problems.append(advice(packages))
    if problems:
        problems.append("make test needs none of this.")
        print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
