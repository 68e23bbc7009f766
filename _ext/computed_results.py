"""Insert what cells have recorded into the prose: the role {result}.

In the doctree a result is a node, so that each output inserts the values that
belong to it. The site shows this machine's, a notebook its own.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxRole
from sphinx.util.logging import getLogger

from .executed_outputs import page_data
from .framework_tabs import framework_around

logger = getLogger(__name__)


class computed_result(nodes.Inline, nodes.Element):
    """A result that a cell of the page `docname` has recorded under `name`."""


class ResultRole(SphinxRole):
    """{result}`name` inserts what record("name", ...) has recorded."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        node = computed_result(name=self.text.strip(), docname=self.env.docname)
        self.set_source_info(node)
        return [node], []


class InsertComputedResults(SphinxPostTransform):
    """Replace results by this machine's values, except in notebooks.

    In a framework's tab it is that framework's value. Elsewhere each framework's
    is named, unless all are the same.
    """

    default_priority = 5

    def run(self, **kwargs: object) -> None:
        if self.app.builder.name == "notebooks":
            return
        for node in list(self.document.findall(computed_result)):
            page = page_data(self.env, node["docname"])
            around = framework_around(node)
            texts = {
                name: recorded.get(node["name"], page["fallback"][name])
                for name, recorded in page["results"].items()
                if around in (None, name)
            }
            for name, text in texts.items():
                if text is None:
                    warn_of_missing_result(node, page["labels"][name])
            same = len(set(texts.values())) == 1
            new = []
            for name, text in list(texts.items())[: 1 if same else None]:
                if not same:
                    label = page["labels"][name]
                    new.append(nodes.Text(f"{', ' if new else ''}{label} "))
                new.append(nodes.inline("", text or "", classes=["pasted-text"]))
            node.replace_self(new or [nodes.Text(node["name"])])


def warn_of_missing_result(node: computed_result, label: str) -> None:
    """Warn that no cell records a result, with the place and the cure."""
    name = node["name"]
    logger.warning(
        "{result}`%s` is not recorded by %s: no cell of the page calls "
        "record(%r, ...)", name, label, name,
        location=node, type="d2l", subtype="result",
    )  # fmt: skip


def setup(app: Sphinx) -> dict:
    app.add_role("result", ResultRole())
    app.add_post_transform(InsertComputedResults)
    return {"version": "1", "parallel_read_safe": True}
