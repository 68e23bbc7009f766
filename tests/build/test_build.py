"""Building executes what changed, fails loudly and loses nothing."""

import json
import shutil

import bs4
import pytest
from support.tiny_book import cell

RECORD = "from d2l_extras import record\nrecord('answer', 6 * 7)"


def test_a_second_build_executes_nothing_and_changes_nothing(tiny):
    tiny.write(cell(RECORD) + "\nIt is {result}`answer`.")
    first = tiny.build("book")
    assert first.stdout.count("1 of 1 cells  executed") == 2, first.stderr
    assert f"Open {tiny.root}/_build/html/index.html" in first.stdout
    site, notebook = tiny.site.read_bytes(), tiny.committed("alpha")
    committed = notebook.read_bytes()
    second = tiny.build("book")
    assert "executed" not in second.stdout
    assert second.stdout.count("reused") == 2
    assert tiny.site.read_bytes() == site
    assert notebook.read_bytes() == committed


def test_executing_twice_gives_the_same_notebooks(tiny):
    tiny.write(cell(RECORD) + cell("print('a')\nprint('b')\n{3, 1}"))
    tiny.build("notebooks")
    before = tiny.committed("beta").read_bytes()
    again = tiny.build("notebooks", "--force")
    assert again.stdout.count("executed") == 2
    assert tiny.committed("beta").read_bytes() == before


def test_a_changed_cell_runs_again_only_where_it_belongs(tiny):
    code = cell("a = 1\na", "alpha") + cell("b = 1\nb", "beta")
    tiny.write(code)
    tiny.build("notebooks")
    tiny.write(code.replace("a = 1", "a = 2"))
    done = tiny.build("notebooks").stdout
    assert "Alpha       tiny/page  1 of 1 cells  executed" in done
    assert "Beta        tiny/page  1 of 1 cells  reused" in done


def test_a_changed_sentence_executes_nothing_but_reaches_the_site(tiny):
    tiny.write(cell("1"))
    tiny.build("book")
    tiny.write("A new sentence.\n\n" + cell("1"))
    assert "executed" not in tiny.build("book").stdout
    assert "A new sentence." in tiny.site.read_text()
    assert "A new sentence." in tiny.committed("alpha").read_text()


def test_a_picture_that_is_no_longer_drawn_leaves_the_site(tiny):
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="{}"/>'
    pictures = tiny.root / "_build" / "html" / "_images"
    drawn = []
    for height in (2, 3):
        draw = f"SVG({drawing.format(height)!r})"
        tiny.write(cell(f"from IPython.display import SVG\n{draw}"))
        tiny.html()
        drawn.append({path.name for path in pictures.glob("*.svg")})
    assert len(drawn[0]) == len(drawn[1]) == 2  # by day and by night
    assert not drawn[0] & drawn[1]


def test_a_failing_cell_fails_the_build_and_the_last_site_stays(tiny):
    tiny.write(cell("1"))
    tiny.build("book")
    site, notebook = tiny.site, tiny.committed("alpha")
    before = site.read_bytes(), notebook.read_bytes()
    tiny.write(cell("1") + cell("raise KeyError('lost')"))
    failed = tiny.build("book")
    assert failed.returncode == 1
    assert "code cell 2 of 2: raise KeyError('lost')" in failed.stderr
    assert (site.read_bytes(), notebook.read_bytes()) == before


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("See {ref}`sec_nowhere`.", "labeled 'sec_nowhere'"),
        ("See [it](nowhere.md).", "cross-reference target not found"),
        ("See {numref}`fig_nowhere`.", "labeled 'fig_nowhere'"),
        ("(sec_a)=\n\n## A\n\n(sec_a)=\n\n## B", "label 'sec_a' is that of"),
    ],
)
def test_a_warning_fails_the_build_and_the_last_site_stays(
    tiny, text, warning
):
    tiny.write(cell("1"))
    tiny.build("book")
    before = tiny.site.read_bytes()
    tiny.write(text + "\n\n" + cell("1"))
    failed = tiny.build("book")
    assert failed.returncode == 1
    assert "page.md" in failed.stderr
    assert failed.stderr.lower().count(warning) == 1
    assert tiny.site.read_bytes() == before


def test_after_a_failed_rendering_only_what_is_mended_is_rendered(tiny):
    tiny.write(cell("1"))
    tiny.page.with_name("other.md").write_text("# Other\n")
    (tiny.root / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/tiny/page\n"
        "chapters:\n- file: chapters/tiny/other\n"
    )
    tiny.html()
    aside = tiny.root / "_build" / "aside" / "_build" / "html"
    other = aside / "chapters" / "tiny" / "other.html"
    rendered = other.stat().st_mtime_ns
    tiny.write("See [it](nowhere.md).\n\n" + cell("1"))
    for _ in range(2):  # Sphinx by itself would warn once and then be content
        failed = tiny.build("book")
        assert "cross-reference target not found" in failed.stderr
    tiny.write("Mended.\n\n" + cell("1"))
    assert "Mended." in tiny.html()
    assert other.stat().st_mtime_ns == rendered


def test_a_clean_checkout_stays_clean_although_outputs_vary(tiny):
    tiny.write(cell("import os\nos.getpid()"))
    tiny.build("book")
    notebook = tiny.committed("alpha")
    committed = notebook.read_bytes()
    done = tiny.build("book", "--force")
    assert done.stdout.count("executed") == 2
    assert notebook.read_bytes() == committed


