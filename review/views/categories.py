"""The category tree: what lies where, and changes of it, each with what would follow before it is done."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from alignment import catalogue, category_tree, runs
from alignment.catalogue import CategoryError
from alignment.models import Category, CategoryChange
from review import category_rows
from review.permissions import admin_required, person

MOST_SUGGESTED = 500


@never_cache
@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    at = _asked(request.GET.get("at"))
    return render(request, "review/categories.html", {"tree": category_rows.tree(at), "changes": _unfinished()})


@never_cache
@admin_required
@require_GET
def detail(request: HttpRequest, category_id: int) -> HttpResponse:
    category = get_object_or_404(Category.objects.select_related("parent"), pk=category_id)
    return _detail(request, category)


def _detail(request: HttpRequest, category: Category, *, act: str = "", problem: str = "", typed: str = "") -> HttpResponse:
    row = category_rows.tree(category).rows[0]
    context = {
        "category": category,
        "row": row,
        "aliases": category.aliases.order_by("path")[:20],
        "paths": Category.objects.exclude(path="").order_by("path").values_list("path", flat=True)[:MOST_SUGGESTED],
        "act": act,
        "problem": problem,
        "typed": typed,
        "changes": _unfinished(),
    }
    return render(request, "review/category.html", context, status=422 if problem else 200)


@admin_required
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, category_id: int) -> HttpResponse:
    """A rename, move or merge: asked by GET it shows what would follow, by POST it is done."""
    category = Category.objects.select_related("parent").filter(pk=category_id).first()
    if category is None:
        return _gone(request)
    asked = request.GET if request.method == "GET" else request.POST
    act, to = asked.get("act", ""), asked.get("to", "").replace("\x00", "")[:1000]
    try:
        plan = _plan(category, act, to)
    except category_tree.SameName as same:
        context = {"category": category, "other": same.other, "problem": str(same)}
        return render(request, "review/category_same_name.html", context, status=422)
    except CategoryError as error:
        return _refused(request, category, error, act=act, typed=to)
    if request.method == "GET":
        return render(request, "review/category_change.html", {"plan": plan, "category": category, "act": act, "to": to} | _effect(plan))
    try:
        run = category_tree.apply(plan, user=person(request))
    except CategoryError as error:
        return _refused(request, category, error, act=act, typed=to)
    if run.unfinished:
        messages.info(request, _("The tree is changed. What follows for scores and routes is worked through now."))
        return redirect("run", run=run.uuid)
    messages.success(request, _("%(before)s is now %(after)s.") % {"before": run.before, "after": run.after})
    return redirect("category", category_id=plan.into.pk if act == "merge" and plan.into else category.pk)


def _refused(request: HttpRequest, category: Category, error: CategoryError, *, act: str, typed: str = "") -> HttpResponse:
    """Told where it was asked. What a second press finds done is no fault of whoever pressed."""
    if request.method == "POST" and isinstance(error, category_tree.AlreadySo):
        return redirect("category", category_id=category.pk)
    if not Category.objects.filter(pk=category.pk).exists():
        return _gone(request)
    return _detail(request, category, act=act, problem=str(error), typed=typed)


def _gone(request: HttpRequest) -> HttpResponse:
    messages.info(request, _("That category is gone: it was deleted, or merged into another."))
    return redirect("categories")


def _plan(category: Category, act: str, to: str) -> category_tree.Plan:
    if act == "rename":
        return category_tree.plan_rename(category, to)
    into = catalogue.get_category(to) if to.strip() else Category.objects.get(path="")
    if into is None:
        raise CategoryError(_("There is no such category."))
    if act == "move":
        return category_tree.plan_move(category, into)
    if act == "merge":
        return category_tree.plan_merge(category, into)
    raise CategoryError(_("Say what is to be done with it."))


def _effect(plan: category_tree.Plan) -> dict[str, Any]:
    return {"skus": plan.skus, "rescored": plan.rescored_pairs, "rerouted": plan.rerouted_pairs, "most": category_tree.COUNTED}


@admin_required
@require_POST
def add(request: HttpRequest, category_id: int) -> HttpResponse:
    parent = Category.objects.filter(pk=category_id).first()
    if parent is None:
        return _gone(request)
    try:
        made = category_tree.add(parent=parent, name=request.POST.get("name", "").replace("\x00", ""), user=person(request))
    except CategoryError as error:
        return _refused(request, parent, error, act="add", typed=request.POST.get("name", "")[:200])
    messages.success(request, _("%(path)s is added.") % {"path": made.path})
    return redirect("category", category_id=parent.pk)


@admin_required
@require_POST
def delete(request: HttpRequest, category_id: int) -> HttpResponse:
    category = Category.objects.filter(pk=category_id).first()
    if category is None:
        return _gone(request)
    try:
        category_tree.delete(category=category, user=person(request))
    except CategoryError as error:
        return _refused(request, category, error, act="delete")
    messages.success(request, _("%(path)s is deleted.") % {"path": category.path})
    return redirect("categories")


def _asked(text: str | None) -> Category:
    if text and text.isascii() and text.isdigit() and len(text) < 19:
        return get_object_or_404(Category, pk=int(text))
    return Category.objects.get(path="")


def _unfinished() -> list[CategoryChange]:
    return list(runs.unfinished(CategoryChange)[:5])
