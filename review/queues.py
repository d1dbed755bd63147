"""What waits for a person, and which case of it is theirs next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from alignment.models import Actor, CandidateSet, Decision, Pair, User
from alignment.open_pairs import FOR_ADMINS
from alignment.opinions import open_to
from review.models import HeldSKU


@dataclass(frozen=True)
class Left:
    """What one person could still be given."""

    cases: int
    pairs: int


def open_pairs(user: User, *, escalated: bool) -> QuerySet[Pair]:
    """The open pairs that this person may be shown: the admins' or the others, without those they found unsure themselves."""
    pairs = Pair.objects.filter(open_to(user), in_review=True)
    if escalated:
        return pairs.filter(stage__in=FOR_ADMINS) if user.is_admin else pairs.none()
    actor = Actor.objects.filter(user=user).values("uuid")
    mine = Decision.objects.filter(pair=OuterRef("pk"), actor__in=actor, verdict=Decision.Verdict.UNSURE, withdrawn_by__isnull=True)
    # Written as NOT (a AND b) on nullable columns it would lose the pairs on which nothing stands.
    others = Q(standing__isnull=True) | ~Q(standing__verdict=Decision.Verdict.UNSURE) | ~Exists(mine)
    return pairs.exclude(stage__in=FOR_ADMINS).filter(others)


def left(user: User, *, escalated: bool = False) -> Left:
    counted = open_pairs(user, escalated=escalated).order_by().aggregate(pairs=Count("pk"), cases=Count("query", distinct=True))
    return Left(cases=counted["cases"], pairs=counted["pairs"])


def next_query(user: User, *, escalated: bool) -> int | None:
    """The query SKU of the first case, in the queue's order, in which no SKU is held."""
    held = HeldSKU.objects.values("sku")
    touched = Pair.objects.filter(in_review=True)
    free = open_pairs(user, escalated=escalated).exclude(query__in=touched.filter(left__in=held).values("query"))
    free = free.exclude(query__in=touched.filter(right__in=held).values("query"))
    return free.order_by("-priority", "order_key", "pk").values_list("query", flat=True).first()


def why_empty(user: User, *, escalated: bool) -> dict[str, Any]:
    """What an empty queue says about where its next cases would come from."""
    if escalated:
        return {}
    waiting = CandidateSet.objects.filter(status__in=[CandidateSet.Status.PENDING, CandidateSet.Status.CLAIMED]).exists()
    return {"scoring_goes_on": waiting, "nothing_ever": not waiting and not CandidateSet.objects.exists()}
