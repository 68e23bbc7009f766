"""Settings of the book that several outputs derive from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from . import source
from .source import SourceError

BRANCH = "main"
# An address at a host, as browsers, `git clone`, and SSH write it.
ADDRESS = re.compile(
    r"(?:(?:https?|ssh)://|)(?:\w+@)?(?:www\.)?([\w.-]+\.\w+)[/:]"
    r"([\w.-]+)/([\w.-]+?)(?:\.git)?/?(?:(?:-/)?tree/(\S+?)/?)?"
)


@dataclass(frozen=True)
class Repository:
    """Where the book is kept: links, install cells, and addresses derive from it."""

    url: str = ""  # without a slash at its end
    branch: str = BRANCH

    @property
    def site(self) -> str:
        """Return where GitHub serves the site, or "" for other hosts."""
        match = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", self.url)
        return f"https://{match[1]}.github.io/{match[2]}/" if match else ""

    def page(self, docname: str) -> str:
        """Return the address of a page on the site, or its relative one."""
        return f"{self.site}{quote(docname)}.html"


def repository(root: Path) -> Repository:
    """Read where the book is kept from `repository` in _config.yml.

    Raises SourceError for an address that names no repository.
    """
    path = root / "_config.yml"
    found = source.settings(path).get("repository") or {}
    if not isinstance(found, dict):
        raise SourceError(
            f"{path}: `repository` must hold `url` and `branch`, not {found!r}"
        )
    url, branch = found.get("url") or "", found.get("branch")
    if not url:
        return Repository(branch=branch or BRANCH)
    match = ADDRESS.fullmatch(str(url).strip())
    if match is None:
        raise SourceError(
            f"{path}: {url!r} is no address of a repository: write `url: "
            "https://github.com/owner/name` below `repository:`"
        )
    host, owner, name, tree = match.groups()
    return Repository(f"https://{host}/{owner}/{name}", branch or tree or BRANCH)
