"""Evaluations: an upload kept, a worker woken, how far it is, what it found."""

from __future__ import annotations

import shutil
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from alignment import scoring
from alignment.models import EvaluationRun, User

Status = EvaluationRun.Status
UNFINISHED = Q(status__in=[Status.WAITING, Status.RUNNING])
STALLED_AFTER = timedelta(minutes=2)


def start(*, upload: BinaryIO, file_name: str, author: User) -> EvaluationRun:
    """Keep an upload and have a worker evaluate it."""
    folder = Path(settings.MEDIA_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    name = Path(file_name).name[-255:]
    path = folder / f"{uuid.uuid4()}{Path(name).suffix.lower()[:8]}"
    with path.open("wb") as file:
        shutil.copyfileobj(upload, file)
    with transaction.atomic():
        run = EvaluationRun.objects.create(name=name, stored_path=str(path), author=author)
        scoring.wake(scoring.EVALUATE, run.pk)
    return run


def take(run_id: int) -> EvaluationRun | None:
    """The run, now this worker's; None where another is at it or it is over. One whose worker went silent begins anew."""
    silent = Q(status=Status.RUNNING, seen_at__lt=timezone.now() - STALLED_AFTER)
    free = EvaluationRun.objects.filter(Q(status=Status.WAITING) | silent, pk=run_id)
    if not free.update(status=Status.RUNNING, seen_at=timezone.now(), sets_done=0):
        return None
    return EvaluationRun.objects.select_related("author").get(pk=run_id)


def tell(run: EvaluationRun, *, sets: int, sets_done: int) -> bool:
    """How far a run is. False when it was cancelled."""
    return (
        EvaluationRun.objects.filter(pk=run.pk, status=Status.RUNNING).update(sets=sets, sets_done=sets_done, seen_at=timezone.now()) == 1
    )


def finish(run: EvaluationRun, *, report: dict[str, Any] | None = None, error: str = "") -> None:
    status = Status.FAILED if error else Status.DONE
    EvaluationRun.objects.filter(pk=run.pk, status=Status.RUNNING).update(
        status=status, report=report, error=error[:2000], finished_at=timezone.now()
    )


def cancel(run: EvaluationRun) -> bool:
    """Whether there was anything to cancel."""
    return EvaluationRun.objects.filter(UNFINISHED, pk=run.pk).update(status=Status.CANCELLED, finished_at=timezone.now()) == 1


def resume_interrupted() -> None:
    """Wake runs that wait, and those whose worker stopped telling how far it is."""
    silent = timezone.now() - STALLED_AFTER
    waiting = Q(status=Status.WAITING, created_at__lt=timezone.now() - timedelta(seconds=30))
    for run in EvaluationRun.objects.filter(waiting | Q(status=Status.RUNNING, seen_at__lt=silent)):
        scoring.wake(scoring.EVALUATE, run.pk)
