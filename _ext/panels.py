"""The HTML of tab sets: panels, one a framework, under a list of tabs.

It follows the tab pattern of the WAI-ARIA Authoring Practices. Without
scripts, every framework's panel is shown under its name; book.js brings the
tabs to life.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator
from sphinx_design.shared import is_component

from .framework_tabs import GROUP


class tab_set(nodes.General, nodes.Element):
    """Panels of which a reader sees one."""


class tab_panel(nodes.General, nodes.Element):
    """What one framework shows: `framework` is its key, `label` its name."""


class Panels(SphinxPostTransform):
    """Turn sphinx-design's tab sets into ours."""

    # After the figures are numbered, before sphinx-design does its own.
    default_priority = 195
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        found = self.document.findall(lambda n: is_component(n, "tab-set"))
        for number, old in enumerate(list(found), 1):
            new = tab_set("", ids=old["ids"], number=number)
            for item in old.children:
                if not is_component(item, "tab-item"):
                    new += item  # such as the target of a link
                    continue
                label, content = item.children
                if label.get("sync_group") != GROUP:
                    raise ExtensionError(
                        f"{item.source}:{item.line}: the tab "
                        f"{label.astext()!r} belongs to no framework: give the "
                        f"set `:sync-group: {GROUP}` and the tab its `:sync:`"
                    )
                key = label["sync_id"]
                name = label.astext()
                new += tab_panel("", *content.children, framework=key,
                                 label=name, key=f"tab-{number}-{key}")
            old.replace_self(new)


def visit_tab_set(self: HTML5Translator, node: tab_set) -> None:
    self.body.append(self.starttag(node, "div", CLASS="tabs"))
    self.body.append('<div class="tab-list" role="tablist" '
                     'aria-label="Framework">')
    for panel in node.findall(tab_panel):
        key, framework = panel["key"], panel["framework"]
        self.body.append(
            f'<button type="button" role="tab" id="{key}" '
            f'aria-controls="{key}-panel" data-framework="{framework}">'
            f"{self.encode(panel['label'])}</button>"
        )
    self.body.append("</div>\n")


def visit_tab_panel(self: HTML5Translator, node: tab_panel) -> None:
    key = node["key"]
    self.body.append(
        f'<div class="tab" role="tabpanel" id="{key}-panel" '
        f'aria-labelledby="{key}" data-framework="{node["framework"]}">\n'
        f'<p class="tab-name">{self.encode(node["label"])}</p>\n'
    )


def depart(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append("</div>\n")


def setup(app: Sphinx) -> dict:
    app.add_post_transform(Panels)
    app.add_node(tab_set, html=(visit_tab_set, depart))
    app.add_node(tab_panel, html=(visit_tab_panel, depart))
    return {"version": "1", "parallel_read_safe": True}
