"""Put the cells of different frameworks into one synchronized tab set."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_design.shared import create_component, is_component

from bookbuild import frameworks as declaration

GROUP = "framework"


def framework_of(node: nodes.Node) -> str | None:
    """The framework that a node's code cell belongs to, if it is one."""
    if isinstance(node, nodes.container):
        if node.get("nb_element") == "cell_code":
            return node["cell_metadata"].get("framework")
    return None


def framework_of_tab(node: nodes.Node) -> str | None:
    """Return the framework of a tab, or None for any other node."""
    if is_component(node, "tab-item") and node.children:
        label = node.children[0]
        if isinstance(label, nodes.rubric) and label.get("sync_group") == GROUP:
            return label.get("sync_id")
    return None


def framework_around(node: nodes.Node) -> str | None:
    """Return the framework of the tab or the cell that a node is in, if any."""
    while node is not None:
        if found := framework_of_tab(node) or framework_of(node):
            return found
        node = node.parent
    return None


class SelectTabsOfEdition(SphinxTransform):
    """Put the tab of an edition's framework in the place of each tab set."""

    default_priority = 890

    def apply(self, **kwargs: object) -> None:
        if not self.config.edition:
            return
        for tabs in list(self.document.findall(lambda n: is_component(n, "tab-set"))):
            owners = {framework_of_tab(item): item for item in tabs.children}
            if None in owners:
                continue
            chosen = owners.get(self.config.edition)
            tabs.replace_self(chosen.children[1].children if chosen else [])


class TabCells(SphinxTransform):
    """Wrap each run of cells of different frameworks in a tab set."""

    # After myst-nb has rendered the cells and sphinx-exercise has moved them.
    default_priority = 900

    def apply(self, **kwargs: object) -> None:
        labels = None
        for parent in list(self.document.findall(nodes.Element)):
            if not any(framework_of(child) for child in parent.children):
                continue
            labels = labels or {
                name: framework.label
                for name, framework in declaration.load(
                    Path(self.app.srcdir)
                ).items()
            }
            children: list[nodes.Node] = []
            for run in _runs(parent.children):
                owner = framework_of(run[0])
                children.append(together(run, labels) if owner else run[0])
            parent.children = []
            parent.extend(children)


def _runs(children: list[nodes.Node]) -> list[list[nodes.Node]]:
    runs: list[list[nodes.Node]] = []
    for child in children:
        owners = {framework_of(c) for c in runs[-1]} if runs else {None}
        owner = framework_of(child)
        if None in owners | {owner} or owner in owners:
            runs.append([child])
        else:
            runs[-1].append(child)
    return runs


def together(cells: list[nodes.Node], labels: dict[str, str]) -> nodes.Node:
    """A sphinx-design tab set of cells, one a framework."""
    result = create_component("tab-set", classes=["sd-tab-set", "cell-tabs"])
    for number, cell in enumerate(cells):
        name = framework_of(cell)
        for figure in cell.findall(nodes.figure):
            if number and not figure["names"]:
                figure["ids"] = []  # Sphinx counts every figure with an id
        label = nodes.rubric("", labels[name], classes=["sd-tab-label"])
        label["sync_id"], label["sync_group"] = name, GROUP
        content = create_component(
            "tab-content", classes=["sd-tab-content"], children=[cell]
        )
        result += create_component(
            "tab-item", classes=["sd-tab-item"], children=[label, content]
        )
    result.source, result.line = cells[0].source, cells[0].line
    return result


class ShareFigureNumbers(SphinxPostTransform):
    """Give the figures in one tab set one number and one target.

    Only the first tab's figure has a name, so only it was counted. The
    target moves to the tab set, which is visible whichever tab is chosen.
    """

    default_priority = 190  # before the tab sets are turned into HTML
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        numbers = self.env.toc_fignumbers.get(self.env.docname, {})
        numbers = numbers.get("figure", {})
        for tabs in self.document.findall(lambda n: is_component(n, "tab-set")):
            figures = [
                (next(iter(item.findall(nodes.figure)), None), item)
                for item in tabs.children
                if is_component(item, "tab-item")
            ]
            if not figures or figures[0][0] is None or not figures[0][0]["ids"]:
                continue
            target = figures[0][0]["ids"][0]
            tabs["ids"] += figures[0][0]["ids"]
            for figure, item in figures:
                if figure is None:
                    continue
                own = f"{target}-{item.children[0]['sync_id']}"
                figure["ids"] = [own]
                if target in numbers:
                    numbers[own] = numbers[target]


def setup(app: Sphinx) -> dict:
    app.add_transform(SelectTabsOfEdition)
    app.add_transform(TabCells)
    app.add_post_transform(ShareFigureNumbers)
    return {"version": "1", "parallel_read_safe": True}
