"""The names of brands that the catalogue vouches for, as a process has them in hand: see `alignment.brand_names`."""

from __future__ import annotations

import time

from alignment.models import BrandName

MOST_NAMES = 50_000
READ_EVERY_SECONDS = 60


class _Kept:
    names: frozenset[str] = frozenset()
    until = 0.0


def known_brands() -> frozenset[str]:
    """Read once a minute, and the same object as long as they are the same."""
    if time.monotonic() >= _Kept.until:
        names = frozenset(BrandName.objects.values_list("name", flat=True)[:MOST_NAMES])
        if names != _Kept.names:
            _Kept.names = names
        _Kept.until = time.monotonic() + READ_EVERY_SECONDS
    return _Kept.names


def read_again() -> None:
    """Have this process read the names when it is next asked."""
    _Kept.until = 0.0
