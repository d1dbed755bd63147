"""Evaluations: an upload kept, and a worker woken."""

from __future__ import annotations

from typing import BinaryIO

from django.db import transaction

from alignment import kept_files, runs
from alignment.models import Actor, AuditEvent, EvaluationRun, User


def start(*, upload: BinaryIO, file_name: str, author: User) -> EvaluationRun:
    """Keep an upload and have a worker evaluate it."""
    path, name = kept_files.keep(upload, file_name)
    with transaction.atomic():
        run = runs.start(EvaluationRun(name=name, stored_path=str(path), author=author))
        detail = {"run": str(run.uuid)}
        AuditEvent.objects.create(actor=Actor.of(author).uuid, action="evaluate file", subject=name[:200], detail=detail)
    return run


def sweep() -> None:
    """Delete the labelled files of evaluations that ended long ago; the reports stay."""
    runs.delete_old_files(EvaluationRun)
