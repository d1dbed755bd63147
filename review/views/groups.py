"""Confirmed groups: all of them as a list, and one with its members, its conflicts and its history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet, Subquery
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
from alignment.models import SKU, Category, Decision, Group, Membership
from review import grouped, lists, secrecy
from review.bounded import COUNTED, Bounded
from review.lists import Column, Filter, Sort, Text
from review.permissions import person, reviewer_required
from review.templatetags.face import unbroken
from review.templatetags.listings import language
from review.views.skus import categories, in_category, languages, of_source, sources

STREAMED = {"csv": ("text/csv; charset=utf-8", export.as_csv), "ndjson": ("application/x-ndjson", export.as_ndjson)}
FEW_SKUS = COUNTED
MANY = FEW_SKUS + 1
COUNTED_BY_MEMBER = 100


# The SKUs that a filter means.
MEANT: dict[str, Callable[[QuerySet[SKU], str], QuerySet[SKU]]] = {
    "source": of_source,
    "language": lambda skus, code: skus.filter(language=code),
    "category": in_category,
}


def _with_member(rows: QuerySet[Any], value: str, *, name: str, skus: QuerySet[SKU] | None = None, count: int = MANY) -> QuerySet[Any]:
    """Groups that one of these SKUs, or of those that the filter means, is in. Found from the SKUs where these are few; of many SKUs each
    group is asked as the list comes to it, and soon enough are found."""
    skus = MEANT[name](SKU.objects.all(), value) if skus is None else skus
    if not count:
        return rows.none()
    if count > FEW_SKUS:
        return rows.filter(Exists(Membership.objects.filter(group=OuterRef("pk"), sku__in=skus)))
    # One look-up a SKU: of a join PostgreSQL guesses that all memberships are read sooner than some thousands looked up.
    homes = skus.order_by().values(of_group=Subquery(Membership.objects.filter(sku=OuterRef("pk")).values("group")))
    return rows.filter(pk__among=homes)


def _complete(rows: list[Any]) -> None:
    """Each group's languages and sources, a listing to know it by, and when it changed."""
    members: dict[int, list[tuple[str, str, str]]] = {row.pk: [] for row in rows}
    told = ("group", "sku__title", "sku__language", "sku__source__name")
    for group, *member in Membership.objects.filter(group__in=list(members)).order_by("sku_id").values_list(*told):
        members[group].append(tuple(member))
    for row in rows:
        skus = members[row.pk]
        row.example = Text(*skus[0][:2]) if skus else ""
        row.languages = sorted({code for _title, code, _source in skus if code})
        row.sources = sorted({source for _title, _code, source in skus})


GROUPS = lists.List(
    name="groups",
    columns=[
        Column("name", _("Group"), str, shown=unbroken, link=lambda group: reverse("group", args=[group.uuid]), names_row=True),
        Column("example", _("One of its listings"), lambda group: group.example),
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
        Filter("source", _("Source"), partial(_with_member, name="source"), choices=sources),
        Filter("language", _("Language"), partial(_with_member, name="language"), choices=languages),
        Filter("category", _("Category"), partial(_with_member, name="category"), suggestions=categories),
    ],
    complete=_complete,
)


def _knowing_how_many(chosen: dict[str, str]) -> lists.List:
    """The list, where its filters know how many SKUs each means: of all of them in one query."""
    if not chosen:
        return GROUPS
    meant = {name: MEANT[name](SKU.objects.all(), value) for name, value in chosen.items()}
    amounts = {f"of_{name}": Bounded(skus) for name, skus in meant.items()}
    known = Category.objects.filter(parent=None).annotate(**amounts).values(*amounts).get()
    narrow = {
        name: partial(_with_member, name=name, skus=skus, count=known[f"of_{name}"] or 0)  # Of no source at all nothing is counted.
        for name, skus in meant.items()
    }
    filters = [replace(one, narrow=narrow.get(one.name, one.narrow)) for one in GROUPS.filters]
    # Where each group is asked for a member, counting is what would take long.
    return replace(GROUPS, filters=filters, counted=COUNTED_BY_MEMBER)


@reviewer_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    made = Decision.objects.filter(pk=OuterRef("changed_at")).values("created_at")
    shape = _knowing_how_many(lists.read(request, GROUPS).filters)
    return lists.respond(request, shape, Group.objects.filter(size__gt=0).annotate(changed=Subquery(made)), template="review/groups.html")


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
