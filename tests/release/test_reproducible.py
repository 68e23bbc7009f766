"""The same commit gives the same book, byte for byte, anywhere."""

import shutil
import subprocess

import pytest
from support.tiny_book import TinyBook, cell

PAGE = (
    "(sec_tiny)=\n## Formulas\n\n$$\n\\hat{y} = \\sqrt{\\sum_i x_i}\n$$ (eq_y)\n\n"
    "By {eq}`eq_y`, {ref}`sec_tiny`.\n\n```{index} words; of the index\n```\n\n"
    + cell("from d2l_extras import plot_curves\nanswer = 42")
    + cell(
        "plot_curves([1, 2], {'loss': {'a': [1, 2], 'b': [2, 1]}}, 'step')",
        mystnb={
            "figure": {"caption": "Two curves.", "name": "fig_tiny"},
            "image": {"alt": "Two curves."},
        },
    )
    + "\nIt is {eval}`answer`, {numref}`fig_tiny`.\n\n"
    + cell("name = 'A'", "alpha")
    + cell("name = 'B'", "beta")
    + cell("print(name)")
)
# Two machines that differ in time zone, locale, and order of sets.
PLACES = {
    "here": {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"},
    "far away": {"TZ": "XYZ-13:45", "LC_ALL": "C", "PYTHONHASHSEED": "2"},
}


@pytest.fixture(scope="module")
def builds(tmp_path_factory) -> dict[str, TinyBook]:
    """One commit, built in two folders. The second reuses the outputs."""
    folder = tmp_path_factory.mktemp("places")
    first, *_ = books = [TinyBook(folder / place / "book") for place in PLACES]
    first.write(PAGE)
    for command in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit"]
        + ["--quiet", "--message=A page"],
    ):
        subprocess.run(["git", *command], cwd=first.root, check=True)
    for book, settings in zip(books, PLACES.values(), strict=True):
        if book is not first:
            shutil.rmtree(book.root)
            shutil.copytree(
                first.root, book.root, ignore=shutil.ignore_patterns("_build")
            )
            for folder in ("executed", "outputs"):
                shutil.copytree(
                    first.root / "_build" / folder,
                    book.root / "_build" / folder,
                )
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            done = book.build("book")
        assert done.returncode == 0, done.stdout + done.stderr
        assert ("reused" in done.stdout) == (book is not first)
    return dict(zip(PLACES, books, strict=True))


def contents(book: TinyBook, folder: str) -> dict[str, bytes]:
    top = book.root / folder
    return {
        path.relative_to(top).as_posix(): path.read_bytes()
        for path in sorted(top.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("folder", ["_build/html", "notebooks"])
def test_two_builds_of_one_commit_are_identical(builds, folder):
    one, other = (contents(book, folder) for book in builds.values())
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
    assert len(one) > 1
