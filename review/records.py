"""A SKU and a pair as their pages show them: what they say, what is known of them, and what happened to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alignment import facts, opinions, routing
from alignment.models import SKU, AuditEvent, Decision, Group, ImportRun, Pair, Score, TextVersion, User
from alignment.policies import render_instruction
from alignment.rendering import fold
from review import cases, differences, history, secrecy
from review.templatetags.listings import language

MOST_PAIRS = 100
MOST_VERSIONS = 20
MOST_LINES = 50
ROUTES: dict[str, Promise] = {
    Pair.Route.WAITING: gettext_lazy("waits for its score"),
    Pair.Route.ACCEPT: gettext_lazy("accept"),
    Pair.Route.REVIEW: gettext_lazy("review"),
    Pair.Route.DISCARD: gettext_lazy("discard"),
}


@dataclass(frozen=True)
class PairOfSku:
    """One of a SKU's pairs, seen from it. What this person must not see yet is empty."""

    pair: Pair
    other: SKU
    forward: float | None
    reverse: float | None
    route: Promise
    verdict: Promise | str
    sign: str
    by_policy: bool
    hidden: bool
    blind: bool


@dataclass(frozen=True)
class Event:
    """Something that happened to a SKU. `line` is given where it was a decision, about the pair with `other`."""

    at: datetime
    text: str = ""
    line: history.Line | None = None
    other: SKU | None = None
    user: User | None = None
    link: str = ""


@dataclass(frozen=True)
class Direction:
    """One way the model was asked: what it said, as what, and under which instruction."""

    query: SKU
    document: SKU
    score: Score


def listing(sku: SKU, *, beside: SKU | None = None) -> cases.Listing:
    """A listing as a page shows it; beside another, with what of its attributes that one says too."""
    asked = cases._facts(beside) if beside else {}
    attributes = [
        cases.Fact(one.name, one.value, fold(asked[name].value) == fold(one.value) if name in asked else None)
        for name, one in cases._facts(sku).items()
    ]
    return cases.Listing(sku, attributes, cases.web_address(sku.url), sku.description[: cases.LONGEST_DESCRIPTION])


def skus() -> QuerySet[SKU]:
    """SKUs with what `describe_sku` says of them: their group, and the import that brought them."""
    brought = ImportRun.objects.filter(
        source=OuterRef("source"), created_at__lte=OuterRef("created_at"), finished_at__gte=OuterRef("created_at")
    )
    came_with = brought.order_by("-pk").values(said=JSONObject(file_name="file_name", uuid="uuid"))[:1]
    return SKU.objects.select_related("source", "category", "membership__group").annotate(came_with=Subquery(came_with))


def describe_sku(sku: SKU, user: User) -> dict[str, Any]:
    """What the page of a SKU, one of `skus`, needs, in a constant number of queries."""
    secret = secrecy.of(user, [sku.pk])
    pairs, more = _pairs(sku, user, secret)
    versions = list(TextVersion.objects.filter(sku=sku)[:MOST_VERSIONS])
    return {
        "sku": sku,
        "listing": listing(sku),
        "pairs": pairs,
        "more_pairs": more,
        "open_pairs": sum(1 for one in pairs if one.pair.in_review and one.pair.query_id == sku.pk),
        "versions": versions,
        "group": sku.membership.group if hasattr(sku, "membership") and sku.pk not in secret.listings else None,
        "group_is_told": sku.pk in secret.checked or sku.pk not in secret.listings,
        # Of very many pairs the ids of all are asked for.
        "events": _events(sku, history.pairs_of([sku.pk]) if more else [one.pair.pk for one in pairs], versions, user, secret),
    }


def _pairs(sku: SKU, user: User, secret: secrecy.Secret) -> tuple[list[PairOfSku], bool]:
    found = list(
        Pair.objects.filter(Q(left=sku) | Q(right=sku)).select_related(
            "left__source", "right__source", "score", "reverse_score", "policy", "standing"
        )[: MOST_PAIRS + 1]
    )
    found = [secrecy.as_asked(pair, secret) for pair in found]
    hidden, blind = history.hidden(found, user), history.blind(found, user)
    shown = [_pair_of(sku, pair, hidden, blind) for pair in found[:MOST_PAIRS]]
    return sorted(shown, key=_likeliest), len(found) > MOST_PAIRS


def _likeliest(one: PairOfSku) -> tuple[bool, float, int]:
    return (not one.pair.in_review, -max(one.forward or 0.0, one.reverse or 0.0), one.pair.pk)


