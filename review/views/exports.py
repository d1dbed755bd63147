"""Exports of groups: asked for here, written by a worker, fetched while they last."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from alignment import exports
from alignment.models import ExportRun
from review import cells, lists, run_list
from review.lists import Column, Filter
from review.permissions import admin_required, person
from review.run_forms import ExportForm
from review.templatetags.numbers import megabytes


def _file(run: ExportRun) -> SafeString | str:
    if run.expires_at:
        return cells.link(reverse("group-export", args=[run.uuid]), _("Download"))
    return format_html('<span class="quiet">{}</span>', _("expired")) if run.status == ExportRun.Status.DONE else ""


EXPORTS = lists.List(
    name="group-exports",
    columns=[
        run_list.WHEN_LINKED,
        Column("format", gettext_lazy("Format"), lambda run: run.format, shown=lambda run: run.format.upper()),
        Column("of", gettext_lazy("Of"), run_list.export_of),
        Column(
            "status",
            gettext_lazy("State"),
            lambda run: run.status,
            shown=lambda run: cells.state(run, done=run.groups_done, of=run.groups),
        ),
        Column("groups", gettext_lazy("Groups"), lambda run: run.groups_done),
        Column(
            "bytes",
            gettext_lazy("File size"),
            lambda run: run.size if run.status == ExportRun.Status.DONE else None,
            shown=lambda run: megabytes(run.size) if run.status == ExportRun.Status.DONE else "",
        ),
        Column("position", gettext_lazy("Log position"), lambda run: run.position),
        run_list.STARTED_BY,
        Column("file", gettext_lazy("File"), lambda run: exports.file_name(run) if run.expires_at else "", shown=_file),
    ],
    sorts=[run_list.NEWEST],
    first="-newest",
    filters=[
        Filter("format", gettext_lazy("Format"), lambda rows, value: rows.filter(format=value), choices=lambda: ExportRun.Format.choices),
        *run_list.OF_RUNS,
    ],
)


@admin_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    form = ExportForm(request.POST or None, initial={"format": ExportRun.Format.CSV})
    if request.method == "POST" and form.is_valid():
        run = exports.start(ExportRun(**form.cleaned_data), by=person(request))
        return redirect("run", run=run.uuid)
    rows = ExportRun.objects.select_related("author")
    return lists.respond(
        request,
        EXPORTS,
        rows,
        template="review/exports.html",
        context={"form": form},
        live=lambda run: run.unfinished,
        status=422 if form.errors else 200,
    )


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
