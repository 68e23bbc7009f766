"""Write the notebooks of each framework: the Sphinx builder `notebooks`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.errors import ExtensionError

from bookbuild import labels
from bookbuild.cache import inputs, write_whole
from bookbuild.execution import results
from bookbuild.errors import BuildError
from bookbuild.executor import notebook_metadata, outputs_of
from bookbuild.frameworks import load
from bookbuild.page import Page, notebook, read
from bookbuild.source import SourceError, is_notebook
from bookbuild.source import read as read_source


class NotebookBuilder(Builder):
    """Write `<framework>/<page>.ipynb` for each page with code."""

    name = format = "notebooks"
    epilog = "The notebooks are in %(outdir)s."

    def init(self) -> None:
        self.labels = labels.read(Path(self.srcdir))
        self.faults: list[str] = []

    def get_outdated_docs(self) -> Iterator[str]:
        yield from self.env.found_docs

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        return f"{docname}.html"

    def prepare_writing(self, docnames: set[str]) -> None:
        pass

    def write_doc(self, docname: str, doctree: nodes.document) -> None:
        root = Path(self.srcdir)
        path = Path(self.env.doc2path(docname))
        if not is_notebook(read_source(path)):
            return
        page = read(path, docname.removeprefix("chapters/"), load(root))
        for name in page.frameworks:
            try:
                self.write_notebook(page, name)
            except SourceError as error:
                self.faults.append(str(error))

    def write_notebook(self, page: Page, name: str) -> None:
        root, framework = Path(self.srcdir), page.frameworks[name]
        if self.config.notebooks_check:
            notebook(page, framework, labels=self.labels)
            return
        place = f"{name}/{page.name}.ipynb"
        target = Path(self.outdir, place)
        now = inputs(page, framework, root)
        chosen = [root / "_build" / "outputs" / place]
        if self.config.notebook_outputs == "committed":
            chosen.insert(0, root / "notebooks" / place)
        for path in filter(Path.exists, chosen):
            try:
                notebook_metadata(path)
            except BuildError:  # damaged: it is written anew
                continue
            node = nbformat.read(path, as_version=4)
            told = node.metadata.get("d2l_extras", {})
            if told.get("inputs") == now and "stand_in" not in told:
                outputs = outputs_of(node)
                recorded = results(page, framework, outputs)
                texts = {key: one["text"] for key, one in recorded.items()}
                node = notebook(
                    page, framework, outputs, texts, self.labels, {"inputs": now}
                )
                nbformat.validate(node)
                text = json.dumps(node, indent=1, sort_keys=True, ensure_ascii=False)
                write_whole(target, f"{text}\n".encode())
                return
        target.unlink(missing_ok=True)

    def finish(self) -> None:
        if self.faults:
            raise ExtensionError("\n\n".join(dict.fromkeys(self.faults)))


def setup(app: Sphinx) -> dict:
    app.add_builder(NotebookBuilder)
    app.add_config_value("notebook_outputs", "committed", "", [str])
    app.add_config_value("notebooks_check", False, "", [bool])
    return {"version": "1", "parallel_read_safe": True}
