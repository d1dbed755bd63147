"""API tokens: made, told once, seen in use, revoked."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from alignment import tokens
from alignment.models import ApiToken
from review.people_forms import TokenForm
from review.permissions import admin_required, person

TOKENS_SHOWN = 200


@never_cache
@admin_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """A token that was just made is on the page that answers, this once."""
    form = TokenForm(request.POST or None)
    made: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        user = person(request)
        token, text = tokens.create(user=user, author=user, **form.cleaned_data)
        address = request.build_absolute_uri(reverse("api-groups"))
        made = {"made": token, "text": text, "curl": f'curl {address} -H "Authorization: Bearer {text}"'}
        form = TokenForm()
    shown = ApiToken.objects.select_related("user").order_by("-created")[:TOKENS_SHOWN]
    context = {"form": form, "tokens": shown, "now": timezone.now()} | made
    return render(request, "review/tokens.html", context, status=422 if form.errors else 200)


@admin_required
@require_POST
def revoke(request: HttpRequest, key: str) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.select_related("user"), token_key=key)
    tokens.revoke(token=token, author=person(request))
    messages.success(request, _("The token %(name)s is revoked.") % {"name": token.name or key})
    return redirect("tokens")
