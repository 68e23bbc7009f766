"""The PDF and the EPUB hold one framework's book, well set and whole."""

from __future__ import annotations

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
from support import ROOT
from support.tiny_book import TinyBook, cell

from _ext import editions, printed
from _ext.build import Book, BuildError, outputs_of
from _ext.split import Page

BOOK = Book(ROOT)
PAGES = BOOK.pages()
INDEX = "linear-networks/index"
# The PDF of one framework and the EPUB of another, to see both.
PDF, OTHER = list(BOOK.frameworks)[:2]
EPUB = OTHER
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
FILES = [
    chapter["file"].removeprefix("chapters/")
    for part in TOC["parts"]
    for chapter in part["chapters"]
]
OPF = "{http://www.idpf.org/2007/opf}"
DC = "{http://purl.org/dc/elements/1.1/}"


def lacking(*programs: str) -> bool:
    return any(not shutil.which(program) for program in programs)


needs_tex = pytest.mark.skipif(
    lacking(*printed.PROGRAMS["pdf"], "pdftotext"),
    reason="LuaLaTeX, rsvg-convert or pdftotext is not installed",
)
needs_epubcheck = pytest.mark.skipif(
    lacking("epubcheck"), reason="epubcheck is not installed"
)


def make(
    what: str, *names: str, root: Path = ROOT, path: str | None = None
) -> subprocess.CompletedProcess:
    """Run the command as make does, with another PATH if one is given."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if path is not None:
        environment["PATH"] = path
    return subprocess.run(
        [sys.executable, "-m", "_ext.printed", what, *names]
        + ["--root", str(root)],
        cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip


def said_by(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def pdf() -> Path:
    """The book as a PDF."""
    done = make("pdf", PDF)
    assert done.returncode == 0, done.stderr
    path = ROOT / "_build" / "pdf" / f"linear-neural-networks-{PDF}.pdf"
    assert f"Open {path}" in done.stdout
    return path


@pytest.fixture(scope="module")
def pages(pdf: Path) -> list[str]:
    """The text of each page of the PDF."""
    return said_by("pdftotext", "-layout", pdf, "-").split("\f")


@pytest.fixture(scope="module")
def numbers(pdf: Path) -> dict[str, tuple[str, int]]:
    """What LaTeX has written about its labels: the number and the page."""
    folder = ROOT / "_build" / "printed" / f"pdf-{PDF}"
    aux = (folder / "book.aux").read_text(encoding="utf-8")
    found = re.findall(
        r"^\\newlabel\{([^}]+)\}\{\{([^{}]*)\}\{(\d+)\}", aux, re.MULTILINE
    )
    return {label: (number, int(page)) for label, number, page in found}


@pytest.fixture(scope="module")
def epub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book as an EPUB, unpacked."""
    done = make("epub", EPUB)
    assert done.returncode == 0, done.stderr
    path = ROOT / "_build" / "epub" / f"linear-neural-networks-{EPUB}.epub"
    folder = tmp_path_factory.mktemp("epub")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def package(folder: Path) -> ElementTree.Element:
    return ElementTree.parse(folder / "content.opf").getroot()


@functools.cache
def xhtml(folder: Path) -> dict[str, bs4.BeautifulSoup]:
    """The pages of an unpacked EPUB."""
    return {
        path.relative_to(folder / "chapters").with_suffix("").as_posix():
        bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted((folder / "chapters").rglob("*.xhtml"))
    }  # fmt: skip


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def lines_of(framework: str, *, alone: bool = False) -> list[str]:
    """The lines of code of a framework, or those that no other one has."""

    def lines(name: str) -> list[str]:
        return [
            squeezed(line)
            for page in PAGES
            for part in page.code(name)
            if "hide-input" not in part.tags
            for line in part.source.splitlines()
            if line.strip()
        ]

    others = {s for name in BOOK.frameworks if name != framework
              for s in lines(name)}  # fmt: skip
    return [s for s in lines(framework) if not alone or s not in others]


