"""Accepts that stand in the log but cannot be applied: they would join what a person keeps apart."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from alignment import decisions
from alignment.models import Conflict
from review.permissions import admin_required, person


@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    found = Conflict.objects.select_related("decision", "pair__left__source", "pair__right__source").order_by("-decision_id")
    return render(request, "review/conflicts.html", {"page": Paginator(found, 50).get_page(request.GET.get("page"))})


@admin_required
@require_POST
def settle(request: HttpRequest, pair_id: int) -> HttpResponse:
    """End a conflict: these two are different products, says an admin. The log keeps both verdicts."""
    conflict = Conflict.objects.filter(pair=pair_id).first()
    if conflict is None:
        messages.info(request, _("This conflict is settled already."))
        return redirect("conflicts")
    try:
        decisions.decide(
            pair_id=pair_id, verdict="reject", user=person(request), seen_standing=conflict.decision_id, reason="settled a conflict"
        )
    except decisions.DecisionError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Settled: the two listings are different products."))
    return redirect("conflicts")
