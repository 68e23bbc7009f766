"""Short code and short table cells stay on one line; solutions have short names."""

import bs4
import pytest
from support.tiny_book import TinyBook

PAGE = """
Short: `?framework=mxnet`, and long: `a_long_line_of_code_that_breaks`.

| Symbol | First |
|---|---|
| a rather long description | page 1 |

```{exercise} ★★ When it falls
:label: ex_falls
Why?
```

```{solution} ex_falls
:class: dropdown
Because.
```
"""


def wrapped(tiny: TinyBook) -> None:
    tiny.write(PAGE)


@pytest.fixture(scope="module")
def page(tiny_built) -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup(tiny_built(wrapped).site.read_text("utf-8"), "lxml")


def test_only_short_code_stays_on_one_line(page):
    tied = [code.get_text() for code in page.select("article code.tied")]
    assert tied == ["?framework=mxnet"]


def test_only_short_table_cells_stay_on_one_line(page):
    assert [td.get_text() for td in page.select("td.tied")] == ["page 1"]


def test_a_solution_below_its_exercise_is_named_in_full_for_screen_readers_only(page):
    summary = page.select_one("details.solution > summary")
    assert summary.get_text() == "Solution"
    assert summary["aria-label"] == "Solution to Exercise 1"
