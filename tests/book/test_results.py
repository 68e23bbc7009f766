"""Recorded results are within the bounds that several seeds give (support/bounds.py)."""

from __future__ import annotations

import math

import nbformat
import pytest
from support import ROOT, pages
from support.bounds import BOUNDS

from bookbuild.build import Book
from bookbuild.executor import outputs_of
from bookbuild.execution import results

BOOK = Book(ROOT)
TWICE = next(page for page in BOOK.pages() if page.name == pages.SOFTMAX_TWICE)


def found(page, framework, notebook: str) -> dict[str, dict]:
    """Return the values that the prose inserts, from one of a page's notebooks."""
    path = getattr(BOOK, notebook)(page, framework)
    return results(page, framework, outputs_of(nbformat.read(path, as_version=4)))


PAIRS = [
    pytest.param(page, framework, id=f"{framework.name}-{page.name}")
    for page in BOOK.pages()
    for framework in page.frameworks.values()
]


def lies_within(value: object, expected: object) -> bool:
    if isinstance(expected, tuple):
        return expected[0] <= value <= expected[1]
    return value in expected if isinstance(expected, set) else value == expected


@pytest.mark.parametrize("notebook", ["committed", "output"])
@pytest.mark.parametrize(("page", "framework"), PAIRS)
def test_every_value_lies_within_its_bounds(page, framework, notebook):
    values = {
        text.partition(":")[0]: kept["value"]
        for text, kept in found(page, framework, notebook).items()
    }
    bounds = BOUNDS.get(page.name, {})
    outside = {
        name: (values[name], bounds[name])
        for name in values.keys() & bounds.keys()
        if not lies_within(values[name], bounds[name])
    }
    assert not outside


@pytest.mark.parametrize(("page", "framework"), PAIRS)
def test_this_machine_computes_the_values_of_the_committed_notebook(page, framework):
    # A value without bounds does not depend on training. But another processor may add
    # in a different order, which changes the last digits.
    committed = found(page, framework, "committed")
    computed = found(page, framework, "output")
    assert computed.keys() == committed.keys()
    for name in computed.keys() - {
        text
        for text in computed
        if text.partition(":")[0] in BOUNDS.get(page.name, {})
    }:
        if isinstance(computed[name]["value"], float):
            value = pytest.approx(committed[name]["value"], rel=0.01, abs=1e-9)
            assert computed[name]["value"] == value, name
        else:
            assert computed[name]["text"] == committed[name]["text"], name


def test_bounds_exist_only_for_values_that_the_pages_insert():
    for page in BOOK.pages():
        asked = {
            text.partition(":")[0]
            for framework in page.frameworks.values()
            for text in found(page, framework, "committed")
        }
        assert BOUNDS.get(page.name, {}).keys() <= asked, page.name
    assert BOUNDS.keys() <= {page.name for page in BOOK.pages()}


@pytest.mark.parametrize("framework", TWICE.frameworks.values())
def test_softmax_applied_twice_costs_accuracy_and_stays_above_the_floor(framework):
    values = {
        text.partition(":")[0]: kept["value"]
        for text, kept in found(TWICE, framework, "output").items()
    }
    assert values["ours[0]"] > math.log(1 + 9 / math.e)
    assert values["points_lost"] > 0
