"""Accepts that stand in the log but cannot be applied: they would join what a person keeps apart."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from alignment import decisions
from alignment.models import SKU, Conflict, Decision
from review import cells, lists
from review.lists import Column, Filter, Sort
from review.permissions import admin_required, person
from review.templatetags.face import ago
from review.templatetags.listings import exact, score
from review.views.skus import categories, in_category, of_source, sources


def _title(sku: SKU) -> SafeString:
    return cells.in_language(Truncator(sku.title).chars(120), sku.language)


def _left(conflict: Conflict) -> SafeString:
    left = conflict.pair.left
    return cells.with_more(cells.link(reverse("pair", args=[conflict.pair_id]), _title(left)), left.source)


def _right(conflict: Conflict) -> SafeString:
    return cells.with_more(_title(conflict.pair.right), conflict.pair.right.source)


def _score(conflict: Conflict) -> SafeString:
    found = conflict.decision.score
    return cells.exactly(score(found), exact(found))


BY = {Decision.By.PERSON: gettext_lazy("a person"), Decision.By.POLICY: gettext_lazy("a policy")}
CONFLICTS = lists.List(
    name="conflicts",
    columns=[
        Column("one", gettext_lazy("One listing"), lambda conflict: conflict.pair.left.title, shown=_left, names_row=True),
        Column(
            "other",
            gettext_lazy("The other"),
            lambda conflict: conflict.pair.right.title,
            shown=_right,
        ),
        Column(
            "by",
            gettext_lazy("Accepted by"),
            lambda conflict: conflict.decision.by,
            shown=lambda conflict: cells.with_more(BY[conflict.decision.by], ago(conflict.decision.created_at)),
        ),
        Column("score", gettext_lazy("Score"), lambda conflict: conflict.decision.score, shown=_score),
        Column("since", gettext_lazy("Since"), lambda conflict: conflict.decision.created_at, on_page=False),
        Column("pair", gettext_lazy("Pair"), lambda conflict: conflict.pair_id, sort="pair"),
        Column(
            "settle",
            "",
            lambda conflict: "",
            shown=lambda conflict: cells.button(reverse("settle", args=[conflict.pair_id]), _("Different products")),
            in_export=False,
        ),
    ],
    sorts=[Sort("newest", gettext_lazy("Newest"), "pk"), Sort("pair", gettext_lazy("Pair"), "pair")],
    first="-newest",
    filters=[
        Filter("by", gettext_lazy("Accepted by"), lambda rows, value: rows.filter(decision__by=value), choices=lambda: list(BY.items())),
        Filter("category", gettext_lazy("Category"), partial(in_category, field="pair__category"), suggestions=categories),
        Filter(
            "source",
            gettext_lazy("Source"),
            lambda rows, value: of_source(rows, value, "pair__left__source", "pair__right__source"),
            choices=sources,
        ),
    ],
)


@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    rows = Conflict.objects.select_related("decision", "pair__left__source", "pair__right__source")
    return lists.respond(request, CONFLICTS, rows, template="review/conflicts.html")


@admin_required
@require_POST
def settle(request: HttpRequest, pair_id: int) -> HttpResponse:
    """End a conflict: these two are different products, says an admin. The log keeps both verdicts."""
    conflict = Conflict.objects.filter(pair=pair_id).first()
    if conflict is None:
        messages.info(request, _("This conflict is settled already."))
        return redirect("conflicts")
    try:
        decisions.decide(
            pair_id=pair_id, verdict="reject", user=person(request), seen_standing=conflict.decision_id, reason="settled a conflict"
        )
    except decisions.DecisionError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Settled: the two listings are different products."))
    return redirect("conflicts")
