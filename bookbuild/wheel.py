"""Build the wheel of d2l_extras that the site offers to the notebooks.

Its version contains a digest of its content, so that a notebook gets exactly the
helpers that it was written with, or none.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
import tomllib
from pathlib import Path

from flit_core.wheel import make_wheel_in

from .frameworks import ROOT

PACKAGE = "d2l_extras"
FOLDER = "wheels"  # in the site
METADATA = ("pyproject.toml", "README.md", "LICENSE")
# The date of the files in the wheel, so that it does not depend on the clock. Flit
# uses the same date for the files that it writes itself.
DAY = (2016, 1, 1, 0, 0, 0, 0, 0, -1)


def version(root: Path = ROOT) -> str:
    """Return the version of the package, followed by a digest of its content."""
    base, text = _base(root), (root / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)["project"]
    digest = hashlib.sha256(repr(project).encode())
    for path in _files(root):
        place = path.relative_to(root).as_posix()
        digest.update(f"\0{place}\0".encode() + path.read_bytes())
    return f"{base}+{digest.hexdigest()[:12]}"


def content(root: Path = ROOT) -> str:
    """Return the digest of the helpers that d2l_extras.colab also computes.

    It identifies helpers whose version does not, such as those of a clone.
    """
    digest = hashlib.sha256()
    for path in _files(root):
        place = path.relative_to(root / PACKAGE).as_posix()
        text = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(place.encode() + b"\0" + text + b"\0")
    return digest.hexdigest()[:12]


def name(root: Path = ROOT) -> str:
    """Return the file name of the wheel."""
    return f"{PACKAGE}-{version(root)}-py3-none-any.whl"


def build(folder: Path, root: Path = ROOT) -> Path:
    """Build the wheel in `folder`, and return its path.

    The same content gives the same bytes, on any machine and at any time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base, full = _base(root), version(root)
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place)
        for path in _files(root):
            target = copy / path.relative_to(root)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
        for file in METADATA:
            shutil.copy(root / file, copy)
        for file in ("pyproject.toml", f"{PACKAGE}/__init__.py"):
            path = copy / file
            text = path.read_text(encoding="utf-8")
            path.write_text(
                text.replace(
                    f'version = "{base}"', f'version = "{full}"', 1
                ).replace(f'version__ = "{base}"', f'version__ = "{full}"', 1),
                encoding="utf-8",
            )
        for path in filter(Path.is_file, copy.rglob("*")):
            os.utime(path, (time.mktime(DAY),) * 2)
        made = make_wheel_in(copy / "pyproject.toml", folder)
    return made.file


def _files(root: Path) -> list[Path]:
    folder = root / PACKAGE
    return sorted([
        *folder.rglob("*.py"), *folder.glob("fonts/*"), folder / "py.typed"
    ])


def _base(root: Path) -> str:
    text = (root / PACKAGE / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)[1]
