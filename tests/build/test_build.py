"""Building executes what changed, fails loudly, and loses nothing."""

import json
import os
import re
import shutil

import bs4
import pytest
from filelock import FileLock
from support.tiny_book import TinyBook, cell, standard


@pytest.fixture
def book(tiny_copy) -> TinyBook:
    """Return a copy of the built standard book, which a test may change."""
    return tiny_copy(standard)


def assert_built_as_before(book: TinyBook, before: dict[str, bytes]) -> None:
    done = book.build("book")
    assert done.returncode == 0, done.stderr
    assert {**book.site_files(), **book.notebook_files()} == before


def test_a_first_build_executes_each_framework_and_names_the_site(tiny_built):
    book = tiny_built(standard)
    said = (book.root.parent / "output.txt").read_text()
    assert said.count("3 of 3 cells  executed") == 2
    assert f"Open {book.root}/_build/html/index.html" in said


def test_a_second_build_executes_nothing_and_changes_nothing(book):
    before = {**book.site_files(), **book.notebook_files()}
    assert "Nothing has changed" in book.build("book").stdout
    again = book.build("book", "--strict")
    assert "executed" not in again.stdout
    assert again.stdout.count("3 of 3 cells  reused") == 2
    assert {**book.site_files(), **book.notebook_files()} == before


def test_executing_again_gives_the_same_notebooks(book):
    before = book.notebook_files()
    again = book.build("notebooks", "--force")
    assert again.stdout.count("executed") == 2
    assert book.notebook_files() == before


def test_committed_notebooks_stay_as_they_are_when_only_outputs_vary(
    book, monkeypatch
):
    before = book.notebook_files()
    monkeypatch.setenv("VARYING", "other than before")
    done = book.build("book", "--force")
    assert done.stdout.count("executed") == 2
    assert "other than before" in book.output("alpha").read_text()
    assert book.notebook_files() == before


def test_make_notebooks_commits_the_outputs_of_this_machine(book, monkeypatch):
    before = book.committed("beta").read_bytes()
    monkeypatch.setenv("VARYING", "other than before")
    book.build("notebooks", "alpha", "--force")
    assert "other than before" in book.committed("alpha").read_text()
    assert book.committed("beta").read_bytes() == before


def test_a_changed_cell_is_executed_again_only_in_its_own_framework(book):
    book.edit("a = 1", "a = 2")
    said = book.build("notebooks").stdout
    assert "Alpha       tiny/page  3 of 3 cells  executed" in said
    assert "Beta        tiny/page  3 of 3 cells  reused" in said


def test_a_changed_sentence_reaches_site_and_notebooks_without_execution(book):
    book.edit("Words.", "A new sentence.")
    assert "executed" not in book.build("book").stdout
    assert "A new sentence." in book.site.read_text()
    assert "A new sentence." in book.committed("alpha").read_text()


def test_only_the_frameworks_that_are_named_are_executed(book):
    before = book.committed("alpha").read_bytes()
    book.edit("6 * 7", "6 * 8")
    done = book.build("notebooks", "beta")
    assert done.stdout.count("executed") == 1, done.stderr
    assert "It is 48." in book.committed("beta").read_text()
    assert book.committed("alpha").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("notebooks", "gamma"), "no framework 'gamma'. Choose from alpha, beta"),
        (("book", "--jobs", "0"), "JOBS is 0, but must be at least 1"),
    ],
)
def test_an_invalid_option_is_explained(tiny, arguments, message):
    tiny.write(cell("1"))
    done = tiny.build(*arguments)
    assert done.returncode == 1
    assert message in done.stderr


def test_an_image_that_is_no_longer_drawn_is_removed_from_the_site(book):
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="{}"/>'
    images = book.root / "_build" / "html" / "_images"
    drawn, code = [], "a = 1\na"
    for height in (2, 3):
        new = (
            "from IPython.display import SVG\n"
            f"SVG({drawing.format(height)!r})"
        )
        book.edit(code, new)
        code = new
        book.html()
        drawn.append({path.name for path in images.glob("*.svg")})
    assert len(drawn[0]) == len(drawn[1]) == 2  # for light and dark schemes
    assert not drawn[0] & drawn[1]


# ------------------------------------------------------------------ failures


def test_a_cell_that_raises_fails_the_build_and_keeps_the_last_site(book):
    before = book.site_files(), book.notebook_files()
    book.edit("a = 1", "raise KeyError('lost')")
    failed = book.build("book")
    assert failed.returncode == 1
    assert "Alpha, code cell 2 of 3: raise KeyError('lost')" in failed.stderr
    assert (book.site_files(), book.notebook_files()) == before


