"""Catalogue files: send one, see what would be stored, correct it, import it, and read what came of it."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from alignment import importing, runs
from alignment.importing import readers, uploads
from alignment.models import ImportRun, Source, Upload
from review import cells, fragments, lists, run_list
from review.import_forms import MappingForm, UploadForm
from review.lists import Column, Filter
from review.pace import pace
from review.permissions import admin_required, person
from review.views.skus import of_source, sources

MOST_ERRORS_SHOWN = 200
IMPORTS = lists.List(
    name="imports",
    columns=[
        Column(
            "file", gettext_lazy("File"), lambda run: run.file_name, link=lambda run: reverse("import", args=[run.uuid]), names_row=True
        ),
        Column("source", gettext_lazy("Source"), lambda run: run.source.name),
        Column(
            "status",
            gettext_lazy("State"),
            lambda run: run.status,
            shown=lambda run: cells.state(run, done=run.rows_read, of=run.rows_total),
        ),
        Column("rows", gettext_lazy("Rows"), lambda run: run.rows_read),
        Column("new", gettext_lazy("New"), lambda run: run.created_count),
        Column("changed", gettext_lazy("Changed"), lambda run: run.updated_count),
        Column("rejected", gettext_lazy("Rejected"), lambda run: run.error_count),
        run_list.STARTED_BY,
        run_list.WHEN,
        Column("finished", gettext_lazy("Finished"), lambda run: run.finished_at, on_page=False),
    ],
    sorts=[run_list.NEWEST],
    first="-newest",
    filters=[
        Filter("q", gettext_lazy("File"), lambda rows, value: rows.filter(file_name__icontains=value)),
        Filter("source", gettext_lazy("Source"), of_source, choices=sources),
        *run_list.OF_RUNS,
    ],
)


@admin_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            kept = uploads.keep(
                upload=upload.file,
                file_name=upload.name,
                source_name=form.cleaned_data["source"],
                complete=form.cleaned_data["complete"],
                then_candidates=form.cleaned_data["then_candidates"],
                author=person(request),
            )
        except importing.FileError as error:
            form.add_error("file", str(error))
        else:
            return redirect("import-preview", upload=kept.uuid)
    context = {
        "form": form,
        "uploads": Upload.objects.select_related("author")[:20],
        "sources": Source.objects.values_list("name", flat=True)[:500],
    }
    runs_so_far = ImportRun.objects.select_related("source", "author")
    status = 422 if form.errors else 200
    return lists.respond(
        request, IMPORTS, runs_so_far, template="review/imports.html", context=context, live=lambda run: run.unfinished, status=status
    )


@admin_required
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest, upload: str) -> HttpResponse:
    """What would be stored of an upload. Posted, what was corrected; with `import`, the import begins."""
    kept = Upload.objects.filter(uuid=upload).first()
    if kept is None:
        return _imported(request, upload)
    if request.method == "GET":
        return _preview(request, kept)
    form = MappingForm(request.POST, upload=kept)
    if not form.is_valid():
        return _preview(request, kept, form)
    values = form.cleaned_data
    uploads.correct(kept, encoding=values["encoding"], delimiter=values["delimiter"], language=values["language"], mapping=form.mapping())
    if "import" not in request.POST:
        # What was asked before may be stored after this: a script is answered with what it asked, and not with what is stored by then.
        return _preview(request, kept) if fragments.wanted(request) else redirect("import-preview", upload=kept.uuid)
    shown = _shown(kept)
    if shown.missing or shown.problem:
        return _preview(request, kept)
    try:
        run = uploads.start(kept, by=person(request))
    except Upload.DoesNotExist:
        return _imported(request, upload)
    return redirect("import", run=run.uuid)


def _imported(request: HttpRequest, upload: str) -> HttpResponse:
    """To the import that an upload became. Raises Http404 where it became none, or a script wants a part of its page."""
    run = get_object_or_404(ImportRun, uuid=upload)
    if fragments.wanted(request):
        raise Http404
    return redirect("import", run=run.uuid)


def _shown(kept: Upload) -> uploads.Preview:
    try:
        return uploads.preview(kept)
    except importing.FileError as error:
        return uploads.Preview([], [], [], [], None, problem=str(error))


def _preview(request: HttpRequest, kept: Upload, form: MappingForm | None = None) -> HttpResponse:
    shown = _shown(kept)
    context: dict[str, Any] = {
        "upload": kept,
        "form": form or MappingForm(upload=kept, header=shown.header, left_out=shown.left_out),
        "shown": shown,
        "is_text": readers.is_text(kept.file_name),
        "known_source": Source.objects.filter(name=kept.source_name).exists(),
        "bad": sum(1 for row in shown.rows if row.read.error),
    }
    refused = bool(form and form.errors) or ("import" in request.POST and bool(shown.missing or shown.problem))
    return render(request, "review/upload.html", context, status=422 if refused else 200)


@admin_required
@require_POST
def discard(request: HttpRequest, upload: str) -> HttpResponse:
    uploads.discard(get_object_or_404(Upload, uuid=upload))
    messages.info(request, _("The file is deleted. Nothing of it was stored."))
    return redirect("imports")


@admin_required
@require_GET
def detail(request: HttpRequest, run: str) -> HttpResponse:
    """One import. htmx asks for its state alone, until it is over."""
    found = get_object_or_404(ImportRun.objects.select_related("source", "author"), uuid=run)
    context = {
        "run": found,
        "pace": pace(found, done=found.rows_read, of=found.rows_total),
        "row_errors": found.row_errors.all()[:MOST_ERRORS_SHOWN],
        "events": runs.events(found),
        "file_goes_at": runs.file_goes_at(found),
        "has_errors_file": importing.errors_file(found).is_file(),
    }
    template = "review/_import.html" if fragments.wanted(request) else "review/import.html"
    return render(request, template, context)


@admin_required
@require_GET
def errors(request: HttpRequest, run: str) -> HttpResponseBase:
    """Every row in error, as the file that the import wrote."""
    about = get_object_or_404(ImportRun, uuid=run)
    path = importing.errors_file(about)
    if not path.is_file():
        raise Http404
    name = f"{PurePath(about.file_name).stem}.rejected.csv"
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")
