"""One person: what they decided, how fast, and when they were last here. For admins, and for themselves."""

from __future__ import annotations

from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.db.models import Avg, Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from alignment import opinions
from alignment.models import Actor, Decision, User
from review import history
from review.permissions import person, reviewer_required

MOST_LINES = 50
# Longer than this nobody looks at one pair: they went away.
LONGEST_LOOK = 600


@never_cache
@reviewer_required
@require_GET
def detail(request: HttpRequest, user_id: int) -> HttpResponse:
    me = person(request)
    if not me.is_admin and me.pk != user_id:
        raise PermissionDenied(_("This page is for admins."))
    shown = get_object_or_404(User, pk=user_id)
    mine = Decision.objects.filter(actor__in=list(Actor.objects.filter(user=shown).values_list("pk", flat=True)))
    week = timezone.now() - timedelta(days=7)
    given = mine.exclude(verdict=Decision.Verdict.WITHDRAW)
    counts = given.aggregate(
        decided=Count("pk"),
        week=Count("pk", filter=Q(created_at__gte=week)),
        same=Count("pk", filter=Q(verdict=Decision.Verdict.ACCEPT)),
        different=Count("pk", filter=Q(verdict=Decision.Verdict.REJECT)),
        unsure=Count("pk", filter=Q(verdict=Decision.Verdict.UNSURE)),
        pace=Avg("seconds", filter=Q(seconds__lte=LONGEST_LOOK)),
        last=Max("created_at"),
    )
    seen = opinions.visible_to(me).filter(pk__in=list(mine.order_by("-pk").values_list("pk", flat=True)[:MOST_LINES]))
    seen = seen.select_related("pair__left__source", "pair__right__source", "policy__category", "withdraws").order_by("-pk")
    found = list(seen)
    lines = history.lines(found, standing=[decision.pair.standing_id for decision in found])
    return render(request, "review/person.html", {"shown": shown, "counts": counts, "lines": lines})
