"""Define the role {thumbnail}, which shows a figure of the book once more, in small.

Thumbnails decorate links, so they have no alternative text. Only the site shows them.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxRole
from sphinx.util.logging import getLogger

logger = getLogger(__name__)


class thumbnail(nodes.Inline, nodes.Element):
    """Mark where to show the figure with the label `target`."""


class ThumbnailRole(SphinxRole):
    """Implement {thumbnail}`fig_softmax_birds`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        node = thumbnail(target=self.text.strip().lower())
        self.set_source_info(node)
        return [node], []


class StoreFigures(SphinxTransform):
    """Store the image of each figure of a page that Sphinx has read."""

    default_priority = 900

    def apply(self, **kwargs: object) -> None:
        self.env.metadata[self.env.docname]["figures"] = {
            id: image["uri"]
            for figure in self.document.findall(nodes.figure)
            if (image := next(figure.findall(nodes.image), None))
            for id in figure["ids"]
        }


class InsertThumbnails(SphinxPostTransform):
    """Replace {thumbnail} with an image on the site, and with nothing elsewhere."""

    default_priority = 5

    def run(self, **kwargs: object) -> None:
        for node in list(self.document.findall(thumbnail)):
            address = self._address_of(node)
            if address and self.app.builder.name == "html":
                image = nodes.image(uri=address, alt="", candidates={"*": address})
                node.replace_self(image)
            else:
                node.parent.remove(node)

    def _address_of(self, node: thumbnail) -> str | None:
        labels = self.env.get_domain("std").anonlabels
        docname, id, *_ = labels.get(node["target"], ("", ""))
        address = self.env.metadata.get(docname, {}).get("figures", {}).get(id)
        if address is None:
            logger.warning(
                "{thumbnail}`%s` is not the label of a figure", node["target"],
                location=node, type="d2l", subtype="thumbnail",
            )  # fmt: skip
        return address


def figure_images(env: BuildEnvironment) -> list[tuple[str, dict]]:
    """Return the images of all pages' figures."""
    return sorted(
        (name, data.get("figures", {})) for name, data in env.metadata.items()
    )


def setup(app: Sphinx) -> dict:
    app.add_role("thumbnail", ThumbnailRole())
    app.add_transform(StoreFigures)
    app.add_post_transform(InsertThumbnails)
    return {"version": "1", "parallel_read_safe": True}
