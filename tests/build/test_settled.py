"""A page that gives what it gave is not even parsed, and only then."""

from __future__ import annotations

import shutil

import pytest
from support.tiny_book import TinyBook, cell

from _ext import build, kept
from _ext.build import Book

LABEL = "(sec_two)=\n## {}\n\nMore."


@pytest.fixture(scope="module")
def written(tiny_of_module: TinyBook) -> TinyBook:
    """A book of two pages whose notebooks are written."""
    tiny = tiny_of_module
    tiny.write(cell("1"))
    other = tiny.page.with_name("other.md")
    other.write_text(tiny.page.read_text() + "\n" + LABEL.format("Two"))
    (tiny.root / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/tiny/page\n"
        "chapters:\n- file: chapters/tiny/other\n"
    )
    build.make_notebooks(Book(tiny.root), renew=False)
    return tiny


@pytest.fixture
def parsed(written, tmp_path, monkeypatch):
    """A copy to be changed, and the pages that a build of it then parses."""
    root = tmp_path / "copy"
    shutil.copytree(written.root, root)
    pages = []
    read = build.read

    def note(path, name, frameworks):
        pages.append(name)
        return read(path, name, frameworks)

    monkeypatch.setattr(build, "read", note)

    def again(**options) -> list[str]:
        pages.clear()
        build.make_notebooks(Book(root), **{"renew": False, **options})
        return sorted(pages)

    return root, again


def test_nothing_is_parsed_where_nothing_changed_wherever_it_lies(parsed):
    _, again = parsed
    assert again() == []


def test_a_changed_sentence_lets_its_page_alone_be_parsed(parsed, capsys):
    root, again = parsed
    page = root / "chapters" / "tiny" / "other.md"
    page.write_text(page.read_text() + "\nA sentence.\n")
    assert again() == ["tiny/other"]
    notebook = root / "notebooks" / "beta" / "tiny" / "other.ipynb"
    assert "A sentence." in notebook.read_text()
    said = capsys.readouterr().out
    assert said.count("1 of 1 cells  reused") == 4
    assert again() == []


BOTH = ["tiny/other", "tiny/page"]


@pytest.mark.parametrize(
    ("name", "lost", "pages"),
    [
        ("notebooks/alpha/tiny/page.ipynb", False, ["tiny/page"]),
        ("notebooks/alpha/tiny/page.ipynb", True, ["tiny/page"]),
        ("_build/outputs/beta/tiny/other.ipynb", False, ["tiny/other"]),
        ("_build/outputs/beta/tiny/other.ipynb", True, ["tiny/other"]),
        ("kernels/alpha.txt", False, BOTH),
        ("_config.yml", False, BOTH),
    ],
)
def test_a_changed_or_lost_file_lets_the_pages_be_parsed_that_it_concerns(
    parsed, name, lost, pages
):
    root, again = parsed
    path = root / name
    path.unlink() if lost else path.write_bytes(path.read_bytes() + b"\n")
    assert again() == pages
    assert again() == []


def test_kept_outputs_that_are_lost_are_executed_anew(parsed, capsys):
    root, again = parsed
    for path in (root / "_build" / "executed").iterdir():
        path.write_text("cut o")
    assert again() == BOTH
    assert capsys.readouterr().out.count("executed") == 4


def test_a_label_of_another_page_matters(parsed):
    root, again = parsed
    page = root / "chapters" / "tiny" / "other.md"
    page.write_text(page.read_text().replace("## Two", "## Three"))
    assert again() == BOTH


def test_another_python_matters(parsed):
    root, again = parsed
    config = root / ".envs" / "python3" / "pyvenv.cfg"
    config.parent.mkdir(parents=True)
    config.write_text("version = 3.11.99\n")
    assert again() == BOTH


@pytest.mark.parametrize("option", ["force", "renew"])
def test_who_asks_for_all_notebooks_gets_all(parsed, option):
    _, again = parsed
    assert again(**{option: True}) == BOTH


@pytest.mark.parametrize("text", ["", "[1]", '{"alpha/tiny/page": 1}', "{}"])
def test_without_a_whole_note_every_page_is_parsed(parsed, text):
    root, again = parsed
    (root / "_build" / "settled.json").write_text(text)
    assert "tiny/page" in again()


def test_a_page_that_failed_is_parsed_again(parsed):
    root, again = parsed
    page = root / "chapters" / "tiny" / "other.md"
    page.write_text(page.read_text() + "\n" + cell("1 / 0"))
    for _ in range(2):
        with pytest.raises(build.BuildError, match="ZeroDivisionError"):
            again()


class App:
    """What kept.of_each needs of Sphinx."""

    def __init__(self, folder) -> None:
        self.outdir = self.doctreedir = folder


def test_what_is_made_of_html_is_made_again_of_changed_files_alone(tmp_path):
    files = [tmp_path / name for name in ("a.html", "b.html")]
    for file in files:
        file.write_text("the same")
    made = []

    def length(file, text):
        made.append(file.name)
        return [file.name, len(text)]

    def lengths():
        made.clear()
        return kept.of_each(App(tmp_path), "lengths", files, length)

    assert lengths() == [["a.html", 8], ["b.html", 8]]
    assert made == ["a.html", "b.html"]
    files[1].write_text("other")
    assert lengths() == [["a.html", 8], ["b.html", 5]]
    assert made == ["b.html"]
    (tmp_path / "lengths.json").write_text('{"cut o')
    assert lengths() == [["a.html", 8], ["b.html", 5]]
    assert made == ["a.html", "b.html"]
