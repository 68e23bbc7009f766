"""Build the book: execute what changed, write the notebooks, render, swap.

Everything is made aside and put in place at the end, so that a build that
fails leaves the last good site and the committed notebooks as they were.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import (
    contextmanager,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from html import escape
from pathlib import Path

import nbformat
from filelock import FileLock, Timeout

from . import cache
from .book import Book
from .errors import BuildError
from .executor import Executor, code_cells, notebook_metadata, pairs_of
from .frameworks import Framework
from .page import Page
from .progress import Line
from .stand_ins import StandIns, find_obstacle

# What Sphinx says about a page, and what to do about it.
CURES = {
    "undefined label": "Correct the label, or write (label)= above what it refers to.",
    "equation not found": "Correct the label, or write $$ (label) where the equation "
    "ends.",
    "duplicate label": "Labels must be unique in the book. Rename one of the two.",
    "Unknown interpreted text role": "Correct the name of the role in braces.",
    "Unknown directive type": "Correct the name of the directive in braces, or add "
    "its extension to _config.yml.",
}
DOOR = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The book</title>
<link rel="canonical" href="{0}">
<meta http-equiv="refresh" content="0; url={0}">
</head>
<body>
<p><a href="{0}">To the first page of the book</a></p>
</body>
</html>
"""


def build_book(
    book: Book,
    what: str = "book",
    *,
    names: list[str] | None = None,
    jobs: int | None = None,
    strict: bool = False,
    force: bool = False,
) -> StandIns:
    """Make the "book", only its "notebooks", or the "site" without executing.

    `names` restricts what is executed to these frameworks, and `jobs` is the
    number of pages to execute at a time. Returns the pages that this machine
    cannot execute. Raises BuildError for a fault of the sources and, if
    `strict`, for a page that cannot be executed. After `notebooks`, the
    committed notebooks have this machine's outputs; otherwise they keep theirs
    as long as nothing that the outputs depend on has changed.
    """
    sources = cache.digest_of_sources(book.root)
    pages = book.pages()
    executor = Executor(book, pages, names, strict=strict)
    with working_copy(book) as folder:
        if what == "site":
            require_outputs(book, pages, strict=strict)
        else:
            if executor.plan(force=force):
                run_sphinx(book, "notebooks", folder, notebooks_check=True)
            executor.execute(jobs)
        line = Line("notebooks")
        line.now("writing")
        run_sphinx(
            book, "notebooks", folder,
            # Outputs of frameworks that are not named may be stale.
            warningiserror=not names,
            notebook_outputs="machine" if what == "notebooks" else "committed",
        )  # fmt: skip
        line.done("written")
        with installed_notebooks(book, pages, folder):
            if what != "notebooks":
                render_site(book, folder)
    if what != "notebooks":
        new = book.build / "html.new"
        shutil.copytree(book.build / "rendered" / "html", new)
        swap(new, book.build / "html")
    if what == "book" and not names:
        # The next build tries again what could then be executed.
        key = "" if executor.stand_ins.avoidable else sources
        cache.remember_build(book.root, key)
    return executor.stand_ins


def require_outputs(
    book: Book, pages: list[Page], names: list[str] | None = None, *, strict: bool
) -> None:
    """Raise BuildError unless the outputs of every page are there and current.

    Committed outputs that stand in pass unless `strict`, because their page says
    so. `names` restricts the check to these frameworks.
    """
    faulty: dict[Path, str] = {}
    for page, framework in pairs_of(pages, names):
        path = book.output(page, framework)
        if not path.exists():
            path = book.committed(page, framework)
        told = told_by(path)
        now = cache.inputs(page, framework, book.root)
        current = now in (told.get("inputs"), told.get("shown_for"))
        if not current or (strict and "stand_in" in told):
            faulty[path.relative_to(book.root)] = framework.name
    if faulty:
        raise BuildError(
            "These outputs are missing or damaged, or come from earlier code, "
            f"helpers, or locks{', or only stand in' * strict}: "
            f"{', '.join(map(str, faulty))}. Run make notebooks "
            f'FRAMEWORKS="{" ".join(dict.fromkeys(faulty.values()))}", and try '
            "again."
        )


def told_by(path: Path) -> dict:
    """Return what a notebook says about itself, or nothing if it is damaged."""
    try:
        return notebook_metadata(path)
    except BuildError:
        return {}


# Notebooks


