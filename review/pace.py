"""How fast a run goes and how long it may still take, as pages tell it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from alignment.models import Run


@dataclass(frozen=True)
class Pace:
    """`share` is 0 to 100, `seconds_left` an estimate; None where nothing is known yet."""

    done: int
    of: int | None
    per_second: float | None
    share: int | None
    seconds_left: float | None


def pace(run: Run, *, done: int, of: int | None) -> Pace:
    until = run.finished_at or timezone.now()
    seconds = (until - run.started_at).total_seconds() if run.started_at else 0.0
    per_second = done / seconds if done and seconds > 0.5 else None
    share = min(100, done * 100 // of) if of else None
    left = max(0, of - done) / per_second if of and per_second and run.unfinished else None
    return Pace(done, of, per_second, share, left)
