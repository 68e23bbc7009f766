"""The book below a folder: its settings, its pages, and where things are."""

from __future__ import annotations

import re
from pathlib import Path

from . import frameworks as declaration
from . import settings
from .errors import SourceError
from .frameworks import ROOT, Framework
from .page import Page, name_of, read_page


class Book:
    """The book below `root`: its settings, pages, and folders."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.frameworks = declaration.load(root)
        self.build = root / "_build"
        self.settings = settings.load(root)
        # The title in the names of files.
        self.slug = "-".join(re.findall(r"\w+", self.settings.title.lower()))
        self.timeout = self.settings.timeout
        self.contents = settings.contents(root)

    def pages(self) -> list[Page]:
        """Read and check every page, and return those with code, by path.

        Raises SourceError with the faults of all pages, and for a page that is
        in no table of contents.
        """
        found, faults = [], []
        for path in self._sources():
            name = path.relative_to(self.root).with_suffix("").as_posix()
            if name not in self.contents:
                faults.append(
                    f"{path}: this page is not in _toc.yml, so no reader would find "
                    f"it. Add `- file: {name}`, or move the page out of chapters/. "
                    "If other pages include it, begin its name with _"
                )
                continue
            try:
                page = read_page(path, name_of(name), self.frameworks)
            except SourceError as error:
                faults.append(str(error))
                continue
            if any(cell.type == "code" for cell in page.cells):
                found.append(page)
        if faults:
            raise SourceError("\n".join(faults))
        return found

    def _sources(self) -> list[Path]:
        """Return the Markdown files of the book: in chapters/ all, and elsewhere
        those in the table of contents.
        """
        listed = {self.root / f"{name}.md" for name in self.contents}
        chapters = set((self.root / "chapters").rglob("*.md"))
        return sorted(
            path
            for path in filter(Path.exists, listed | chapters)
            # JupyterLab keeps copies in hidden folders, and pages include others.
            if path in listed
            or not re.search(r"/[._]", path.relative_to(self.root).as_posix())
        )

    def committed(self, page: Page, framework: Framework) -> Path:
        """Return the path of the notebook that is committed with the book."""
        return self._notebook(self.root / "notebooks", page, framework)

    def output(self, page: Page, framework: Framework) -> Path:
        """Return the path of the outputs that this machine has computed."""
        return self._notebook(self.build / "outputs", page, framework)

    def written(self, folder: Path, page: Page, framework: Framework) -> Path:
        """Return the path of the notebook that Sphinx has written aside."""
        return self._notebook(folder / "notebooks", page, framework)

    @staticmethod
    def _notebook(folder: Path, page: Page, framework: Framework) -> Path:
        return folder / framework.name / f"{page.name}.ipynb"
