"""Insert the outputs of every framework into a page as Sphinx reads it.

MyST-NB executes a page in one kernel at most. So the cells are executed before
(bookbuild/executor.py), and here each page is replaced by a notebook that holds
each framework's cells with their outputs.
"""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path

import nbformat
from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util.logging import getLogger

from bookbuild import frameworks as declaration
from bookbuild.cache import CELLS, inputs
from bookbuild.errors import SourceError
from bookbuild.execution import METADATA, results, values_in
from bookbuild.executor import executed_notebook, outputs_of, outputs_of_cell
from bookbuild.frameworks import Framework
from bookbuild.output_checks import plain
from bookbuild.page import Cell, Page, is_notebook, name_of, parse_page, runs
from bookbuild.settings import contents, read_text

logger = getLogger(__name__)

NOT_COMPUTED = "(not computed)"
# Stands for a figure that is still to be drawn, so that references find it.
BLANK = {
    "output_type": "display_data",
    "metadata": {},
    "data": {"image/svg+xml": '<svg xmlns="http://www.w3.org/2000/svg"/>'},
}


def page_data(env: BuildEnvironment, docname: str) -> dict:
    """Return what was read with the outputs of a page."""
    empty = {"results": {}, "fallback": {}, "labels": {}, "notes": [], "digest": ""}
    return env.__dict__.setdefault("d2l_pages", {}).get(docname, empty)


# Pages


def insert_executed_outputs(app: Sphinx, docname: str, content: list[str]) -> None:
    """Replace the source of a page by a notebook of all frameworks."""
    if not is_notebook(content[0]):
        return
    root, edition = Path(app.srcdir), app.config.edition
    app.env.note_dependency(str(root / declaration.DECLARATION))
    source = Path(app.env.doc2path(docname))
    try:
        page = parse_page(
            content[0], source, name_of(docname), declaration.load(root)
        )
        shown = {
            key: framework
            for key, framework in page.frameworks.items()
            if edition in ("", key) or edition not in page.frameworks
        }
        notebooks = {
            key: read_outputs(app, page, framework) for key, framework in shown.items()
        }
        if app.config.notebooks_check:
            draw_blank_figures(page, notebooks)
        content[0] = json.dumps(merge_frameworks(page, shown, notebooks))
        page_data(app.env, docname)  # makes the dictionary
        app.env.d2l_pages[docname] = {
            "results": {
                key: recorded_texts(page, shown[key], node)
                for key, node in notebooks.items()
            },
            "fallback": {
                key: NOT_COMPUTED if is_older(node) else None
                for key, node in notebooks.items()
            },
            "labels": {key: framework.label for key, framework in shown.items()},
            "notes": notes_for_readers(shown, notebooks),
            "digest": digest_of_outputs(app, docname),
        }
    except SourceError as error:
        raise ExtensionError(str(error)) from error


def read_outputs(app: Sphinx, page: Page, framework: Framework) -> NotebookNode:
    """Return the executed notebook of a page, marked if its outputs are stale."""
    root = Path(app.srcdir)
    path = find_notebook(root, framework.name, page.name)
    if path is not None:
        node = nbformat.read(path, as_version=4)
        mark_stale(app, page, framework, node)
        return node
    if page.code(framework.name) and not app.config.notebooks_check:
        logger.warning(
            "%s has not executed this page yet. Run `make book` to execute it",
            framework.label,
            location=app.env.path2doc(str(page.path)),
            type="d2l", subtype="missing",
        )  # fmt: skip
    empty: list[list] = [[] for _ in page.code(framework.name)]
    now = inputs(page, framework, root)
    return executed_notebook(page, framework, empty, inputs=now, shown_for={})


def draw_blank_figures(page: Page, notebooks: dict[str, NotebookNode]) -> None:
    """Give cells that draw a figure with a caption an output if they have none."""
    for name, notebook in notebooks.items():
        known = {cell.id: cell for cell in notebook.cells}
        for cell in page.code(name):
            if cell.metadata.get("mystnb", {}).get("figure"):
                if cell.id not in known:
                    known[cell.id] = nbformat.v4.new_code_cell(id=cell.id)
                    notebook.cells.append(known[cell.id])
                if not known[cell.id].outputs:
                    known[cell.id].outputs = [nbformat.from_dict(BLANK)]


def find_notebook(root: Path, framework: str, page: str) -> Path | None:
    """Return the executed notebook of a page: this machine's, or the committed."""
    for folder in (root / "_build" / "outputs", root / "notebooks"):
        path = folder / framework / f"{page}.ipynb"
        if path.exists():
            return path
    return None


