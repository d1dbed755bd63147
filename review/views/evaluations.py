"""Evaluations: upload a file whose truth is known, watch it, compare what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from alignment import evaluations, runs
from alignment.models import EvaluationRun
from review import cells, charts, fragments, lists, run_list
from review.effects import ROUTES
from review.lists import Column, Filter
from review.permissions import admin_required, person
from review.run_forms import EvaluationForm
from review.templatetags.listings import percent

SYSTEMS: dict[str, Promise] = {
    "trigrams": gettext_lazy("Character trigrams"),
    "bm25": gettext_lazy("BM25"),
    "dense": gettext_lazy("Embeddings"),
    "fusion": gettext_lazy("BM25 and embeddings"),
    "reranker": gettext_lazy("Reranker"),
}


def _of_reranker(*path: str) -> Callable[[EvaluationRun], float | None]:
    """What a run's report says of the reranker, where it says it."""

    def value(run: EvaluationRun) -> float | None:
        found: Any = (run.report or {}).get("systems", {}).get("reranker")
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    return value


def _share(name: str, title: Promise, *path: str) -> Column:
    value = _of_reranker(*path)
    return Column(name, title, value, shown=lambda run: percent(value(run)))


EVALUATIONS = lists.List(
    name="evaluations",
    columns=[
        Column("file", gettext_lazy("File"), lambda run: run.name, link=lambda run: reverse("evaluation", args=[run.uuid]), names_row=True),
        Column(
            "status",
            gettext_lazy("State"),
            lambda run: run.status,
            shown=lambda run: cells.state(run, done=run.sets_done, of=run.sets),
        ),
        Column("model", gettext_lazy("Model"), lambda run: run.report["model"]["name"] if run.report else ""),
        _share("first_is_right", gettext_lazy("First is right"), "top1", "mean"),
        _share("average_precision", gettext_lazy("Area under precision and recall"), "average_precision", "mean"),
        _share("accepted_right", gettext_lazy("Accepted, right"), "routes", "accept", "right"),
        Column("by", gettext_lazy("Uploaded by"), run_list.STARTED_BY.value),
        run_list.WHEN,
    ],
    sorts=[run_list.NEWEST],
    first="-newest",
    filters=[Filter("q", gettext_lazy("File"), lambda rows, value: rows.filter(name__icontains=value)), *run_list.OF_RUNS],
)


@admin_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    form = EvaluationForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        run = evaluations.start(upload=upload.file, file_name=upload.name, author=person(request))
        return redirect("evaluation", run=run.uuid)
    rows = EvaluationRun.objects.select_related("author")
    return lists.respond(
        request,
        EVALUATIONS,
        rows,
        template="review/evaluations.html",
        context={"form": form},
        live=lambda run: run.unfinished,
        status=422 if form.errors else 200,
    )


@admin_required
@require_GET
def detail(request: HttpRequest, run: str) -> HttpResponse:
    """One run. htmx asks for its state alone, until it is over."""
    found = get_object_or_404(EvaluationRun.objects.select_related("author"), uuid=run)
    context = {
        "run": found,
        "unfinished": found.unfinished,
        "file_goes_at": runs.file_goes_at(found),
        "events": runs.events(found),
    } | (_shown(found.report) if found.report else {})
    template = "review/_evaluation.html" if fragments.wanted(request) else "review/evaluation.html"
    return render(request, template, context)


@admin_required
@require_POST
def cancel(request: HttpRequest, run: str) -> HttpResponse:
    found = get_object_or_404(EvaluationRun, uuid=run)
    if runs.cancel(found, by=person(request)):
        messages.info(request, _("The evaluation is cancelled."))
    return redirect("evaluation", run=run)


@admin_required
@require_GET
def report(request: HttpRequest, run: str) -> HttpResponse:
    found = get_object_or_404(EvaluationRun, uuid=run)
    if not found.report:
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="evaluation-{found.uuid}.json"'}
    return HttpResponse(json.dumps(found.report, indent=1, ensure_ascii=False), content_type="application/json", headers=headers)


def _shown(report: dict[str, Any]) -> dict[str, Any]:
    reranker = report["systems"]["reranker"]
    return {
        "report": report,
        "systems": [{"name": SYSTEMS[name]} | values for name, values in report["systems"].items()],
        "ranked": "top1" in reranker,
        "routes": [{"name": ROUTES[name]} | route for name, route in reranker["routes"].items()],
        "reliability": charts.reliability(reranker["reliability"]),
        "curve": charts.precision_recall(
            reranker["curve"], [(report["accept_at"], reranker["at_accept"]), (report["review_at"], reranker["at_review"])]
        ),
        "languages": reranker.get("by_languages", {}),
    }
