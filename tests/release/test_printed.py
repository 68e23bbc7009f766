"""The PDF and the EPUB contain the complete book of one framework, well typeset."""

from __future__ import annotations

import copy
import functools
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import bs4
import pytest
import yaml
from support.targets import targets
from support import ROOT, machine
from support.once import announce, once
from support.pages import FRAMEWORKS
from support.tiny_book import TinyBook, cell

from _ext.compare_frameworks import defining_cell
from bookbuild import frameworks, print_editions
from bookbuild.build import Book
from bookbuild.errors import BuildError
from bookbuild.executor import outputs_of
from bookbuild.page import Page

BOOK = Book(ROOT)
PAGES = BOOK.pages()
INDEX = "linear-networks/index"
# The PDF of one framework and the EPUB of another, to check both.
PDF, OTHER = list(FRAMEWORKS)[:2]
EPUB = OTHER
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
FILES = [
    chapter["file"].removeprefix("chapters/")
    for part in TOC["parts"]
    for chapter in part["chapters"]
]
OPF = "{http://www.idpf.org/2007/opf}"
DC = "{http://purl.org/dc/elements/1.1/}"


def make(
    what: str, *names: str, root: Path = ROOT, path: str | None = None
) -> subprocess.CompletedProcess:
    """Run the command as make does, with another PATH if one is given."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if path is not None:
        environment["PATH"] = path
    return subprocess.run(
        [sys.executable, "-m", "bookbuild", what, *names]
        + ["--root", str(root)],
        cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip


def said_by(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


@pytest.fixture(scope="session")
def latex():
    """LuaLaTeX, its packages and fonts, and the programs that read PDFs."""
    machine.require("pdf")


@pytest.fixture(scope="session")
def epubcheck():
    machine.require("epub")


@pytest.fixture(scope="session")
def pdf(request, latex) -> Path:
    """Return the book as a PDF, made once per run unless it is current already."""

    def build(folder: Path) -> None:
        announce(request, "Making the PDF with LuaLaTeX")
        done = make("pdf", PDF)
        assert done.returncode == 0, done.stderr
        (folder / "said").write_text(done.stdout)

    said = (once(request, "pdf", build) / "said").read_text()
    path = ROOT / "_build" / "pdf" / f"linear-neural-networks-{PDF}.pdf"
    assert f"Open {path}" in said
    return path


@pytest.fixture(scope="session")
def pages(pdf: Path) -> list[str]:
    """Return the text of each page of the PDF."""
    return said_by("pdftotext", "-layout", pdf, "-").split("\f")


@pytest.fixture(scope="session")
def numbers(pdf: Path) -> dict[str, tuple[str, int]]:
    """Return the number and the page of each label, as written by LaTeX."""
    folder = ROOT / "_build" / "printed" / f"pdf-{PDF}" / "latex"
    aux = (folder / "book.aux").read_text(encoding="utf-8")
    found = re.findall(
        r"^\\newlabel\{([^}]+)\}\{\{([^{}]*)\}\{(\d+)\}", aux, re.MULTILINE
    )
    return {label: (number, int(page)) for label, number, page in found}


@pytest.fixture(scope="session")
def epub(request, epubcheck) -> Path:
    """Return the book as an unpacked EPUB, made once per run."""

    def build(folder: Path) -> None:
        announce(request, "Making the EPUB")
        done = make("epub", EPUB)
        assert done.returncode == 0, done.stderr
        path = ROOT / "_build" / "epub" / f"linear-neural-networks-{EPUB}.epub"
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)

    return once(request, "epub", build)


def package(folder: Path) -> ElementTree.Element:
    return ElementTree.parse(folder / "content.opf").getroot()


@functools.cache
def xhtml(folder: Path) -> dict[str, bs4.BeautifulSoup]:
    """Return the pages of an unpacked EPUB."""
    return {
        path.relative_to(folder / "chapters").with_suffix("").as_posix():
        bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted((folder / "chapters").rglob("*.xhtml"))
    }  # fmt: skip


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def lines_of(framework: str, *, alone: bool = False) -> list[str]:
    """Return the lines of code of a framework, or those that no other has."""

    def lines(name: str) -> list[str]:
        return [
            squeezed(line)
            for page in PAGES
            for part in page.code(name)
            if not {"hide-input", "remove-input"} & set(part.tags)
            for line in part.source.splitlines()
            if line.strip()
        ]

    others = {s for name in FRAMEWORKS if name != framework
              for s in lines(name)}  # fmt: skip
    return [s for s in lines(framework) if not alone or s not in others]


def comparisons() -> list[str]:
    """Return the code that the book shows in all frameworks, by {compare}."""
    text = (ROOT / "chapters" / "appendix" / "frameworks.md").read_text("utf-8")
    found = re.findall(r"^```\{compare\} (\S+)\n(\S+)$", text, re.MULTILINE)
    assert found
    by_name = {page.name: page for page in PAGES}
    return [
        defining_cell(by_name[name], framework, step).source
        for name, step in found
        for framework in by_name[name].frameworks
    ]


def titles() -> list[str]:
    """Return the titles of the pages in the order of the table of contents."""
    found = []
    for name in FILES:
        text = (ROOT / "chapters" / f"{name}.md").read_text(encoding="utf-8")
        title = re.search(r"^# (.*)$", text, re.MULTILINE)[1]
        found.append(title.replace("'", "’"))
    return found


def pictures(page: Page, framework: str) -> int:
    """Return how many figures a page has: maps, and what a framework's cells draw."""
    import nbformat

    shown = page.frameworks.get(framework) or next(iter(page.frameworks.values()))
    path = BOOK.output(page, shown)
    if not path.exists():
        path = BOOK.committed(page, shown)
    outputs = outputs_of(nbformat.read(path, as_version=4))
    drawn = sum("image/svg+xml" in o.get("data", {}) for c in outputs for o in c)
    return drawn + page.path.read_text(encoding="utf-8").count("```{page-map}")


