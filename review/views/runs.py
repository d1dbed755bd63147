"""Runs of every kind in one list, and what one can do to them."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from alignment import runs
from alignment.models import EvaluationRun, ImportRun, Run
from review.permissions import admin_required, person

PAGES: dict[type[Run], str] = {
    ImportRun: "import",
    EvaluationRun: "evaluation",
}


def _run(uuid: str) -> Run:
    found = runs.find(uuid)
    if found is None:
        raise Http404
    return found


def _page(run: Run) -> HttpResponse:
    return redirect(PAGES.get(type(run), "run"), run=run.uuid)


@admin_required
@require_POST
def cancel(request: HttpRequest, run: str) -> HttpResponse:
    found = _run(run)
    if runs.cancel(found, by=person(request)):
        messages.info(request, _("Stopped. What was stored until then is kept."))
    return _page(found)


@admin_required
@require_POST
def retry(request: HttpRequest, run: str) -> HttpResponse:
    found = _run(run)
    if runs.retry(found, by=person(request)):
        messages.info(request, _("It waits for a worker again."))
    return _page(found)
