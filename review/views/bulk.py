"""Bulk decisions: a filtered list of open pairs, what one verdict on all of them would do, the act, and the way back."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import get_format
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from alignment import catalogue, decisions, implied, opinions
from alignment.models import SKU, AuditEvent, Decision, Pair
from review import bulk, history, insights, keyset, lists
from review.lists import Column, Filter, Sort, Text
from review.permissions import admin_required, person
from review.templatetags.listings import language, score
from review.views.skus import categories, in_category, of_source, sources

RECENT = 5
SHOWN = 50
TEXTS = ("left__description", "right__description", "left__attributes", "right__attributes")
VERDICTS = (Decision.Verdict.ACCEPT, Decision.Verdict.REJECT)


def language_pairs() -> list[tuple[str, str]]:
    codes = sorted(catalogue.languages())
    named = [(f"{one}|{other}", f"{language(one)} – {language(other)}") for place, one in enumerate(codes) for other in codes[place:]]
    return sorted(named, key=lambda pair: pair[1])


def _score(bound: str) -> Any:
    def narrow(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        try:
            limit = float(value.replace(",", "."))
        except ValueError:
            return rows
        return rows.filter(**{f"probability__{bound}": limit}) if 0 <= limit <= 1 else rows

    return narrow


def _same_gtin(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    return rows.filter(same_gtin=value == "same")


def listing(sku: Any) -> Text:
    return Text(sku.title, sku.language)


def query(pair: Pair) -> SKU:
    return pair.left if pair.query_id == pair.left_id else pair.right


def candidate(pair: Pair) -> SKU:
    return pair.right if pair.query_id == pair.left_id else pair.left


OPEN = lists.List(
    name="open-pairs",
    columns=[
        Column(
            "query",
            gettext_lazy("Query"),
            lambda pair: listing(query(pair)),
            link=lambda pair: reverse("pair", args=[pair.pk]),
            names_row=True,
        ),
        Column("candidate", gettext_lazy("Candidate"), lambda pair: listing(candidate(pair))),
        Column("sources", gettext_lazy("Sources"), lambda pair: f"{query(pair).source.name} / {candidate(pair).source.name}"),
        Column(
            "score",
            gettext_lazy("Score"),
            lambda pair: pair.score.probability if pair.score else None,
            shown=lambda pair: score(pair.score.probability if pair.score else None),
        ),
        Column("category", gettext_lazy("Category"), lambda pair: pair.category.path if pair.category else ""),
        Column("since", gettext_lazy("Open since"), lambda pair: pair.due_since),
        Column("pair", gettext_lazy("Pair"), lambda pair: pair.pk, sort="pair"),
    ],
    sorts=[Sort("pair", gettext_lazy("Pair"), "pk")],
    first="pair",
    filters=[
        Filter("category", gettext_lazy("Category"), in_category, suggestions=categories),
        Filter("languages", gettext_lazy("Languages"), lambda rows, value: rows.filter(languages=value), choices=language_pairs),
        Filter(
            "source",
            gettext_lazy("Source"),
            lambda rows, value: of_source(rows, value, "left__source", "right__source"),
            choices=sources,
        ),
        Filter("score_from", gettext_lazy("Score from"), _score("gte")),
        Filter("score_to", gettext_lazy("Score to"), _score("lte")),
        Filter(
            "gtin",
            gettext_lazy("GTIN"),
            _same_gtin,
            choices=lambda: [("same", gettext_lazy("the same GTIN")), ("other", gettext_lazy("not the same"))],
        ),
        Filter(
            "guard",
            gettext_lazy("Guard"),
            lambda rows, value: rows.exclude(guard="") if value == "guarded" else rows.filter(guard=""),
            choices=lambda: [("guarded", gettext_lazy("kept from accept by facts")), ("free", gettext_lazy("not kept"))],
        ),
    ],
    counted=bulk.MOST_PAIRS,
)


def _open() -> QuerySet[Pair]:
    """What can be decided in bulk: whatever waits for a first verdict, or for an admin after everybody was unsure."""
    read = ("left__source", "right__source", "category", "score")
    return Pair.objects.filter(in_review=True, stage__in=implied.ASKED).select_related(*read)


@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    context = {"reasons": Decision.RejectReason.choices, "most": bulk.MOST_PAIRS, "recent": _recent()}
    return lists.respond(request, OPEN, _open().defer(*TEXTS), template="review/bulk.html", context=context)


@never_cache
@admin_required
@require_GET
def preview(request: HttpRequest) -> HttpResponse:
    """What one verdict would do to the first pairs of the filtered list: {its filters, verdict, reject_reason, agreeing (for accept)}."""
    choice = lists.read(request, OPEN)
    verdict = request.GET.get("verdict", "")
    # Differing facts speak for “different”: it would lose its surest pairs.
    agreeing = bool(request.GET.get("agreeing")) and verdict == Decision.Verdict.ACCEPT
    rows = [bulk.read(rows, texts=agreeing) for rows in lists.narrowed(OPEN, choice, [_open()])]
    found = [pair for _key, pair in keyset.walk(rows, field=choice.sort.field, descending=choice.descending, size=bulk.MOST_PAIRS + 1)]
    asked = found[: bulk.MOST_PAIRS]
    try:
        shown = bulk.preview(
            found=asked,
            asked=len(asked),
            verdict=verdict,
            user=person(request),
            reject_reason=request.GET.get("reject_reason", "") if verdict == Decision.Verdict.REJECT else "",
            agreeing=agreeing,
        )
    except decisions.DecisionError as error:
        messages.error(request, str(error))
        return redirect(f"{reverse('bulk')}?{choice.query()}")
    return _preview(request, shown, choice.query(), filters=_filtered(choice), more=len(found) > len(asked))


@never_cache
@admin_required
@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Do what a preview showed: {act, pairs, verdict, reject_reason, digest}. If anything changed meanwhile, it is shown again instead."""
    post = request.POST
    act = _act(post.get("act", ""))
    try:
        done = bulk.decide(
            act=act,
            pair_ids=_ids(post.get("pairs", "")),
            verdict=post.get("verdict", ""),
            user=person(request),
            digest=post.get("digest", ""),
            reject_reason=post.get("reject_reason", ""),
        )
    except decisions.DecisionError as error:
        messages.error(request, str(error))
        return redirect("bulk")
    if isinstance(done, bulk.Preview):
        return _preview(request, done, "", changed=True, status=409)
    if done.effect:
        messages.success(request, _decided(done.effect.decided))
    return redirect("bulk-act", act=act)


