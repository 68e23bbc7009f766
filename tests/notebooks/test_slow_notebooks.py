"""Executing a committed notebook again gives the outputs it is committed with.

These are the notebooks that take long. The quick ones are in tests/book.
"""

from __future__ import annotations

import pytest
from support.nbval import assert_same_outputs, notebooks


@pytest.mark.timeout(1200)
@notebooks(quick=False)
def test_a_slow_notebook_gives_its_committed_outputs_again(path, framework):
    assert_same_outputs(path, framework)
