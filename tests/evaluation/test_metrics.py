"""What the measures must obey, whatever the scores."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.evaluation import metrics

ranked = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), min_size=2, max_size=6).filter(
    lambda rows: any(label for label, _s in rows)
)


@given(ranked, st.integers(1, 6))
def test_the_chance_within_k_is_that_over_all_orders_of_ties(rows: list[tuple[int, int]], k: int) -> None:
    orders = [order for order in itertools.permutations(rows) if all(a[1] >= b[1] for a, b in itertools.pairwise(order))]
    expected = sum(any(label for label, _score in order[:k]) for order in orders) / len(orders)
    labels, scores = [label for label, _s in rows], [float(score) for _l, score in rows]
    assert metrics.chance_within(labels, scores, k) == pytest.approx(expected)


@given(ranked)
def test_a_ranking_is_the_same_after_a_growing_function(rows: list[tuple[int, int]]) -> None:
    labels, scores = [label for label, _s in rows], [float(score) for _l, score in rows]
    grown = [math.exp(score) for score in scores]
    assert metrics.average_precision(labels, scores) == metrics.average_precision(labels, grown)
    assert metrics.reciprocal_rank(labels, scores) == metrics.reciprocal_rank(labels, grown)


@given(ranked)
def test_average_precision_is_one_exactly_when_every_right_one_is_above_every_wrong_one(rows: list[tuple[int, int]]) -> None:
    labels, scores = [label for label, _s in rows], [float(score) for _l, score in rows]
    apart = all(a > b for label, a in rows if label for other, b in rows if not other)
    assert (metrics.average_precision(labels, scores) == pytest.approx(1)) == apart


def test_average_precision_by_hand() -> None:
    assert metrics.average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]) == pytest.approx((1 + 2 / 3) / 2)
    assert math.isnan(metrics.average_precision([0, 0], [1, 2]))


def test_bounds_are_exact() -> None:
    assert metrics.at_threshold([1, 0, 1], [0.9, 0.9, 0.8999], 0.9) == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert metrics.at_threshold([0], [0.1], 0.9) == {"precision": None, "recall": None, "f1": None}
    split = metrics.routes([1, 1, 0], [0.9, 0.7, 0.6999], accept_at=0.9, review_at=0.7)
    assert {name: (route["pairs"], route["right"]) for name, route in split.items()} == {
        "accept": (1, 1),
        "review": (1, 1),
        "discard": (1, 1),
    }


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_an_interval_lies_within_what_was_seen(values: list[float]) -> None:
    low, high = metrics.interval(values, [str(i % 5) for i in range(len(values))])
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


@given(st.dictionaries(st.integers(), st.integers(0, 3), min_size=1, max_size=12))
def test_a_grouping_against_itself_is_all_right(truth: dict[int, int]) -> None:
    found = metrics.clusters(truth, truth)
    assert found["b_cubed"] == {"precision": 1, "recall": 1, "f1": 1}
    assert found["pairwise"]["f1"] in (None, 1)


def test_a_grouping_by_hand() -> None:
    found = metrics.clusters({"a": 1, "b": 1, "c": 2, "d": 2}, {"a": 1, "b": 1, "c": 1, "d": 2})
    assert found["pairwise"] == {"precision": pytest.approx(1 / 3), "recall": 0.5, "f1": pytest.approx(0.4)}
    assert found["b_cubed"]["precision"] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    assert found["b_cubed"]["recall"] == pytest.approx((1 + 1 + 0.5 + 0.5) / 4)


def test_reliability_has_the_last_tenth_closed() -> None:
    assert metrics.reliability([1, 0], [1.0, 0.05]) == [
        {"pairs": 1, "probability": 0.05, "right": 0.0},
        {"pairs": 1, "probability": 1.0, "right": 1.0},
    ]