@never_cache
@admin_required
@require_GET
def act(request: HttpRequest, act: uuid.UUID) -> HttpResponse:
    made = Decision.objects.filter(act=act).exclude(verdict=Decision.Verdict.WITHDRAW)
    first = made.first()
    if first is None:
        raise Http404
    read = ("pair__left__source", "pair__right__source", "pair__score")
    rows = list(made.select_related(*read).order_by("pk")[:SHOWN])
    return render(
        request,
        "review/bulk_act.html",
        {
            "act": act,
            "line": history.lines([first])[0],
            "pairs": [(decision.pair, _query_first(decision.pair)) for decision in rows],
            "count": made.count(),
            "undoable": made.filter(opinions.latest()).count(),
            "undone": made.filter(withdrawn_by__isnull=False).count(),
            "settled": _settled(act),
        },
    )


@admin_required
@require_POST
def undo(request: HttpRequest, act: uuid.UUID) -> HttpResponse:
    """Take the whole act back, as far as it still stands."""
    try:
        undone = decisions.withdraw_act(act=act, user=person(request))
    except decisions.Outdated as error:
        messages.info(request, str(error))
        return redirect("bulk-act", act=act)
    except decisions.DecisionError as error:
        messages.error(request, str(error))
        return redirect("bulk")
    count, left = len(undone.withdrawn), undone.left
    said = ngettext("%(count)s verdict is taken back.", "%(count)s verdicts are taken back.", count) % {"count": count}
    if left:
        said += get_format("BETWEEN_SENTENCES") + ngettext(
            "%(count)s was left: it was taken back before, or somebody decided that pair since.",
            "%(count)s were left: they were taken back before, or somebody decided those pairs since.",
            left,
        ) % {"count": left}
    messages.success(request, said)
    return redirect("bulk-act", act=act)


