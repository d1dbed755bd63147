"""What thresholds would do to stored scores, before they are published."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment.models import Category, Decision, Pair
from alignment.policies import Policies

ROUTES: dict[str, Promise] = {
    Pair.Route.WAITING: _("waiting"),
    Pair.Route.ACCEPT: _("accept"),
    Pair.Route.REVIEW: _("review"),
    Pair.Route.DISCARD: _("discard"),
}


@dataclass(frozen=True)
class Move:
    """So many pairs would go from one route to another."""

    was: Promise
    becomes: Promise
    pairs: int


def moved_by(category: Category, *, accept_at: float, review_at: float) -> list[Move]:
    """Scored pairs without a person's verdict that would change their route. Both directions are read with the same thresholds."""
    routed = (
        _undecided(category)
        .annotate(reverse=Coalesce(F("reverse_score__probability"), F("score__probability")))
        .annotate(
            becomes=Case(
                When(score__probability__gte=accept_at, reverse__gte=accept_at, then=Value(Pair.Route.ACCEPT)),
                When(score__probability__lt=review_at, reverse__lt=review_at, then=Value(Pair.Route.DISCARD)),
                default=Value(Pair.Route.REVIEW),
                output_field=CharField(),
            )
        )
    )
    counted = routed.exclude(route=F("becomes")).values_list("route", "becomes").annotate(pairs=Count("pk")).order_by("route", "becomes")
    return [Move(ROUTES[was], ROUTES[becomes], pairs) for was, becomes, pairs in counted]


def _undecided(category: Category) -> QuerySet[Pair]:
    under = Policies().governed(category.pk)
    here = Q(category__in=under)
    if category.parent_id is None:
        here |= Q(category__isnull=True)
    undecided = Q(standing__isnull=True) | Q(standing__by=Decision.By.POLICY)
    return Pair.objects.filter(here, undecided, score__isnull=False).exclude(route=Pair.Route.WAITING)
