"""Recorded results lie where several seeds put them (support/bounds.py)."""

from __future__ import annotations

import nbformat
import pytest
from support import ROOT, pages
from support.bounds import BOUNDS

from bookbuild.build import Book
from bookbuild.executor import outputs_of
from bookbuild.execution import results

BOOK = Book(ROOT)
SOFTMAX = next(page for page in BOOK.pages() if page.name == pages.SOFTMAX)


def found(notebook: str) -> list:
    cases = []
    for page in BOOK.pages():
        for framework in page.frameworks.values():
            path = getattr(BOOK, notebook)(page, framework)
            node = nbformat.read(path, as_version=4)
            for record in results(page, framework, outputs_of(node)).values():
                name = f"{framework.name}-{record['name']}"
                cases.append(pytest.param(page.name, record, id=name))
    return cases


def check(page: str, record: dict) -> None:
    expected, value = BOUNDS[page][record["name"]], record["value"]
    if isinstance(expected, tuple):
        assert expected[0] <= value <= expected[1]
    elif isinstance(expected, set):
        assert value in expected
    else:
        assert value == expected


@pytest.mark.parametrize(("page", "record"), found("committed"))
def test_a_committed_result_lies_within_its_bounds(page, record):
    check(page, record)


@pytest.mark.parametrize(("page", "record"), found("output"))
def test_a_result_of_this_machine_lies_within_its_bounds(page, record):
    check(page, record)


@pytest.mark.parametrize("notebook", ["committed", "output"])
def test_bounds_and_recorded_results_match_one_to_one(notebook):
    recorded = {page: set() for page in BOUNDS}
    for case in found(notebook):
        page, record = case.values
        recorded[page].add(record["name"])
    assert recorded == {page: set(bounds) for page, bounds in BOUNDS.items()}


def test_softmax_applied_twice_costs_accuracy_and_stays_above_the_floor():
    compared = 0
    for page in BOOK.pages():
        for framework in page.frameworks.values():
            path = BOOK.output(page, framework)
            outputs = outputs_of(nbformat.read(path, as_version=4))
            recorded = results(page, framework, outputs).values()
            value = {record["name"]: record["value"] for record in recorded}
            if "floor" in value:
                compared += 1
                assert value["twice_train_loss"] > value["floor"]
                assert value["twice_test_accuracy"] < value["test_accuracy"]
    assert compared == len(SOFTMAX.frameworks)
