"""What the runs record lies where several seeds put it.

The bounds of the results of training come from `python bench/seeds.py 10`: ten
seeds in each framework, mean and standard deviation over the twenty runs. A
result may be four standard deviations from the mean. Twice-softmaxed training
ends in one of two modes, as the page explains, so it has the range that both
modes cover. What does not depend on the seed is held to its exact value.

    over 20 runs             mean     std     min     max
    initial_loss           2.3096  0.0167  2.2775  2.3369
    train_loss             0.4471  0.0004  0.4464  0.4478
    train_accuracy         0.8482  0.0003  0.8478  0.8488
    test_accuracy          0.8321  0.0028  0.8260  0.8357
    worst_recall           0.5216  0.0772  0.4010  0.6350
    twice_train_loss       1.7189  0.0224  1.7073  1.7628
    twice_test_accuracy    0.7657  0.0234  0.7188  0.7782
    points_lost            6.6360  2.3323  4.9400 11.2900
    cured_train_loss       0.4661  0.0014  0.4641  0.4695
    cured_test_accuracy    0.8196  0.0150  0.7798  0.8318
"""

from __future__ import annotations

import math

import nbformat
import pytest
from conftest import ROOT

from _ext.build import Book, outputs_of
from _ext.execute import results

BOOK = Book(ROOT)
CONCISE = "linear-networks/softmax-regression-concise"
BAYES = "appendix/naive-bayes-underflow"


def around(mean: float, deviation: float) -> tuple[float, float]:
    return mean - 4 * deviation, mean + 4 * deviation


BOUNDS = {
    CONCISE: {
        "initial_loss": around(2.3096, 0.0167),
        "train_loss": around(0.4471, 0.0004),
        "train_accuracy": around(0.8482, 0.0003),
        "test_accuracy": around(0.8321, 0.0028),
        "num_test": 10_000,
        # 196 sqrt(p (1 - p) / 10,000) at the ends of test_accuracy's range.
        "margin_points": (0.71, 0.76),
        "worst_class": {"shirt", "coat", "pullover"},
        "worst_mistake": {"t-shirt/top", "pullover", "coat", "shirt"},
        "worst_recall": around(0.5216, 0.0772),
        "floor": around(math.log(1 + 9 / math.e), 1e-9),
        "twice_train_loss": (1.70, 1.77),
        "twice_test_accuracy": (0.71, 0.785),
        "points_lost": (3.5, 13.5),
        "never_predicted": {"shirt", "shirt, coat", "coat"},
        # Seeds 0 to 2 in each framework: 0.4070 to 0.4082, 0.824 to 0.8425.
        "longer_train_loss": around(0.4077, 0.0005),
        "longer_test_accuracy": around(0.8335, 0.0080),
        "cured_train_loss": around(0.4661, 0.0014),
        "cured_test_accuracy": around(0.8196, 0.0150),
    },
}


def found(notebook: str) -> list:
    cases = []
    for page in BOOK.pages():
        for framework in BOOK.frameworks.values():
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


def test_softmax_applied_twice_is_worse_by_points_and_stays_above_the_floor():
    for page in BOOK.pages():
        for framework in BOOK.frameworks.values():
            path = BOOK.output(page, framework)
            node = nbformat.read(path, as_version=4)
            value = {
                name: record["value"]
                for name, record in results(
                    page, framework, outputs_of(node)
                ).items()
            }
            if "floor" in value:
                assert value["twice_train_loss"] > value["floor"]
                assert value["twice_test_accuracy"] < value["test_accuracy"]
