"""One box that finds: SKUs by any word or code of theirs, groups by their names. htmx asks for the results alone while somebody types."""

from __future__ import annotations

import re
import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from alignment import groups, search
from alignment.models import SKU, Group
from review import fragments
from review.permissions import reviewer_required

MOST_SHOWN = 50
GROUP_NAME = re.compile(r"g-?(\d{1,18})", re.IGNORECASE | re.ASCII)


@never_cache
@reviewer_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    words = request.GET.get("q", "").strip()[: search.LONGEST_QUERY]
    found = _by_uuid(words) or search.find(words, most=MOST_SHOWN + 1)
    context = {
        "search_words": words,
        "skus": found[:MOST_SHOWN],
        "more": len(found) > MOST_SHOWN,
        "most": MOST_SHOWN,
        "group": _group(words),
        "asked": search.read(words),
    }
    return render(request, "review/_found.html" if fragments.wanted(request) else "review/search.html", context)


def _by_uuid(words: str) -> list[SKU]:
    wanted = _uuid(words)
    return list(SKU.objects.select_related("source", "category").filter(uuid=wanted)) if wanted else []


def _group(words: str) -> Group | None:
    """The group that is called so; of a merged one, where its members are now."""
    named, wanted = GROUP_NAME.fullmatch(words), _uuid(words)
    rows = Group.objects.select_related("merged_into")
    if named:
        found = rows.filter(pk=int(named[1])).first()
    else:
        found = rows.filter(uuid=wanted).first() if wanted else None
    return groups.survivor(found) if found else None


def _uuid(words: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(words) if len(words) in (32, 36) else None
    except ValueError:
        return None