@contextmanager
def installed_notebooks(
    book: Book, pages: list[Page], folder: Path
) -> Iterator[None]:
    """Put the notebooks that Sphinx has written among the committed ones.

    Notebooks of pages that are gone are removed. If what follows fails, all are
    as they were before.
    """
    new: dict[Path, bytes | None] = dict.fromkeys(orphans(book, pages))
    for pair in pairs_of(pages):
        if (path := book.written(folder, *pair)).exists():
            new[book.committed(*pair)] = path.read_bytes()
    before = {p: p.read_bytes() if p.exists() else None for p in new}
    try:
        for path, content in new.items():
            _put(path, content)
            if content is None and path.is_relative_to(book.root / "notebooks"):
                name = path.relative_to(book.root)
                print(f"{name}  removed, because no page produces it any more")
        yield
    except BaseException:
        for path, content in before.items():
            with suppress(OSError):
                _put(path, content)
        raise


def _put(path: Path, content: bytes | None) -> None:
    if content is not None:
        cache.write_whole(path, content)
        return
    path.unlink(missing_ok=True)
    with suppress(OSError):  # other notebooks are left in the folder
        path.parent.rmdir()


def orphans(book: Book, pages: list[Page]) -> list[Path]:
    """Return the notebooks that were made from a page that has no such notebook.

    A notebook that does not say what it was made from is left alone.
    """
    wanted = {
        (framework, page.name) for page in pages for framework in page.frameworks
    }
    found = []
    for folder in (book.root / "notebooks", book.build / "outputs"):
        for path in sorted(folder.rglob("*.ipynb")):
            framework, _, name = (
                path.relative_to(folder).with_suffix("").as_posix()
            ).partition("/")
            if (framework, name) in wanted or framework not in book.frameworks:
                continue
            if told_by(path).get("source", "").endswith(f"{name}.md"):
                found.append(path)
    return found


def check_notebooks(book: Book) -> int:
    """Count the committed notebooks, or raise BuildError if any is outdated."""
    pages = book.pages()
    problems = []
    for page, framework in pairs_of(pages):
        path = book.committed(page, framework)
        name = path.relative_to(book.root)
        if not path.exists():
            problems.append(f"{name} is missing")
        elif not (told := told_by(path)):
            problems.append(f"{name} is damaged")
        elif told.get("inputs") != cache.inputs(page, framework, book.root):
            problems.append(f"{name} was executed with other code, helpers, or lock")
    if not problems:
        with working_copy(book) as folder:
            run_sphinx(book, "notebooks", folder, notebook_outputs="committed")
        for pair in pairs_of(pages):
            path = book.committed(*pair)
            written = book.written(book.build / "rendered", *pair)
            if written.read_bytes() != path.read_bytes():
                problems.append(f"{path.relative_to(book.root)} differs from its page")
    if problems:
        problems.append("Run `make notebooks` and commit the result.")
    expected = {book.committed(*pair) for pair in pairs_of(pages)}
    strays = [
        f"{path.relative_to(book.root)} has no source page"
        for path in sorted((book.root / "notebooks").rglob("*.ipynb"))
        if path not in expected and ".ipynb_checkpoints" not in path.parts
    ]
    if strays:
        strays.append("Remove what has no page (git rm), or restore the page.")
    if problems or strays:
        raise BuildError("\n".join(problems + strays))
    return len(expected)


# Sphinx


def run_sphinx(
    book: Book,
    builder: str,
    folder: Path,
    *,
    warningiserror: bool = True,
    **config: object,
) -> None:
    """Let Sphinx read what changed and write with a builder into a folder.

    All builders share the doctrees. `config` overrides settings. Raises
    BuildError with what Sphinx says if it fails.
    """
    from jupyter_book.sphinx import build_sphinx
    from sphinx.util.console import strip_colors

    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        status = build_sphinx(
            book.root,
            folder / builder,
            noconfig=True,
            path_config=book.root / "_config.yml",
            confoverrides={
                "nitpicky": True, "latex_individualpages": False, **config
            },
            doctreedir=folder / "doctrees",
            builder=builder,
            warningiserror=warningiserror,
            keep_going=True,
            quiet=True,
        )
    if isinstance(status, KeyboardInterrupt):
        raise status
    if status:
        told = strip_colors(said.getvalue()).rstrip() or str(status)
        cures = [cure for what, cure in CURES.items() if what in told]
        intro = "The pages could not be rendered. What was built before is untouched."
        raise BuildError("\n".join([intro, told, *cures]))


def render_site(book: Book, folder: Path) -> None:
    """Render the pages as HTML, with an index.html that leads to the first."""
    line = Line("site")
    line.now("rendering")
    first = escape(f"{book.contents[0]}.html")
    if first != "index.html":
        # Before Sphinx runs, so that the service worker knows the page.
        cache.write_whole(folder / "html" / "index.html", DOOR.format(first).encode())
    run_sphinx(book, "html", folder)
    line.done("rendered")


