"""Where a person goes after signing in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from review.permissions import person, reviewer_required


@reviewer_required
def home(request: HttpRequest) -> HttpResponse:
    return redirect("scoring" if person(request).is_admin else "case")