def test_check_accepts_what_notebooks_wrote(tiny):
    tiny.write(cell(RECORD) + "\nIt is {result}`answer`.")
    tiny.build("notebooks")
    done = tiny.build("check")
    assert done.returncode == 0, done.stderr
    assert "2 committed notebooks" in done.stdout


@pytest.mark.parametrize("what", ["code", "prose", "lock", "missing", "stray"])
def test_check_fails_when_a_notebook_is_not_what_its_source_gives(tiny, what):
    code = cell("a = 1\na")
    tiny.write(code)
    tiny.build("notebooks")
    notebook = tiny.committed("alpha")
    if what == "code":
        tiny.write(code.replace("a = 1", "a = 2"))
    elif what == "prose":
        tiny.write("New words.\n\n" + code)
    elif what == "lock":
        (tiny.root / "kernels" / "alpha.txt").write_text("alpha==2\n")
    elif what == "missing":
        notebook.unlink()
    elif what == "stray":
        notebook.with_name("stray.ipynb").write_bytes(notebook.read_bytes())
    failed = tiny.build("check")
    name = "stray.ipynb" if what == "stray" else "page.ipynb"
    assert failed.returncode == 1
    other = "was executed with other code, helpers or lock" in failed.stderr
    assert other == (what in ("code", "lock"))
    assert f"notebooks/alpha/tiny/{name}" in failed.stderr
    assert "make notebooks" in failed.stderr


def test_check_notices_an_edited_notebook(tiny):
    tiny.write("Words.\n\n" + cell("1"))
    tiny.build("notebooks")
    notebook = tiny.committed("alpha")
    notebook.write_text(notebook.read_text().replace("Words.", "Weeds."))
    assert tiny.build("check").returncode == 1


def test_without_a_wheel_the_committed_outputs_stand_in_and_say_so(tiny):
    tiny.write(cell(RECORD) + "\nIt is {result}`answer`.")
    tiny.build("notebooks")
    tiny.platforms("plan9-mips")
    html = tiny.html()
    assert "Not computed on this machine" in html
    assert "Alpha has no wheel for this machine" in html
    assert "42" in html
    tiny.platforms("plan9-mips")
    tiny.write(cell(RECORD + " # changed") + "\nIt is {result}`answer`.")
    # A shared cell changed, and no machine here can run it.
    failed = tiny.build("book")
    assert failed.returncode == 1 and "answer" in failed.stderr


def test_without_a_wheel_and_without_committed_outputs_the_build_says_so(tiny):
    tiny.write(cell("1"))
    tiny.platforms("plan9-mips")
    failed = tiny.build("book")
    assert failed.returncode == 1
    assert "Alpha has no wheel" in failed.stderr
    assert "plan9-mips" in failed.stderr


def test_notebooks_hold_no_volatile_metadata(tiny):
    tiny.write(cell("import os\nprint('x')"))
    tiny.build("notebooks")
    node = json.loads(tiny.committed("alpha").read_text())
    assert sorted(node["metadata"]) == [
        "accelerator",
        "colab",
        "d2l_extras",
        "kernelspec",
        "language_info",
    ]
    assert "execution" not in node["cells"][1]["metadata"]
    assert str(tiny.root) not in tiny.committed("alpha").read_text()


def test_one_framework_is_executed_alone(tiny):
    tiny.write(cell("1"))
    done = tiny.build("notebooks", "beta")
    assert done.stdout.count("executed") == 1, done.stderr
    assert tiny.committed("beta").exists()
    assert not tiny.committed("alpha").exists()


def test_an_undeclared_framework_is_named(tiny):
    tiny.write(cell("1"))
    done = tiny.build("notebooks", "gamma")
    assert done.returncode == 1
    assert "no framework 'gamma', only alpha and beta" in done.stderr


def test_a_site_is_rendered_from_notebooks_executed_elsewhere(tiny):
    tiny.write(cell(RECORD) + "\nIt is {result}`answer`.")
    tiny.build("notebooks", "alpha")
    tiny.build("notebooks", "beta")
    shutil.rmtree(tiny.root / "_build" / "executed")
    done = tiny.build("site")
    assert done.returncode == 0, done.stderr
    assert "executed" not in done.stdout
    page = bs4.BeautifulSoup(tiny.site.read_text(), "html.parser")
    assert "It is 42." in page.get_text()


def test_a_site_of_notebooks_of_other_code_is_refused(tiny):
    tiny.write(cell("1"))
    tiny.build("book")
    before = tiny.site.read_bytes()
    tiny.write(cell("2"))
    tiny.build("notebooks", "alpha")
    done = tiny.build("site")
    assert done.returncode == 1
    assert "executed with other code" in done.stderr
    assert 'Run make notebooks FRAMEWORKS="beta"' in done.stderr
    assert "alpha" not in done.stderr
    assert tiny.site.read_bytes() == before


@pytest.mark.parametrize("what", ["missing", "cut off"])
def test_a_site_without_a_notebook_is_refused_in_a_sentence(tiny, what):
    tiny.write(cell("1"))
    tiny.build("notebooks", "alpha")
    if what == "cut off":
        tiny.build("notebooks", "beta")
        shown = tiny.root / "_build/outputs/beta/tiny/page.ipynb"
        shown.write_text(shown.read_text()[:100])
    done = tiny.build("site")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "missing" in done.stderr
    assert "_build/outputs/beta/tiny/page.ipynb" in done.stderr
    assert 'Run make notebooks FRAMEWORKS="beta"' in done.stderr
