"""Exports of groups: asked for here, written by a worker, fetched while they last."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from alignment import exports
from alignment.models import ExportRun
from review.permissions import admin_required, person
from review.run_forms import ExportForm


@admin_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    form = ExportForm(request.POST or None, initial={"format": ExportRun.Format.CSV})
    if request.method == "POST" and form.is_valid():
        run = exports.start(ExportRun(**form.cleaned_data), by=person(request))
        return redirect("run", run=run.uuid)
    found = Paginator(ExportRun.objects.select_related("author"), 50).get_page(request.GET.get("page"))
    context = {"form": form, "page": found, "unfinished": any(run.unfinished for run in found)}
    return render(request, "review/exports.html", context, status=422 if form.errors else 200)


@admin_required
@require_GET
def download(request: HttpRequest, run: str) -> HttpResponseBase:
    found = get_object_or_404(ExportRun, uuid=run, status=ExportRun.Status.DONE)
    path = exports.path(found)
    if not path.is_file():
        raise Http404
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=exports.file_name(found),
        content_type=exports.MEDIA[ExportRun.Format(found.format)],
    )
