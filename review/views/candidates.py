"""Building candidates: start it, see how far it is, cancel it."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from alignment import candidate_runs, runs
from alignment.models import CandidateRun
from review.permissions import admin_required, person
from review.run_forms import CandidateRunForm


@admin_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    form = CandidateRunForm(request.POST or None, instance=CandidateRun(author=person(request)), initial=candidate_runs.usual())
    if request.method == "POST" and form.is_valid():
        candidate_runs.start(form.save(commit=False), by=person(request))
        return redirect("candidates")
    found = Paginator(CandidateRun.objects.select_related("source", "author"), 50).get_page(request.GET.get("page"))
    context = {"form": form, "page": found, "unfinished": any(run.unfinished for run in found)}
    return render(request, "review/candidates.html", context, status=422 if form.errors else 200)


@admin_required
@require_POST
def cancel(request: HttpRequest, run: str) -> HttpResponse:
    if runs.cancel(get_object_or_404(CandidateRun, uuid=run), by=person(request)):
        messages.info(request, _("Stopped. What was stored until then is kept."))
    return redirect("candidates")
