"""The documents, a page each, where people look for them."""

from __future__ import annotations

import mimetypes

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

from review import manual
from review.permissions import reviewer_required


@reviewer_required
@require_GET
def page(request: HttpRequest, page: str) -> HttpResponse:
    try:
        document = manual.read(page)
    except (KeyError, FileNotFoundError):
        raise Http404 from None
    return render(request, "review/help.html", {"document": document, "documents": manual.PAGES.items(), "page": page})


@reviewer_required
@require_GET
@cache_control(private=True, max_age=3600)
def image(request: HttpRequest, name: str) -> HttpResponse:
    found = manual.picture(name)
    if found is None:
        raise Http404
    return HttpResponse(found.read_bytes(), content_type=mimetypes.guess_type(found.name)[0] or "application/octet-stream")
