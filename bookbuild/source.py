"""What an author writes, read with care: pages, _config.yml and _toc.yml.

Markdown knows no errors. A fence that is not closed swallows what follows it,
and a tab that is missing is missing. So the blocks of a page are looked at
here, before anything is executed or rendered, for what cannot be meant.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from myst_nb.core.read import is_myst_markdown_notebook
from sphinx_external_toc.parsing import MalformedError, parse_toc_data

if TYPE_CHECKING:
    from .frameworks import Framework

FENCE = re.compile(r"(`{3,}|~{3,}|:{3,})(?:\{([\w:-]+)\}[ \t]*)?([^`]*)$")
OPTION = re.compile(r"^:([\w-]+):[ \t]*(.*)$")
# As myst-nb takes it: from the first line to the next rule.
HEADER = re.compile(r"(?:---.*\n(?:(?!---|\.\.\.).*\n)*)?")
CODE_CELL = "code-cell"
# Their content is no Markdown.
VERBATIM = {None, CODE_CELL, "code", "code-block", "math", "raw"}


class SourceError(ValueError):
    """A page is not what it has to be; says where, what and the cure."""


@dataclass
class Block:
    """A fenced block: a directive, or plain code if it has no name."""

    name: str | None
    line: int
    body: list[str]
    options: dict[str, str] = field(default_factory=dict)
    inside: list[Block] = field(default_factory=list)

    def all(self) -> Iterator[Block]:
        yield self
        for block in self.inside:
            yield from block.all()


def read(path: Path) -> str:
    """The text of a source file, with LF at the ends of its lines.

    Raises SourceError if it is not UTF-8.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{path}:{line}: the byte {content[error.start]:#x} is not UTF-8; "
            "save the file in that encoding"
        ) from error
    return text.replace("\r\n", "\n")


def settings(path: Path) -> dict:
    """What a YAML file says.

    Raises SourceError with file, line and cure for one that cannot be used.
    """
    if not path.exists():
        raise SourceError(
            f"{path} is missing: restore it with git checkout {path.name}"
        )
    return parse_yaml(read(path), path, 1, "this file")


def contents(root: Path) -> list[str]:
    """The pages in the table of contents below `root`, as Sphinx names them.

    Raises SourceError for a table that cannot be used, or a page in it that
    does not exist.
    """
    path = root / "_toc.yml"
    try:
        names = list(parse_toc_data(settings(path)))
    except MalformedError as error:
        raise SourceError(f"{path}: {error}") from error
    names = [name.removesuffix(".md") for name in names]
    for name in names:
        if not (root / f"{name}.md").is_file():
            lines = read(path).splitlines()
            line = next((i for i, s in enumerate(lines, 1) if name in s), 1)
            raise SourceError(
                f"{path}:{line}: there is no page {name}.md; mend the name, "
                "or take it out of the table of contents"
            )
    return names


