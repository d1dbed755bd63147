"""Which of the catalogue's own brand values may be read at the start of a title whose listing states no brand.

A shop's brand column holds words too: Premium, Home. So the catalogue is asked what a name means in its titles. Of the listings that hold
a name there and state a brand, nearly all must state this one, and some must begin with it; held in small letters it is a word like others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

from django.core.cache import cache
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from alignment import upkeep
from alignment.facts import text_of
from alignment.facts.brands import FARTHEST_START, TABLE, brand, held_names, is_made_for, named, stated
from alignment.facts.fact import Fact, fits
from alignment.facts.known import MOST_NAMES, read_again
from alignment.models import SKU, BrandName

BEGINNING_AT_LEAST = 3
LARGEST_SHARE_WRONG = 0.05
ROWS_AT_ONCE = 1000
LAST = "brand-names-last-counted"


def count() -> bool:
    """Bring the names up to date where the catalogue changed. Returns whether it was due."""
    latest = SKU.objects.aggregate(at=Max("updated_at"))["at"]
    was = cache.get(LAST)
    if was and (was["latest"] == latest or not upkeep.is_due(was["at"], seconds=was["seconds"], now=timezone.now())):
        return False
    started = time.monotonic()
    _write(_safe())
    read_again()
    cache.set(LAST, {"latest": latest, "at": timezone.now(), "seconds": time.monotonic() - started}, None)
    return True


def _write(names: set[str]) -> None:
    there = set(BrandName.objects.values_list("name", flat=True))
    if names == there:
        return
    with transaction.atomic():
        for gone in _some(sorted(there - names)):
            BrandName.objects.filter(name__in=gone).delete()
        BrandName.objects.bulk_create([BrandName(name=name) for name in sorted(names - there)], ignore_conflicts=True, batch_size=500)


def _some(names: list[str]) -> Iterator[list[str]]:
    yield from (names[start : start + 500] for start in range(0, len(names), 500))


def _safe() -> set[str]:
    stating = Counter(name for _title, _said, names in _listings() for name in names)
    names = frozenset(name for name, _count in stating.most_common(MOST_NAMES))
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    beginning: Counter[str] = Counter()
    for title, said, _names in _listings() if names else ():
        capitals = not title.islower()
        for start, end, name in held_names(title, names):
            word = capitals and start > FARTHEST_START and title[start:end].islower()
            agrees = fits(said, brand(name, name)) if said else None
            if agrees:
                right[name] += 1
                beginning[name] += start <= FARTHEST_START
            elif (agrees is False or word) and not is_made_for(title, start):
                wrong[name] += 1
    return {name for name in names if beginning[name] >= BEGINNING_AT_LEAST and wrong[name] <= LARGEST_SHARE_WRONG * right[name]}


def _listings() -> Iterator[tuple[str, Fact | None, set[str]]]:
    """Of each listing the title, the brand it states, and the names of it that no table has."""
    last = 0
    read = partial(SKU.objects.only("pk", "title", "attributes").order_by("pk").filter)
    while rows := list(read(pk__gt=last)[:ROWS_AT_ONCE]):
        for sku in rows:
            said = stated(text_of(sku))
            yield sku.title, said, {name for name in named(said.text) if name not in TABLE} if said else set()
        last = rows[-1].pk
