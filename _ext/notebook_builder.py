"""Write the notebooks of each framework: the Sphinx builder `notebooks`.

Their prose comes from the resolved doctree (notebook_markdown.py), so they have the
numbers, titles, and citations of the site. Code and tags come from the page, and
outputs from an executed notebook.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.errors import ExtensionError

from bookbuild import install_cell, settings, wheel
from bookbuild.cache import inputs, write_whole
from bookbuild.errors import BuildError, SourceError
from bookbuild.execution import results
from bookbuild.executor import (
    ANSWER,
    executed_cell,
    notebook_metadata,
    outputs_of,
    write_notebook,
)
from bookbuild.frameworks import Framework, load
from bookbuild.page import Cell, Page, name_of, read_page

from . import _private
from .framework_tabs import framework_around, framework_tab
from .notebook_markdown import MarkdownTranslator

EXERCISES = (_private.exercise_enumerable_node, _private.exercise_node)
# The id of the heading of the solutions, which are collapsed in a notebook.
SOLUTIONS = "solutions"


class NotebookBuilder(Builder):
    """Write `<framework>/<page>.ipynb` for each page with code.

    With `notebooks_check`, nothing is written, and outputs may be missing. In this
    way, a build finds what notebooks cannot show before it executes anything.
    """

    name = format = "notebooks"
    epilog = "The notebooks are in %(outdir)s."
    supported_image_types = [
        "image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp"
    ]  # fmt: skip

    def init(self) -> None:
        self.root = Path(self.srcdir)
        self.frameworks = load(self.root)
        self.repository = settings.repository(self.root)
        self.helpers = wheel.version()  # which the first cells contain
        self.faults: list[str] = []

    def get_outdated_docs(self) -> Iterator[str]:
        for docname in self.env.found_docs:
            state = self._state_of(docname)
            if not state.exists() or state.read_text() != self._digest(docname):
                yield docname

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        return self.repository.page(docname)

    def get_relative_uri(self, from_: str, to: str, typ: str | None = None) -> str:
        return self.get_target_uri(to, typ)

    def address_of_file(self, path: Path) -> str:
        """Return the address of a file of the book in its repository."""
        return self.repository.raw(path.relative_to(self.root).as_posix())

    def prepare_writing(self, docnames: set[str]) -> None:
        pass

    def write_doc(self, docname: str, doctree: nodes.document) -> None:
        path = Path(self.env.doc2path(docname))
        page = None
        if path.suffix == ".md":
            page = read_page(path, name_of(docname), self.frameworks)
        if page and any(cell.type == "code" for cell in page.cells):
            for framework in page.frameworks.values():
                try:
                    self.write_notebook(page, framework, docname, doctree)
                except (BuildError, SourceError) as error:
                    self.faults.append(str(error))
        if not self.faults and not self.config.notebooks_check:
            write_whole(self._state_of(docname), self._digest(docname).encode())

    def write_notebook(
        self, page: Page, framework: Framework, docname: str, doctree: nodes.document
    ) -> None:
        place = f"{framework.name}/{page.name}.ipynb"
        target = Path(self.outdir, place)
        now = inputs(page, framework, self.root)
        outputs = self.current_outputs(place, now)
        if outputs is None and not self.config.notebooks_check:
            target.unlink(missing_ok=True)
            return
        texts = None
        if outputs is not None:
            recorded = results(page, framework, outputs)
            texts = {name: record["text"] for name, record in recorded.items()}
        translator = MarkdownTranslator(self, docname, framework.name, texts)
        cells = NotebookCells(page, framework, translator, outputs).of(doctree)
        if not self.config.notebooks_check:
            first = install_cell.cell(page, framework, self.repository, self.root)
            node = notebook(page, framework, [first, *cells], now)
            write_notebook(target, node)

    def current_outputs(self, place: str, now: dict) -> list | None:
        """Return the outputs of a page if nothing that they depend on has changed.

        Prefers the committed outputs, unless this machine's are requested.
        """
        paths = [self.root / "_build" / "outputs" / place]
        if self.config.notebook_outputs == "committed":
            paths.insert(0, self.root / "notebooks" / place)
        for path in paths:
            try:
                told = notebook_metadata(path)
            except BuildError:  # damaged, so it is written again
                continue
            if told.get("inputs") == now and "stand_in" not in told:
                return outputs_of(nbformat.read(path, as_version=4))
        return None

    def finish(self) -> None:
        if self.faults:
            raise ExtensionError("\n\n".join(dict.fromkeys(self.faults)))

    # Up to date

    def _state_of(self, docname: str) -> Path:
        return Path(self.outdir, ".state", f"{docname}.txt")

    def _digest(self, docname: str) -> str:
        """Digest what a page's notebooks are made from, including the helpers' version.

        Anything else that all pages share is left out, because a change to it renders
        every page again.
        """
        made_with = self.config.notebook_outputs, self.helpers
        digest = hashlib.sha256(repr(made_with).encode())
        place = name_of(docname)
        paths = [Path(self.env.doc2path(docname))]
        for name in self.frameworks:
            for folder in ("notebooks", "_build/outputs"):
                paths.append(self.root / folder / name / f"{place}.ipynb")
        for path in paths:
            digest.update(path.read_bytes() if path.exists() else b"none")
        return digest.hexdigest()


class NotebookPart:
    """Collect the cells of a notebook, and the texts since the last code cell."""

    def __init__(self) -> None:
        self.cells: list[NotebookNode] = []
        self.texts: list[str] = []

    def add_code(self, cell: NotebookNode) -> None:
        self.end_text()
        self.cells.append(cell)

    def end_text(self) -> None:
        """Join the texts since the last code cell into one Markdown cell."""
        text = "\n\n".join(text for text in self.texts if text)
        self.texts = []
        if text:
            before = self.cells[-1].id if self.cells else "start"
            node = nbformat.v4.new_markdown_cell(text, id=f"after-{before}")
            self.cells.append(node)


class NotebookCells:
    """Make the cells of a page's notebook: Markdown from a doctree, and code.

    Below each exercise is an empty cell for an answer, and all solutions come at the
    end. Their code cells keep the execution counts that reflect the order of the
    page. Cells that the site does not show (`remove-cell`) are included, because
    later cells may depend on them.
    """

    def __init__(
        self,
        page: Page,
        framework: Framework,
        translator: MarkdownTranslator,
        outputs: list[list] | None,
    ) -> None:
        self.code = page.code(framework.name)
        self.places = {cell.id: i for i, cell in enumerate(self.code)}
        self.framework, self.translator = framework, translator
        self.outputs = outputs or [[] for _ in self.code]
        self.text, self.solutions = NotebookPart(), NotebookPart()
        self.part = self.text  # that nodes are added to
        self.solved: set[str] = set()  # labels of exercises
        self.exercises = self.done = 0

    def of(self, doctree: nodes.document) -> list[NotebookNode]:
        """Return all cells."""
        found = doctree.findall(_private.solution_node)
        self.solved = {solution["target_label"] for solution in found}
        self.solutions.cells.append(heading_of_solutions())
        self.add(doctree)
        self.add_code_until(len(self.code))
        self.text.end_text()
        self.solutions.end_text()
        if len(self.solutions.cells) == 1:
            return self.text.cells
        return self.text.cells + self.solutions.cells

    def add(self, node: nodes.Element, level: int = 0) -> None:
        """Add the children of a node, some of which may be or contain code cells."""
        for child in node.children:
            if (metadata := _private.cell_metadata(child)) is not None:
                self.add_cell(child, metadata)
            elif isinstance(child, nodes.title) and isinstance(node, nodes.section):
                self.part.texts.append(self.translator.heading(child, level))
            elif isinstance(child, nodes.section):
                self.add(child, level + 1)
            elif isinstance(child, framework_tab):
                if child["framework"] == self.framework.name:
                    self.add(child, level)
            elif isinstance(child, _private.solution_node):
                self.add_solution(child, level)
            elif isinstance(child, EXERCISES):
                self.add_exercise(child, level)
            elif isinstance(child, nodes.Element) and any(child.findall(has_cell)):
                self.add(child, level)
            else:
                self.part.texts.append(self.translator.render(child))

    def add_exercise(self, node: nodes.Element, level: int) -> None:
        """Add an exercise, a note on where its solution is, and a cell for an answer."""
        self.add_with_head(node, level)
        if node.get("label") in self.solved:
            where = "*The solution is at the end of this notebook, under “Solutions”.*"
            self.part.texts.append(where)
        self.exercises += 1
        answer = nbformat.v4.new_code_cell(id=f"{ANSWER}{self.exercises}")
        self.part.add_code(answer)

    def add_solution(self, node: nodes.Element, level: int) -> None:
        """Add a solution to those at the end."""
        self.part = self.solutions
        self.add_with_head(node, level)
        self.part = self.text

    def add_with_head(self, node: nodes.Element, level: int) -> None:
        """Add the heading and the content of an exercise or solution."""
        (head, after), children = self.translator.exercise_head(node)
        if not any(any(child.findall(has_cell)) for child in children):
            self.part.texts.append(self.translator.render(node))
            return
        self.part.texts.append(f"**{head}**{after}." if after else f"**{head}.**")
        self.add(nodes.container("", *children), level)

    def add_cell(self, node: nodes.container, metadata: dict) -> None:
        name = metadata["anchor"].removeprefix("cell-")
        if metadata.get("framework", self.framework.name) != self.framework.name:
            return
        place = self.places.get(name.rpartition("-")[0])
        if place is None:
            return
        self.add_code_until(place)
        self.add_code_until(place + 1, self.part)
        # A figure is counted once, where the first framework draws it.
        figure = self.code[place].metadata.get("mystnb", {}).get("figure", {})
        ids = [nodes.make_id(figure["name"])] if figure.get("name") else []
        for caption in node.findall(nodes.caption):
            if framework_around(caption) not in (None, self.framework.name):
                continue
            text = self.translator.numbered("figure", caption, ids)
            self.part.texts.append(text)

    def add_code_until(self, end: int, part: NotebookPart | None = None) -> None:
        """Add code cells, but always to the text if the site does not show them."""
        while self.done < end:
            cell, outputs = self.code[self.done], self.outputs[self.done]
            self.done += 1
            node = executed_cell(cell, outputs, self.done, **jupyter_metadata(cell))
            (part or self.text).add_code(node)


def has_cell(node: nodes.Node) -> bool:
    """Return whether a node becomes, or requires, a separate cell."""
    kinds = (*EXERCISES, _private.solution_node)
    return isinstance(node, kinds) or _private.cell_metadata(node) is not None


def heading_of_solutions() -> NotebookNode:
    """Return a heading that is collapsed in Jupyter, and in Colab (see `notebook`)."""
    return nbformat.v4.new_markdown_cell(
        "## Solutions",
        id=SOLUTIONS,
        # Colab identifies cells by an id in their metadata.
        metadata={"id": SOLUTIONS, "jp-MarkdownHeadingCollapsed": True},
    )


def jupyter_metadata(cell: Cell) -> dict:
    """Return the part of a cell's metadata that Jupyter understands."""
    metadata: dict = {"tags": cell.tags} if cell.tags else {}
    if {"hide-input", "hide-cell"} & set(cell.tags):
        metadata["jupyter"] = {"source_hidden": True}
    return metadata


def notebook(
    page: Page, framework: Framework, cells: list[NotebookNode], inputs: dict
) -> NotebookNode:
    """Return a notebook with the metadata that Colab and Jupyter need."""
    colab: dict = {"provenance": []}
    if any(cell.id == SOLUTIONS for cell in cells):
        colab["collapsed_sections"] = [SOLUTIONS]
    if framework.colab == "GPU":
        colab["gpuType"] = "T4"
    machine = {} if framework.colab == "CPU" else {"accelerator": framework.colab}
    metadata = {
        **machine,
        "colab": colab,
        "d2l_extras": {
            "framework": framework.name,
            "source": f"chapters/{page.name}.md",
            "inputs": inputs,
        },
        "kernelspec": {
            "display_name": "Python 3", "language": "python", "name": "python3"
        },
        "language_info": {"name": "python"},
    }  # fmt: skip
    node = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    return nbformat.from_dict(json.loads(json.dumps(node)))


def setup(app: Sphinx) -> dict:
    app.add_builder(NotebookBuilder)
    app.add_config_value("notebook_outputs", "committed", "", [str])
    return {"version": "1", "parallel_read_safe": True}
