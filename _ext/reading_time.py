"""Define the role {minutes}, which inserts how long a page takes to read.

Text and captions are read at 200 words per minute, for one framework. Code,
displayed formulas, and solutions do not count. An inline formula counts as one word.
"""

from __future__ import annotations

import math
import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxRole
from sphinx.util.logging import getLogger

from . import _private
from .framework_tabs import framework_around

logger = getLogger(__name__)
WORDS_PER_MINUTE = 200
WORD = re.compile(r"\w\S*")


class reading_time(nodes.Inline, nodes.Element):
    """Mark where to insert the reading time of the page with the label `target`."""


class MinutesRole(SphinxRole):
    """Implement {minutes}`sec_softmax`, which inserts a text such as "12 min"."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        node = reading_time(target=self.text.strip().lower())
        self.set_source_info(node)
        return [node], []


def count_words(doctree: nodes.document) -> int:
    """Return the number of words that readers of the page's first framework read."""
    first, count = None, 0
    for text in doctree.findall(nodes.Text):
        if _is_skipped(text):
            continue
        framework = framework_around(text)
        first = first or framework
        if framework in (None, first):
            formula = isinstance(text.parent, nodes.math)
            count += 1 if formula else len(WORD.findall(text.astext()))
    return count


def _is_skipped(node: nodes.Node) -> bool:
    while (node := node.parent) is not None:
        if isinstance(node, nodes.caption):
            return False
        if isinstance(node, (nodes.literal_block, nodes.math_block, nodes.raw)):
            return True
        if isinstance(node, (_private.solution_node, nodes.comment)):
            return True
        if _private.cell_metadata(node) is not None:
            return True
    return False


class CountMinutes(SphinxTransform):
    """Store the minutes of a page that Sphinx has read."""

    default_priority = 900  # after framework_tabs.py has found the tabs

    def apply(self, **kwargs: object) -> None:
        time = max(1, math.ceil(count_words(self.document) / WORDS_PER_MINUTE))
        self.env.metadata[self.env.docname]["minutes"] = time


class InsertMinutes(SphinxPostTransform):
    """Replace {minutes} with the reading time of the page that the label is on."""

    default_priority = 5

    def run(self, **kwargs: object) -> None:
        labels = self.env.get_domain("std").anonlabels
        for node in list(self.document.findall(reading_time)):
            label = node["target"]
            if label in labels:
                time = self.env.metadata[labels[label][0]]["minutes"]
                node.replace_self(nodes.Text(f"{time}\xa0min"))
                continue
            logger.warning(
                "undefined label in {minutes}`%s`", label,
                location=node, type="d2l", subtype="minutes",
            )  # fmt: skip
            node.replace_self(nodes.Text(label))


def reading_times(env: BuildEnvironment) -> list[tuple[str, int]]:
    """Return the reading times of all pages, in minutes."""
    return sorted((name, data.get("minutes", 0)) for name, data in env.metadata.items())


def setup(app: Sphinx) -> dict:
    app.add_role("minutes", MinutesRole())
    app.add_transform(CountMinutes)
    app.add_post_transform(InsertMinutes)
    return {"version": "1", "parallel_read_safe": True}
