"""Building candidates: start it, see how far it is, cancel it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from alignment import candidate_runs, runs
from alignment.models import CandidateRun
from review import cells, lists, run_list
from review.lists import Column, Filter
from review.permissions import admin_required, person
from review.run_forms import CandidateRunForm
from review.templatetags.numbers import thousands
from review.views.skus import of_source, sources


def _state(run: CandidateRun) -> SafeString:
    shown = cells.state(run, done=run.skus_done, of=run.skus)
    if run.status == CandidateRun.Status.WAITING:
        shown = format_html("{}", _("Waits for a worker."))
    elif run.unfinished and not run.skus:
        shown = cells.with_more(shown, _("Reads the catalogue."))
    return format_html("{} {}", shown, cells.button(reverse("candidates-cancel", args=[run.uuid]), _("Stop"))) if run.unfinished else shown


def _skus(run: CandidateRun) -> str:
    whole = thousands(run.skus)
    return whole if run.status == CandidateRun.Status.DONE else f"{thousands(run.skus_done)} / {whole}"


CANDIDATES = lists.List(
    name="candidates",
    columns=[
        run_list.WHEN_LINKED,
        Column("status", gettext_lazy("State"), lambda run: run.status, shown=_state),
        Column("skus", gettext_lazy("SKUs"), lambda run: run.skus_done, shown=_skus),
        Column("sets", gettext_lazy("Sets to score"), lambda run: run.sets_changed),
        Column("for", gettext_lazy("For"), run_list.candidates_for),
        Column("each", gettext_lazy("Candidates each"), lambda run: run.k),
        run_list.STARTED_BY,
        Column("finished", gettext_lazy("Finished"), lambda run: run.finished_at, on_page=False),
    ],
    sorts=[run_list.NEWEST],
    first="-newest",
    filters=[Filter("source", gettext_lazy("Source"), of_source, choices=sources), *run_list.OF_RUNS],
)


@admin_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    form = CandidateRunForm(request.POST or None, instance=CandidateRun(author=person(request)), initial=candidate_runs.usual())
    if request.method == "POST" and form.is_valid():
        candidate_runs.start(form.save(commit=False), by=person(request))
        # It is there whatever the list was filtered by.
        return redirect(reverse("candidates", query={"sort": "-newest"}))
    rows = CandidateRun.objects.select_related("source", "author")
    status = 422 if form.errors else 200
    return lists.respond(
        request,
        CANDIDATES,
        rows,
        template="review/candidates.html",
        context={"form": form},
        live=lambda run: run.unfinished,
        status=status,
    )


@admin_required
@require_POST
def cancel(request: HttpRequest, run: str) -> HttpResponse:
    if runs.cancel(get_object_or_404(CandidateRun, uuid=run), by=person(request)):
        messages.info(request, _("Stopped. What was stored until then is kept."))
    return redirect("candidates")
