"""Write the HTML of a page, with permalinks, folds, figures, and scrolling boxes."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator

from ._private import (
    HideCodeCellNode,
    depart_container,
    exercise_enumerable_node,
    exercise_node,
    solution_node,
)
from ._private import (
    visit_container as visit_design_container,
)
from .dark_figures import figure_html

# Spans by Pygments that the theme does not color, and that are therefore left out.
PLAIN = re.compile(r'<span class="(?:n|p|w|o|nn|bp|fm|vm|nv)">([^<]*)</span>')
# A browser would break a line between a formula and the comma after it.
TIED = re.compile(
    r'([(\[“]?)(<span class="math">(?:(?!</math>).)*</math></span>)'
    r"([.,;:!?)\]’”–-]*)",
    re.DOTALL,
)
# Code and table cells of at most so many characters stay on one line.
SHORT_CODE, SHORT_CELL = 24, 8
# Colors in HTML outputs are meant for white pages, so they are left out.
OUTPUT = re.compile(r"<(?:table|pre)\b")
# The difficulty of an exercise, at the start of its title.
STARS = re.compile("★{1,3}")
COLORED = re.compile(r'(<(?:span|pre|table|td|th|tr)\b[^>]*?) style="[^"]*"')
SCOPED = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)


class Translator(HTML5Translator):
    """Extend Sphinx's HTML with permalinks, folds, figures, and scrolling boxes."""

    def add_permalink_ref(self, node: nodes.Element, title: str) -> None:
        """Append a link from the node to itself."""
        if node["ids"] and self.builder.add_permalinks:
            self.body.append(_permalink(node["ids"][0], title))

    # Code

    def visit_literal_block(self, node: nodes.Element) -> None:
        try:
            super().visit_literal_block(node)
        except nodes.SkipNode:
            html = self.body[-1].replace("<pre><span></span>", "<pre>")
            self.body[-1] = PLAIN.sub(r"\1", html)
            raise

    def visit_literal(self, node: nodes.literal) -> None:
        if len(node.astext()) <= SHORT_CODE:
            node["classes"].append("tied")
        super().visit_literal(node)

    # Figures and tables

    def visit_image(self, node: nodes.Element) -> None:
        source = Path(self.builder.srcdir, node["uri"])
        if source.suffix != ".svg" or node["uri"] not in self.builder.images:
            return super().visit_image(node)
        name = self.builder.images[node["uri"]]
        folder = Path(self.builder.outdir, self.builder.imagedir)
        self.body.append(
            figure_html(
                source, folder / name, self.builder.imgpath, node.get("alt", "")
            )
        )

    def depart_image(self, node: nodes.Element) -> None:
        pass

    def visit_table(self, node: nodes.Element) -> None:
        self.body.append('<div class="wide">')
        super().visit_table(node)

    def depart_table(self, node: nodes.Element) -> None:
        super().depart_table(node)
        self.body.append("</div>\n")

    def visit_entry(self, node: nodes.entry) -> None:
        if len(node.astext()) <= SHORT_CELL:
            node["classes"].append("tied")
        super().visit_entry(node)

    def visit_raw(self, node: nodes.raw) -> None:
        text = node.rawsource or node.astext()
        if "html" in node.get("format", "") and OUTPUT.search(text):
            text = COLORED.sub(r"\1", SCOPED.sub("", text))
            text = text.replace(' border="1"', "")
            self.body.append(f'<div class="wide">{text}</div>')
            raise nodes.SkipNode
        super().visit_raw(node)

    def visit_citation(self, node: nodes.Element) -> None:
        super().visit_citation(node)
        # The role that docutils writes is deprecated in ARIA, where the children of a
        # list are its items.
        entry = self.body[-1].replace("doc-biblioentry", "listitem")
        self.body[-1] = entry

    # Exercises, solutions, and boxes

    def visit_admonition(self, node: nodes.Element, name: str = "") -> None:
        if not _folded(node):
            return super().visit_admonition(node, name)
        self.body.append(self.starttag(node, "details", CLASS="admonition"))

    def depart_admonition(self, node: nodes.Element | None = None) -> None:
        if node is None or not _folded(node):
            return super().depart_admonition(node)
        self.body.append("</details>\n")

    def visit_title(self, node: nodes.title) -> None:
        if isinstance(node.parent, solution_node) and _folded(node.parent):
            # It is below its exercise, which has the number and the title.
            name = escape(node.astext().partition(" (")[0])
            self.body.append(f'<summary aria-label="{name}">Solution</summary>')
            raise nodes.SkipNode
        if _folded(node.parent):
            self.body.append("<summary>")
        else:
            super().visit_title(node)

    def depart_title(self, node: nodes.title) -> None:
        if _folded(node.parent):
            self.body.append("</summary>\n")
            return
        if isinstance(node.parent, exercise_enumerable_node):
            self.add_permalink_ref(node.parent, "Link to this exercise")
        super().depart_title(node)

    def visit_section(self, node: nodes.section) -> None:
        # sphinx-exercise gives the contents of all exercises the same id.
        if node["ids"] in (["exercise-content"], ["solution-content"]):
            self.section_level += 1
            self.body.append("<div>")
        else:
            super().visit_section(node)

    def depart_section(self, node: nodes.section) -> None:
        if node["ids"] in (["exercise-content"], ["solution-content"]):
            self.section_level -= 1
            self.body.append("</div>\n")
        else:
            super().depart_section(node)