# The PDF


def test_the_pdf_states_its_title_author_and_framework(pdf, pages):
    said = said_by("pdfinfo", pdf)
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    label = FRAMEWORKS[PDF].label
    assert re.search(rf"^Title: +{config['title']}$", said, re.MULTILINE)
    assert re.search(rf"^Author: +{config['author']}$", said, re.MULTILINE)
    assert re.search(rf"^Subject: +{label} edition$", said, re.MULTILINE)
    assert f"{label} edition" in pages[0]
    assert "CC BY 4.0" in pages[1]
    site = BOOK.settings.repository.public_site
    assert site in pages[1]
    assert ("The website of the book" in pages[1]) == bool(site)


def test_the_outline_of_the_pdf_lists_every_section_and_the_back_matter(pdf):
    said = said_by("pdftohtml", "-xml", "-i", "-stdout", pdf)
    outline = said[said.index("<outline>") :]
    items = [
        re.sub(r"^(\d+|[A-Z]) (?=[A-Z])", "", item).strip()
        for item in re.findall(r"<item[^>]*>([^<]*)</item>", outline)
    ]
    wanted = [*titles(), "Solutions to the Exercises", "Index"]
    assert [t for t in wanted if t not in items] == []
    at = [items.index(title) for title in titles()]
    assert at == sorted(at)


def test_the_numbers_in_the_pdf_are_those_of_the_site(numbers):
    """Compare the numbers of equations, figures, and tables."""
    compared = 0
    for label, target in targets().items():
        if "." not in target.number or label.startswith("ex_"):
            continue
        anchor = label.replace("_", "-")
        kind = "equation:" if label.startswith("eq_") else ""
        infix = label if kind else anchor
        number, _ = numbers[f"{kind}chapters/{target.page}:{infix}"]
        assert number == target.number, label
        compared += 1
    assert compared > 60


def test_numbers_in_the_appendix_begin_with_its_letter(numbers, pages):
    own = [
        target.page
        for label, target in targets().items()
        if label.startswith("eq_") and target.number.startswith("A.")
    ]
    assert own
    for label, (number, _) in numbers.items():
        if label.startswith(f"equation:chapters/{own[0]}:"):
            assert re.fullmatch(r"A\.\d+", number), label
    text = "".join(pages)
    assert "Exercise A.1" in text and "Figure A.1" in text


def test_no_reference_in_the_pdf_is_unresolved(pages):
    text = "\n".join(pages)
    assert "??" not in text
    assert not re.search(r"\{(result|ref|eq|numref|term|cite:\w)\}", text)
    # Pages of the site, and not those of the book or of cited works.
    text = re.sub(r"Solution on page \d+", "", text)
    assert not re.search(r"\bpages? (\d+|A)\b(?!–)", text)


def test_every_exercise_names_the_page_of_its_solution(pages):
    text = "".join(pages)
    sources = (ROOT / "chapters").rglob("*.md")
    exercises = [
        label
        for source in sources
        for label in re.findall(r"{solution-start} (\w+)", source.read_text("utf-8"))
    ]
    said = re.findall(r"Exercise ([\dA]+\.\d+) \((?:.*\n){1,60}?"
                      r" *Solution on page (\d+)", text)  # fmt: skip
    assert len(said) == len(exercises)
    first = next(i for i, page in enumerate(pages)
                 if "How do you weigh a penguin" in page)  # fmt: skip
    for number, page in said:
        there = pages[first + int(page) - 1]
        assert f"Solution to Exercise {number}" in there