def titles() -> list[str]:
    """The titles of the pages, in the order of the table of contents."""
    found = []
    for name in FILES:
        text = (ROOT / "chapters" / f"{name}.md").read_text(encoding="utf-8")
        found.append(re.search(r"^# (.*)$", text, re.MULTILINE)[1])
    return found


def pictures(page: Page, framework: str) -> int:
    """How many figures a framework's cells draw on a page."""
    import nbformat

    path = BOOK.output(page, BOOK.frameworks[framework])
    if not path.exists():
        path = BOOK.committed(page, BOOK.frameworks[framework])
    outputs = outputs_of(nbformat.read(path, as_version=4))
    return sum("image/svg+xml" in o.get("data", {}) for c in outputs for o in c)


# --- The PDF ---------------------------------------------------------------


@needs_tex
def test_the_pdf_says_its_title_its_author_and_its_framework(pdf, pages):
    said = said_by("pdfinfo", pdf)
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    label = BOOK.frameworks[PDF].label
    assert re.search(rf"^Title: +{config['title']}$", said, re.MULTILINE)
    assert re.search(rf"^Author: +{config['author']}$", said, re.MULTILINE)
    assert re.search(rf"^Subject: +{label} edition$", said, re.MULTILINE)
    assert f"{label} edition" in pages[0]
    assert "CC BY 4.0" in pages[1] and BOOK.labels.site in pages[1]


@needs_tex
def test_the_outline_leads_to_every_section_and_to_what_is_at_the_back(pdf):
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


@needs_tex
def test_every_number_is_that_of_the_sources(numbers):
    """The equations, figures and sections of the numbered pages."""
    compared = 0
    for label, target in BOOK.labels.targets.items():
        if "." not in target.number or label.startswith("ex_"):
            continue
        anchor = label.replace("_", "-")
        kind = "equation:" if label.startswith("eq_") else ""
        infix = label if kind else anchor
        number, _ = numbers[f"{kind}chapters/{target.page}:{infix}"]
        assert number == target.number, label
        compared += 1
    assert compared > 60


@needs_tex
def test_the_appendix_counts_after_its_letter(numbers, pages):
    own = [
        target.page
        for label, target in BOOK.labels.targets.items()
        if label.startswith("eq_") and "." not in target.number
    ]
    assert own
    for label, (number, _) in numbers.items():
        if label.startswith(f"equation:chapters/{own[0]}:"):
            assert re.fullmatch(r"A\.\d+", number), label
    text = "".join(pages)
    assert "Exercise A.1" in text and "Figure A.1" in text


@needs_tex
def test_no_reference_is_left_open(pages):
    text = "\n".join(pages)
    assert "??" not in text
    assert not re.search(r"\{(result|ref|eq|numref|term|cite:\w)\}", text)
    # Pages of the site: not those of the book, nor of the works cited.
    text = re.sub(r"Solution on page \d+", "", text)
    assert not re.search(r"\bpages? (\d+|A)\b(?!–)", text)


@needs_tex
def test_an_exercise_says_on_which_page_its_solution_is(pages):
    text = "".join(pages)
    exercises = [
        target for label, target in BOOK.labels.targets.items()
        if label.startswith("ex_")
    ]  # fmt: skip
    said = re.findall(r"Exercise ([\dA]+\.\d+) \((?:.*\n){1,60}?"
                      r" *Solution on page (\d+)", text)  # fmt: skip
    assert len(said) == len(exercises)
    first = next(i for i, page in enumerate(pages)
                 if "How heavy is a penguin" in page)  # fmt: skip
    for number, page in said:
        there = pages[first + int(page) - 1]
        assert f"Solution to Exercise {number}" in there


@needs_tex
def test_the_pdf_has_the_code_of_its_framework_and_of_no_other(pages):
    printed_lines = {squeezed(s) for page in pages for s in page.splitlines()}
    missing = [s for s in lines_of(PDF) if s not in printed_lines]
    assert missing == []
    foreign = [
        s for s in lines_of(OTHER, alone=True) if s in printed_lines
    ]  # fmt: skip
    assert foreign == []
    assert not any("pipinstall" in line for line in printed_lines)


