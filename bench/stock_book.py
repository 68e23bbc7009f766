"""Build a stock Jupyter Book of our pages, to compare our book with it.

It has the theme and the extensions of Jupyter Book, but none of ours. Its pages are
our notebooks.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jupyter_cache
import nbformat
import yaml

from bookbuild.build import Book
from bookbuild.executor import is_added
from bookbuild.frameworks import Framework, used

from . import ROOT

KERNELS = ROOT / ".envs" / "share" / "jupyter"


def build_with_outputs(folder: Path) -> Path:
    """Build a stock book of our executed notebooks, and return the folder of its site.

    Its pages have the same addresses as ours. A page of Jupyter Book can show only
    one framework, so it shows the first one, while ours shows all of them.
    """
    book = Book(ROOT)
    framework = next(f for f in book.frameworks.values() if f.available)
    notebooks = _copy_notebooks(folder / "chapters", book, framework)
    _write_contents(folder, {framework.label: notebooks})
    configure(folder, execute={"execute_notebooks": "off"})
    build(folder)
    return folder / "_build" / "html"


def write_notebooks(
    folder: Path, book: Book, mode: str = "force"
) -> list[Path]:
    """Write a stock Jupyter Book that executes our notebooks itself.

    A page of Jupyter Book has a single kernel, so there is one notebook per page and
    framework. They run in the same kernels as ours. `mode` is Jupyter Book's setting
    `execute_notebooks`. With "cache", all outputs are in the cache from the start.
    Returns the paths of the notebooks.
    """
    parts = {
        framework.label: _copy_notebooks(folder / name, book, framework)
        for name, framework in used(book.root).items()
        if framework.available
    }
    _write_contents(folder, parts)
    paths = [path for part in parts.values() for path in part]
    execute = {"execute_notebooks": mode, "timeout": book.timeout}
    if mode == "cache":
        execute["cache"] = str(folder / "cache")
        cache = jupyter_cache.get_cache(folder / "cache")
        for path in paths:
            cache.cache_notebook_file(path, check_validity=False)
    configure(folder, execute=execute)
    return paths


def _copy_notebooks(
    folder: Path, book: Book, framework: Framework
) -> list[Path]:
    """Copy a framework's notebooks, without cells that are not on the pages."""
    paths = []
    for page in book.pages():
        if framework.name not in page.frameworks:
            continue
        node = nbformat.read(book.committed(page, framework), as_version=4)
        node.cells = [c for c in node.cells if not is_added(c)]
        node.metadata.kernelspec.name = framework.kernel
        path = folder / f"{page.name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(node, path)
        paths.append(path)
    return paths


def _write_contents(folder: Path, parts: dict[str, list[Path]]) -> None:
    """Write `_toc.yml` with one part per framework, and the first page."""
    (folder / "intro.md").write_text("# Introduction\n", encoding="utf-8")
    contents = {
        "format": "jb-book",
        "root": "intro",
        "parts": [
            {
                "caption": caption,
                "chapters": [
                    {"file": path.relative_to(folder).as_posix()}
                    for path in paths
                ],
            }
            for caption, paths in parts.items()
            if paths
        ],
    }
    text = yaml.safe_dump(contents)
    (folder / "_toc.yml").write_text(text, encoding="utf-8")


def configure(folder: Path, **settings: dict) -> None:
    """Write a `_config.yml` with our title, our parser, and these settings."""
    ours = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config = {name: ours[name] for name in ("title", "author", "parse")}
    # The folder also contains files that are not pages.
    config["only_build_toc_files"] = True
    config |= settings
    text = yaml.safe_dump(config)
    (folder / "_config.yml").write_text(text, encoding="utf-8")


def build(folder: Path, *options: str) -> None:
    """Build a stock book.

    Raises SystemExit with the output of Jupyter Book if the build fails or if a
    notebook fails, which for Jupyter Book is only a warning.
    """
    program = Path(sys.executable).with_name("jupyter-book")
    paths = {"PYTHONPATH": str(ROOT), "JUPYTER_PATH": str(KERNELS)}
    done = subprocess.run(
        [program, "build", folder, "-q", *options],
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = sorted(path.stem for path in folder.rglob("*.err.log"))
    if done.returncode or failed:
        pages = (
            f" These notebooks failed: {', '.join(failed)}." if failed else ""
        )
        raise SystemExit(
            f"The stock Jupyter Book in {folder} cannot be built.{pages}\n"
            f"{done.stdout}{done.stderr}"
        )
