"""Who holds which case: the sign of life that a browser sends, and the page on which an admin frees what somebody left."""

from __future__ import annotations

import uuid
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from review import cells, leases, lists
from review.lists import Column, Filter, Sort
from review.models import Lease
from review.permissions import admin_required, person, reviewer_required
from review.views.skus import categories, in_category


def _case(hold: Lease) -> SafeString:
    query = hold.query
    told = [str(query.source), *([_("ahead")] if hold.ahead else []), *([_("hidden check")] if hold.check_pair_id else [])]
    title = cells.in_language(Truncator(query.title).chars(100), query.language)
    return cells.with_more(cells.link(reverse("sku", args=[query.uuid]), title), " · ".join(told))


def _until(hold: Lease) -> SafeString:
    gone = hold.expires_at < timezone.now()
    said = _("does not respond: free for others") if gone else time_format(timezone.localtime(hold.expires_at), "TIME_FORMAT")
    return cells.moment(hold.expires_at, said)


def _free(hold: Lease) -> SafeString:
    said = _("Free the case of %(name)s") % {"name": hold.reviewer.get_username()}
    return cells.button(reverse("hold-free", args=[hold.uuid]), _("Free"), said=said)


HOLDS = lists.List(
    name="holds",
    columns=[
        Column("who", gettext_lazy("Who"), lambda hold: hold.reviewer.get_username(), names_row=True),
        Column("case", gettext_lazy("Case"), lambda hold: hold.query.title, shown=_case),
        Column("category", gettext_lazy("Category"), lambda hold: hold.query.category.path if hold.query.category else ""),
        Column("since", gettext_lazy("Since"), lambda hold: hold.created_at, sort="since"),
        Column("until", gettext_lazy("Until"), lambda hold: hold.expires_at, shown=_until, sort="until"),
        Column("free", "", lambda hold: "", shown=_free, in_export=False),
    ],
    sorts=[Sort("since", gettext_lazy("Since"), "created_at"), Sort("until", gettext_lazy("Until"), "expires_at")],
    first="since",
    filters=[
        Filter("who", gettext_lazy("Who"), lambda rows, value: rows.filter(reviewer__username__icontains=value)),
        Filter("category", gettext_lazy("Category"), partial(in_category, field="query__category"), suggestions=categories),
    ],
)


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
    held = Lease.objects.select_related("reviewer", "query__source", "query__category")
    return lists.respond(request, HOLDS, held, template="review/holds.html")


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
