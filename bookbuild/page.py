"""Read a page, and find mistakes in it.

A page is a MyST Markdown notebook. A code cell tagged with a framework's name
belongs to that framework, and an untagged cell belongs to all frameworks of the
page. In a run of tagged cells, each framework occurs once. The other cells of the
run are the twins of a cell.

Jupytext splits the page into cells, and MyST's own parser splits it into the tokens
to be checked. Markdown has no syntax errors. For example, a fence that is not closed
swallows everything after it. Such mistakes are reported before anything is executed.
"""

from __future__ import annotations

import ast
import bisect
import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path

from jupytext.myst import myst_to_notebook
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_nb.core.read import is_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from nbformat import NotebookNode

from .errors import SourceError
from .frameworks import Framework
from .settings import parse_yaml, read_text

GROUP = "framework"  # the sync group of tab sets whose tabs are frameworks
EVAL = "eval"  # the role that inserts a value from a kernel
CODE_CELL = "code-cell"
# Directives whose content is not Markdown.
VERBATIM = {CODE_CELL, "code", "code-block", "sourcecode", "math", "raw", "csv-table"}


@dataclass
class Cell:
    """Represent one cell of a page."""

    id: str
    type: str
    source: str
    line: int
    framework: str | None = None
    tags: list[str] = field(default_factory=list)
    metadata: dict = field(default_factory=dict)

    @property
    def first_line(self) -> str:
        return next((s for s in self.source.splitlines() if s.strip()), "")


@dataclass(frozen=True)
class Expression:
    """Represent {eval}`text`: the value of `code`, to be shown in a format.

    `framework` is the framework of the enclosing tab, or None outside tabs.
    """

    text: str
    code: str
    format: str
    line: int
    framework: str | None = None


@dataclass
class Page:
    """Represent a page of the book.

    `name` is its path without the suffix, and without chapters/ if it is in there.
    """

    name: str
    path: Path
    cells: list[Cell]
    frameworks: dict[str, Framework] = field(default_factory=dict)
    title: str = ""
    expressions: list[Expression] = field(default_factory=list)

    def of(self, framework: str) -> list[Cell]:
        """Return the cells that readers of a framework see."""
        return [c for c in self.cells if c.framework in (None, framework)]

    def code(self, framework: str) -> list[Cell]:
        """Return the code cells that a framework's kernel runs."""
        return [c for c in self.of(framework) if c.type == "code"]

    def expressions_by_cell(self, framework: str) -> list[list[Expression]]:
        """Return the expressions to evaluate after each of a framework's code cells.

        An expression belongs to the last cell above it. In the caption of a figure,
        it belongs to the cell that draws the figure.
        """
        lines = [cell.line for cell in self.code(framework)]
        found: list[list[Expression]] = [[] for _ in lines]
        for one in self.expressions:
            place = bisect.bisect_right(lines, one.line) - 1
            if place >= 0 and one.framework in (None, framework):
                found[place].append(one)
        return found

    def files(self, framework: str) -> list[Path]:
        """Return the files in the page's folder that its code mentions or imports."""
        code = "\n".join(cell.source for cell in self.code(framework))
        words = set(re.findall(r"\w+", code))
        return [
            path
            for path in sorted(self.path.parent.glob("*.*"))
            if path.suffix not in (".md", ".ipynb") and path.is_file()
            and (path.name in code or (path.suffix == ".py" and path.stem in words))
        ]


def name_of(docname: str) -> str:
    """Return the name of the page with Sphinx's document name `docname`."""
    return docname.removeprefix("chapters/")


@cache
def is_notebook(text: str) -> bool:
    """Return whether the text of a page starts with the header of a notebook."""
    return is_myst_markdown_notebook(text)


def read_page(path: Path, name: str, declared: dict[str, Framework]) -> Page:
    """Read and check a page, which may use the `declared` frameworks.

    Raises SourceError that lists each fault with its line and a fix.
    """
    return parse_page(read_text(path), path, name, declared)


