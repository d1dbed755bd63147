"""One verdict on many pairs at once, and what it does to groups and to other pairs: told before it is done, by doing and undoing it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import Max

from alignment import decisions
from alignment.models import Conflict, Decision, GroupChange, Pair, User

Kind = GroupChange.Kind
IN_USE_BEFORE, IN_USE_AFTER = (Kind.CHANGED, Kind.MERGED, Kind.DISSOLVED), (Kind.CREATED, Kind.CHANGED, Kind.RESTORED)


@dataclass(frozen=True)
class Effect:
    """What an act does: pairs decided, groups made, joined to another, changed otherwise and dissolved; conflicts that arise (their pairs'
    ids), and the other open pairs that it settles."""

    decided: int
    made: int
    merged: int
    changed: int
    dissolved: int
    conflicts: tuple[int, ...]
    settled: int

    def told(self) -> dict[str, object]:
        return asdict(self)


def apply(*, pairs: Sequence[Pair], verdict: str, user: User, act: uuid.UUID, reject_reason: str = "") -> Effect:
    """Decide the pairs, and say what that did. Inside a transaction that holds the log. Raises DecisionError."""
    newest = Conflict.objects.aggregate(newest=Max("pk"))["newest"] or 0
    entries, settled = decisions.decide_all(pairs=pairs, verdict=verdict, user=user, act=act, reject_reason=reject_reason)
    before, after, merged = _groups(entries)
    conflicts = Conflict.objects.filter(pk__gt=newest).order_by("pair_id").values_list("pair_id", flat=True)
    return Effect(
        decided=len(entries),
        made=len(after - before),
        merged=len(merged),
        changed=len(after & before),
        dissolved=len(before - after - merged),
        conflicts=tuple(conflicts),
        settled=len(settled),
    )


def foresee(*, pairs: Sequence[Pair], verdict: str, user: User, reject_reason: str = "") -> Effect:
    """What `apply` would say, with nothing done. Inside a transaction that holds the log; the pairs are of no use afterwards."""
    with transaction.atomic():
        effect = apply(pairs=pairs, verdict=verdict, user=user, act=uuid.uuid4(), reject_reason=reject_reason)
        transaction.set_rollback(True)
    return effect


def _groups(entries: Sequence[Decision]) -> tuple[set[int], set[int], set[int]]:
    """Of the groups that these decisions touched: which had members before, which have some now, which live on in another."""
    first: dict[int, str] = {}
    last: dict[int, str] = {}
    changes = GroupChange.objects.filter(decision__in=[entry.pk for entry in entries]).order_by("decision_id", "id")
    for group, kind in changes.values_list("group_id", "kind"):
        first.setdefault(group, kind)
        last[group] = kind
    before = {group for group, kind in first.items() if kind in IN_USE_BEFORE}
    after = {group for group, kind in last.items() if kind in IN_USE_AFTER}
    return before, after, {group for group in before if last[group] == Kind.MERGED}
