"""Turn resolved doctrees into the Markdown of notebooks.

Colab and JupyterLab understand CommonMark, GitHub's tables, and TeX between dollar
signs, but neither directives nor roles. Sphinx has resolved the numbers, titles,
citations, and link targets before. Nodes that Markdown cannot express are reported
as errors with their page and line.
"""

from __future__ import annotations

import base64
import mimetypes
import re
import textwrap
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.builders import Builder

from bookbuild.errors import BuildError

from . import _private
from .computed_results import computed_result, typeset
from .framework_tabs import framework_tab

# Characters in text that Markdown would treat as markup. Underscores and brackets
# are markup only in some places.
MARKUP = re.compile(r"([\\`*$]|<(?=[a-zA-Z/!?])|(?<!\w)_|_(?!\w)|\[(?=[^\]]*\][(\[]))")
# What starts a block at the beginning of a line.
BLOCK = re.compile(r"^(\s*)([#>+-]|=+$|\d+(?=[.)]\s))", re.MULTILINE)
# Environments that TeX allows outside formulas, and their equivalents inside.
ENVIRONMENTS = {
    "align": "aligned",
    "alignat": "alignedat",
    "flalign": "aligned",
    "eqnarray": "aligned",
    "gather": "gathered",
    "multline": "gathered",
}
ENVIRONMENT = re.compile(
    rf"\\(begin|end)\{{({'|'.join(ENVIRONMENTS)}|equation)\*?\}}"
)
LARGEST_IMAGE = 2_000_000  # bytes
HTML_INLINE = {"superscript": "sup", "subscript": "sub"}
HTML_IN_TITLES = {
    nodes.emphasis: "em",
    nodes.strong: "strong",
    nodes.literal: "code",
    nodes.superscript: "sup",
    nodes.subscript: "sub",
}