def test_the_pdf_has_only_the_code_of_its_framework(pages):
    compared = {squeezed(s) for code in comparisons() for s in code.splitlines()}
    printed_lines = {squeezed(s) for page in pages for s in page.splitlines()}
    missing = [s for s in lines_of(PDF) if s not in printed_lines]
    assert missing == []
    foreign = [
        s for s in lines_of(OTHER, alone=True)
        if s in printed_lines and s not in compared
    ]  # fmt: skip
    assert foreign == []
    assert not any("pipinstall" in line for line in printed_lines)


def test_the_pdf_omits_the_prose_of_other_frameworks(pages):
    text = squeezed("".join(pages))
    # No tab has left its name as a line, except where all frameworks are compared.
    labels = "|".join(f.label for f in frameworks.used(ROOT).values())
    alone = re.findall(f"^ *({labels}) *$", "".join(pages[2:]), re.MULTILINE)
    assert len(alone) == len(comparisons())
    mine, others = [], []
    for page in PAGES:
        source = page.path.read_text(encoding="utf-8")
        for key, body in re.findall(
            r"^:sync: (\w+)\n\n(.*)$", source, re.MULTILINE
        ):
            words = re.split(r"[`$*{}\[\]<>'\"-]", body)[0]
            words = squeezed(words)[:60]
            if len(words) > 25:
                (mine if key == PDF else others).append(words)
    assert mine and others
    assert [w for w in mine if w not in text] == []
    assert [w for w in others if w not in mine and w in text] == []


def test_the_pdf_has_every_figure_as_vector_graphics(pdf, pages):
    folder = ROOT / "_build" / "printed" / f"pdf-{PDF}" / "latex"
    tex = (folder / "book.tex").read_text(encoding="utf-8")
    included = re.findall(
        r"\\sphinxincludegraphics\[?[^{]*\{\{(\w+)\}(\.\w+)", tex
    )
    drawn = sum(pictures(page, PDF) for page in PAGES)
    assert len(included) == drawn
    assert {suffix for _, suffix in included} == {".pdf"}
    text = "".join(pages)
    for label, target in targets().items():
        if label.startswith("fig_") and "." in target.number:
            assert re.search(rf"^ *{target.text} ", text, re.MULTILINE), label


def test_every_font_is_embedded(pdf):
    lines = said_by("pdffonts", pdf).splitlines()[2:]
    assert len(lines) > 5
    assert [line for line in lines if line.split()[-5] != "yes"] == []


def test_no_word_of_the_pdf_exceeds_the_margin(pdf):
    said = said_by("pdftotext", "-bbox", pdf, "-")
    width = float(re.search(r'<page width="([\d.]+)"', said)[1])
    margin = 22 / 25.4 * 72  # hmargin in _config.yml
    ends = [
        (float(end), word)
        for end, word in re.findall(r'xMax="([\d.]+)"[^>]*>([^<]*)<', said)
    ]
    assert len(ends) > 10_000
    assert [e for e in ends if e[0] > width - margin + print_editions.OVERFULL] == []


def test_every_page_after_the_front_matter_has_its_number(pages):
    first = next(i for i, page in enumerate(pages)
                 if "How do you weigh a penguin" in page)  # fmt: skip
    for number, page in enumerate(pages[first:-1], 1):
        lines = [line for line in page.splitlines() if line.strip()]
        ends = lines[0].split() + lines[-1].split()
        assert str(number) in ends, page


@pytest.mark.parametrize(
    "line",
    [
        "LaTeX Warning: Reference `a:b' on page 3 undefined on input line 7.",
        "LaTeX Warning: Label `a' multiply defined.",
        "LaTeX Warning: Hyper reference `a:b' on page 3 undefined.",
        "Missing character: There is no x (U+0394) in font y!",
        "Overfull \\hbox (10.5pt too wide) in paragraph at lines 1--2",
        "Overfull \\vbox (120.1pt too high) has occurred while \\output",
    ],
)
def test_every_relevant_warning_in_the_log_of_latex_is_found(line):
    small = "Overfull \\hbox (9.5pt too wide) in paragraph at lines 1--2"
    log = f"This is LuaHBTeX\n{small}\n{line}\nLaTeX Font Warning: x\n"
    assert print_editions.find_faults(log) == [line]


