"""Build the book: execute what changed, write the notebooks, and render the site.

Everything is made in separate folders and put in place at the end, so a failed build
leaves the last good site and the committed notebooks unchanged.
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

from . import cache, downloads
from .book import Book
from .errors import BuildError
from .executor import Executor, code_cells, notebook_metadata, pairs_of
from .frameworks import Framework
from .page import Page
from .progress import Line
from .stand_ins import StandIns, find_obstacle

# Parts of Sphinx's warnings, and what to do about them.
CURES = {
    "undefined label": "Correct the label, or write (label)= above what it refers to.",
    "equation not found": "Correct the label, or write $$ (label) where the equation "
    "ends.",
    "is not the label of a figure": "Correct the label, or name a figure that has a "
    "caption.",
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
<meta name="color-scheme" content="light dark">
<title>The book</title>
<link rel="canonical" href="{0}">
<script>
location.replace(
  document.querySelector("link").href + location.search + location.hash
);
</script>
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

    "downloads" also makes an archive of the site. `names` restricts execution to these
    frameworks, and `jobs` is the number of pages to execute at a time. Returns the
    pages that this machine cannot execute. Raises BuildError if the sources have a
    fault or, if `strict`, if a page cannot be executed. With "notebooks", the committed
    notebooks get this machine's outputs. Otherwise, they keep their outputs unless
    something that the outputs depend on has changed.
    """
    sources = cache.digest_of_sources(book.root)
    pages = book.pages()
    executor = Executor(book, pages, names, strict=strict)
    with working_copy(book) as folder:
        if what in ("site", "downloads"):
            require_outputs(book, pages, strict=strict)
        else:
            if executor.plan(force=force):
                run_sphinx(book, "notebooks", folder, notebooks_check=True)
            executor.execute(jobs)
        line = Line("notebooks")
        line.now("writing")
        run_sphinx(
            book, "notebooks", folder,
            # The outputs of other frameworks may be stale.
            warningiserror=not names,
            notebook_outputs="machine" if what == "notebooks" else "committed",
        )  # fmt: skip
        line.done("written")
        with installed_notebooks(book, pages, folder):
            if what != "notebooks":
                downloads.archive_notebooks(book, pages)
                if what == "downloads":
                    make_site_archive(book, folder)
                render_site(book, folder)
    if what != "notebooks":
        new = book.build / "html.new"
        shutil.copytree(book.build / "rendered" / "html", new)
        swap(new, book.build / "html")
    if what == "book" and not names:
        # The next build tries to execute the avoidable stand-ins again.
        key = "" if executor.stand_ins.avoidable else sources
        cache.remember_build(book.root, key)
    return executor.stand_ins


def require_outputs(
    book: Book, pages: list[Page], names: list[str] | None = None, *, strict: bool
) -> None:
    """Raise BuildError unless every page has outputs that are up to date.

    Committed outputs that were used instead are accepted unless `strict`, because
    their page says so. `names` restricts the check to these frameworks.
    """
    faulty: dict[Path, str] = {}
    for page, framework in pairs_of(pages, names):
        path = book.output(page, framework)
        if not path.exists():
            path = book.committed(page, framework)
        record = record_in(path)
        now = cache.inputs(page, framework, book.root)
        current = now in (record.get("inputs"), record.get("shown_for"))
        if not current or (strict and "stand_in" in record):
            faulty[path.relative_to(book.root)] = framework.name
    if faulty:
        raise BuildError(
            "These outputs are missing or damaged, or come from earlier code, "
            f"helpers, or locks{', or from another machine' * strict}: "
            f"{', '.join(map(str, faulty))}. Run make notebooks "
            f'FRAMEWORKS="{" ".join(dict.fromkeys(faulty.values()))}", and try '
            "again."
        )


def record_in(path: Path) -> dict:
    """Return our metadata in a notebook, or {} if it is missing or damaged."""
    try:
        return notebook_metadata(path)
    except BuildError:
        return {}


# Notebooks


@contextmanager
def installed_notebooks(
    book: Book, pages: list[Page], folder: Path
) -> Iterator[None]:
    """Copy the notebooks that Sphinx has written to the committed ones.

    Removes the notebooks of deleted pages. If the block fails, all notebooks are
    restored.
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
    with suppress(OSError):  # the folder contains other notebooks
        path.parent.rmdir()


def orphans(book: Book, pages: list[Page]) -> list[Path]:
    """Return the notebooks whose page or framework no longer exists.

    A notebook that does not say which page it was made from is left alone.
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
            if record_in(path).get("source", "").endswith(f"{name}.md"):
                found.append(path)
    return found


