"""Decide what can be reused, from lists of dependencies that are all in this file.

- The **outputs** of a page in one framework depend on its code cells and their
  tags, on the framework's lock, on the files beside the page that the cells use,
  and, if the cells mention d2l_extras, on that package. `inputs` digests these by
  name, and `key` turns them into the name under which the outputs are stored in
  `_build/executed`.
- A **rendered page** depends on its source and on the notebooks whose outputs it
  shows, which Sphinx watches, and on SHAPES_EVERY_PAGE, which Sphinx does not.
- The **whole site** depends on everything below the root except NO_SOURCES, on
  the last commit (pages show when they were changed), and on the Python of each
  environment. If none of that has changed and BUILT is intact, `make book` has
  nothing to do.
- A **PDF or EPUB**, and the archive of the site, depend on the same and on the
  outputs in `_build/outputs`.

Everything is compared by content, never by time. This module imports only the
standard library, so that a build with nothing to do ends immediately.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import subprocess
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .frameworks import load

if TYPE_CHECKING:
    from .frameworks import Framework
    from .page import Page

PROGRAM = ("_ext", "_theme", "bookbuild", "requirements.txt")
# A change in these renders all pages again. See `inputs` for what executes pages again.
SHAPES_EVERY_PAGE = (
    "_config.yml", "_toc.yml", "kernels/frameworks.toml", *PROGRAM
)  # fmt: skip
HELPERS = "d2l_extras"
# The helpers that run only in the first cell of a notebook.
FIRST_CELL = ("d2l_extras/colab/__init__.py", "d2l_extras/colab/first_cell.py")
NO_SOURCES = ("_build", "bench", "docs", "notebooks", "tests")
BUILT = ("_build/html", "_build/outputs", "notebooks")

ROOT = Path(__file__).resolve().parent.parent
CELLS = "code cells"  # their key in `inputs`
STATE = Path("_build", "unchanged.json")
MADE = Path("_build", "made.json")


# Outputs


def inputs(page: Page, framework: Framework, root: Path) -> dict[str, str]:
    """Digest everything that the outputs of a page depend on.

    The keys are CELLS and the paths of files, relative to `root`. Prose counts only
    if it inserts a value with {eval}. Comments in the helpers do not count, nor do
    times and the location of the book.
    """
    cells = page.code(framework.name)
    code = [framework.name, [[cell.source, cell.tags] for cell in cells]]
    if any(expressions := page.expressions_by_cell(framework.name)):
        code.append([[one.text for one in after] for after in expressions])
    found = {
        CELLS: _digest(json.dumps(code).encode()),
        framework.lock: _digest((root / framework.lock).read_bytes()),
    }
    paths = page.files(framework.name)
    texts = [cell.source.encode() for cell in cells]
    texts += [path.read_bytes() for path in paths]
    if any(HELPERS.encode() in text for text in texts):
        paths += helper_files(framework, root)
    for path in paths:
        content = path.read_bytes()
        if path.suffix == ".py":
            content = without_comments(content.decode("utf-8")).encode()
        found[path.relative_to(root).as_posix()] = _digest(content)
    return found


def helper_files(framework: Framework, root: Path) -> list[Path]:
    """Return the files of d2l_extras that a framework's cells may use."""
    others = load(root).keys() - {framework.name}
    unused = {*FIRST_CELL, *(f"{HELPERS}/{name}.py" for name in others)}
    return [
        path
        for path in _files(root / HELPERS)
        if path.relative_to(root).as_posix() not in unused
    ]


def key(found: dict[str, str]) -> str:
    """Digest all inputs into one key."""
    return _digest(json.dumps(found, sort_keys=True).encode())


@functools.cache  # every notebook asks for the same helpers
def without_comments(code: str) -> str:
    """Return Python code without comments, and without the lines of only a comment.

    Code with syntax errors is returned unchanged.
    """
    lines: list[str | None] = list(code.split("\n"))
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                lines[row - 1] = lines[row - 1][:column].rstrip() or None
    except (tokenize.TokenError, SyntaxError):
        return code
    return "\n".join(line for line in lines if line is not None)


