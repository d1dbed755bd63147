"""One report of several systems over the same sets: plain data, ready for JSON."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workers.evaluation import metrics
from workers.evaluation.labelled import LabelledSet
from workers.evaluation.systems import Run

RERANKER = "reranker"
MOST_MISTAKES = 20
LONGEST_TEXT = 400
Report = dict[str, Any]


def build(sets: Sequence[LabelledSet], runs: Mapping[str, Run], *, accept_at: float, review_at: float) -> Report:
    """`runs` by a system's name. The reranker's scores are probabilities, so that it alone has routes and thresholds."""
    systems = {name: _system(sets, run) for name, run in runs.items()}
    report: Report = {
        "sets": len(sets),
        "pairs": sum(len(one.texts) for one in sets),
        "matches": sum(sum(one.labels) for one in sets),
        "accept_at": accept_at,
        "review_at": review_at,
        "systems": systems,
    }
    if RERANKER in runs:
        run = runs[RERANKER]
        labels, probabilities = _flat(sets, run)
        systems[RERANKER] |= {
            "at_accept": metrics.at_threshold(labels, probabilities, accept_at),
            "at_review": metrics.at_threshold(labels, probabilities, review_at),
            "routes": metrics.routes(labels, probabilities, accept_at=accept_at, review_at=review_at),
            "curve": metrics.curve(labels, probabilities),
            "reliability": metrics.reliability(labels, probabilities),
        }
        report["lead"] = _leads(sets, runs)
        report["mistakes"] = mistakes(sets, run, review_at=review_at)
    return report


def _flat(sets: Sequence[LabelledSet], run: Run) -> tuple[list[int], list[float]]:
    return [label for one in sets for label in one.labels], [score for row in run.scores for score in row]


def _ranked(sets: Sequence[LabelledSet]) -> list[int]:
    """Sets in which there is an order to get right."""
    return [i for i, one in enumerate(sets) if 0 < sum(one.labels) < len(one.labels)]


def _system(sets: Sequence[LabelledSet], run: Run) -> Report:
    ranked = _ranked(sets)
    labels, scores = _flat(sets, run)
    milliseconds = sorted(1000 * second for second in run.seconds)
    found: Report = {
        "average_precision": _with_interval(
            metrics.average_precision(labels, scores),
            metrics.interval_over_sets(metrics.average_precision, [(one.labels, row) for one, row in zip(sets, run.scores, strict=True)]),
        ),
        "mean_ms": sum(milliseconds) / len(milliseconds),
        "p99_ms": milliseconds[math.ceil(0.99 * len(milliseconds)) - 1],
    }
    if not ranked:
        return found
    families = [sets[i].family for i in ranked]
    measures: dict[str, Callable[[Sequence[int], Sequence[float]], float]] = {
        "top1": lambda labels, scores: metrics.chance_within(labels, scores, 1),
        "recall_at_3": lambda labels, scores: metrics.chance_within(labels, scores, 3),
        "mrr": metrics.reciprocal_rank,
    }
    for name, measure in measures.items():
        values = [measure(sets[i].labels, run.scores[i]) for i in ranked]
        found[name] = _with_interval(sum(values) / len(values), metrics.interval(values, families))
        if name == "top1":
            found["by_languages"] = _by([_languages(sets[i]) for i in ranked], values)
            found["by_category"] = _by([sets[i].category for i in ranked], values)
    return found


def _with_interval(value: float, interval: tuple[float, float]) -> Report:
    mean, low, high = (None if math.isnan(number) else number for number in (value, *interval))
    return {"mean": mean, "low": low, "high": high}


def _languages(one: LabelledSet) -> str:
    """From the query's language to the right candidate's."""
    if not one.query_language or not one.languages:
        return ""
    return f"{one.query_language} → {one.languages[one.labels.index(1)]}"


def _by(groups: Sequence[str], values: Sequence[float]) -> dict[str, Report]:
    found: dict[str, list[float]] = defaultdict(list)
    for group, value in zip(groups, values, strict=True):
        if group:
            found[group].append(value)
    return {group: {"sets": len(inside), "top1": sum(inside) / len(inside)} for group, inside in sorted(found.items())}


def _leads(sets: Sequence[LabelledSet], runs: Mapping[str, Run]) -> dict[str, Report]:
    """How far ahead the reranker's top-1 is of each other system's, on the same draws."""
    ranked = _ranked(sets)
    if not ranked:
        return {}
    families = [sets[i].family for i in ranked]
    firsts = {name: [metrics.chance_within(sets[i].labels, run.scores[i], 1) for i in ranked] for name, run in runs.items()}
    leads = {name: [a - b for a, b in zip(firsts[RERANKER], own, strict=True)] for name, own in firsts.items() if name != RERANKER}
    return {name: _with_interval(sum(lead) / len(lead), metrics.interval(lead, families)) for name, lead in leads.items()}


def mistakes(sets: Sequence[LabelledSet], run: Run, *, review_at: float) -> list[Report]:
    """The pairs that the model is surest and most wrong about: other products that score highest, same products that score lowest."""
    pairs = [
        (label, probability, one, text)
        for one, row in zip(sets, run.scores, strict=True)
        for label, probability, text in zip(one.labels, row, one.texts, strict=True)
        if (probability >= review_at) != bool(label)
    ]
    pairs.sort(key=lambda pair: pair[1] if pair[0] else 1 - pair[1])
    return [
        {"label": label, "probability": probability, "query": one.query[:LONGEST_TEXT], "candidate": text[:LONGEST_TEXT]}
        for label, probability, one, text in pairs[:MOST_MISTAKES]
    ]
