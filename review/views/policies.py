"""Policies: the tree, a new version, what it would change, and the way back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from alignment import policies
from alignment.models import Actor, Category, PolicyRollout, PolicyVersion
from review import effects
from review.forms import PolicyForm
from review.permissions import admin_required, person

CATEGORIES_A_PAGE = 200


@admin_required
@require_GET
def policy_list(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip()[:200]
    found = Category.objects.filter(path__icontains=search) if search else Category.objects.all()
    page = Paginator(found.order_by("path"), CATEGORIES_A_PAGE).get_page(request.GET.get("page"))
    snapshot = policies.Policies()
    rows = []
    for category in page:
        version = snapshot.of(category.pk)
        depth = len(category.path.split(Category.SEPARATOR)) if category.path else 0
        rows.append({"category": category, "depth": min(depth, 8), "version": version, "own": version.category_id == category.pk})
    return render(request, "review/policies.html", {"rows": rows, "page": page, "search": search, "rollouts": unfinished_rollouts()})


@admin_required
@require_http_methods(["GET", "POST"])
def policy(request: HttpRequest, category_id: int) -> HttpResponse:
    category = get_object_or_404(Category, pk=category_id)
    snapshot = policies.Policies()
    in_force = snapshot.of(category.pk)
    form = PolicyForm(request.POST or None, initial=policies.values_of(in_force))
    if request.method == "POST" and form.is_valid():
        try:
            version = policies.publish(category=category, author=person(request), **form.cleaned_data)
        except policies.PolicyError as error:
            form.add_error(error.field or None, error.message)
        else:
            messages.success(
                request, _("Version %(number)s is published. What it changes is worked through now.") % {"number": version.number}
            )
            return redirect("policy", category_id=category.pk)
    context = {
        "category": category,
        "form": form,
        "in_force": in_force,
        "inherited": in_force.category_id != category.pk,
        "next_number": _next_number(category),
        "history": _history(category),
        "fields": [f"{{{name}}}" for name in policies.TEMPLATE_FIELDS],
        "rollouts": unfinished_rollouts(),
    }
    return render(request, "review/policy.html", context, status=422 if form.errors else 200)


@admin_required
@require_POST
def policy_effect(request: HttpRequest, category_id: int) -> HttpResponse:
    """What other thresholds would do to the pairs that this category's policy routes: a fragment under the form."""
    category = get_object_or_404(Category, pk=category_id)
    form = PolicyForm(request.POST)
    form.is_valid()
    if "accept_at" in form.errors or "review_at" in form.errors:
        return render(request, "review/_policy_effect.html", {"invalid": True})
    wanted = form.cleaned_data
    effect = effects.moved_by(category, accept_at=wanted["accept_at"], review_at=wanted["review_at"], guards=wanted.get("guards") or [])
    return render(request, "review/_policy_effect.html", {"effect": effect})


@admin_required
@require_POST
def roll_back(request: HttpRequest, version_id: int) -> HttpResponse:
    version = get_object_or_404(PolicyVersion.objects.select_related("category"), pk=version_id)
    note = _("Back to version %(number)s") % {"number": version.number}
    try:
        published = policies.roll_back(version=version, author=person(request), note=note)
    except policies.PolicyError as error:
        messages.error(request, error.message)
    else:
        messages.success(
            request, _("Version %(old)s is in force again, as version %(new)s.") % {"old": version.number, "new": published.number}
        )
    return redirect("policy", category_id=version.category_id)


@admin_required
@require_POST
def inherit(request: HttpRequest, category_id: int) -> HttpResponse:
    category = get_object_or_404(Category, pk=category_id)
    try:
        policies.inherit(category=category, author=person(request))
    except policies.PolicyError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The policy of the category above is in force here again."))
    return redirect("policy", category_id=category.pk)


def unfinished_rollouts() -> list[PolicyRollout]:
    return list(PolicyRollout.objects.select_related("policy__category").filter(finished_at__isnull=True).order_by("pk")[:20])


def _next_number(category: Category) -> int:
    return (category.policy_versions.aggregate(newest=Max("number"))["newest"] or 0) + 1


def _history(category: Category) -> list[dict[str, Any]]:
    versions = list(category.policy_versions.select_related("restores").order_by("-number")[:50])
    actors = Actor.objects.select_related("user").in_bulk({version.author for version in versions if version.author})
    return [{"version": version, "author": _name(actors.get(version.author)) if version.author else ""} for version in versions]


def _name(actor: Actor | None) -> str:
    return actor.user.get_username() if actor and actor.user else _("someone who left")
