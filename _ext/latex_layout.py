r"""Lay out the PDF: the order of the book, page breaks, tables, and exercises.

The macros that begin with \book are defined in _theme/print/book.tex.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.transforms.post_transforms.images import ImageConverter
from sphinx.writers.latex import LaTeXTranslator

from ._private import escape_tex, exercise_titles, solution_node
from .appendix_numbers import letter_of
from .printed_text import EXERCISES

DESIGN = Path(__file__).resolve().parent.parent / "_theme" / "print" / "book.tex"
# The kinds of things that Sphinx numbers, and LaTeX's counter for each.
COUNTERS = {"figure": "figure", "table": "table", "displaymath": "equation"}
LONG_TABLE = 8  # rows; a longer table may continue on the next page
LINE, COLUMN_SEP = 380, 6  # points
ALIGNMENTS = {"text-right": r"\raggedleft", "text-center": r"\centering"}
FIGURE_SCALE = 75  # percent; the letters in figures have 12 points


def _latex(text: str) -> nodes.raw:
    return nodes.raw("", f"\n{text}\n", format="latex")


def _insert_before(node: nodes.Element, new: nodes.Node) -> None:
    node.parent.insert(node.parent.index(node), new)


class solutions_of_page(nodes.Element):
    """Contain the solutions of one page, so that their labels belong to that page."""


class ArrangeBook(SphinxPostTransform):
    """Arrange the parts of the book: front, sections, appendix, back.

    Sphinx passes LaTeX one tree, in which the pages follow the text of the first
    page. Numbered pages are sections. Other pages before them belong to the front.
    Of those after them, the ones with figures or formulas become the appendix. The
    solutions move to the back.
    """

    # Before sphinx-exercise reads the numbers of exercises.
    default_priority = 1
    builders = ("latex",)

    def run(self, **kwargs: object) -> None:
        root = self.document.next_node(nodes.section)
        pages = []
        for wrapper in list(root.findall(nodes.compound)):
            if wrapper.parent is root and "toctree-wrapper" in wrapper["classes"]:
                pages += wrapper.children
                root.remove(wrapper)
        main = [page for page in pages if self._number(page)]
        rest = [page for page in pages if not self._number(page)]
        appendix = [page for page in rest if letter_of(self.env, page["docname"])]
        start = pages.index(main[0]) if main else 0
        early = [page for page in pages[:start] if page not in appendix]
        back = [page for page in rest if page not in appendix + early]
        solutions = self._take_solutions(main + appendix)

        title = root[0].deepcopy()  # for the title page
        front = nodes.section("", *root.children, ids=root["ids"], names=root["names"])
        root["ids"] = []
        root.children = []
        root += [title, _latex(r"\bookunnumbered"), front, *early]
        root += [_latex(r"\bookmain"), *main]
        if appendix:
            root += [_latex(r"\bookappendix"), *appendix]
        root += [_latex(r"\backmatter\bookunnumbered"), *solutions, *back]

    def _number(self, page: nodes.Element) -> str:
        numbers = self.env.toc_secnumbers.get(page["docname"], {}).get("", ())
        return ".".join(map(str, numbers or ()))

    def _take_solutions(self, pages: list[nodes.Element]) -> list[nodes.Element]:
        """Remove the solutions from their pages, and return them as a chapter."""
        parts = []
        for page in pages:
            name = page["docname"]
            solutions = list(page.findall(solution_node))
            if not solutions:
                continue
            number = self._number(page) or letter_of(self.env, name)
            title = f"{number}  {self.env.titles[name].astext()}"
            section = nodes.section(ids=[f"solutions-{len(parts) + 1}"])
            section += nodes.title("", title)
            for solution in solutions:
                solution.parent.remove(solution)
                _keep_numbers(solution, self.env.toc_fignumbers[name])
                section += solution
            parts.append(
                solutions_of_page("", _latex(r"\bookneed{8}"), section, docname=name)
            )
        if not parts:
            return []
        title = nodes.title("", "Solutions to the Exercises")
        return [nodes.section("", title, *parts, ids=["solutions"])]


def _keep_numbers(solution: nodes.Element, numbers: dict) -> None:
    """Keep the numbers of the figures and equations in a solution."""
    for kind, counter in COUNTERS.items():
        for id, number in numbers.get(kind, {}).items():
            for node in list(solution.findall(nodes.Element)):
                if id in node["ids"] and node.tagname != "target":
                    text = ".".join(map(str, number))
                    command = rf"\booknumber{{{counter}}}{{{text}}}"
                    _insert_before(node, _latex(command))


class LinkExercisesOfOtherPages(SphinxPostTransform):
    """Link to an exercise on another page as to one on the same page.

    sphinx-exercise handles only the latter.
    """

    default_priority = 23  # after sphinx-exercise
    builders = ("latex",)

    def run(self, **kwargs: object) -> None:
        labels = {label for label, _ in exercise_titles(self.env)}
        for link in list(self.document.findall(addnodes.number_reference)):
            label = link.get("refuri", "").rpartition("#")[2]
            if label in labels:
                text = escape_tex(link.astext())
                latex = rf"\hyperref[exercise:{label}]{{{text}}}"
                link.replace_self(nodes.raw("", latex, format="latex"))


class KeepLinesTogether(SphinxPostTransform):
    """Start a cell, or a box with an early formula, on a new page if little would fit."""

    default_priority = 12
    builders = ("latex",)

    def run(self, **kwargs: object) -> None:
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("nb_element") == "cell_code":
                blocks = cell.findall(nodes.literal_block)
                lines = [block.astext().count("\n") + 1 for block in blocks]
                need = min(sum(lines[:1]), 20) + min(sum(lines[1:]), 8) + 1
                command = rf"\bookneed{{{need}}}"
                _insert_before(_with_heading(cell), _latex(command))
        for box in list(self.document.findall(nodes.admonition)):
            # LaTeX breaks no page between the end of a paragraph and its formula, so
            # leave room for the title and both.
            if any(isinstance(child, nodes.math_block) for child in box.children[1:3]):
                _insert_before(box, _latex(r"\bookneed{14}"))


def _with_heading(node: nodes.Element) -> nodes.Element:
    """Return the section or solution that starts with a node, or else the node."""
    while isinstance(node.parent, (nodes.section, solution_node)):
        before = node.parent.children[: node.parent.index(node)]
        if not all(isinstance(n, (nodes.title, addnodes.index)) for n in before):
            break
        node = node.parent
    return node


class FitTables(SphinxPostTransform):
    """Set the widths of the columns of tables, and let long tables break."""

    default_priority = 12
    builders = ("latex",)

    def run(self, **kwargs: object) -> None:
        for table in list(self.document.findall(nodes.table)):
            rows = [
                [cell for cell in row if isinstance(cell, nodes.entry)]
                for row in table.findall(nodes.row)
            ]
            if len(rows) > LONG_TABLE:
                table["classes"].append("longtable")
            _insert_before(table, addnodes.tabular_col_spec(spec=_columns(rows)))


def _columns(rows: list[list[nodes.Element]]) -> str:
    """Return LaTeX's specification of the columns of a table.

    Columns with few words get the width that they need, and the other columns share
    the rest.
    """
    needs = [max(map(_width, column)) for column in zip(*rows)]
    left = LINE - 2 * COLUMN_SEP * len(needs)
    widths: dict[int, float] = {}
    for place in sorted(range(len(needs)), key=needs.__getitem__):
        share = left / (len(needs) - len(widths))
        widths[place] = min(needs[place], share)
        left -= widths[place]
    spec = ""
    for place, cell in enumerate(rows[-1]):
        found = [ALIGNMENTS[c] for c in cell["classes"] if c in ALIGNMENTS]
        side = found[0] if found else r"\raggedright"
        spec += rf">{{{side}\arraybackslash}}p{{{widths[place]:.1f}pt}}"
    return spec


def _width(cell: nodes.Element) -> float:
    """Estimate the width of a table's cell on one line, in points."""
    width = 3.0
    for text in cell.findall(nodes.Text):
        if isinstance(text.parent, nodes.math):
            # A command counts as one letter. Accents, braces, and script marks do not count.
            plain = re.sub(r"\\(math\w+|boldsymbol|tilde|hat|bar)\b", "", text)
            plain = re.sub(r"\\[a-zA-Z]+|\\.", "x", plain)
            width += 7 * len(re.sub(r"[{}_^\s]", "", plain))
        else:
            width += 4.9 * len(text)
    return width


