"""Define the role {eval}, which inserts into the prose what the cells have computed.

In the doctree, a value is a node, so that each builder can insert its own values. The
site shows the values of this machine, and a notebook shows its own.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxRole
from sphinx.util.logging import getLogger
from sphinx.writers.html5 import HTML5Translator

from bookbuild.page import EVAL

from .executed_outputs import page_data
from .framework_tabs import do_nothing, framework_around

logger = getLogger(__name__)
NUMBER = re.compile(r"(-?)([\d,]*\.?\d+)(?:e([+-]\d+))?( ?%)?")


class computed_result(nodes.Inline, nodes.Element):
    """Mark where to insert the value of the expression `name` on the page `docname`."""


class framework_value(nodes.Inline, nodes.Element):
    """Contain a value that only the readers of `framework` see."""


class ResultRole(SphinxRole):
    """Implement {eval}`accuracy:.1%`, which inserts the value of an expression."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        node = computed_result(name=self.text, docname=self.env.docname)
        self.set_source_info(node)
        return [node], []


class InsertComputedResults(SphinxPostTransform):
    """Replace results with this machine's values, except in notebooks.

    A framework's tab shows that framework's value. Elsewhere, readers see the value
    of the framework that they have chosen, or, without scripts, all values, with
    those of the other frameworks in parentheses.
    """

    default_priority = 5

    def run(self, **kwargs: object) -> None:
        if self.app.builder.name == "notebooks":
            return
        for node in list(self.document.findall(computed_result)):
            page = page_data(self.env, node["docname"])
            around = framework_around(node)
            texts = {
                name: values.get(node["name"], page["fallback"][name])
                for name, values in page["results"].items()
                if around in (None, name)
            }
            for name, text in texts.items():
                if text is None:
                    warn_of_missing_result(node, page["labels"][name])
            if not texts:
                warn_of_missing_result(node, "any framework")
            node.replace_self(
                self.choice(texts, page["labels"]) or [nodes.Text(node["name"])]
            )

    @staticmethod
    def choice(
        texts: dict[str, str | None], labels: dict[str, str]
    ) -> list[nodes.Node]:
        """Return one value if all frameworks have the same, or else one per framework."""
        values = {
            name: nodes.inline("", "", *typeset(text or ""), classes=["pasted-text"])
            for name, text in texts.items()
        }
        first, *others = values
        if len(set(texts.values())) == 1:
            return [values[first]]
        new: list[nodes.Node] = [framework_value("", values[first], framework=first)]
        for name in others:
            before = f"{' (' if name == others[0] else ', '}{labels[name]} "
            after = ")" if name == others[-1] else ""
            new += [
                without_scripts(before),
                framework_value("", values[name], framework=name),
                without_scripts(after),
            ]
        return new


def without_scripts(text: str) -> nodes.inline:
    """Return a text that is shown only if scripts are disabled."""
    return nodes.inline("", text, classes=["without-scripts"])


def typeset(text: str) -> list[nodes.Node]:
    """Typeset a number with a minus sign, a power of ten, and a space before a
    percent sign. Any other text is unchanged.
    """
    if not (match := NUMBER.fullmatch(text)):
        return [nodes.Text(text)]
    sign, digits, exponent, percent = match.groups()
    sign, percent = "−" * bool(sign), "\xa0%" * bool(percent)
    if re.fullmatch(r"\d,\d{3}", digits):
        digits = digits.replace(",", "")  # four digits need no separator
    if exponent is None:
        return [nodes.Text(f"{sign}{digits}{percent}")]
    power = str(int(exponent)).replace("-", "−")
    factor = "" if digits == "1" else f"{digits}\xa0×\xa0"
    return [nodes.Text(f"{sign}{factor}10"), nodes.superscript("", power)]


def warn_of_missing_result(node: computed_result, label: str) -> None:
    """Warn that a result has no value, and say where it is and what to do."""
    logger.warning(
        "`%s` has no value from %s. Use {eval} only in text below a code cell, not in "
        "a title or in an option of a directive",
        node["name"], label,
        location=node, type="d2l", subtype="result",
    )  # fmt: skip


def visit_framework_value(self: HTML5Translator, node: framework_value) -> None:
    framework = {"data-framework": node["framework"]}
    self.body.append(self.starttag(node, "span", "", CLASS="value", **framework))


def depart_framework_value(self: HTML5Translator, node: framework_value) -> None:
    self.body.append("</span>")


def setup(app: Sphinx) -> dict:
    # MyST-NB's own role of this name works only if MyST-NB executes the page.
    app.add_role(EVAL, ResultRole(), override=True)
    plain = (do_nothing, do_nothing)
    html = (visit_framework_value, depart_framework_value)
    app.add_node(framework_value, html=html, latex=plain, text=plain)
    app.add_post_transform(InsertComputedResults)
    return {"version": "2", "parallel_read_safe": True}
