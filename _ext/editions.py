"""Adapt the doctree to the printed editions, PDF and EPUB.

An edition has the code of one framework, and neither tabs nor anything to unfold.
What the site calls a page is a section here, because a book has pages of its own.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
from docutils import nodes
from matplotlib.figure import Figure
from pygments.style import Style
from pygments.token import (
    Comment,
    Error,
    Generic,
    Keyword,
    Name,
    Number,
    Operator,
    String,
)
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.epub3 import Epub3Builder
from sphinx.config import Config
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.transforms.post_transforms.images import ImageConverter

from ._private import (
    escape_tex,
    exercise_enumerable_node,
    exercise_node,
    solution_node,
)

DESIGN = Path(__file__).resolve().parent.parent / "_theme" / "print"
PAGE = re.compile(r"\b(?:on ((?:\w+ ){0,2}))?([Pp])age(s?)\b")
EXERCISES = (exercise_node, exercise_enumerable_node)
STYLES = {"edition.css", "pygments.css"}
ITEM = re.compile(r'<item id="[^"]+" href="([^"]+)" media-type="[^"]+"(?= />)')
# HTML takes MathML as it is, XML by its name.
MATHML = 'xmlns="http://www.w3.org/1998/Math/MathML"'
# A formula and the sign after it, between which a line may break otherwise.
CLINGING = re.compile(
    r'(<span class="math">(?:(?!</span>).)*</span>)([.,;:!?)\u2019\u201d]+)', re.DOTALL
)
# What Sphinx counts, and the counter of LaTeX that counts the same.
LONG = 8  # rows of a table that may go on on the next page
LINE, COLUMN_SEP = 380, 6  # points
SCALE = 75  # percent; the figures' letters have 12 points
COUNTERS = {"figure": "figure", "table": "table", "displaymath": "equation"}


class Printed(Style):
    """Colors of code that stay apart and dark enough when printed in gray."""

    background_color = "#f4f4f4"
    styles = {
        Comment: "italic #5a5a5a",
        Keyword: "bold #14365f",
        Keyword.Constant: "bold #14365f",
        Operator.Word: "bold #14365f",
        Name.Decorator: "italic #14365f",
        Name.Function: "bold #000000",
        Name.Class: "bold #000000",
        Name.Exception: "bold #000000",
        String: "#6b3a00",
        Number: "#2e4a1f",
        Generic.Error: "#000000",
        Generic.Traceback: "#000000",
        Error: "noinherit #000000",
    }


class SayingSection(SphinxTransform):
    """Say section for what the site calls a page."""

    # Before titles are collected, and after all text is there.
    default_priority = 870

    def apply(self, **kwargs: object) -> None:
        for text in list(self.document.findall(nodes.Text)):
            if _is_prose(text) and PAGE.search(text):
                new = PAGE.sub(_section, str(text))
                text.parent.replace(text, nodes.Text(new))
        for image in self.document.findall(nodes.image):
            if image.get("alt"):
                image["alt"] = PAGE.sub(_section, image["alt"])


def _section(match: re.Match) -> str:
    on = "" if match[1] is None else f"in {match[1]}"
    return f"{on}{'S' if match[2] == 'P' else 's'}ection{match[3]}"


def _is_prose(node: nodes.Node) -> bool:
    unread = (nodes.literal, nodes.literal_block, nodes.math, nodes.citation)
    while node := node.parent:
        if isinstance(node, unread):
            return False
    return True


class ShowOutputsAlone(SphinxPostTransform):
    """Leave out the code that the site shows only when it is asked to."""

    default_priority = 10

    def run(self, **kwargs: object) -> None:
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("hide_mode") in ("all", "input", "input+output"):
                for part in list(cell.children):
                    if "cell_input" in part.get("classes", ()):
                        cell.remove(part)
            cell.attributes.pop("hide_mode", None)


class JoinOutputs(SphinxPostTransform):
    """Show what one cell prints in one block."""

    default_priority = 11

    def run(self, **kwargs: object) -> None:
        for cell in self.document.findall(nodes.container):
            if "cell_output" not in cell["classes"]:
                continue
            for block in list(cell.children):
                before = block.parent.children[: cell.index(block)][-1:]
                if _prints(block) and before and _prints(before[0]):
                    text = f"{before[0].astext().rstrip()}\n{block.astext()}"
                    before[0].children = [nodes.Text(text)]
                    before[0].rawsource = text
                    cell.remove(block)


def _prints(node: nodes.Node) -> bool:
    return isinstance(node, nodes.literal_block)


class KeepLinesTogether(SphinxPostTransform):
    """Start a cell on a new page where only a few lines of it would fit."""

    default_priority = 12
    builders = ("latex",)

    def run(self, **kwargs: object) -> None:
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("nb_element") == "cell_code":
                blocks = cell.findall(nodes.literal_block)
                lines = [block.astext().count("\n") + 1 for block in blocks]
                need = min(sum(lines[:1]), 20) + min(sum(lines[1:]), 8) + 1
                room = rf"\bookneed{{{need}}}"
                start = _with_heading(cell)
                start.parent.insert(start.parent.index(start), _latex(room))


def _with_heading(node: nodes.Element) -> nodes.Element:
    """The section or solution that begins with a node, or the node."""
    while isinstance(node.parent, (nodes.section, solution_node)):
        before = node.parent.children[: node.parent.index(node)]
        if any(
            not isinstance(b, (nodes.title, addnodes.index)) for b in before
        ):
            break
        node = node.parent
    return node


class solutions_of_file(nodes.Element):
    """What was taken out of a page: its labels are that page's."""


