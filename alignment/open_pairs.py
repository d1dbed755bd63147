"""Whether a person has something to decide about a pair, and the pair's place in the queue. All of it is derived; the log is the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from alignment import implied
from alignment.groups import Moved
from alignment.models import Decision, Pair, PolicyVersion

Stage, Order = Pair.Stage, PolicyVersion.Order
FOR_ADMINS = (Stage.ADJUDICATION, Stage.ESCALATED)
FIELDS = ["in_review", "stage", "implied", "languages", "priority", "order_key", "probability", "due_since", "due_at"]
FEW = 8
READ = ("left", "right", "score", "policy", "standing")
# Few columns of few rows: to make whole rows into objects takes longer than to read them. What `refresh` comes to need is added here.
LOOKED_AT = (
    *("route", "text_changed", "left__language", "right__language", "score__probability", "standing__by", "standing__verdict"),
    *(f"policy__{name}" for name in ("order", "priority", "due_hours", "accept_at", "review_at")),
)


def needs_review(pair: Pair, standing: Decision | None) -> bool:
    """Whether a person has something to decide, given what stands on the pair, if the groups do not answer in their place."""
    if standing is None:
        return pair.route == Pair.Route.REVIEW
    if standing.by == Decision.By.PERSON:
        waits = pair.stage in (Stage.SECOND, Stage.ADJUDICATION)
        return waits or pair.text_changed or standing.verdict == Decision.Verdict.UNSURE
    return False


def beside(moved: Moved, *, but: Mapping[int, Pair]) -> list[Pair]:
    """The pairs, open or but for what the groups imply, of which decisions that moved this may change that, or their place.

    Without those decided, `but`. Units that are kept apart only change what is between them, and what is ordered by what it settles.
    """
    found = {pair.pk: pair for pair in _touching(moved.regrouped, Q())}
    apart = moved.apart - moved.regrouped
    between = Q(left__in=apart, right__in=apart) if len(apart) <= implied.AT_ONCE else Q()
    if any(pair.policy is not None and pair.policy.order == Order.SETTLING for pair in but.values()):
        found |= {pair.pk: pair for pair in _touching(apart, between | Q(policy__order=Order.SETTLING))}
    elif len(but) > 1 or apart - {sku for pair in but.values() for sku in (pair.left_id, pair.right_id)}:
        # Between two SKUs alone is nothing but the one pair that was decided.
        found |= {pair.pk: pair for pair in _touching(apart, between)}
    return [pair for pair in found.values() if pair.pk not in but]


def _touching(skus: Iterable[int], which: Q) -> Iterator[Pair]:
    for chunk in implied.chunks(skus):
        pairs = Pair.objects.filter(Q(in_review=True) | ~Q(implied=""), Q(left__in=chunk) | Q(right__in=chunk), which)
        yield from pairs.select_related(*READ).only(*FIELDS, *LOOKED_AT)


def close_decided(pair: Pair) -> dict[str, Any]:
    """Take a pair on which nothing is left to decide out of the queue. Returns what changed of its place, for whoever saves it."""
    was = _place(pair)
    if not needs_review(pair, pair.standing):
        _close(pair)
    return _changed(pair, was)


def save_places(pairs: Sequence[Pair]) -> list[Pair]:
    """Refresh stored pairs, and write those whose place changed. Returns those that were open and no longer are."""
    was, open_ = {pair.pk: _place(pair) for pair in pairs}, {pair.pk for pair in pairs if pair.in_review}
    refresh(pairs)
    write(pairs, {pair.pk: _changed(pair, was[pair.pk]) for pair in pairs})
    return [pair for pair in pairs if pair.pk in open_ and not pair.in_review]


def write(pairs: Sequence[Pair], changes: Mapping[int, Mapping[str, Any]]) -> None:
    """Write what changed of each stored pair, by id. Many pairs change alike: one UPDATE for all of those, and a few in all.

    A `bulk_update` names each value of each row, which takes seconds for hundreds of pairs.
    """
    alike = _alike((pk, tuple(sorted(change.items()))) for pk, change in changes.items() if change)
    if len(alike) <= FEW:
        for change, pks in alike.items():
            Pair.objects.filter(pk__in=pks).update(**dict(change))
        return
    for name in sorted({name for change in changes.values() for name in change}):
        values = _alike((pk, change[name]) for pk, change in changes.items() if name in change)
        if len(values) <= FEW:
            for value, pks in values.items():
                Pair.objects.filter(pk__in=pks).update(**{name: value})
        else:
            Pair.objects.bulk_update([pair for pair in pairs if name in changes.get(pair.pk, ())], [name], batch_size=500)


def _alike(values: Iterable[tuple[int, Any]]) -> dict[Any, list[int]]:
    found: dict[Any, list[int]] = defaultdict(list)
    for pk, value in values:
        found[value].append(pk)
    return found


def refresh(pairs: Iterable[Pair]) -> None:
    """Open or close pairs and give them their places, from what is set on them. Saves nothing: `FIELDS` are what it touches.

    Reads each pair's standing, policy, score and both SKUs, and the groups as they are stored. A constant number of queries.
    """
    pairs, now = list(pairs), timezone.now()
    wanted = []
    for pair in pairs:
        if needs_review(pair, pair.standing):
            wanted.append(pair)
        else:
            _close(pair)
    answers = implied.answers([pair for pair in wanted if implied.answerable(pair)])
    for pair in wanted:
        pair.implied = answers.get((pair.left_id, pair.right_id), Pair.Implied.NOT)
        pair.in_review = not pair.implied
    by_settling = [pair for pair in wanted if pair.in_review and pair.policy and pair.policy.order == Order.SETTLING]
    settled = implied.settled(by_settling, unsaved=pairs)
    for pair in wanted:
        # A pair that the groups answer for now keeps its time: it comes back to its old place.
        pair.due_since = pair.due_since or now
        policy = pair.policy
        pair.due_at = pair.due_since + timedelta(hours=policy.due_hours) if policy and policy.due_hours else None
        pair.priority = policy.priority if policy else PolicyVersion.Priority.NORMAL
        pair.probability = pair.score.probability if pair.score else None
        pair.languages = "|".join(sorted((pair.left.language, pair.right.language)))
        pair.order_key = _order_key(pair, settled.get((pair.left_id, pair.right_id)))


def _close(pair: Pair) -> None:
    pair.in_review, pair.implied = False, Pair.Implied.NOT
    pair.due_since = pair.due_at = None
    pair.stage = Stage.FIRST if pair.stage == Stage.ESCALATED else pair.stage


def _order_key(pair: Pair, settles: implied.Settles | None) -> float:
    """The smallest comes first. Only pairs of one policy are compared by it; between policies the priority decides.

    By what it settles: how many other pairs its answer is expected to close, when it was opened or something beside it was last decided
    under a policy of this order too. What changes further away is not followed.
    """
    policy, score = pair.policy, pair.score.probability if pair.score else 0.0
    if settles is not None:
        return -(score * settles.same + (1 - score) * settles.different)
    if policy is not None and policy.order == Order.LIKELIEST:
        return -score
    if policy is not None and policy.order == Order.UNCERTAIN:
        return abs(score - (policy.accept_at + policy.review_at) / 2)
    if policy is not None and policy.order == Order.SETTLING:
        return 0.0
    assert pair.due_since is not None
    return pair.due_since.timestamp()


def _place(pair: Pair) -> dict[str, Any]:
    return {field: getattr(pair, field) for field in FIELDS}


def _changed(pair: Pair, was: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in _place(pair).items() if was[name] != value}
