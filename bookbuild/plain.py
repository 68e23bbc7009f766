"""MyST Markdown as plain Jupyter Markdown, which Colab can show.

Colab and JupyterLab know neither directives nor roles. We translate the
subset that the pages use and refuse the rest, so that nothing reaches a
notebook as raw markup.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Callable

from .labels import EQUATION, Labels, Target
from .source import SourceError, options

if TYPE_CHECKING:
    from .frameworks import Framework
    from .page import Cell, Page

OPEN = re.compile(r"^(`{3,}|:{3,})\{([\w:-]+)\}[ \t]*(.*)$")
TARGET = re.compile(r"^\(([\w-]+)\)=\s*$")
ROLE = re.compile(r"(?<!`)\{([\w:]+)\}`([^`]+)`")
WITH_TARGET = re.compile(r"^(.*?)\s*<([^<>]+)>$", re.S)
ADMONITIONS = ("note", "tip", "important", "warning", "caution", "seealso")


class Plain:
    """Translates the cells of one page for the readers of one framework.

    `results` maps the name of each recorded result to its text; None leaves
    the names in place, for a notebook that has not been executed.
    """

    def __init__(
        self,
        page: Page,
        framework: Framework,
        results: dict | None,
        labels: Labels,
    ) -> None:
        self.page, self.framework = page, framework
        self.results, self.labels = results, labels

    def __call__(self, cell: Cell) -> str:
        """The plain Markdown of a Markdown cell."""
        self.cell, self.said = cell, ""
        text = self._blocks(cell.source.splitlines())
        text = EQUATION.sub(self._equation, text)
        text = _outside_code(text, lambda s: ROLE.sub(self._role, s))
        return re.sub(r"\n{3,}", "\n\n", text).strip()

    def caption(self, cell: Cell) -> str:
        """The caption of the figure that a code cell draws, or nothing."""
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if not figure.get("caption"):
            return ""
        self.cell, self.said = cell, ""
        text = ROLE.sub(self._role, figure["caption"].strip())
        if not figure.get("name"):
            return text
        return f"**{self._target(figure['name']).text}.** {text}"

    def _blocks(self, lines: list[str]) -> str:
        out, i = [], 0
        while i < len(lines):
            line = lines[i]
            if match := OPEN.match(line):
                fence, name, argument = match.groups()
                end = closing(lines, i + 1, fence)
                self.said = line
                if end is None:
                    raise self._error(f"the fence of {{{name}}} is not closed")
                given, body = options(lines[i + 1 : end])
                out += ["", self._directive(name, argument, given, body), ""]
                i = end + 1
            elif re.match(r"^(`{3,}|~{3,})", line):
                fence = re.match(r"^[`~]+", line).group()
                end = closing(lines, i + 1, fence)
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
        if name == "only":  # notebooks show what the site does
            return self._blocks(body) if argument == "site" else ""
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
            head = self._target(options["label"]).text
            title = f" ({argument})" if argument else ""
            return f"**{head}**{title}. " + self._blocks(body).strip()
        if name == "solution-start":
            return f"**Solution to {self._target(argument).text}.**"
        if name in ("solution-end", "index"):
            return ""
        if name == "math":
            tag = options.get("label")
            tag = f" \\tag{{{self._target(tag).number}}}" if tag else ""
            return "$$\n" + "\n".join(body) + tag + "\n$$"
        raise self._error(f"the directive {{{name}}} is unknown to notebooks")

    def _equation(self, match: re.Match) -> str:
        self.said = f"({match[2]})"
        tag = f" \\tag{{{self._target(match[2]).number}}}"
        body = match[1].rstrip()
        return f"{body}{tag}\n$$" if "\n" in body else f"{body}{tag}$$"

    def _role(self, match: re.Match) -> str:
        self.said, (name, content) = match[0], match.groups()
        explicit = WITH_TARGET.match(content)
        text, target = explicit.groups() if explicit else ("", content)
        if name == "result":
            return self._result(content)
        if name == "eq":
            return self._link(target, f"({self._target(target).number})")
        if name == "numref":
            found = self._target(target)
            return self._link(
                target, text.replace("%s", found.number) or found.text
            )
        if name == "ref":
            return self._link(target, text or self._target(target).text)
        if name == "term":
            return text or target
        if name in ("cite:t", "cite:p"):
            return self._cite(name, [key.strip() for key in content.split(",")])
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

    def _target(self, label: str) -> Target:
        if label not in self.labels.targets:
            raise self._error(f"nothing is labeled {label!r}")
        return self.labels.targets[label]

    def _link(self, label: str, text: str) -> str:
        """A reference: text on this page, a link to the site beyond it."""
        page = self._target(label).page
        if page == self.page.name or not self.labels.site:
            return text
        return f"[{text}]({self.labels.url(page, label)})"

    def _cite(self, role: str, keys: list[str]) -> str:
        cited = []
        for key in keys:
            if key not in self.labels.works:
                raise self._error(f"no work has the key {key!r}")
            authors, year = self.labels.works[key]
            both = f"{authors} ({year})", f"{authors}, {year}"
            text = both[role == "cite:p"]
            if self.labels.site:
                text = f"[{text}]({self.labels.url('references')})"
            cited.append(text)
        if role == "cite:p":
            return f"({'; '.join(cited)})"
        return ", ".join(cited[:-1] + [""]) + cited[-1]

    def _error(self, message: str) -> SourceError:
        """What is wrong, in the line that is being translated."""
        said = self.said.partition("\n")[0]
        lines = self.cell.source.splitlines()
        at = next((i for i, s in enumerate(lines) if said and said in s), None)
        where = f"{self.page.path}:{self.cell.line + (at or 0)}"
        if at is None:  # in a caption
            where += " (the cell from this line on)"
        return SourceError(f"{where}: {message}")


def closing(lines: list[str], start: int, fence: str) -> int | None:
    """The index of the line that closes `fence`, minding nested fences."""
    close = re.compile(rf"^{re.escape(fence[0])}{{{len(fence)},}}\s*$")
    for i in range(start, len(lines)):
        if close.match(lines[i]):
            return i
    return None


def _quote(text: str) -> str:
    return textwrap.indent(text, "> ", lambda line: True).replace("> \n", ">\n")


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """Apply `change` outside fenced code blocks."""
    parts = re.split(r"(^(?:```|~~~).*?^(?:```|~~~)[ \t]*$)", text, flags=re.M | re.S)
    return "".join(p if i % 2 else change(p) for i, p in enumerate(parts))
