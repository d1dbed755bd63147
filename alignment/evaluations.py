"""Evaluations: an upload kept, and a worker woken."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from alignment import runs
from alignment.models import EvaluationRun, User


def start(*, upload: BinaryIO, file_name: str, author: User) -> EvaluationRun:
    """Keep an upload and have a worker evaluate it."""
    folder = Path(settings.MEDIA_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    name = Path(file_name).name[-255:]
    path = folder / f"{uuid.uuid4()}{Path(name).suffix.lower()[:8]}"
    with path.open("wb") as file:
        shutil.copyfileobj(upload, file)
    return runs.start(EvaluationRun(name=name, stored_path=str(path), author=author))
