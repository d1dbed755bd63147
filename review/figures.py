"""Counts of everything, kept for pages that must not count it themselves. A beat task brings them up to date; see `review.tasks`."""

from __future__ import annotations

import time
import uuid
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, FloatField, Q, Value
from django.db.models.functions import Cast, Floor
from django.utils import timezone

from alignment import agreement, upkeep
from alignment.agreement import Agreement
from alignment.models import Category, Decision, Pair
from review.models import DecisionDay, Figures, OpenDay, QueueCount, RouteDay

# Bins of a score: fiftieths for the histogram, twentieths for the bands of verdicts. Thresholds such as 0.7 and 0.9 fall between bins.
FINE, COARSE = 50, 20
VERDICTS = (Decision.Verdict.ACCEPT, Decision.Verdict.REJECT, Decision.Verdict.UNSURE)
AGES = (timedelta(hours=1), timedelta(days=1), timedelta(days=3), timedelta(days=7))
AGREEMENT_SINCE = timedelta(days=30)
MOST_QUEUES = 500
DECISIONS_A_STEP = 20_000
NEVER_SOONER = timedelta(seconds=30)

Agreed = tuple[int, int, float | None]
Histogram = dict[str, list[int]]
Verdicts = dict[str, dict[str, list[int]]]


def count(*, now: datetime | None = None) -> bool:
    """Bring everything up to date, unless that was done a moment ago. Returns whether it was due."""
    now = now or timezone.now()
    whole, _made = Figures.objects.get_or_create(category=None, defaults={"counted_at": now - NEVER_SOONER})
    if not upkeep.is_due(whole.counted_at, seconds=whole.seconds, now=now, never_sooner=NEVER_SOONER):
        return False
    started = time.monotonic()
    while _fold_decisions():
        pass
    scores, verdicts = _scores(), _verdicts()
    ages, agreed = _ages(now), _agreement(now)
    _keep(scores, verdicts, ages, agreed, now, time.monotonic() - started)
    _routes_of_the_day(now)
    OpenDay.objects.update_or_create(day=timezone.localtime(now).date(), defaults={"pairs": sum(ages), "queues": _queues()})
    return True


def _fold_decisions() -> bool:
    """Count the next decisions of the log by day. The position moves in the same transaction, so none is counted twice."""
    with transaction.atomic():
        whole = Figures.objects.select_for_update().get(category=None)
        rows = list(
            Decision.objects.filter(pk__gt=whole.position)
            .order_by("pk")
            .values_list("pk", "created_at", "actor", "verdict", "seconds")[:DECISIONS_A_STEP]
        )
        if not rows:
            return False
        found: dict[tuple[date, Any, str], list[float]] = defaultdict(lambda: [0, 0.0])
        for _pk, created_at, actor, verdict, seconds in rows:
            counted = found[timezone.localtime(created_at).date(), actor, verdict]
            counted[0] += 1
            counted[1] += seconds or 0.0
        for (day, actor, verdict), (decisions, seconds) in found.items():
            row, _made = DecisionDay.objects.get_or_create(day=day, actor=actor, verdict=verdict)
            DecisionDay.objects.filter(pk=row.pk).update(decisions=F("decisions") + decisions, seconds=F("seconds") + seconds)
        Figures.objects.filter(pk=whole.pk).update(position=rows[-1][0])
    return len(rows) == DECISIONS_A_STEP


def _bin(score: str, bins: int) -> Floor:
    """0.58 times 50 is a hair under 29 in floating point, and belongs to the 29th bin."""
    return Floor(Cast(F(score) * bins + Value(1e-9), FloatField()))


def _scores() -> dict[int | None, Histogram]:
    """Pairs by category, route and score, as the query's direction was scored."""
    rows = (
        Pair.objects.filter(score__isnull=False)
        .annotate(bin=_bin("score__probability", FINE))
        .values_list("category", "route", "bin")
        .annotate(pairs=Count("pk"))
        .order_by()
    )
    found: dict[int | None, Histogram] = defaultdict(lambda: defaultdict(lambda: [0] * FINE))
    for category, route, place, pairs in rows:
        found[category][route][min(int(place), FINE - 1)] += pairs
    return found


