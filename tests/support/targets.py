"""The labels of the built book, from the inventory that Sphinx writes."""

from __future__ import annotations

from sphinx.util.inventory import InventoryFile

from . import ROOT


def labels() -> dict[str, str]:
    """Return the page of each label, below chapters/, without suffix."""
    with (ROOT / "_build" / "html" / "objects.inv").open("rb") as file:
        found = InventoryFile.load(file, "", lambda base, address: address)
    return {
        label: address.partition(".html")[0].removeprefix("chapters/")
        for label, (_, _, address, _) in found["std:label"].items()
    }
