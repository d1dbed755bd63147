"""Where a person goes after signing in, and how pages look to them."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from review import desk, themes
from review.permissions import person, reviewer_required


@never_cache
@reviewer_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The first case for a reviewer, the desk for an admin."""
    if not person(request).is_admin:
        return redirect("case")
    return render(request, "review/home.html", {"desk": desk.see()})


@reviewer_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme that was chosen, and go back to where it was chosen from."""
    try:
        themes.choose(user=person(request), theme=request.POST.get("theme", ""))
    except ValueError as error:
        raise BadRequest from error
    back = request.POST.get("next", "")
    # Without the slash it would be the name of a page to `redirect`.
    safe = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if safe else "home")