class ArrangeBook(SphinxPostTransform):
    """Give LaTeX the parts of a book: front, sections, appendix, back.

    Sphinx hands over one tree, in which all other pages stand at the end of
    the first. The solutions move to the back.
    """

    # Before sphinx-exercise takes the numbers of exercises.
    default_priority = 1
    builders = ("latex",)

    def run(self, **kwargs: object) -> None:
        root = next(iter(self.document.findall(nodes.section)))
        pages = [
            page
            for page in self.document.findall(addnodes.start_of_file)
            if page.parent.parent is root or page.parent is root
        ]
        for wrapper in {
            id(page.parent): page.parent for page in pages
        }.values():
            wrapper.parent.remove(wrapper)
        main = [page for page in pages if self._number(page)]
        rest = [page for page in pages if not self._number(page)]
        counted = self.env.toc_fignumbers
        appendix = [page for page in rest if counted.get(page["docname"])]
        back = [page for page in rest if page not in appendix]
        for letter, page in zip("ABCDEFGH", appendix):
            _number_by_letter(counted[page["docname"]], letter)
        solutions = self._solutions(main + appendix)

        front = nodes.section(ids=root["ids"], names=root["names"])
        front += [child.deepcopy() for child in root.children]
        root["ids"] = []
        root.children = root.children[:1]  # the title, for the title page
        root += [_latex(r"\bookunnumbered"), front]
        root += [_latex(r"\bookmain"), *main]
        if appendix:
            root += [_latex(r"\bookappendix"), *appendix]
        root += [_latex(r"\backmatter\bookunnumbered")]
        root += [*solutions, *back]

    def _number(self, page: nodes.Element) -> str:
        numbers = self.env.toc_secnumbers.get(page["docname"], {}).get("", ())
        return ".".join(map(str, numbers or ()))

    def _solutions(self, pages: list[nodes.Element]) -> list[nodes.Element]:
        """A section of all solutions, taken out of their pages."""
        chapter = nodes.section(ids=["solutions"])
        chapter += nodes.title("", "Solutions to the Exercises")
        for page in pages:
            name = page["docname"]
            found = list(page.findall(solution_node))
            if not found:
                continue
            number = self._number(page) or "A"
            title = f"{number}  {self.env.titles[name].astext()}"
            section = nodes.section(ids=[f"solutions-{len(chapter)}"])
            section += nodes.title("", title)
            for solution in found:
                solution.parent.remove(solution)
                _keep_numbers(solution, self.env.toc_fignumbers[name])
                section += solution
            part = solutions_of_file(docname=name)
            part += [_latex(r"\bookneed{8}"), section]
            chapter += part
        if len(chapter) == 1:
            return []
        return [chapter]


