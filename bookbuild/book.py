"""Find the settings, the pages, and the folders of the book."""

from __future__ import annotations

import re
from pathlib import Path

from . import frameworks as declaration
from . import settings
from .errors import SourceError
from .frameworks import ROOT, Framework
from .page import Page, name_of, read_page


class Book:
    """Give access to the settings, pages, and folders of the book in `root`."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.frameworks = declaration.load(root)
        self.build = root / "_build"
        self.settings = settings.load(root)
        # The title as it appears in file names.
        self.slug = "-".join(re.findall(r"\w+", self.settings.title.lower()))
        self.timeout = self.settings.timeout
        self.contents = settings.contents(root)

    def pages(self) -> list[Page]:
        """Read and check every page, and return those with code, sorted by path.

        Raises SourceError with the faults of all pages. A page that is not in the
        table of contents counts as a fault.
        """
        found, faults = [], []
        for path in self._sources():
            name = path.relative_to(self.root).with_suffix("").as_posix()
            if name not in self.contents:
                faults.append(
                    f"{path}: this page is not in _toc.yml, so readers could not "
                    f"find it. Add `- file: {name}`, or move the page out of "
                    "chapters/. If other pages include it, start its name with _"
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
        """Return all Markdown files in chapters/, and those elsewhere that are in
        the table of contents.
        """
        listed = {self.root / f"{name}.md" for name in self.contents}
        chapters = set((self.root / "chapters").rglob("*.md"))
        return sorted(
            path
            for path in filter(Path.exists, listed | chapters)
            # Leave out JupyterLab's copies in hidden folders, and files that other
            # pages include, whose names start with _.
            if path in listed
            or not re.search(r"/[._]", path.relative_to(self.root).as_posix())
        )

    def committed(self, page: Page, framework: Framework) -> Path:
        """Return the path of the notebook that is committed with the book."""
        return self._notebook(self.root / "notebooks", page, framework)

    def output(self, page: Page, framework: Framework) -> Path:
        """Return the path of the notebook with the outputs of this machine."""
        return self._notebook(self.build / "outputs", page, framework)

    def written(self, folder: Path, page: Page, framework: Framework) -> Path:
        """Return the path of the notebook that Sphinx has written in `folder`."""
        return self._notebook(folder / "notebooks", page, framework)

    @staticmethod
    def _notebook(folder: Path, page: Page, framework: Framework) -> Path:
        return folder / framework.name / f"{page.name}.ipynb"
