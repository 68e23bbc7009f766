"""Find the d2l_extras files that code cells import, directly or indirectly."""

from __future__ import annotations

import ast
from functools import cache, lru_cache
from pathlib import Path

PACKAGE = "d2l_extras"
INIT = "__init__"


def helper_files(codes: list[str], root: Path) -> set[Path]:
    """Return the files of d2l_extras that code imports, and what these import.

    The package's `__init__.py` is left out as long as it only hands on names.
    Files that imports do not lead to count for every page that uses the package:
    those in folders, data files, and all modules if one is imported by a name that
    is computed.
    """
    folder = root / PACKAGE
    others = {path for path in folder.rglob("*") if _is_found_otherwise(path, folder)}
    used = [code for code in codes if PACKAGE in code]
    nested = any(path.suffix == ".py" for path in others)
    if used and (nested or any("import_module" in code for code in used)):
        return others | set(folder.glob("*.py"))
    files = {root / PACKAGE / f"{name}.py" for name in modules(codes, root)}
    init = root / PACKAGE / f"{INIT}.py"
    if init in files and not _own_code(init.read_text(encoding="utf-8")):
        files.remove(init)
    return files | others if used else files


def _is_found_otherwise(path: Path, folder: Path) -> bool:
    is_module = path.parent == folder and path.suffix == ".py"
    passing = "__pycache__" in path.parts or path.name == "py.typed"
    return path.is_file() and not is_module and not passing


def modules(codes: list[str], root: Path) -> set[str]:
    """The modules of d2l_extras that cells import, and what these import."""
    wanted = set()
    for code in codes:
        try:
            wanted |= _imported(code, root, inside=False)
        except SyntaxError:  # a magic of IPython, or an error that is shown
            if PACKAGE in code:
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


@cache
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


