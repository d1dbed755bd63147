"""The playground: a query, candidates and an instruction, scored while somebody looks, with a link to show others."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from alignment import rerank, scoring_workers
from alignment.importing.language import detect
from alignment.models import Actor, Category, Pair, PolicyVersion, RerankRequest
from alignment.policies import published
from alignment.routing import route
from review import fragments
from review.effects import ROUTES
from review.permissions import person, reviewer_required
from review.playground_form import PlaygroundForm

SECONDS_TO_WAIT = 0.8
CATEGORIES_OFFERED = 300
EXAMPLES = {
    "kettle": {
        "query": "不锈钢电热水壶 1.7升 2200W 自动断电",
        "candidates": "Stainless Steel Electric Kettle 1.7 L, 2200 W, Auto Shut-Off\n"
        "Glass Electric Kettle 1.7 L, 2200 W, LED Light\n"
        "Bouilloire électrique inox 1,7 L 2200 W arrêt automatique\n"
        "Wasserkocher Edelstahl 1,0 Liter 2200 Watt\n"
        "Hervidor de viaje plegable 0,6 L 800 W",
    },
    "earbuds": {
        "query": "True Wireless Earbuds with Active Noise Cancelling, 30 h, IPX5",
        "candidates": "无线蓝牙降噪耳机 30小时续航 IPX5防水\n"
        "无线蓝牙耳机 30小时续航 无降噪\n"
        "Écouteurs sans fil à réduction de bruit active, 30 h, IPX5\n"
        "Over-Ear-Kopfhörer mit Geräuschunterdrückung, 30 Std.\n"
        "Estuche de carga para auriculares inalámbricos",
    },
}


@dataclass(frozen=True)
class Row:
    """One candidate in the result; `beside` and `moved` where a second instruction was asked (up is positive)."""

    rank: int
    text: str
    language: str
    answer: rerank.Answer
    route: Pair.Route
    beside: rerank.Answer | None = None
    moved: int = 0

    @property
    def route_name(self) -> Promise:
        return ROUTES[self.route]

    @property
    def fallen(self) -> int:
        return -self.moved


@never_cache
@reviewer_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    example = EXAMPLES.get(request.GET.get("example", ""))
    form = PlaygroundForm(request.POST or None, initial=example)
    if request.method == "POST" and form.is_valid():
        try:
            asked = _ask(request, form.cleaned_data)
        except rerank.QueueFull:
            form.add_error(None, _("Too many requests wait at the moment. Press again in a few seconds."))
        else:
            return redirect("playground-result", uuid=asked.uuid)
    return _render(request, form)


@never_cache
@reviewer_required
@require_GET
def result(request: HttpRequest, uuid: str) -> HttpResponse:
    """What was asked, and its answer as soon as it is there. htmx asks for the answer alone."""
    asked = get_object_or_404(RerankRequest.objects.select_related("category", "beside"), uuid=uuid, shared=True)
    shown = rerank.wait(asked, seconds=SECONDS_TO_WAIT)
    if asked.beside:
        asked.beside = rerank.wait(asked.beside, seconds=SECONDS_TO_WAIT)
    context = _result(request, shown, asked.beside)
    if fragments.wanted(request):
        return render(request, "review/_playground_result.html", context)
    form = PlaygroundForm(
        initial={
            "query": asked.query,
            "candidates": "\n".join(asked.documents),
            "category": asked.category.path if asked.category else "",
            "instruction": asked.instruction,
            "other_instruction": asked.beside.instruction if asked.beside else "",
        }
    )
    return _render(request, form, context)


def _render(request: HttpRequest, form: PlaygroundForm, context: dict[str, Any] | None = None) -> HttpResponse:
    categories = Category.objects.exclude(path="").order_by("path").values_list("path", flat=True)[:CATEGORIES_OFFERED]
    whole = {"form": form, "categories": categories} | (context or {})
    return render(request, "review/playground.html", whole, status=422 if form.errors else 200)


def _ask(request: HttpRequest, values: dict[str, Any]) -> RerankRequest:
    owner, category = Actor.of(person(request)).uuid, values["category"]
    texts = {"query": values["query"], "documents": values["candidates"], "owner": owner, "category": category, "shared": True}
    instruction = values["instruction"] or rerank.instruction_for(category, values["query"])
    other = values["other_instruction"]
    beside = rerank.ask(instruction=other, **texts) if other else None
    return rerank.ask(instruction=instruction, beside=beside, **texts)


def _result(request: HttpRequest, asked: RerankRequest, beside: RerankRequest | None) -> dict[str, Any]:
    failed = [one for one in (asked, beside) if one and one.status == RerankRequest.Status.FAILED]
    ready = all(one.status == RerankRequest.Status.ANSWERED for one in (asked, beside) if one)
    policy = published(asked.category)
    return {
        "asked": asked,
        "beside": beside,
        "policy": policy,
        "failed": failed,
        "waiting": not ready and not failed,
        "no_worker": not ready and not scoring_workers.alive(),
        "rows": _rows(asked, beside, policy) if ready else [],
        "demo": bool(asked.model and asked.model.is_demo),
        "curl": _curl(request, asked),
        "link": request.build_absolute_uri(reverse("playground-result", args=[asked.uuid])),
    }


def _order(asked: RerankRequest) -> list[int]:
    answers = rerank.answers_of(asked)
    return sorted(range(len(answers)), key=lambda i: -answers[i].logit)


def _rows(asked: RerankRequest, beside: RerankRequest | None, policy: PolicyVersion) -> list[Row]:
    answers, others = rerank.answers_of(asked), rerank.answers_of(beside) if beside else []
    places = {document: place for place, document in enumerate(_order(beside))} if beside else {}
    return [
        Row(
            rank=place + 1,
            text=asked.documents[i],
            language=detect(asked.documents[i], confidence=settings.LANGUAGE_CONFIDENCE),
            answer=answers[i],
            route=route(answers[i].probability, accept_at=policy.accept_at, review_at=policy.review_at),
            beside=others[i] if beside else None,
            moved=place - places.get(i, place),
        )
        for place, i in enumerate(_order(asked))
    ]


def _curl(request: HttpRequest, asked: RerankRequest) -> str:
    body = json.dumps({"query": asked.query, "documents": asked.documents, "instruction": asked.instruction}, ensure_ascii=False)
    return (
        f'curl {request.build_absolute_uri(reverse("api-rerank"))} -H "Authorization: Bearer $TOKEN" \\\n'
        f"  -H 'Content-Type: application/json' -d {shlex.quote(body)}"
    )
