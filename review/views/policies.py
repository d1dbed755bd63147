"""Policies: the tree, a new version and what it would do before it is published, the history, and the way back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from alignment import policies, rerank, scoring_workers
from alignment.models import Actor, Category, PolicyRollout, PolicyVersion
from review import cells, charts, effects, lists, revisions, trials
from review.lists import Column, Filter, Sort, Text
from review.permissions import admin_required, person
from review.policy_forms import PolicyForm, RollBackForm, SeenForm
from review.templatetags.listings import exact

VERSIONS_SHOWN = 20


def _with_policies(rows: list[Any]) -> None:
    snapshot = policies.Policies()
    for category in rows:
        category.in_force = snapshot.of(category.pk)
        category.has_own = category.in_force.category_id == category.pk


def _in_force(category: Any) -> SafeString | str:
    if category.has_own:
        return _("version %(number)s") % {"number": category.in_force.number}
    return cells.with_more("", _("from %(category)s") % {"category": category.in_force.category})


def _own(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    own = Q(pk__in=policies.Policies().own)
    return rows.filter({"own": own, "inherited": ~own}.get(value, Q()))


def _threshold(name: str, title: Promise) -> Column:
    def value(category: Any) -> float:
        return float(getattr(category.in_force, name))

    return Column(name, title, value, shown=lambda category: f"≥ {exact(value(category))}")


POLICIES = lists.List(
    name="policies",
    columns=[
        Column(
            "category",
            gettext_lazy("Category"),
            lambda category: category.path,
            shown=lambda category: category.path or _("All categories"),
            link=lambda category: reverse("policy", args=[category.pk]),
            sort="category",
            names_row=True,
        ),
        Column("version", gettext_lazy("In force"), lambda category: str(category.in_force.number), shown=_in_force),
        Column("of", gettext_lazy("Of"), lambda category: category.in_force.category.path, on_page=False),
        _threshold("accept_at", gettext_lazy("Accept")),
        _threshold("review_at", gettext_lazy("Review")),
        Column(
            "instruction",
            gettext_lazy("Instruction"),
            lambda category: category.in_force.instruction,
            shown=lambda category: Text(Truncator(category.in_force.instruction).chars(110), "en") if category.has_own else "",
        ),
    ],
    sorts=[Sort("category", gettext_lazy("Category"), "path")],
    first="category",
    filters=[
        Filter("q", gettext_lazy("Category"), lambda rows, value: rows.filter(path__icontains=value)),
        Filter("policy", gettext_lazy("Policy"), _own, choices=lambda: [("own", _("its own")), ("inherited", _("inherited"))]),
    ],
    complete=_with_policies,
)


@admin_required
@require_GET
def policy_list(request: HttpRequest) -> HttpResponse:
    context = {"rollouts": unfinished_rollouts()}
    return lists.respond(request, POLICIES, Category.objects.all(), template="review/policies.html", context=context)


@admin_required
@require_http_methods(["GET", "POST"])
def policy(request: HttpRequest, category_id: int) -> HttpResponse:
    """The form, and beside it what the version being written would do. `preview` shows that without publishing, and without scripts."""
    category = get_object_or_404(Category.objects.select_related("parent"), pk=category_id)
    snapshot = policies.Policies()
    in_force = snapshot.of(category.pk)
    form = PolicyForm(request.POST or None, initial=policies.values_of(in_force) | {"seen": in_force.pk})
    preview: dict[str, Any] = {}
    if request.method == "POST" and "preview" in request.POST:
        preview = _effect(category, snapshot, form) | _trial(request, category, in_force, form, ask=True)
    elif request.method == "POST" and form.is_valid():
        try:
            version = policies.publish(category=category, author=person(request), **form.cleaned_data)
        except policies.Superseded as error:
            in_force = error.version
            preview = _superseded(request, form, error) | {
                "differences": revisions.between(in_force, PolicyVersion(**_said(in_force, form)))
            }
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
        "history": _history(category, in_force),
        "fields": [f"{{{name}}}" for name in policies.TEMPLATE_FIELDS],
        "rollouts": unfinished_rollouts(of={category.pk, in_force.category_id}),
    }
    return render(request, "review/policy.html", preview | context, status=422 if form.errors else 200)


@admin_required
@require_POST
def policy_effect(request: HttpRequest, category_id: int) -> HttpResponse:
    """What the typed version would do to the pairs that this category's policy routes: a fragment beside the form."""
    category = get_object_or_404(Category, pk=category_id)
    context = _effect(category, policies.Policies(), PolicyForm(request.POST))
    return render(request, "review/_policy_effect.html", context)


