"""Tiny books for the tests of the pipeline.

Their two frameworks, Alpha and Beta, are the plain Python of the book's own
environment, so a tiny book executes and renders in seconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import yaml

from _ext.frameworks import platform_tag

from . import ROOT

DECLARATION = """
[alpha]
label = "Alpha"
kernel = "python3"
lock = "kernels/alpha.txt"
platforms = {platforms}
colab = "GPU"

[beta]
label = "Beta"
kernel = "python3"
lock = "kernels/beta.txt"
platforms = {platforms}
colab = "CPU"
"""

HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""


class TinyBook:
    """A book of one page, `chapters/tiny/page.md`, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.page = root / "chapters" / "tiny" / "page.md"
        self.page.parent.mkdir(parents=True)
        (root / "chapters" / "references.bib").touch()
        (root / "kernels").mkdir()
        for name in ("alpha", "beta"):
            (root / "kernels" / f"{name}.txt").write_text(f"{name}==1\n")
        self.platforms(platform_tag())
        config = yaml.safe_load((ROOT / "_config.yml").read_text())
        config["execute"]["timeout"] = 20
        (root / "_config.yml").write_text(yaml.safe_dump(config))
        (root / "_toc.yml").write_text(
            "format: jb-book\nroot: chapters/tiny/page\n"
        )
        shutil.copytree(ROOT / "_static", root / "_static")

    def platforms(self, *names: str) -> None:
        """Declare where both frameworks have wheels."""
        text = DECLARATION.format(platforms=list(names))
        path = self.root / "kernels" / "frameworks.toml"
        path.write_text(text.replace("'", '"'))

    def write(self, text: str) -> None:
        """Write the page: a title, then `text`."""
        body = textwrap.dedent(text).strip()
        self.page.write_text(f"{HEADER}\n# Tiny\n\n{body}\n")

    def build(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "_ext.build", *arguments]
            + ["--root", str(self.root)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=300,
        )

    def html(self) -> str:
        """The HTML of the page, after a build that must succeed."""
        done = self.build("book")
        assert done.returncode == 0, done.stdout + done.stderr
        return self.site.read_text()

    @property
    def site(self) -> Path:
        return self.root / "_build" / "html" / "chapters" / "tiny" / "page.html"

    def committed(self, framework: str) -> Path:
        return self.root / "notebooks" / framework / "tiny" / "page.ipynb"


def platform_tag() -> str:
    from _ext.frameworks import platform_tag

    return platform_tag()


def cell(code: str, *tags: str, **metadata: object) -> str:
    """A code cell of a source page."""
    options = {**({"tags": list(tags)} if tags else {}), **metadata}
    head = f"---\n{yaml.safe_dump(options)}---\n" if options else ""
    return f"```{{code-cell}} ipython3\n{head}{code}\n```\n"
