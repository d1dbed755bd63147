"""What was decided, as pages tell it: who, when, how long they looked, why; and what nobody may see before they decided themselves."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet, prefetch_related_objects
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment import opinions
from alignment.models import Actor, Decision, Note, Pair, User

VERDICTS: dict[str, Promise] = {
    Decision.Verdict.ACCEPT: _("Same"),
    Decision.Verdict.REJECT: _("Different"),
    Decision.Verdict.UNSURE: _("Unsure"),
    Decision.Verdict.WITHDRAW: _("Taken back"),
}
SIGNS = {
    Decision.Verdict.ACCEPT: "=",
    Decision.Verdict.REJECT: "≠",
    Decision.Verdict.UNSURE: "?",
    Decision.Verdict.WITHDRAW: "↶",
}
REASONS: dict[str, Promise] = {
    "text changed": _("the text changed"),
    "new route": _("it was routed anew"),
    "guarded": _("the facts of its listings conflict"),
    "settled a conflict": _("settled a conflict"),
    opinions.SECOND: _("second opinion"),
    opinions.ADJUDICATION: _("adjudication"),
    opinions.ESCALATION: _("escalated"),
    opinions.BULK: _("in bulk"),
}
SOMEONE = _("someone who left")


@dataclass(frozen=True)
class Line:
    """One decision as a page tells it. `user` is None for a policy and for someone who left."""

    decision: Decision
    verdict: Promise
    sign: str
    user: User | None
    reasons: list[Promise | str]
    note: Note | None
    stands: bool = False

    @property
    def by_policy(self) -> bool:
        return self.decision.by == Decision.By.POLICY


def people(actors: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, User]:
    """The accounts behind opaque ids; who left is not among them."""
    wanted = {actor for actor in actors if actor}
    found = Actor.objects.select_related("user").filter(pk__in=wanted, user__isnull=False) if wanted else []
    return {actor.pk: actor.user for actor in found if actor.user}


def lines(
    decisions: QuerySet[Decision] | Sequence[Decision],
    *,
    standing: Iterable[int | None] = (),
    users: dict[uuid.UUID, User] | None = None,
) -> list[Line]:
    """Decisions as lines, in the order given; `standing` are the ids of those in force, `users` their makers where they are known already.
    One query for those beside their own, and one for notes that were not read along."""
    if isinstance(decisions, QuerySet):
        decisions = list(decisions.select_related("policy__category", "withdraws", "note"))
    makers = people(decision.actor for decision in decisions) if users is None else users
    prefetch_related_objects([decision for decision in decisions if decision.note_hash], "note")
    in_force = {pk for pk in standing if pk}
    return [
        Line(
            decision=decision,
            verdict=VERDICTS[decision.verdict],
            sign=SIGNS[Decision.Verdict(decision.verdict)],
            user=makers.get(decision.actor) if decision.actor else None,
            reasons=_reasons(decision),
            # A note that was forgotten leaves its hash.
            note=getattr(decision, "note", None) if decision.note_hash else None,
            stands=decision.pk in in_force,
        )
        for decision in decisions
    ]


def pairs_of(skus: Sequence[int]) -> list[int]:
    """The pairs of some listings, by their ids, known before a log of millions is read: joined to it, it would be read whole."""
    touching = Q(left_id__among=skus) | Q(right_id__among=skus)
    return list(Pair.objects.filter(touching).values_list("pk", flat=True)) if skus else []


def hidden(pairs: Sequence[Pair], user: User) -> set[int]:
    """Pairs whose first verdict this person must not see: a second opinion is wanted, and the first was not theirs.

    Admins are no exception, since any of them may be the one who gives it: as `opinions.visible_to`.
    """
    waiting = {pair.pk: pair.standing_id for pair in pairs if pair.stage == Pair.Stage.SECOND}
    if not waiting:
        return set()
    mine = Actor.objects.filter(user=user).values("pk")
    own = set(Decision.objects.filter(pk__in=[pk for pk in waiting.values() if pk], actor__in=mine).values_list("pair_id", flat=True))
    return waiting.keys() - own


def blind(pairs: Sequence[Pair], user: User) -> set[int]:
    """Pairs whose scores this person must not see before their verdict: their policy says so. Reads each pair's policy."""
    open_ = [pair.pk for pair in pairs if pair.in_review and pair.policy and pair.policy.blind]
    return set(open_) - _decided(open_, user) if open_ and not user.is_admin else set()


def _decided(pair_ids: Sequence[int], user: User) -> set[int]:
    mine = Actor.objects.filter(user=user).values("pk")
    return set(Decision.objects.filter(pair__in=pair_ids, actor__in=mine).values_list("pair_id", flat=True))


def _reasons(decision: Decision) -> list[Promise | str]:
    found: list[Promise | str] = []
    if decision.reject_reason:
        found.append(Decision.RejectReason(decision.reject_reason).label)
    if decision.reason:
        found.append(REASONS.get(decision.reason, decision.reason))
    return found