def _pair_of(sku: SKU, pair: Pair, hidden: set[int], blind: set[int]) -> PairOfSku:
    other = pair.right if pair.left_id == sku.pk else pair.left
    scores = (pair.score, pair.reverse_score) if pair.query_id == sku.pk else (pair.reverse_score, pair.score)
    forward, reverse = (score.probability if score and pair.pk not in blind else None for score in scores)
    stands = None if pair.pk in hidden else pair.standing
    return PairOfSku(
        pair=pair,
        other=other,
        forward=forward,
        reverse=reverse,
        route=ROUTES[pair.route],
        verdict=history.VERDICTS[stands.verdict] if stands else "",
        sign=history.SIGNS[Decision.Verdict(stands.verdict)] if stands else "",
        by_policy=bool(stands and stands.by == Decision.By.POLICY),
        hidden=pair.pk in hidden,
        blind=pair.pk in blind,
    )


def _events(sku: Any, touching: list[int], versions: Sequence[TextVersion], user: User, secret: secrecy.Secret) -> list[Event]:
    """The latest of what happened to a SKU that has these pairs, newest first."""
    decided = list(
        opinions.visible_to(user)
        .filter(pair__in=touching)
        .exclude(pair__in=secret.checks)
        .select_related("pair__left__source", "pair__right__source", "policy__category", "withdraws", "note")
        .order_by("-pk")[:MOST_LINES]
    )
    corrected = list(AuditEvent.objects.filter(subject=str(sku.uuid), action="correct language").order_by("-created_at")[:MOST_LINES])
    users = history.people([*(decision.actor for decision in decided), *(event.actor for event in corrected)])
    standing = [decision.pair.standing_id for decision in decided]
    events = [
        Event(line.decision.created_at, line=line, other=_other(line.decision.pair, sku))
        for line in history.lines(decided, standing=standing, users=users)
    ]
    for event in corrected:
        was, now = (language(str(event.detail.get(key, ""))) or _("unknown") for key in ("from", "to"))
        text = _("Language corrected from %(was)s to %(now)s") % {"was": was, "now": now}
        events.append(Event(event.created_at, text, user=users.get(event.actor) if event.actor else None))
    events += [Event(version.replaced_at, _("The shop changed its text")) for version in versions]
    if sku.delisted_at:
        events.append(Event(sku.delisted_at, _("Delisted: a complete file of its source no longer had it")))
    came = _("Came with %(file)s") % {"file": sku.came_with["file_name"]} if sku.came_with else _("Came into the catalogue")
    events.append(Event(sku.created_at, came, link=str(UUID(sku.came_with["uuid"])) if sku.came_with else ""))
    return sorted(events, key=lambda event: event.at, reverse=True)[: 2 * MOST_LINES]


def _other(pair: Pair, sku: SKU) -> SKU:
    return pair.right if pair.left_id == sku.pk else pair.left


def describe_pair(pair: Pair, user: User) -> dict[str, Any]:
    """What the page of a pair needs, in a constant number of queries. The pair comes with all that it refers to."""
    query, candidate = (pair.left, pair.right) if pair.query_id == pair.left_id else (pair.right, pair.left)
    secret = secrecy.of(user, [pair.left_id, pair.right_id])
    pair, is_check = secrecy.as_asked(pair, secret), pair.pk in secret.checks
    hidden, blind = bool(history.hidden([pair], user)), bool(history.blind([pair], user))
    decided = opinions.visible_to(user).filter(pair=pair).order_by("-pk")[: 2 * MOST_LINES]
    asked = [(query, candidate, pair.score), (candidate, query, pair.reverse_score)]
    return {
        "pair": pair,
        "query": listing(query),
        "candidate": listing(candidate, beside=query),
        "compared": differences.between(query, candidate),
        "directions": [] if blind else [Direction(one, other, score) for one, other, score in asked if score],
        "route": ROUTES[pair.route],
        "why": [] if blind else _why(pair),
        "instruction": render_instruction(pair.policy, category=pair.category, query=query) if pair.policy else "",
        "hidden": hidden,
        "blind": blind,
        "lines": [] if hidden or is_check else history.lines(decided, standing=[pair.standing_id]),
        "group": None if hidden or {pair.left_id, pair.right_id} & secret.listings else _common_group(pair),
        "conflict": not hidden and not is_check and hasattr(pair, "conflict"),
        "is_check": is_check,
    }


def _why(pair: Pair) -> list[str]:
    """Why the route is what it is, as sentences."""
    if pair.route == Pair.Route.WAITING or pair.policy is None:
        return []
    policy = pair.policy
    routed = {
        routing.route(score.probability, accept_at=policy.accept_at, review_at=policy.review_at)
        for score in (pair.score, pair.reverse_score)
        if score
    }
    found = []
    if len(routed) > 1:
        found.append(_("The two directions lead to different routes, so that people decide."))
    if pair.guard:
        found.append(_("Facts in conflict kept it from being accepted by itself: %(kinds)s.") % {"kinds": facts.names(pair.guard)})
    return found


def _common_group(pair: Pair) -> Group | None:
    return Group.objects.filter(memberships__sku=pair.left_id).filter(memberships__sku=pair.right_id).first()
