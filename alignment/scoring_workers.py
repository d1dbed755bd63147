"""Who scores: the models that are registered, and the workers that say that they live and what they do."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from alignment.models import ScoringModel, Worker

ALIVE_FOR = timedelta(seconds=60)
MOST_WORKERS, MOST_SILENT = 500, 5


def register_model(*, name: str, revision: str, dtype: str, prompt_format: str, max_length: int, is_demo: bool) -> ScoringModel:
    return ScoringModel.objects.get_or_create(
        revision=revision, dtype=dtype, prompt_format=prompt_format, max_length=max_length, defaults={"name": name, "is_demo": is_demo}
    )[0]


def report(
    *,
    name: str,
    model: ScoringModel | None = None,
    device: str = "",
    sets_in_hand: int = 0,
    pairs: int = 0,
    pairs_per_second: float | None = None,
    memory_mb: int | None = None,
    error: str = "",
) -> None:
    """A worker says that it lives and what it does."""
    row, _created = Worker.objects.get_or_create(name=name)
    Worker.objects.filter(pk=row.pk).update(
        model=model,
        device=device,
        sets_in_hand=sets_in_hand,
        pairs_scored=F("pairs_scored") + pairs,
        error=error[:2000],
        memory_mb=memory_mb,
        seen_at=timezone.now(),
        pairs_per_second=F("pairs_per_second") if pairs_per_second is None else pairs_per_second,
    )


def alive_and_silent() -> tuple[list[Worker], list[Worker]]:
    """Those that were heard from within a minute, by name, and the latest of those that were not."""
    since = timezone.now() - ALIVE_FOR
    newest = Worker.objects.select_related("model").order_by("-seen_at")[:MOST_WORKERS]
    heard = sorted((worker for worker in newest if worker.seen_at >= since), key=lambda worker: worker.name)
    return heard, [worker for worker in newest if worker.seen_at < since][:MOST_SILENT]


def alive() -> list[Worker]:
    return alive_and_silent()[0]
