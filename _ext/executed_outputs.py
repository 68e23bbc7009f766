"""Give Sphinx one notebook a page, with the outputs of every framework.

myst-nb executes a page in one kernel at most. So the cells are executed
before (see execute.py), and here each page is replaced, as Sphinx reads it,
by a notebook that holds each framework's cells with their outputs.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.logging import getLogger

from bookbuild import frameworks as declaration
from bookbuild.execution import RECORD, results
from bookbuild.executor import executed_notebook
from bookbuild.frameworks import Framework
from bookbuild.output_checks import plain
from bookbuild.cache import CELLS, inputs
from bookbuild.plain import OPEN, closing
from bookbuild.source import SourceError, is_notebook, options, read
from bookbuild.page import Cell, Page, node_of, parse, runs

logger = getLogger(__name__)

CHAPTERS = "chapters"
GROUP = "framework"  # the tab sets whose tabs are frameworks
RESULT = re.compile(r"(?<!`)\{result\}`([^`]+)`")
TAB_ITEM = re.compile(r"^(:{3,}|`{3,})\{tab-item\}")
SYNC = re.compile(r"^:sync:[ \t]*(\S+)")
# What would be markup in a recorded text.
MARKUP = re.compile(r"[\\`*_{}\[\]<>$^|#~&]")


def merged(
    page: Page,
    frameworks: dict[str, Framework],
    notebooks: dict[str, NotebookNode],
) -> NotebookNode:
    """The notebook of a page from the executed notebooks of its frameworks.

    An edition has one framework: then there are no tabs, and of the page what
    belongs to other frameworks is left out.
    """
    outputs = {
        name: {c.id: c.outputs for c in node.cells if c.cell_type == "code"}
        for name, node in notebooks.items()
    }
    recorded, older = {}, {}
    for name, framework in frameworks.items():
        ordered = [outputs[name].get(c.id, []) for c in page.code(name)]
        recorded[name] = results(page, framework, ordered)
        if is_older(notebooks[name]):
            older[name] = _recorded_texts(notebooks[name])
    cells, lines = [], []
    for group in runs(page):
        if group[0].type == "markdown":
            merged_cells = [
                _markdown(group[0], page, frameworks, recorded, older)
            ]
        elif group[0].framework is None:
            merged_cells = _shared(group[0], frameworks, outputs)
        else:
            twins = {cell.framework: cell for cell in group}
            merged_cells = [
                _code(twins[name], name, outputs[name]) for name in frameworks
            ]
        if len(frameworks) == 1:
            for node in merged_cells:
                node.metadata.pop("framework", None)
        cells += merged_cells
        lines += [group[0].line - 1] * len(merged_cells)
    _say_what_was_not_computed(cells, frameworks, notebooks)
    return nbformat.from_dict(
        {
            "cells": cells,
            "metadata": {
                "kernelspec": {
                    "display_name": "Python 3",
                    "language": "python",
                    "name": "python3",
                },
                "language_info": {"name": "python", "pygments_lexer": "python"},
                "mystnb": {"execution_mode": "off"},
                "source_map": lines,
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def _markdown(
    cell: Cell,
    page: Page,
    frameworks: dict[str, Framework],
    recorded: dict[str, dict],
    older: dict[str, dict[str, str]],
) -> NotebookNode:
    """Return a Markdown cell with each {result} turned into Jupyter Book's glue.

    `older` has the recorded texts of frameworks whose outputs come from earlier
    code: they serve where the present code has recorded nothing.
    """
    source = cell.source
    if len(frameworks) == 1:
        source = of_one(source, next(iter(frameworks)))
    lines, framework, fence = [], None, ""
    for line in source.splitlines():
        if match := TAB_ITEM.match(line):
            fence = match[1]
        elif fence and not framework and (match := SYNC.match(line)):
            framework = match[1] if match[1] in frameworks else None
        elif fence and line.strip() == fence:
            framework, fence = None, ""
        names = [framework] if framework else list(frameworks)

        def quote(match: re.Match) -> str:
            texts = {}  # what to insert for each framework, and what it reads
            for name in names:
                if match[1] in recorded[name]:
                    role = f"{{glue:text}}`{name}.{match[1]}`"
                    texts[name] = role, recorded[name][match[1]]["text"]
                elif name in older:
                    text = older[name].get(match[1], "(not computed)")
                    texts[name] = MARKUP.sub(r"\\\g<0>", text), text
                else:
                    raise SourceError(
                        f"{page.path}:{cell.line}: {match[0]} is not recorded "
                        f"by {frameworks[name].label}: no cell of the page "
                        f"calls record({match[1]!r}, ...)"
                    )
            if len({text for _, text in texts.values()}) == 1:
                return texts[names[0]][0]
            return ", ".join(
                f"{frameworks[name].label} {texts[name][0]}" for name in names
            )

        lines.append(RESULT.sub(quote, line))
    return node_of("markdown", "\n".join(lines), cell.id)


def of_one(source: str, framework: str) -> str:
    """Markdown in which each tab set of frameworks gives way to one's tab."""
    lines, out, i = source.splitlines(), [], 0
    while i < len(lines):
        match = OPEN.match(lines[i])
        end = closing(lines, i + 1, match[1]) if match else None
        if end is None or match[2] not in ("tab-set", "tab-item"):
            out.append(lines[i])
            i += 1
            continue
        given, body = options(lines[i + 1 : end])
        if given.get("sync-group") == GROUP or given.get("sync") == framework:
            out += ["", of_one("\n".join(body), framework), ""]
        elif match[2] == "tab-set":  # its tabs are of something else
            out += lines[i : end + 1]
        i = end + 1
    return "\n".join(out)