@contextmanager
def working_copy(book: Book) -> Iterator[Path]:
    """Yield a copy of what was rendered last, which replaces it if all goes well.

    Sphinx warns only once and takes half-written pages for good. So after a
    failure, the next build begins with the last good state again. It begins with
    nothing if a file has changed that shapes every page.
    """
    aside, last = book.build / "rendered.new", book.build / "rendered"
    shape = cache.digest_of_shape(book.root)
    mark = last / "shape"
    tidy(last)
    if mark.exists() and mark.read_text(encoding="utf-8") == shape:
        shutil.copytree(last, aside)
    yield aside
    (aside / "shape").write_text(shape, encoding="utf-8")
    swap(aside, last)


# Files


def swap(new: Path, site: Path) -> None:
    """Let the folder `new` take the place of the folder `site`.

    Not every system can exchange two folders, so for some microseconds there is
    none. `tidy` mends a swap that is cut off there.
    """
    old = site.with_name(f"{site.name}.old")
    try:
        if site.exists():
            site.rename(old)
        new.rename(site)
    finally:
        tidy(site)


def tidy(site: Path) -> None:
    """Finish or undo a swap that was cut off."""
    new, old = (site.with_name(f"{site.name}.{s}") for s in ("new", "old"))
    if old.exists() and not site.exists():
        old.rename(site)
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def locked(book: Book) -> Iterator[None]:
    """Wait until no other build of this book runs, and keep others waiting."""
    book.build.mkdir(exist_ok=True)
    lock = FileLock(book.build / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print("Another build of this book is running. Waiting for it.", flush=True)
        lock.acquire()
    try:
        tidy(book.build / "html")
        for room in (book.build, book.root / "notebooks"):
            for part in room.rglob("*.part"):
                part.unlink()
        yield
    finally:
        lock.release()


# Why a page is executed or reused


def explain_reuse(book: Book, names: list[str]) -> str:
    """Say for each page and framework whether its outputs can be reused.

    If they cannot, say what has changed since the page was executed. Raises
    BuildError for a page that does not exist or has no code.
    """
    pages = {page.name: page for page in book.pages()}
    lines = []
    for name in names:
        name = name.removeprefix("chapters/").removesuffix(".md")
        if name not in pages:
            raise BuildError(
                f"There is no page {name!r} with code, only: {', '.join(pages)}."
            )
        page = pages[name]
        for framework in page.frameworks.values():
            said = _reason(book, page, framework)
            lines.append(f"{framework.label:<10}  {name}: {said}")
    return "\n".join(lines)


def _reason(book: Book, page: Page, framework: Framework) -> str:
    if obstacle := find_obstacle(book.root, framework):
        return (
            f"not executed, because {obstacle.reason}. The committed outputs "
            f"stand in. {obstacle.explanation}"
        )
    now = cache.inputs(page, framework, book.root)
    stored = cache.stored_outputs(page, framework, book.root)
    if cache.load_outputs(stored) is not None:
        return (
            f"reused. It was executed by Python {cache.python_of(framework, book.root)} "
            f"with what is there now: {', '.join(now)}"
        )
    path = book.output(page, framework)
    if not path.exists():
        path = book.committed(page, framework)
    before = told_by(path).get("inputs")
    if not isinstance(before, dict):
        return "to be executed. No notebook of it tells what it was made from"
    changes = [
        _change(what, before, now, page, framework, path)
        for what in {**now, **before}
        if now.get(what) != before.get(what)
    ] or ["it has not been executed on this machine, by this Python, as it is now"]
    return (
        f"to be executed. Since {path.relative_to(book.root)}: {'; '.join(changes)}"
    )


def _change(
    what: str, before: dict, now: dict, page: Page, framework: Framework, path: Path
) -> str:
    if what not in before:
        return f"{what} is new"
    if what not in now:
        return f"{what} is no longer needed"
    if what != cache.CELLS:
        return f"{what} has changed"
    cells = page.code(framework.name)
    then = [
        [cell.source, cell.metadata.get("tags", [])]
        for cell in code_cells(nbformat.read(path, as_version=4))
    ]
    for number, cell in enumerate(cells):
        if number >= len(then) or [cell.source, cell.tags] != then[number]:
            return (
                f"code cell {number + 1} of {len(cells)} ({page.path.name}:"
                f"{cell.line}) has changed, and all after it run again"
            )
    return f"code cells are gone from the end: {len(cells)} of {len(then)} left"
