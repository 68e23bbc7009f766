"""`make serve` watches the files that the site is made from, and no others."""

from pathlib import Path

import pytest

from bookbuild.serve import is_source


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("chapters/tiny/page.md", True),
        ("_config.yml", True),
        ("_theme/css/base.css", True),
        ("kernels/alpha.txt", True),
        ("_build/html/index.html", False),
        ("notebooks/alpha/tiny/page.ipynb", False),
        (".git/index", False),
        ("chapters/tiny/.page.md.swp", False),
        ("chapters/tiny/page.md~", False),
        ("bookbuild/__pycache__/build.pyc", False),
    ],
)
def test_only_files_that_pages_are_made_from_are_watched(name, matters):
    assert is_source(Path(name)) is matters
