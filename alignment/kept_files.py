"""Files that people send, kept on disk under names of our own until a worker reads them."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import BinaryIO

from django.conf import settings


def keep(upload: BinaryIO, file_name: str) -> tuple[Path, str]:
    """Put an upload on disk under a name of our own. Returns its path, and its name without folders."""
    folder = Path(settings.MEDIA_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    name = Path(file_name).name[-255:]
    path = folder / f"{uuid.uuid4()}{Path(name).suffix.lower()[:8]}"
    with path.open("wb") as file:
        shutil.copyfileobj(upload, file)
    return path, name
