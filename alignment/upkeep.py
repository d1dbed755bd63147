"""What is counted beforehand, so that no page counts it: how often that may be."""

from __future__ import annotations

from datetime import datetime, timedelta

# Counting takes at most this share of the time, however large the database.
LARGEST_SHARE = 0.02


def is_due(last: datetime | None, *, seconds: float, now: datetime, never_sooner: timedelta = timedelta()) -> bool:
    """Whether to count again what was last counted then and took so many seconds."""
    return last is None or now - last >= max(never_sooner, timedelta(seconds=seconds / LARGEST_SHARE))