@needs_tex
def test_the_prose_of_other_frameworks_tabs_is_not_there(pages):
    text = squeezed("".join(pages))
    labels = {f.label for f in BOOK.frameworks.values()}
    assert not re.search("^ *(" + "|".join(labels) + ") *$",
                         "".join(pages[2:]), re.MULTILINE)  # fmt: skip
    mine, others = [], []
    for page in PAGES:
        source = page.path.read_text(encoding="utf-8")
        for key, body in re.findall(r"^:sync: (\w+)\n\n(.*)$", source, re.MULTILINE):
            words = re.split(r"[`$*{}\[\]<>'\"-]", body)[0]
            words = squeezed(words)[:60]
            if len(words) > 25:
                (mine if key == PDF else others).append(words)
    assert mine and others
    assert [w for w in mine if w not in text] == []
    assert [w for w in others if w not in mine and w in text] == []


@needs_tex
def test_every_figure_is_there_and_made_of_vectors(pdf, pages):
    folder = ROOT / "_build" / "printed" / f"pdf-{PDF}"
    tex = (folder / "book.tex").read_text(encoding="utf-8")
    included = re.findall(
        r"\\sphinxincludegraphics\[?[^{]*\{\{(\w+)\}(\.\w+)", tex
    )
    drawn = sum(pictures(page, PDF) for page in PAGES)
    measured = (ROOT / "chapters/appendix/measurements.md").read_text("utf-8")
    assert len(included) == drawn + measured.count("```{figure} /_build/")
    assert {suffix for _, suffix in included} == {".pdf"}
    text = "".join(pages)
    for label, target in BOOK.labels.targets.items():
        if label.startswith("fig_") and "." in target.number:
            assert re.search(rf"^ *{target.text} ", text, re.MULTILINE), label


@needs_tex
def test_every_font_is_embedded(pdf):
    lines = said_by("pdffonts", pdf).splitlines()[2:]
    assert len(lines) > 5
    assert [line for line in lines if line.split()[-5] != "yes"] == []


@needs_tex
def test_no_word_leaves_the_type_area(pdf):
    said = said_by("pdftotext", "-bbox", pdf, "-")
    width = float(re.search(r'<page width="([\d.]+)"', said)[1])
    margin = 22 / 25.4 * 72  # hmargin in _config.yml
    ends = [
        (float(end), word)
        for end, word in re.findall(r'xMax="([\d.]+)"[^>]*>([^<]*)<', said)
    ]
    assert len(ends) > 10_000
    assert [e for e in ends if e[0] > width - margin + printed.OVERFULL] == []


@needs_tex
def test_every_page_but_the_first_ones_has_its_number(pages):
    first = next(i for i, page in enumerate(pages)
                 if "How heavy is a penguin" in page)  # fmt: skip
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
def test_what_latex_complains_of_is_found_in_its_log(line):
    small = "Overfull \\hbox (9.5pt too wide) in paragraph at lines 1--2"
    log = f"This is LuaHBTeX\n{small}\n{line}\nLaTeX Font Warning: x\n"
    assert printed.faults(log) == [line]


# --- The EPUB --------------------------------------------------------------


@needs_epubcheck
def test_the_epub_says_its_title_author_language_and_license(epub):
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


@needs_epubcheck
def test_the_epub_has_a_cover_that_reading_systems_find(epub):
    items = package(epub).iter(f"{OPF}item")
    covers = [i for i in items if i.get("properties") == "cover-image"]
    assert [cover.get("href") for cover in covers] == ["_static/cover.png"]
    start = (epub / "_static" / "cover.png").read_bytes()[:8]
    assert start == b"\x89PNG\r\n\x1a\n"