def _number_by_letter(numbers: dict, letter: str) -> None:
    """Count in a page without a number from one, after its letter."""
    for counted in numbers.values():
        first = min(number[-1] for number in counted.values())
        for id, number in counted.items():
            counted[id] = (letter, number[-1] - first + 1)


def _keep_numbers(solution: nodes.Element, numbers: dict) -> None:
    for kind, counter in COUNTERS.items():
        for id, number in numbers.get(kind, {}).items():
            for node in list(solution.findall(nodes.Element)):
                if id in node["ids"] and node.tagname != "target":
                    text = ".".join(map(str, number))
                    raw = _latex(rf"\booknumber{{{counter}}}{{{text}}}")
                    node.parent.insert(node.parent.index(node), raw)


def _latex(text: str) -> nodes.raw:
    return nodes.raw("", f"\n{text}\n", format="latex")


class FitTables(SphinxPostTransform):
    """Give the columns of tables widths, and let long tables break."""

    default_priority = 12
    builders = ("latex",)

    def run(self, **kwargs: object) -> None:
        for table in list(self.document.findall(nodes.table)):
            rows = list(table.findall(nodes.row))
            if len(rows) > LONG:
                table["classes"].append("longtable")
            cells = [
                [e for e in row if isinstance(e, nodes.entry)] for row in rows
            ]
            spec = addnodes.tabular_col_spec()
            spec["spec"] = _columns(cells)
            table.parent.insert(table.parent.index(table), spec)


def _columns(rows: list[list[nodes.Element]]) -> str:
    """The columns of a table: those of few words get what they need, and the
    others share the rest, in points.
    """
    needs = [max(map(_width, column)) for column in zip(*rows)]
    left = LINE - 2 * COLUMN_SEP * len(needs)
    widths: dict[int, float] = {}
    for place in sorted(range(len(needs)), key=needs.__getitem__):
        share = left / (len(needs) - len(widths))
        widths[place] = min(needs[place], share)
        left -= widths[place]
    sides = {"text-right": r"\raggedleft", "text-center": r"\centering"}
    spec = ""
    for place, entry in enumerate(rows[-1]):
        side = next(
            filter(None, map(sides.get, entry["classes"])), r"\raggedright"
        )
        spec += rf">{{{side}\arraybackslash}}p{{{widths[place]:.1f}pt}}"
    return spec


def _width(cell: nodes.Element) -> float:
    """About how wide a cell is on one line, in points."""
    width = 0.0
    for text in cell.findall(nodes.Text):
        plain = str(text)
        if isinstance(text.parent, nodes.math):
            # A command is a sign, and braces and scripts are none.
            plain = re.sub(r"\\(math\w+|boldsymbol|tilde|hat|bar)\b", "", plain)
            plain = re.sub(r"\\[a-zA-Z]+|\\.", "x", plain)
            plain = re.sub(r"[{}_^\s]", "", plain)
            width += 7 * len(plain)
        else:
            width += 4.9 * len(plain)
    return width + 3


class ScaleFigures(SphinxPostTransform):
    """Make the letters in figures as large as those of captions."""

    default_priority = 12
    builders = ("latex",)

    def run(self, **kwargs: object) -> None:
        for image in self.document.findall(nodes.image):
            if not {"width", "height", "scale"} & image.attributes.keys():
                image["scale"] = SCALE


