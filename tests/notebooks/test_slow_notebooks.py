"""Executing a committed notebook again gives its committed outputs.

These notebooks take longer. The quick ones are in tests/book.
"""

from __future__ import annotations

import pytest
from support.nbval import assert_same_outputs, notebooks


@pytest.mark.timeout(1200)
@notebooks(quick=False)
def test_executing_a_slow_notebook_reproduces_its_committed_outputs(path, framework):
    assert_same_outputs(path, framework)
