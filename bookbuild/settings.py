"""Read and check `_config.yml` and `_toc.yml`, in one place."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import yaml
from sphinx_external_toc.parsing import GlobItem, MalformedError, parse_toc_data

from .errors import SourceError

# The address that the book has until it is published. It leads nowhere.
PLACEHOLDER = "https://github.com/linear-neural-networks/linear-neural-networks"
# The address of a repository, in the form of browsers, `git clone`, or SSH.
ADDRESS = re.compile(
    r"(?:(?:https?|ssh)://)?(?:\w+@)?(?:www\.)?([\w.-]+\.\w+)[/:]"
    r"([\w.-]+)/([\w.-]+?)(?:\.git)?/?(?:(?:-/)?tree/(\S+?)/?)?"
)


@dataclass(frozen=True)
class Repository:
    """Describe the book's repository, from which all links are derived."""

    url: str = ""  # without a slash at the end
    branch: str = "main"

    @property
    def is_public(self) -> bool:
        """Return whether the address is set, so that links to it lead somewhere."""
        return self.url not in ("", PLACEHOLDER)

    @property
    def public_site(self) -> str:
        """Return the address of the site for readers, or "" if it has none yet."""
        return self.site if self.is_public else ""

    @property
    def site(self) -> str:
        """Return the address of the site on GitHub Pages, or "" for other hosts."""
        match = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", self.url)
        return f"https://{match[1]}.github.io/{match[2]}/" if match else ""

    def raw(self, place: str) -> str:
        """Return the address of a file's raw content, by its path in the book."""
        return f"{self.url}/raw/{quote(self.branch)}/{quote(place)}"

    def page(self, docname: str) -> str:
        """Return the address of a page on the site, relative if there is no site."""
        return f"{self.public_site}{quote(docname)}.html"


@dataclass(frozen=True)
class Settings:
    """Hold the settings that the build needs. Jupyter Book reads the others."""

    title: str
    timeout: int  # seconds per cell
    repository: Repository


def load(root: Path) -> Settings:
    """Read `_config.yml`.

    Raises SourceError that says where the fault is and how to fix it.
    """
    path = root / "_config.yml"
    config = read_yaml(path)
    if not isinstance(title := config.get("title"), str):
        raise SourceError(f"{path}: the book has no title; add `title: ...`")
    timeout = _mapping(config, "execute", "timeout", path).get("timeout", 600)
    if type(timeout) is not int or timeout < 1:
        raise SourceError(
            f"{path}: `timeout` must be a whole number of seconds, at least 1, not "
            f"{timeout!r}"
        )
    found = _mapping(config, "repository", "url", path)
    return Settings(title, timeout, _repository(found, path))


def repository(root: Path) -> Repository:
    """Read from `_config.yml` which repository the book is in."""
    return load(root).repository


def _mapping(config: dict, name: str, key: str, path: Path) -> dict:
    found = config.get(name) or {}
    if not isinstance(found, dict):
        raise SourceError(f"{path}: `{name}` must contain `{key}: ...`, not {found!r}")
    return found


def _repository(found: dict, path: Path) -> Repository:
    url, branch = found.get("url"), found.get("branch")
    if not url:
        return Repository()
    match = ADDRESS.fullmatch(str(url).strip())
    if match is None:
        raise SourceError(
            f"{path}: {url!r} is not the address of a repository; write `url: "
            "https://github.com/owner/name` below `repository:`"
        )
    host, owner, name, tree = match.groups()
    if not (branch := branch or tree):
        raise SourceError(
            f"{path}: `repository:` has no branch, so links into the repository would "
            "be guesses; write `branch: main`, or the name of your branch, below `url:`"
        )
    return Repository(f"https://{host}/{owner}/{name}", str(branch))


def release(root: Path) -> tuple[str, str]:
    """Return the book's version and its date from CITATION.cff, "" for what is missing."""
    path = root / "CITATION.cff"
    citation = read_yaml(path) if path.exists() else {}
    return tuple(str(citation.get(key, "")) for key in ("version", "date-released"))


def contents(root: Path) -> list[str]:
    """Return Sphinx's names of the documents in `_toc.yml`, in order.

    Raises SourceError if the table is malformed, or if a file in it does not exist.
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
                f"there is no page {name}.md; correct the name, or remove it from the "
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
    """Return the text of a source file, with its line endings converted to LF.

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
    """Return the names and values in a YAML file.

    Raises SourceError if the file is missing, or cannot be used.
    """
    if not path.exists():
        raise SourceError(
            f"{path} is missing; restore it with git checkout {path.name}"
        )
    return parse_yaml(read_text(path), path, 1, "this file")


def parse_yaml(text: str, path: Path, line: int, what: str) -> dict:
    """Return the names and values in YAML that starts in line `line` of a file.

    Raises SourceError that says where the fault is and how to fix it.
    """
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # For brackets and quotes, report where they are opened.
        if re.search("flow|key|quoted", getattr(error, "context", "") or ""):
            mark = error.context_mark
        at = line + mark.line if mark else line
        problem = getattr(error, "problem", None) or error
        raise SourceError(
            f"{path}:{at}: {what} is not valid YAML: {problem}; put quotes around "
            "text with special characters, and close brackets and quotes"
        ) from error
    if not isinstance(found, dict):
        raise SourceError(
            f"{path}:{line}: {what} must be lines of `name: value`, not "
            + ("empty" if found is None else f"a {type(found).__name__}")
        )
    return found
