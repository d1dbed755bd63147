"""One pair: both listings, what the model said, where that led, and everything that was decided."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from alignment import decisions
from alignment.models import Decision, Note, Pair
from review import checks, records
from review.permissions import admin_required, person, reviewer_required

SHOWN = (
    "left__source",
    "left__category",
    "right__source",
    "right__category",
    "category",
    "score__model",
    "reverse_score__model",
    "policy__category",
    "standing",
    "conflict",
)


@never_cache
@reviewer_required
@require_GET
def detail(request: HttpRequest, pair_id: int) -> HttpResponse:
    pair = get_object_or_404(Pair.objects.select_related(*SHOWN), pk=pair_id)
    user = person(request)
    context = records.describe_pair(pair, user)
    known = checks.known(pair) if user.is_admin and not context["is_check"] else None
    return render(request, "review/pair.html", context | {"known": known})


@admin_required
@require_POST
def known(request: HttpRequest, pair_id: int) -> HttpResponse:
    """Mix the pair in as a hidden check whose answer is the `verdict`, or, without one, no more."""
    pair, verdict = get_object_or_404(Pair.objects.select_related("left", "right"), pk=pair_id), request.POST.get("verdict", "")
    try:
        if not verdict:
            checks.retire(pair=pair, user=person(request))
            messages.success(request, _("The pair is asked as a hidden check no more."))
        else:
            checks.mark(pair=pair, verdict=verdict, user=person(request))
            messages.success(request, _("From now on the pair is a hidden check, asked of each reviewer once at most."))
    except decisions.DecisionError as error:
        messages.error(request, str(error))
    return redirect("pair", pair_id=pair_id)


@reviewer_required
@require_POST
def withdraw(request: HttpRequest, pair_id: int) -> HttpResponse:
    """Take back one's own verdict on a pair, if it still stands; an admin can take back anybody's."""
    user = person(request)
    standing = get_object_or_404(Pair.objects.select_related("standing"), pk=pair_id).standing
    if standing is None or str(standing.pk) != request.POST.get("decision"):
        messages.error(request, _("This verdict no longer stands, so there is nothing to take back."))
    elif not (user.is_admin or _is_own(standing, request)):
        messages.error(request, _("Only who gave a verdict, or an admin, can take it back."))
    else:
        try:
            decisions.withdraw(decision_id=standing.pk, user=user)
        except decisions.DecisionError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("Taken back. What stood before it stands again."))
    return redirect("pair", pair_id=pair_id)


@admin_required
@require_POST
def forget(request: HttpRequest, pair_id: int) -> HttpResponse:
    """Delete the text of one note for good."""
    wanted = request.POST.get("note", "")
    note = (
        Note.objects.filter(pk=int(wanted), decision__pair=pair_id).first()
        if wanted.isascii() and wanted.isdigit() and len(wanted) < 19
        else None
    )
    if note is None:
        messages.info(request, _("This note is forgotten already."))
    else:
        decisions.forget_note(note=note, user=person(request))
        messages.success(request, _("The note is forgotten. The log keeps that there was one."))
    return redirect("pair", pair_id=pair_id)


def _is_own(decision: Decision, request: HttpRequest) -> bool:
    actor = getattr(person(request), "actor", None)
    return actor is not None and decision.by == Decision.By.PERSON and decision.actor == actor.pk
