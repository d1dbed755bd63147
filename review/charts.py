"""Charts as SVG shapes: places in a square of 0 to 100, drawn by a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SIDE = 100.0


@dataclass(frozen=True)
class Dot:
    """One place, how large, and what a reader is told when pointing at it."""

    x: float
    y: float
    radius: float
    label: str


@dataclass(frozen=True)
class Chart:
    """`line`: the places of a polyline as SVG writes them. `marks`: dots on it. Both axes go from 0 to 1."""

    line: str
    marks: list[Dot]


def place(x: float, y: float) -> tuple[float, float]:
    return round(SIDE * x, 2), round(SIDE * (1 - y), 2)


def line(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in (place(*point) for point in points))


def reliability(bins: Sequence[dict[str, float]]) -> Chart:
    """Probability against the share that is the same product; a dot's area follows how many pairs it stands for."""
    most = max((one["pairs"] for one in bins), default=1)
    dots = [
        Dot(
            *place(one["probability"], one["right"]),
            radius=round(1.2 + 3 * (one["pairs"] / most) ** 0.5, 2),
            label=f"{one['probability']:.2f}: {one['right']:.1%} ({one['pairs']:.0f})",
        )
        for one in bins
    ]
    return Chart(line([(one["probability"], one["right"]) for one in bins]), dots)


def precision_recall(curve: Sequence[Sequence[float]], thresholds: Sequence[tuple[float, dict[str, Any]]]) -> Chart:
    """Recall against precision, with the policy's thresholds as dots on the curve."""
    dots = [
        Dot(*place(at["recall"], at["precision"]), radius=2.2, label=f"{threshold}: {at['precision']:.1%} / {at['recall']:.1%}")
        for threshold, at in thresholds
        if at["recall"] is not None and at["precision"] is not None
    ]
    return Chart(line([(recall, precision) for _threshold, precision, recall in curve]), dots)


@dataclass(frozen=True)
class Bar:
    """One bar, in the histogram's own measures, which band it lies in, and what a reader is told when pointing at it."""

    x: float
    y: float
    width: float
    height: float
    band: str
    label: str


WIDE, HIGH = 200.0, 56.0


def histogram(counts: Sequence[int], *, accept_at: float, review_at: float) -> list[Bar]:
    """Scores from 0 to 1 in equal bins. Heights go by the square root: few pairs between two crowds stay visible."""
    most, width = max(counts, default=0) or 1, WIDE / (len(counts) or 1)
    bars = []
    for i, count in enumerate(counts):
        low, high = i / len(counts), (i + 1) / len(counts)
        height = HIGH * (count / most) ** 0.5
        band = "accepted" if low >= accept_at else "reviewed" if high > review_at else "discarded"
        x, y = round(i * width + 0.2, 2), round(HIGH - height, 2)
        bars.append(Bar(x, y, round(width - 0.4, 2), round(height, 2), band, f"{low:.2f}–{high:.2f}: {count}"))
    return bars
