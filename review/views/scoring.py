"""Scoring as an admin sees it: what waits, what failed and why, who works."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from alignment import scoring, scoring_workers
from alignment.models import Candidate, CandidateSet, ScoringModel, Worker
from review import queues
from review.permissions import admin_required, person
from review.views.policies import unfinished_rollouts

MOST_SHOWN = 50
MOST_ERRORS = 20
MOST_TEXTS = 5


@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "review/scoring.html", _context(request))


@never_cache
@admin_required
@require_GET
def progress(request: HttpRequest) -> HttpResponse:
    """The part of the page that asks for itself every two seconds."""
    return render(request, "review/_progress.html", _context(request))


@admin_required
@require_POST
def retry(request: HttpRequest) -> HttpResponse:
    """Retry one failed set, those that failed with one error, or all of them."""
    failed = CandidateSet.objects.filter(status=CandidateSet.Status.PARKED)
    chosen = request.POST.get("set", "")
    if "error" in request.POST:
        failed = failed.filter(error=request.POST["error"].replace("\r\n", "\n"))
    elif chosen != "all":
        failed = failed.filter(pk=int(chosen)) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else failed.none()
    if count := scoring.retry(sets=failed, user=person(request)):
        messages.success(request, ngettext("%(count)s set waits again.", "%(count)s sets wait again.", count) % {"count": count})
    else:
        messages.info(request, _("Nothing to retry: the set is no longer failed."))
    return redirect("scoring")


def _context(request: HttpRequest) -> dict[str, Any]:
    counts = scoring.progress()
    total = sum(counts.values())
    alive, silent = scoring_workers.alive_and_silent()
    failed = CandidateSet.objects.filter(status=CandidateSet.Status.PARKED).select_related("query__source").order_by("pk")
    shown = list(failed[:MOST_SHOWN])
    _attach_texts(shown)
    _attach_sets(alive)
    models = [worker.model for worker in alive if worker.model] or list(ScoringModel.objects.order_by("-pk")[:1])
    return {
        "waiting": counts[CandidateSet.Status.PENDING],
        "claimed": counts[CandidateSet.Status.CLAIMED],
        "scored": counts[CandidateSet.Status.SCORED],
        "parked": counts[CandidateSet.Status.PARKED],
        "aside": counts[CandidateSet.Status.ASIDE],
        "total": total,
        "unscored": counts[CandidateSet.Status.PENDING] + counts[CandidateSet.Status.CLAIMED],
        "workers": alive,
        "silent": silent,
        "failed": shown,
        "errors": failed.order_by().values("error").annotate(count=Count("id")).order_by("-count")[:MOST_ERRORS] if shown else [],
        "demo": any(model.is_demo for model in models),
        "rollouts": unfinished_rollouts(),
        "review": queues.count_open(escalated=False),
        "escalated": queues.count_open(escalated=True),
    }


def _attach_texts(sets: list[CandidateSet]) -> None:
    """The first candidates of each failed set, so that a person sees which texts it choked on."""
    texts: dict[int, list[Candidate]] = defaultdict(list)
    if sets:
        for candidate in Candidate.objects.filter(set__in=sets, rank__lte=MOST_TEXTS).select_related("sku").order_by("rank"):
            texts[candidate.set_id].append(candidate)
    for one in sets:
        one.texts = texts[one.pk]  # type: ignore[attr-defined]


def _attach_sets(workers: list[Worker]) -> None:
    """What each worker has in hand."""
    held: dict[str, CandidateSet] = {}
    if workers:
        claimed = CandidateSet.objects.filter(status=CandidateSet.Status.CLAIMED, holder__in=[worker.name for worker in workers])
        held = {one.holder: one for one in claimed.select_related("query__source")[:200]}
    for worker in workers:
        worker.in_hand = held.get(worker.name)  # type: ignore[attr-defined]
