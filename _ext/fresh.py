"""Let Sphinx read again each page whose content has changed.

Sphinx compares times, and times lie: a clock is set back, a file is copied
with the time that it had. So the contents of a page and of what it depends on
are compared as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

NOTE = "d2l_contents"  # where the environment keeps the digests of its pages


def changed(
    app: Sphinx, env: BuildEnvironment, *_: Collection[str]
) -> list[str]:
    """The pages that are not what they were when they were read."""
    then, now = getattr(env, NOTE, {}), contents(env, env.found_docs)
    setattr(env, NOTE, now)
    return [name for name in then if name in now and now[name] != then[name]]


def reading(app: Sphinx, env: BuildEnvironment, names: list[str]) -> None:
    """Note the pages again once they are read: they may depend on others."""

    def remember(app: Sphinx, env: BuildEnvironment) -> None:
        getattr(env, NOTE).update(contents(env, names))

    app.connect("env-updated", remember)


def contents(env: BuildEnvironment, names: Iterable[str]) -> dict[str, str]:
    """A digest of each page with all that it depends on."""
    known: dict[Path, bytes] = {}

    def content(path: Path) -> bytes:
        if path not in known:
            whole = path.read_bytes() if path.is_file() else b"none"
            known[path] = hashlib.sha256(whole).digest()
        return known[path]

    return {
        name: hashlib.sha256(
            content(Path(env.doc2path(name)))
            + b"".join(
                content(Path(env.srcdir, path))
                for path in sorted(map(str, env.dependencies.get(name, ())))
            )
        ).hexdigest()
        for name in sorted(names)
    }


def setup(app: Sphinx) -> dict:
    app.connect("env-get-outdated", changed)
    app.connect("env-before-read-docs", reading)
    return {"version": "1", "parallel_read_safe": True}
