"""Make tiny books for the tests of the pipeline.

Their two frameworks, Alpha and Beta, are the plain Python of the test environment, so
a tiny book is executed and rendered in a second or two.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import yaml
from filelock import FileLock

from bookbuild import build, cache, executor
from bookbuild.frameworks import platform_tag

from . import ROOT

DECLARATION = """
[alpha]
label = "Alpha"
kernel = "python3"
lock = "kernels/alpha.txt"
platforms = {platforms}
colab = "GPU"
threads = ["OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"]

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

# The modules that the pages of the tests may import.
PACKAGES = "".join(
    f"{name}==1 \\\n"
    for name in ("ipython", "ipywidgets", "matplotlib", "numpy", "pandas", "scipy")
)
COMPUTE = "from d2l_extras import to_numpy\nanswer = to_numpy(6 * 7)"
REPOSITORY = "https://github.com/some-body/some-book"
BRANCH = "fix/no#1"
# Prose, results, cells of each framework, and an output that varies.
STANDARD = """\
Words.

{compute}
It is {{eval}}`answer`.

{alpha}{beta}
{varying}"""


# A small helper package with modules that import each other.
HELPERS = {
    "__init__": "from .arrays import to\nfrom .plots import draw as plot\n"
    '__version__ = "1"\n__all__ = ["to", "plot"]\n',
    "arrays": "def to(): ...\n",
    "plots": "def draw():\n    from .arrays import to\n",
    "alpha": "from . import data\n",
    "beta": "b = 1\n",
    "data": "import numpy\n",
}