class SvgToPdf(ImageConverter):
    """Turn the figures into PDF, still vectors, which LaTeX can include."""

    conversion_rules = [("image/svg+xml", "application/pdf")]

    def is_available(self) -> bool:
        return shutil.which("rsvg-convert") is not None

    def convert(self, _from: str, _to: str) -> bool:
        command = ["rsvg-convert", "--format", "pdf", "--output", _to, _from]
        subprocess.run(command, check=True)
        return True


class PlainIds(SphinxPostTransform):
    """Take away ids that stand on every exercise, so more than once a page."""

    default_priority = 30

    def run(self, **kwargs: object) -> None:
        for node in self.document.findall(nodes.section):
            if isinstance(node.parent, (*EXERCISES, solution_node)):
                node["ids"] = []


class EditionEpub(Epub3Builder):
    """The EPUB of Sphinx, with what its manifest has to say and no scripts."""

    def handle_finish(self) -> None:
        static = Path(self.outdir, "_static")
        for path in static.iterdir():
            if path.name not in STYLES:
                path.unlink()
        cover(static / "cover.png", self.config)
        for path in Path(self.outdir, "_images").glob("*.svg"):
            text = path.read_text(encoding="utf-8")
            path.write_text(_valid(text), encoding="utf-8")
        for path in Path(self.outdir).rglob("*.xhtml"):
            text = path.read_text(encoding="utf-8")
            text = CLINGING.sub(r'<span class="together">\1\2</span>', text)
            text = re.sub(r"<math\b", f"<math {MATHML}", text)
            path.write_text(text, encoding="utf-8")
        super().handle_finish()

    def get_toc(self) -> None:
        super().get_toc()
        for node in self.refnodes:
            page, sign, anchor = node["refuri"].partition("#")
            node["refuri"] = posixpath.normpath(page) + sign + anchor
            name = posixpath.splitext(node["refuri"])[0]
            if number := self.env.toc_secnumbers.get(name, {}).get(""):
                dotted = ".".join(map(str, number))
                node["text"] = f"{dotted}. {node['text']}"

    def build_content(self) -> None:
        super().build_content()
        path = Path(self.outdir, "content.opf")
        text = path.read_text(encoding="utf-8")
        text = ITEM.sub(self._properties, text)
        text = text.replace("<dc:contributor>unknown</dc:contributor>", "")
        path.write_text(text, encoding="utf-8")

    def _properties(self, match: re.Match) -> str:
        """An item of the manifest, with the properties that it must have."""
        name, has = match[1], ""
        if name == "_static/cover.png":
            has = "cover-image"
        elif name.endswith(".xhtml"):
            page = Path(self.outdir, name).read_text(encoding="utf-8")
            has = "mathml" * ("<math" in page)
        return f'{match[0]} properties="{has}"' if has else match[0]


def _valid(svg: str) -> str:
    """A picture of Matplotlib as EPUB's rules want it: without a document type,
    with one id where several images are alike, and a path in a space.
    """
    seen: set[str] = set()

    def keep(match: re.Match) -> str:
        if match[1] in seen:
            return ""
        seen.add(match[1])
        return match[0]

    svg = re.sub(r"<!DOCTYPE[^>]*>", "", svg)
    svg = re.sub(r' id="([^"]*)"', keep, svg)
    return re.sub(r"<path(?![^>]*\sd=)", '<path d="M 0 0"', svg)


def cover(path: Path, config: Config) -> None:
    """Draw the cover of the EPUB: the title, over a line through points."""
    figure = Figure(figsize=(6, 9), facecolor="#14365f")
    axes = figure.add_axes((0, 0, 1, 0.55))
    axes.set_axis_off()
    rng = np.random.default_rng(0)
    x = rng.uniform(0.05, 0.95, 60)
    axes.plot(x, 0.15 + 0.6 * x + rng.normal(0, 0.07, 60), "o", color="#9fc3ea")
    axes.plot([0, 1], [0.15, 0.75], color="white", linewidth=3)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    words = "\n".join(config.html_title.split())
    label = f"{config.edition_label} edition"
    for height, text, size in (0.93, words, 44), (0.6, label, 20):
        figure.text(
            0.08, height, text, color="white", size=size, va="top",
            weight="bold" if size > 30 else "normal",
        )  # fmt: skip
    figure.savefig(path, dpi=160, metadata={"Software": None})


