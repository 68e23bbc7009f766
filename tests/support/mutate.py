"""Change one token of the code at a time, and see whether the tests notice.

    python -m support.mutate --sample 60 --seed 1    (PYTHONPATH=.:tests)

Each mutation is made in a copy of the checkout, where the nearest tests of `make test`
run until one fails. These are `test_<module>*.py` in tests/unit and tests/book, and
other files in tests/unit that import the module, or else `test_<module>*.py` in
tests/build. Mutations that survive are printed with their location. In some of them,
the changed code is equivalent.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

# What the tested modules import is imported here, so that each fork has it.
import jupytext.myst  # noqa: F401
import matplotlib.backends.backend_svg  # noqa: F401
import myst_nb.core.read  # noqa: F401
import pytest
import sphinx.application  # noqa: F401

from support import ROOT

# Modules that only compute. Changing a module that starts processes or removes files
# could do harm.
PURE = (
    "_ext/executed_outputs", "_ext/launch_buttons", "_ext/mathml",
    "bookbuild/cache", "bookbuild/frameworks", "bookbuild/install_cell",
    "bookbuild/output_checks", "bookbuild/page", "bookbuild/settings",
)  # fmt: skip
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [
        *(ROOT / f"{name}.py" for name in PURE),
        *ROOT.glob("d2l_extras/**/*.py"),
    ]
    if path.exists()
)
# Tests of a module that are not found by its name.
FURTHER = {
    "_ext/launch_buttons.py": "tests/build/test_committed_notebooks.py",
    "d2l_extras/apt.py": "tests/unit/test_fashion_mnist.py",
    "d2l_extras/download.py": "tests/unit/test_fashion_mnist.py",
    "d2l_extras/colab/cuda.py": "tests/unit/test_prepare.py",
    "d2l_extras/colab/first_cell.py": "tests/unit/test_prepare.py",
    "d2l_extras/mxnet.py": "tests/unit/test_framework_modules.py",
    "d2l_extras/plots.py": "tests/book/test_redrawn.py",
    "d2l_extras/progress.py": "tests/unit/test_notebook.py",
    "d2l_extras/tensorflow.py": "tests/unit/test_framework_modules.py",
}
TIMEOUT = 300  # seconds, so that a mutation that loops forever is noticed, too

SWAPS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot,
    ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or,
    ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """Describe one changed token by its place and its bytes before and after."""

    file: str
    line: int
    start: int  # bytes into the file
    end: int
    before: str
    after: str

    def apply(self, content: bytes) -> bytes:
        return content[: self.start] + self.after.encode() + content[self.end :]

    def __str__(self) -> str:
        before, after = (
            " ".join(s.split()) for s in (self.before, self.after)
        )
        return f"{self.file}:{self.line}: {before}  ->  {after}"


def mutations(file: str, content: bytes) -> list[Mutation]:
    """Return all mutations of a Python file."""
    starts = [0]
    for line in content.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node, changed in _changes(ast.parse(content)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = content[start:end].decode()
        after = ast.unparse(changed)
        found.append(Mutation(file, node.lineno, start, end, before, after))
    return found


def _changes(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield pairs of a node and its replacement."""
    for node in _evaluated(tree):
        yield from ((node, changed) for changed in _swapped(node))
        for name in ("test", "ifs"):  # conditions
            tests = getattr(node, name, [])
            for test in tests if isinstance(tests, list) else [tests]:
                # To negate a comparison is to swap its operator.
                if not isinstance(test, (ast.Compare, ast.UnaryOp)):
                    yield test, _parenthesized(ast.UnaryOp(ast.Not(), test))


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below `node` that a program evaluates.

    Leaves out annotations, and the contents of f-strings, whose places Python 3.11
    does not report.
    """
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_left_out(child):
                continue
            yield from _evaluated(child)


def _is_left_out(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.If)
        and ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'")
    )


def _swapped(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the possible replacements of a comparison, operator, or constant."""
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            changed = copy.deepcopy(node)
            changed.ops[i] = SWAPS[type(operator)]()
            yield changed
    elif isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)):
        if type(node.op) in SWAPS:
            changed = copy.deepcopy(node)
            changed.op = SWAPS[type(node.op)]()
            yield changed if isinstance(node, ast.AugAssign) else (
                _parenthesized(changed)
            )
    elif isinstance(node, ast.UnaryOp):
        yield _parenthesized(node.operand)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, (int, float)):
            yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Return) and node.value:
        if isinstance(node.value, ast.Tuple):
            swapped = ast.Tuple(node.value.elts[::-1], ast.Load())
            yield ast.Return(swapped)
        elif not isinstance(node.value, ast.Constant):
            yield ast.Return(ast.Constant(None))


