"""Who holds which case: the sign of life that a browser sends, and the page on which an admin frees what somebody left."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from review import leases
from review.models import Lease
from review.permissions import admin_required, person, reviewer_required

ROWS_A_PAGE = 100


@never_cache
@reviewer_required
@require_POST
def heartbeat(request: HttpRequest) -> JsonResponse:
    """Both leases of this person are renewed: {"held": how many}. None held means that somebody freed or took the case."""
    return JsonResponse({"held": leases.renew(person(request))})


@never_cache
@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    held = Lease.objects.select_related("reviewer", "query__source", "query__category").order_by("created_at", "pk")
    context = {"page": Paginator(held, ROWS_A_PAGE).get_page(request.GET.get("page")), "now": timezone.now()}
    return render(request, "review/holds.html", context)


@admin_required
@require_POST
def free(request: HttpRequest, lease: uuid.UUID) -> HttpResponse:
    """Free one case, whoever holds it."""
    holder = leases.free(lease=lease, user=person(request))
    if holder:
        messages.success(request, _("Freed: others can take the case of %(name)s now.") % {"name": holder})
    else:
        messages.info(request, _("Nobody holds this case any more."))
    return redirect("holds")
