"""The escalated pairs as a list, whose filters say too which of them an admin is given next."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from alignment.models import Pair, User
from review import fragments, insights, leases, lists, queues, scopes
from review.lists import Column, Filter, Sort
from review.permissions import admin_required, person
from review.views.bulk import candidate, language_pairs, listing
from review.views.skus import categories, in_category

WHY: dict[str, Promise] = {Pair.Stage.ADJUDICATION: _("two differ"), Pair.Stage.ESCALATED: _("all were unsure")}


def _there_for(rows: QuerySet[Any], why: str) -> QuerySet[Any]:
    return rows.filter(stage=why) if why in WHY else rows


ESCALATED = lists.List(
    name=scopes.ESCALATED,
    columns=[
        Column(
            "query",
            _("Query"),
            lambda pair: listing(pair.query),
            link=lambda pair: f"{reverse('escalated')}?again={pair.pk}",
            names_row=True,
        ),
        Column("candidate", _("Candidate"), lambda pair: listing(candidate(pair)), link=lambda pair: reverse("pair", args=[pair.pk])),
        Column("why", _("Why it is here"), lambda pair: pair.stage, shown=lambda pair: WHY[pair.stage]),
        Column("category", _("Category"), lambda pair: pair.category.path if pair.category else ""),
        Column("since", _("Open since"), lambda pair: pair.due_since, sort="since"),
        Column("pair", _("Pair"), lambda pair: pair.pk, sort="pair"),
    ],
    sorts=[Sort("since", _("Open since"), "due_since", filled=True), Sort("pair", _("Pair"), "pk")],
    first="since",
    filters=[
        Filter("why", _("Why it is here"), _there_for, choices=lambda: list(WHY.items())),
        Filter("category", _("Category"), in_category, suggestions=categories),
        Filter("languages", _("Languages"), lambda rows, value: rows.filter(languages=value), choices=language_pairs),
    ],
    counted=1_000,
)


@never_cache
@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    user = person(request)
    before = _filters(user)
    rows = queues.open_pairs(user, escalated=True).select_related("query", "left", "right", "category")
    answer = lists.respond(request, ESCALATED, rows, template="review/escalated.html")
    _give_back_if_other(user, before)
    return answer


def as_filtered(request: HttpRequest) -> HttpResponse | None:
    """Where the case's address says filters, or none at all: they are kept, or asked for as they were kept."""
    user = person(request)
    kept, before = lists.remembered(user, ESCALATED.name), _filters(user)
    if fragments.wanted(request):
        return None
    if "reset" in request.GET:
        lists.remember(user, ESCALATED.name, "")
        _give_back_if_other(user, before)
        return redirect("escalated")
    choice = lists.read(request, ESCALATED)
    if choice.filters or "sort" in request.GET:
        if choice.query() != kept:
            lists.remember(user, ESCALATED.name, choice.query())
            _give_back_if_other(user, before)
    elif not request.GET and kept:
        return redirect(f"{request.path}?{kept}")
    return None


def in_words(user: User) -> str:
    """What the escalated pairs are filtered by."""
    asked = scopes.asked_of_escalated(user)
    why, languages = asked.get("why", ""), asked.get("languages", "")
    said = (str(WHY.get(why, "")), asked.get("category", ""), insights.language_names(languages) if languages else "")
    return ", ".join(filter(None, said))


def _filters(user: User) -> dict[str, str]:
    return {name: value for name, value in scopes.asked_of_escalated(user).items() if name != "sort"}


def _give_back_if_other(user: User, before: dict[str, str]) -> None:
    """Whoever asks for other pairs is given those at once."""
    if _filters(user) != before:
        leases.release(user)
