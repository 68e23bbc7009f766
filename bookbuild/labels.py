"""What the pages refer to: sections, figures, equations, exercises, works.

Sphinx resolves references in the book. In a notebook, which a reader may open
far from the book, they become links to its site.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from pybtex.database import parse_file
from pybtex.exceptions import PybtexError

from . import source
from .source import SourceError

SECTION = re.compile(r"((?:^\(\w+\)=\s*\n+)+)#+[ \t]+(.+)$", re.M)
EQUATION = re.compile(
    r"^(\$\$(?:(?!\$\$).)*)\$\$[ \t]*\((\w+)\)[ \t]*$", re.M | re.S
)
FIGURE = re.compile(r"^ +name:[ \t]*(fig_\w+)[ \t]*$", re.M)
EXERCISE = re.compile(r"\{exercise\}.*\n:label:[ \t]*(\w+)")
TABLE = re.compile(r"^:name:[ \t]*(tab_\w+)[ \t]*$", re.M)
GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)/?$")
NUMBERED = {
    "Figure": FIGURE,
    "Equation": EQUATION,
    "Exercise": EXERCISE,
    "Table": TABLE,
}


@dataclass(frozen=True)
class Target:
    """What a label stands for: on which page, and how text refers to it."""

    page: str
    text: str  # a section's title, or "Figure 3.2"
    number: str = ""
    # Of the page; a line more changes nothing that refers to the label.
    line: int = field(default=0, repr=False, compare=False)


@dataclass
class Labels:
    """The labels of a book, the works it cites, and where it is kept."""

    site: str = ""
    repository: str = ""
    branch: str = "main"
    targets: dict[str, Target] = field(default_factory=dict)
    works: dict[str, tuple[str, str]] = field(default_factory=dict)

    def url(self, page: str, anchor: str = "") -> str:
        """The address of a page, or of what has the label `anchor` on it."""
        anchor = anchor.replace("_", "-")
        if anchor.startswith("eq-"):
            anchor = f"equation-{anchor}"
        fragment = f"#{anchor}" if anchor else ""
        return f"{self.site}chapters/{quote(page)}.html{fragment}"


def site_of(repository: str) -> str:
    """Where GitHub serves the site of a repository; "" for other hosts."""
    match = GITHUB.match(repository or "")
    return f"https://{match[1]}.github.io/{match[2]}/" if match else ""


def read(root: Path) -> Labels:
    """Collect the labels of all pages in the table of contents below `root`.

    Raises SourceError for a label that two places have.
    """
    labels = addresses(root)
    for page, prefix in _pages(root):
        path = root / "chapters" / f"{page}.md"
        if path.exists():
            _add(labels.targets, targets(source.read(path), page, prefix))
    for path in sorted((root / "chapters").glob("*.bib")):
        labels.works.update(_works(path))
    return labels


def addresses(root: Path) -> Labels:
    """No labels yet, but where the site and the repository of them are."""
    repository = source.settings(root / "_config.yml").get("repository") or {}
    if not isinstance(repository, dict):
        raise SourceError(
            f"{root / '_config.yml'}: `repository` must hold `url` and "
            f"`branch`, not be {repository!r}"
        )
    url = (repository.get("url") or "").rstrip("/")
    branch = repository.get("branch") or "main"
    return Labels(site_of(url), url, branch)


def targets(text: str, page: str, prefix: str = "") -> dict[str, Target]:
    """The labels of one page's source, numbered as Sphinx numbers them.

    Raises SourceError for a label that two places have.
    """
    found: dict[str, Target] = {}

    def add(label: str, at: int, said: str, number: str = "") -> None:
        line = text.count("\n", 0, at) + 1
        _add(found, {label: Target(page, said, number, line)})

    for match in SECTION.finditer(text):
        for label in re.finditer(r"\((\w+)\)=", match[1]):
            add(label[1], match.start() + label.start(), match[2].strip())
    for kind, pattern in NUMBERED.items():
        for count, match in enumerate(pattern.finditer(text), 1):
            label, number = match[match.lastindex], f"{prefix}{count}"
            at = match.start(match.lastindex)
            add(label, at, f"{kind} {number}", number)
    return found


def _add(known: dict[str, Target], new: dict[str, Target]) -> None:
    for label, target in new.items():
        if other := known.get(label):
            raise SourceError(
                f"chapters/{target.page}.md:{target.line}: the label {label!r} "
                f"is that of line {other.line} of chapters/{other.page}.md "
                "already; choose another one here"
            )
        known[label] = target


def _pages(root: Path) -> list[tuple[str, str]]:
    """Each page of the table of contents, with the prefix of its numbers."""
    toc = source.settings(root / "_toc.yml")
    pages, count = [(_name(toc["root"]), "")], 0
    for part in toc.get("parts", [toc]):
        for chapter in part.get("chapters", []):
            count += bool(part.get("numbered"))
            prefix = f"{count}." if part.get("numbered") else ""
            pages.append((_name(chapter["file"]), prefix))
    return pages


def _name(file: str) -> str:
    return file.removeprefix("chapters/").removesuffix(".md")


def _works(path: Path) -> dict[str, tuple[str, str]]:
    works = {}
    try:
        entries = parse_file(str(path)).entries
    except PybtexError as error:
        raise SourceError(f"{path}: {error}; mend the entry") from error
    for key, entry in entries.items():
        names = [
            re.sub(r"[{}]", "", " ".join(person.last_names))
            for person in entry.persons.get("author", [])
        ]
        if len(names) > 2 or names[-1:] == ["others"]:
            authors = f"{names[0]} et al."
        else:
            authors = " and ".join(names)
        works[key] = (authors, entry.fields.get("year", ""))
    return works
