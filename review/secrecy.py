"""What a person must not learn elsewhere before they answered: how a hidden check is answered, and what a first opinion joined.

A pair that may be asked of them as a check, or is in their hands as one, looks on every page as it does in their case: as one that nobody
answered. The groups would tell as much, and a first opinion too, so the listings of such a pair are in no group that they are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from alignment.models import SKU, Actor, Pair, User
from review import checks
from review.models import HeldSKU, Lease


@dataclass(frozen=True)
class Secret:
    """`checks`: pairs that are this person's hidden checks, `checked` their listings, which seem to be in no group. `listings`: those,
    and the ones of pairs whose second opinion is theirs to give."""

    checks: frozenset[int] = frozenset()
    checked: frozenset[int] = frozenset()
    listings: frozenset[int] = frozenset()


def in_hand(user: User) -> QuerySet[Pair]:
    """The pairs that this person has in hand as checks, or for a second opinion."""
    held = HeldSKU.objects.filter(lease__reviewer=user).values("sku")
    check = Q(known__in=Lease.objects.filter(reviewer=user, check_pair__isnull=False).values("check_pair"))
    second = Q(stage=Pair.Stage.SECOND, in_review=True) & ~Q(standing__actor__in=Actor.objects.filter(user=user).values("uuid"))
    return Pair.objects.filter(check | second, left__in=held, right__in=held)


def of(user: User, skus: Sequence[int] | QuerySet[SKU, Any]) -> Secret:
    """What is secret of some listings, in two queries."""
    rows = list(in_hand(user).values_list("pk", "left", "right", "in_review"))
    touching = Q(pair__left__in=skus) | Q(pair__right__in=skus)
    checked = [(pk, left, right) for pk, left, right, in_review in rows if not in_review]
    checked += checks.unanswered(user).filter(touching).values_list("pair", "pair__left", "pair__right")
    return Secret(
        checks=frozenset(pk for pk, _left, _right in checked),
        checked=frozenset(sku for _pk, left, right in checked for sku in (left, right)),
        listings=frozenset(sku for _pk, left, right, *_in_review in (*rows, *checked) for sku in (left, right)),
    )


def of_listings(user: User, *, field: str = "pk") -> Q:
    """The SKUs that are in no group that this person is shown."""
    pairs, known = in_hand(user).order_by(), checks.unanswered(user).order_by()
    sides = (pairs.values("left"), pairs.values("right"), known.values("pair__left"), known.values("pair__right"))
    return Q(*(Q(**{f"{field}__in": side}) for side in sides), _connector=Q.OR)


def listings(user: User) -> list[int]:
    """The SKUs that are in no group that this person is shown, by their ids: no planner knows how few a condition leaves."""
    pairs, known = in_hand(user).order_by(), checks.unanswered(user).order_by()
    found = pairs.values_list("left", "right").union(known.values_list("pair__left", "pair__right"))
    return sorted({sku for pair in found for sku in pair})


def as_asked(pair: Pair, secret: Secret) -> Pair:
    """A pair as its page shows it: one that is a check as if it waited for a first answer. Never saved."""
    if pair.pk not in secret.checks:
        return pair
    pair = checks.disguised(pair)
    pair.in_review, pair.route, pair.implied = True, Pair.Route.REVIEW, Pair.Implied.NOT
    return pair
