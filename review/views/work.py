"""My work: what a person decided, how fast and how rightly, and their history, in which they take back what can be."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from alignment import decisions, search
from alignment.models import SKU, Actor, Decision, User
from review import fragments, history, lists, work
from review.lists import Column, Filter, Sort, Text
from review.permissions import person, reviewer_required
from review.views.insights import as_csv

MOST_WORDS = 6
LOOKED_AT = 1_000
TEXTS = ("pair__left__description", "pair__right__description", "pair__left__attributes", "pair__right__attributes")


def _query(decision: Decision) -> Text:
    pair = decision.pair
    return _title(pair.left if pair.query_id == pair.left_id else pair.right)


def _candidate(decision: Decision) -> Text:
    pair = decision.pair
    return _title(pair.right if pair.query_id == pair.left_id else pair.left)


def _title(sku: SKU) -> Text:
    return Text(sku.title, sku.language)


def _pair_link(decision: Decision) -> str:
    return reverse("pair", args=[decision.pair_id])


def _reason(decision: Decision) -> str:
    return str(Decision.RejectReason(decision.reject_reason).label) if decision.reject_reason else ""


def _undo(decision: Decision) -> SafeString | str:
    if not decision.undoable:  # type: ignore[attr-defined]
        return ""
    said = _("Take back the whole bulk decision") if decision.act else _("Take back")
    return format_html('<button form="undo" name="decision" value="{}">{}</button>', decision.pk, said)


def _with_words(rows: QuerySet[Any], words: str) -> QuerySet[Any]:
    """Verdicts on a listing that holds all the words or has that id. Where there are many such listings, the last verdicts are looked at
    one by one: of those that the other filters leave, so that earlier ones are found by their days."""
    found = search.matching(words)
    if found is not None and len(found) < search.LOOKED_AT:
        return rows.filter(pair_id__among=history.pairs_of(found))
    titles = Q()
    for word in words.split()[:MOST_WORDS]:
        titles &= Q(pair__left__title__icontains=word) | Q(pair__right__title__icontains=word)
    last = rows.filter(pk__in=rows.order_by("-pk").values("pk")[:LOOKED_AT])
    return last.filter(titles | Q(pair__left__external_id=words) | Q(pair__right__external_id=words))


HISTORY = lists.List(
    name="my-work",
    columns=[
        Column("decided", gettext_lazy("When"), lambda row: row.created_at, sort="newest"),
        Column(
            "verdict",
            gettext_lazy("Verdict"),
            lambda row: row.verdict,
            shown=lambda row: f"{history.SIGNS[Decision.Verdict(row.verdict)]}\u00a0{history.VERDICTS[row.verdict]}",
        ),
        Column("query", gettext_lazy("Query"), lambda row: _query(row).text, _query, _pair_link, names_row=True),
        Column("candidate", gettext_lazy("Candidate"), lambda row: _candidate(row).text, _candidate, _pair_link),
        Column("reason", gettext_lazy("Reason"), lambda row: row.reject_reason, shown=_reason),
        Column("seconds", gettext_lazy("Seconds"), lambda row: row.seconds, on_page=False),
        Column("undo", gettext_lazy("Undo"), lambda row: "yes" if row.undoable else "", shown=_undo),
    ],
    sorts=[Sort("newest", gettext_lazy("When"), "pk")],
    first="-newest",
    filters=[
        Filter(
            "verdict",
            gettext_lazy("Verdict"),
            lambda rows, value: rows.filter(verdict=value),
            choices=lambda: [(str(verdict), title) for verdict, title in history.VERDICTS.items()],
        ),
        Filter("from", gettext_lazy("From"), lists.from_day("created_at"), kind="date"),
        Filter("to", gettext_lazy("To"), lists.to_day("created_at"), kind="date"),
        Filter("words", gettext_lazy("Words of a title, or an id"), _with_words),
    ],
)


@never_cache
@reviewer_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    user = person(request)
    actor = Actor.of(user)
    rows = Decision.objects.filter(actor=actor.uuid).select_related("pair__left", "pair__right").defer(*TEXTS)
    shape = dataclasses.replace(HISTORY, complete=partial(_mark, user))
    context: dict[str, Any] = {}
    if not fragments.wanted(request) and "as" not in request.GET:
        context = {"work": work.of(user, actor), "files": reverse("my-work") + "data/"}
    return lists.respond(request, shape, rows, template="review/work.html", context=context)


def _mark(user: User, rows: list[Decision]) -> None:
    within_reach = decisions.within_reach(user) if rows else set()
    for row in rows:
        row.undoable = row.pk in within_reach  # type: ignore[attr-defined]


@reviewer_required
@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    """Take back one of one's own last verdicts, a bulk act as a whole."""
    user, asked = person(request), request.POST.get("decision", "")
    chosen = next((decision for decision in decisions.undoable(user) if str(decision.pk) == asked), None)
    if chosen is None:
        messages.error(request, _("This verdict cannot be taken back any more: it is long ago, or somebody decided since."))
        return redirect("my-work")
    try:
        if chosen.act:
            count = len(decisions.withdraw_act(act=chosen.act, user=user).withdrawn)
        else:
            count = len([decisions.withdraw(decision_id=chosen.pk, user=user)])
    except decisions.DecisionError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, ngettext("%(count)s verdict is taken back.", "%(count)s verdicts are taken back.", count) % {"count": count}
        )
    return redirect("my-work")


@never_cache
@reviewer_required
@require_GET
def data(request: HttpRequest, name: str) -> HttpResponse:
    """One chart's table as CSV, exact."""
    user = person(request)
    chart = next((chart for chart in work.of(user, Actor.of(user)).charts if chart.name == name), None)
    if chart is None:
        raise Http404
    return as_csv(chart)