@admin_required
@require_POST
def policy_trial(request: HttpRequest, category_id: int) -> HttpResponse:
    """Five real pairs under the typed version: a fragment that asks for itself until the answers are there."""
    category = get_object_or_404(Category, pk=category_id)
    in_force = policies.Policies().of(category.pk)
    context = _trial(request, category, in_force, PolicyForm(request.POST), ask="ask" in request.POST)
    return render(request, "review/_policy_trial.html", {"category": category} | context)


@admin_required
@require_http_methods(["GET", "POST"])
def roll_back(request: HttpRequest, version_id: int) -> HttpResponse:
    """What an older version would do if it were in force again; a POST publishes it."""
    version = get_object_or_404(PolicyVersion.objects.select_related("category__parent"), pk=version_id)
    return _back(request, version.category, version, _("Back to version %(number)s") % {"number": version.number})


@admin_required
@require_http_methods(["GET", "POST"])
def inherit(request: HttpRequest, category_id: int) -> HttpResponse:
    """The same for a category that is to inherit again."""
    category = get_object_or_404(Category.objects.select_related("parent"), pk=category_id)
    above = policies.Policies().of(category.parent_id)
    return _back(request, category, above, _("Inherits again from %(category)s") % {"category": above.category})


def _back(request: HttpRequest, category: Category, version: PolicyVersion, note: str) -> HttpResponse:
    own = version.category_id == category.pk
    snapshot = policies.Policies()
    in_force = snapshot.of(category.pk)
    form = RollBackForm(request.POST if request.method == "POST" else None, initial={"note": note, "seen": in_force.pk})
    superseded: dict[str, Any] = {}
    if form.is_valid():
        said = {"author": person(request), "note": form.cleaned_data["note"] or note, "seen": form.cleaned_data["seen"]}
        try:
            made = policies.roll_back(version=version, **said) if own else policies.inherit(category=category, **said)
        except policies.Superseded as error:
            superseded = _superseded(request, form, error)
        except policies.PolicyError as error:
            messages.error(request, error.message)
            return redirect("policy", category_id=category.pk)
        else:
            done = _("Version %(old)s of %(category)s is in force again, as version %(new)s here.")
            messages.success(request, done % {"old": version.number, "category": version.category, "new": made.number})
            return redirect("policy", category_id=category.pk)
    context = {
        "category": category,
        "version": version,
        "own": own,
        "form": form,
        "in_force": in_force,
        "differences": revisions.between(in_force, version),
        "next_number": _next_number(category),
    }
    context |= superseded | _effect_of(category, snapshot, policies.values_of(version))
    return render(request, "review/roll_back.html", context, status=422 if form.errors else 200)


def _superseded(request: HttpRequest, form: SeenForm, error: policies.Superseded) -> dict[str, Any]:
    """Tell what came into force since the form was drawn, and by whom; sent once more, the form was drawn with that."""
    form.add_error(None, error.message)
    typed = request.POST.copy()
    typed["seen"] = str(error.version.pk)
    form.data = typed
    author = error.version.author and Actor.objects.select_related("user").filter(uuid=error.version.author).first()
    return {"superseded": True, "by": _name(author) if author else ""}


def unfinished_rollouts(*, of: set[int] | None = None) -> list[PolicyRollout]:
    """Those of the policies of some categories, by their ids, or of all."""
    found = PolicyRollout.objects.select_related("policy__category").filter(finished_at__isnull=True).order_by("pk")
    return list((found if of is None else found.filter(policy__category__in=of))[:20])


def _typed(in_force: PolicyVersion, form: PolicyForm) -> dict[str, Any] | None:
    """What the form says, field by field where it can be read; None where that is no policy."""
    form.is_valid()
    values = _said(in_force, form)
    try:
        policies.check_instruction(values["instruction"])
        policies.check_thresholds(values["accept_at"], values["review_at"])
    except policies.PolicyError as error:
        form.errors.clear()
        form.add_error(error.field, error.message)
        return None
    return None if form.errors.keys() & {"instruction", "accept_at", "review_at"} else values