@needs_epubcheck
def test_the_epub_is_read_in_the_order_of_its_contents(epub):
    root = package(epub)
    hrefs = {i.get("id"): i.get("href") for i in root.iter(f"{OPF}item")}
    spine = [hrefs[i.get("idref")] for i in root.iter(f"{OPF}itemref")]
    wanted = [f"chapters/{name}.xhtml" for name in [INDEX, *FILES]]
    assert [href for href in spine if href in wanted] == wanted
    nav = bs4.BeautifulSoup((epub / "nav.xhtml").read_text(), "html.parser")
    linked = [a["href"] for a in nav.select("nav a") if "#" not in a["href"]]
    assert [href for href in linked if href in wanted] == wanted


@needs_epubcheck
def test_the_epub_has_the_code_of_its_framework_and_of_no_other(epub):
    code = "\n".join(
        squeezed(line)
        for page in xhtml(epub).values()
        for block in page.select(".cell_input pre")
        for line in block.get_text().splitlines()
    ).splitlines()
    assert sorted(filter(None, code)) == sorted(lines_of(EPUB))


@needs_epubcheck
def test_every_picture_of_the_epub_is_described_and_there(epub):
    for page in PAGES:
        soup = xhtml(epub)[page.name]
        images = soup.select("img")
        assert len(images) == pictures(page, EPUB), page.name
        for image in images:
            assert len(image["alt"]) > 20 and ".svg" not in image["alt"]
            place = (epub / "chapters" / page.name).parent / image["src"]
            assert place.exists()


@needs_epubcheck
def test_the_epub_has_no_script_and_no_tabs(epub):
    names = [path.name for path in epub.rglob("*")]
    assert [name for name in names if name.endswith(".js")] == []
    for name, page in xhtml(epub).items():
        assert not page.select("script, input, .sd-tab-set, details"), name


@needs_epubcheck
def test_formulas_of_the_epub_are_mathml_and_its_manifest_says_so(epub):
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


@needs_epubcheck
def test_an_epub_with_a_fault_is_refused(epub, tmp_path):
    path = tmp_path / "bad.epub"
    page = f"chapters/{INDEX}.xhtml"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(epub / "mimetype", "mimetype")
        for file in sorted(epub.rglob("*")):
            name = file.relative_to(epub).as_posix()
            if file.is_file() and name not in ("mimetype", page):
                archive.write(file, name)
    with pytest.raises(BuildError, match="index.xhtml"):
        printed.check_epub(path)


# --- What goes wrong -------------------------------------------------------

TWO = (
    cell("name = 'A'", "alpha")
    + cell("name = 'B'", "beta")
    + "\nThe two record.\n\n"
    + cell("from d2l_extras import record\nrecord('mine', name)")
    + "\nMine: {result}`mine`, on this page.\n\n"
    + "::::{tab-set}\n:sync-group: framework\n\n"
    + ":::{tab-item} Alpha\n:sync: alpha\n\n"
    + "Only Alpha knows {result}`mine`.\n:::\n\n"
    + ":::{tab-item} Beta\n:sync: beta\n\n"
    + "Only Beta knows {result}`mine`.\n:::\n\n"
    + "::::\n\n"
    + ":::{only} site\nThis is the site.\n:::\n\n"
    + ":::{only} edition\nThis is a book.\n:::\n"
)


def text_of(tiny: TinyBook, framework: str) -> str:
    """The text of a tiny book's EPUB."""
    path = tiny.root / "_build" / "epub"
    path /= f"linear-neural-networks-{framework}.epub"
    with zipfile.ZipFile(path) as archive:
        page = archive.read("chapters/tiny/page.xhtml")
    body = bs4.BeautifulSoup(page, "html.parser").find("body")
    return " ".join(body.get_text().split())


@needs_epubcheck
def test_an_edition_has_one_frameworks_words_and_results(tiny):
    tiny.write(TWO)
    assert tiny.build("notebooks", "beta").returncode == 0
    done = make("epub", "beta", root=tiny.root)
    assert done.returncode == 0, done.stderr
    text = text_of(tiny, "beta")
    assert "Mine: B, in this section." in text
    assert "Only Beta knows B." in text
    assert "Alpha" not in text and "name = 'A'" not in text
    assert "This is a book." in text and "This is the site." not in text


