"""The case page: one query SKU, its borderline candidates, a verdict each."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from alignment import decisions
from alignment.models import Actor, Decision, User
from alignment.open_pairs import FOR_ADMINS
from review import cases, leases, queues
from review.permissions import admin_required, person, reviewer_required


@never_cache
@reviewer_required
@require_GET
def case(request: HttpRequest) -> HttpResponse:
    return _page(request, escalated=False)


@never_cache
@admin_required
@require_GET
def escalated(request: HttpRequest) -> HttpResponse:
    return _page(request, escalated=True)


def _page(request: HttpRequest, *, escalated: bool) -> HttpResponse:
    user = person(request)
    taken = leases.take_case(user, escalated=escalated)
    return render(request, "review/case.html", _context(user, taken, escalated=escalated, current=_number(request.GET.get("pair"))))


@never_cache
@reviewer_required
@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """A verdict: {pair, verdict, seconds, note, request_id, seen_standing, escalated}. Answers with the case as it is now, or the next."""
    user, escalated = person(request), bool(request.POST.get("escalated"))
    pair_id = _number(request.POST.get("pair"))
    current, problem, status = None, "", 200
    try:
        request_id = _uuid(request.POST.get("request_id"))
        if pair_id is None:
            raise decisions.DecisionError(_("The page did not say which pair was meant. Load it again."))
        if not _repeated(user, request_id, pair_id):
            current = _decide(request, user, pair_id, request_id, escalated=escalated)
    except leases.NotHeld:
        problem, status = _("Your hold on this case had ended, so the verdict was not saved. Here is what waits for you now."), 409
    except decisions.Outdated as error:
        problem, status = _("%(why)s Nothing was saved; look at it again.") % {"why": error}, 409
    except decisions.DecisionError as error:
        problem, status, current = str(error), 422, pair_id
    taken = leases.take_case(user, escalated=escalated)
    return _answer(request, user, taken, escalated=escalated, current=current, problem=problem, status=status)


def _repeated(user: User, request_id: uuid.UUID | None, pair_id: int) -> bool:
    """Whether this very press was answered before: its case may be gone by now, and that is no fault of the person's."""
    return request_id is not None and Decision.objects.filter(request_id=request_id, pair=pair_id, actor=Actor.of(user).uuid).exists()


def _decide(request: HttpRequest, user: User, pair_id: int, request_id: uuid.UUID | None, *, escalated: bool) -> int | None:
    """Take the verdict on a pair in hand. Returns the pair to look at next."""
    with transaction.atomic():
        held = leases.pair_in_hand(user, pair_id, escalated=escalated)
        decisions.decide(
            pair_id=pair_id,
            verdict=request.POST.get("verdict", ""),
            user=user,
            seconds=_seconds(request.POST.get("seconds")),
            note=request.POST.get("note", ""),
            request_id=request_id,
            seen_standing=_number(request.POST.get("seen_standing")),
        )
    order = [pair.pk for pair in held.pairs]
    place = order.index(pair_id)
    return next(iter(order[place + 1 :] + order[:place]), None)


@never_cache
@reviewer_required
@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    """Take back this person's latest decision, and show its pair again where nobody else holds it."""
    user, escalated = person(request), bool(request.POST.get("escalated"))
    try:
        withdrawn = decisions.undo(user=user)
    except decisions.DecisionError as error:
        return _answer(request, user, leases.take_case(user, escalated=escalated), escalated=escalated, problem=str(error), status=409)
    if withdrawn is None:
        notice = _("You have nothing to undo.")
        return _answer(request, user, leases.take_case(user, escalated=escalated), escalated=escalated, notice=notice)
    pair = withdrawn.pair
    assert withdrawn.withdraws is not None
    verdict = cases.VERDICTS[withdrawn.withdraws.verdict]
    notice = _("Undone: “%(verdict)s” no longer stands.") % {"verdict": verdict}
    escalated = (pair.stage in FOR_ADMINS) and user.is_admin
    taken = leases.take_case(user, escalated=escalated, query_id=pair.query_id) if pair.in_review else None
    if taken is None or all(shown.pk != pair.pk for shown in taken.pairs):
        notice += " " + _("The pair is open again as soon as nobody else holds its listings.") if pair.in_review else ""
        taken = leases.take_case(user, escalated=escalated)
    return _answer(request, user, taken, escalated=escalated, current=pair.pk, notice=notice)


@reviewer_required
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Give the case back, so that others need not wait for the hold to expire."""
    leases.release(person(request))
    messages.info(request, _("The case is given back."))
    return redirect("scoring" if person(request).is_admin else "paused")


@reviewer_required
@require_GET
def paused(request: HttpRequest) -> HttpResponse:
    return render(request, "review/paused.html", {"left": queues.left(person(request))})


def _answer(
    request: HttpRequest,
    user: User,
    taken: leases.Case | None,
    *,
    escalated: bool,
    current: int | None = None,
    problem: str = "",
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    if not getattr(request, "htmx", False):
        if problem or notice:
            messages.add_message(request, messages.ERROR if problem else messages.INFO, problem or notice)
        return redirect("escalated" if escalated else "case")
    context = _context(user, taken, escalated=escalated, current=current) | {"problem": problem, "notice": notice}
    return render(request, "review/_case.html", context, status=status)


def _context(user: User, taken: leases.Case | None, *, escalated: bool, current: int | None = None) -> dict[str, Any]:
    context: dict[str, Any] = {"left": queues.left(user, escalated=escalated), "escalated": escalated}
    return context | (cases.describe(taken, current=current) if taken else queues.why_empty(user, escalated=escalated))


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None


def _uuid(text: str | None) -> uuid.UUID | None:
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        raise decisions.DecisionError(_("The page sent a press without a proper id. Load it again.")) from None