def test_a_warning_fails_every_build_until_it_is_fixed_and_keeps_the_site(book):
    assert book.build("book", "--strict").returncode == 0
    before = book.site_files()
    other = book.root / "_build/rendered/html/chapters/tiny/other.html"
    rendered = other.stat().st_mtime_ns
    book.edit("Words.", "See [it](nowhere.md).")
    for _ in range(2):  # Sphinx alone would warn only the first time.
        failed = book.build("book")
        assert failed.returncode == 1
        assert re.search(r"page\.md:\d+: WARNING", failed.stderr)
        assert failed.stderr.count("cross-reference target not found") == 1
        assert book.site_files() == before
    book.edit("See [it](nowhere.md).", "Fixed.")
    assert "Fixed." in book.html()
    # A page that was always correct is not rendered again.
    assert other.stat().st_mtime_ns == rendered


def test_a_page_is_read_again_when_its_content_changes_but_not_its_time(book):
    book.html()
    other = book.page.with_name("other.md")
    time = other.stat().st_mtime_ns
    other.write_text(other.read_text().replace("words", "lines"))
    os.utime(other, ns=(time, time))
    book.html()
    assert "Other lines." in book.site.with_name("other.html").read_text()


def test_a_page_is_read_again_when_an_output_changes_but_not_its_time(book):
    book.html()
    output = book.output("alpha")
    time = output.stat().st_mtime_ns
    text = output.read_text()
    assert text.count("'first'\"") == 1
    output.write_text(text.replace("'first'\"", "'later'\""))
    os.utime(output, ns=(time, time))
    assert book.build("site").returncode == 0
    assert "later" in book.site.read_text()


def test_a_site_and_files_left_half_made_by_a_killed_build_are_repaired(book):
    built = book.root / "_build"
    before = book.site_files()
    (built / "html").rename(built / "html.old")
    (built / "html.new").mkdir()
    for folder in (built, built / "executed", book.committed("alpha").parent):
        (folder / "file.part").write_text("{")
    book.edit("a = 1", "raise KeyError('lost')")  # so that no site is built
    assert book.build("book").returncode == 1
    assert book.site_files() == before
    left = [*book.root.rglob("html.*"), *book.root.rglob("*.part")]
    assert left == []


def test_a_second_build_says_that_it_waits_for_the_first(book):
    with FileLock(book.root / "_build" / ".lock"):
        second = book.start_build("notebooks")
        said = second.stdout.readline()
        assert "Another build of this book is running. Waiting for it." in said
    said, _ = second.communicate(timeout=120)
    assert second.returncode == 0, said


# ------------------------------------------------------------ damaged files


def damaged(text: str, how: str) -> bytes:
    digest, _, outputs = text.partition("\n")
    return {
        "empty": b"",
        "cut off": text[:-20].encode(),
        "not text": bytes(range(256)),
        "of another shape": b'{"outputs": 1}',
        "changed in one digit": text.replace("42", "43", 1).encode(),
        "short of outputs": f"{digest}\n[]".encode(),
        "without its digest": outputs.encode(),
    }[how]


DAMAGES = [
    "empty",
    "cut off",
    "not text",
    "of another shape",
    "changed in one digit",
    "short of outputs",
    "without its digest",
]


def cached(book: TinyBook) -> list:
    return sorted((book.root / "_build" / "executed").iterdir())


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_cache_entry_is_detected(book, how):
    said = book.build("why", "tiny/page").stdout
    assert said.count(": reused.") == 2
    for entry in cached(book):
        entry.write_bytes(damaged(entry.read_text(), how))
    said = book.build("why", "tiny/page").stdout
    assert said.count(": to be executed.") == 2


def test_a_damaged_cache_entry_is_executed_again(book):
    before = book.notebook_files()
    entry = cached(book)[0]
    good = entry.read_bytes()
    entry.write_bytes(damaged(good.decode(), "changed in one digit"))
    assert book.build("notebooks").stdout.count("executed") == 1
    assert entry.read_bytes() == good
    assert book.notebook_files() == before


