"""Cells run in their framework's kernel, and every failure is explained."""

import json

import bs4
import pytest
from support import ROOT
from support.tiny_book import TinyBook, cell

from bookbuild import execution, frameworks
from bookbuild.build import Book
from bookbuild.errors import SourceError
from bookbuild.execution import ExecutionError


def run(tiny: TinyBook, text: str, timeout: int = 60) -> list:
    tiny.write(text)
    book = Book(tiny.root)
    [page] = book.pages()
    return execution.execute(page, book.frameworks["alpha"], timeout=timeout)


def failure(tiny: TinyBook, text: str, timeout: int = 60) -> str:
    with pytest.raises(ExecutionError) as error:
        run(tiny, text, timeout)
    return str(error.value)


def test_a_cell_that_raises_is_reported_with_its_traceback(tiny):
    message = failure(tiny, cell("a = 1") + "\nThen\n\n" + cell("b = a / 0"))
    assert "page.md:21: Alpha, code cell 2 of 2: b = a / 0" in message
    assert "ZeroDivisionError: division by zero" in message
    assert "\x1b" not in message


def test_a_traceback_leaves_out_installed_packages(tiny):
    message = failure(tiny, cell("import json, numpy\nnumpy.load('nothing.npy')"))
    assert "----> 2 numpy.load('nothing.npy')" in message
    assert "FileNotFoundError: [Errno 2]" in message
    assert "site-packages" not in message


def test_a_module_that_is_not_installed_is_reported_with_a_fix(tiny):
    message = failure(tiny, cell("import numpy\nimport no_such_module"))
    assert "ModuleNotFoundError: No module named 'no_such_module'" in message
    assert "add it to the extra alpha in pyproject.toml, and run make lock" in message


def test_a_module_in_the_pages_folder_can_be_imported(tiny):
    tiny.page.with_name("mine.py").write_text("answer = 42\n")
    [[output]] = run(tiny, cell("import mine\nmine.answer"))
    assert output["data"]["text/plain"] == "42"


def test_a_cell_that_runs_longer_than_the_limit_is_named(tiny):
    message = failure(tiny, cell("import time\ntime.sleep(60)"), timeout=1)
    assert "code cell 1 of 1: import time\nran longer than 1 s" in message


def test_a_cell_that_kills_its_kernel_is_named_with_the_exit_status(tiny):
    message = failure(tiny, cell("1") + cell("import os\nos._exit(3)"))
    assert "code cell 2 of 2: import os\nthe kernel died" in message
    assert "it ended with status 3" in message


def test_a_cell_that_exits_its_kernel_is_named_even_before_other_cells(tiny):
    message = failure(tiny, cell("0") + cell("exit()") + cell("1"))
    assert "code cell 2 of 3: exit()\nends the kernel" in message
    assert "remove that" in message


def test_a_cell_that_outputs_a_script_is_named(tiny):
    code = "from IPython.display import HTML\nHTML('<script></script>')"
    message = failure(tiny, cell("1") + cell(code))
    assert "page.md:18: Alpha, code cell 2 of 2: from IPython" in message
    assert "script" in message and "use text, a table, or a pic" in message


def test_a_cell_tagged_as_raising_may_raise(tiny):
    [[output]] = run(tiny, cell("1 / 0", "raises-exception"))
    assert output["traceback"] == ["ZeroDivisionError: division by zero"]


def test_a_cell_tagged_as_raising_must_raise(tiny):
    message = failure(tiny, cell("1 / 1", "raises-exception"))
    assert "is tagged raises-exception, but raised nothing" in message


def test_a_missing_kernel_is_reported_with_a_remedy(tiny):
    path = tiny.root / "kernels" / "frameworks.toml"
    path.write_text(path.read_text().replace("python3", "no-such-kernel"))
    message = failure(tiny, cell("1"))
    assert "no-such-kernel of Alpha did not start" in message
    assert "run make again" in message


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("float('nan'):.1f", "the value is nan; find out where"),
        ("[1, 2]", "can only|the value is \\[1, 2\\]; .* a number or a string"),
        ("np.ones(2)", "ValueError: can only convert an array of size 1"),
        ("np.sqrt(2)", "the value is 1.41.*; add a format, as in .*:.3f"),
        ("len:d", "TypeError: "),
        ("1 / 0:d", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_value_that_prose_cannot_show_is_reported_with_its_line(
    tiny, expression, said
):
    text = f"\n- Words.\n- It is {{eval}}`{expression}`.\n"
    tiny.write(cell("import numpy as np") + text)
    book = Book(tiny.root)
    page, alpha = book.pages()[0], book.frameworks["alpha"]
    with pytest.raises(SourceError, match=f"page.md:19: Alpha, .*{said}"):
        execution.execute(page, alpha)


def test_an_expression_with_two_values_is_reported_with_its_line(tiny):
    text = "\nIt is {eval}`a`.\n\n"
    tiny.write(cell("a = 1") + text + cell("a = 2") + text)
    book = Book(tiny.root)
    page, alpha = book.pages()[0], book.frameworks["alpha"]
    outputs = execution.execute(page, alpha)
    with pytest.raises(SourceError, match="page.md:21: .*`a` is 2 here, but 1 further"):
        execution.results(page, alpha, outputs)


def test_an_expression_in_the_prose_is_evaluated_after_the_nearest_cell_above(tiny):
    caption = {"figure": {"caption": "It is {eval}`a`.", "name": "fig_a"}}
    tiny.write(
        cell("a = 1")
        + "\nIt is {eval}`a + 1`.\n\n"
        + cell("a = 10", mystnb=caption)
        + "\n| a | b |\n|---|---|\n| {eval}`a + 2` | **{eval}`a + 3`** |\n"
    )
    book = Book(tiny.root)
    page, alpha = book.pages()[0], book.frameworks["alpha"]
    found = execution.results(page, alpha, execution.execute(page, alpha))
    texts = {name: kept["text"] for name, kept in found.items()}
    assert texts == {"a + 1": "2", "a": "10", "a + 2": "12", "a + 3": "13"}


def test_each_framework_has_a_kernel_in_its_own_environment():
    kernels = ROOT / ".envs" / "share" / "jupyter" / "kernels"
    for framework in frameworks.used(ROOT).values():
        if framework.available:
            spec = json.loads(
                (kernels / framework.kernel / "kernel.json").read_text()
            )
            assert f".envs/{framework.kernel}/bin/python" in spec["argv"][0]


def test_formulas_and_tables_in_a_markdown_output_are_rendered(tiny):
    code = (
        "from IPython.display import Markdown\n"
        "Markdown('Let $p = 0.5$.\\n\\n| a | b |\\n|---|---|\\n| 1 | 2 |')"
    )
    tiny.write(cell(code))
    output = bs4.BeautifulSoup(tiny.html(), "html.parser").select_one(".cell_output")
    assert output.find("math") and "$" not in output.get_text()
    assert [td.get_text() for td in output.select("td")] == ["1", "2"]
