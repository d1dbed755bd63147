"""Evaluations: upload a file whose truth is known, watch it, compare what was measured."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from alignment import evaluations, runs
from alignment.models import EvaluationRun
from review import charts, fragments
from review.effects import ROUTES
from review.permissions import admin_required, person
from review.run_forms import EvaluationForm

SYSTEMS: dict[str, Promise] = {
    "trigrams": gettext_lazy("Character trigrams"),
    "bm25": gettext_lazy("BM25"),
    "dense": gettext_lazy("Embeddings"),
    "fusion": gettext_lazy("BM25 and embeddings"),
    "reranker": gettext_lazy("Reranker"),
}


@admin_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    form = EvaluationForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        run = evaluations.start(upload=upload.file, file_name=upload.name, author=person(request))
        return redirect("evaluation", run=run.uuid)
    found = Paginator(EvaluationRun.objects.select_related("author"), 50).get_page(request.GET.get("page"))
    context = {"form": form, "page": found, "rows": [{"run": run, "reranker": _reranker(run)} for run in found]}
    return render(request, "review/evaluations.html", context, status=422 if form.errors else 200)


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


def _reranker(run: EvaluationRun) -> dict[str, Any] | None:
    return run.report["systems"].get("reranker") if run.report else None


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
