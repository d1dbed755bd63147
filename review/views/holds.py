"""What keeps a case a person's: the sign of life that their browser sends."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from review import leases
from review.permissions import person, reviewer_required


@never_cache
@reviewer_required
@require_POST
def heartbeat(request: HttpRequest) -> JsonResponse:
    """Both leases of this person are renewed: {"held": how many}. None held means that somebody freed or took the case."""
    return JsonResponse({"held": leases.renew(person(request))})