def stored_outputs(page: Page, framework: Framework, root: Path) -> Path:
    """Return the path of the file that stores a page's outputs under their key."""
    name = f"{key(inputs(page, framework, root))}-{python_of(framework, root)}"
    return root / "_build" / "executed" / f"{name}.json"


def store_outputs(path: Path, outputs: list[list[dict]]) -> None:
    """Store outputs with a digest that reveals a damaged file."""
    text = json.dumps(outputs, sort_keys=True)
    write_whole(path, f"{_sha256(text.encode())}\n{text}".encode())


def load_outputs(path: Path) -> list[list[dict]] | None:
    """Return the stored outputs, or None if they are missing or damaged."""
    try:
        digest, _, text = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    if digest.decode(errors="replace") != _sha256(text):
        return None
    return json.loads(text)


def python_of(framework: Framework, root: Path) -> str:
    """Return the Python version of a framework's environment, or "unknown"."""
    config = root / ".envs" / framework.kernel / "pyvenv.cfg"
    if not config.exists():
        return "unknown"
    lines = config.read_text(encoding="utf-8").splitlines()
    versions = [s.split("=")[1].strip() for s in lines if s.startswith("version")]
    return versions[0] if versions else "unknown"


# Pages and the site


def digest_of_shape(root: Path) -> str:
    """Digest the files that affect how every page of the book in `root` is rendered."""
    files = _digest_files(root, SHAPES_EVERY_PAGE)
    return _sha256((_digest_files(ROOT, PROGRAM) + files).encode())


def digest_of_sources(root: Path) -> str:
    """Digest everything that the site of the book in `root` is made from."""
    kernels = sorted(p.name for p in root.glob(".envs/share/jupyter/kernels/*"))
    pythons = [f".envs/{name}/pyvenv.cfg" for name in ("book", *kernels)]
    names = {path.name for path in root.iterdir() if path.name[0] != "."}
    files = _digest_files(root, [*sorted(names.difference(NO_SOURCES)), *pythons])
    program = _digest_files(ROOT, PROGRAM)
    return _sha256(repr([_commit(root), program, files]).encode())


def is_unchanged(root: Path) -> bool:
    """Return whether a build would give exactly the existing site."""
    try:
        state = json.loads((root / STATE).read_text(encoding="utf-8"))
        if state["sources"] != digest_of_sources(root):
            return False
        return state["built"] == _digest_files(root, BUILT)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def remember_build(root: Path, sources: str) -> None:
    """Record that the existing site was built from sources with this digest."""
    state = {"sources": sources, "built": _digest_files(root, BUILT)}
    write_whole(root / STATE, json.dumps(state).encode())


def digest_of_editions(root: Path) -> str:
    """Digest everything that PDFs, EPUBs, and the site's archive are made from."""
    outputs = _digest_files(root, ["_build/outputs"])
    return _sha256((digest_of_sources(root) + outputs).encode())


def was_made_from(root: Path, path: Path, key: str) -> bool:
    """Return whether a file exists and was made from what has the digest `key`."""
    return path.exists() and _made(root).get(path.name) == key


def remember_made(root: Path, path: Path, key: str) -> None:
    """Record that a file was made from what has the digest `key`."""
    state = {**_made(root), path.name: key}
    write_whole(root / MADE, json.dumps(state).encode())


def _made(root: Path) -> dict[str, str]:
    try:
        return dict(json.loads((root / MADE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def write_whole(path: Path, content: bytes) -> None:
    """Write a file completely or not at all, and only if it changes."""
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _digest_files(root: Path, names: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        for path in _files(root / name):
            try:
                content = path.read_bytes()
            except (PermissionError, FileNotFoundError):
                # The build reports it if a page needs this file or its target.
                content = b"unreadable"
            place = path.relative_to(root).as_posix()
            digest.update(f"\0{place}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    """Yield a file, or the files in a folder except hidden and cached ones."""
    if path.is_file():
        yield path
    for place, folders, names in os.walk(path):
        folders[:] = sorted(
            name for name in folders if name[0] != "." and name != "__pycache__"
        )
        yield from (Path(place, name) for name in sorted(names) if name[0] != ".")


def _commit(root: Path) -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--quiet", "--verify", "HEAD"],
            cwd=root, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:  # git is not installed
        return ""
    return done.stdout


def _digest(content: bytes) -> str:
    return _sha256(content)[:16]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
