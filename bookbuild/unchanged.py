"""See whether the site is already what `make book` would build.

    python -m bookbuild.unchanged    exits with 0 if so, and says where it lies

It looks at the content of files, never at their times: at all sources, the
last commit (pages say when they were changed) and the environments' Pythons,
and at whether all that was built is still there as it was. It imports nothing
of the book, so that the answer takes a fraction of a second.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What pages are made from, with the files in the root; and what is made of them.
ROOMS = ("chapters", "bookbuild", "_ext", "_static", "d2l_extras", "kernels")
BUILT = ("_build/html", "_build/outputs", "notebooks")


def sources(root: Path) -> str:
    """A digest of all that the book is made from."""
    digest = hashlib.sha256(_commit(root))
    _add(digest, root, sorted(p for p in root.iterdir() if p.name[0] != "."))
    for room in ROOMS:
        _add(digest, root, _files(root / room))
    envs = root / ".envs"  # without those that test and audit the book
    kernels = [p.name for p in envs.glob("share/jupyter/kernels/*")]
    names = sorted(["book", *kernels])
    _add(digest, root, [envs / name / "pyvenv.cfg" for name in names])
    return digest.hexdigest()


def remember(root: Path, made_from: str) -> None:
    """Note that what lies there now was built from these sources."""
    path = note(root)
    partial = path.with_name(path.name + ".part")
    partial.write_text(
        json.dumps({"sources": made_from, "built": _built(root)}),
        encoding="utf-8",
    )
    os.replace(partial, path)


def is_unchanged(root: Path) -> bool:
    """Would a build give what is there?"""
    try:
        known = json.loads(note(root).read_text(encoding="utf-8"))
        if known.keys() != {"sources", "built"}:
            return False
        # What was built is not looked at where the sources have changed.
        made_from = known["sources"] == sources(root)
        return made_from and known["built"] == _built(root)
    except (OSError, ValueError, AttributeError):
        return False


def note(root: Path) -> Path:
    """Where it is noted what the site was built from, and what was built."""
    return root / "_build" / "unchanged.json"


def _built(root: Path) -> str:
    digest = hashlib.sha256()
    for name in BUILT:
        _add(digest, root, _files(root / name))
    return digest.hexdigest()


def _files(folder: Path) -> Iterable[str]:
    """The files below a folder but for hidden ones and Python's own, sorted."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name != "__pycache__" and name[0] != "."
        )
        for name in sorted(names):
            if name[0] != ".":
                yield os.path.join(place, name)


def _add(
    digest: hashlib._Hash, root: Path, paths: Iterable[str | Path]
) -> None:
    start = len(os.path.join(root, ""))
    for path in map(str, paths):
        if not os.path.isfile(path):
            continue
        try:
            with open(path, "rb") as file:
                content = file.read()
        except PermissionError:  # if a page needs it, the build will say so
            content = b"unreadable"
        name = path[start:].replace(os.sep, "/")
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)


def _commit(root: Path) -> bytes:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--quiet", "--verify", "HEAD"],
            cwd=root, capture_output=True, check=False,
        )
    except OSError:  # there is no git
        return b""
    return done.stdout


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bookbuild.unchanged")
    parser.add_argument("--root", type=Path, default=ROOT)
    root = parser.parse_args(arguments).root.resolve()
    if not is_unchanged(root):
        return 1
    print("Nothing has changed since the site was built.")
    print(f"\nOpen {root / '_build' / 'html' / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