def parse_page(
    text: str, path: Path, name: str, declared: dict[str, Framework]
) -> Page:
    """Check the text of a page, and return the page (see `read_page`)."""
    checker = _Checker(text, path, declared)
    page = Page(
        name, path, [], checker.frameworks, checker.title or name, checker.expressions
    )
    checker.raise_faults()
    if not is_notebook(text):
        return page
    # Blank the header, which need not be valid, because only cells are needed.
    lines = ["" for _ in range(checker.start)] + text.splitlines()[checker.start :]
    notebook = _jupytext("\n".join(lines), add_source_map=True)
    seen: dict[str, int] = {}
    for node, line in zip(notebook.cells, notebook.metadata["source_map"]):
        # Jupytext counts the empty lines before a Markdown cell to it.
        while node.cell_type == "markdown" and not lines[line].strip():
            line += 1
        cell = checker.cell(node, line + 1)
        # The same text twice on a page still needs two different ids.
        seen[cell.id] = seen.get(cell.id, 0) + 1
        if seen[cell.id] > 1:
            cell.id += f"-{seen[cell.id]}"
        page.cells.append(cell)
    checker.raise_faults()  # such as a misspelled tag
    checker.check_twins(page)
    checker.check_expressions(page)
    checker.raise_faults(checker.missing)
    return page


# A build asks for it again when Sphinx reads the page.
_jupytext = cache(myst_to_notebook)


def runs(page: Page) -> list[list[Cell]]:
    """Yield the cells in groups of neighbors that belong to different frameworks."""
    groups: list[list[Cell]] = []
    for cell in page.cells:
        owners = {twin.framework for twin in groups[-1]} if groups else {None}
        if None in owners | {cell.framework} or cell.framework in owners:
            groups.append([cell])
        else:
            groups[-1].append(cell)
    return groups


@cache
def _parser():
    extensions = {"amsmath", "colon_fence", "dollarmath", "deflist"}
    return create_md_parser(MdParserConfig(enable_extensions=extensions), RendererHTML)