def check_notebooks(book: Book) -> int:
    """Return the number of committed notebooks.

    Raises BuildError if any of them is outdated, damaged, or missing, or has no page.
    """
    pages = book.pages()
    problems = []
    for page, framework in pairs_of(pages):
        path = book.committed(page, framework)
        name = path.relative_to(book.root)
        if not path.exists():
            problems.append(f"{name} is missing")
        elif not (record := record_in(path)):
            problems.append(f"{name} is damaged")
        elif record.get("inputs") != cache.inputs(page, framework, book.root):
            problems.append(
                f"{name} was executed with different code, helpers, or locks"
            )
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
        strays.append("Remove notebooks without a page (git rm), or restore the page.")
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
    """Run one of Sphinx's builders, which writes into a folder.

    All builders share the doctrees, so only changed pages are read. `config`
    overrides settings. Raises BuildError with Sphinx's messages if it fails.
    """
    from jupyter_book.sphinx import build_sphinx
    from sphinx.util.console import strip_colors

    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
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
        messages = strip_colors(output.getvalue()).rstrip() or str(status)
        cures = [cure for what, cure in CURES.items() if what in messages]
        intro = "The pages could not be rendered. Earlier results are untouched."
        raise BuildError("\n".join([intro, messages, *cures]))


def render_site(book: Book, folder: Path, **config: object) -> None:
    """Render the pages as HTML, with an index.html that redirects to the first.

    `config` overrides settings.
    """
    line = Line("site")
    line.now("rendering")
    first = escape(f"{book.contents[0]}.html")
    if first != "index.html":
        # Before Sphinx runs, so that the service worker includes the page.
        cache.write_whole(folder / "html" / "index.html", DOOR.format(first).encode())
    run_sphinx(book, "html", folder, **config)
    line.done("rendered")


def make_site_archive(book: Book, folder: Path) -> None:
    """Make the archive of the site, whose pages do not offer any downloads.

    It is rendered in a copy of the working copy `folder`, which stays as it is.
    """
    key = cache.digest_of_editions(book.root)
    aside = book.build / "printed" / "site"
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(folder, aside)
    render_site(book, aside, offer_downloads=False)
    downloads.archive_site(book, aside / "html")
    cache.remember_made(book.root, downloads.site_archive(book), key)
    shutil.rmtree(aside)


@contextmanager
def working_copy(book: Book) -> Iterator[Path]:
    """Yield a copy of what was rendered last, which replaces it on success.

    Sphinx warns only once, and does not notice half-written pages. So after a
    failure, the next build starts from the last good state. If a file that affects
    every page has changed, the build starts from scratch.
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
    """Replace the folder `site` with the folder `new`.

    Not every system can exchange two folders, so there is no site for some
    microseconds. If the swap is interrupted then, `tidy` repairs it.
    """
    old = site.with_name(f"{site.name}.old")
    try:
        if site.exists():
            site.rename(old)
        new.rename(site)
    finally:
        tidy(site)


def tidy(site: Path) -> None:
    """Undo a swap that was interrupted, and remove what is left over."""
    new, old = (site.with_name(f"{site.name}.{s}") for s in ("new", "old"))
    if old.exists() and not site.exists():
        old.rename(site)
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def locked(book: Book) -> Iterator[None]:
    """Wait until no other build of this book is running, and lock others out."""
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
    BuildError if a page does not exist or has no code.
    """
    pages = {page.name: page for page in book.pages()}
    lines = []
    for name in names:
        name = name.removeprefix("chapters/").removesuffix(".md")
        if name not in pages:
            raise BuildError(
                f"There is no page {name!r} with code. Choose from {', '.join(pages)}."
            )
        page = pages[name]
        for framework in page.frameworks.values():
            reason = _reason(book, page, framework)
            lines.append(f"{framework.label:<10}  {name}: {reason}")
    return "\n".join(lines)


def _reason(book: Book, page: Page, framework: Framework) -> str:
    if obstacle := find_obstacle(book.root, framework):
        return (
            f"not executed, because {obstacle.reason}. The committed outputs are "
            f"used instead. {obstacle.explanation}"
        )
    now = cache.inputs(page, framework, book.root)
    stored = cache.stored_outputs(page, framework, book.root)
    if cache.load_outputs(stored) is not None:
        return (
            f"reused. It was executed by Python {cache.python_of(framework, book.root)}, "
            f"and this has not changed since: {', '.join(now)}"
        )
    path = book.output(page, framework)
    if not path.exists():
        path = book.committed(page, framework)
    before = record_in(path).get("inputs")
    if not isinstance(before, dict):
        return "to be executed. There is no record of an earlier execution"
    changes = [
        _change(what, before, now, page, framework, path)
        for what in {**now, **before}
        if now.get(what) != before.get(what)
    ] or ["it has not been executed on this machine by this Python"]
    return (
        "to be executed. Compared with the execution recorded in "
        f"{path.relative_to(book.root)}: {'; '.join(changes)}"
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
                f"{cell.line}) has changed, so the page is executed from the start"
            )
    return f"code cells were removed at the end: {len(cells)} of {len(then)} are left"
