"""Scoring in rows that people can follow: why sets wait, for whom, and how many of them are scored.

Nothing is scored by a run: sets are claimed as they wait. A run only counts those that joined it, and one that is cancelled sets aside
those that still wait.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from alignment import runs, wake_ups
from alignment.models import ApiToken, CandidateRun, CandidateSet, Run, ScoringRun, User

Kind, Status = ScoringRun.Kind, Run.Status
AT_ONCE = 500
PAUSE_BETWEEN_CHUNKS = 0.01


def start(kind: ScoringRun.Kind, *, author: User | None = None) -> ScoringRun:
    return _start(ScoringRun(kind=kind, author=author))


def of_candidates(run: CandidateRun) -> ScoringRun:
    """The scoring of what a run of candidates builds."""
    return run.scoring_runs.first() or _start(ScoringRun(kind=Kind.CANDIDATES, candidates=run, author=run.author))


def of_posts(token: ApiToken) -> ScoringRun:
    """The scoring of what a token posts today. In a transaction, in which the token stays. Raises ApiToken.DoesNotExist: it was revoked."""
    ApiToken.objects.select_for_update(no_key=True).get(pk=token.pk)
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    # What is posted after somebody cancelled was not meant by it.
    today = ScoringRun.objects.filter(kind=Kind.POSTED, token=token, created_at__gte=midnight).exclude(status=Status.CANCELLED)
    # Held, so that whoever cancels it meanwhile comes after what joins it now.
    held = today.select_for_update(of=("self",), no_key=True).first()
    return held or _start(ScoringRun(kind=Kind.POSTED, token=token, author=token.user))


def _start(run: ScoringRun) -> ScoringRun:
    with transaction.atomic():
        run.status, run.started_at = Status.RUNNING, timezone.now()
        run.save()
        runs.note(run, runs.What.ASKED, author=run.author)
    return run


def join(run: ScoringRun, set_ids: Collection[int]) -> None:
    """Count waiting sets as this run's: those that another run still waits for are that one's no longer. In a transaction with what
    has them wait."""
    others = CandidateSet.objects.filter(pk__in=set_ids, scoring_run__isnull=False).exclude(scoring_run=run)
    moved = dict(others.order_by().values_list("scoring_run").annotate(count=Count("id")))
    joined = CandidateSet.objects.filter(pk__in=set_ids).exclude(scoring_run=run).update(scoring_run=run)
    if joined:
        _count("sets", {other: -count for other, count in moved.items()} | {run.pk: joined})


def scored(sets: Collection[CandidateSet]) -> None:
    """Sets that are scored leave their runs. In the transaction that stores them."""
    _count("sets_done", Counter(one.scoring_run_id for one in sets if one.scoring_run_id))


def failed(one: CandidateSet) -> None:
    """A set that is parked leaves its run; tried again it belongs to another."""
    _count("sets_failed", Counter([one.scoring_run_id] if one.scoring_run_id else []))


def leave_cancelled(sets: Q) -> dict[int, int]:
    """Sets whose inputs changed wait for that now: a cancelled run that they were of has no say in it.

    Returns how many left which run, for `count_left`: the run's own row is locked after the sets', as whoever stores scores does it.
    """
    stopped = CandidateSet.objects.filter(sets, scoring_run__status=Status.CANCELLED)
    left = {}
    for run in sorted(stopped.order_by().values_list("scoring_run", flat=True).distinct()):
        of_run = CandidateSet.objects.filter(sets, scoring_run=run)
        of_run.filter(status=CandidateSet.Status.ASIDE).update(status=CandidateSet.Status.PENDING)
        left[run] = of_run.update(scoring_run=None)
    return left


def count_left(left: Mapping[int, int]) -> None:
    """Runs without the sets that left them."""
    _count("sets", {run: -count for run, count in left.items() if count})


def cancelled_among(sets: Collection[CandidateSet]) -> list[int]:
    """The cancelled runs that asked for some of these sets."""
    wanted = {one.scoring_run_id for one in sets if one.scoring_run_id}
    return list(ScoringRun.objects.filter(pk__in=wanted, status=Status.CANCELLED).values_list("pk", flat=True)) if wanted else []


def follow(run_id: int) -> None:
    """Set aside what waits of a run that was cancelled, put back what was set aside of one that goes on; some at a time."""
    while _follow_some(run_id):
        # Whoever waits to write on SQLite looks every few milliseconds, and would miss the moment between two chunks.
        time.sleep(PAUSE_BETWEEN_CHUNKS)


def _follow_some(run_id: int) -> bool:
    with transaction.atomic():
        # Held, so that whoever cancels or goes on meanwhile comes after this chunk.
        run = ScoringRun.objects.select_for_update(no_key=True).filter(pk=run_id).first()
        if run is None:
            return False
        waits, aside = CandidateSet.Status.PENDING, CandidateSet.Status.ASIDE
        here, there = (waits, aside) if run.status == Status.CANCELLED else (aside, waits)
        sets = CandidateSet.objects.select_for_update(skip_locked=True).filter(scoring_run=run, status=here)
        ids = list(sets.order_by("id").values_list("pk", flat=True)[:AT_ONCE])
        moved = CandidateSet.objects.filter(pk__in=ids, status=here).update(status=there)
        if moved and there == waits:
            wake_ups.wake()
    return moved > 0


def follow_interrupted() -> None:
    """Follow the runs whose worker ended before all their sets stood where their state says."""
    of_run = CandidateSet.objects.filter(scoring_run=OuterRef("pk"))
    waits, aside = (Exists(of_run.filter(status=status)) for status in (CandidateSet.Status.PENDING, CandidateSet.Status.ASIDE))
    cancelled = Q(status=Status.CANCELLED)
    for run_id in ScoringRun.objects.filter(cancelled & Q(waits) | ~cancelled & Q(aside)).values_list("pk", flat=True):
        follow(run_id)


def _count(field: str, more: Mapping[int, int]) -> None:
    # In one order, so that no two transactions wait for each other.
    for pk in sorted(more):
        run = ScoringRun.objects.filter(pk=pk)
        run.update(**{field: F(field) + more[pk]}, seen_at=timezone.now())
        if field == "sets" and more[pk] > 0:
            run.filter(status=Status.DONE).update(status=Status.RUNNING, finished_at=None)
    if more:
        _finish(ScoringRun.objects.filter(pk__in=more))


def finish_over() -> None:
    """Finish runs that have nothing left to score, now that what they are fed by is over."""
    _finish(ScoringRun.objects.all())


def _finish(some: QuerySet[ScoringRun]) -> None:
    building = Q(candidates__status__in=[Status.WAITING, Status.RUNNING])
    over = some.filter(status=Status.RUNNING, sets_done__gte=F("sets") - F("sets_failed")).exclude(building)
    for run in over:
        finished = ScoringRun.objects.filter(pk=run.pk, status=Status.RUNNING).update(status=Status.DONE, finished_at=timezone.now())
        # A caller's run of a day is done many times.
        if finished and run.kind != Kind.POSTED:
            runs.note(run, runs.What.DONE)