@needs_epubcheck
def test_the_first_framework_is_taken_where_none_is_named(tiny):
    tiny.write(TWO)
    tiny.build("notebooks", "alpha")
    # The other one's notebooks are not even asked for.
    done = make("epub", root=tiny.root)
    assert done.returncode == 0, done.stderr
    assert "Mine: A" in text_of(tiny, "alpha")


@pytest.mark.parametrize("what", ["pdf", "epub"])
def test_an_undeclared_framework_is_named(what):
    done = make(what, "gamma")
    assert done.returncode == 1
    assert "no framework 'gamma', only mxnet and tensorflow" in done.stderr
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


def test_a_missing_font_is_named_with_its_package(monkeypatch):
    ran = subprocess.run

    def run(command, **options):
        found = command[1] != "texgyrepagella-math.otf"
        return ran(["true" if found else "false"], **options)

    monkeypatch.setattr(printed.shutil, "which", lambda program: program)
    monkeypatch.setattr(printed.subprocess, "run", run)
    with pytest.raises(BuildError, match="apt install fonts-texgyre-math"):
        printed.require_programs("pdf")


@needs_epubcheck
def test_notebooks_of_other_code_are_refused(tiny):
    tiny.write(TWO)
    tiny.build("notebooks", "alpha")
    tiny.write(TWO.replace("'A'", "'C'"))
    done = make("epub", "alpha", root=tiny.root)
    assert done.returncode == 1
    assert 'make notebooks FRAMEWORKS="alpha", and make epub' in done.stderr


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("pdf", marks=needs_tex),
        pytest.param("epub", marks=needs_epubcheck),
    ],
)
def test_a_warning_fails_the_edition_and_the_last_one_stays(tiny, what):
    tiny.write(TWO)
    tiny.build("notebooks", "alpha")
    assert make(what, "alpha", root=tiny.root).returncode == 0
    (made,) = (tiny.root / "_build" / what).iterdir()
    before = made.read_bytes()
    tiny.write(TWO + "\n\nSee {ref}`sec_nowhere`.")
    done = make(what, "alpha", root=tiny.root)
    assert done.returncode == 1
    assert "sec_nowhere" in done.stderr and "untouched" in done.stderr
    assert list(made.parent.iterdir()) == [made]
    assert made.read_bytes() == before


@needs_tex
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("$$" + "a + " * 60 + "b$$", "Overfull"),
        ("A sign that no font has: \U00013000.", "Missing character"),
        ("$$\\nosuchcommand$$", "Undefined control sequence"),
    ],
)
def test_what_would_look_wrong_fails_the_pdf(tiny, text, fault):
    tiny.write(cell("1") + "\n" + text)
    tiny.build("notebooks", "alpha")
    done = make("pdf", "alpha", root=tiny.root)
    assert done.returncode == 1
    assert fault in done.stderr and "Traceback" not in done.stderr
    assert not (tiny.root / "_build" / "pdf").exists()


def test_pictures_are_mended_where_the_rules_of_epub_want_it():
    svg = (
        '<!DOCTYPE svg PUBLIC "a"\n  "b">\n<svg><path id="space"/>'
        '<path id="a" d="M 1 1"/><image id="b"/><image id="b"/></svg>'
    )
    mended = editions._valid(svg)
    root = ElementTree.fromstring(mended)
    assert "DOCTYPE" not in mended
    assert mended.count('id="b"') == 1
    assert [path.get("d") for path in root.iter("path")] == ["M 0 0", "M 1 1"]


@pytest.mark.parametrize(
    ("site", "book"),
    [
        ("page 7, then page A", "section 7, then section A"),
        ("on page 7", "in section 7"),
        ("runs on this page", "runs in this section"),
        ("The Pages", "The Sections"),
        ("a webpage, a pageant", "a webpage, a pageant"),
    ],
)
def test_a_book_says_section_for_a_page_of_the_site(site, book):
    assert editions.PAGE.sub(editions._section, site) == book
