"""Run the commands of the book, which `make` calls.

    python -m bookbuild book        build the site in _build/html
    python -m bookbuild notebooks   execute and rewrite the notebooks
    python -m bookbuild site        build the site without executing anything
    python -m bookbuild check       check whether the committed notebooks are current
    python -m bookbuild why PAGE    explain why a page is executed or reused
    python -m bookbuild pdf         make a PDF in _build/pdf
    python -m bookbuild epub        make an EPUB in _build/epub
    python -m bookbuild downloads   make all of these, and a site that offers them

To restrict `book` or `notebooks` to some frameworks, add their names. `pdf` and `epub`
make one edition per named framework, or one of the first framework declared.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import signal
import sys
from pathlib import Path

from . import cache
from .errors import BuildError

# What to do if the system cannot read or write a file, by the system's error.
CURES = {
    errno.ENOSPC: "Make room on the disk, and run the command again.",
    errno.EDQUOT: "Make room on the disk, and run the command again.",
    errno.EFBIG: "Raise the limit on the size of a file (ulimit -f), and run the "
    "command again.",
    errno.EROFS: "Copy the book to a folder where you can write, and run the "
    "command there.",
    errno.EACCES: "Give yourself access to this file, or copy the book to a folder "
    "where you have access, and run the command again.",
}


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bookbuild", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "what",
        choices=[
            "book", "notebooks", "site", "check", "why", "pdf", "epub", "downloads"
        ],
    )
    parser.add_argument("names", nargs="*", help="frameworks, or pages")
    parser.add_argument("--root", type=Path, default=cache.ROOT)
    parser.add_argument(
        "--force", action="store_true", help="execute even what has not changed"
    )
    parser.add_argument(
        "--jobs", type=int,
        help="pages to execute at a time (default: one per processor, at most 4)",
    )  # fmt: skip
    parser.add_argument(
        "--strict", action="store_true",
        help="fail if a page cannot be executed on this machine",
    )  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run a command, and return its exit status."""
    options = parse_arguments(arguments)
    root = options.root.resolve()
    plain = options.what == "book" and not (options.names or options.force)
    if plain and not options.strict and cache.is_unchanged(root):
        print("Nothing has changed since the site was built.")
        print(f"\nOpen {root / '_build' / 'html' / 'index.html'}")
        return 0
    # A signal that ends the build must end its kernels, too.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # set by nohup
            signal.signal(number, signal.default_int_handler)
    # If a kernel dies, asyncio logs the tasks that nbclient leaves behind. Our own
    # error says what matters.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    kernels = str(root / ".envs" / "share" / "jupyter")
    paths = [kernels, os.environ.get("JUPYTER_PATH", "")]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, paths))
    try:
        run_command(root, options)
    except KeyboardInterrupt:
        print(
            "\nInterrupted. The last good site is untouched. Pages that were "
            "executed are kept, so the same command continues from here.",
            file=sys.stderr,
        )
        return 130
    except (BuildError, ValueError, OSError) as error:
        print(f"\n{explained(error)}", file=sys.stderr)
        return 1
    return 0


def explained(error: Exception) -> str:
    """Return the message of an error, with advice if a file could not be used."""
    text = str(error)
    cures = [cure for n, cure in CURES.items() if os.strerror(n) in text]
    return "\n".join([text, *cures])


def run_command(root: Path, options: argparse.Namespace) -> None:
    from . import build  # which imports Jupyter Book

    book = build.Book(root)
    if options.what == "why":
        if not options.names:
            page = book.pages()[-1].name
            raise BuildError(f"No page is named. Name one, as in make why PAGE={page}.")
        print(build.explain_reuse(book, options.names))
        return
    for name in options.names:
        if name not in book.frameworks:
            raise BuildError(
                f"The book has no framework {name!r}. Choose from "
                f"{', '.join(book.frameworks)}."
            )
    if options.jobs is not None and options.jobs < 1:
        raise BuildError(f"JOBS is {options.jobs}, but must be at least 1.")
    with build.locked(book):
        if options.what == "check":
            count = build.check_notebooks(book)
            print(f"{count} committed notebooks are up to date")
            return
        if options.what in ("pdf", "epub"):
            from .print_editions import make_edition

            for name in options.names or list(book.frameworks)[:1]:
                path = make_edition(
                    book, options.what, book.frameworks[name],
                    strict=options.strict,
                )  # fmt: skip
                print(f"\nOpen {path}")
            return
        if options.what == "downloads":
            from .print_editions import make_editions

            make_editions(book, strict=options.strict)
        stand_ins = build.build_book(
            book, options.what, names=options.names, jobs=options.jobs,
            strict=options.strict, force=options.force,
        )  # fmt: skip
    if stand_ins:
        count = len(stand_ins)
        notebooks = "1 notebook was" if count == 1 else f"{count} notebooks were"
        print(
            f"\n{notebooks} not executed on this machine. The committed outputs are "
            f"used instead.\n{stand_ins.summary()}"
        )
    if options.what != "notebooks":
        print(f"\nOpen {book.build / 'html' / 'index.html'}")


if __name__ == "__main__":
    sys.exit(main())
