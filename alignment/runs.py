"""Long jobs of any kind: a worker takes a run, tells how far it is, finishes it; one that went silent is followed by another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from alignment import wake_ups
from alignment.models import (
    Actor,
    AuditEvent,
    CandidateRun,
    CategoryChange,
    EvaluationRun,
    ExportRun,
    ImportRun,
    Run,
    RunEvent,
    ScoringRun,
    User,
)

R = TypeVar("R", bound=Run)
Status, What = Run.Status, RunEvent.What
UNFINISHED = Q(status__in=[Status.WAITING, Status.RUNNING])
STALLED_AFTER = timedelta(minutes=2)
SECONDS_A_BEAT = 20.0
TASKS: dict[type[Run], str] = {
    EvaluationRun: wake_ups.EVALUATE,
    CandidateRun: wake_ups.BUILD_CANDIDATES,
    ImportRun: wake_ups.IMPORT,
    ExportRun: wake_ups.EXPORT,
    CategoryChange: wake_ups.CHANGE_CATEGORIES,
    ScoringRun: wake_ups.FOLLOW_SCORING_RUN,
}


def start(run: R) -> R:
    """Store a run and have a worker take it."""
    with transaction.atomic():
        run.save()
        note(run, What.ASKED, author=run.author)
        wake(run)
    return run


def wake(run: Run) -> None:
    wake_ups.wake(TASKS[type(run)], run.pk)


def note(run: Run, what: RunEvent.What, *, author: User | None = None, text: str = "") -> None:
    """A line of the run's own log."""
    RunEvent.objects.create(run=run.uuid, what=what, author=author, text=text[:2000])


def unfinished(kind: type[R]) -> QuerySet[R]:
    """The runs of a kind that wait or run."""
    return kind._default_manager.filter(UNFINISHED)


def events(run: Run) -> QuerySet[RunEvent]:
    """A run's log, in order."""
    return RunEvent.objects.filter(run=run.uuid).select_related("author").order_by("id")


def take(kind: type[R], run_id: int) -> R | None:
    """The run, now this worker's; None where another is at it or it is over."""
    silent = Q(status=Status.RUNNING, seen_at__lt=timezone.now() - STALLED_AFTER)
    with transaction.atomic():
        again = kind._default_manager.filter(silent, pk=run_id).exists()
        free = kind._default_manager.filter(Q(status=Status.WAITING) | silent, pk=run_id)
        mine = {"status": Status.RUNNING, "seen_at": timezone.now(), "started_at": Coalesce("started_at", Now()), "taken": F("taken") + 1}
        if not free.update(**mine):
            return None
        run = kind._default_manager.select_related("author").get(pk=run_id)
        note(run, What.TAKEN_AGAIN if again else What.TAKEN)
    return run


def _mine(run: R) -> QuerySet[R]:
    """The run, where nobody took it since: a worker that only slept may have been followed by another."""
    return type(run)._default_manager.filter(pk=run.pk, taken=run.taken)


def is_mine(run: Run) -> bool:
    """Inside the caller's transaction, during which nobody takes it."""
    return _mine(run).select_for_update(no_key=True).exists()


def tell(run: Run, **progress: Any) -> bool:
    """How far a run is, by its fields' names. False when it was cancelled, or another worker took it."""
    return _mine(run).filter(status=Status.RUNNING).update(seen_at=timezone.now(), **progress) == 1


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


def finish(run: Run, *, error: str = "", warning: str = "", **results: Any) -> bool:
    """Failed with an error, else done; a warning is kept beside what was done. False when it was cancelled, or another worker took it."""
    status = Status.FAILED if error else Status.DONE
    kept = (error or warning)[:2000]
    with transaction.atomic():
        finished = _mine(run).filter(status=Status.RUNNING).update(status=status, error=kept, finished_at=timezone.now(), **results) == 1
        if finished:
            note(run, What.FAILED if error else What.DONE, text=kept)
    return finished


def cancel(run: Run, *, by: User | None = None) -> bool:
    """Whether there was anything to cancel. What it stored stays, and scoring sets aside what still waits of it."""
    with transaction.atomic():
        unfinished = type(run)._default_manager.filter(UNFINISHED, pk=run.pk)
        if not unfinished.update(status=Status.CANCELLED, finished_at=timezone.now()):
            return False
        note(run, What.CANCELLED, author=by)
        _audit("cancel run", run, by)
        if isinstance(run, ScoringRun):
            wake(run)
    return True


def retry(run: Run, *, by: User) -> bool:
    """Have a failed or cancelled run taken again; it goes on where it stopped where its kind can. Whether it was one."""
    with transaction.atomic():
        over = type(run)._default_manager.filter(pk=run.pk, status__in=[Status.FAILED, Status.CANCELLED])
        # Sets that wait are scored by whoever claims them: a scoring run waits for no worker of its own.
        again = Status.RUNNING if isinstance(run, ScoringRun) else Status.WAITING
        if not over.update(status=again, error="", finished_at=None, seen_at=None):
            return False
        note(run, What.RETRIED, author=by)
        _audit("retry run", run, by)
        wake(run)
    return True


def _audit(action: str, run: Run, by: User | None) -> None:
    if by is not None:
        AuditEvent.objects.create(
            actor=Actor.of(by).uuid, action=action, subject=str(run)[:200], detail={"kind": run._meta.model_name, "run": str(run.uuid)}
        )


def kept_days(kind: type[Run]) -> int | None:
    """How long a run's uploaded file is kept after it ended. None for a kind that has none."""
    return {ImportRun: settings.IMPORTED_FILES_DAYS, EvaluationRun: settings.LABELLED_FILES_DAYS}.get(kind)


def file_goes_at(run: ImportRun | EvaluationRun) -> datetime | None:
    """When a run's uploaded file is deleted. None where it is gone, or the run may still read it."""
    days = kept_days(type(run))
    return run.finished_at + timedelta(days=days) if days and run.stored_path and run.finished_at and not run.unfinished else None


def delete_old_files(kind: type[ImportRun] | type[EvaluationRun]) -> None:
    """Delete the uploaded files of runs that ended long ago; the runs stay, and say so."""
    days = kept_days(kind) or 0
    over = kind._default_manager.exclude(UNFINISHED).exclude(stored_path="")
    over = over.filter(finished_at__lt=timezone.now() - timedelta(days=days))
    for run in over[:100]:
        with transaction.atomic():
            # One that somebody starts again meanwhile keeps its file.
            if over.filter(pk=run.pk).update(stored_path=""):
                Path(run.stored_path).unlink(missing_ok=True)
                note(run, What.EXPIRED)


def resume_interrupted() -> None:
    """Wake runs that wait, and those whose worker stopped telling how far it is."""
    now = timezone.now()
    waiting = Q(status=Status.WAITING, created_at__lt=now - timedelta(seconds=30))
    for kind in TASKS.keys() - {ScoringRun}:
        for run in kind._default_manager.filter(waiting | Q(status=Status.RUNNING, seen_at__lt=now - STALLED_AFTER)):
            wake(run)