def _parenthesized(node: ast.expr) -> ast.expr:
    """Return an expression in parentheses, so that it keeps its meaning anywhere."""
    return ast.Name(f"({ast.unparse(node)})")


def nearest_tests(file: str, root: Path = ROOT) -> list[str]:
    """Return the files of tests to run for a changed module, best first."""
    module = Path(file).stem
    named = {
        folder: sorted(root.glob(f"tests/{folder}/test_{module}*.py"))
        for folder in ("unit", "book", "build")
    }
    quick = named["unit"] + named["book"]
    package = Path(file).parent.name
    imports = re.compile(
        rf"^(?:from {package} import .*\b{module}\b"
        rf"|from {package}\.{module} |import {package}\.{module}\b)",
        re.MULTILINE,
    )
    importing = [
        path
        for path in sorted(root.glob("tests/unit/test_*.py"))
        if path not in quick and imports.search(path.read_text("utf-8"))
    ]
    found = [*quick, *importing] or named["build"]
    if file in FURTHER:
        found = [*found, root / FURTHER[file]]
    return [path.relative_to(root).as_posix() for path in found]


def copy_checkout(folder: Path) -> None:
    """Copy tracked and untracked files, and link the environments and the build."""
    command = ["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().strip("\0").split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in (".envs", "_build", ".git"):
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)


def passes(root: Path, tests: list[str]) -> bool:
    """Run tests in a copy of the checkout, and return whether all pass.

    They run in a fork of this process, which has already imported the libraries.
    """
    child = os.fork()
    if child == 0:
        os._exit(_run(root, tests))
    for _ in range(10 * TIMEOUT):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _run(root: Path, tests: list[str]) -> int:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.chdir(root)
    paths = [str(root), str(root / "tests")]
    sys.path[:0] = paths
    for name in list(sys.modules):
        if name.partition(".")[0] in ("_ext", "bookbuild", "d2l_extras", "support"):
            del sys.modules[name]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider"]
    return int(pytest.main([*options, *tests]))


def main() -> int:
    parser = argparse.ArgumentParser(prog="support.mutate")
    parser.add_argument("files", nargs="*", default=MODULES)
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    every = [
        mutation
        for file in given.files
        for mutation in mutations(file, (ROOT / file).read_bytes())
    ]
    number = min(given.sample, len(every))
    chosen = random.Random(given.seed).sample(every, number)
    chosen.sort(key=lambda mutation: mutation.file)
    print(f"{number} of {len(every)} mutations, seed {given.seed}", flush=True)
    caught = 0
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        copy_checkout(root)
        for file, mutants in groupby(chosen, lambda mutation: mutation.file):
            tests, path = nearest_tests(file), root / file
            content = path.read_bytes()
            if not tests or not passes(root, tests):
                print(f"{file} has no tests that pass: {tests}", flush=True)
                continue
            for mutation in mutants:
                path.write_bytes(mutation.apply(content))
                survives = passes(root, tests)
                caught += not survives
                said = "survived" if survives else "caught"
                print(f"{said:9}{mutation}", flush=True)
            path.write_bytes(content)
    print(f"{caught} of {number} were caught")
    return 0


if __name__ == "__main__":
    sys.exit(main())
