"""API tokens: made, told once, seen in use, revoked."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from alignment import tokens
from alignment.models import ApiToken
from review import cells, lists
from review.lists import Column, Filter, Sort
from review.people_forms import TokenForm
from review.permissions import admin_required, person


def _state(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    over = Q(user__is_active=False) | Q(expiry__isnull=False, expiry__lt=timezone.now())
    return rows.filter({"over": over, "good": ~over, "unused": Q(last_used_at__isnull=True)}.get(value, Q()))


def _account(token: ApiToken) -> SafeString | str:
    name = token.user.get_username()
    return name if token.user.is_active else cells.with_more(name, _("deactivated"))


def _expires(token: ApiToken) -> SafeString | str:
    if token.expiry and token.expiry < timezone.now():
        return cells.with_more("", _("expired"))
    if token.expiry is None:
        return _("never")
    return cells.moment(token.expiry, date_format(timezone.localtime(token.expiry), "DATE_FORMAT"))


def _revoke(token: ApiToken) -> SafeString:
    said = _("Revoke %(name)s") % {"name": token.name}
    return cells.button(reverse("token-revoke", args=[token.token_key]), _("Revoke"), said=said)


TOKENS = lists.List(
    name="tokens",
    columns=[
        Column("name", gettext_lazy("What it is for"), lambda token: token.name or token.token_key, names_row=True),
        Column("account", gettext_lazy("Account"), lambda token: token.user.get_username(), shown=_account),
        Column("scope", gettext_lazy("Scope"), lambda token: token.scope, shown=lambda token: token.get_scope_display()),
        Column(
            "last_used", gettext_lazy("Last used"), lambda token: token.last_used_at, shown=lambda token: token.last_used_at or _("never")
        ),
        Column("expires", gettext_lazy("Expires"), lambda token: token.expiry, shown=_expires),
        Column("made", gettext_lazy("Made"), lambda token: token.created, sort="newest"),
        Column("revoke", "", lambda token: "", shown=_revoke, in_export=False),
    ],
    sorts=[Sort("newest", gettext_lazy("Newest"), "created")],
    first="-newest",
    # Its id is the hash of the token.
    identity="token_key",
    filters=[
        Filter("q", gettext_lazy("What it is for"), lambda rows, value: rows.filter(name__icontains=value)),
        Filter("account", gettext_lazy("Account"), lambda rows, value: rows.filter(user__username__icontains=value)),
        Filter("scope", gettext_lazy("Scope"), lambda rows, value: rows.filter(scope=value), choices=lambda: ApiToken.Scope.choices),
        Filter(
            "state",
            gettext_lazy("State"),
            _state,
            choices=lambda: [("good", _("good")), ("over", _("expired or of a deactivated account")), ("unused", _("never used"))],
        ),
    ],
)


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
    status = 422 if form.errors else 200
    rows = ApiToken.objects.select_related("user")
    return lists.respond(request, TOKENS, rows, template="review/tokens.html", context={"form": form} | made, status=status)


@admin_required
@require_POST
def revoke(request: HttpRequest, key: str) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.select_related("user"), token_key=key)
    tokens.revoke(token=token, author=person(request))
    messages.success(request, _("The token %(name)s is revoked.") % {"name": token.name or key})
    return redirect("tokens")
