"""How much is open in each category and pair of languages, counted while nobody waits, and who is at it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from alignment import locks, upkeep
from alignment.models import Category, Pair
from review import insights
from review.models import Lease, QueueCount
from review.queues import FOR_EVERYONE
from review.scopes import Scope

NEVER_SOONER = timedelta(seconds=14)
SECONDS = "queue-counts-seconds"
LOCK_KEY = 0xC0_0917


@dataclass
class Queue:
    """One row of the queue page: what is open for reviewers in one category, by its id and path, and pair of languages."""

    category: int | None
    path: str
    languages: str
    pairs: int = 0
    cases: int = 0
    overdue: int = 0
    oldest_at: datetime | None = None
    people: list[str] = field(default_factory=list)

    @property
    def language_names(self) -> str:
        return insights.language_names(self.languages) if self.languages else ""


def count(*, now: datetime | None = None) -> bool:
    """Bring the counts up to date, unless that was done a moment ago or is done meanwhile. Returns whether it stored any."""
    now = now or timezone.now()
    before = QueueCount.objects.aggregate(at=Max("counted_at"))["at"]
    if not upkeep.is_due(before, seconds=cache.get(SECONDS, 0.0), now=now, never_sooner=NEVER_SOONER):
        return False
    started = time.monotonic()
    rows = (
        Pair.objects.filter(in_review=True)
        .values("category", "languages", "stage")
        .annotate(
            pairs=Count("pk"), cases=Count("query", distinct=True), overdue=Count("pk", filter=Q(due_at__lt=now)), oldest=Min("due_since")
        )
        .order_by()
    )
    counted = [
        QueueCount(
            category_id=row["category"],
            languages=row["languages"],
            stage=row["stage"],
            pairs=row["pairs"],
            cases=row["cases"],
            overdue=row["overdue"],
            oldest_at=row["oldest"],
            counted_at=now,
        )
        for row in rows
    ]
    seconds = time.monotonic() - started
    with transaction.atomic():
        locks.hold(LOCK_KEY)
        if QueueCount.objects.filter(counted_at__gte=now).exists():
            return False
        # One may have gone since it was counted. Not the log's lock, under which categories go: verdicts would wait for it.
        there = {None, *Category.objects.values_list("pk", flat=True)}
        counted = [row for row in counted if row.category_id in there]
        QueueCount.objects.all().delete()
        # A row that counts nothing says that it was counted.
        QueueCount.objects.bulk_create(counted or [QueueCount(stage=Pair.Stage.FIRST, pairs=0, cases=0, counted_at=now)], batch_size=500)
    cache.set(SECONDS, seconds, None)
    return True


def counted_at() -> datetime | None:
    counted: datetime | None = QueueCount.objects.aggregate(at=Max("counted_at"))["at"]
    return counted


def queues(scope: Scope, *, search: str = "") -> list[Queue]:
    """What fits a scope, as last counted: what is overdue first, then the most."""
    counts = QueueCount.objects.filter(scope.fitting(), stage__in=FOR_EVERYONE, pairs__gt=0)
    if search:
        counts = counts.filter(category__path__icontains=search)
    found: dict[tuple[int | None, str], Queue] = {}
    fields = ("category", "category__path", "languages", "pairs", "cases", "overdue", "oldest_at")
    for category, path, languages, pairs, cases, overdue, oldest_at in counts.values_list(*fields):
        queue = found.setdefault((category, languages), Queue(category, path or "", languages))
        queue.pairs += pairs
        queue.cases += cases
        queue.overdue += overdue
        queue.oldest_at = min((at for at in (queue.oldest_at, oldest_at) if at), default=None)
    return sorted(found.values(), key=lambda queue: (-queue.overdue, -queue.pairs, queue.path, queue.languages))


def add_people(shown: Sequence[Queue]) -> None:
    """Who has a case of each queue in hand now."""
    in_hand = dict(Lease.objects.filter(ahead=False, expires_at__gt=timezone.now()).values_list("query_id", "reviewer__username"))
    people: dict[tuple[int | None, str], set[str]] = defaultdict(set)
    open_here = Pair.objects.filter(in_review=True, query__in=list(in_hand)).values_list("query_id", "category_id", "languages").distinct()
    for query, category, languages in open_here:
        people[category, languages].add(in_hand[query])
    for queue in shown:
        queue.people = sorted(people[queue.category, queue.languages])
