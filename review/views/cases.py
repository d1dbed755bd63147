"""The case page: one query SKU, its borderline candidates, a verdict each.

A page without scripts posts a verdict and is led on. The page's own script draws the next candidate at once, asks for JSON, and
comes back to what it is told: which case is in hand, which of its pairs are open, and the case itself where that is not what it shows.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from alignment import decisions, implied, planned
from alignment.models import Actor, Decision, Pair, User
from alignment.open_pairs import FOR_ADMINS
from review import around, cases, checks, fragments, keys, leases, queues, scopes
from review.models import CheckAnswer
from review.permissions import admin_required, person, reviewer_required
from review.views import escalated as escalated_pairs


@dataclass(frozen=True)
class Told:
    """What a press is answered: whether it is kept, in words why not or what there is to know now; and what is still in hand, if known."""

    kept: bool = True
    problem: str = ""
    notice: str = ""
    status: int = 200
    current: int | None = None
    still: leases.Case | None = None


@planned.once()
@never_cache
@reviewer_required
@require_GET
def case(request: HttpRequest) -> HttpResponse:
    return _page(request, escalated=False)


@planned.once()
@never_cache
@admin_required
@require_GET
def escalated(request: HttpRequest) -> HttpResponse:
    """The escalated case in hand, or the next of those that the list of them is filtered by."""
    return escalated_pairs.as_filtered(request) or _page(request, escalated=True)


def _page(request: HttpRequest, *, escalated: bool) -> HttpResponse:
    """The case in hand, or the next. `pair` opens that candidate; `again` takes that pair's case where nobody else holds it.

    Whatever is to be written first, a lease renewed or a case claimed, is a step of its own, which leads here again.
    """
    user, current = person(request), _number(request.GET.get("pair"))
    if again := _number(request.GET.get("again")):
        return _take_again(request, user, again, escalated=escalated)
    taken, moved = leases.step_to_case(user, escalated=escalated)
    if moved:
        return redirect(request.get_full_path())
    template = "review/_case.html" if fragments.wanted(request) else "review/case.html"
    return render(request, template, _context(user, taken, escalated=escalated, current=current))


@planned.once()
@never_cache
@reviewer_required
@require_GET
def ahead(request: HttpRequest) -> HttpResponse:
    """The case after the one in hand, held already and drawn already: a fragment that the page keeps until it is needed."""
    user, escalated = person(request), bool(request.GET.get("escalated"))
    taken, moved = leases.step_to_ahead(user, escalated=escalated)
    if moved:
        return redirect(request.get_full_path())
    if taken is None:
        return HttpResponse(status=204)
    context = _where(user, escalated=escalated) | cases.describe(taken, user=user)
    return render(request, "review/_case.html", context)


@never_cache
@reviewer_required
@require_GET
def neighbours(request: HttpRequest, lease: uuid.UUID) -> HttpResponse:
    """What was decided around a case, for whoever holds it: a fragment that the page asks for when its details are opened."""
    user = person(request)
    held = leases.held_by(user, lease, escalated=bool(request.GET.get("escalated")))
    if held is None:
        return render(request, "review/_neighbours.html", {"gone": True}, status=409)
    # Of a hidden check, what is told of a case around which there is nothing.
    found = around.Neighbours() if held.is_check else around.neighbours(held.lease.query_id, held.pairs, user)
    return render(request, "review/_neighbours.html", {"neighbours": found})


@planned.once()
@never_cache
@reviewer_required
@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """A verdict: {pair, verdict, reject_reason, seconds, note, request_id, seen, seen_standing, escalated, person, shows}."""
    user, escalated = person(request), bool(request.POST.get("escalated"))
    if stranger := _stranger(request, user):
        return stranger
    pair_id = _number(request.POST.get("pair"))
    try:
        request_id = _uuid(request.POST.get("request_id"))
        if pair_id is None:
            raise decisions.DecisionError(_("The page did not say which pair was meant. Load it again."))
        try:
            told = _decide(request, user, pair_id, request_id, escalated=escalated)
        except (leases.NotHeld, decisions.DecisionError):
            if not _repeated(user, request_id, pair_id):
                raise
            told = Told()
    except leases.NotHeld:
        problem = _("Your hold on this case had ended, so the verdict was not saved. Here is what waits for you now.")
        if pair_id is not None and _decided_elsewhere(user, pair_id, escalated=escalated):
            problem = _("You decided this pair in another tab. That verdict stands, and this one was not saved.")
        told = Told(False, problem, status=409)
    except decisions.Outdated as error:
        problem = _("%(why)s Nothing was saved; look at it again.") % {"why": error}
        told = Told(False, problem, status=409, current=pair_id)
    except decisions.DecisionError as error:
        told = Told(False, str(error), status=422, current=pair_id)
    taken = told.still or leases.take_case(user, escalated=escalated, briefly=True)
    return _answer(request, user, taken, told, escalated=escalated)


def _repeated(user: User, request_id: uuid.UUID | None, pair_id: int) -> bool:
    """Whether this very press was answered before: its case may be gone by now, and that is no fault of the person's."""
    if request_id is None:
        return False
    decided = Decision.objects.filter(request_id=request_id, pair=pair_id, actor=Actor.of(user).uuid)
    return decided.exists() or checks.repeated(user, request_id, pair_id)


