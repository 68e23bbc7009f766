"""Show the cells and texts of the framework that a reader has chosen.

A cell that all frameworks share is shown once, with the chosen framework's outputs.
Neighboring cells of different frameworks become one set of tabs, and so does a
{tab-set} with `:sync-group: framework`. Sets with nothing between them are joined.
The HTML follows the tab pattern of the WAI-ARIA Authoring Practices. Without
scripts, what belongs to each framework is shown under its name.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator

from bookbuild import frameworks as declaration
from bookbuild.page import GROUP

from . import _private


class framework_tabs(nodes.General, nodes.Element):
    """A set of tabs, of which a reader sees one."""


class framework_tab(nodes.General, nodes.Element):
    """What one framework shows, in a set of tabs or as the outputs of a shared cell.

    `framework` is its key, `label` its name.
    """


def framework_of_cell(node: nodes.Node) -> str | None:
    """Return the framework that a code cell belongs to, or None."""
    return (_private.cell_metadata(node) or {}).get("framework")


def framework_around(node: nodes.Node | None) -> str | None:
    """Return the framework of the tab or the cell that a node is in, if any."""
    while node is not None:
        if isinstance(node, framework_tab):
            return node["framework"]
        if found := framework_of_cell(node):
            return found
        node = node.parent
    return None


class ReplaceTabSets(SphinxTransform):
    """Replace sphinx-design's tab sets.

    Those of frameworks become ours; an edition keeps its framework's tab only. Of
    other sets, each tab is shown below its label.
    """

    default_priority = 890

    def apply(self, **kwargs: object) -> None:
        is_tab_set = lambda node: _private.is_component(node, "tab-set")
        for old in list(self.document.findall(is_tab_set)):
            new = framework_tabs("", ids=old["ids"])
            old["classes"] = []  # which docutils would pass on
            new.source, new.line = old.source, old.line
            others: list[nodes.Node] = []
            for item in old.children:
                if not _private.is_component(item, "tab-item"):
                    others.append(item)  # such as the target of a link
                    continue
                label, content = item.children
                if label.get("sync_group") == GROUP:
                    new += framework_tab(
                        "", *content.children,
                        framework=label["sync_id"], label=label.astext(),
                    )  # fmt: skip
                else:
                    name = nodes.strong("", label.astext())
                    others += [nodes.paragraph("", "", name), *content.children]
            if edition := self.config.edition:
                chosen = [tab for tab in new.children if tab["framework"] == edition]
                old.replace_self(others + [n for tab in chosen for n in tab.children])
            else:
                old.replace_self(others + ([new] if new.children else []))


class WrapFrameworkCells(SphinxTransform):
    """Put each run of cells of different frameworks into one set of tabs, and the
    outputs of a shared cell into one cell.
    """

    # After MyST-NB has rendered the cells and sphinx-exercise has moved them.
    default_priority = 900

    def apply(self, **kwargs: object) -> None:
        labels = None
        for parent in list(self.document.findall(nodes.Element)):
            if not any(framework_of_cell(child) for child in parent.children):
                continue
            if labels is None:
                declared = declaration.load(Path(self.app.srcdir))
                labels = {name: f.label for name, f in declared.items()}
            runs: list[list[nodes.Node]] = []
            for child in parent.children:
                owner = framework_of_cell(child)
                owners = {framework_of_cell(c) for c in runs[-1]} if runs else {None}
                if None in owners | {owner} or owner in owners:
                    runs.append([child])
                else:
                    runs[-1].append(child)
            parent.children = []
            for run in runs:
                owner = framework_of_cell(run[0])
                parent += self.together(run, labels) if owner else run[0]

    @staticmethod
    def together(cells: list[nodes.Node], labels: dict[str, str]) -> nodes.Element:
        figures = [next(iter(cell.findall(nodes.figure)), None) for cell in cells]
        if figures[0] is not None and figures[0]["ids"]:
            target = figures[0]["ids"][0]
            for figure in filter(None, figures):
                figure["shared"] = target  # see ShareFigureNumbers
        for cell in cells[1:]:
            for figure in cell.findall(nodes.figure):
                if not figure["names"]:
                    figure["ids"] = []  # Sphinx counts every figure with an id
        anchors = {cell["cell_metadata"]["anchor"] for cell in cells}
        if len(anchors) < len(cells):
            return with_outputs_of_all(cells, labels)
        new = framework_tabs("")
        new.source, new.line = cells[0].source, cells[0].line
        for cell in cells:
            name = framework_of_cell(cell)
            new += framework_tab("", cell, framework=name, label=labels[name])
        return new


def with_outputs_of_all(
    cells: list[nodes.Element], labels: dict[str, str]
) -> nodes.Element:
    """Return one of equal cells with the outputs of each framework."""
    boxes = {}
    for cell in cells:
        name = cell["cell_metadata"].pop("framework")
        if (box := _private.cell_outputs(cell)) is not None:
            cell.remove(box)
            boxes[name] = box
    tabs = [
        framework_tab("", *box.children, framework=name, label=labels[name])
        for name, box in boxes.items()
    ]
    for box in list(boxes.values())[:1]:
        box.children = []
        box += tabs
        cells[0] += box
    return cells[0]


class JoinTabSets(SphinxTransform):
    """Make one set of tabs of those that have nothing between them."""

    default_priority = 901

    def apply(self, **kwargs: object) -> None:
        for tabs in list(self.document.findall(framework_tabs)):
            place = tabs.parent.index(tabs)
            above = tabs.parent[place - 1] if place else None
            if not isinstance(above, framework_tabs):
                continue
            into = {tab["framework"]: tab for tab in above.children}
            if into.keys() == {tab["framework"] for tab in tabs.children}:
                for tab in tabs.children:
                    into[tab["framework"]] += tab.children
                above["ids"] += tabs["ids"]
                tabs.parent.remove(tabs)
        for number, tabs in enumerate(self.document.findall(framework_tabs), 1):
            tabs["number"] = number


class ShareFigureNumbers(SphinxPostTransform):
    """Give the figures that frameworks draw in each other's place one number and
    one target.

    Only the first of them has a name, so only it was counted. The target moves to
    what is around them, which is visible whichever framework is chosen.
    """

    default_priority = 190
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        numbers = _private.figure_numbers(self.env, self.env.docname)
        for figure in self.document.findall(nodes.figure):
            if not (target := figure.get("shared")):
                continue
            tab = figure.parent
            while not isinstance(tab, framework_tab):
                tab = tab.parent
            if target not in tab.parent["ids"]:
                tab.parent["ids"].append(target)
            own = f"{target}-{tab['framework']}"
            figure["ids"] = [own]
            if target in numbers:
                numbers[own] = numbers[target]


def has_code(node: nodes.Node | None) -> bool:
    """Return whether a set of tabs contains a code cell, and so needs buttons."""
    if not isinstance(node, framework_tabs):
        return False
    return any(_private.cell_metadata(part) for part in node.findall(nodes.container))


def visit_framework_tabs(self: HTML5Translator, node: framework_tabs) -> None:
    if not has_code(node):
        self.body.append(self.starttag(node, "div", CLASS="tabs prose"))
        return
    self.body.append(self.starttag(node, "div", CLASS="tabs"))
    self.body.append('<div class="tab-list" role="tablist" aria-label="Framework">')
    for tab in node.children:
        key = f"tab-{node['number']}-{tab['framework']}"
        self.body.append(
            f'<button type="button" role="tab" id="{key}" '
            f'aria-controls="{key}-panel" data-framework="{tab["framework"]}">'
            f"{self.encode(tab['label'])}</button>"
        )
    self.body.append("</div>\n")


def visit_framework_tab(self: HTML5Translator, node: framework_tab) -> None:
    pattern = ""
    if "number" in node.parent:  # otherwise, it is the output of a shared cell
        key = f"tab-{node.parent['number']}-{node['framework']}"
        pattern = f'id="{key}-panel" '
        if has_code(node.parent):
            pattern += f'role="tabpanel" aria-labelledby="{key}" '
    self.body.append(
        f'<div class="tab" {pattern}data-framework="{node["framework"]}">\n'
        f'<p class="tab-name">{self.encode(node["label"])}</p>\n'
    )


def depart_div(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append("</div>\n")


def do_nothing(self: nodes.NodeVisitor, node: nodes.Element) -> None:
    """Leave a set of tabs to what it contains, as in print."""


def setup(app: Sphinx) -> dict:
    app.add_transform(ReplaceTabSets)
    app.add_transform(WrapFrameworkCells)
    app.add_transform(JoinTabSets)
    app.add_post_transform(ShareFigureNumbers)
    plain = (do_nothing, do_nothing)
    html = {framework_tabs: visit_framework_tabs, framework_tab: visit_framework_tab}
    for kind, visit in html.items():
        app.add_node(kind, html=(visit, depart_div), latex=plain, text=plain)
    return {"version": "1", "env_version": 3, "parallel_read_safe": True}
