"""Committed outputs contain no paths or addresses of a machine, and no warnings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
from support import ROOT
from support.nbval import notebooks


@notebooks()
def test_outputs_contain_no_path_or_address_of_a_machine(path, framework):
    node = nbformat.read(path, as_version=4)
    outputs = [o for c in node.cells for o in c.get("outputs", [])]
    text = json.dumps(
        [{k: v for k, v in o.items() if k != "data"} for o in outputs]
        + [o.get("data", {}).get("text/plain") for o in outputs]
    )
    assert str(ROOT) not in text and str(Path.home()) not in text
    assert "site-packages" not in text
    assert not re.search(r"0x[0-9a-f]{6,}", text)


@notebooks()
def test_no_cell_writes_to_the_error_stream(path, framework):
    node = nbformat.read(path, as_version=4)
    for cell in node.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", cell.source