def _filtered(choice: lists.Choice) -> list[tuple[str, str]]:
    """What the list is filtered by, in words."""
    found = []
    for one in OPEN.filters:
        if value := choice.filters.get(one.name):
            words = dict(one.choices()) if one.choices and one.name in ("gtin", "guard") else {}
            said = insights.language_names(value) if one.name == "languages" else words.get(value, value)
            found.append((str(one.title), str(said)))
    return found


def _preview(
    request: HttpRequest,
    shown: bulk.Preview,
    query: str,
    *,
    filters: Sequence[tuple[str, str]] = (),
    more: bool = False,
    changed: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "filters": filters,
        "preview": shown,
        "act": uuid.uuid4(),
        "effect": shown.effect,
        "examples": [(pair, _query_first(pair)) for pair in shown.examples],
        "conflicts": [(pair, _query_first(pair)) for pair in shown.conflicts],
        "verdict": history.VERDICTS[shown.verdict],
        "sign": history.SIGNS[Decision.Verdict(shown.verdict)],
        "reason": Decision.RejectReason(shown.reject_reason).label if shown.reject_reason else "",
        "ids": ",".join(map(str, shown.pairs)),
        "back": f"{reverse('bulk')}?{query}" if query else reverse("bulk"),
        "more": more,
        "most": bulk.MOST_PAIRS,
        "changed": changed,
    }
    return render(request, "review/bulk_preview.html", context, status=status)


def _settled(act: uuid.UUID) -> int:
    """How many further pairs an act settled when it was made, as the audit has it."""
    event = AuditEvent.objects.filter(action=decisions.IN_BULK, subject=f"act {act}").first()
    return int(event.detail.get("settled") or 0) if event else 0


def _query_first(pair: Pair) -> list[Any]:
    return [pair.left, pair.right] if pair.query_id == pair.left_id else [pair.right, pair.left]


def _recent() -> list[dict[str, Any]]:
    """The latest acts, as the audit has them."""
    events = list(AuditEvent.objects.filter(action=decisions.IN_BULK).order_by("-id")[:RECENT])
    people = history.people(event.actor for event in events)
    return [
        {
            "act": event.subject.removeprefix("act "),
            "at": event.created_at,
            "user": people.get(event.actor) if event.actor else None,
            "said": _said(event.detail),
        }
        for event in events
    ]


def _said(detail: dict[str, Any]) -> str:
    count = detail.get("pairs", 0)
    if detail.get("verdict") == Decision.Verdict.ACCEPT:
        return ngettext("%(count)s pair the same", "%(count)s pairs the same", count) % {"count": count}
    return ngettext("%(count)s pair different", "%(count)s pairs different", count) % {"count": count}


def _decided(count: int) -> str:
    return ngettext("%(count)s pair is decided.", "%(count)s pairs are decided.", count) % {"count": count}


def _act(text: str) -> uuid.UUID:
    """The act that a preview's form stands for: sent twice, it is done once."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.uuid4()


def _ids(text: str) -> list[int]:
    """The pairs that a preview's form names, bounded."""
    found = [part for part in text.split(",")[: bulk.MOST_PAIRS] if part.isascii() and part.isdigit() and len(part) < 19]
    return [int(part) for part in found]