class ScaleFigures(SphinxPostTransform):
    """Scale figures so that their letters are as large as those of captions."""

    default_priority = 12
    builders = ("latex",)

    def run(self, **kwargs: object) -> None:
        for image in self.document.findall(nodes.image):
            if not {"width", "height", "scale"} & image.attributes.keys():
                image["scale"] = FIGURE_SCALE


class ConvertSvgToPdf(ImageConverter):
    """Convert figures to PDF, which LaTeX can include as vector graphics."""

    conversion_rules = [("image/svg+xml", "application/pdf")]

    def is_available(self) -> bool:
        return True  # bookbuild.print_editions has looked for it

    def convert(self, _from: str, _to: str) -> bool:
        command = ["rsvg-convert", "--format", "pdf", "--output", _to, _from]
        subprocess.run(command, check=True)
        return True


def visit_solutions_of_page(self: LaTeXTranslator, node: nodes.Element) -> None:
    self.curfilestack.append(node["docname"])


def depart_solutions_of_page(self: LaTeXTranslator, node: nodes.Element) -> None:
    self.curfilestack.pop()


def visit_exercise(self: LaTeXTranslator, node: nodes.Element) -> None:
    self.body.append(f"\n\\begin{{bookexercise}}{{exercise:{node['label']}}}")