class _Checker:
    """Find the faults of a page, and describe each with its line and a fix."""

    def __init__(self, text: str, path: Path, declared: dict[str, Framework]) -> None:
        self.path, self.declared = path, declared
        self.faults: list[str] = []
        self.missing: list[str] = []  # tabs and twins, to be reported together
        self.title = ""
        self.expressions: list[Expression] = []
        self.is_notebook = is_notebook(text)
        self.frameworks = {n: f for n, f in declared.items() if f.default}
        lines = text.splitlines()
        self.start = self._header(lines)  # the number of lines in the header
        if not self.faults:
            body = "\n".join(lines[self.start :])
            self._check(body, self.start + 1, outermost=True)

    def add(self, line: int, what: str) -> None:
        self.faults.append(f"{self.path}:{line}: {what}")

    def add_missing(self, line: int, what: str) -> None:
        self.missing.append(f"{self.path}:{line}: {what}")

    def raise_faults(self, also: Sequence[str] = ()) -> None:
        if found := [*self.faults, *also]:
            raise SourceError("\n".join(found))

    def _yaml(self, text: str, line: int, what: str) -> dict:
        try:
            return parse_yaml(text, self.path, line, what)
        except SourceError as error:
            self.faults.append(str(error))
            return {}

    def _header(self, lines: list[str]) -> int:
        """Read the header, and return its number of lines."""
        if not lines or not lines[0].startswith("---"):
            return 0
        for end, line in enumerate(lines[1:], 1):
            if line.startswith(("---", "...")):
                text = "\n".join(lines[1:end])
                header = self._yaml(text, 2, "the header of this page")
                self._choose_frameworks(header, lines)
                return end + 1
        self.add(1, "the header of this page is not closed; write a line --- below it")
        return 0

    def _choose_frameworks(self, header: dict, lines: list[str]) -> None:
        for key in header:
            if key != "frameworks" and difflib.get_close_matches(key, ["frameworks"]):
                line = next(i for i, s in enumerate(lines, 1) if s.startswith(key))
                self.add(line, f"unknown key {key!r}; did you mean 'frameworks'?")
        if "frameworks" not in header:
            return
        chosen = header["frameworks"]
        chosen = [chosen] if isinstance(chosen, str) else chosen
        line = next(i for i, s in enumerate(lines, 1) if s.startswith("frameworks"))
        if not _is_list_of_names(chosen) or not chosen:
            self.add(line, f"`frameworks` must be a list of names, not {chosen!r}")
        elif unknown := [name for name in chosen if name not in self.declared]:
            self.add(
                line,
                f"there is no framework {unknown[0]!r} in kernels/frameworks.toml; "
                f"choose from {', '.join(self.declared)}",
            )
        else:
            self.frameworks = {n: f for n, f in self.declared.items() if n in chosen}

    def _check(
        self,
        text: str,
        first: int,
        outermost: bool = False,
        framework: str | None = None,
    ) -> list[Token]:
        """Check Markdown that starts in line `first` of the page.

        `framework` is the framework of the enclosing tab, if any.
        """
        lines = text.splitlines()
        tokens = _parser().parse(text, {})
        for token, after in zip(tokens, [*tokens[1:], None]):
            line = first + token.map[0] if token.map else first
            if token.type in ("fence", "colon_fence"):
                top = outermost and not token.level
                self._check_fence(token, line, lines, top, framework)
            elif token.type.startswith("math_block") and "\n\n" in token.content.strip():
                self._equation_is_open(line)
            elif token.type == "inline" and token.content.startswith("$$"):
                if token.content.count("$$") == 1:
                    self._equation_is_open(line)
            elif token.type == "heading_open" and token.tag == "h1":
                self.title = self.title or after.content
            for child in token.children or []:
                if child.type == "myst_role" and child.meta["name"] == EVAL:
                    self._add_expression(child.content, line, framework)
        return tokens

    def _add_expression(self, text: str, line: int, framework: str | None) -> None:
        try:
            [value] = ast.parse(f'f"""{{{text}}}"""', mode="eval").body.values
            if not isinstance(value, ast.FormattedValue) or value.conversion > 0:
                raise ValueError
            parts = value.format_spec.values if value.format_spec else []
            spec = "".join(part.value for part in parts)
        except (SyntaxError, ValueError, AttributeError):
            self.add(
                line,
                f"{{eval}}`{text}` is not valid; write a Python expression, with a "
                "format if you like, as in {eval}`test_accuracy:.3f`",
            )
            return
        code = ast.unparse(value.value)
        self.expressions.append(Expression(text, code, spec, line, framework))

    def _equation_is_open(self, line: int) -> None:
        self.add(
            line,
            "this equation is not closed; write $$ where it ends, and remove any empty "
            "lines inside it",
        )

    def _check_fence(
        self,
        token: Token,
        line: int,
        lines: list[str],
        outermost: bool,
        framework: str | None,
    ) -> None:
        name = directive_of(token)
        what = f"the fence of {{{name}}}" if name else "this fence"
        mark = token.markup
        for number, inside in enumerate(token.content.splitlines(), line + 1):
            if inside.strip().startswith(mark):
                self.add(
                    line,
                    f"{what} is not closed before line {number}, {inside.strip()!r}; "
                    f"write {mark} where it ends, or use a longer fence if that line "
                    "is part of its content",
                )
                return
        end = token.map[1] - 1
        closed = end > token.map[0] and not lines[end].strip(f" \t>{mark[0]}")
        if not closed or mark not in lines[end]:
            self.add(line, f"{what} is not closed; write {mark} where it ends")
            return
        if name == CODE_CELL:
            self._check_cell(token, line, outermost)
        elif name and name not in VERBATIM:
            if name == "tab-item":
                tab = options_of(token).get("sync", "")
                framework = tab if tab in self.declared else framework
            tokens = self._check(token.content, line + 1, framework=framework)
            if name == "tab-set":
                self._check_tabs(token, tokens, line)

    def _check_cell(self, token: Token, line: int, outermost: bool) -> None:
        if not self.is_notebook:
            self.add(
                line,
                "a page with code cells needs the header of a notebook; start it like "
                "the other pages, with `format_name: myst`",
            )
            self.is_notebook = True  # report this only once
        elif not outermost:
            self.add(
                line,
                "a code cell inside another block or a list is not executed; move it "
                "out",
            )
        body, first = token.content.splitlines(), line + 1
        what = "the metadata of this cell"
        if body and body[0].startswith("---"):
            body, first = body[1:], first + 1
            end = next((i for i, s in enumerate(body) if s.startswith("---")), None)
            if end is None:
                self.add(line, f"{what} is not closed; write a line --- below it")
                return
            options = body[:end]
        else:
            bare = (text.lstrip() for text in body)
            options = [s[1:] for s in takewhile(lambda s: s.startswith(":"), bare)]
        if any(map(str.strip, options)):
            self._check_metadata(self._yaml("\n".join(options), first, what), line)

    def _check_metadata(self, metadata: dict, line: int) -> None:
        tags = metadata.get("tags", [])
        if not _is_list_of_names(tags):
            self.add(
                line,
                "the tags of a cell must be a list of names, as in "
                f"`tags: [hide-input]`, not {tags!r}",
            )
        shown = metadata.get("mystnb", {})
        for keys in (("figure", "caption"), ("figure", "name"), ("image", "alt")):
            value, place = shown, "mystnb"
            for key in keys:
                if not isinstance(value, dict):
                    self.add(
                        line,
                        f"{place} of this cell must have lines of `name: value`, such "
                        f"as `{key}: ...`, not {value!r}",
                    )
                    return
                value, place = value.get(key), f"{place}: {key}"
                if value is None:
                    break
            if not isinstance(value, str | None):
                self.add(line, f"{place} of this cell must be text, not {value!r}")
                return
            if key == "caption" and value:
                self._check(value, line + 1)  # Jupytext's line number of the cell

    def _check_tabs(self, tabs: Token, tokens: list[Token], line: int) -> None:
        """Check that a tab set of frameworks has one tab for each framework."""
        items = [token for token in tokens if directive_of(token) == "tab-item"]
        keys = [options_of(item).get("sync", "") for item in items]
        if options_of(tabs).get("sync-group") != GROUP:
            if set(keys) & self.declared.keys():
                self.add(
                    line,
                    "these are tabs of frameworks; write `:sync-group: framework` "
                    "below this line",
                )
            return  # these are other tabs
        for item, key in zip(items, keys):
            if key not in self.frameworks or keys.count(key) > 1:
                self.add(
                    line + 1 + item.map[0],
                    f"this tab has {f'`:sync: {key}`' if key else 'no `:sync:`'}; "
                    "write `:sync:` and a framework of this page "
                    f"({', '.join(self.frameworks)}) that no other tab of the set has",
                )
                return
        if missing := [name for name in self.frameworks if name not in keys]:
            self.add_missing(
                line,
                f"this set has no tab for {' and '.join(missing)}; add it next to the "
                "others",
            )

    def cell(self, node: NotebookNode, line: int) -> Cell:
        metadata = dict(node.metadata)
        tags = list(metadata.pop("tags", []))
        owners = [tag for tag in tags if tag in self.declared]
        others = [tag for tag in tags if tag not in self.declared]
        for tag in others:
            if meant := difflib.get_close_matches(tag, self.declared, cutoff=0.8):
                self.add(line, f"unknown tag {tag!r}; did you mean {meant[0]!r}?")
        if len(owners) > 1:
            self.add(
                line,
                f"this cell is tagged {' and '.join(owners)}; give it the tag of one "
                "framework, or of none if it belongs to all",
            )
        owner = owners[0] if owners else None
        if owner is not None and owner not in self.frameworks:
            self.add(
                line,
                f"this page does not use {owner}; its frameworks are "
                f"{', '.join(self.frameworks)}. Name {owner} in the header, as in "
                f"`frameworks: [{', '.join([*self.frameworks, owner])}]`",
            )
        text = json.dumps([node.cell_type, owner, node.source])
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        return Cell(digest, node.cell_type, node.source, line, owner, others, metadata)

    def check_expressions(self, page: Page) -> None:
        lines = [cell.line for cell in page.cells if cell.type == "code"]
        for one in page.expressions:
            if not lines or one.line < lines[0]:
                self.add(
                    one.line,
                    f"{{eval}}`{one.text}` has no code cell above it; move it below "
                    "the cell that computes the value",
                )

    def check_twins(self, page: Page) -> None:
        for group in runs(page):
            owners = [cell.framework for cell in group]
            if owners == [None] or sorted(owners) == sorted(self.frameworks):
                continue
            missing = [name for name in self.frameworks if name not in owners]
            if missing:
                self.add_missing(
                    group[0].line,
                    f"this cell for {' and '.join(owners)} has no twin for "
                    f"{' and '.join(missing)}; add one next to it: "
                    f"{group[0].first_line}",
                )


def directive_of(token: Token) -> str | None:
    """Return the name of a directive, or None for other tokens."""
    if token.type not in ("fence", "colon_fence") or not token.info.startswith("{"):
        return None
    return token.info[1:].partition("}")[0].strip()


def options_of(token: Token) -> dict[str, str]:
    """Return the options at the start of a directive."""
    found: dict[str, str] = {}
    for line in _option_lines(token.content):
        name, _, value = line.partition(":")
        found[name.strip()] = value.strip()
    return found


def _option_lines(content: str) -> Iterator[str]:
    lines = content.strip("\n").splitlines()
    if lines and lines[0].startswith("---"):
        yield from takewhile(lambda line: not line.startswith("---"), lines[1:])
    else:
        yield from (s[1:] for s in takewhile(lambda s: s.startswith(":"), lines))


def _is_list_of_names(tags: object) -> bool:
    return isinstance(tags, list) and all(isinstance(t, str) for t in tags)
