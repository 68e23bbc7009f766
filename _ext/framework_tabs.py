"""Show what belongs to different frameworks in synchronized tabs.

Neighboring code cells of different frameworks, and the texts in a `{tab-set}`
with `:sync-group: framework`, become one `framework_tabs` node. Its HTML follows
the tab pattern of the WAI-ARIA Authoring Practices. Without scripts, every tab
is shown below the name of its framework.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from bookbuild import frameworks as declaration

from ._private import cell_metadata, figure_numbers

GROUP = "framework"


class framework_tabs(nodes.General, nodes.Element):
    """Tabs of which a reader sees one."""


class framework_tab(nodes.General, nodes.Element):
    """What one framework shows: `framework` is its key."""


def labels_of_frameworks(env: BuildEnvironment) -> dict[str, str]:
    """Return the declared frameworks' labels by key, in the declared order."""
    root = Path(env.srcdir)
    env.note_dependency(str(root / declaration.DECLARATION))
    return {key: one.label for key, one in declaration.load(root).items()}


class TabSet(SphinxDirective):
    """Contain the texts of different frameworks."""

    has_content = True
    option_spec: ClassVar = {"sync-group": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        tabs = framework_tabs()
        self.set_source_info(tabs)
        self.state.nested_parse(self.content, self.content_offset, tabs)
        if self.options.get("sync-group") != GROUP:
            for tab in tabs.findall(framework_tab):
                raise_no_framework(tab)
        return [tabs]


class TabItem(SphinxDirective):
    """Contain the text of one framework."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"sync": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        labels = labels_of_frameworks(self.env)
        key = self.options.get("sync")
        tab = framework_tab(framework=key, label=self.arguments[0])
        self.set_source_info(tab)
        if key not in labels:
            raise_no_framework(tab)
        tab["label"] = labels[key]
        self.state.nested_parse(self.content, self.content_offset, tab)
        return [tab]


def raise_no_framework(tab: framework_tab) -> None:
    raise ExtensionError(
        f"{tab.source}:{tab.line}: the tab {tab['label']!r} belongs to no "
        f"framework: give its tab-set `:sync-group: {GROUP}`, and the tab a "
        f"`:sync:` with the key of a framework in {declaration.DECLARATION}"
    )


def framework_of(node: nodes.Node) -> str | None:
    """Return the framework of a tab or code cell, None for other nodes."""
    if isinstance(node, framework_tab):
        return node["framework"]
    return (cell_metadata(node) or {}).get("framework")


class WrapFrameworkCells(SphinxTransform):
    """Put neighboring cells of different frameworks into tabs.

    A page with fewer than two frameworks has no tabs.
    """

    # After MyST-NB has rendered the cells and sphinx-exercise has moved them.
    default_priority = 900

    def apply(self, **kwargs: object) -> None:
        owned = [node for node in self.document.findall() if framework_of(node)]
        if len({framework_of(node) for node in owned}) < 2:
            for tab in list(self.document.findall(framework_tab)):
                tab.replace_self(tab.children)
            for tabs in list(self.document.findall(framework_tabs)):
                tabs.replace_self(tabs.children)
            return
        labels = labels_of_frameworks(self.env)
        cells = [node for node in owned if not isinstance(node, framework_tab)]
        for parent in dict.fromkeys(cell.parent for cell in cells):
            if not isinstance(parent, framework_tab):
                parent[:] = wrap_cells(parent.children, labels)
        order = [None, *labels]
        for tabs in self.document.findall(framework_tabs):
            tabs.children.sort(
                key=lambda child: order.index(framework_of(child))
            )
            for tab in tabs.children[1:]:
                for figure in tab.findall(nodes.figure):
                    if not figure["names"]:
                        figure["ids"] = []  # Sphinx counts figures with an id


def wrap_cells(
    children: Iterable[nodes.Node], labels: dict[str, str]
) -> list[nodes.Node]:
    """Return nodes, with each run of cells of different frameworks in tabs."""
    result: list[nodes.Node] = []
    tabs: framework_tabs | None = None
    for child in children:
        key = framework_of(child)
        if key is None:
            result.append(child)
            tabs = None
            continue
        if tabs is None or key in map(framework_of, tabs.children):
            tabs = framework_tabs()
            tabs.source, tabs.line = child.source, child.line
            result.append(tabs)
        tabs += framework_tab("", child, framework=key, label=labels[key])
    return result


class NumberTabs(SphinxPostTransform):
    """Give tabs their ids, and the figures in them one number and one target.

    Only the first tab's figure has a name, so only this one was counted. The
    target of references moves to the tabs, which are visible whichever is chosen.
    """

    default_priority = 190
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        numbers = figure_numbers(self.env, self.env.docname)
        all_tabs = self.document.findall(framework_tabs)
        for number, tabs in enumerate(all_tabs, 1):
            target = None
            for tab in tabs.findall(framework_tab):
                tab["key"] = f"tab-{number}-{tab['framework']}"
                figure = next(iter(tab.findall(nodes.figure)), None)
                if figure is None:
                    continue
                if target is None:
                    if not figure["ids"]:
                        break
                    target = figure["ids"][0]
                    tabs["ids"] += figure["ids"]
                figure["ids"] = [f"{target}-{tab['framework']}"]
                if target in numbers:
                    numbers[figure["ids"][0]] = numbers[target]


def visit_tabs(self: HTML5Translator, node: framework_tabs) -> None:
    self.body.append(self.starttag(node, "div", CLASS="tabs"))
    self.body.append(
        '<div class="tab-list" role="tablist" aria-label="Framework">'
    )
    for tab in node.findall(framework_tab):
        self.body.append(
            f'<button type="button" role="tab" id="{tab["key"]}" '
            f'aria-controls="{tab["key"]}-panel" '
            f'data-framework="{tab["framework"]}">'
            f"{self.encode(tab['label'])}</button>"
        )
    self.body.append("</div>\n")


def visit_tab(self: HTML5Translator, node: framework_tab) -> None:
    self.body.append(
        f'<div class="tab" role="tabpanel" id="{node["key"]}-panel" '
        f'aria-labelledby="{node["key"]}" data-framework="{node["framework"]}">\n'
        f'<p class="tab-name">{self.encode(node["label"])}</p>\n'
    )


def depart(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append("</div>\n")


def pass_through(self: nodes.NodeVisitor, node: nodes.Element) -> None:
    """Write the children alone."""


def setup(app: Sphinx) -> dict:
    # In place of the directives of sphinx-design.
    app.add_directive("tab-set", TabSet, override=True)
    app.add_directive("tab-item", TabItem, override=True)
    app.add_transform(WrapFrameworkCells)
    app.add_post_transform(NumberTabs)
    for node, visit in (
        (framework_tabs, visit_tabs),
        (framework_tab, visit_tab),
    ):
        app.add_node(
            node,
            html=(visit, depart),
            latex=(pass_through, pass_through),
            text=(pass_through, pass_through),
        )
    return {"version": "1", "parallel_read_safe": True}
