"""Make the book as a PDF or an EPUB of one framework.

    python -m bookbuild.print_editions pdf [framework]    _build/pdf/...pdf
    python -m bookbuild.print_editions epub [framework]   _build/epub/...epub

Without a framework, it is the first one declared. The outputs must be there, as for
`python -m bookbuild site`.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from jupyter_book.config import get_final_config
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.console import strip_colors
from sphinx.util.docutils import docutils_namespace, patch_docutils

from .__main__ import explained
from .build import Book, locked, require_outputs
from .errors import BuildError, SourceError
from .frameworks import ROOT, Framework
from .progress import Line
from .settings import repository

# What the site needs beyond these, such as its theme, an edition does not.
EXTENSIONS = [
    "myst_nb",
    "jupyter_book",
    "sphinx_external_toc",
    "sphinx_design",
    "sphinx_exercise",
    "sphinxcontrib.bibtex",
    "_ext.executed_outputs",
    "_ext.framework_tabs",
    "_ext.mathml",
    "_ext.editions",
]
SITE_ONLY = ["comments_config"]  # settings of the others
BUILDERS = {"pdf": "latex", "epub": "epub"}
# Programs, and files of TeX, by the package of Debian that has them.
PROGRAMS = {
    "pdf": {
        "latexmk": "latexmk",
        "lualatex": "texlive-luatex",
        "rsvg-convert": "librsvg2-bin",
    },
    "epub": {"epubcheck": "epubcheck"},
}
TEX_FILES = {
    "luatex85.sty": "texlive-luatex",
    "unicode-math.sty": "texlive-latex-recommended",
    "tabulary.sty": "texlive-latex-extra",
    "texgyrepagella-regular.otf": "fonts-texgyre",
    "texgyrepagella-math.otf": "fonts-texgyre-math",
    "DejaVuSansMono.ttf": "fonts-dejavu-core",
}
OVERFULL = 10  # points by which a line or a page may be too long
FAULTS = re.compile(
    r"^(?:LaTeX Warning: (?:Reference|Hyper reference|Citation|Label) .*"
    r"|Missing character: .*"
    r"|warning .*same identifier.*"
    r"|Overfull \\[hv]box \((?P<points>[\d.]+)pt.*)",
    re.MULTILINE,
)


def require_programs(what: str) -> None:
    """Raise BuildError that names the packages which are missing."""
    missing = {
        package: program
        for program, package in PROGRAMS[what].items()
        if not shutil.which(program)
    }
    if what == "pdf" and not missing:
        for file, package in TEX_FILES.items():
            found = subprocess.run(
                ["kpsewhich", file], capture_output=True, check=False
            )
            if found.returncode:
                missing[package] = file
    if missing:
        raise BuildError(
            f"make {what} needs {', '.join(missing.values())}, which this "
            f"machine lacks: install it (Debian: apt install "
            f"{' '.join(missing)}), and run make {what} again."
        )


def configuration(book: Book, what: str, framework: Framework) -> dict:
    """The configuration of Sphinx: that of _config.yml, for an edition."""
    overrides = {
        "extensions": EXTENSIONS,
        "edition": framework.name,
        "edition_label": framework.label,
        "edition_site": repository(book.root).site,
        "nitpicky": True,
        "pygments_style": "_ext.editions.Printed",
        "numfig_format": {"figure": "Figure\u00a0%s"},
        "latex_individualpages": False,
    }
    config, _ = get_final_config(
        user_yaml=book.root / "_config.yml", cli_config=overrides
    )
    for name in SITE_ONLY:
        config.pop(name, None)
    config["project"] = config["html_title"]
    config["version"] = config["copyright"]
    name = f"{book.slug}-{framework.name}"
    config["epub_uid"] = config["epub_identifier"] = name
    return config


def render(book: Book, what: str, framework: Framework, folder: Path) -> None:
    """Let Sphinx write an edition's LaTeX or EPUB into a folder."""
    config, said = configuration(book, what, framework), io.StringIO()
    failed = ""
    try:
        with patch_docutils(None), docutils_namespace():
            app = Sphinx(
                srcdir=book.root,
                confdir=None,
                outdir=folder,
                doctreedir=folder.with_name(f"{folder.name}.doctrees"),
                buildername=BUILDERS[what],
                confoverrides=config,
                status=None,
                warning=said,
                warningiserror=True,
                keep_going=True,
            )
            app.setup_extension("sphinx_multitoc_numbering")
            app.build()
        failed = "warnings" * app.statuscode
    except SphinxError as error:
        failed = str(error)
    if failed:
        raise _failed(what, strip_colors(said.getvalue()) or failed)


