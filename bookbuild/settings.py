"""What `_config.yml` and `_toc.yml` say, read and checked in one place."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import yaml
from sphinx_external_toc.parsing import GlobItem, MalformedError, parse_toc_data

from .errors import SourceError

BRANCH = "main"
# An address at a host, as browsers, `git clone`, and SSH write it.
ADDRESS = re.compile(
    r"(?:(?:https?|ssh)://)?(?:\w+@)?(?:www\.)?([\w.-]+\.\w+)[/:]"
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

    def raw(self, place: str) -> str:
        """Return the address of the bytes of a file, by its path in the book."""
        return f"{self.url}/raw/{quote(self.branch)}/{quote(place)}"

    def page(self, docname: str) -> str:
        """Return the address of a page on the site, or its relative one."""
        return f"{self.site}{quote(docname)}.html"


@dataclass(frozen=True)
class Settings:
    """What the build needs of `_config.yml`; Jupyter Book reads the rest."""

    title: str
    timeout: int  # seconds per cell
    repository: Repository


def load(root: Path) -> Settings:
    """Read `_config.yml`. Raises SourceError with file, line, and cure."""
    path = root / "_config.yml"
    config = read_yaml(path)
    if not isinstance(title := config.get("title"), str):
        raise SourceError(f"{path}: write the book's `title: ...`")
    timeout = _mapping(config, "execute", "timeout", path).get("timeout", 600)
    if type(timeout) is not int or timeout < 1:
        raise SourceError(
            f"{path}: `timeout` is a whole number of seconds, at least 1, not "
            f"{timeout!r}"
        )
    found = _mapping(config, "repository", "url", path)
    return Settings(title, timeout, _repository(found, path))


def repository(root: Path) -> Repository:
    """Read where the book is kept from `_config.yml`."""
    return load(root).repository


def _mapping(config: dict, name: str, key: str, path: Path) -> dict:
    found = config.get(name) or {}
    if not isinstance(found, dict):
        raise SourceError(f"{path}: `{name}` must hold `{key}: ...`, not {found!r}")
    return found


def _repository(found: dict, path: Path) -> Repository:
    url, branch = found.get("url"), found.get("branch")
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


def contents(root: Path) -> list[str]:
    """Return the documents in `_toc.yml`, as Sphinx names them, in its order.

    Raises SourceError for a table that cannot be used, or a file in it that
    does not exist.
    """
    path = root / "_toc.yml"
    try:
        site_map = parse_toc_data(read_yaml(path))
    except MalformedError as error:
        raise SourceError(f"{path}: {error}") from error
    names = []
    for name in site_map:
        names.append(name.removesuffix(".md"))
        for tree in site_map[name].subtrees:
            for pattern in tree.items:
                if isinstance(pattern, GlobItem):
                    names += _matching(root, pattern)
    missing = [name for name in names if not any(root.glob(f"{_escaped(name)}.*"))]
    if missing:
        lines = read_text(path).splitlines()
        raise SourceError(
            "\n".join(
                f"{path}:{next((i for i, s in enumerate(lines, 1) if name in s), 1)}: "
                f"there is no page {name}.md; mend the name, or take it out of the "
                "table of contents"
                for name in missing
            )
        )
    return list(dict.fromkeys(names))


def _matching(root: Path, pattern: str) -> list[str]:
    files = (p.relative_to(root).with_suffix("") for p in root.rglob("*.md"))
    return sorted(n for p in files if fnmatch.fnmatch(n := p.as_posix(), pattern))


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def read_text(path: Path) -> str:
    """Return the text of a source file, with LF at the ends of its lines.

    Raises SourceError if it is not UTF-8.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{path}:{line}: the byte {content[error.start]:#x} is not UTF-8; "
            "save the file in that encoding"
        ) from error
    return text.replace("\r\n", "\n")


def read_yaml(path: Path) -> dict:
    """Return what a YAML file says. Raises SourceError if it cannot be used."""
    if not path.exists():
        raise SourceError(
            f"{path} is missing: restore it with git checkout {path.name}"
        )
    return parse_yaml(read_text(path), path, 1, "this file")


def parse_yaml(text: str, path: Path, line: int, what: str) -> dict:
    """Return names and values in YAML, whose first line is a file's line `line`.

    Raises SourceError with file, line, and cure.
    """
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # Of brackets and quotes it is told where they are opened.
        if re.search("flow|key|quoted", getattr(error, "context", "") or ""):
            mark = error.context_mark
        at = line + mark.line if mark else line
        problem = getattr(error, "problem", None) or error
        raise SourceError(
            f"{path}:{at}: {what} is not valid YAML: {problem}; put quotes "
            "around text with special signs, and close brackets and quotes"
        ) from error
    if not isinstance(found, dict):
        raise SourceError(
            f"{path}:{line}: {what} must be lines of `name: value`, not "
            + ("empty" if found is None else f"a {type(found).__name__}")
        )
    return found
