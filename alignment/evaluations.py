"""Evaluations: an upload kept, and a worker woken."""

from __future__ import annotations

from typing import BinaryIO

from alignment import kept_files, runs
from alignment.models import EvaluationRun, User


def start(*, upload: BinaryIO, file_name: str, author: User) -> EvaluationRun:
    """Keep an upload and have a worker evaluate it."""
    path, name = kept_files.keep(upload, file_name)
    return runs.start(EvaluationRun(name=name, stored_path=str(path), author=author))