def depart_exercise(self: LaTeXTranslator, node: nodes.Element) -> None:
    label = node["label"]
    registry = self.builder.env.sphinx_exercise_registry
    if any(e["node"].get("target_label") == label for e in registry.values()):
        self.body.append(f"\n\\booksolvedat{{solution:{label}}}\n")
    self.body.append("\n\\end{bookexercise}\n")


def visit_solution(self: LaTeXTranslator, node: nodes.Element) -> None:
    label = node["target_label"]
    self.body.append(f"\n\\begin{{booksolution}}{{solution:{label}}}")


def depart_solution(self: LaTeXTranslator, node: nodes.Element) -> None:
    self.body.append("\n\\end{booksolution}\n")


def set_up_latex(app: Sphinx, config: Config) -> None:
    """Pass LaTeX the texts of the title page, and the design."""
    site = config.edition_site
    texts = {
        "edition": escape_tex(f"{config.edition_label} edition"),
        "year": escape_tex(config.copyright),
        "license": escape_tex(config.epub_copyright),
        "site": site and rf"The website of the book, with all frameworks: \url{{{site}}}\par",
    }
    config.latex_elements["preamble"] = "\n".join(
        [rf"\newcommand{{\book{name}}}{{{text}}}" for name, text in texts.items()]
        + [DESIGN.read_text(encoding="utf-8")]
    )
    config.latex_documents = [
        (config.root_doc, "book.tex", config.html_title, config.author, "manual")
    ]


def setup(app: Sphinx) -> dict:
    app.setup_extension("_ext.printed_text")
    # After sphinx-external-toc has named the first page.
    app.connect("config-inited", set_up_latex, priority=900)
    for transform in (
        ArrangeBook,
        LinkExercisesOfOtherPages,
        KeepLinesTogether,
        FitTables,
        ScaleFigures,
        ConvertSvgToPdf,
    ):
        app.add_post_transform(transform)
    app.add_node(
        solutions_of_page,
        latex=(visit_solutions_of_page, depart_solutions_of_page),
    )
    for kind in EXERCISES:
        app.add_node(kind, override=True, latex=(visit_exercise, depart_exercise))
    app.add_node(
        solution_node, override=True, latex=(visit_solution, depart_solution)
    )
    return {"version": "1", "parallel_read_safe": True}