def _shared(
    cell: Cell, frameworks: dict[str, Framework], outputs: dict[str, dict]
) -> list[NotebookNode]:
    """One cell if every framework shows the same, else one a framework."""
    cells = [_code(cell, name, outputs[name]) for name in frameworks]
    shown = [[o for o in node.outputs if not _glued(o)] for node in cells]
    if all(outputs == shown[0] for outputs in shown):
        # What the others recorded is still needed for their glue.
        cells[0].outputs = [o for c in cells for o in c.outputs if _glued(o)]
        cells[0].outputs += shown[0]
        del cells[0].metadata["framework"]
        return cells[:1]
    figure = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
    if figure:
        # A figure is counted once, whichever tab shows it: see tabs.py.
        for node in cells[1:]:
            del node.metadata["mystnb"]["figure"]["name"]
    return cells


def _code(cell: Cell, framework: str, outputs: dict) -> NotebookNode:
    node = node_of(
        "code", cell.source, f"{cell.id}-{framework}", execution_count=None
    )
    node.metadata.update(copy.deepcopy(cell.metadata), framework=framework)
    node.metadata["anchor"] = f"cell-{node.id}"
    if cell.tags:
        node.metadata["tags"] = cell.tags
    node.outputs = [
        _named(_plain(output), framework)
        for output in copy.deepcopy(outputs.get(cell.id, []))
    ]
    return node


def _plain(output: NotebookNode) -> NotebookNode:
    """Take away the colors of a terminal, which a notebook may show."""
    for part, key in (
        (output, "text"), (output, "evalue"), (output.get("data"), "text/plain")
    ):
        if part and key in part:
            part[key] = plain(part[key])
    if "traceback" in output:
        output["traceback"] = [plain(line) for line in output["traceback"]]
    return output


def _named(output: NotebookNode, framework: str) -> NotebookNode:
    """Put the framework before the name that an output is glued under."""
    if _glued(output):
        book = output["metadata"]["scrapbook"]
        book["name"] = f"{framework}.{book['name']}"
    return output


def _glued(output: NotebookNode) -> bool:
    return "scrapbook" in output.get("metadata", {})


def is_older(notebook: NotebookNode) -> bool:
    """Return whether a notebook's outputs come from earlier code than its page
    has: whether `mark_stale` or a stand-in says so.
    """
    told = notebook.metadata.get("d2l_extras", {})
    return "shown_for" in told and told["shown_for"] != told.get("inputs")


def _recorded_texts(notebook: NotebookNode) -> dict[str, str]:
    """Return the text of each result that a notebook's outputs record."""
    records = [
        output.metadata[RECORD]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if RECORD in output.get("metadata", {})
    ]
    return {record["name"]: record["text"] for record in records}


def _say_what_was_not_computed(
    cells: list[NotebookNode],
    frameworks: dict[str, Framework],
    notebooks: dict[str, NotebookNode],
) -> None:
    """Put a note below the title of a page whose outputs were not computed
    here, or not by the code that the page shows.
    """
    told = {n: node.metadata.get("d2l_extras", {}) for n, node in notebooks.items()}
    notes = [("Not computed on this machine", t["stand_in"])
             for t in told.values() if "stand_in" in t]
    notes += [
        (
            "Not executed since the code changed",
            f"The {frameworks[name].label} outputs on this page come from "
            "earlier code. `make book` executes the page.",
        )
        for name, node in notebooks.items()
        if is_older(node) and "stand_in" not in told[name]
    ]
    if not notes:
        return
    text = "\n\n".join(
        f":::{{admonition}} {title}\n:class: warning\n"
        + "\n\n".join(said for other, said in notes if other == title)
        + "\n:::"
        for title in dict.fromkeys(title for title, _ in notes)
    )
    for cell in cells:
        head, title, rest = _around_title(cell)
        if title:
            cell.source = f"{head}{title}\n\n{text}\n{rest}"
            return


