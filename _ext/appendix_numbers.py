"""Number the figures, tables, equations, and exercises of the appendix A.1, A.2, ...

Sphinx numbers 1, 2, ... across all pages without a section number. Here, each such
page with anything to number gets a letter, in the order of the contents. The first
page keeps plain numbers. All builders read the numbers from the same place, so the
site, the notebooks, the PDF, and the EPUB agree.
"""

from __future__ import annotations

from string import ascii_uppercase

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from . import _private


def letter_of(env: BuildEnvironment, docname: str) -> str:
    """Return the letter of a page of the appendix, or "" for other pages."""
    return getattr(env, "appendix_letters", {}).get(docname, "")


def number_by_letter(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Replace the numbers that Sphinx has just assigned in the appendix."""
    counted = _private.all_figure_numbers(env)
    env.appendix_letters, env.plain_numbers = {}, dict(counted)
    appendix = [
        docname
        for docname in counted
        if docname != env.config.root_doc and not env.toc_secnumbers.get(docname)
    ]
    for letter, docname in zip(ascii_uppercase, appendix):
        env.appendix_letters[docname] = letter
        counted[docname] = {
            kind: {id: (letter, place) for place, id in enumerate(numbers, 1)}
            for kind, numbers in counted[docname].items()
        }
    return []


def restore_plain_numbers(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Restore Sphinx's own numbers, because it rewrites pages whose numbers differ."""
    _private.all_figure_numbers(env).update(getattr(env, "plain_numbers", {}))
    return []


def name_the_appendix(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree
) -> None:
    """Say in the links to the previous and next page where the appendix begins."""
    neighbors = app.env.collect_relations().get(pagename, [None] * 3)[1:]
    for key, docname in zip(("prev", "next"), neighbors):
        if docname and (letter := letter_of(app.env, docname)) and context.get(key):
            title = f"Appendix {letter} · {context[key]['title']}"
            context[key] = {**context[key], "title": title}


def setup(app: Sphinx) -> dict:
    # Before and after Sphinx's own handler, which has the priority 500.
    app.connect("env-get-updated", restore_plain_numbers, priority=400)
    app.connect("env-get-updated", number_by_letter, priority=501)
    app.connect("html-page-context", name_the_appendix)
    return {"version": "1", "parallel_read_safe": True}
