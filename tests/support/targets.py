"""Look up the labels of the built book and their numbers, as Sphinx stores them."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import cache

from . import ROOT

NAMES = {"figure": "Figure", "table": "Table", "exercise": "Exercise"}


@dataclass(frozen=True)
class Target:
    """Describe what a label refers to. `page` is relative to chapters/.

    `number` may be empty.
    """

    page: str
    text: str
    number: str = ""


@cache
def targets() -> dict[str, Target]:
    """Return the target of each label of the book."""
    path = ROOT / "_build" / "rendered" / "doctrees" / "environment.pickle"
    env = pickle.loads(path.read_bytes())
    found = {}

    def add(label: str, docname: str, anchor: str, title: str) -> None:
        numbers = env.toc_fignumbers.get(docname, {})
        for kind, known in numbers.items():
            if anchor in known:
                number = ".".join(map(str, known[anchor]))
                title = f"{NAMES.get(kind, kind)} {number}"
                break
        else:
            number = ""
        found[label] = Target(docname.removeprefix("chapters/"), title, number)

    for label, (docname, anchor, title) in env.domaindata["std"]["labels"].items():
        add(label, docname, anchor, title)
    for label, (docname, _) in env.domaindata["math"]["objects"].items():
        add(label, docname, f"equation-{label.replace('_', '-')}", label)
    return found
