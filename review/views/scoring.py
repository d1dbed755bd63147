"""Scoring as an admin sees it: what waits, what failed and why, who works."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from alignment import scoring
from alignment.models import CandidateSet, ScoringModel, Worker
from review import queues
from review.permissions import admin_required, person
from review.views.policies import unfinished_rollouts

MOST_SHOWN = 50


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
    """Retry one failed set, or all of them."""
    failed = CandidateSet.objects.filter(status=CandidateSet.Status.PARKED)
    chosen = request.POST.get("set", "")
    if chosen != "all":
        failed = failed.filter(pk=int(chosen)) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else failed.none()
    count = 0
    while batch := list(failed.only("pk").order_by("pk")[:500]):
        count += scoring.retry(sets=batch, user=person(request))
    if count:
        messages.success(request, ngettext("%(count)s set waits again.", "%(count)s sets wait again.", count) % {"count": count})
    else:
        messages.info(request, _("Nothing to retry: the set is no longer failed."))
    return redirect("scoring")


def _context(request: HttpRequest) -> dict[str, Any]:
    counts = scoring.progress()
    total = sum(counts.values())
    alive = scoring.alive_workers()
    failed = CandidateSet.objects.filter(status=CandidateSet.Status.PARKED).select_related("query__source").order_by("pk")
    newest = ScoringModel.objects.order_by("-pk").first()
    models = [worker.model for worker in alive if worker.model] or ([newest] if newest else [])
    return {
        "waiting": counts[CandidateSet.Status.PENDING],
        "claimed": counts[CandidateSet.Status.CLAIMED],
        "scored": counts[CandidateSet.Status.SCORED],
        "parked": counts[CandidateSet.Status.PARKED],
        "total": total,
        "unscored": counts[CandidateSet.Status.PENDING] + counts[CandidateSet.Status.CLAIMED],
        "workers": alive,
        "silent": Worker.objects.exclude(pk__in=[worker.pk for worker in alive]).order_by("-seen_at")[:5],
        "failed": list(failed[:MOST_SHOWN]),
        "demo": any(model.is_demo for model in models),
        "rollouts": unfinished_rollouts(),
        "review": queues.left(person(request)),
        "escalated": queues.left(person(request), escalated=True),
    }
