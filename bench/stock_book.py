"""A stock Jupyter Book 1 of our pages, to measure ours beside it.

It has Jupyter Book's own theme and extensions, and of ours only what it takes
to read the pages.
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

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bookbuild import install_cell
from bookbuild.build import Book

KERNELS = ROOT / ".envs" / "share" / "jupyter"


def stock(folder: Path) -> Path:
    """Build a stock Jupyter Book of our pages in `folder`; its site.

    The outputs are those that our site shows. Raises SystemExit with what
    Jupyter Book said if it warns or fails.
    """
    inputs = ("chapters", "d2l_extras", "kernels")
    for name in (*inputs, "notebooks", "_build/outputs"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "_toc.yml", folder)
    names = ("_ext.executed_outputs", "_ext.framework_tabs", "_ext.measured")
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


def executing(folder: Path, book: Book, mode: str = "force") -> list[Path]:
    """Write, in `folder`, a stock Jupyter Book that executes our notebooks by
    itself, in the same kernels; the notebooks, one a page and framework.

    A page of two frameworks needs two kernels, which no page of Jupyter Book
    has, so each framework is a part. Their first cell, which prepares a
    machine, is left out. `mode` is Jupyter Book's execute_notebooks; for
    "cache", the cache knows the outputs already.
    """
    parts, paths = [], []
    for framework in filter(lambda f: f.available, book.frameworks.values()):
        for page in book.pages():
            node = nbformat.read(book.committed(page, framework), as_version=4)
            node.cells = [c for c in node.cells if c.id != install_cell.ID]
            node.metadata.kernelspec.name = framework.kernel
            path = folder / framework.name / f"{page.name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(node, path)
            paths.append(path)
        mine = paths[-len(book.pages()) :]
        files = [{"file": str(p.relative_to(folder))[:-6]} for p in mine]
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
    """Write a configuration with some settings of ours."""
    ours = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    same += ("title", "author", "parse")
    # Beside its pages there lie notebooks that are none.
    config = {"only_build_toc_files": True}
    config |= {**{name: ours[name] for name in same}, **settings}
    (folder / "_config.yml").write_text(yaml.safe_dump(config))


def build(folder: Path, *options: str) -> None:
    """Build a stock book.

    Raises SystemExit with what Jupyter Book said if it fails, or a notebook
    does when it executes it, which Jupyter Book lets pass.
    """
    program = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run(
        [program, "build", folder, "-q", *options],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "JUPYTER_PATH": str(KERNELS),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    failed = sorted(path.stem for path in folder.rglob("*.err.log"))
    if done.returncode or failed:
        raise SystemExit(
            "A stock Jupyter Book of the pages cannot be built. What it lacks "
            f"to read or execute them ({', '.join(failed) or 'see below'}) "
            f"belongs into bench/stock.py:\n{done.stdout}{done.stderr}"
        )
