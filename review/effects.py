"""What thresholds would do to stored scores, before they are published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment import facts
from alignment.models import Category, Decision, Pair
from alignment.policies import Policies

ROUTES: dict[str, Promise] = {
    Pair.Route.WAITING: _("waiting"),
    Pair.Route.ACCEPT: _("accept"),
    Pair.Route.REVIEW: _("review"),
    Pair.Route.DISCARD: _("discard"),
}


CHECK = "check"
MOST_CHECKED = 300


@dataclass(frozen=True)
class Move:
    """So many pairs would go from one route to another."""

    was: Promise
    becomes: Promise
    pairs: int


@dataclass(frozen=True)
class Effect:
    """`unchecked`: pairs counted as accepted whose facts were not compared, so that some of them may go to people instead."""

    moves: list[Move]
    unchecked: int = 0

    @property
    def pairs(self) -> int:
        return sum(move.pairs for move in self.moves)


def moved_by(category: Category, *, accept_at: float, review_at: float, guards: Sequence[str] = ()) -> Effect:
    """Scored pairs without a person's verdict that would change their route. Both directions are read with the same thresholds.

    What guards hold back is known of the pairs that the policy in force would accept, for the kinds it guards. Of the others that would
    be accepted the first few hundred are read here.
    """
    accepted = Q(score__probability__gte=accept_at, reverse__gte=accept_at)
    held = reduce(or_, (Q(guard__contains=kind) for kind in guards), Q(pk__in=[]))
    routed = (
        _undecided(category)
        .annotate(reverse=Coalesce(F("reverse_score__probability"), F("score__probability")))
        .annotate(
            becomes=Case(
                When(accepted & held, then=Value(Pair.Route.REVIEW)),
                When(accepted & _known(category, guards), then=Value(Pair.Route.ACCEPT)),
                When(accepted, then=Value(CHECK)),
                When(score__probability__lt=review_at, reverse__lt=review_at, then=Value(Pair.Route.DISCARD)),
                default=Value(Pair.Route.REVIEW),
                output_field=CharField(),
            )
        )
    )
    counted: Counter[tuple[str, str]] = Counter()
    unchecked = 0
    for was, becomes, pairs in routed.exclude(route=F("becomes")).values_list("route", "becomes").annotate(pairs=Count("pk")).order_by():
        counted[was, Pair.Route.ACCEPT if becomes == CHECK else becomes] += pairs
        unchecked += pairs if becomes == CHECK else 0
    if unchecked:
        checked = list(routed.filter(becomes=CHECK).select_related("left", "right").order_by("pk")[:MOST_CHECKED])
        unchecked -= len(checked)
        for pair in checked:
            if facts.conflicts(facts.of(pair.left), facts.of(pair.right)) & set(guards):
                counted[pair.route, Pair.Route.ACCEPT] -= 1
                counted[pair.route, Pair.Route.REVIEW] += 1
    moves = [Move(ROUTES[was], ROUTES[becomes], pairs) for (was, becomes), pairs in sorted(counted.items()) if pairs and was != becomes]
    return Effect(moves, unchecked)


def _known(category: Category, guards: Sequence[str]) -> Q:
    """Pairs of which it is known whether these guards hold them back."""
    if not guards:
        return ~Q(pk__in=[])
    in_force = Policies().of(category.pk)
    if not set(guards) <= set(in_force.guards):
        return Q(pk__in=[])
    return Q(policy=in_force) & (Q(route=Pair.Route.ACCEPT) | ~Q(guard=""))


def _undecided(category: Category) -> QuerySet[Pair]:
    under = Policies().governed(category.pk)
    here = Q(category__in=under)
    if category.parent_id is None:
        here |= Q(category__isnull=True)
    undecided = Q(standing__isnull=True) | Q(standing__by=Decision.By.POLICY)
    return Pair.objects.filter(here, undecided, score__isnull=False).exclude(route=Pair.Route.WAITING)
