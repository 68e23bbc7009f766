"""Say how long a page takes to read: the role {minutes}.

Readers of one framework read its text and captions at 200 words per minute. Code,
displayed formulas, and solutions do not count. A formula in a line is one word.
"""

from __future__ import annotations

import math
import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxRole
from sphinx.util.logging import getLogger

from . import _private
from .framework_tabs import framework_around

logger = getLogger(__name__)
WORDS_PER_MINUTE = 200
WORD = re.compile(r"\w\S*")


class minutes(nodes.Inline, nodes.Element):
    """The minutes that it takes to read the page with the label `target`."""


class MinutesRole(SphinxRole):
    """{minutes}`sec_softmax` inserts the time to read that page, as in "12 min"."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        node = minutes(target=self.text.strip().lower())
        self.set_source_info(node)
        return [node], []


def count_words(doctree: nodes.document) -> int:
    """Return how many words the readers of the first framework read."""
    first, count = None, 0
    for node in doctree.findall(lambda n: isinstance(n, (nodes.Text, nodes.math))):
        if isinstance(node.parent, nodes.math) or _is_skipped(node):
            continue
        framework = framework_around(node)
        first = first or framework
        if framework in (None, first):
            formula = isinstance(node, nodes.math)
            count += 1 if formula else len(WORD.findall(node.astext()))
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


def remember_reading_time(app: Sphinx, doctree: nodes.document) -> None:
    """Store the minutes of a page when Sphinx has read it."""
    minutes = max(1, math.ceil(count_words(doctree) / WORDS_PER_MINUTE))
    app.env.metadata[app.env.docname]["minutes"] = minutes


class InsertMinutes(SphinxPostTransform):
    """Replace {minutes} by the time of the page that its label belongs to."""

    default_priority = 5

    def run(self, **kwargs: object) -> None:
        labels = self.env.get_domain("std").anonlabels
        for node in list(self.document.findall(minutes)):
            docname = labels.get(node["target"], ("",))[0]
            time = self.env.metadata.get(docname, {}).get("minutes")
            if time is None:
                logger.warning(
                    "{minutes}`%s`: no page has this label", node["target"],
                    location=node, type="d2l", subtype="minutes",
                )  # fmt: skip
            node.replace_self(nodes.Text(f"{time}\xa0min"))


def reading_times(env: BuildEnvironment) -> list[tuple[str, int]]:
    """Return the minutes of all pages."""
    return sorted((name, data.get("minutes", 0)) for name, data in env.metadata.items())


def setup(app: Sphinx) -> dict:
    app.add_role("minutes", MinutesRole())
    app.add_post_transform(InsertMinutes)
    app.connect("doctree-read", remember_reading_time)
    return {"version": "1", "parallel_read_safe": True}
