"""Measures over labelled sets and pairs, with bootstrap intervals. Scores only have to order; ties share what they tie for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

RESAMPLES = 2000


def first_rank(labels: Sequence[int], scores: Sequence[float]) -> tuple[int, int]:
    """The best place that a right candidate can have and the worst, from 1, over the ways to order candidates that tie with it."""
    best = max(score for label, score in zip(labels, scores, strict=True) if label)
    above = sum(score > best for score in scores)
    wrong_beside = sum(score == best and not label for label, score in zip(labels, scores, strict=True))
    return above + 1, above + 1 + wrong_beside


def chance_within(labels: Sequence[int], scores: Sequence[float], k: int) -> float:
    """The chance that a right candidate is among the first k, where candidates that tie come in any order."""
    best, worst = first_rank(labels, scores)
    if worst <= k:
        return 1.0
    if best > k:
        return 0.0
    right = sum(bool(label) and score == max_right(labels, scores) for label, score in zip(labels, scores, strict=True))
    # The places best .. worst + right - 1 hold `right` right ones and worst - best wrong ones.
    tied, open_places = right + worst - best, k - best + 1
    missed = 1.0
    for i in range(open_places):
        missed *= max(0, tied - right - i) / (tied - i)
    return 1 - missed


def max_right(labels: Sequence[int], scores: Sequence[float]) -> float:
    return max(score for label, score in zip(labels, scores, strict=True) if label)


def reciprocal_rank(labels: Sequence[int], scores: Sequence[float]) -> float:
    """1 / the first right one's place; among ties, the mean place of their span."""
    best, worst = first_rank(labels, scores)
    return 2 / (best + worst)


def average_precision(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Area under the precision-recall curve as the sum of precision x gained recall over distinct scores; nan without a right one."""
    truth, values = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if not truth.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    precision, recall = hits[last] / (last + 1), hits[last] / truth.sum()
    return float(np.sum(precision * np.diff(recall, prepend=0.0)))


def curve(labels: Sequence[int], scores: Sequence[float], points: int = 100) -> list[tuple[float, float, float]]:
    """The precision-recall curve: (threshold, precision, recall) at up to `points` of the distinct scores, highest first."""
    truth, values = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if not truth.any():
        return []
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    chosen = last[np.unique(np.linspace(0, len(last) - 1, points).astype(int))]
    return [(float(values[order][i]), float(hits[i] / (i + 1)), float(hits[i] / truth.sum())) for i in chosen]


def at_threshold(labels: Sequence[int], probabilities: Sequence[float], threshold: float) -> dict[str, float | None]:
    """Precision, recall and F1 of calling `threshold` and more the same product. None where there is nothing to divide by."""
    truth, chosen = np.asarray(labels) == 1, np.asarray(probabilities) >= threshold
    right = int((truth & chosen).sum())
    precision = right / int(chosen.sum()) if chosen.any() else None
    recall = right / int(truth.sum()) if truth.any() else None
    f1 = 2 * right / int(truth.sum() + chosen.sum()) if truth.any() or chosen.any() else None
    return {"precision": precision, "recall": recall, "f1": f1}


def routes(
    labels: Sequence[int], probabilities: Sequence[float], *, accept_at: float, review_at: float
) -> dict[str, dict[str, float | None]]:
    """For each route its share of the pairs, and the share of it that is right: the same product, for a discard another."""
    found: dict[str, list[int]] = {"accept": [], "review": [], "discard": []}
    for label, probability in zip(labels, probabilities, strict=True):
        found["accept" if probability >= accept_at else "review" if probability >= review_at else "discard"].append(label)
    return {
        name: {
            "pairs": len(inside),
            "share": len(inside) / len(labels),
            "right": (sum(inside) if name != "discard" else len(inside) - sum(inside)) / len(inside) if inside else None,
        }
        for name, inside in found.items()
    }


def reliability(labels: Sequence[int], probabilities: Sequence[float], bins: int = 10) -> list[dict[str, float]]:
    """Pairs by tenths of the probability: how many, their mean probability, and the share that is the same product."""
    truth, values = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    places = np.minimum((values * bins).astype(int), bins - 1)
    return [
        {"pairs": int(inside.sum()), "probability": float(values[inside].mean()), "right": float(truth[inside].mean())}
        for inside in (places == i for i in range(bins))
        if inside.any()
    ]


def interval(values: Sequence[float], families: Sequence[str]) -> tuple[float, float]:
    """The 95 % bootstrap percentile interval of a mean; values of one family are drawn together, from the same draws each time."""
    names = {family: i for i, family in enumerate(dict.fromkeys(families))}
    owner = np.array([names[family] for family in families])
    sums = np.bincount(owner, weights=np.asarray(values, dtype=np.float64), minlength=len(names))
    sizes = np.bincount(owner, minlength=len(names))
    generator = np.random.default_rng(1)
    means = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        drawn = generator.integers(len(names), size=len(names))
        means[i] = sums[drawn].sum() / sizes[drawn].sum()
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def interval_over_sets(
    measure: Callable[[list[int], list[float]], float], sets: Sequence[tuple[Sequence[int], Sequence[float]]]
) -> tuple[float, float]:
    """The same of a measure over all pairs, with whole sets drawn."""
    generator, found = np.random.default_rng(1), []
    for _ in range(200):
        drawn = [sets[i] for i in generator.integers(len(sets), size=len(sets))]
        value = measure([label for labels, _s in drawn for label in labels], [score for _l, scores in drawn for score in scores])
        if not np.isnan(value):
            found.append(value)
    if not found:
        return float("nan"), float("nan")
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def clusters(truth: Mapping[Hashable, Hashable], found: Mapping[Hashable, Hashable]) -> dict[str, dict[str, float | None]]:
    """Pairwise and B-cubed (Bagga and Baldwin, 1998) precision, recall and F1 of a grouping. Both map an item to its group."""
    items = list(truth)
    both = Counter((truth[item], found[item]) for item in items)
    true_sizes, found_sizes = Counter(truth.values()), Counter(found[item] for item in items)

    def pairs(sizes: Counter[Any]) -> int:
        return sum(size * (size - 1) // 2 for size in sizes.values())

    together, wanted, made = pairs(both), pairs(true_sizes), pairs(found_sizes)
    shares = [(both[truth[i], found[i]] / found_sizes[found[i]], both[truth[i], found[i]] / true_sizes[truth[i]]) for i in items]
    precision, recall = (float(np.mean([share[side] for share in shares])) for side in (0, 1))
    return {
        "pairwise": {
            "precision": together / made if made else None,
            "recall": together / wanted if wanted else None,
            "f1": 2 * together / (made + wanted) if made + wanted else None,
        },
        "b_cubed": {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)},
    }
