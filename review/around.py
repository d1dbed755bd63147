"""What was decided around a case: listings held the same as one of its own or different from it, and the members of their groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from alignment.models import SKU, Actor, Decision, Group, Membership, Pair, User
from review import checks
from review.models import KnownPair

MOST = 30
SAME, DIFFERENT = Decision.Verdict.ACCEPT, Decision.Verdict.REJECT
COUNTED: dict[str, str] = {SAME: "accepted", DIFFERENT: "rejected"}
# Nothing of a first opinion is told while the second is waited for.
TOLD = ~Q(stage=Pair.Stage.SECOND)


@dataclass(frozen=True)
class Neighbour:
    """A listing beside the case: what it is to which of the case's listings, and by whose verdict. A group's member has no decision."""

    sku: SKU
    mark: str
    relation: str
    decision: Decision | None = None
    who: str = ""


@dataclass(frozen=True)
class Around:
    """How many of the query's pairs are decided or discarded, and its group."""

    accepted: int = 0
    rejected: int = 0
    discarded: int = 0
    group: Group | None = None


@dataclass(frozen=True)
class Neighbours:
    """The listings beside a case, and how many there are besides them."""

    shown: list[Neighbour] = field(default_factory=list)
    more: int = 0


def of(query: SKU, pairs: Sequence[Pair], user: User) -> Around:
    """What is around a case's query, but for what could be secret. One query."""
    counts = _counts(query.pk, _listings(pairs), user)
    told = _told(pairs) and not counts["secret"] and hasattr(query, "membership")
    return Around(counts["accepted"], counts["rejected"], counts["discarded"], query.membership.group if told else None)


def neighbours(query: int, pairs: Sequence[Pair], user: User) -> Neighbours:
    """The listings beside a case's own, in a constant number of queries; at most `MOST`."""
    skus = _listings(pairs)
    decided, secret = _decided(skus), list(_secret(skus, user).values_list("pair", flat=True))
    if secret:
        decided = decided.exclude(pk__in=secret)
    nearest = list(decided[: MOST + 1])
    memberships = _memberships(skus) if _told(pairs) and not secret else []
    _read_listings(nearest, memberships)
    found = _by_decision(nearest, skus, query)
    total = len(nearest) if len(nearest) <= MOST else decided.count()
    group = next((membership.group for membership in memberships if membership.sku_id == query), None)
    known = {neighbour.sku.pk for neighbour in found}
    members = [_member(one, group) for one in memberships if one.sku_id not in skus and one.sku_id not in known]
    total += len(members)
    return Neighbours((found + members)[:MOST], max(0, total - MOST))


def _listings(pairs: Sequence[Pair]) -> set[int]:
    return {sku for pair in pairs for sku in (pair.left_id, pair.right_id)}


def _told(pairs: Sequence[Pair]) -> bool:
    """The groups would tell the first opinion where a second is asked for, and, which `_secret` says, how a check is answered."""
    return all(pair.stage != Pair.Stage.SECOND for pair in pairs)


def _secret(skus: Iterable[int], user: User) -> QuerySet[KnownPair]:
    """The pairs around these listings that this person may be asked as hidden checks yet: what is told of them would be the answer."""
    return checks.unanswered(user).filter(Q(pair__left__in=skus) | Q(pair__right__in=skus))


def _counts(query: int, skus: Iterable[int], user: User) -> Counter[str]:
    """How many of the query's pairs are `accepted`, `rejected`, or `discarded` with nothing standing on them, without those that are a
    secret, and whether there is any `secret` around these listings."""
    touching = Pair.objects.filter(Q(left=query) | Q(right=query)).exclude(pk__in=_secret([query], user).values("pair")).order_by()
    counted = {"pairs": Count("pk"), "secret": ExpressionWrapper(Q(Exists(_secret(skus, user))), BooleanField())}
    found: Counter[str] = Counter()
    for verdict, stage, route, pairs, secret in touching.values_list("standing__verdict", "stage", "route").annotate(**counted):
        found["secret"] += secret
        if verdict in COUNTED and stage != Pair.Stage.SECOND:
            found[COUNTED[verdict]] += pairs
        elif verdict is None and route == Pair.Route.DISCARD:
            found["discarded"] += pairs
    return found


def _decided(skus: set[int]) -> QuerySet[Pair]:
    touching = Pair.objects.filter(TOLD, Q(left__in=skus) | Q(right__in=skus), standing__verdict__in=(SAME, DIFFERENT), in_review=False)
    who = Actor.objects.filter(uuid=OuterRef("standing__actor")).values("user__username")
    read = ("left", "right", *(f"standing__{name}" for name in ("verdict", "actor", "created_at")))
    return touching.select_related("standing").only(*read).annotate(who=Subquery(who)).order_by("-standing")


def _read_listings(pairs: Sequence[Pair], memberships: Sequence[Membership]) -> None:
    """Most cases have nothing around them: what there is gets its listings in a query of its own, and what is not costs no joins."""
    wanted = {sku for pair in pairs for sku in (pair.left_id, pair.right_id)} | {membership.sku_id for membership in memberships}
    read = SKU.objects.select_related("source").in_bulk(wanted) if wanted else {}
    for pair in pairs:
        pair.left, pair.right = read[pair.left_id], read[pair.right_id]
    for membership in memberships:
        membership.sku = read[membership.sku_id]


def _by_decision(pairs: Sequence[Any], skus: set[int], query: int) -> list[Neighbour]:
    found = []
    for pair in pairs:
        decision = pair.standing
        assert decision is not None, "only what stands is asked for"
        near, far = (pair.left, pair.right) if pair.left_id in skus and pair.right_id != query else (pair.right, pair.left)
        of_query = near.pk == query
        if decision.verdict == SAME:
            relation = _("same as the query") if of_query else _("same as “%(title)s”") % {"title": _short(near)}
        else:
            relation = _("different from the query") if of_query else _("different from “%(title)s”") % {"title": _short(near)}
        who = (pair.who or _("someone who left")) if decision.actor else _("the policy")
        found.append(Neighbour(far, "=" if decision.verdict == SAME else "≠", relation, decision, who))
    return found


def _memberships(skus: set[int]) -> list[Membership]:
    """The case's own listings in their groups, then the other members: a few more than are shown."""
    homes = list(Membership.objects.filter(sku__in=skus, group__isnull=False).values_list("group", flat=True))
    if not homes:
        return []
    own = ExpressionWrapper(Q(sku__in=skus), output_field=BooleanField())
    found = Membership.objects.filter(group__in=homes).select_related("group").annotate(own=own).order_by("-own", "pk")
    return list(found[: len(skus) + 2 * MOST])


def _member(membership: Membership, group: Group | None) -> Neighbour:
    of_query = group is not None and membership.group_id == group.pk
    return Neighbour(membership.sku, "=", _("in the query's group") if of_query else _("in group %(group)s") % {"group": membership.group})


def _short(sku: SKU) -> str:
    return sku.title if len(sku.title) <= 40 else sku.title[:39].rstrip() + "…"
