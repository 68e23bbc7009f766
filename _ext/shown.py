"""Write each page again that shows a title or number which has changed.

Sphinx writes what was read again, and pages whose own numbers have changed. A
page that refers to one of them, or names it in its contents, or cites a work,
would go on to show what was there before.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

# Where the environment keeps what each page refers to, and what it can show.
REFERENCES, SHOWN = "d2l_references", "d2l_shown"


def note(app: Sphinx, tree: nodes.document) -> None:
    """Note what a page that has been read refers to."""
    known = app.env.__dict__.setdefault(REFERENCES, {})
    known[app.env.docname] = {
        target
        for node in tree.findall(pending_xref)
        for target in node["reftarget"].split(",")  # of several works at once
    }


def forget(app: Sphinx, env: BuildEnvironment, name: str) -> None:
    """A page is read again, or is gone."""
    getattr(env, REFERENCES, {}).pop(name, None)


def outdated(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """The pages that show what is not what it was."""
    before, now, pages = getattr(env, SHOWN, {}), {}, {}
    for page in env.found_docs:
        numbers = env.toc_secnumbers.get(page, {})
        now[page] = {
            "heading": (env.titles[page].astext(), numbers.get("")),
            "numbers": (numbers, env.toc_fignumbers.get(page)),
        }
    std, math = env.domaindata["std"], env.domaindata["math"]
    for labels in (std["labels"], math["objects"]):
        for label, (page, *shown) in labels.items():
            if page in now:
                now[page]["label", label] = shown
                pages[label] = page
    for work in getattr(env.domains.get("cite"), "citations", ()):
        page = work.bibliography_key.docname
        said = repr(work.entry), work.formatted_entry.label
        now[page]["work", work.key] = said
        pages[work.key] = page
    setattr(env, SHOWN, now)
    others = {page for page in before if before[page] != now.get(page)}
    # The contents, which are on every page, name all of them.
    if any(
        before[page]["heading"] != now.get(page, {}).get("heading")
        for page in others
    ):
        return sorted(now)
    references = getattr(env, REFERENCES, {})
    return [
        page
        for page, targets in sorted(references.items())
        if any(pages.get(target) in others for target in targets)
    ]


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", note, priority=900)
    app.connect("env-purge-doc", forget)
    # After Sphinx has numbered sections and figures, at 500.
    app.connect("env-get-updated", outdated, priority=600)
    return {"version": "1", "parallel_read_safe": False}
