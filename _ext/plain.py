"""MyST Markdown as plain Jupyter Markdown, which Colab can show.

Colab and JupyterLab know neither directives nor roles. We translate the
subset that the pages use and refuse the rest, so that nothing reaches a
notebook as raw markup.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from .frameworks import Framework
    from .split import Cell, Page

OPEN = re.compile(r"^(`{3,}|:{3,})\{([\w:-]+)\}[ \t]*(.*)$")
OPTION = re.compile(r"^:([\w-]+):[ \t]*(.*)$")
TARGET = re.compile(r"^\(([\w-]+)\)=\s*$")
EQUATION = re.compile(
    r"^(\$\$(?:(?!\$\$).)*)\$\$[ \t]*\((\w+)\)[ \t]*$", re.M | re.S
)
ROLE = re.compile(r"(?<!`)\{([\w:]+)\}`([^`]+)`")
WITH_TARGET = re.compile(r"^(.*?)\s*<([^<>]+)>$", re.S)
ADMONITIONS = ("note", "tip", "important", "warning", "caution", "seealso")


class Plain:
    """Translates the cells of one page for the readers of one framework."""

    def __init__(
        self, page: Page, framework: Framework, results: dict | None
    ) -> None:
        self.page, self.framework, self.results = page, framework, results
        self.numbers = _numbers(page)

    def __call__(self, cell: Cell) -> str:
        """The plain Markdown of a Markdown cell."""
        self.cell = cell
        text = self._blocks(cell.source.splitlines())
        text = EQUATION.sub(self._equation, text)
        text = _outside_code(text, lambda s: ROLE.sub(self._role, s))
        return re.sub(r"\n{3,}", "\n\n", text).strip()

    def caption(self, cell: Cell) -> str:
        """The caption of the figure that a code cell draws, or nothing."""
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if not figure.get("caption"):
            return ""
        self.cell = cell
        text = ROLE.sub(self._role, figure["caption"].strip())
        number = self.numbers.get(figure.get("name"))
        return f"**Figure {number}.** {text}" if number else text

    def _blocks(self, lines: list[str]) -> str:
        out, i = [], 0
        while i < len(lines):
            line = lines[i]
            if match := OPEN.match(line):
                fence, name, argument = match.groups()
                end = _closing(lines, i + 1, fence)
                if end is None:
                    raise self._error(f"the fence of {{{name}}} is not closed")
                options, body = _options(lines[i + 1 : end])
                out += ["", self._directive(name, argument, options, body), ""]
                i = end + 1
            elif re.match(r"^(`{3,}|~{3,})", line):
                fence = re.match(r"^[`~]+", line).group()
                end = _closing(lines, i + 1, fence)
                end = len(lines) - 1 if end is None else end
                out += lines[i : end + 1]
                i = end + 1
            else:
                if not TARGET.match(line):
                    out.append(line)
                i += 1
        return "\n".join(out)

    def _directive(
        self, name: str, argument: str, options: dict, body: list[str]
    ) -> str:
        if name == "tab-set":
            return self._blocks(body)
        if name == "tab-item":
            mine = options.get("sync") == self.framework.name
            return self._blocks(body) if mine else ""
        if name in ADMONITIONS or name == "admonition":
            head = argument if name == "admonition" else name.capitalize()
            return _quote(f"**{head}.** " + self._blocks(body).strip())
        if name == "dropdown":
            inner = self._blocks(body).strip()
            return (
                f"<details><summary>{argument}</summary>\n\n{inner}\n\n"
                "</details>"
            )
        if name == "exercise":
            number = self.numbers[options["label"]]
            title = f" ({argument})" if argument else ""
            return f"**Exercise {number}**{title}. " + self._blocks(body).strip()
        if name == "solution-start":
            return f"**Solution to Exercise {self._number(argument)}.**"
        if name == "solution-end":
            return ""
        if name == "math":
            tag = options.get("label")
            tag = f" \\tag{{{self._number(tag)}}}" if tag else ""
            return "$$\n" + "\n".join(body) + tag + "\n$$"
        raise self._error(f"the directive {{{name}}} is unknown to notebooks")

    def _equation(self, match: re.Match) -> str:
        tag = f" \\tag{{{self._number(match[2])}}}"
        body = match[1].rstrip()
        return f"{body}{tag}\n$$" if "\n" in body else f"{body}{tag}$$"

    def _role(self, match: re.Match) -> str:
        name, content = match.groups()
        explicit = WITH_TARGET.match(content)
        text, target = explicit.groups() if explicit else ("", content)
        if name == "result":
            return self._result(content)
        if name == "eq":
            return f"({self._number(target)})"
        if name == "numref":
            return (text or "Figure %s") % self._number(target)
        if name in ("ref", "prf:ref", "doc"):
            number = self.numbers.get(target)
            return text or (f"Exercise {number}" if number else target)
        if name in ("abbr", "term", "index"):
            return text or target
        raise self._error(f"the role {{{name}}} is unknown to notebooks")

    def _result(self, name: str) -> str:
        if self.results is None:
            return f"`{name}`"
        if name not in self.results:
            raise self._error(
                f"{{result}}`{name}` is not recorded by {self.framework.label}"
                f": no cell of the page calls record({name!r}, ...)"
            )
        return self.results[name]

    def _number(self, label: str) -> int:
        if label not in self.numbers:
            raise self._error(f"nothing on this page is labeled {label!r}")
        return self.numbers[label]

    def _error(self, message: str) -> ValueError:
        from .split import SourceError

        where = f"{self.page.path}:{self.cell.line}"
        return SourceError(f"{where} (the cell from this line on): {message}")


def to_jupyter(
    page: Page, framework: Framework, results: dict[str, str] | None
) -> Plain:
    """The translator for one page and framework.

    `results` maps the name of each recorded result to its text; None leaves
    the names in place, for a notebook that has not been executed.
    """
    return Plain(page, framework, results)


def _numbers(page: Page) -> dict[str, int]:
    """Number the page's equations, figures and exercises as Sphinx does."""
    equations, figures, exercises = [], [], []
    for cell in page.cells:
        if cell.type == "markdown":
            source = cell.source
            equations += [m[2] for m in EQUATION.finditer(source)]
            exercises += re.findall(
                r"\{exercise\}.*\n:label:[ \t]*([\w-]+)", source
            )
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        if name and name not in figures:
            figures.append(name)
    return {
        label: number
        for labels in (equations, figures, exercises)
        for number, label in enumerate(labels, 1)
    }


def _closing(lines: list[str], start: int, fence: str) -> int | None:
    """The index of the line that closes `fence`, minding nested fences."""
    close = re.compile(rf"^{re.escape(fence[0])}{{{len(fence)},}}\s*$")
    for i in range(start, len(lines)):
        if close.match(lines[i]):
            return i
    return None


def _options(body: list[str]) -> tuple[dict[str, str], list[str]]:
    options, i = {}, 0
    while i < len(body) and (match := OPTION.match(body[i])):
        options[match[1]] = match[2].strip()
        i += 1
    return options, body[i:]


def _quote(text: str) -> str:
    return textwrap.indent(text, "> ", lambda line: True).replace("> \n", ">\n")


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """Apply `change` outside fenced code blocks."""
    parts = re.split(r"(^(?:```|~~~).*?^(?:```|~~~)[ \t]*$)", text, flags=re.M | re.S)
    return "".join(p if i % 2 else change(p) for i, p in enumerate(parts))