def _verdicts() -> dict[int | None, Verdicts]:
    """Persons' verdicts that stand, by category, languages and the score their maker was shown."""
    rows = (
        Pair.objects.filter(standing__by=Decision.By.PERSON, standing__score__isnull=False, standing__verdict__in=VERDICTS)
        .annotate(bin=_bin("standing__score", COARSE))
        .values_list("category", "languages", "bin", "standing__verdict")
        .annotate(pairs=Count("pk"))
        .order_by()
    )
    found: dict[int | None, Verdicts] = defaultdict(lambda: defaultdict(lambda: defaultdict(lambda: [0, 0, 0])))
    for category, languages, place, verdict, pairs in rows:
        found[category][languages][str(min(int(place), COARSE - 1))][VERDICTS.index(verdict)] += pairs
    return found


def _ages(now: datetime) -> list[int]:
    """Open pairs by how long they have waited: under each of `AGES`, and longer."""
    edges = [now - age for age in AGES]
    within = {f"under_{i}": Count("pk", filter=Q(due_since__gt=edge)) for i, edge in enumerate(edges)}
    counted = Pair.objects.filter(in_review=True).order_by().aggregate(all=Count("pk"), **within)
    reached = [counted[f"under_{i}"] for i in range(len(edges))] + [counted["all"]]
    return [upper - lower for lower, upper in zip([0, *reached], reached, strict=False)]


def queue_key(category: int | None, languages: str) -> str:
    return f"{category or ''}:{languages}"


def _queues() -> dict[str, int]:
    """What is open in each queue, as last counted, of the largest ones."""
    found: Counter[str] = Counter()
    for category, languages, pairs in QueueCount.objects.values_list("category", "languages", "pairs"):
        found[queue_key(category, languages)] += pairs
    return dict(found.most_common(MOST_QUEUES))


def _agreement(now: datetime) -> dict[str, Agreed]:
    found = agreement.report(since=now - AGREEMENT_SINCE).by_reviewer
    return {str(actor): (one.pairs, one.same, one.kappa) for actor, one in found.items()}


def agreement_of(whole: Figures | None, actor: uuid.UUID) -> Agreement:
    """One person's agreement with others over the last days, as last counted."""
    pairs, same, kappa = (whole.agreement if whole else {}).get(str(actor), (0, 0, None))
    return Agreement(pairs=pairs, same=same, kappa=kappa)


def _keep(
    scores: dict[int | None, Histogram],
    verdicts: dict[int | None, Verdicts],
    ages: list[int],
    agreed: dict[str, Agreed],
    now: datetime,
    seconds: float,
) -> None:
    root = Category.objects.get(parent=None).pk
    rows = [
        Figures(
            category_id=category,
            scores=add_scores([scores.get(own, {}) for own in _owns(category, root)]),
            verdicts=add_verdicts([verdicts.get(own, {}) for own in _owns(category, root)]),
            counted_at=now,
        )
        for category in sorted({category or root for category in (*scores, *verdicts)})
    ]
    with transaction.atomic():
        # One may have gone since it was counted. Not the log's lock, under which categories go: verdicts would wait for it.
        there = set(Category.objects.values_list("pk", flat=True))
        Figures.objects.select_for_update().get(category=None)
        Figures.objects.exclude(category=None).delete()
        Figures.objects.bulk_create([row for row in rows if row.category_id in there], batch_size=200)
        Figures.objects.filter(category=None).update(
            scores=add_scores([row.scores for row in rows]),
            verdicts=add_verdicts([row.verdicts for row in rows]),
            ages=ages,
            agreement=agreed,
            seconds=seconds,
            counted_at=now,
        )


def _owns(category: int, root: int) -> tuple[int | None, ...]:
    """A pair without a category is the root's, whose policy it has."""
    return (category, None) if category == root else (category,)


def _routes_of_the_day(now: datetime) -> None:
    day = timezone.localtime(now).date()
    counted = dict(Pair.objects.values_list("route").annotate(pairs=Count("pk")).order_by())
    with transaction.atomic():
        for route in Pair.Route.values:
            RouteDay.objects.update_or_create(day=day, route=route, defaults={"pairs": counted.get(route, 0)})


def add_scores(parts: list[Histogram]) -> Histogram:
    total: Histogram = {}
    for part in parts:
        for route, counts in part.items():
            total[route] = [one + other for one, other in zip(total.get(route, [0] * FINE), counts, strict=True)]
    return total


def add_verdicts(parts: list[Verdicts]) -> Verdicts:
    total: Verdicts = {}
    for part in parts:
        for languages, bands in part.items():
            for band, counts in bands.items():
                known = total.setdefault(languages, {}).get(band, [0, 0, 0])
                total[languages][band] = [one + other for one, other in zip(known, counts, strict=True)]
    return total
