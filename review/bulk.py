"""Bulk decisions as people make them: which pairs can be taken, what is left out and why, and a preview that binds what it showed."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alignment import bulk, decisions, facts, implied, logbook
from alignment.models import Actor, Decision, Pair, User
from review.models import HeldSKU

MOST_PAIRS = 150
EXAMPLES = 10
READ = (
    *("left", "right", "query", "standing", "in_review", "stage", "probability"),
    *("left__text_hash", "right__text_hash", "policy__reasons"),
)
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
    """An act that was done: now, or (without an effect) when its form was sent before."""

    effect: bulk.Effect | None


def preview(*, found: Sequence[Pair], asked: int, verdict: str, user: User, reject_reason: str = "", agreeing: bool = False) -> Preview:
    """What one verdict on pairs that were `read` would do, exact for the log as it is; so many were asked for. `agreeing`: only where no
    facts differ.

    Nothing is locked, so that nobody's verdict waits for it: the act itself looks again. Raises DecisionError.
    """
    # In the act's own order, whatever that of the list is: accepts join in it.
    found = sorted(found, key=lambda pair: pair.pk)
    kept = [pair for pair in found if not agreeing or _agree(pair)]
    pairs, left_out = _takeable(kept, user=user, verdict=verdict, reject_reason=reject_reason)
    left_out.update(changed=asked - len(found), facts=len(found) - len(kept))
    effect = bulk.foresee(pairs=pairs, verdict=verdict, reject_reason=reject_reason)
    examples, conflicts = _doubtful(pairs, verdict)[:EXAMPLES], effect.conflicts[:EXAMPLES]
    shown = Pair.objects.select_related("left__source", "right__source", "score").in_bulk({*examples, *conflicts})
    return Preview(
        verdict=verdict,
        reject_reason=reject_reason,
        pairs=[pair.pk for pair in pairs],
        left_out=[LeftOut(WHY[why], count) for why, count in left_out.items() if count],
        effect=effect,
        examples=[shown[pk] for pk in examples],
        conflicts=[shown[pk] for pk in conflicts],
        digest=_digest(verdict, reject_reason, _seen(pairs), effect),
    )


def decide(*, act: uuid.UUID, pair_ids: Sequence[int], verdict: str, user: User, digest: str, reject_reason: str = "") -> Done | Preview:
    """Do what a preview showed, once. Where anything is another than it said, nothing is done and the preview as it is now comes back.

    Raises DecisionError.
    """
    asked = set(pair_ids[:MOST_PAIRS])
    with transaction.atomic():
        logbook.lock()
        if made := Decision.objects.filter(act=act).first():
            if made.actor != Actor.of(user).uuid:
                raise decisions.DecisionError(gettext("This press was already used for another verdict."))
            return Done(None)
        pairs, _left_out = _takeable(decisions.for_update(asked), verdict=verdict, user=user, reject_reason=reject_reason)
        seen = _seen(pairs)
        effect = bulk.apply(pairs=pairs, verdict=verdict, user=user, act=act, reject_reason=reject_reason)
        same = len(pairs) == len(asked) > 0 and _digest(verdict, reject_reason, seen, effect) == digest
        if not same:
            transaction.set_rollback(True)
    if same:
        return Done(effect)
    return preview(
        found=list(read(Pair.objects.filter(pk__in=asked))), asked=len(asked), verdict=verdict, user=user, reject_reason=reject_reason
    )


def read(pairs: QuerySet[Pair], *, texts: bool = False) -> QuerySet[Pair]:
    """Pairs with what a preview is made of; the whole `texts` of their listings only where they are compared."""
    found = pairs.select_related(None).select_related("left", "right", "policy")
    return found if texts else found.only(*READ)


def _agree(pair: Pair) -> bool:
    """Whether the two listings state nothing that cannot both be true of one product."""
    return not facts.conflicts(facts.of(pair.left), facts.of(pair.right))


def _takeable(found: Sequence[Pair], *, verdict: str, user: User, reject_reason: str) -> tuple[list[Pair], Counter[str]]:
    """Those of the pairs that can be decided now, and for which reason (see WHY) how many others cannot."""
    held = HeldSKU.objects.filter(lease__expires_at__gt=timezone.now()).exclude(lease__reviewer=user)
    taken = set(held.filter(sku_id__among={sku for pair in found for sku in (pair.left_id, pair.right_id)}).values_list("sku", flat=True))
    pairs, left_out = [], Counter[str]()
    for pair in found:
        if not pair.in_review or pair.stage not in implied.ASKED:
            left_out["changed"] += 1
        elif pair.left_id in taken or pair.right_id in taken:
            left_out["held"] += 1
        elif verdict == Decision.Verdict.REJECT and not reject_reason and decisions.asks_reject_reason(pair):
            left_out["reason"] += 1
        else:
            pairs.append(pair)
    return pairs, left_out


def _seen(pairs: Iterable[Pair]) -> list[tuple[object, ...]]:
    """What a person looked at: each pair, what stands on it, and both texts."""
    return [(pair.pk, pair.standing_id, pair.left.text_hash, pair.right.text_hash) for pair in pairs]


def _digest(verdict: str, reject_reason: str, seen: list[tuple[object, ...]], effect: bulk.Effect) -> str:
    return hashlib.sha256(json.dumps([verdict, reject_reason, seen, effect.told()]).encode()).hexdigest()


def _doubtful(pairs: Sequence[Pair], verdict: str) -> list[int]:
    """The pairs' ids, the likeliest to be wrong first: what the model holds least for the verdict."""
    sign = 1 if verdict == Decision.Verdict.ACCEPT else -1
    return [pair.pk for pair in sorted(pairs, key=lambda pair: (sign * (pair.probability or 0.0), pair.pk))]
