"""How far two people agree who looked at one pair, the second without seeing the first: raw, and by Cohen's kappa. From the log alone."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, OuterRef, Q, Subquery

from alignment import opinions
from alignment.models import Decision

Table = Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Agreement:
    """So many pairs with two opinions, so many of them the same. `kappa` is None where chance alone leaves nothing to agree on."""

    pairs: int
    same: int
    kappa: float | None

    @property
    def raw(self) -> float | None:
        return self.same / self.pairs if self.pairs else None


@dataclass(frozen=True)
class Report:
    """All of it, and by what: categories by their paths ("" for none), languages as Pair.languages has them, reviewers by actor."""

    total: Agreement
    by_category: dict[str, Agreement]
    by_languages: dict[str, Agreement]
    by_reviewer: dict[uuid.UUID, Agreement]


def kappa(table: Table) -> float | None:
    """Cohen's kappa: (observed - expected) / (1 - expected), where expected is what two people would agree on who answer by chance, each as
    often as they do. `table` counts (one's answer, the other's). Cohen, Educational and Psychological Measurement 20 (1960).

    None without answers, and where both always give one and the same.
    """
    total = sum(table.values())
    if not total:
        return None
    rows: Counter[str] = Counter()
    columns: Counter[str] = Counter()
    for (one, other), count in table.items():
        rows[one] += count
        columns[other] += count
    observed = sum(count for (one, other), count in table.items() if one == other)
    # In whole numbers, so that a chance of exactly 1 is told.
    expected = sum(rows[answer] * columns[answer] for answer in rows)
    if expected == total * total:
        return None
    return (observed * total - expected) / (total * total - expected)


def agreement(table: Table) -> Agreement:
    same = sum(count for (one, other), count in table.items() if one == other)
    return Agreement(pairs=sum(table.values()), same=same, kappa=kappa(table))


def report(*, since: datetime | None = None, actor: uuid.UUID | None = None) -> Report:
    """Agreement of first and second opinions in force, all or given from a time on, all or those in which one person took part. One query.

    A reviewer's own figures count every pair on which they gave either opinion, against whoever gave the other.
    """
    first = (
        Decision.objects.filter(pair=OuterRef("pair"), pk__lt=OuterRef("pk"), by=Decision.By.PERSON, withdrawn_by__isnull=True)
        .exclude(verdict=Decision.Verdict.WITHDRAW)
        .order_by("-pk")
    )
    seconds = Decision.objects.filter(reason=opinions.SECOND, withdrawn_by__isnull=True).exclude(verdict=Decision.Verdict.WITHDRAW)
    seconds = seconds.annotate(first=Subquery(first.values("verdict")[:1]), first_actor=Subquery(first.values("actor")[:1]))
    if since:
        seconds = seconds.filter(created_at__gte=since)
    if actor:
        seconds = seconds.filter(Q(actor=actor) | Q(first_actor=actor))
    told = ("pair__category__path", "pair__left__language", "pair__right__language", "first_actor", "actor", "first", "verdict")
    whole: Counter[tuple[str, str]] = Counter()
    categories: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    languages: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    reviewers: dict[uuid.UUID, Counter[tuple[str, str]]] = defaultdict(Counter)
    for path, left, right, one, other, said, answered, count in seconds.order_by().values_list(*told).annotate(pairs=Count("pk")):
        whole[said, answered] += count
        categories[path or ""][said, answered] += count
        languages["|".join(sorted((left, right)))][said, answered] += count
        reviewers[one][said, answered] += count
        reviewers[other][answered, said] += count
    return Report(
        total=agreement(whole),
        by_category={name: agreement(table) for name, table in sorted(categories.items())},
        by_languages={name: agreement(table) for name, table in sorted(languages.items())},
        by_reviewer={name: agreement(table) for name, table in reviewers.items()},
    )