def _said(in_force: PolicyVersion, form: PolicyForm) -> dict[str, Any]:
    return policies.values_of(in_force) | {name: value for name, value in form.cleaned_data.items() if name in policies.FIELDS}


def _effect(category: Category, snapshot: policies.Policies, form: PolicyForm) -> dict[str, Any]:
    values = _typed(snapshot.of(category.pk), form)
    if values is None:
        labels = {name: field.label for name, field in form.fields.items()}
        invalid = [(labels.get(name), message) for name, errors in form.errors.items() for message in errors]
        return {"invalid": invalid, "effect_shown": True}
    return _effect_of(category, snapshot, values)


def _effect_of(category: Category, snapshot: policies.Policies, values: dict[str, Any]) -> dict[str, Any]:
    in_force, effect = snapshot.of(category.pk), effects.of(category, values, snapshot)
    return {
        "effect_shown": True,
        "effect": effect,
        "changes": policies.changed(policies.values_of(in_force), values),
        "in_force": in_force,
        "values": values,
        "bars": charts.histogram(effect.bins, accept_at=values["accept_at"], review_at=values["review_at"]),
        "lines": {name: round(charts.WIDE * values[name], 2) for name in ("accept_at", "review_at")},
        "being_applied": PolicyRollout.objects.filter(finished_at__isnull=True).exists(),
        "lines_now": {name: round(charts.WIDE * getattr(in_force, name), 2) for name in ("accept_at", "review_at")},
    }


def _trial(request: HttpRequest, category: Category, in_force: PolicyVersion, form: PolicyForm, *, ask: bool) -> dict[str, Any]:
    """Scores asked for, or looked at again. Nothing is asked before the instruction differs or `ask` says so."""
    values, names = _typed(in_force, form), request.POST.getlist("asked")
    if values is None or not (ask or names or values["instruction"] != in_force.instruction):
        return {}
    try:
        tried = trials.tried(category=category, instruction=values["instruction"], user=person(request), names=names)
    except rerank.QueueFull:
        return {"trial_shown": True, "queue_full": True}
    readings = rerank.readings_of(tried[0].asked) if tried else []
    waiting = any(one.waiting for one in tried)
    bands = {"accept_at": values["accept_at"], "review_at": values["review_at"]}
    rows = []
    for one in tried:
        new = one.answer.probability if one.answer else None
        old_route = trials.led_to(one.old, accept_at=in_force.accept_at, review_at=in_force.review_at)
        new_route = trials.led_to(new, **bands)
        rows.append({"one": one, "new": new, "old_route": old_route, "new_route": new_route, "name": effects.ROUTES.get(new_route, "")})
    return {
        "trial_shown": True,
        "rows": rows,
        "trial_waiting": waiting,
        "no_worker": waiting and not scoring_workers.alive(),
        "reading": readings[0] if readings else None,
        "model": next((one.asked.model for one in tried if one.asked.model), None),
    }


def _next_number(category: Category) -> int:
    return (category.policy_versions.aggregate(newest=Max("number"))["newest"] or 0) + 1


def _history(category: Category, in_force: PolicyVersion) -> list[dict[str, Any]]:
    """The newest versions, each with what it changed of what was in force before it."""
    related = ("restores__category", "rollout__previous__category")
    versions = list(category.policy_versions.select_related("category", *related).order_by("-number")[:VERSIONS_SHOWN])
    actors = Actor.objects.select_related("user").in_bulk({version.author for version in versions if version.author})
    return [
        {
            "version": version,
            "author": _name(actors.get(version.author)) if version.author else "",
            "previous": _previous(version),
            "differences": revisions.between(previous, version) if (previous := _previous(version)) else [],
            "in_force": version.pk == in_force.pk,
            "same": not policies.changed(policies.values_of(in_force), policies.values_of(version)),
        }
        for version in versions
    ]


def _previous(version: PolicyVersion) -> PolicyVersion | None:
    rollout = getattr(version, "rollout", None)
    return rollout.previous if rollout else None


def _name(actor: Actor | None) -> str:
    return actor.user.get_username() if actor and actor.user else _("someone who left")
