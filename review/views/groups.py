"""Confirmed groups: all of them as a list, and one with its members, its conflicts and its history."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import get_format
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from alignment import export
from alignment import groups as confirmed
from alignment.models import SKU, Decision, Group, Membership
from review import grouped, lists, secrecy
from review.lists import Column, Filter, Sort, Text
from review.permissions import person, reviewer_required
from review.templatetags.face import unbroken
from review.templatetags.listings import language
from review.views.skus import categories, in_category, languages, of_source, sources

STREAMED = {"csv": ("text/csv; charset=utf-8", export.as_csv), "ndjson": ("application/x-ndjson", export.as_ndjson)}


def _with_member(rows: QuerySet[Any], members: QuerySet[Membership]) -> QuerySet[Any]:
    return rows.filter(Exists(members))


def _of_source(rows: QuerySet[Any], name: str) -> QuerySet[Any]:
    return _with_member(rows, of_source(Membership.objects.filter(group=OuterRef("pk")), name, "sku__source"))


def _of_language(rows: QuerySet[Any], code: str) -> QuerySet[Any]:
    return _with_member(rows, Membership.objects.filter(group=OuterRef("pk"), sku__language=code))


def _of_category(rows: QuerySet[Any], path: str) -> QuerySet[Any]:
    return _with_member(rows, in_category(Membership.objects.filter(group=OuterRef("pk")), path, field="sku__category"))


def _complete(rows: list[Any]) -> None:
    """Each group's languages and sources, a listing to know it by, and when it changed."""
    members: dict[int, list[Membership]] = {row.pk: [] for row in rows}
    for membership in Membership.objects.filter(group__in=rows).select_related("sku__source").order_by("sku_id"):
        if membership.group_id:
            members[membership.group_id].append(membership)
    changed = dict(Decision.objects.filter(pk__in={row.changed_at for row in rows}).values_list("pk", "created_at"))
    for row in rows:
        skus = [membership.sku for membership in members[row.pk]]
        row.example = skus[0] if skus else None
        row.languages = sorted({sku.language for sku in skus if sku.language})
        row.sources = sorted({sku.source.name for sku in skus})
        row.changed = changed.get(row.changed_at)


def _example(group: Any) -> Text | str:
    return Text(group.example.title, group.example.language) if group.example else ""


GROUPS = lists.List(
    name="groups",
    columns=[
        Column("name", _("Group"), str, shown=unbroken, link=lambda group: reverse("group", args=[group.uuid])),
        Column("example", _("One of its listings"), _example),
        Column("size", _("SKUs"), lambda group: group.size, sort="size"),
        Column(
            "languages",
            _("Languages"),
            lambda group: " ".join(group.languages),
            shown=lambda group: get_format("BETWEEN_NAMES").join(language(code) for code in group.languages),
        ),
        Column("sources", _("Sources"), lambda group: ", ".join(group.sources)),
        Column("changed", _("Last changed"), lambda group: group.changed, sort="changed"),
        Column("group", _("Group"), lambda group: str(group.uuid), on_page=False),
        Column("position", _("Log position"), lambda group: group.changed_at, on_page=False),
    ],
    sorts=[Sort("changed", _("Last changed"), "changed_at"), Sort("size", _("SKUs"), "size")],
    first="-changed",
    filters=[
        Filter("source", _("Source"), _of_source, choices=sources),
        Filter("language", _("Language"), _of_language, choices=languages),
        Filter("category", _("Category"), _of_category, suggestions=categories),
    ],
    complete=_complete,
    counted=500,
)


@reviewer_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    return lists.respond(request, GROUPS, Group.objects.filter(size__gt=0), template="review/groups.html")


@never_cache
@reviewer_required
@require_GET
def detail(request: HttpRequest, group: str) -> HttpResponse:
    """One group. The id of a merged one leads to where its members are now."""
    asked = get_object_or_404(Group.objects.select_related("merged_into"), uuid=group)
    now = confirmed.survivor(asked)
    if now.pk != asked.pk:
        return redirect(f"{reverse('group', args=[now.uuid])}?was={asked.pk}")
    was = request.GET.get("was", "")
    context = grouped.describe(now, person(request))
    return render(request, "review/group.html", context | {"was": next((one for one in context["aliases"] if str(one.pk) == was), None)})


@reviewer_required
@require_GET
def download(request: HttpRequest, group: str, kind: str) -> HttpResponseBase:
    found = get_object_or_404(Group, uuid=group)
    if kind not in STREAMED:
        raise Http404
    if SKU.objects.filter(secrecy.of_listings(person(request)), membership__group=found).exists():
        messages.error(request, _("What you have still to decide would be told by this file. It is there once you have decided."))
        return redirect("group", group=group)
    media, stream = STREAMED[kind]
    headers = {"Content-Disposition": f'attachment; filename="{found}.{kind}"'}
    return StreamingHttpResponse(stream(Group.objects.filter(pk=found.pk)), content_type=media, headers=headers)