# The EPUB


def test_the_epub_states_its_title_author_language_and_license(epub):
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    data = {
        name: package(epub).findtext(f".//{DC}{name}")
        for name in ("title", "creator", "language", "rights", "identifier")
    }
    assert data["title"] == config["title"]
    assert data["creator"] == config["author"]
    assert data["language"] == "en"
    assert "CC BY 4.0" in data["rights"] and "MIT" in data["rights"]
    assert data["identifier"].endswith(EPUB)


def test_the_epub_has_a_cover_that_reading_systems_find(epub):
    items = package(epub).iter(f"{OPF}item")
    covers = [i for i in items if i.get("properties") == "cover-image"]
    assert [cover.get("href") for cover in covers] == ["_static/cover.png"]
    start = (epub / "_static" / "cover.png").read_bytes()[:8]
    assert start == b"\x89PNG\r\n\x1a\n"


def test_the_epub_follows_the_table_of_contents(epub):
    root = package(epub)
    hrefs = {i.get("id"): i.get("href") for i in root.iter(f"{OPF}item")}
    spine = [hrefs[i.get("idref")] for i in root.iter(f"{OPF}itemref")]
    wanted = [f"chapters/{name}.xhtml" for name in [INDEX, *FILES]]
    assert [href for href in spine if href in wanted] == wanted
    nav = bs4.BeautifulSoup((epub / "nav.xhtml").read_text(), "html.parser")
    linked = [a["href"] for a in nav.select("nav a") if "#" not in a["href"]]
    assert [href for href in linked if href in wanted] == wanted


def test_the_epub_has_only_the_code_of_its_framework(epub):
    code = "\n".join(
        squeezed(line)
        for page in xhtml(epub).values()
        for block in page.select(".cell_input pre")
        for line in block.get_text().splitlines()
    ).splitlines()
    assert sorted(filter(None, code)) == sorted(lines_of(EPUB))


def test_every_picture_of_the_epub_exists_and_is_described(epub):
    for page in PAGES:
        soup = xhtml(epub)[page.name]
        images = soup.select("img")
        assert len(images) == pictures(page, EPUB), page.name
        for image in images:
            assert len(image["alt"]) > 20 and ".svg" not in image["alt"]
            place = (epub / "chapters" / page.name).parent / image["src"]
            assert image["src"].startswith("data:image/svg+xml") or place.exists()


def test_the_epub_has_no_script_and_no_tabs(epub):
    names = [path.name for path in epub.rglob("*")]
    assert [name for name in names if name.endswith(".js")] == []
    for name, page in xhtml(epub).items():
        assert not page.select("script, input, .sd-tab-set, details"), name


def test_the_epub_has_mathml_formulas_and_declares_them(epub):
    items = {
        item.get("href"): item.get("properties")
        for item in package(epub).iter(f"{OPF}item")
    }
    for name, page in xhtml(epub).items():
        formulas = page.select(".math")
        assert all(formula.find("math") for formula in formulas), name
        says = items[f"chapters/{name}.xhtml"] == "mathml"
        assert says == bool(page.select("math")), name
    chapters = ROOT / "chapters"
    written = [(chapters / f"{file}.md").read_text("utf-8") for file in FILES]
    assert sum(says == "mathml" for says in items.values()) >= sum(
        "$" in text for text in written
    )


# What goes wrong

TWO = (
    cell("name = 'A'", "alpha")
    + cell("name = 'B'", "beta")
    + "\nMine: {eval}`name`, on this page, and not on a webpage.\n\n"
    + "::::{tab-set}\n:sync-group: framework\n\n"
    + ":::{tab-item} Alpha\n:sync: alpha\n\n"
    + "Only Alpha knows {eval}`name`.\n:::\n\n"
    + ":::{tab-item} Beta\n:sync: beta\n\n"
    + "Only Beta knows {eval}`name`.\n:::\n\n"
    + "::::\n\n"
    + ":::{only} site\nThis is the site.\n:::\n\n"
    + ":::{only} edition\nThis is a book.\n:::\n"
)


@pytest.fixture(scope="session")
def executed(tmp_path_factory) -> TinyBook:
    """A tiny book of which only the first framework's notebook is executed."""
    tiny = TinyBook(tmp_path_factory.mktemp("printed") / "book")
    tiny.write(TWO)
    done = tiny.build("notebooks", "alpha")
    assert done.returncode == 0, done.stderr
    return tiny


