"""What a person must not learn elsewhere while they have it in hand: how a hidden check is answered, and what a first opinion joined.

A pair that is theirs as a check looks on every page as it does in their case: as one that nobody answered. The groups would tell as much,
and a first opinion too, so the listings of such a pair are in no group that they are shown until they answered.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from alignment.models import Actor, Pair, User
from review import checks
from review.models import HeldSKU, Lease


@dataclass(frozen=True)
class Secret:
    """`checks`: pairs in this person's hands as hidden checks, `checked` their listings, which seem to be in no group. `listings`: those,
    and the ones of pairs whose second opinion is theirs to give."""

    checks: frozenset[int] = frozenset()
    checked: frozenset[int] = frozenset()
    listings: frozenset[int] = frozenset()


def asked_of(user: User) -> QuerySet[Pair]:
    """The pairs that this person has in hand as checks, or for a second opinion."""
    held = HeldSKU.objects.filter(lease__reviewer=user).values("sku")
    check = Q(known__in=Lease.objects.filter(reviewer=user, check_pair__isnull=False).values("check_pair"))
    second = Q(stage=Pair.Stage.SECOND, in_review=True) & ~Q(standing__actor__in=Actor.objects.filter(user=user).values("uuid"))
    return Pair.objects.filter(check | second, left__in=held, right__in=held)


def of(user: User) -> Secret:
    """What is in this person's hands, in one query."""
    rows = list(asked_of(user).values_list("pk", "left", "right", "in_review"))
    return Secret(
        checks=frozenset(pk for pk, _left, _right, in_review in rows if not in_review),
        checked=frozenset(sku for _pk, left, right, in_review in rows if not in_review for sku in (left, right)),
        listings=frozenset(sku for _pk, left, right, _in_review in rows for sku in (left, right)),
    )


def as_asked(pair: Pair, secret: Secret) -> Pair:
    """A pair as its page shows it: one in hand as a check as if it waited for a first answer. Never saved."""
    if pair.pk not in secret.checks:
        return pair
    pair = checks.disguised(pair)
    pair.in_review, pair.route, pair.implied = True, Pair.Route.REVIEW, Pair.Implied.NOT
    return pair
