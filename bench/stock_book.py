"""Build a stock Jupyter Book of our pages, to compare ours with it.

It has the theme and the extensions of Jupyter Book, and of ours only those that
it needs to read the pages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import jupyter_cache
import nbformat
import yaml

from bookbuild import install_cell
from bookbuild.build import Book

from . import ROOT

KERNELS = ROOT / ".envs" / "share" / "jupyter"


def build_with_outputs(folder: Path) -> Path:
    """Build our pages with our site's outputs in `folder`; return the site.

    Raises SystemExit with the output of Jupyter Book if it warns or fails.
    """
    inputs = ("chapters", "d2l_extras", "kernels")
    for name in (*inputs, "notebooks", "_build/outputs"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "_toc.yml", folder)
    names = ("_ext.executed_outputs", "_ext.framework_tabs")
    configure(
        folder,
        ("exclude_patterns", "bibtex_bibfiles"),
        execute={"execute_notebooks": "off"},
        sphinx={
            "extra_extensions": ["sphinx_exercise"],
            "local_extensions": dict.fromkeys(names, str(ROOT)),
            "config": {"bibtex_reference_style": "author_year"},
        },
    )
    build(folder, "-W", "--keep-going")
    return folder / "_build" / "html"


def write_notebooks(
    folder: Path, book: Book, mode: str = "force"
) -> list[Path]:
    """Write a stock Jupyter Book that executes our notebooks itself.

    A page of Jupyter Book has a single kernel, so there is one notebook per page
    and framework, without the first cell, which only prepares the machine. They
    run in the same kernels as ours. `mode` is Jupyter Book's setting
    `execute_notebooks`. For "cache", all outputs are in the cache already.
    Returns the notebooks.
    """
    parts, paths = [], []
    for framework in filter(lambda f: f.available, book.frameworks.values()):
        files = []
        for page in book.pages():
            if framework.name not in page.frameworks:
                continue
            node = nbformat.read(book.committed(page, framework), as_version=4)
            node.cells = [c for c in node.cells if c.id != install_cell.ID]
            node.metadata.kernelspec.name = framework.kernel
            name = f"{framework.name}/{page.name}"
            path = folder / f"{name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(node, path)
            paths.append(path)
            files.append({"file": name})
        if files:
            parts.append({"caption": framework.label, "chapters": files})
    (folder / "intro.md").write_text("# Introduction\n", encoding="utf-8")
    toc = {"format": "jb-book", "root": "intro", "parts": parts}
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    execute = {"execute_notebooks": mode, "timeout": book.timeout}
    if mode == "cache":
        execute["cache"] = str(folder / "cache")
        cache = jupyter_cache.get_cache(folder / "cache")
        for path in paths:
            cache.cache_notebook_file(path, check_validity=False)
    configure(folder, (), execute=execute)
    return paths


def configure(folder: Path, same: tuple[str, ...], **settings: dict) -> None:
    """Write a `_config.yml` with these settings and those named in `same`."""
    ours = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    same += ("title", "author", "parse")
    # Files that are no pages lie beside the pages.
    config = {"only_build_toc_files": True}
    config |= {**{name: ours[name] for name in same}, **settings}
    (folder / "_config.yml").write_text(yaml.safe_dump(config))


def build(folder: Path, *options: str) -> None:
    """Build a stock book.

    Raises SystemExit with the output of Jupyter Book if it fails, or if a
    notebook fails, about which Jupyter Book only warns.
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
            f"The stock Jupyter Book in {folder} cannot be built.{pages} If it "
            "lacks a setting or an extension, add it in bench/stock_book.py.\n"
            f"{done.stdout}{done.stderr}"
        )
