"""Long jobs of any kind: a worker takes a run, tells how far it is, finishes it; one that went silent is followed by another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from alignment import scoring
from alignment.models import CandidateRun, EvaluationRun, Run

R = TypeVar("R", bound=Run)
Status = Run.Status
UNFINISHED = Q(status__in=[Status.WAITING, Status.RUNNING])
STALLED_AFTER = timedelta(minutes=2)
SECONDS_A_BEAT = 20.0
TASKS: dict[type[Run], str] = {EvaluationRun: scoring.EVALUATE, CandidateRun: scoring.BUILD_CANDIDATES}


def wake(run: Run) -> None:
    scoring.wake(TASKS[type(run)], run.pk)


def take(kind: type[R], run_id: int) -> R | None:
    """The run, now this worker's; None where another is at it or it is over."""
    silent = Q(status=Status.RUNNING, seen_at__lt=timezone.now() - STALLED_AFTER)
    free = kind._default_manager.filter(Q(status=Status.WAITING) | silent, pk=run_id)
    if not free.update(status=Status.RUNNING, seen_at=timezone.now()):
        return None
    return kind._default_manager.select_related("author").get(pk=run_id)


def tell(run: Run, **progress: int) -> bool:
    """How far a run is, by its fields' names. False when it was cancelled."""
    running = type(run)._default_manager.filter(pk=run.pk, status=Status.RUNNING)
    return running.update(seen_at=timezone.now(), **progress) == 1


@contextmanager
def heartbeat(run: Run) -> Iterator[None]:
    """Tell that the worker lives while it is at something long that tells nothing."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(SECONDS_A_BEAT):
            try:
                tell(run)
            finally:
                connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def finish(run: Run, *, error: str = "", **results: Any) -> None:
    running = type(run)._default_manager.filter(pk=run.pk, status=Status.RUNNING)
    running.update(status=Status.FAILED if error else Status.DONE, error=error[:2000], finished_at=timezone.now(), **results)


def cancel(run: Run) -> bool:
    """Whether there was anything to cancel."""
    unfinished = type(run)._default_manager.filter(UNFINISHED, pk=run.pk)
    return unfinished.update(status=Status.CANCELLED, finished_at=timezone.now()) == 1


def resume_interrupted() -> None:
    """Wake runs that wait, and those whose worker stopped telling how far it is."""
    now = timezone.now()
    waiting = Q(status=Status.WAITING, created_at__lt=now - timedelta(seconds=30))
    for kind in TASKS:
        for run in kind._default_manager.filter(waiting | Q(status=Status.RUNNING, seen_at__lt=now - STALLED_AFTER)):
            wake(run)
