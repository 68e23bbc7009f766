"""Make the book as a PDF or an EPUB of one framework."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import cache
from .book import Book
from .build import require_outputs, run_sphinx
from .cache import write_whole
from .downloads import EDITIONS, edition, offered_frameworks
from .errors import BuildError
from .frameworks import Framework
from .progress import Line

# The other extensions in _config.yml, such as the theme, concern only the site.
EXTENSIONS = [
    "myst_nb",
    "jupyter_book",
    "sphinx_external_toc",
    "sphinx_design",
    "sphinx_exercise",
    "sphinxcontrib.bibtex",
    "_ext.executed_outputs",
    "_ext.computed_results",
    "_ext.appendix_numbers",
    "_ext.reading_time",
    "_ext.downloads",
    "_ext.thumbnails",
    "_ext.page_map",
    "_ext.compare_frameworks",
    "_ext.repository_links",
    "_ext.whats_new",
    "_ext.framework_tabs",
    "_ext.mathml",
    "_ext.latex_layout",
    "_ext.epub_layout",
]
BUILDERS = {"pdf": "latex", "epub": "epub"}
# The Debian packages of the programs and the TeX files that an edition needs.
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
    "newunicodechar.sty": "texlive-latex-extra",
    "texgyrepagella-regular.otf": "fonts-texgyre",
    "texgyrepagella-math.otf": "fonts-texgyre-math",
    "DejaVuSansMono.ttf": "fonts-dejavu-core",
}
OVERFULL = 10  # points by which a line or a page may overflow
FAULTS = re.compile(
    r"^(?:LaTeX Warning: (?:Reference|Hyper reference|Citation|Label) .*"
    r"|Missing character: .*"
    r"|warning .*same identifier.*"
    r"|Overfull \\[hv]box \((?P<points>[\d.]+)pt.*)",
    re.MULTILINE,
)


def make_edition(
    book: Book, what: str, framework: Framework, *, strict: bool = False
) -> Path:
    """Make the "pdf" or "epub" of a framework if it is not current, and return its path.

    The outputs must exist already. Raises BuildError for any fault that a reader
    would notice and, if `strict`, if a page was not executed on this machine.
    """
    require_programs(what)
    require_outputs(book, book.pages(), [framework.name], strict=strict)
    line = Line(f"{framework.label:<10}  {what}")
    path = edition(book, what, framework)
    key = cache.digest_of_editions(book.root)
    if cache.was_made_from(book.root, path, key):
        line.done("reused")
        return path
    folder = book.build / "printed" / f"{what}-{framework.name}"
    shutil.rmtree(folder, ignore_errors=True)
    line.now("rendering")
    rendered = render(book, what, framework, folder)
    if what == "pdf":
        line.now("typesetting")
        made = typeset(rendered)
    else:
        line.now("checking")
        made = next(rendered.glob("*.epub"))
        check_epub(made)
    write_whole(path, made.read_bytes())
    cache.remember_made(book.root, path, key)
    line.done("made")
    return path


def make_editions(book: Book, *, strict: bool = False) -> None:
    """Make the PDF and the EPUB of every framework that readers can choose.

    Looks for all programs first, so that none is found to be missing after minutes.
    """
    for what in EDITIONS:
        require_programs(what)
    for framework in offered_frameworks(book):
        for what in EDITIONS:
            make_edition(book, what, framework, strict=strict)


def require_programs(what: str) -> None:
    """Raise BuildError if programs or TeX files are missing, with their packages."""
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
            f"make {what} needs {', '.join(missing.values())}, which this machine "
            f"does not have. Install what is missing (Debian: apt install "
            f"{' '.join(missing)}), and run make {what} again."
        )


def render(book: Book, what: str, framework: Framework, folder: Path) -> Path:
    """Write an edition's LaTeX or EPUB with Sphinx, and return its folder."""
    name = f"{book.slug}-{framework.name}"
    run_sphinx(
        book,
        BUILDERS[what],
        folder,
        extensions=EXTENSIONS,
        project=book.settings.title,
        edition=framework.name,
        edition_label=framework.label,
        edition_site=book.settings.repository.public_site,
        pygments_style="_ext.printed_text.Printed",
        numfig_format={"figure": "Figure\u00a0%s"},
        epub_uid=name,
        epub_identifier=name,
    )
    return folder / BUILDERS[what]


def _failed(what: str, why: str) -> BuildError:
    return BuildError(
        f"The {what.upper()} could not be made. The previous one is untouched."
        f"\n{why.strip()}"
    )


def typeset(folder: Path) -> Path:
    """Typeset the book in a folder with LuaLaTeX, and return the PDF.

    Raises BuildError for errors, and for anything that would look wrong (see FAULTS).
    """
    done = subprocess.run(
        ["latexmk", "-pdflua", "-interaction=nonstopmode", "-halt-on-error",
         "book.tex"],
        cwd=folder,
        # By default, LaTeX breaks the lines of its log after 79 characters.
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
    if found := find_faults(log):
        raise _failed("pdf", "\n".join(found) + f"\nThe whole log is {path}.")
    return folder / "book.pdf"


def find_faults(log: str) -> list[str]:
    """Return the warnings in LaTeX's log about anything that a reader would see."""
    return [
        match[0]
        for match in FAULTS.finditer(log)
        if float(match["points"] or OVERFULL + 1) > OVERFULL
    ]


def check_epub(path: Path) -> None:
    """Raise BuildError if epubcheck finds an error or a warning."""
    # Debian's epubcheck is a Java archive, which not every Linux kernel can start.
    program = shutil.which("epubcheck")
    archive = Path(program).read_bytes()[:2] == b"PK"
    done = subprocess.run(
        [*["java", "-jar"] * archive, program, "--failonwarnings", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        output = done.stdout + done.stderr
        found = re.findall(r"^(?:FATAL|ERROR|WARNING).*", output, re.MULTILINE)
        raise _failed("epub", "\n".join(found) or output)