def _around_title(cell: NotebookNode) -> tuple[str, str, str]:
    match = re.search(r"^# .*$", cell.source, re.M)
    if cell.cell_type != "markdown" or not match:
        return cell.source, "", ""
    start, end = match.span()
    return cell.source[:start], match[0], cell.source[end:]


def find_notebook(
    root: Path, framework: str, page: str, optional: bool = False
) -> Path | None:
    """The executed notebook of a page: this machine's, or the committed."""
    for folder in (root / "_build" / "outputs", root / "notebooks"):
        path = folder / framework / f"{page}.ipynb"
        if path.exists():
            return path
    if optional:
        return None
    raise ExtensionError(
        f"{CHAPTERS}/{page}.md has no executed {framework} notebook; "
        "run `make book`, which executes it"
    )


def read_merged(text: str) -> NotebookNode:
    """Read what `replace` has put in a page's place."""
    return nbformat.from_dict(json.loads(text))


def register(app: Sphinx, config: Config) -> None:
    """Tell myst-nb which pages come as merged notebooks, and {only} whether
    they are those of the site or of an edition.
    """
    app.tags.add("edition" if config.edition else "site")
    root = Path(app.srcdir)
    for path in sorted((root / CHAPTERS).rglob("*.md")):
        if is_notebook(read(path)):
            name = path.relative_to(root).as_posix()
            reader = (f"{__name__}.read_merged", {}, False)
            config.nb_custom_formats[f"/{name}"] = reader


def replace(app: Sphinx, docname: str, content: list[str]) -> None:
    """Replace the source of a page by its merged notebook."""
    if not docname.startswith(f"{CHAPTERS}/"):
        return
    edition = app.config.edition
    if not is_notebook(content[0]):
        if edition:
            content[0] = of_one(content[0], edition)
        return
    root = Path(app.srcdir)
    frameworks = declaration.load(root)
    shown = {edition: frameworks[edition]} if edition else frameworks
    name = docname.removeprefix(f"{CHAPTERS}/")
    app.env.note_dependency(str(root / declaration.DECLARATION))
    source = Path(app.env.doc2path(docname))
    try:
        page = parse(content[0], source, name, frameworks)
        notebooks = {}
        for key, framework in shown.items():
            path = find_notebook(root, key, name, app.config.notebooks_check)
            if path is None:
                notebooks[key] = executed_notebook(
                    page, framework, [placeholders(c) for c in page.code(key)],
                    inputs=inputs(page, framework, root), shown_for={},
                )
                continue
            notebooks[key] = nbformat.read(path, as_version=4)
            mark_stale(app, page, framework, notebooks[key])
        content[0] = json.dumps(merged(page, shown, notebooks))
        known = app.env.__dict__.setdefault("d2l_outputs", {})
        known[docname] = _digest_of_outputs(app, docname)
    except SourceError as error:
        raise ExtensionError(str(error)) from error


def placeholders(cell: Cell) -> list[NotebookNode]:
    """Return an empty picture for a cell that draws a figure, which references
    to the figure need before the cell has been executed.
    """
    if "figure" not in cell.metadata.get("mystnb", {}):
        return []
    picture = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    return [nbformat.v4.new_output("display_data", {"image/svg+xml": picture})]


def find_changed_outputs(
    app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set
) -> list[str]:
    """Return the pages whose executed notebooks are not those that were read."""
    known = getattr(env, "d2l_outputs", {})
    return [
        docname
        for docname in env.found_docs & known.keys()
        if known[docname] != _digest_of_outputs(app, docname)
    ]


def _digest_of_outputs(app: Sphinx, docname: str) -> str:
    root, digest = Path(app.srcdir), hashlib.sha256()
    page = docname.removeprefix(f"{CHAPTERS}/")
    for framework in declaration.load(root):
        if path := find_notebook(root, framework, page, optional=True):
            place = path.relative_to(root).as_posix()
            digest.update(place.encode() + path.read_bytes())
    return digest.hexdigest()


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
        if app.config.notebooks_check:
            return
        logger.warning(
            "%s outputs are stale: the code, the helpers, or the lock have "
            "changed since they were computed. Run `make book`, which executes "
            "the page",
            framework.label,
            location=f"{CHAPTERS}/{page.name}",
            type="d2l",
            subtype="stale",
        )


def setup(app: Sphinx) -> dict:
    # The framework whose cells alone are shown; without it all are, in tabs.
    app.add_config_value("edition", "", "env", [str])
    # After myst-nb, which takes each key of nb_custom_formats for a suffix.
    app.connect("config-inited", register, priority=900)
    app.connect("env-get-outdated", find_changed_outputs)
    app.connect("source-read", replace)
    return {"version": "1", "parallel_read_safe": True}
