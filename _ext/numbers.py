"""Spare Sphinx each page's whole text where it only numbers the figures.

Figures, tables and programs are numbered anew after every change, through the
whole book, and for that Sphinx reads the tree of every page. Only sections,
tables of contents and what has a number matter there: these are kept.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.addnodes import toctree
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

NOTE = "d2l_outlines"  # where the environment keeps them, by page


def outline(env: BuildEnvironment, tree: nodes.Element) -> list[nodes.Element]:
    """What of the tree is numbered, in the sections that it stands in."""
    kept = []
    for node in tree.children:
        if isinstance(node, nodes.section):
            if inner := outline(env, node):
                kept.append(nodes.section("", *inner, ids=node["ids"]))
        elif isinstance(node, toctree) or _numbered(env, node):
            kept.append(_alone(node))
        else:
            kept += outline(env, node)
    return kept


def _numbered(env: BuildEnvironment, node: nodes.Node) -> bool:
    return bool(isinstance(node, nodes.Element) and node["ids"]) and any(
        domain.get_enumerable_node_type(node) for domain in env.domains.values()
    )


def _alone(node: nodes.Element) -> nodes.Element:
    """A copy that does not hold its whole document."""
    copy = node.deepcopy()
    for inner in copy.findall():
        inner.document = None
    return copy


def begin(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Let the environment answer with outlines; no page changes by that."""
    known, whole = env.__dict__.setdefault(NOTE, {}), env.get_doctree

    def get_doctree(name: str) -> nodes.Element:
        if name not in known:
            known[name] = nodes.Element("", *outline(env, whole(name)))
        return known[name]

    env.get_doctree = get_doctree
    return []


def end(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Let the environment answer with whole trees again."""
    del env.get_doctree
    return []


def forget(app: Sphinx, env: BuildEnvironment, name: str) -> None:
    """A page is read again, or is gone."""
    getattr(env, NOTE, {}).pop(name, None)


def setup(app: Sphinx) -> dict:
    app.connect("env-purge-doc", forget)
    # Sphinx numbers at 500.
    app.connect("env-get-updated", begin, priority=499)
    app.connect("env-get-updated", end, priority=501)
    return {"version": "1", "parallel_read_safe": True}
