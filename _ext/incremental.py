"""Write all pages again if a title, number, label, figure, or cited work has changed.

By itself, Sphinx writes only the pages that it has read again. The other pages would
keep the old text in references, citations, and the contents.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from . import _private
from .cited_in import citations
from .reading_time import reading_times
from .thumbnails import figure_images


def digest_shared_texts(env: BuildEnvironment) -> str:
    """Digest everything that one page can show of another."""
    shared = [
        sorted((name, toc.pformat()) for name, toc in env.tocs.items()),  # titles
        sorted(o for domain in env.domains.values() for o in domain.get_objects()),
        _private.section_and_figure_numbers(env),
        _private.exercise_titles(env),
        _private.cited_works(env),
        citations(env),
        reading_times(env),
        figure_images(env),
    ]
    return hashlib.sha256(repr(shared).encode()).hexdigest()


def write_all_pages_if_shared_texts_changed(
    app: Sphinx, env: BuildEnvironment
) -> set[str]:
    """Return all pages unless the last build by this builder showed the same.

    The digest is stored next to the environment, not in it, because builders that
    share an environment write at different times, and a failed build writes nothing.
    """
    digest = digest_shared_texts(env)
    path = Path(app.doctreedir, f"shared-texts-{app.builder.name}.txt")
    last = path.read_text("utf-8") if path.exists() else None
    path.unlink(missing_ok=True)
    app.connect("build-finished", lambda app, error: error or path.write_text(digest))
    return set() if digest == last else env.found_docs


def write_pages_that_another_builder_has_read(
    app: Sphinx, env: BuildEnvironment
) -> list[str]:
    """Return the pages that were read since this builder last wrote them.

    Sphinx compares a page only with its source. But the page may have been read again
    because its outputs changed, or by another builder.
    """
    if app.builder.format != "html":
        return []
    return [
        docname
        for docname in env.found_docs
        if _time_of(app.builder.get_outfilename(docname))
        < _time_of(Path(env.doctreedir, f"{docname}.doctree"))
    ]


def _time_of(path: str | Path) -> int:
    path = Path(path)
    return path.stat().st_mtime_ns if path.exists() else 0


def switch_word_index_off(app: Sphinx) -> None:
    """Keep Sphinx from making a search index. The site has its own (search_index.py)."""
    app.builder.search = False


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", switch_word_index_off)
    app.connect("env-get-updated", write_pages_that_another_builder_has_read)
    # After the handlers of this event that assign the numbers.
    app.connect(
        "env-get-updated", write_all_pages_if_shared_texts_changed, priority=600
    )
    return {"version": "1", "parallel_read_safe": True}