def spoil(path, how: str) -> None:
    text = path.read_text()
    spoiled = {
        "cut off": text[: len(text) // 2],
        "with a Git conflict": text.replace(
            ' "nbformat": 4,',
            '<<<<<<< HEAD\n "nbformat": 4,\n=======\n "nbformat": 4,\n'
            ">>>>>>> other",
        ),
        "a list": "[]",
        "another object": '{"a": 1}',
        "empty": "",
    }[how]
    assert spoiled != text
    path.write_text(spoiled)


SPOILED = ["cut off", "with a Git conflict", "a list", "another object", "empty"]


@pytest.mark.parametrize("how", SPOILED)
def test_a_damaged_notebook_is_refused_and_the_next_build_restores_it(book, how):
    before = {**book.site_files(), **book.notebook_files()}
    shown = book.output("beta").read_bytes()
    spoil(book.committed("alpha"), how)
    spoil(book.output("beta"), how)
    checked = book.build("check")
    assert checked.returncode == 1
    assert "notebooks/alpha/tiny/page.ipynb" in checked.stderr
    refused = book.build("site")
    assert refused.returncode == 1
    assert 'Run make notebooks FRAMEWORKS="beta"' in refused.stderr
    assert_built_as_before(book, before)
    assert book.output("beta").read_bytes() == shown


@pytest.mark.parametrize("how", SPOILED)
def test_a_damaged_notebook_is_not_used_in_place_of_execution(book, how):
    path = book.committed("beta")
    spoil(path, how)
    book.platforms("plan9-mips")
    failed = book.build("book")
    assert failed.returncode == 1
    assert f"{path} is not a valid notebook" in failed.stderr
    assert "git checkout" in failed.stderr


# ------------------------------------------------------ committed notebooks


def test_check_accepts_the_notebooks_that_a_build_wrote(book):
    done = book.build("check")
    assert done.returncode == 0, done.stderr
    assert "2 committed notebooks" in done.stdout


@pytest.mark.parametrize(
    "what", ["code", "prose", "lock", "missing", "stray", "edited"]
)
def test_check_fails_if_a_notebook_does_not_match_its_source(book, what):
    notebook = book.committed("alpha")
    if what == "code":
        book.edit("a = 1", "a = 2")
    elif what == "prose":
        book.edit("Words.", "New words.")
    elif what == "lock":
        (book.root / "kernels" / "alpha.txt").write_text("alpha==2\n")
    elif what == "missing":
        notebook.unlink()
    elif what == "stray":
        notebook.with_name("stray.ipynb").write_bytes(notebook.read_bytes())
    elif what == "edited":
        notebook.write_text(notebook.read_text().replace("Words.", "Weeds."))
    failed = book.build("check")
    name = "stray.ipynb" if what == "stray" else "page.ipynb"
    assert failed.returncode == 1
    other = "was executed with different code, helpers, or locks" in failed.stderr
    assert other == (what in ("code", "lock"))
    assert f"notebooks/alpha/tiny/{name}" in failed.stderr
    cure = "git rm" if what == "stray" else "make notebooks"
    assert cure in failed.stderr


def test_notebooks_contain_no_volatile_metadata(tiny_built):
    book = tiny_built(standard)
    text = book.committed("alpha").read_text()
    node = json.loads(text)
    assert sorted(node["metadata"]) == [
        "accelerator",
        "colab",
        "d2l_extras",
        "kernelspec",
        "language_info",
    ]
    code = [one for one in node["cells"] if one["cell_type"] == "code"]
    assert not any("execution" in one["metadata"] for one in code)
    assert str(book.root) not in text


# ------------------------------------------------------- missing frameworks


def test_a_site_is_rendered_from_notebooks_executed_elsewhere(book):
    shutil.rmtree(book.root / "_build" / "executed")
    book.site.unlink()
    done = book.build("site")
    assert done.returncode == 0, done.stderr
    assert "executed" not in done.stdout
    page = bs4.BeautifulSoup(book.site.read_text(), "html.parser")
    assert "It is 42." in page.get_text()


def test_a_site_from_notebooks_with_outdated_code_is_refused(tiny):
    tiny.write(cell("1"))
    tiny.build("book")
    before = tiny.site.read_bytes()
    tiny.write(cell("2"))
    tiny.build("notebooks", "alpha")
    done = tiny.build("site")
    assert done.returncode == 1
    assert "come from earlier code" in done.stderr
    assert 'Run make notebooks FRAMEWORKS="beta"' in done.stderr
    assert "alpha" not in done.stderr
    assert tiny.site.read_bytes() == before


def test_a_site_with_a_missing_notebook_is_refused(book):
    book.output("beta").unlink()
    book.committed("beta").unlink()
    done = book.build("site")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "missing" in done.stderr
    assert "notebooks/beta/tiny/page.ipynb" in done.stderr
    assert 'Run make notebooks FRAMEWORKS="beta"' in done.stderr