# libyaml reads in a tenth of the time, whoever asks: Jupyter Book reads the
# table of contents as well.
_PYTHONS = yaml.SafeLoader
yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache  # a build asks several times for the table of contents
def _loaded(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return yaml.load(text, _PYTHONS)  # which tells better where it is


def parse_yaml(text: str, path: Path, line: int, what: str) -> dict:
    """Names and values in YAML, whose first line is a file's line `line`."""
    try:
        found = copy.deepcopy(_loaded(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # Of brackets and quotes it is told where they are opened.
        if re.search("flow|key|quoted", getattr(error, "context", "") or ""):
            mark = error.context_mark
        at = line + mark.line if mark else line
        problem = getattr(error, "problem", None) or error
        raise SourceError(
            f"{path}:{at}: {what} is not valid YAML: {problem}; put quotes "
            "around text with special signs, and close brackets and quotes"
        ) from error
    if not isinstance(found, dict):
        raise SourceError(
            f"{path}:{line}: {what} must be lines of `name: value`, not "
            + ("empty" if found is None else f"a {type(found).__name__}")
        )
    return found


def options(body: list[str]) -> tuple[dict[str, str], list[str]]:
    """The options that a directive begins with, and the rest of it."""
    found, i = {}, 0
    while i < len(body) and (match := OPTION.match(body[i])):
        found[match[1]] = match[2].strip()
        i += 1
    return found, body[i:]


def is_notebook(text: str) -> bool:
    """Whether the text of a page is that of a notebook, by its header.

    Most pages have the same header, of which myst-nb is asked once.
    """
    return _is_notebook(HEADER.match(text)[0])


_is_notebook = cache(is_myst_markdown_notebook)


def check(text: str, path: Path, frameworks: dict[str, Framework]) -> None:
    """Raise SourceError for the first fault in the text of a page."""
    lines = text.splitlines()
    start = _header(lines, path)
    executed = is_notebook(text)
    blocks = _blocks(lines[start:], start + 1, path)
    for block in (inner for outer in blocks for inner in outer.all()):
        where = f"{path}:{block.line}"
        if block.name == CODE_CELL:
            if not executed:
                raise SourceError(
                    f"{where}: a page with code cells needs the header of a "
                    "notebook: begin it as the other pages begin, with "
                    "`format_name: myst`"
                )
            if block not in blocks:
                raise SourceError(
                    f"{where}: a code cell must not stand inside another "
                    "block, where nothing executes it"
                )
            _check_metadata(block, path)
        elif block.name == "tab-set":
            _check_tabs(block, where, frameworks)
        elif block.name == "exercise" and not block.options.get("label"):
            raise SourceError(
                f"{where}: an exercise needs a label: write `:label: ex_...` "
                "below this line"
            )


def _header(lines: list[str], path: Path) -> int:
    """How many lines the header of a page takes, if it has one."""
    if not lines or not lines[0].startswith("---"):
        return 0
    for end, line in enumerate(lines[1:], 1):
        if line.startswith(("---", "...")):
            text = "\n".join(lines[1:end])
            parse_yaml(text, path, 2, "the header of this page")
            return end + 1
    raise SourceError(
        f"{path}:1: the header of this page is not closed: write a line --- "
        "below it"
    )


def _blocks(lines: list[str], first: int, path: Path) -> list[Block]:
    """The blocks of Markdown, whose first line is a page's line `first`."""
    bare, found, i = [line.strip() for line in lines], [], 0
    while i < len(lines):
        end, match = i, FENCE.match(bare[i])
        if match and (match[2] or not match[3] or match[1][0] != ":"):
            end = _end(bare, i, first, path)
            block = Block(match[2], first + i, lines[i + 1 : end])
            found.append(block)
            if block.name not in VERBATIM:
                block.options, _ = options(bare[i + 1 : end])
                block.inside = _blocks(block.body, first + i + 1, path)
        elif bare[i].startswith("$$"):
            end = _end_of_equation(bare, i, first, path)
        i = end + 1
    return found


def _end(lines: list[str], start: int, first: int, path: Path) -> int:
    """Where the fence is closed that line `start` opens."""
    fence, name, _ = FENCE.match(lines[start]).groups()
    where = f"{path}:{first + start}"
    what = f"the fence of {{{name}}}" if name else "this fence"
    for i, line in enumerate(lines[start + 1 :], start + 1):
        # The fences of what a block holds are shorter than its own.
        if not line.startswith(fence):
            continue
        if not line.strip(fence[0]):
            return i
        raise SourceError(
            f"{where}: {what} is not closed before line {first + i}, "
            f"{line!r}; write {fence} where it ends, or begin it with a longer "
            "fence if it is to hold that line"
        )
    raise SourceError(
        f"{where}: {what} is not closed; write {fence} where it ends"
    )


def _end_of_equation(
    lines: list[str], start: int, first: int, path: Path
) -> int:
    """Where the displayed equation ends that line `start` begins."""
    for i, line in enumerate(lines[start:], start):
        if "$$" in (line[2:] if i == start else line):
            return i
        if not line:
            break
    raise SourceError(
        f"{path}:{first + start}: this equation is not closed; write $$ where "
        "it ends, and no empty line within it"
    )


def _check_metadata(cell: Block, path: Path) -> None:
    """Look at the names and values that a code cell begins with."""
    where, first = f"{path}:{cell.line}", cell.line + 1
    what = "the metadata of this cell"
    if cell.body and cell.body[0].startswith("---"):
        rest, first = cell.body[1:], first + 1
        end = next((i for i, s in enumerate(rest) if s.startswith("---")), None)
        if end is None:
            raise SourceError(
                f"{where}: {what} are not closed; write a line --- below them"
            )
        lines = rest[:end]
    else:
        bare = [line.lstrip() for line in cell.body]
        lines = [s[1:] for s in takewhile(lambda s: s.startswith(":"), bare)]
    if not any(map(str.strip, lines)):
        return
    metadata = parse_yaml("\n".join(lines), path, first, what)
    tags = metadata.get("tags", [])
    if not _is_list_of_names(tags):
        raise SourceError(
            f"{where}: the tags of a cell are a list of names, as in "
            f"`tags: [hide-input]`, not {tags!r}"
        )
    shown = metadata.get("mystnb", {})
    for keys in (("figure", "caption"), ("figure", "name"), ("image", "alt")):
        value, place = shown, "mystnb"
        for key in keys:
            if not isinstance(value, dict):
                raise SourceError(
                    f"{where}: {place} of this cell must hold lines of "
                    f"`name: value`, such as `{key}: ...`, not {value!r}"
                )
            value, place = value.get(key), f"{place}: {key}"
            if value is None:
                break
        if not isinstance(value, str | None):
            raise SourceError(
                f"{where}: {place} of this cell must be text, not {value!r}"
            )
    name = (shown.get("figure") or {}).get("name")
    if name and not re.fullmatch(r"fig_\w+", name):
        raise SourceError(
            f"{where}: a figure's name begins with fig_ and has letters, "
            f"digits and underscores alone, unlike {name!r}"
        )


def _is_list_of_names(tags: object) -> bool:
    return isinstance(tags, list) and all(isinstance(t, str) for t in tags)


def _check_tabs(
    tabs: Block, where: str, frameworks: dict[str, Framework]
) -> None:
    """Look whether a tab set of frameworks has one tab for each."""
    items = [block for block in tabs.inside if block.name == "tab-item"]
    keys = [item.options.get("sync", "") for item in items]
    if tabs.options.get("sync-group") != "framework":
        if not set(keys) & frameworks.keys():
            return  # its tabs are of something else
        raise SourceError(
            f"{where}: these are tabs of frameworks, so write `:sync-group: "
            "framework` below this line"
        )
    for item, key in zip(items, keys, strict=True):
        if key not in frameworks or keys.count(key) > 1:
            raise SourceError(
                f"{where.rpartition(':')[0]}:{item.line}: a tab needs "
                f"`:sync:` and the name of a framework ({', '.join(frameworks)}"
                "), which no other tab of the set has"
                + (f", not {key!r}" if key else "")
            )
    if missing := [name for name in frameworks if name not in keys]:
        raise SourceError(
            f"{where}: these tabs have none for {' and '.join(missing)}; write "
            "one beside the others"
        )
