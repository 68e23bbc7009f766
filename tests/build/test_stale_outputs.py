"""Jupyter Book alone never shows new code above old outputs without a warning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bs4
import pytest
from support import ROOT
from support.tiny_book import TinyBook, cell

COMPUTE = "from d2l_extras import to_numpy\nanswer = to_numpy(6 * 7)"


def jupyter_book(book: TinyBook, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [Path(sys.executable).with_name("jupyter-book"), "build", book.root]
        + list(options),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def changed(tiny: TinyBook) -> TinyBook:
    """Return a book with a cell that was changed after its notebooks were executed."""
    tiny.write(cell(COMPUTE) + "\nIt is {eval}`answer`.")
    tiny.build("notebooks")
    tiny.write(cell(COMPUTE.replace("7", "8")) + "\nIt is {eval}`answer`.")
    return tiny


def test_stale_outputs_are_named_by_a_warning_and_on_the_page(changed):
    done = jupyter_book(changed)
    assert done.returncode == 0, done.stderr
    for label in ("Alpha", "Beta"):
        assert f"WARNING: {label} outputs are stale" in done.stderr
    assert "tiny/page" in done.stderr
    page = bs4.BeautifulSoup(changed.site.read_text(), "html.parser")
    note = page.select_one(".admonition.warning").get_text()
    assert "Not executed since the code changed" in note
    assert "Alpha" in note and "Beta" in note


def test_stale_outputs_fail_a_build_whose_warnings_are_errors(changed):
    assert jupyter_book(changed, "-W").returncode == 1


def test_a_changed_lock_or_helper_makes_outputs_stale(tiny):
    tiny.write(cell("1"))
    tiny.build("notebooks")
    done = jupyter_book(tiny, "-W")
    assert done.returncode == 0, done.stderr
    (tiny.root / "kernels" / "beta.txt").write_text("beta==2\n")
    done = jupyter_book(tiny)
    assert "Beta outputs are stale" in done.stderr
    assert "Alpha outputs are stale" not in done.stderr
