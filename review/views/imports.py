"""Catalogue files: what came in, what did not, and the way to send one."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from alignment import importing
from alignment.models import ImportRun
from review.forms import UploadForm
from review.permissions import admin_required, person


@admin_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        run = importing.start(
            source=form.cleaned_data["source"],
            upload=upload.file,
            file_name=upload.name,
            mapping={},
            complete=form.cleaned_data["complete"],
            then_candidates=form.cleaned_data["then_candidates"],
            author=person(request),
        )
        messages.success(request, _("%(file)s is kept and will be imported now.") % {"file": run.file_name})
        return redirect("imports")
    runs = Paginator(ImportRun.objects.select_related("source"), 50).get_page(request.GET.get("page"))
    return render(
        request,
        "review/imports.html",
        {"form": form, "page": runs, "unfinished": any(run.unfinished for run in runs)},
        status=422 if form.errors else 200,
    )


@admin_required
@require_GET
def detail(request: HttpRequest, run: str) -> HttpResponse:
    found = get_object_or_404(ImportRun.objects.select_related("source"), uuid=run)
    return render(request, "review/import.html", {"run": found, "row_errors": found.row_errors.all()[:200]})


@admin_required
@require_GET
def errors(request: HttpRequest, run: str) -> HttpResponse:
    """Every row in error, as the file that the import wrote."""
    path = importing.errors_file(get_object_or_404(ImportRun, uuid=run))
    if not path.is_file():
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
    return HttpResponse(path.read_bytes(), content_type="text/csv; charset=utf-8", headers=headers)
