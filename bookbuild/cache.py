"""What the outputs of a notebook depend on, so that they can be reused.

They are the code cells and their tags, the kernel's lock, and the code of the
d2l_extras modules that the cells import, with what those import in turn. One of
these modules holds the checksums of the data. Prose, comments in the helpers,
times, and paths do not count.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import tokenize
from functools import lru_cache
from pathlib import Path

from .frameworks import Framework
from .page import Cell, Page

PACKAGE = "d2l_extras"
CELLS = "code cells"
INIT = "__init__"


def inputs(page: Page, framework: Framework, root: Path) -> dict[str, str]:
    """Digests of all that the outputs of a page depend on, by what it is:
    the code cells, or a file by its path from `root`.
    """
    cells = page.code(framework.name)
    code = [framework.name, [[cell.source, cell.tags] for cell in cells]]
    found = {
        CELLS: _digest(json.dumps(code).encode()),
        framework.lock: _digest((root / framework.lock).read_bytes()),
    }
    for module in sorted(modules(cells, root)):
        path = root / PACKAGE / f"{module}.py"
        text = path.read_text(encoding="utf-8")
        code = _own_code(text) if module == INIT else without_comments(text)
        found[f"{PACKAGE}/{module}.py"] = _digest(code.encode())
    return found


def without_comments(code: str) -> str:
    """Return Python code without its comments, and without the lines that hold
    nothing else. The result is the same in every version of Python.

    Code that Python cannot read is returned as it is.
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


def key(found: dict[str, str]) -> str:
    """One digest of all inputs."""
    return _digest(json.dumps(found, sort_keys=True).encode())


def modules(cells: list[Cell], root: Path) -> set[str]:
    """The modules of d2l_extras that cells import, and what these import."""
    wanted = set()
    for cell in cells:
        try:
            wanted |= _imported(cell.source, root, inside=False)
        except SyntaxError:  # a magic of IPython, or an error that is shown
            if PACKAGE in cell.source:
                return _present(root)
    known: set[str] = set()
    present = _present(root)
    while wanted := (wanted & present) - known:
        module = wanted.pop()
        known.add(module)
        if module != INIT:  # its imports are followed name by name
            text = (root / PACKAGE / f"{module}.py").read_text("utf-8")
            wanted |= _imported(text, root, inside=True)
    return known


def _present(root: Path) -> set[str]:
    return {path.stem for path in (root / PACKAGE).glob("*.py")}


@lru_cache(maxsize=None)
def _imports(code: str) -> list[ast.Import | ast.ImportFrom]:
    kinds = (ast.Import, ast.ImportFrom)
    return [n for n in ast.walk(ast.parse(code)) if isinstance(n, kinds)]


def _imported(code: str, root: Path, inside: bool) -> set[str]:
    """The modules that code imports, which lies in the package or outside."""
    found = set()
    for node in _imports(code):
        if isinstance(node, ast.Import):
            for alias in node.names:
                package, _, module = alias.name.partition(".")
                if package == PACKAGE:
                    # By the package's name, all that it offers is at hand.
                    found |= {INIT, *_offered(root).values()}
                    found |= {module} if module else set()
        else:
            parts = (node.module or "").split(".")
            if node.level == 0 and parts[0] == PACKAGE:
                parts = parts[1:]
            elif not (inside and node.level == 1):
                continue
            if parts and parts[0]:
                found |= {INIT, parts[0]}
                continue
            for alias in node.names:
                found |= {INIT, *_module_of(alias.name, root)}
    return found


def _module_of(name: str, root: Path) -> set[str]:
    """Where a name comes from that is imported from the package itself."""
    if name == "*":
        return set(_offered(root).values())
    if (root / PACKAGE / f"{name}.py").exists():
        return {name}
    return {_offered(root)[name]} if name in _offered(root) else set()


def _offered(root: Path) -> dict[str, str]:
    """The module of each name that the package hands on."""
    path = root / PACKAGE / f"{INIT}.py"
    return _names_of(path.read_text("utf-8")) if path.exists() else {}


@lru_cache
def _names_of(text: str) -> dict[str, str]:
    return {
        alias.asname or alias.name: node.module
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
        for alias in node.names
    }


def _own_code(text: str) -> str:
    """What a package does besides handing on names, without its version.

    A helper that is added to it changes no page that does not import it.
    """
    def handed_on(node: ast.stmt) -> bool:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            return node.targets[0].id in ("__all__", "__version__")
        return (isinstance(node, ast.ImportFrom) and node.level == 1) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        )

    body = [node for node in ast.parse(text).body if not handed_on(node)]
    return ast.unparse(ast.Module(body, []))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
