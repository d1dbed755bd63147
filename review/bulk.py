"""Bulk decisions as people make them: which pairs can be taken, what is left out and why, and a preview that binds what it showed."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment import bulk, decisions, facts, implied, logbook
from alignment.models import Decision, Pair, User
from review.models import HeldSKU

MOST_PAIRS = 500
EXAMPLES = 10
WHY: dict[str, Promise] = {
    "changed": _("closed or moved on since the list was read"),
    "held": _("somebody else holds one of the listings"),
    "facts": _("the facts of the two listings differ"),
    "reason": _("their policy asks why they are different"),
}


@dataclass(frozen=True)
class LeftOut:
    """So many pairs are not decided, and why."""

    why: Promise
    pairs: int


@dataclass(frozen=True)
class Preview:
    """What an act would do. `digest` stands for all of it: the act is done only while it is still true."""

    verdict: str
    reject_reason: str
    pairs: list[int]
    left_out: list[LeftOut]
    effect: bulk.Effect
    examples: list[Pair]
    conflicts: list[Pair]
    digest: str


@dataclass(frozen=True)
class Done:
    """An act that was done."""

    act: uuid.UUID
    effect: bulk.Effect


def without_conflicting_facts(pair_ids: Sequence[int]) -> list[int]:
    """The pairs whose two listings state nothing that cannot both be true of one product."""
    found = Pair.objects.select_related("left", "right").filter(pk__in=pair_ids).in_bulk()
    return [pk for pk in pair_ids if pk in found and not facts.conflicts(facts.of(found[pk].left), facts.of(found[pk].right))]


def preview(*, pair_ids: Sequence[int], verdict: str, user: User, reject_reason: str = "", agreeing: bool = False) -> Preview:
    """What one verdict on these pairs would do: done and undone, so that it is exact. `agreeing`: only where no facts differ.

    Raises DecisionError.
    """
    asked = list(dict.fromkeys(pair_ids))[:MOST_PAIRS]
    kept = without_conflicting_facts(asked) if agreeing else asked
    with transaction.atomic():
        logbook.lock()
        pairs, left_out = _takeable(kept, verdict=verdict, user=user, reject_reason=reject_reason)
        seen = _seen(pairs)
        effect = bulk.foresee(pairs=pairs, verdict=verdict, user=user, reject_reason=reject_reason)
    if len(kept) < len(asked):
        left_out.append(LeftOut(WHY["facts"], len(asked) - len(kept)))
    ids = [pair.pk for pair in pairs]
    return Preview(
        verdict=verdict,
        reject_reason=reject_reason,
        pairs=ids,
        left_out=left_out,
        effect=effect,
        examples=_examples(pairs, verdict),
        conflicts=_shown(effect.conflicts[:EXAMPLES]),
        digest=_digest(verdict, reject_reason, seen, effect),
    )


def decide(*, pair_ids: Sequence[int], verdict: str, user: User, digest: str, reject_reason: str = "") -> Done | Preview:
    """Do what a preview showed. Where anything is another than it said, nothing is done and the preview as it is now comes back.

    Raises DecisionError.
    """
    act = uuid.uuid4()
    with transaction.atomic():
        logbook.lock()
        pairs, left_out = _takeable(pair_ids[:MOST_PAIRS], verdict=verdict, user=user, reject_reason=reject_reason)
        seen = _seen(pairs)
        effect = bulk.apply(pairs=pairs, verdict=verdict, user=user, act=act, reject_reason=reject_reason)
        same = bool(pairs) and not left_out and _digest(verdict, reject_reason, seen, effect) == digest
        if not same:
            transaction.set_rollback(True)
    if same:
        return Done(act, effect)
    return preview(pair_ids=pair_ids, verdict=verdict, user=user, reject_reason=reject_reason)


def _takeable(pair_ids: Sequence[int], *, verdict: str, user: User, reject_reason: str) -> tuple[list[Pair], list[LeftOut]]:
    """The pairs that can be decided now, locked, and why the others cannot."""
    held = HeldSKU.objects.filter(lease__expires_at__gt=timezone.now()).exclude(lease__reviewer=user)
    locked = decisions.for_update(pair_ids)
    taken = set(held.filter(sku__in={sku for pair in locked for sku in (pair.left_id, pair.right_id)}).values_list("sku", flat=True))
    pairs, left_out = [], Counter({"changed": len(set(pair_ids)) - len(locked)})
    for pair in locked:
        if not pair.in_review or pair.stage not in implied.ASKED:
            left_out["changed"] += 1
        elif pair.left_id in taken or pair.right_id in taken:
            left_out["held"] += 1
        elif verdict == Decision.Verdict.REJECT and not reject_reason and decisions.asks_reject_reason(pair):
            left_out["reason"] += 1
        else:
            pairs.append(pair)
    return pairs, [LeftOut(WHY[why], count) for why, count in left_out.items() if count]


def _seen(pairs: Iterable[Pair]) -> list[tuple[object, ...]]:
    """What a person looked at: each pair, what stands on it, and both texts."""
    return [(pair.pk, pair.standing_id, pair.left.text_hash, pair.right.text_hash) for pair in pairs]


def _digest(verdict: str, reject_reason: str, seen: list[tuple[object, ...]], effect: bulk.Effect) -> str:
    return hashlib.sha256(json.dumps([verdict, reject_reason, seen, effect.told()]).encode()).hexdigest()


def _examples(pairs: Sequence[Pair], verdict: str) -> list[Pair]:
    """The likeliest to be wrong: what the model holds least for the verdict."""
    sign = 1 if verdict == Decision.Verdict.ACCEPT else -1
    doubtful = sorted(pairs, key=lambda pair: (sign * (pair.score.probability if pair.score else 0.0), pair.pk))
    shown = {pair.pk: pair for pair in _shown([pair.pk for pair in doubtful[:EXAMPLES]])}
    return [shown[pair.pk] for pair in doubtful[:EXAMPLES]]


def _shown(pair_ids: Sequence[int]) -> list[Pair]:
    return list(Pair.objects.select_related("left__source", "right__source", "score").filter(pk__in=pair_ids).order_by("pk"))