def _decided_elsewhere(user: User, pair_id: int, *, escalated: bool) -> bool:
    """Whether the last word on a pair that this person is asked about no more is their own. A hidden check's answer is one too."""
    if queues.open_pairs(user, escalated=escalated, of=Pair.objects.filter(pk=pair_id)).exists():
        return False
    if CheckAnswer.objects.filter(checks.GIVEN, known__pair=pair_id, reviewer=user).exists():
        return True
    last = Decision.objects.filter(pair=pair_id).order_by("pk").last()
    return last is not None and last.actor == Actor.of(user).uuid and last.verdict != Decision.Verdict.WITHDRAW


def _decide(request: HttpRequest, user: User, pair_id: int, request_id: uuid.UUID | None, *, escalated: bool) -> Told:
    try:
        return _take_verdict(request, user, pair_id, request_id, escalated=escalated)
    except leases.NotHeld:
        if _repeated(user, request_id, pair_id):
            return Told()
        # A press that waited for the connection: its hold has ended, but what was seen is still so, and nobody else came to it.
        pair = Pair.objects.select_related("left", "right").filter(pk=pair_id).first()
        if pair is None or request.POST.get("seen") != cases.seen(user, pair):
            raise
        if leases.take_case(user, escalated=escalated, query_id=pair.query_id) is None:
            raise
        return _take_verdict(request, user, pair_id, request_id, escalated=escalated)


def _take_verdict(request: HttpRequest, user: User, pair_id: int, request_id: uuid.UUID | None, *, escalated: bool) -> Told:
    """Take the verdict on a pair in hand. Tells the pair to look at next, and the score where it was hidden."""
    reason = request.POST.get("reject_reason", "")
    with transaction.atomic():
        held = leases.pair_in_hand(user, pair_id, escalated=escalated)
        pair = next(pair for pair in held.pairs if pair.pk == pair_id)
        seen = request.POST.get("seen")

        def as_seen(pair: Pair) -> bool:
            return not seen or seen == cases.seen(user, pair)

        verdict, seconds = request.POST.get("verdict", "reject" if reason else ""), _seconds(request.POST.get("seconds"))
        if held.is_check:
            decisions.check_texts(pair, as_seen)
            checks.answer(lease=held.lease, verdict=verdict, user=user, seconds=seconds, request_id=request_id)
        else:
            decisions.decide(
                pair_id=pair_id,
                verdict=verdict,
                user=user,
                seconds=seconds,
                note=request.POST.get("note", ""),
                request_id=request_id,
                seen_standing=_number(request.POST.get("seen_standing")),
                reject_reason=reason,
                as_seen=as_seen,
                savepoint=False,
            )
    # An admin's "unsure" leaves an escalated pair where it is.
    still = None if escalated else leases.remaining(held, decided=pair_id)
    order = [pair.pk for pair in cases.in_order(held.pairs)]
    place = order.index(pair_id)
    return Told(notice=cases.told(pair), current=next(iter(order[place + 1 :] + order[:place]), None), still=still)


