"""Runs of every kind: the list, a run's page with its log, and what one can do to it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from alignment import exports, runs, scoring, scoring_workers
from alignment.models import CandidateRun, CandidateSet, CategoryChange, ExportRun, Run, ScoringRun, Worker
from review import fragments, lists, run_list
from review.permissions import admin_required, person


@never_cache
@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    counts = scoring.progress()
    waiting = counts[CandidateSet.Status.PENDING] + counts[CandidateSet.Status.CLAIMED]
    alive = Worker.objects.filter(seen_at__gte=timezone.now() - scoring_workers.ALIVE_FOR).values_list("sets_in_hand", "pairs_per_second")
    workers = list(alive)
    context = {
        "scored": counts[CandidateSet.Status.SCORED],
        "sets": sum(counts.values()),
        "waiting": waiting,
        "parked": counts[CandidateSet.Status.PARKED],
        "workers": len(workers),
        "speed": sum(per_second or 0 for busy, per_second in workers if busy),
    }
    return lists.respond(
        request,
        run_list.RUNS,
        run_list.sources(),
        template="review/runs.html",
        context=context,
        live=bool(waiting and workers) or (lambda run: run.told.unfinished),
    )


@never_cache
@admin_required
@require_GET
def detail(request: HttpRequest, run: str) -> HttpResponse:
    """One run. htmx asks for its state alone, until it is over."""
    found = _run(run)
    told = run_list.tell(found)
    if told.href != request.path:
        return redirect(told.href)
    context: dict[str, Any] = {"run": found, "row": told, "pace": told.pace, "events": runs.events(found), "facts": _facts(found)}
    if isinstance(found, ExportRun) and found.status == Run.Status.DONE:
        context |= {"file": exports.file_name(found) if found.expires_at else "", "export": found}
    return render(request, "review/_run.html" if fragments.wanted(request) else "review/run.html", context)


def _facts(run: Run) -> list[tuple[str, int]]:
    """What a run counts, as (words, count)."""
    if isinstance(run, CandidateRun):
        skus = run.skus if run.unfinished else run.skus_done
        return [(_("SKUs"), skus), (_("Candidates each"), run.k), (_("Sets to score"), run.sets_changed)]
    if isinstance(run, ExportRun):
        return [(_("Groups"), run.groups_done)] + ([(_("Log position"), run.position)] if run.position is not None else [])
    if isinstance(run, ScoringRun):
        return [(_("Sets"), run.sets), (_("Scored"), run.sets_done), (_("Failed"), run.sets_failed)]
    if isinstance(run, CategoryChange):
        return [(_("SKUs moved"), run.skus_moved), (_("Sets to score anew"), run.rescored), (_("Sets routed anew"), run.rerouted)]
    return []


def _run(uuid: str) -> Run:
    found = run_list.get(uuid)
    if found is None:
        raise Http404
    return found


@admin_required
@require_POST
def cancel(request: HttpRequest, run: str) -> HttpResponse:
    found = _run(run)
    if isinstance(found, CategoryChange):
        messages.error(request, _("A change of categories cannot be stopped halfway; change it back instead."))
    elif runs.cancel(found, by=person(request)):
        messages.info(request, _("Stopped. What was stored until then is kept."))
    else:
        messages.info(request, _("It had already ended."))
    return redirect(run_list.tell(found).href)


@admin_required
@require_POST
def retry(request: HttpRequest, run: str) -> HttpResponse:
    found = _run(run)
    if run_list.tell(found).goes_on and runs.retry(found, by=person(request)):
        scoring = isinstance(found, ScoringRun)
        messages.info(request, _("Scoring goes on with the rest.") if scoring else _("It waits for a worker again."))
    else:
        messages.info(request, _("Only what failed or was cancelled can be started again."))
    return redirect(run_list.tell(found).href)
