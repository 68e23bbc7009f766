"""`make test-all` names the programs that a machine lacks before it starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from support import ROOT


def test_missing_programs_are_named_with_the_command_that_installs_them(
    tmp_path,
):
    done = subprocess.run(
        [sys.executable, "-m", "support.machine"],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": str(tmp_path),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    packages = re.search(r"apt install (.*)", sentence)[1].split()
    assert {"chromium", "texlive-luatex", "epubcheck", "git"} <= set(packages)
    # The script of CI installs all of them.
    assert set(packages) <= set((ROOT / ".ci" / "run").read_text().split())