@planned.once()
@never_cache
@reviewer_required
@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    """Take back this person's latest decision, or that of one `press`, and show its pair again where nobody else holds it."""
    user, escalated = person(request), bool(request.POST.get("escalated"))
    if stranger := _stranger(request, user):
        return stranger
    try:
        press = _uuid(request.POST.get("press"))
        if check := checks.take_back(user, press):
            notice = _("Undone: “%(verdict)s” no longer stands.") % {"verdict": cases.VERDICTS[check.verdict]}
            taken = leases.take_check(user, check.known) or leases.take_case(user, escalated=escalated)
            return _answer(request, user, taken, Told(notice=notice, current=check.known.pair_id), escalated=escalated)
        withdrawn = _take_back(user, press) if press else decisions.undo(user=user)
    except decisions.DecisionError as error:
        told = Told(False, str(error), status=409)
        return _answer(request, user, leases.take_case(user, escalated=escalated), told, escalated=escalated)
    if withdrawn is None:
        told = Told(notice="" if press else _("You have nothing to undo."))
        return _answer(request, user, leases.take_case(user, escalated=escalated), told, escalated=escalated)
    pair = withdrawn.pair
    assert withdrawn.withdraws is not None
    notice = _("Undone: “%(verdict)s” no longer stands.") % {"verdict": cases.VERDICTS[withdrawn.withdraws.verdict]}
    if withdrawn.act:
        notice = _("Undone: your latest bulk decision no longer stands.")
    escalated = (pair.stage in FOR_ADMINS) and user.is_admin
    taken = leases.take_case(user, escalated=escalated, query_id=pair.query_id) if pair.in_review else None
    if taken is None or all(shown.pk != pair.pk for shown in taken.pairs):
        if pair.in_review:
            notice += get_format("BETWEEN_SENTENCES") + _("The pair is open again as soon as nobody else holds its listings.")
        taken = leases.take_case(user, escalated=escalated)
    return _answer(request, user, taken, Told(notice=notice, current=pair.pk), escalated=escalated)


def _take_back(user: User, press: uuid.UUID) -> Decision | None:
    """End what one press decided. None when it never arrived, or no longer stands: taking it back twice is taking it back."""
    decision = Decision.objects.filter(request_id=press, actor=Actor.of(user).uuid).first()
    try:
        return decisions.withdraw(decision_id=decision.pk, user=user) if decision else None
    except decisions.Outdated:
        return None


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


def _answer(request: HttpRequest, user: User, taken: leases.Case | None, told: Told, *, escalated: bool) -> HttpResponse:
    if request.accepts("text/html") and not fragments.wanted(request):
        if told.problem or told.notice:
            messages.add_message(request, messages.ERROR if told.problem else messages.INFO, told.problem or told.notice)
        return redirect("escalated" if escalated else "case")
    if fragments.wanted(request):
        context = _context(user, taken and leases.to_draw(taken), escalated=escalated, current=told.current)
        return render(request, "review/_case.html", context | {"problem": told.problem, "notice": told.notice}, status=told.status)
    lease = str(taken.lease.uuid) if taken else ""
    answer: dict[str, Any] = {
        "kept": told.kept,
        "why": told.problem,
        "said": told.notice,
        "lease": lease,
        "open": [pair.pk for pair in taken.pairs] if taken else [],
    }
    # What a page shows is one case, none, or (another page that sends what waited) no case at all.
    if request.POST.get("shows", "*") in ("*", lease or None):
        counted = implied.settles(taken.pairs) if taken else {}
        answer["settles"] = {pair: cases.settles(counts) for pair, counts in counted.items()}
        answer["left"] = render_to_string("review/_left.html", {"left": queues.left(user, escalated=escalated)})
    else:
        context = _context(user, taken and leases.to_draw(taken), escalated=escalated, current=told.current)
        answer["html"] = render_to_string("review/_case.html", context, request)
    return JsonResponse(answer, status=told.status)


def _context(user: User, taken: leases.Case | None, *, escalated: bool, current: int | None = None) -> dict[str, Any]:
    left = queues.left(user, escalated=escalated)
    context = {"left": left} | _where(user, escalated=escalated)
    return context | (cases.describe(taken, user=user, current=current) if taken else queues.why_empty(user, left, escalated=escalated))


def _where(user: User, *, escalated: bool) -> dict[str, Any]:
    """What a case says of the queue that it is from, and its keys."""
    return {
        "escalated": escalated,
        "keys": keys.of(user),
        "work_on": None if escalated else scopes.work_on(user),
        "narrowed": escalated_pairs.in_words(user) if escalated else "",
    }


def _stranger(request: HttpRequest, user: User) -> HttpResponse | None:
    """The refusal of what another person pressed, in this browser, before this one signed in."""
    if request.POST.get("person", str(user.pk)) == str(user.pk):
        return None
    return JsonResponse({"stranger": True}, status=409)


def _take_again(request: HttpRequest, user: User, pair_id: int, *, escalated: bool) -> HttpResponse:
    pair = Pair.objects.filter(pk=pair_id, in_review=True).first()
    taken, moved = leases.step_to_case(user, escalated=escalated, query_id=pair.query_id) if pair else leases.Step()
    if moved and taken is None:
        return redirect(request.get_full_path())
    if taken is None:
        messages.info(request, _("That pair is decided meanwhile, or somebody else is at it. Here is what waits for you now."))
    return redirect(f"{request.path}?pair={pair_id}")


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
