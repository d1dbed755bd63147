"""Scoring in rows that people can follow: why sets wait, for whom, and how many of them are scored.

Nothing is scored by a run: sets are claimed as they wait. A run only counts those that joined it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from alignment import runs
from alignment.models import ApiToken, CandidateRun, CandidateSet, Run, ScoringRun, User

Kind, Status = ScoringRun.Kind, Run.Status


def start(kind: ScoringRun.Kind, *, author: User | None = None) -> ScoringRun:
    return _start(ScoringRun(kind=kind, author=author))


def of_candidates(run: CandidateRun) -> ScoringRun:
    """The scoring of what a run of candidates builds."""
    return run.scoring_runs.first() or _start(ScoringRun(kind=Kind.CANDIDATES, candidates=run, author=run.author))


def of_posts(token: ApiToken) -> ScoringRun:
    """The scoring of what a token posts today."""
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    today = ScoringRun.objects.filter(kind=Kind.POSTED, token=token, created_at__gte=midnight).first()
    return today or _start(ScoringRun(kind=Kind.POSTED, token=token, author=token.user))


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


def _count(field: str, more: Mapping[int, int]) -> None:
    # In one order, so that no two transactions wait for each other.
    for pk in sorted(more):
        changed = {field: F(field) + more[pk]}
        if field == "sets" and more[pk] > 0:
            changed |= {"status": Status.RUNNING, "finished_at": None}  # type: ignore[dict-item]
        ScoringRun.objects.filter(pk=pk).update(**changed, seen_at=timezone.now())
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
