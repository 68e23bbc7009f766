"""Adapt the text of the printed editions, PDF and EPUB.

An edition has the code of one framework, without tabs or folds. What the site calls
a page is called a section here, because a printed book has pages of its own.
"""

from __future__ import annotations

import re

from docutils import nodes
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
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

from ._private import (
    exercise_enumerable_node,
    exercise_node,
    is_component,
    solution_node,
)

EXERCISES = (exercise_node, exercise_enumerable_node)
PAGE = re.compile(r"\b(?:on ((?:\w+ ){0,2}))?([Pp])age(s?)\b")
NOT_PROSE = (nodes.literal, nodes.literal_block, nodes.math, nodes.citation)


class Printed(Style):
    """Color code so that it stays readable, and colors differ, when printed in gray."""

    background_color = "#f4f4f4"
    styles = {
        Comment: "italic #5a5a5a",
        Keyword: "bold #14365f",
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


class CallPagesSections(SphinxTransform):
    """Replace the word "page" in prose and in the descriptions of images."""

    # Before titles are collected, and after all text has been inserted.
    default_priority = 870

    def apply(self, **kwargs: object) -> None:
        for text in list(self.document.findall(nodes.Text)):
            new = PAGE.sub(_section, text)
            if new != text and not _is_inside(text, NOT_PROSE):
                text.parent.replace(text, nodes.Text(new))
        for image in self.document.findall(nodes.image):
            if image.get("alt"):
                image["alt"] = PAGE.sub(_section, image["alt"])


def _section(match: re.Match) -> str:
    on = "" if match[1] is None else f"in {match[1]}"
    return f"{on}{'S' if match[2] == 'P' else 's'}ection{match[3]}"


def _is_inside(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    while node := node.parent:
        if isinstance(node, kinds):
            return True
    return False


class RemoveHiddenCode(SphinxPostTransform):
    """Remove the code that the site shows only on request."""

    default_priority = 10

    def run(self, **kwargs: object) -> None:
        for cell in self.document.findall(nodes.container):
            if cell.attributes.pop("hide_mode", None) in (None, "output"):
                continue
            cell.children = [
                part
                for part in cell.children
                if "cell_input" not in part["classes"]
            ]


class UnfoldDropdowns(SphinxPostTransform):
    """Start the text of a fold, such as a hint, with its title in bold."""

    # Before sphinx-design makes a fold of it.
    default_priority = 10

    def run(self, **kwargs: object) -> None:
        for fold in list(self.document.findall(nodes.container)):
            if not is_component(fold, "dropdown"):
                continue
            title, *children = fold.children
            if not isinstance(title, nodes.rubric):
                fold.replace_self(fold.children)
                continue
            stop = "" if title.astext()[-1:] in ".?!:" else "."
            head = nodes.strong("", "", *title.children, nodes.Text(stop))
            if children and isinstance(children[0], nodes.paragraph):
                children[0][:0] = [head, nodes.Text(" ")]
            else:
                children.insert(0, nodes.paragraph("", "", head))
            fold.replace_self(children)


class JoinPrintedOutputs(SphinxPostTransform):
    """Join everything that a cell prints into one block."""

    default_priority = 11

    def run(self, **kwargs: object) -> None:
        for block in list(self.document.findall(nodes.literal_block)):
            if "cell_output" not in block.parent.get("classes", ()):
                continue
            before = block.previous_sibling()
            if isinstance(before, nodes.literal_block):
                text = f"{before.astext().rstrip()}\n{block.astext()}"
                before.children = [nodes.Text(text)]
                before.rawsource = text
                block.parent.remove(block)


class RemoveRepeatedIds(SphinxPostTransform):
    """Remove the ids that sphinx-exercise gives to the contents of all exercises."""

    default_priority = 30

    def run(self, **kwargs: object) -> None:
        for node in self.document.findall(nodes.section):
            if isinstance(node.parent, (*EXERCISES, solution_node)):
                node["ids"] = []


def setup(app: Sphinx) -> dict:
    app.add_config_value("edition_label", "", "env", [str])
    app.add_config_value("edition_site", "", "env", [str])
    app.add_config_value("comments_config", {}, "")  # which Jupyter Book always sets
    app.add_transform(CallPagesSections)
    app.add_post_transform(RemoveHiddenCode)
    app.add_post_transform(UnfoldDropdowns)
    app.add_post_transform(JoinPrintedOutputs)
    app.add_post_transform(RemoveRepeatedIds)
    return {"version": "1", "parallel_read_safe": True}