class TinyBook:
    """A book of one page, `chapters/tiny/page.md`, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.page = root / "chapters" / "tiny" / "page.md"
        if not root.exists():
            self._create()

    def _create(self) -> None:
        self.page.parent.mkdir(parents=True)
        (self.root / "chapters" / "references.bib").touch()
        (self.root / "kernels").mkdir()
        for name in ("alpha", "beta"):
            lock = self.root / "kernels" / f"{name}.txt"
            lock.write_text(f"{name}==1 \\\n{PACKAGES}")
        self.platforms(platform_tag())
        config = yaml.safe_load((ROOT / "_config.yml").read_text())
        config["execute"]["timeout"] = 20
        (self.root / "_config.yml").write_text(yaml.safe_dump(config))
        (self.root / "_toc.yml").write_text(
            "format: jb-book\nroot: chapters/tiny/page\n"
        )

    def platforms(self, *names: str) -> None:
        """Declare the platforms that both frameworks have wheels for."""
        text = DECLARATION.format(platforms=list(names))
        path = self.root / "kernels" / "frameworks.toml"
        path.write_text(text.replace("'", '"'))

    def configure(self, **settings: object) -> None:
        """Change settings in _config.yml."""
        path = self.root / "_config.yml"
        config = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump({**config, **settings}))

    def write(self, text: str) -> None:
        """Write the page: a title, then `text`."""
        body = textwrap.dedent(text).strip()
        self.page.write_text(f"{HEADER}\n# Tiny\n\n{body}\n")

    def edit(self, old: str, new: str) -> None:
        """Replace text that occurs once on the page."""
        text = self.page.read_text()
        assert text.count(old) == 1, text
        self.page.write_text(text.replace(old, new))

    def add_page(self, name: str, text: str) -> Path:
        """Add a page, header and title included, to the table of contents."""
        (self.root / "_toc.yml").write_text(
            "format: jb-book\nroot: chapters/tiny/page\nchapters:\n"
            f"- file: chapters/tiny/{name}\n"
        )
        path = self.page.with_name(f"{name}.md")
        path.write_text(text)
        return path

    def build(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run a command of bookbuild in this process.

        Importing Jupyter Book once for all builds saves two seconds per build.
        """
        from bookbuild.__main__ import main

        command = [*arguments, "--root", str(self.root)]
        out, error = io.StringIO(), io.StringIO()
        asyncio = logging.getLogger("asyncio")
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        handlers = {number: signal.getsignal(number) for number in signals}
        level = asyncio.level
        try:
            with (
                patch.dict(os.environ),
                redirect_stdout(out),
                redirect_stderr(error),
            ):
                status = main(command)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            asyncio.setLevel(level)
        return subprocess.CompletedProcess(
            command, status, out.getvalue(), error.getvalue()
        )

    def start_build(self, *arguments: str) -> subprocess.Popen:
        """Start a command of bookbuild in its own process."""
        return subprocess.Popen(
            [sys.executable, "-m", "bookbuild", *arguments]
            + ["--root", str(self.root)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def render(self) -> str:
        """Return the HTML of the page, built as if no cell had any output."""
        book = build.Book(self.root)
        for page, framework in executor.pairs_of(book.pages()):
            outputs = [[] for _ in page.code(framework.name)]
            now = cache.inputs(page, framework, self.root)
            node = executor.executed_notebook(page, framework, outputs, inputs=now)
            executor.write_notebook(book.output(page, framework), node)
        done = self.build("site")
        assert done.returncode == 0, done.stdout + done.stderr
        return self.site.read_text()

    def notebook(self, framework: str = "alpha", page: str = "page") -> dict:
        """Return a committed notebook."""
        path = self.committed(framework).with_name(f"{page}.ipynb")
        return self.read_notebook(path)

    @staticmethod
    def read_notebook(path: Path) -> dict:
        return json.loads(path.read_text())

    def prose(self, framework: str = "alpha", page: str = "page") -> str:
        """Return the Markdown of a committed notebook."""
        cells = self.notebook(framework, page)["cells"]
        return "\n\n".join(
            "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
        )

    def html(self) -> str:
        """Return the HTML of the page, after a build that must succeed."""
        done = self.build("book")
        assert done.returncode == 0, done.stdout + done.stderr
        return self.site.read_text()

    @property
    def site(self) -> Path:
        return self.root / "_build" / "html" / "chapters" / "tiny" / "page.html"

    def committed(self, framework: str) -> Path:
        return self.root / "notebooks" / framework / "tiny" / "page.ipynb"

    def output(self, framework: str) -> Path:
        """The notebook that the site shows, executed on this machine."""
        folder = self.root / "_build" / "outputs" / framework
        return folder / "tiny" / "page.ipynb"

    def site_files(self) -> dict[str, bytes]:
        return self._files("_build/html")

    def notebook_files(self) -> dict[str, bytes]:
        return self._files("notebooks")

    def _files(self, folder: str) -> dict[str, bytes]:
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted((self.root / folder).rglob("*"))
            if path.is_file()
        }

    def copy(self, root: Path) -> TinyBook:
        shutil.copytree(self.root, root)
        return TinyBook(root)


def built_once(write: Callable[[TinyBook], None], folder: Path) -> TinyBook:
    """Return the built book with the sources that `write` writes.

    Each kind is built once in `folder`, by the first process that needs it, and is
    identified by its sources. The path has a space and accents, so that every test of
    a built book covers them.
    """
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".lock"):
        draft = TinyBook(folder / "draft")
        write(draft)
        digest = hashlib.sha256()
        for path in sorted(draft.root.rglob("*.*")):
            if path.is_file():
                digest.update(path.name.encode() + path.read_bytes())
        root = folder / f"kind {digest.hexdigest()[:12]}" / "Bücher für Zoë"
        if root.exists():
            shutil.rmtree(draft.root)
            return TinyBook(root)
        root.parent.mkdir()
        draft.root.rename(root)
        book = TinyBook(root)
        done = book.build("book")
        assert done.returncode == 0, done.stdout + done.stderr
        (root.parent / "output.txt").write_text(done.stdout)
        return book


def standard(tiny: TinyBook) -> None:
    """Write a book of two pages, which most tests of the pipeline start from."""
    tiny.configure(repository={"url": REPOSITORY, "branch": BRANCH})
    tiny.write(
        STANDARD.format(
            compute=cell(COMPUTE),
            alpha=cell("a = 1\na", "alpha"),
            beta=cell("b = 1\nb", "beta"),
            varying=cell("import os\nos.environ.get('VARYING', 'first')"),
        )
    )
    tiny.add_page("other", "(sec_other)=\n# Other\n\nOther words.\n")


def cell(code: str, *tags: str, **metadata: object) -> str:
    """Return the source of a code cell."""
    options = {**({"tags": list(tags)} if tags else {}), **metadata}
    head = f"---\n{yaml.safe_dump(options)}---\n" if options else ""
    return f"```{{code-cell}} ipython3\n{head}{code}\n```\n"


def helper(tiny: TinyBook, name: str) -> Path:
    """Return the path of a module in a book's own helper package."""
    return tiny.root / "d2l_extras" / f"{name}.py"


def write_helpers(tiny: TinyBook) -> None:
    """Write a book's own helper package."""
    (tiny.root / "d2l_extras").mkdir()
    for name, text in HELPERS.items():
        helper(tiny, name).write_text(text)
