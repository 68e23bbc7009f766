"""Define the directive {compare}, which shows the same step in every framework.

    ```{compare} linear-networks/linear-regression-scratch
    sgd
    ```

Its argument is a page, and its content is a name. For each framework, it shows the cell
of that page that defines the name.
"""

from __future__ import annotations

import ast
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookbuild import frameworks
from bookbuild.errors import SourceError
from bookbuild.page import Cell, Page, read_page


class CompareDirective(SphinxDirective):
    """Implement {compare}."""

    has_content = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        name = self.arguments[0]
        path = root / "chapters" / f"{name}.md"
        if not path.exists():
            raise self.error(f"{{compare}}: there is no page chapters/{name}.md")
        self.env.note_dependency(str(path))
        try:
            page = read_page(path, name, frameworks.load(root))
        except SourceError as error:
            raise self.error(f"{{compare}}: {error}") from None
        defined = " ".join(self.content).strip()
        comparison = nodes.container(classes=["compare"])
        for framework in page.frameworks.values():
            cell = defining_cell(page, framework.name, defined)
            if cell is None:
                raise self.error(
                    f"{{compare}}: no cell for {framework.label} on the page "
                    f"chapters/{name}.md defines {defined!r}"
                )
            code = nodes.literal_block(cell.source, cell.source, language="python")
            label = nodes.paragraph("", "", nodes.strong("", framework.label))
            comparison += nodes.container("", label, code)
        return [comparison]


def defining_cell(page: Page, framework: str, name: str) -> Cell | None:
    """Return the first cell tagged with the framework that defines a name, or None."""
    for cell in page.code(framework):
        if cell.framework == framework and name in defined_names(cell.source):
            return cell
    return None


def defined_names(source: str) -> set[str]:
    """Return the names that code assigns, or defines by def or class, at the top level.

    Code that is not plain Python, such as a cell with magic commands, defines none.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return set()
    found = set()
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            found.add(statement.name)
        elif isinstance(statement, ast.Assign):
            targets = ast.walk(ast.Tuple(statement.targets))
            names = [node for node in targets if isinstance(node, ast.Name)]
            found |= {one.id for one in names if isinstance(one.ctx, ast.Store)}
    return found


def setup(app: Sphinx) -> dict:
    app.add_directive("compare", CompareDirective)
    return {"version": "1", "parallel_read_safe": True}
