"""Where a person goes after signing in, and how pages look to them."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from review import themes
from review.permissions import person, reviewer_required


@reviewer_required
def home(request: HttpRequest) -> HttpResponse:
    return redirect("scoring" if person(request).is_admin else "case")


@reviewer_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme that was chosen, and go back to where it was chosen from."""
    try:
        themes.choose(user=person(request), theme=request.POST.get("theme", ""))
    except ValueError as error:
        raise BadRequest from error
    back = request.POST.get("next", "")
    return redirect(back if url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}) else "home")