def _failed(what: str, why: str) -> BuildError:
    return BuildError(
        f"The {what.upper()} could not be made; that of before is untouched."
        f"\n{why.strip()}"
    )


def typeset(folder: Path) -> Path:
    """Let LuaLaTeX set the book in a folder; the PDF.

    Raises BuildError for what is wrong, and for what would look wrong: see
    FAULTS.
    """
    done = subprocess.run(
        ["latexmk", "-pdflua", "-interaction=nonstopmode", "-halt-on-error",
         "book.tex"],
        cwd=folder,
        # Lines of the log are cut at 79 characters otherwise.
        env={**os.environ, "max_print_line": "10000"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )  # fmt: skip
    path = folder / "book.log"
    log = path.read_text("utf-8", "replace") if path.exists() else done.stdout
    if done.returncode:
        error = re.search(r"^! .*(?:\n.*){0,6}", log, re.MULTILINE)
        raise _failed("pdf", error[0] if error else done.stdout[-2000:])
    if found := faults(log):
        raise _failed("pdf", "\n".join(found) + f"\nAll of it is in {path}.")
    return folder / "book.pdf"


def faults(log: str) -> list[str]:
    """What LaTeX complains of in its log, and a reader would see."""
    return [
        match[0]
        for match in FAULTS.finditer(log)
        if float(match["points"] or OVERFULL + 1) > OVERFULL
    ]


def check_epub(path: Path) -> None:
    """Raise BuildError unless epubcheck finds neither error nor warning."""
    # Debian's program is a Java archive, which not every kernel starts.
    program = shutil.which("epubcheck")
    archive = Path(program).read_bytes()[:2] == b"PK"
    done = subprocess.run(
        [*["java", "-jar"] * archive, program, "--failonwarnings", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = re.findall(
            r"^(?:FATAL|ERROR|WARNING).*", done.stdout + done.stderr, re.MULTILINE
        )
        raise _failed("epub", "\n".join(said) or done.stdout + done.stderr)


def make(
    book: Book, what: str, framework: Framework, *, strict: bool = False
) -> Path:
    """Make an edition and put it in the place of the last one; its path.

    Raises BuildError if `strict` and a page was not executed on this machine.
    """
    require_programs(what)
    names = [framework.name]
    require_outputs(book, book.pages(), names, strict=strict)
    line = Line(f"{framework.label:<10}  {what}")
    folder = book.build / "printed" / f"{what}-{framework.name}"
    shutil.rmtree(folder, ignore_errors=True)
    line.now("rendering")
    render(book, what, framework, folder)
    if what == "pdf":
        line.now("typesetting")
        made = typeset(folder)
    else:
        line.now("checking")
        made = next(folder.glob("*.epub"))
        check_epub(made)
    path = book.build / what / f"{book.slug}-{framework.name}.{what}"
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(path.name + ".part")
    shutil.copyfile(made, partial)
    os.replace(partial, path)
    line.done("made")
    return path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bookbuild.print_editions", description=__doc__)
    parser.add_argument("what", choices=list(BUILDERS))
    parser.add_argument("framework", nargs="?", help="the first, if not named")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument(
        "--strict", action="store_true",
        help="fail if outputs stand in that this machine did not compute",
    )
    options = parser.parse_args(arguments)
    try:
        book = Book(options.root.resolve())
        name = options.framework or next(iter(book.frameworks))
        if name not in book.frameworks:
            raise BuildError(
                f"The book has no framework {name!r}, only "
                f"{' and '.join(book.frameworks)}."
            )
        with locked(book):
            path = make(
                book, options.what, book.frameworks[name], strict=options.strict
            )
        print(f"\nOpen {path}")
    except (BuildError, SourceError, ValueError, OSError) as error:
        print(f"\n{explained(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: a file of before is untouched.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
