"""One verdict on many pairs at once, and what it does to groups and to other pairs: told before it is done, with nothing written."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from alignment import decisions, groups, implied
from alignment.models import Decision, Pair, User


@dataclass(frozen=True)
class Effect:
    """What an act does: pairs decided, groups made, joined to another, changed otherwise and dissolved; conflicts that arise (their pairs'
    ids), and the other open pairs that it settles.

    Groups are told by their members before and after, as a person sees them. Where an act splits and joins at once, the change feed can
    count otherwise: there an id goes by the homes of its members.
    """

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
    moved = decisions.decide_all(pairs=pairs, verdict=verdict, user=user, act=act, reject_reason=reject_reason)
    return _effect(moved, decided=len(pairs))


def foresee(*, pairs: Sequence[Pair], verdict: str, reject_reason: str = "") -> Effect:
    """What `apply` would say, with nothing written and nothing locked: exact for the log as it is read here. Raises DecisionError."""
    decisions.check_act(pairs, verdict=verdict, reject_reason=reject_reason)
    moved, units = groups.foresee(pairs, verdict)
    edges = {(pair.left_id, pair.right_id) for pair in pairs}
    rejects = edges if verdict == Decision.Verdict.REJECT else ()
    moved.settled = len(implied.closing(moved.regrouped | moved.apart, units=units, rejects=rejects) - edges)
    return _effect(moved, decided=len(pairs))


def _effect(moved: groups.Moved, *, decided: int) -> Effect:
    """A group lives on in the one that has most of its members, and is dissolved where there is none."""
    of_sku = {sku: group for group in moved.after for sku in group}
    heirs: dict[frozenset[int], list[frozenset[int]]] = defaultdict(list)
    for group in moved.before:
        if shares := Counter(of_sku[sku] for sku in group if sku in of_sku):
            heirs[min(shares, key=lambda heir: (-shares[heir], min(heir)))].append(group)
    return Effect(
        decided=decided,
        made=len(moved.after) - len(heirs),
        merged=sum(len(lived) - 1 for lived in heirs.values()),
        changed=sum(heir not in lived for heir, lived in heirs.items()),
        dissolved=len(moved.before) - sum(map(len, heirs.values())),
        conflicts=tuple(moved.conflicts),
        settled=moved.settled,
    )
