"""Make the files that readers can take away, and say which ones the site offers.

These are an archive of each framework's notebooks, a PDF and an EPUB for each framework
that readers can choose for the whole book, and one archive of the site. `make book`
makes the archives of notebooks, and `make downloads` makes all of them. A file that was
made from earlier sources is not offered.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from . import cache, frameworks, wheel
from .book import Book
from .frameworks import Framework
from .page import Page

FOLDER = "downloads"  # in the site
EDITIONS = ("pdf", "epub")
LICENSES = ("LICENSE", "LICENSE-TEXT")
# The date of the files in an archive, so that it does not depend on the clock.
DAY = (2016, 1, 1, 0, 0, 0)
README = """\
{title}: the {label} notebooks
{line}

The notebooks, one per section, are in folders named for the chapters. You need
Python {python}. {label} runs on {platforms}.
With a network, type in this folder:

    python3 -m venv env
    . env/bin/activate                    (on Windows: env\\Scripts\\activate)
    {install}
    pip install --no-deps {wheel}
    pip install "jupyterlab>=4,<5"
    python -m d2l_extras.fashion_mnist    (fetches the images, 31 MB)

requirements.txt pins the versions that the book was executed with. The last
command keeps Fashion-MNIST in your cache folder. From now on, you need no network.
To start, type

    . env/bin/activate                    (on Windows: env\\Scripts\\activate)
    jupyter lab

open a notebook, and run its first cell. It checks the installation. In another
Jupyter, it installs what is missing: the helper package d2l_extras from the file in
this folder, and everything else from the network.

{site}The text is licensed under CC BY 4.0, and the code under the MIT license.
"""


class Download(NamedTuple):
    """Describe a file that the site offers."""

    kind: str  # "pdf", "epub", "notebooks", or "site"
    path: Path
    framework: Framework | None = None  # None for the site

    @property
    def size(self) -> str:
        """Return the size as readers see it, at least 0.1 MB."""
        megabytes = max(self.path.stat().st_size / 1e6, 0.1)
        return f"{megabytes:.{0 if megabytes > 9.95 else 1}f}\N{NO-BREAK SPACE}MB"


def offered_frameworks(book: Book) -> list[Framework]:
    """Return the frameworks that a reader can choose for the whole book."""
    used = frameworks.used(book.root).values()
    return [framework for framework in used if framework.default]


def offered(book: Book) -> list[Download]:
    """Return the files that exist and are up to date, in the order of the site."""
    found = []
    for framework in frameworks.used(book.root).values():
        for kind in EDITIONS if framework.default else ():
            found.append(Download(kind, edition(book, kind, framework), framework))
        found.append(Download("notebooks", notebooks_archive(book, framework), framework))
    found.append(Download("site", site_archive(book)))
    key = cache.digest_of_editions(book.root)
    return [
        one
        for one in found
        if (
            one.path.exists()
            if one.kind == "notebooks"  # every build makes it
            else cache.was_made_from(book.root, one.path, key)
        )
    ]


def edition(book: Book, kind: str, framework: Framework) -> Path:
    """Return the path of the PDF or EPUB of a framework."""
    return book.build / kind / f"{book.slug}-{framework.name}.{kind}"


def notebooks_archive(book: Book, framework: Framework) -> Path:
    """Return the path of the archive of a framework's notebooks."""
    return book.build / FOLDER / f"{book.slug}-{framework.name}-notebooks.zip"


def site_archive(book: Book) -> Path:
    """Return the path of the archive of the site."""
    return book.build / FOLDER / f"{book.slug}-site.zip"


def archive_notebooks(book: Book, pages: list[Page]) -> None:
    """Make the archive of each framework's notebooks.

    It also contains the files that notebooks read, the wheel of the helpers, and the
    packages to install. For pages that do not use the framework, it contains another
    framework's notebooks if readers can choose the framework for the whole book.
    """
    with tempfile.TemporaryDirectory() as folder:
        helpers = wheel.build(Path(folder))
        content = helpers.read_bytes()
    for framework in frameworks.used(book.root).values():
        files = {helpers.name: content}
        for page in pages:
            shown = page.frameworks.get(framework.name)
            if shown is None and not framework.default:
                continue
            shown = shown or next(iter(page.frameworks.values()))
            if (path := book.committed(page, shown)).exists():
                files[f"{page.name}.ipynb"] = path.read_bytes()
            for path in page.files(shown.name):
                place = Path(page.name).with_name(path.name).as_posix()
                files[place] = path.read_bytes()
        files["requirements.txt"] = (book.root / framework.lock).read_bytes()
        files["README.txt"] = readme(book, framework, helpers.name).encode()
        for name in LICENSES:
            if (path := book.root / name).exists():
                files[name] = path.read_bytes()
        archive = archived(f"{book.slug}-{framework.name}", files.items())
        cache.write_whole(notebooks_archive(book, framework), archive)


def readme(book: Book, framework: Framework, helpers: str) -> str:
    """Return the instructions that accompany a framework's notebooks."""
    title, site = book.settings.title, book.settings.repository.public_site
    install = "pip install --no-deps -r requirements.txt"
    if backend := framework.torch_backend:  # pip does not know PyTorch's index
        install = (
            "pip install uv\n"
            f"    uv {install} --torch-backend {backend}\n"
            f"        (on Linux; elsewhere: {install})"
        )
    return README.format(
        title=title,
        label=framework.label,
        platforms=", ".join(framework.platforms),
        python=framework.python or "3.11, 3.12, or 3.13",
        install=install,
        line="=" * len(f"{title}: the {framework.label} notebooks"),
        wheel=helpers,
        site=f"The book: {site}\n" * bool(site),
    )


def archive_site(book: Book, site: Path) -> None:
    """Make the archive of the site in the folder `site`, without hidden files."""
    files = (
        (path.relative_to(site).as_posix(), path.read_bytes())
        for path in site.rglob("*")
        if path.is_file() and path.name[0] != "."
    )
    cache.write_whole(site_archive(book), archived(book.slug, files))


def archived(folder: str, files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a ZIP archive of one folder. The same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files):
            info = zipfile.ZipInfo(f"{folder}/{name}", DAY)
            info.create_system = 3  # Unix, also on Windows
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