def merge_frameworks(
    page: Page, frameworks: dict[str, Framework], notebooks: dict[str, NotebookNode]
) -> NotebookNode:
    """Return one notebook of a page with the outputs of several frameworks."""
    outputs = {
        name: {c.id: c.outputs for c in node.cells if c.cell_type == "code"}
        for name, node in notebooks.items()
    }
    cells, lines = [], []
    for group in runs(page):
        if group[0].type != "code":
            kind = group[0].type
            merged = [_cell(kind, group[0].source, group[0].id)]
        elif group[0].framework is None:
            merged = _shared(group[0], frameworks, outputs)
        else:
            twins = {cell.framework: cell for cell in group}
            merged = [
                _code(twins[name], name, outputs[name])
                for name in frameworks
                if name in twins
            ]
        if len(frameworks) == 1:
            for node in merged:
                node.metadata.pop("framework", None)
        cells += merged
        # MyST-NB counts from 0, and adds 1 too many to the lines of Markdown.
        line = group[0].line - (1 if group[0].type == "code" else 2)
        lines += [line] * len(merged)
    metadata = {
        "kernelspec": {
            "display_name": "Python 3", "language": "python", "name": "python3"
        },
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        "mystnb": {"execution_mode": "off"},
        "source_map": lines,
    }  # fmt: skip
    return nbformat.from_dict(
        {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    )


def _shared(
    cell: Cell, frameworks: dict[str, Framework], outputs: dict[str, dict]
) -> list[NotebookNode]:
    """Return one cell if every framework shows the same, else one for each.

    By their common anchor, framework_tabs.py knows them as one.
    """
    cells = [_code(cell, name, outputs[name]) for name in frameworks]
    if all(node.outputs == cells[0].outputs for node in cells):
        del cells[0].metadata["framework"]
        return cells[:1]
    for node in cells[1:]:
        node.metadata["anchor"] = cells[0].metadata["anchor"]
    if cell.metadata.get("mystnb", {}).get("figure", {}).get("name"):
        # A figure is counted once, whichever tab shows it: see framework_tabs.py.
        for node in cells[1:]:
            del node.metadata["mystnb"]["figure"]["name"]
    return cells


def _code(cell: Cell, framework: str, outputs: dict) -> NotebookNode:
    node = _cell("code", cell.source, f"{cell.id}-{framework}", execution_count=None)
    node.metadata.update(copy.deepcopy(cell.metadata), framework=framework)
    node.metadata["anchor"] = f"cell-{node.id}"
    if cell.tags:
        node.metadata["tags"] = cell.tags
    node.outputs = [
        _without_colors(copy.deepcopy(output)) for output in outputs.get(cell.id, [])
    ]
    for output in node.outputs:
        # At full precision, results of the same text would differ.
        output.get("metadata", {}).pop(METADATA, None)
    return node


def _cell(kind: str, source: str, id: str, **rest: object) -> NotebookNode:
    cell = {"cell_type": kind, "id": id, "metadata": {}, "source": source}
    return nbformat.from_dict({**cell, **rest})


def _without_colors(output: NotebookNode) -> NotebookNode:
    for part, key in (
        (output, "text"), (output, "evalue"), (output.get("data"), "text/plain")
    ):  # fmt: skip
        if part and key in part:
            part[key] = plain(part[key])
    if "traceback" in output:
        output["traceback"] = [plain(line) for line in output["traceback"]]
    return output


def recorded_texts(
    page: Page, framework: Framework, notebook: NotebookNode
) -> dict[str, str]:
    """Return the text of each result that the prose asks for, by name.

    Older outputs need not belong to the cells that the page has now.
    """
    if is_older(notebook):
        every = [output for cell in outputs_of(notebook) for output in cell]
        return {one["name"]: one["text"] for o in every for one in values_in(o)}
    outputs = {
        c.id: outputs_of_cell(c) for c in notebook.cells if c.cell_type == "code"
    }
    ordered = [outputs.get(cell.id, []) for cell in page.code(framework.name)]
    found = results(page, framework, ordered)
    return {name: record["text"] for name, record in found.items()}


# Outputs that were not computed here, or not by this code


def is_older(notebook: NotebookNode) -> bool:
    """Return whether outputs come from earlier code than the page has now, as
    `mark_stale` or a stand-in says.
    """
    told = notebook.metadata.get("d2l_extras", {})
    return "shown_for" in told and told["shown_for"] != told.get("inputs")


def mark_stale(
    app: Sphinx, page: Page, framework: Framework, notebook: NotebookNode
) -> None:
    """Warn if a notebook was executed with other code, helpers, or lock than
    the page has now, and note in its metadata what it is shown for.

    `make book` has executed what changed before Sphinx runs, or has chosen the
    outputs that stand in. Jupyter Book alone does neither.
    """
    root = Path(app.srcdir)
    now = inputs(page, framework, root)
    for file in now.keys() - {CELLS}:
        app.env.note_dependency(str(root / file))
    told = notebook.metadata.setdefault("d2l_extras", {})
    if now == told.get("inputs"):
        if "shown_for" in told:  # a change was reverted
            told["shown_for"] = now
    elif now != told.get("shown_for"):
        told.pop("stand_in", None)
        told["shown_for"] = now
        if not app.config.notebooks_check:
            logger.warning(
                "%s outputs are stale: the code, the helpers, or the lock has "
                "changed since they were computed. Run `make book`, which executes "
                "the page", framework.label,
                location=app.env.path2doc(str(page.path)),
                type="d2l", subtype="stale",
            )  # fmt: skip


def notes_for_readers(
    frameworks: dict[str, Framework], notebooks: dict[str, NotebookNode]
) -> list[tuple[str, str]]:
    """Return title and text of notes about outputs that were not computed here,
    or not by the code that the page shows.
    """
    notes = []
    for name, node in notebooks.items():
        if said := node.metadata.get("d2l_extras", {}).get("stand_in"):
            notes.append(("Not computed on this machine", said))
        elif not is_older(node):
            continue
        elif any(outputs_of(node)):
            said = (
                f"The {frameworks[name].label} outputs on this page come from "
                "earlier code. `make book` executes the page."
            )
            notes.append(("Not executed since the code changed", said))
        elif node.cells:
            said = (
                f"{frameworks[name].label} has not executed this page. `make book` "
                "executes it."
            )
            notes.append(("Not executed yet", said))
    return notes


class InsertNotes(SphinxTransform):
    """Put the notes about a page's outputs below its title."""

    default_priority = 300

    def apply(self, **kwargs: object) -> None:
        notes = page_data(self.env, self.env.docname)["notes"]
        title = next(iter(self.document.findall(nodes.title)), None)
        if title is None:
            return
        place = title.parent.index(title) + 1
        for head in dict.fromkeys(head for head, _ in reversed(notes)):
            note = nodes.admonition("", nodes.title("", head), classes=["warning"])
            note += [_with_code(said) for other, said in notes if other == head]
            title.parent.insert(place, note)


def _with_code(text: str) -> nodes.paragraph:
    """Return a paragraph in which backticks surround code."""
    parts = enumerate(text.split("`"))
    kinds = (nodes.Text, lambda code: nodes.literal("", code))
    return nodes.paragraph("", "", *(kinds[i % 2](part) for i, part in parts))


# Up to date


def find_changed_outputs(
    app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set
) -> list[str]:
    """Return the pages whose executed notebooks are not those that were read."""
    known = env.__dict__.get("d2l_pages", {})
    return [
        docname
        for docname in env.found_docs & known.keys()
        if known[docname]["digest"] != digest_of_outputs(app, docname)
    ]


def digest_of_outputs(app: Sphinx, docname: str) -> str:
    """Digest the notebooks that a page shows, and which of the two they are."""
    root, digest = Path(app.srcdir), hashlib.sha256()
    for framework in declaration.load(root):
        if path := find_notebook(root, framework, name_of(docname)):
            place = path.relative_to(root).as_posix()
            digest.update(place.encode() + path.read_bytes())
    return digest.hexdigest()


def read_merged(text: str) -> NotebookNode:
    """Read what `insert_executed_outputs` has put in a page's place."""
    return nbformat.from_dict(json.loads(text))


def register_pages_as_notebooks(app: Sphinx, config: Config) -> None:
    """Tell Sphinx to read what _toc.yml lists, MyST-NB which pages come as
    notebooks, and {only} whether they are those of the site or of an edition.
    """
    app.tags.add("edition" if config.edition else "site")
    root = Path(app.srcdir)
    names = contents(root)
    config.include_patterns = [f"{name}.*" for name in names]
    for name in names:
        path = root / f"{name}.md"
        if path.exists() and is_notebook(text := read_text(path)):
            reader = (f"{__name__}.read_merged", {}, False)
            config.nb_custom_formats[f"/{name}.md"] = reader
            if config.notebooks_check and "{glue" in text:
                # What cells glue, and the labels of glued figures, come later.
                config.suppress_warnings += ["mystnb.glue", "ref"]


def setup(app: Sphinx) -> dict:
    # The framework whose cells alone are shown; without it all are, in tabs.
    app.add_config_value("edition", "", "env", [str])
    # Whether a build only finds out what cannot be shown, before any execution.
    app.add_config_value("notebooks_check", False, "", [bool])
    app.add_transform(InsertNotes)
    # After MyST-NB, which takes each key of nb_custom_formats for a suffix.
    app.connect("config-inited", register_pages_as_notebooks, priority=900)
    app.connect("env-get-outdated", find_changed_outputs)
    app.connect("source-read", insert_executed_outputs)
    return {"version": "1", "env_version": 2, "parallel_read_safe": False}
