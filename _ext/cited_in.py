"""Say at each work in the bibliography which sections cite it, with links."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

from . import _private

BOXES = (
    _private.exercise_enumerable_node,
    _private.exercise_node,
    _private.solution_node,
)


class FindCitations(SphinxTransform):
    """Store where a page cites which works: the key, the citation, and the section."""

    default_priority = 900

    def apply(self, **kwargs: object) -> None:
        found = [
            (key.strip(), node["ids"][0], _section_around(node))
            for node in self.document.findall(pending_xref)
            if node.get("refdomain") == "cite"
            for key in node["reftarget"].split(",")
        ]
        if found:
            self.env.metadata[self.env.docname]["citations"] = found


def _section_around(node: nodes.Node) -> str:
    """Return the section around a node as in Sphinx's table of section numbers."""
    while (node := node.parent) is not None:
        if not isinstance(node, nodes.section) or isinstance(node.parent, BOXES):
            continue  # The contents of exercises are sections, too.
        if not isinstance(node.parent, nodes.document):
            return f"#{node['ids'][0]}"
    return ""


def citations(env: BuildEnvironment) -> list[tuple[str, list]]:
    """Return where each page cites which works."""
    return sorted(
        (docname, data["citations"])
        for docname, data in env.metadata.items()
        if "citations" in data
    )


class ListCitations(SphinxPostTransform):
    """Append "Cited in 1.3, 7.5." to each work, with links to the citations."""

    default_priority = 900  # after the bibliography has been filled
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        keys = {
            citation_id: key
            for key, docname, citation_id, *_ in _private.cited_works(self.env)
            if docname == self.env.docname
        }
        for work in self.document.findall(nodes.citation):
            sentence = nodes.inline(classes=["cited-in"])
            for link in self.links_to_citations(keys[work["ids"][0]]):
                sentence += [nodes.Text(", " if sentence.children else "Cited in "), link]
            if sentence.children:
                sentence += nodes.Text(".")
                work[-1] += [nodes.Text(" "), sentence]

    def links_to_citations(self, key: str) -> Iterator[nodes.reference]:
        """Yield a link to the first citation of a work in each section of the book."""
        pages = dict(citations(self.env))
        for docname in self.env.collect_relations():  # in the order of the contents
            numbers = self.env.toc_secnumbers.get(docname, {})
            seen = set()
            for cited, citation_id, section in pages.get(docname, []):
                number = numbers.get(section) or numbers.get("")
                if cited != key or number in seen:
                    continue
                seen.add(number)
                if number:
                    name = nodes.Text(".".join(map(str, number)))
                else:
                    name = nodes.Text(self.env.titles[docname].astext())
                yield make_refnode(
                    self.app.builder, self.env.docname, docname, citation_id, name
                )


def setup(app: Sphinx) -> dict:
    app.add_transform(FindCitations)
    app.add_post_transform(ListCitations)
    return {"version": "1", "parallel_read_safe": True}
