"""The catalogue: every SKU as a list, and one SKU with all that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from alignment import catalogue, search
from alignment.models import SKU, Category, Membership, Source, User
from review import checks, leases, lists, records, secrecy
from review.lists import Column, Filter, Sort, Text
from review.permissions import admin_required, person, reviewer_required
from review.templatetags.listings import language

MOST_SUGGESTED = 500
USUAL_LANGUAGES = ("de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "zh")


def in_category(rows: QuerySet[Any], path: str, *, field: str = "category") -> QuerySet[Any]:
    """Rows of a category and all below it; where no category has that path, of every one whose path holds those words."""
    # By ids, known beforehand: a join would have the database guess how many rows there are, and read them all.
    return rows.filter(**{f"{field}__in": catalogue.meant(path)})


def of_source(rows: QuerySet[Any], name: str, *fields: str) -> QuerySet[Any]:
    """Rows of one source, in any of these fields: by its id, so that an index of the source serves their order."""
    found = Source.objects.filter(name=name).values_list("pk", flat=True).first()
    return rows.filter(Q(*((field, found) for field in fields or ("source",)), _connector=Q.OR)) if found else rows.none()


def sources() -> list[tuple[str, str]]:
    return [(name, name) for name in Source.objects.values_list("name", flat=True)[:MOST_SUGGESTED]]


def languages() -> list[tuple[str, str]]:
    return sorted(((code, language(code)) for code in catalogue.languages()), key=lambda one: one[1])


def categories() -> Sequence[str]:
    return list(Category.objects.exclude(path="").values_list("path", flat=True)[:MOST_SUGGESTED])


def _holding(rows: QuerySet[Any], words: str) -> QuerySet[Any]:
    """The rows found by some words: of very many the newest few hundred."""
    found = search.matching(words)
    return rows if found is None else rows.filter(pk__in=found)


def _listed(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    return rows.filter(delisted_at__isnull=value != "delisted")


def _grouped(rows: QuerySet[Any], value: str, reader: User | None = None) -> QuerySet[Any]:
    """As the list shows it to this reader."""
    inside = Membership.objects.filter(sku=OuterRef("pk"), group__isnull=False)
    if value == "in":
        rows = rows.filter(Exists(inside))
        return rows.exclude(secrecy.of_listings(reader)) if reader else rows
    # Of those that seem alone to this reader it is said within: of a condition that is either of two each listing is looked at by itself.
    return rows.filter(~Exists(inside.exclude(sku__in=secrecy.listings(reader)) if reader else inside))


def _with_groups(rows: list[SKU], reader: User | None = None) -> None:
    found = Membership.objects.select_related("group").filter(sku__in=rows, group__isnull=False)
    if reader:
        found = found.exclude(secrecy.of_listings(reader, field="sku"))
    groups = {membership.sku_id: membership.group for membership in found}
    for row in rows:
        row.in_group = groups.get(row.pk)  # type: ignore[attr-defined]


def _without_groups(rows: list[SKU]) -> None:
    for row in rows:
        row.in_group = None  # type: ignore[attr-defined]


SKUS = lists.List(
    name="skus",
    columns=[
        Column(
            "title",
            _("Title"),
            lambda sku: Text(sku.title, sku.language),
            link=lambda sku: reverse("sku", args=[sku.uuid]),
            names_row=True,
        ),
        Column("source", _("Source"), lambda sku: sku.source.name),
        Column("external_id", _("Id at its source"), lambda sku: sku.external_id),
        Column("language", _("Language"), lambda sku: sku.language, shown=lambda sku: language(sku.language) if sku.language else ""),
        Column("category", _("Category"), lambda sku: sku.category.path if sku.category else ""),
        Column(
            "state",
            _("State"),
            lambda sku: "delisted" if sku.delisted_at else "listed",
            shown=lambda sku: _("delisted") if sku.delisted_at else "",
        ),
        Column(
            "group",
            _("Group"),
            lambda sku: str(sku.in_group) if sku.in_group else "",
            link=lambda sku: reverse("group", args=[sku.in_group.uuid]),
        ),
        Column("gtin", _("GTIN"), lambda sku: sku.gtin, on_page=False),
        Column("sku", _("SKU"), lambda sku: str(sku.uuid), on_page=False),
        Column("updated", _("Last changed"), lambda sku: sku.updated_at, sort="updated"),
        Column("added", _("Added"), lambda sku: sku.created_at, on_page=False),
    ],
    sorts=[Sort("updated", _("Last changed"), "updated_at"), Sort("added", _("Added"), "pk")],
    first="-updated",
    filters=[
        Filter("q", _("Words or code"), _holding),
        Filter("source", _("Source"), of_source, choices=sources),
        Filter("language", _("Language"), lambda rows, value: rows.filter(language=value), choices=languages),
        Filter("category", _("Category"), in_category, suggestions=categories),
        Filter("state", _("State"), _listed, choices=lambda: [("listed", _("listed")), ("delisted", _("delisted"))]),
        Filter("group", _("Group"), _grouped, choices=lambda: [("in", _("in a group")), ("alone", _("alone"))]),
    ],
    complete=_with_groups,
)


@reviewer_required
@require_GET
def catalogue_list(request: HttpRequest) -> HttpResponse:
    reader = person(request)
    filters = [replace(one, narrow=partial(_grouped, reader=reader)) if one.name == "group" else one for one in SKUS.filters]
    shown = replace(SKUS, filters=filters, complete=partial(_with_groups, reader=reader))
    if group := lists.read(request, shown).filters.get("group"):
        # Each is looked for in two tables. What is in a group is so for this reader; of what is alone no group is asked for.
        complete = _with_groups if group == "in" else _without_groups
        shown = replace(shown, counted=1_000, complete=complete)
    rows = SKU.objects.select_related("source", "category").defer("description", "attributes", "source__mapping")
    return lists.respond(request, shown, rows, template="review/catalogue.html")


def _offered() -> list[tuple[str, str]]:
    """Languages that a listing can be said to be in: the usual ones, and whatever the catalogue holds."""
    codes = {*USUAL_LANGUAGES, *catalogue.languages()}
    return sorted(((code, language(code)) for code in codes), key=lambda one: one[1])


def _found(sku: str) -> SKU:
    return get_object_or_404(records.skus(), uuid=sku)


@never_cache
@reviewer_required
@require_GET
def detail(request: HttpRequest, sku: str) -> HttpResponse:
    found, user = _found(sku), person(request)
    context = records.describe_sku(found, user)
    if user.is_admin:
        context["languages"] = _offered()
    return render(request, "review/sku.html", context)


@admin_required
@require_POST
def correct_language(request: HttpRequest, sku: str) -> HttpResponse:
    found, chosen = _found(sku), request.POST.get("language", "")
    if chosen not in dict(_offered()):
        messages.error(request, _("Choose one of the languages offered."))
    elif chosen != found.language:
        catalogue.correct_language(sku=found, language=chosen, user=person(request))
        messages.success(request, _("The language was corrected; its candidates are scored anew where the instruction names it."))
    return redirect("sku", sku=found.uuid)


@reviewer_required
@require_POST
def review(request: HttpRequest, sku: str) -> HttpResponse:
    """Take the case of this SKU, where it has one that this person may decide and nobody else is at."""
    found, user = _found(sku), person(request)
    for escalated in (False, True):
        if leases.take_case(user, escalated=escalated, query_id=found.pk):
            return redirect("escalated" if escalated else "case")
    # Its page shows a check as a pair that waits for them, so that it must be there to be answered.
    if any(leases.take_check(user, known) for known in checks.unanswered(user).filter(pair__query=found)[:1]):
        return redirect("case")
    messages.info(request, _("Nothing of it is yours to decide now: somebody else is at it, or it is decided."))
    return redirect("sku", sku=found.uuid)