@pytest.fixture
def tiny(executed, tmp_path) -> TinyBook:
    """A copy of the executed book, for a test to change."""
    tiny = copy.copy(executed)
    tiny.root = tmp_path / "book"
    tiny.page = tiny.root / executed.page.relative_to(executed.root)
    shutil.copytree(executed.root, tiny.root)
    return tiny


@pytest.fixture(scope="session")
def tiny_epub(request, executed, epubcheck) -> Path:
    """Return the EPUB of the executed book, for the default framework."""
    done = make("epub", root=executed.root)
    assert done.returncode == 0, done.stderr
    return executed.root / "_build/epub/linear-neural-networks-alpha.epub"


def test_an_edition_has_the_words_and_results_of_the_first_framework(tiny_epub):
    """Check this although the other framework's notebooks have not been executed."""
    with zipfile.ZipFile(tiny_epub) as archive:
        page = archive.read("chapters/tiny/page.xhtml")
    body = bs4.BeautifulSoup(page, "html.parser").find("body")
    text = " ".join(body.get_text().split())
    assert "Mine: A, in this section, and not on a webpage." in text
    assert "Only Alpha knows A." in text
    assert "Beta" not in text and "name = 'B'" not in text
    assert "This is a book." in text and "This is the site." not in text


def test_an_invalid_epub_is_rejected(tiny_epub, tmp_path):
    path = tmp_path / "bad.epub"
    page = "chapters/tiny/page.xhtml"
    with zipfile.ZipFile(tiny_epub) as whole, zipfile.ZipFile(path, "w") as bad:
        for name in whole.namelist():
            if name != page:
                bad.writestr(name, whole.read(name))
    with pytest.raises(BuildError, match="page.xhtml"):
        print_editions.check_epub(path)


@pytest.mark.parametrize("what", ["pdf", "epub"])
def test_an_undeclared_framework_is_named(what):
    done = make(what, "gamma")
    assert done.returncode == 1
    assert "no framework 'gamma'. Choose from mxnet, tensorflow" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("what", "packages"),
    [
        ("pdf", "apt install latexmk texlive-luatex librsvg2-bin"),
        ("epub", "apt install epubcheck"),
    ],
)
def test_a_missing_program_is_named_with_its_package(tmp_path, what, packages):
    done = make(what, path=str(tmp_path))
    assert done.returncode == 1
    assert packages in done.stderr and f"make {what} again" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_font_is_named_with_its_package(tmp_path):
    for program in ("latexmk", "lualatex", "rsvg-convert", "kpsewhich"):
        path = tmp_path / program
        path.write_text('#!/bin/sh\n[ "$1" != texgyrepagella-math.otf ]\n')
        path.chmod(0o755)
    done = make("pdf", path=str(tmp_path))
    assert done.returncode == 1
    assert "apt install fonts-texgyre-math)" in done.stderr


def test_notebooks_with_outdated_code_are_rejected(tiny, epubcheck):
    tiny.write(TWO.replace("'A'", "'C'"))
    done = make("epub", "alpha", root=tiny.root)
    assert done.returncode == 1
    assert 'Run make notebooks FRAMEWORKS="alpha"' in done.stderr


@pytest.mark.parametrize("what", ["pdf", "epub"])
def test_a_warning_fails_the_edition_and_keeps_the_last_one(
    tiny, what, latex, epubcheck
):
    last = tiny.root / "_build" / what / f"linear-neural-networks-alpha.{what}"
    last.parent.mkdir(exist_ok=True)
    last.write_bytes(b"the last one")
    tiny.write(TWO + "\n\nSee {ref}`sec_nowhere`.")
    done = make(what, "alpha", root=tiny.root)
    assert done.returncode == 1
    assert "sec_nowhere" in done.stderr and "untouched" in done.stderr
    assert list(last.parent.iterdir()) == [last]
    assert last.read_bytes() == b"the last one"


def test_an_overfull_line_or_a_missing_character_fails_the_pdf(tiny, latex):
    wide = "$$" + "a + " * 60 + "b$$"
    tiny.write(f"{TWO}\n\n{wide}\n\nNo font has this: \U00013000.")
    done = make("pdf", "alpha", root=tiny.root)
    assert done.returncode == 1
    assert "Overfull" in done.stderr and "Missing character" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tiny.root / "_build" / "pdf").exists()


def test_an_error_of_latex_fails_the_pdf(tiny, latex):
    tiny.write(TWO + "\n\n$$\\nosuchcommand$$")
    done = make("pdf", "alpha", root=tiny.root)
    assert done.returncode == 1
    assert "Undefined control sequence" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tiny.root / "_build" / "pdf").exists()