class MarkdownTranslator:
    """Render the nodes of one page for one framework.

    `results` maps the name of each computed result to its text, or is None if the
    page has not been executed yet.
    """

    def __init__(
        self,
        builder: Builder,
        docname: str,
        framework: str,
        results: dict[str, str] | None,
    ) -> None:
        self.builder, self.docname = builder, docname
        self.framework, self.results = framework, results
        self.in_table = False

    # Dispatch

    def render(self, node: nodes.Node) -> str:
        """Return the Markdown of a node, or raise BuildError for unknown types."""
        for kind in type(node).__mro__:
            if method := getattr(self, f"render_{kind.__name__}", None):
                return method(node)
        raise self.fault(node, f"notebooks cannot show {type(node).__name__!r} nodes")

    def inline(self, node: nodes.Element) -> str:
        """Return the Markdown of a node's children, one after another."""
        return "".join(map(self.render, node.children))

    def blocks(self, children: list[nodes.Node]) -> str:
        """Return the Markdown of nodes as separate blocks."""
        return "\n\n".join(filter(None, map(self.render, children)))

    def body(self, node: nodes.Element) -> str:
        return self.blocks(node.children)

    def nothing(self, node: nodes.Node) -> str:
        return ""

    def fault(
        self,
        node: nodes.Node,
        what: str,
        cure: str = "Write this in a different way, or put it into an {only} "
        "directive for html",
    ) -> BuildError:
        while node is not None and not getattr(node, "line", None):
            node = node.parent
        path = self.builder.env.doc2path(self.docname, base=False)
        place = f"{path}:{node.line}" if node is not None else path
        return BuildError(f"{place}: {what}. {cure}")

    # Inline

    def render_Text(self, node: nodes.Text) -> str:
        text = MARKUP.sub(r"\\\1", node.astext())
        text = BLOCK.sub(r"\1\\\2", text) if _begins_block(node) else text
        return text.replace("|", r"\|") if self.in_table else text

    def render_emphasis(self, node: nodes.Element) -> str:
        return _around(self.inline(node), "*")

    def render_strong(self, node: nodes.Element) -> str:
        return _around(self.inline(node), "**")

    def render_literal(self, node: nodes.Element) -> str:
        text = node.astext().replace("\n", " ")
        if self.in_table:
            text = text.replace("|", r"\|")
        ticks = _fence(text, "`", 1)
        space = " " if text[:1] == "`" or text[-1:] == "`" else ""
        return f"{ticks}{space}{text}{space}{ticks}"

    def render_math(self, node: nodes.Element) -> str:
        text = " ".join(node.astext().split())
        if self.in_table:
            text = text.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
        return f"${text}$"

    def render_inline(self, node: nodes.Element) -> str:
        return self.inline(node)

    render_abbreviation = render_generated = render_problematic = render_inline
    render_PassthroughTextElement = render_inline  # sphinx-design's
    render_title_reference = render_emphasis

    def render_superscript(self, node: nodes.Element) -> str:
        tag = HTML_INLINE[type(node).__name__]
        return f"<{tag}>{self.inline(node)}</{tag}>"

    render_subscript = render_superscript

    def render_computed_result(self, node: computed_result) -> str:
        if self.results is None:
            return f"`{node['name']}`"
        name = node["name"]
        if name not in self.results:
            label = self.builder.frameworks[self.framework].label
            raise self.fault(
                node,
                f"`{name}` has no value from {label}",
                "Use {eval} only in text below a code cell, not in a title or in an "
                "option of a directive",
            )
        return self.inline(nodes.inline("", "", *typeset(self.results[name])))

    def render_reference(self, node: nodes.Element) -> str:
        text = self.inline(node)
        address = node.get("refuri", "")
        local = "refid" in node or address.startswith("#")
        if local and not any(c.isdigit() for c in node.astext()):
            return text  # a title on this page
        if local or not address or address.startswith(f"{self.docname}.html#"):
            return text
        if not re.match(r"[a-z][a-z0-9+.-]*:", address):
            return text  # the address is relative, because there is no site
        return f"[{text}]({address.replace(' ', '%20').replace(')', '%29')})"

    def render_download_reference(self, node: nodes.Element) -> str:
        if "refuri" in node:
            return self.render_reference(node)
        if not self.builder.repository.is_public:
            return self.inline(node)
        _, file = self.builder.env.relfn2path(node["reftarget"], self.docname)
        return f"[{self.inline(node)}]({self.builder.address_of_file(Path(file))})"

    def render_number_reference(self, node: nodes.Element) -> str:
        return self.render_reference(node)

    def render_footnote_reference(self, node: nodes.Element) -> str:
        return f"<sup>{node.astext()}</sup>"

    def render_image(self, node: nodes.Element) -> str:
        alternative = node.get("alt", "").replace("\n", " ")
        alternative = re.sub(r"([\[\]])", r"\\\1", alternative)
        return f"![{alternative}]({self._address_of_image(node)})"

    def _address_of_image(self, node: nodes.Element) -> str:
        address = node.get("uri", "")
        if re.match(r"(https?|data):", address):
            return address
        path = Path(self.builder.srcdir, address)
        kind = mimetypes.guess_type(path.name)[0] or ""
        if not path.is_file() or not kind.startswith("image/"):
            raise self.fault(node, f"there is no image {address}")
        content = path.read_bytes()
        if len(content) > LARGEST_IMAGE:
            raise self.fault(
                node,
                f"{address} has {len(content):,} bytes, but in a notebook it may have "
                f"at most {LARGEST_IMAGE:,}",
            )
        return f"data:{kind};base64,{base64.b64encode(content).decode()}"

    render_index = render_target = render_comment = nothing
    render_substitution_definition = render_colspec = nothing
    render_system_message = render_toctree = render_meta = nothing

    def render_raw(self, node: nodes.Element) -> str:
        if "html" not in node.get("format", ""):
            return ""
        return re.sub(r"<!--.*?-->", "", node.astext(), flags=re.DOTALL).strip()

    # Blocks

    def heading(self, node: nodes.Element, level: int) -> str:
        return f"{'#' * min(level, 6)} {self.inline(node)}"

    def render_section(self, node: nodes.Element) -> str:
        level = 1
        above = node.parent
        while above is not None:
            level += isinstance(above, nodes.section)
            above = above.parent
        parts = [
            self.heading(child, level)
            if isinstance(child, nodes.title)
            else self.render(child)
            for child in node.children
        ]
        return "\n\n".join(filter(None, parts))

    def render_title(self, node: nodes.Element) -> str:
        return f"**{self.inline(node).strip()}**"

    def render_paragraph(self, node: nodes.Element) -> str:
        return self.inline(node).strip()

    render_rubric = render_subtitle = render_centered = render_title
    render_compact_paragraph = render_paragraph

    def render_transition(self, node: nodes.Element) -> str:
        return "---"

    def render_container(self, node: nodes.Element) -> str:
        children = list(node.children)
        if _private.is_component(node, "dropdown"):
            rubric = children and isinstance(children[0], nodes.rubric)
            return self._folded(children.pop(0) if rubric else None, children)
        return self.body(node)

    def _folded(self, title: nodes.Element | None, children: list[nodes.Node]) -> str:
        """Return a fold. Blank lines make its content Markdown."""
        head = self._in_html(title).strip() if title is not None else "More"
        text = self.blocks(children)
        return f"<details>\n<summary>{head}</summary>\n\n{text}\n\n</details>"

    def _in_html(self, node: nodes.Element) -> str:
        """Return the HTML of a title's inline nodes, for where Markdown is not read."""
        parts = []
        for child in node.children:
            if tag := HTML_IN_TITLES.get(type(child)):
                parts.append(f"<{tag}>{self._in_html(child)}</{tag}>")
            elif isinstance(child, nodes.math):
                parts.append(escape(self.render_math(child), quote=False))
            elif isinstance(child, nodes.Element):
                parts.append(self._in_html(child))
            else:
                parts.append(escape(child.astext(), quote=False))
        return "".join(parts)

    def render_framework_tab(self, node: framework_tab) -> str:
        return self.body(node) if node["framework"] == self.framework else ""

    render_framework_tabs = render_compound = render_only = render_document = body
    render_glossary = render_topic = render_sidebar = render_legend = body
    render_bibliography = body

    def render_literal_block(self, node: nodes.Element) -> str:
        text = node.astext().rstrip("\n")
        language = node.get("language", "")
        if language in ("default", "none", "myst-ansi"):
            language = ""
        fence = _fence(text, "`", 3)
        return f"{fence}{language}\n{text}\n{fence}"

    render_doctest_block = render_literal_block

    def render_math_block(self, node: nodes.Element) -> str:
        text = re.sub(r"(?<!\\)%.*", "", node.astext())
        text = ENVIRONMENT.sub(
            lambda m: f"\\{m[1]}{{{ENVIRONMENTS[m[2]]}}}" if m[2] in ENVIRONMENTS else "",
            text,
        )
        text = re.sub(r"\\(label\{[^}]*\}|nonumber|notag)", "", text)
        text = "\n".join(line for line in text.strip().split("\n") if line.strip())
        if r"\\" in text and r"\begin" not in text:
            text = f"\\begin{{aligned}}{text}\\end{{aligned}}"
        if number := self.number("displaymath", node["ids"]) or node.get("number"):
            text += f" \\tag{{{number}}}"
        if not isinstance(node.parent, nodes.section):
            text = " ".join(text.split())  # a quotation would put a mark before each line
        return f"$${text}$$"

    def number(self, kind: str, ids: list[str]) -> str:
        """Return the number of a figure, table, formula, or exercise, or ""."""
        numbers = self.builder.env.toc_fignumbers.get(self.docname, {}).get(kind, {})
        found = next((numbers[i] for i in ids if i in numbers), ())
        return ".".join(map(str, found))

    def render_bullet_list(self, node: nodes.Element) -> str:
        return self._list(node, ["-"] * len(node.children))

    def render_enumerated_list(self, node: nodes.Element) -> str:
        first = node.get("start", 1)
        return self._list(node, [f"{first + i}." for i in range(len(node.children))])

    def _list(self, node: nodes.Element, marks: list[str]) -> str:
        items = [
            textwrap.indent(self.body(item), " " * (len(mark) + 1))
            for item, mark in zip(node.children, marks)
        ]
        loose = any(len(item.children) > 1 for item in node.children)
        return ("\n\n" if loose else "\n").join(
            f"{mark}{item[len(mark):]}" for item, mark in zip(items, marks)
        )

    def render_definition_list(self, node: nodes.Element) -> str:
        return self.body(node)

    def render_definition_list_item(self, node: nodes.Element) -> str:
        terms = [c for c in node.children if isinstance(c, nodes.term)]
        definition = node.children[-1]
        head = ", ".join(f"**{self.inline(term).strip()}**" for term in terms)
        return f"{head}\n\n{self._quote(self.body(definition))}"

    def render_field_list(self, node: nodes.Element) -> str:
        return "\n".join(
            f"- **{self.inline(name)}**: {self.body(value)}" for name, value in node
        )

    def render_line_block(self, node: nodes.Element) -> str:
        return "  \n".join(self.render(line).replace("\n", " ") for line in node)

    def render_line(self, node: nodes.Element) -> str:
        return self.inline(node)

    def render_block_quote(self, node: nodes.Element) -> str:
        return self._quote(self.body(node))

    def render_attribution(self, node: nodes.Element) -> str:
        return f"— {self.inline(node)}"

    @staticmethod
    def _quote(text: str) -> str:
        return textwrap.indent(text, "> ", lambda line: True).replace("> \n", ">\n")

    def render_Admonition(self, node: nodes.Element) -> str:
        children = list(node.children)
        if children and isinstance(children[0], nodes.title):
            if "dropdown" in node["classes"]:
                return self._folded(children[0], children[1:])
            head = self.inline(children.pop(0)).strip()
        else:
            name = type(node).__name__
            head = {"seealso": "See also"}.get(name, name.capitalize())
        return self._quote(self.headed(head, children))

    def headed(self, head: str, children: list[nodes.Node], after: str = "") -> str:
        """Return blocks after a bold head, on the same line if text comes first."""
        stop = "" if head[-1:] in ".?!:" else "."
        head = f"**{head}**{after}." if after else f"**{head}{stop}**"
        text = self.blocks(children)
        first = next((c for c in children if self.render(c)), None)
        return f"{head}{' ' if isinstance(first, nodes.paragraph) else chr(10) * 2}{text}"

    def render_versionmodified(self, node: nodes.Element) -> str:
        return self.body(node)

    def render_footnote(self, node: nodes.Element) -> str:
        label, *rest = node.children
        return f"<sup>{label.astext()}</sup> {self.blocks(rest)}"

    def render_citation(self, node: nodes.Element) -> str:
        _, *rest = node.children
        return f"- {self.blocks(rest)}"

    def render_figure(self, node: nodes.Element) -> str:
        return self.body(node)

    def render_caption(self, node: nodes.Element) -> str:
        kind = "figure" if isinstance(node.parent, nodes.figure) else "code-block"
        return self.numbered(kind, node, node.parent.get("ids", []))

    def numbered(self, kind: str, title: nodes.Element, ids: list[str]) -> str:
        """Return a caption or title, preceded by the number of one of `ids`, if any."""
        text = self.inline(title).strip()
        number = self.number(kind, ids)
        name = self.builder.config.numfig_format[kind].replace("%s", number)
        return f"**{name}.** {text}" if number else text

    # Tables

    def render_table(self, node: nodes.Element) -> str:
        rows = [self._row(row) for row in node.findall(nodes.row)]
        if not any(node.findall(nodes.thead)):
            rows.insert(0, [""] * len(rows[0]))
        rows.insert(1, ["---"] * len(rows[0]))
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        title = next(iter(node.findall(nodes.title)), None)
        if title is None:
            return table
        return f"{self.numbered('table', title, node['ids'])}\n\n{table}"

    def _row(self, row: nodes.Element) -> list[str]:
        cells = []
        self.in_table = True
        for entry in row.children:
            if entry.get("morecols") or entry.get("morerows"):
                raise self.fault(
                    entry, "a table in a notebook cannot have cells that span others"
                )
            for child in entry.children:
                if not isinstance(child, (nodes.paragraph, nodes.image)):
                    raise self.fault(
                        child, "a table in a notebook can only contain text"
                    )
            texts = [self.render(child).replace("\n", " ") for child in entry.children]
            cells.append("<br>".join(texts))
        self.in_table = False
        return cells

    # Exercises

    def render_exercise_node(self, node: nodes.Element) -> str:
        head, children = self.exercise_head(node)
        return self.headed(head[0], children, head[1])

    render_exercise_enumerable_node = render_solution_node = render_exercise_node

    def exercise_head(
        self, node: nodes.Element
    ) -> tuple[tuple[str, str], list[nodes.Node]]:
        """Return the name and title of an exercise or solution, and its content."""
        title, *rest = node.children
        children = []
        for child in rest:
            children += child.children if isinstance(child, nodes.section) else [child]
        if isinstance(node, _private.solution_node):
            # "Solution to Exercise 3.1 (Title)"
            name = " ".join(title.astext().split()).partition(" (")[0]
            return (name, ""), children
        text = " ".join(self.inline(title).split())
        name = title.get("title", "Exercise").replace(
            "%s", self.number("exercise", node["ids"])
        ).strip()
        after = re.sub(r"\(\s*(.*?)\s*\)", r"(\1)", text)
        return (name, f" {after}" if after else ""), children


def _fence(text: str, mark: str, least: int) -> str:
    """Return a fence that is longer than any in the text."""
    longest = max((len(m) for m in re.findall(f"{mark}+", text)), default=0)
    return mark * max(least, longest + 1)


def _around(text: str, mark: str) -> str:
    """Put marks around a text, inside the spaces at its ends."""
    inner = text.strip()
    if not inner:
        return text
    return text.replace(inner, f"{mark}{inner}{mark}", 1)


def _begins_block(node: nodes.Text) -> bool:
    """Return whether a text is at the start of a paragraph, or after a line break."""
    return node.parent.index(node) == 0 or "\n" in node.astext()