def _permalink(target: str, title: str) -> str:
    return (
        f'<a class="headerlink" tabindex="-1" href="#{escape(target)}" '
        f'aria-label="{escape(title)}" title="{escape(title)}">#</a>'
    )


def _tie(match: re.Match) -> str:
    if not (match[1] or match[3]):
        return match[0]
    return f'<span class="tied">{match[0]}</span>'


def _folded(node: nodes.Node) -> bool:
    kinds = (solution_node, nodes.admonition)
    return isinstance(node, kinds) and "dropdown" in node["classes"]


def read_stars(html: str) -> str:
    """Label the stars in a title for screen readers."""
    return STARS.sub(
        lambda stars: f'<span class="grade" role="img" aria-label="Difficulty '
        f'{len(stars[0])} of 3:">{stars[0]}</span>',
        html,
    )


class ReadStars(SphinxPostTransform):
    """Label the stars in the titles of exercises for screen readers."""

    # After sphinx-exercise has assembled the titles.
    default_priority = 30
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        kinds = (exercise_enumerable_node, exercise_node, solution_node)
        for node in self.document.findall(lambda n: isinstance(n, kinds)):
            for text in list(node[0].findall(nodes.Text)):
                if STARS.search(text):
                    html = read_stars(escape(text, quote=False))
                    text.parent.replace(text, nodes.raw("", html, format="html"))


def visit_container(self: HTML5Translator, node: nodes.Element) -> None:
    if node.get("nb_element") == "cell_code":
        anchor = node["cell_metadata"].get("anchor")
        if anchor:
            node["ids"] = [anchor]
    visit_design_container(self, node)
    if node.get("nb_element") == "cell_code_source" and node.parent["ids"]:
        self.add_permalink_ref(node.parent, "Link to this cell")


def visit_folded_code(self: HTML5Translator, node: nodes.Element) -> None:
    """Name the summary by its text, unlike myst-nb."""
    classes = " ".join(["admonition", "hide", *node["classes"]])
    self.body.append(f'<details class="{classes}">\n<summary>\n')
    for state, words in (("collapsed", "show"), ("expanded", "hide")):
        text = self.encode(node[f"prompt_{words}"])
        self.body.append(f'<p class="{state} admonition-title">{text}</p>\n')
    self.body.append("</summary>\n")


def depart_folded_code(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append("</details>\n")


def visit_solution(self: HTML5Translator, node: nodes.Element) -> None:
    tag = "details" if _folded(node) else "div"
    self.body.append(self.starttag(node, tag, CLASS="admonition"))


def depart_solution(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append("</details>\n" if _folded(node) else "</div>\n")


def tie_punctuation_to_formulas(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree
) -> None:
    """Keep a formula and the punctuation around it on one line."""
    if "body" in context:
        context["body"] = TIED.sub(_tie, context["body"])


def setup(app: Sphinx) -> dict:
    app.set_translator("html", Translator)
    app.add_node(
        HideCodeCellNode, override=True,
        html=(visit_folded_code, depart_folded_code),
    )  # fmt: skip
    # As a method of Translator, it would be overridden by sphinx-design's.
    app.add_node(
        nodes.container, override=True, html=(visit_container, depart_container)
    )
    app.add_node(
        solution_node, override=True, html=(visit_solution, depart_solution)
    )
    app.add_post_transform(ReadStars)
    app.connect("html-page-context", tie_punctuation_to_formulas, priority=800)
    return {"version": "1", "parallel_read_safe": True}