def trim_styles(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree
) -> None:
    """Leave the EPUB's pages the styles that are in it."""
    context["css_files"] = [
        file
        for file in context["css_files"]
        if Path(str(file.filename)).name in STYLES
    ]


def set_up_epub(app: Sphinx, config: Config) -> None:
    config.epub_cover = ("_static/cover.png", "epub-cover.html")
    config.html_static_path = [str(DESIGN / "edition.css")]
    config.epub_css_files = ["edition.css"]


def _visit_solutions(self, node: nodes.Element) -> None:
    self.curfilestack.append(node["docname"])


def _depart_solutions(self, node: nodes.Element) -> None:
    self.curfilestack.pop()


def _visit_exercise(self, node: nodes.Element) -> None:
    label = node["label"]
    self.body.append(f"\n\\begin{{bookexercise}}{{exercise:{label}}}")


def _depart_exercise(self, node: nodes.Element) -> None:
    registry = self.builder.env.sphinx_exercise_registry
    for solved in registry.values():
        if solved["node"].get("target_label") == node["label"]:
            label = f"solution:{node['label']}"
            self.body.append(f"\n\\booksolvedat{{{label}}}\n")
    self.body.append("\n\\end{bookexercise}\n")


def _visit_solution(self, node: nodes.Element) -> None:
    label = node["target_label"]
    self.body.append(f"\n\\begin{{booksolution}}{{solution:{label}}}")


def _depart_solution(self, node: nodes.Element) -> None:
    self.body.append("\n\\end{booksolution}\n")


def set_up_latex(app: Sphinx, config: Config) -> None:
    """Give LaTeX the title page, and the design of _theme/print/book.tex."""
    said = {
        "edition": f"{config.edition_label} edition",
        "year": config.copyright,
        "license": config.epub_copyright,
    }
    macros = [
        rf"\newcommand{{\book{name}}}{{{escape_tex(text)}}}"
        for name, text in said.items()
    ]
    macros.append(rf"\newcommand{{\booksite}}{{\url{{{config.edition_site}}}}}")
    design = (DESIGN / "book.tex").read_text(encoding="utf-8")
    config.latex_elements["preamble"] = "\n".join([*macros, design])
    config.latex_documents = [
        (
            config.root_doc,
            "book.tex",
            config.html_title,
            config.author,
            "manual",
        )
    ]


def setup(app: Sphinx) -> dict:
    app.add_config_value("edition_label", "", "env", [str])
    app.add_config_value("edition_site", "", "env", [str])
    # After Sphinx has taken what it takes for a title.
    app.connect("config-inited", set_up_latex, priority=900)
    app.add_transform(SayingSection)
    app.add_post_transform(ShowOutputsAlone)
    app.add_post_transform(JoinOutputs)
    app.add_post_transform(KeepLinesTogether)
    app.add_post_transform(ArrangeBook)
    app.add_post_transform(FitTables)
    app.add_post_transform(ScaleFigures)
    app.add_post_transform(SvgToPdf)
    app.add_node(solutions_of_file, latex=(_visit_solutions, _depart_solutions))
    app.add_post_transform(PlainIds)
    app.add_builder(EditionEpub, override=True)
    app.connect("config-inited", set_up_epub)
    app.connect("html-page-context", trim_styles, priority=900)
    for node in EXERCISES:
        app.add_node(
            node, override=True, latex=(_visit_exercise, _depart_exercise)
        )
    app.add_node(
        solution_node, override=True, latex=(_visit_solution, _depart_solution)
    )
    return {"version": "1", "parallel_read_safe": True}
