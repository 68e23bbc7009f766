"""Other extensions, without what they need not do at each build.

sphinxext-opengraph imports matplotlib, half a second, to draw a page's card,
which nearly always lies there already. myst_nb imports a database to execute
cells, which were executed before. sphinxcontrib-bibtex formats each work twice,
whether it has changed or not, and pybtex looks through all that is installed
for each plugin that it wants, some of them many times. Sphinx colors all code
of a page anew, and keeps an index of words, where this site has its own search
(finding.py).
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import ModuleType

from pybtex import plugin
from pybtex.database import Entry
from pybtex.richtext import BaseText
from pybtex.style import FormattedEntry
from pybtex.style.formatting import BaseStyle
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from .kept import Memory

OPENGRAPH = "sphinxext.opengraph"
DRAWER = f"{OPENGRAPH}._social_cards"
FOLDER = Path("_images", "social_previews")
# What executes cells in myst_nb by jupyter_cache, and the class of it.
CLIENTS = {
    "myst_nb.core.execute.cache": "NotebookClientCache",
    "myst_nb.core.execute.direct": "NotebookClientDirect",
}
plugins = cache(plugin.entry_points)
formatted = BaseStyle.format_entry
# What a style has made of a work with a label, and of which text.
WORKS: dict[tuple[type, str, str], tuple[Entry, BaseText]] = {}


def card(
    settings: dict,
    book: str,
    title: str,
    description: str,
    address: str,
    page: str,
    *,
    outdir: str | Path,
    **rest: object,
) -> Path:
    """The card of a page, below the site's folder `outdir`, drawn if need be.

    Where the drawer names its files otherwise by now, it is only asked in vain.
    """
    shown = (book + title + description + str(settings)).encode()
    digest = hashlib.sha1(shown, usedforsecurity=False).hexdigest()[:8]
    path = FOLDER / f"summary_{page.replace('/', '_')}_{digest}.png"
    if Path(outdir, path).exists():
        return path
    draw = import_module(DRAWER).create_social_card
    return draw(
        settings, book, title, description, address, page, outdir=outdir, **rest
    )


def refuse(*_: object, **__: object) -> None:
    """Stand for what would execute a page a second time, in no framework."""
    raise ExtensionError(
        "Cells are executed before Sphinx runs, each in its framework's kernel: "
        'leave `execute_notebooks: "off"` in _config.yml.'
    )


def remember(app: Sphinx, env: BuildEnvironment) -> None:
    """Take up the works as they were formatted for the last build."""
    cite = env.domains.get("cite")
    WORKS.clear()
    for work in getattr(cite, "citations", ()):
        name = cite.bibliographies[work.bibliography_key].style
        style = plugin.find_plugin("pybtex.style.formatting", name)
        said = work.formatted_entry
        WORKS[style, said.label, work.entry.key] = work.entry, said.text


def format_entry(
    style: BaseStyle, label: str, entry: Entry, bib_data: object = None
) -> FormattedEntry:
    """What a style makes of a work, or made of it when it was the same."""
    key = type(style), label, entry.key
    before, text = WORKS.get(key, (None, None))
    if before != entry:
        text = formatted(style, label, entry, bib_data).text
        WORKS[key] = entry, text
    return FormattedEntry(entry.key, text, label)


def begin(app: Sphinx) -> None:
    """Let code and formulas be made where they are new on a page of the site.

    Sphinx's index of words is not made: the search has its own (_ext/search_index.py),
    no page would ask this one, and the order of what is in it depends on which
    pages were read before.
    """
    builder = app.builder
    if builder.name != "html":
        return
    builder.search = False
    highlighter = builder.highlighter
    memory = builder.memory = Memory(Path(app.doctreedir, "made"))
    color = highlighter.highlight_block

    def block(
        source: str, lang: str, location: object = None, **how: object
    ) -> str:
        return memory.get(
            builder.current_docname,
            repr((source, lang, how)),
            lambda: color(source, lang, location=location, **how),
        )

    highlighter.highlight_block = block


def end(app: Sphinx, error: Exception | None) -> None:
    if app.builder.name == "html" and not error:
        app.builder.memory.save()


def setup(app: Sphinx) -> dict:
    """To be named before the extensions that it is for."""
    if OPENGRAPH not in sys.modules:
        sys.modules[DRAWER] = None  # so it is told that there is none
        with redirect_stdout(StringIO()):
            import_module(OPENGRAPH)
        del sys.modules[DRAWER]
    opengraph = import_module(OPENGRAPH)
    opengraph.create_social_card = card
    # As where it has no drawer: a card's name tells what was left to defaults.
    opengraph.DEFAULT_SOCIAL_CONFIG = {}
    for module, client in CLIENTS.items():
        if module not in sys.modules:
            sys.modules[module] = ModuleType(module)
            setattr(sys.modules[module], client, refuse)
    plugin.entry_points = plugins
    BaseStyle.format_entry = format_entry
    app.connect("builder-inited", begin)
    app.connect("build-finished", end)
    # The works are formatted at 500.
    app.connect("env-updated", remember, priority=499)
    return {"version": "1", "parallel_read_safe": True}
