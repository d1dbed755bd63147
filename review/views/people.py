"""People: who is here and who is invited, an invitation and its acceptance, one person's role and work."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.core.cache import cache
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from alignment.models import Category, Invitation, User
from review import lists, people
from review.lists import Column, Filter, Sort
from review.people_forms import AcceptForm, InviteForm, PersonForm
from review.permissions import admin_required, person
from review.templatetags.listings import language

INVITATIONS_SHOWN = 100
ACCEPTS_A_MINUTE = 20


def _role(user: User) -> str:
    return str(User.Role.ADMIN.label if user.is_admin else User.Role.REVIEWER.label)


def _state(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    return rows.filter(is_active=value == "active")


def _of_role(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    return rows.filter(people.ADMINS) if value == User.Role.ADMIN else rows.exclude(people.ADMINS)


PEOPLE = lists.List(
    name="people",
    columns=[
        Column(
            "username",
            gettext_lazy("Username"),
            lambda user: user.get_username(),
            link=lambda user: reverse("member", args=[user.pk]),
            sort="name",
            names_row=True,
        ),
        Column("name", gettext_lazy("Full name"), lambda user: user.get_full_name()),
        Column("role", gettext_lazy("Role"), lambda user: "admin" if user.is_admin else "reviewer", shown=_role),
        Column(
            "languages",
            gettext_lazy("Languages"),
            lambda user: ", ".join(user.languages),
            shown=lambda user: get_format("BETWEEN_NAMES").join(language(code) for code in user.languages) or _("all"),
        ),
        Column(
            "categories",
            gettext_lazy("Categories"),
            lambda user: "; ".join(category.path for category in user.categories.all()),
            shown=lambda user: "; ".join(category.path for category in user.categories.all()) or _("all"),
        ),
        Column("last_sign_in", gettext_lazy("Last sign-in"), lambda user: user.last_login),
        Column(
            "state",
            gettext_lazy("State"),
            lambda user: "active" if user.is_active else "deactivated",
            shown=lambda user: "" if user.is_active else _("deactivated"),
        ),
    ],
    sorts=[Sort("name", gettext_lazy("Username"), "username")],
    first="name",
    filters=[
        Filter(
            "q",
            gettext_lazy("Username or name"),
            lambda rows, value: rows.filter(Q(username__icontains=value) | Q(first_name__icontains=value)),
        ),
        Filter("role", gettext_lazy("Role"), _of_role, choices=lambda: User.Role.choices),
        Filter("state", gettext_lazy("State"), _state, choices=lambda: [("active", _("active")), ("deactivated", _("deactivated"))]),
    ],
)


@never_cache
@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    paths = Prefetch("categories", Category.objects.order_by("path"))
    return lists.respond(request, PEOPLE, User.objects.prefetch_related(paths), template="review/people.html", context=_invited())


def _invited() -> dict[str, Any]:
    """Invitations that nobody accepted, those still open first."""
    open_ = Invitation.objects.select_related("author").filter(accepted_at__isnull=True, revoked_at__isnull=True)
    return {"invitations": open_.order_by("-expires_at")[:INVITATIONS_SHOWN], "now": timezone.now()}


@never_cache
@admin_required
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    """The link is on the page that answers, this once: only its hash is kept."""
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made, secret = people.invite(author=person(request), **form.cleaned_data)
        link = request.build_absolute_uri(reverse("invitation", args=[secret]))
        return render(request, "review/invited.html", {"made": made, "link": link})
    return render(request, "review/invite.html", {"form": form}, status=422 if form.errors else 200)


@admin_required
@require_POST
def withdraw(request: HttpRequest, uuid: str) -> HttpResponse:
    made = get_object_or_404(Invitation, uuid=uuid)
    people.withdraw_invitation(invitation=made, author=person(request))
    messages.success(request, _("The invitation of %(name)s is withdrawn.") % {"name": made.name})
    return redirect("people")


@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Where the link leads: whoever has it makes their account."""
    found = people.invitation_of(secret)
    if found is None:
        if request.user.is_authenticated and people.accepted_by(person(request), secret):
            return redirect("home")
        return render(request, "review/invitation_over.html", status=410)
    if request.user.is_authenticated:
        return render(request, "review/invitation.html", {"found": found, "signed_in": True})
    form = AcceptForm(request.POST or None)
    if request.method == "POST" and _too_often(request):
        form.add_error(None, _("Too many tries. Wait a minute and press again."))
        return render(request, "review/invitation.html", {"found": found, "form": form}, status=429)
    if request.method == "POST" and form.is_valid():
        try:
            user = people.accept(secret=secret, username=form.cleaned_data["username"], password=form.cleaned_data["password1"])
        except people.UsernameTaken as error:
            form.add_error("username", str(error))
        except people.PeopleError:
            return render(request, "review/invitation_over.html", status=410)
        else:
            login(request, user, backend="alignment.signed_in.SignedIn")
            messages.success(request, _("Welcome, %(name)s.") % {"name": user.get_full_name() or user.get_username()})
            return redirect("home")
    return render(request, "review/invitation.html", {"found": found, "form": form}, status=422 if form.errors else 200)


def _too_often(request: HttpRequest) -> bool:
    key = f"accept-{request.META.get('REMOTE_ADDR', '')}"
    now = time.time()
    # Not `incr`: it begins another five minutes each time, and fails for a key whose minute has just ended.
    tries, ends = cache.get(key) or (0, now + 60)
    cache.set(key, (tries + 1, ends), timeout=ends - now)
    return bool(tries >= ACCEPTS_A_MINUTE)


@never_cache
@admin_required
@require_http_methods(["GET", "POST"])
def member(request: HttpRequest, user_id: int) -> HttpResponse:
    """One person's role and work."""
    user = get_object_or_404(User, pk=user_id)
    given = {
        "role": User.Role.ADMIN if user.is_admin else user.role,
        "languages": user.languages,
        "categories": list(user.categories.order_by("path")),
    }
    form = PersonForm(request.POST or None, initial=given)
    if request.method == "POST" and form.is_valid():
        try:
            people.change(user=user, author=person(request), **form.cleaned_data)
        except people.PeopleError as error:
            form.add_error("role", str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("member", user_id=user.pk)
    return render(request, "review/member.html", {"member": user, "form": form}, status=422 if form.errors else 200)


@admin_required
@require_POST
def deactivate(request: HttpRequest, user_id: int) -> HttpResponse:
    user = get_object_or_404(User, pk=user_id)
    try:
        people.deactivate(user=user, author=person(request))
    except people.PeopleError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(name)s cannot sign in any more.") % {"name": user.get_username()})
    return redirect("member", user_id=user.pk)


@admin_required
@require_POST
def reactivate(request: HttpRequest, user_id: int) -> HttpResponse:
    user = get_object_or_404(User, pk=user_id)
    people.reactivate(user=user, author=person(request))
    messages.success(request, _("%(name)s can sign in again.") % {"name": user.get_username()})
    return redirect("member", user_id=user.pk)
