"""Cells run in their framework's kernel, and what goes wrong is said."""

import json

import pytest
from support import ROOT
from support.tiny_book import TinyBook, cell

from _ext import execute, frameworks
from _ext.build import Book
from _ext.execute import ExecutionError


def run(tiny: TinyBook, timeout: int = 20) -> list:
    book = Book(tiny.root)
    page, alpha = book.pages()[0], book.frameworks["alpha"]
    return execute.execute(page, alpha, timeout=timeout)


def failure(tiny: TinyBook, text: str, **options: int) -> str:
    tiny.write(text)
    with pytest.raises(ExecutionError) as error:
        run(tiny, **options)
    return str(error.value)


def test_a_cell_that_raises_is_named_with_its_traceback(tiny):
    message = failure(tiny, cell("a = 1") + "\nThen\n\n" + cell("b = a / 0"))
    assert "page.md:21: Alpha, code cell 2 of 2: b = a / 0" in message
    assert "ZeroDivisionError: division by zero" in message
    assert "\x1b" not in message


def test_a_cell_that_hangs_is_named(tiny):
    message = failure(tiny, cell("import time\ntime.sleep(60)"), timeout=1)
    assert "code cell 1 of 1: import time\nran longer than 1 s" in message


def test_a_cell_that_takes_its_kernel_down_is_named(tiny):
    message = failure(tiny, cell("1") + cell("import os\nos._exit(3)"))
    assert "code cell 2 of 2: import os\nthe kernel died" in message


def test_a_cell_meant_to_raise_must_raise(tiny):
    tiny.write(cell("1 / 0", "raises-exception"))
    (output,) = run(tiny)[0]
    assert output["traceback"] == ["ZeroDivisionError: division by zero"]
    message = failure(tiny, cell("1 / 1", "raises-exception"))
    assert "is tagged raises-exception but raised nothing" in message


def test_a_kernel_that_is_not_there_is_named_with_the_cure(tiny):
    path = tiny.root / "kernels" / "frameworks.toml"
    path.write_text(path.read_text().replace("python3", "no-such-kernel"))
    message = failure(tiny, cell("1"))
    assert "no-such-kernel of Alpha did not start" in message
    assert "run make again" in message


def test_two_records_under_one_name_are_refused(tiny):
    tiny.write(cell("1") + "\n" + cell("2"))
    metadata = {execute.RECORD: {"name": "x", "text": "1", "value": 1}}
    output = {"output_type": "display_data", "metadata": metadata, "data": {}}
    book = Book(tiny.root)
    page, alpha = book.pages()[0], book.frameworks["alpha"]
    with pytest.raises(ValueError, match="page.md:.*'x' a second time"):
        execute.results(page, alpha, [[output], [output]])


def test_each_framework_has_a_kernel_of_its_own_environment():
    kernels = ROOT / ".envs" / "share" / "jupyter" / "kernels"
    for framework in frameworks.load(ROOT).values():
        if framework.available:
            spec = json.loads(
                (kernels / framework.kernel / "kernel.json").read_text()
            )
            assert f".envs/{framework.kernel}/bin/python" in spec["argv"][0]
