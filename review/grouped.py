"""A group as its page shows it: its members, by which decisions they were joined, what stands against it, and how it came to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment import opinions
from alignment.models import SKU, Conflict, Decision, Group, GroupChange, Membership, Pair, User
from review import history, secrecy

MOST_MEMBERS = 200
MOST_CHANGES = 50
MOST_NAMED = 5
KINDS: dict[str, Promise] = {
    GroupChange.Kind.CREATED: _("Began"),
    GroupChange.Kind.CHANGED: _("Members changed"),
    GroupChange.Kind.MERGED: _("Merged into"),
    GroupChange.Kind.RESTORED: _("Came back"),
    GroupChange.Kind.DISSOLVED: _("Dissolved"),
}


@dataclass(frozen=True)
class Join:
    """A decision that holds a member in the group, with the other listing it names."""

    line: history.Line
    other: SKU


@dataclass(frozen=True)
class Member:
    sku: SKU
    joins: list[Join]


@dataclass(frozen=True)
class Change:
    """One entry of the change feed, in words. `line` is the decision behind it, None where this person must not see it yet."""

    change: GroupChange
    kind: Promise
    line: history.Line | None
    added: list[SKU]
    removed: list[SKU]
    more: int


def describe(group: Group, user: User) -> dict[str, Any]:
    """What the page of a group needs, in a constant number of queries."""
    found = Membership.objects.filter(group=group).select_related("sku__source", "sku__category").order_by("sku_id")
    secret = secrecy.of(user, SKU.objects.filter(membership__group=group).order_by().values("pk"))
    skus = [membership.sku for membership in found.exclude(sku__in=secret.listings)[:MOST_MEMBERS]]
    accepts = Pair.objects.filter(standing__verdict=Decision.Verdict.ACCEPT, left__in=skus, right__in=skus).order_by("standing_id")
    pairs = list(accepts.only("left", "right", "standing"))
    changes = list(GroupChange.objects.filter(group=group).select_related("into").order_by("-decision_id", "-pk")[:MOST_CHANGES])
    lines = _lines({pair.standing_id for pair in pairs if pair.standing_id} | {change.decision_id for change in changes}, user)
    return {
        "group": group,
        "members": _members(skus, pairs, lines),
        "more_members": group.size - len(skus) - found.filter(sku__in=secret.listings).count() if len(skus) == MOST_MEMBERS else 0,
        "aliases": list(Group.objects.filter(merged_into=group).order_by("pk")[:MOST_CHANGES]),
        "conflicts": list(
            Conflict.objects.filter(Q(pair__left__in=skus) | Q(pair__right__in=skus))
            .select_related("pair__left__source", "pair__right__source", "decision")
            .exclude(pair__in=secret.checks)
            .order_by("-decision_id")[:MOST_CHANGES]
        ),
        "changes": _changes(changes, lines, secret, {sku.pk: sku for sku in skus}),
    }


def _members(skus: Sequence[SKU], pairs: Sequence[Pair], lines: dict[int, history.Line]) -> list[Member]:
    inside = {sku.pk: sku for sku in skus}
    joins: dict[int, list[Join]] = {pk: [] for pk in inside}
    for pair in pairs:
        if line := lines.get(pair.standing_id or 0):
            joins[pair.left_id].append(Join(line, inside[pair.right_id]))
            joins[pair.right_id].append(Join(line, inside[pair.left_id]))
    return [Member(sku, joins[sku.pk]) for sku in skus]


def _lines(ids: set[int], user: User) -> dict[int, history.Line]:
    found = opinions.visible_to(user).filter(pk__in=ids)
    return {line.decision.pk: line for line in history.lines(found, standing=ids)}


def _changes(
    found: Sequence[GroupChange], lines: dict[int, history.Line], secret: secrecy.Secret, members: Mapping[int, SKU]
) -> list[Change]:
    lines = {pk: line for pk, line in lines.items() if line.decision.pair_id not in secret.checks}
    named = {pk for change in found for pk in (*change.added[:MOST_NAMED], *change.removed[:MOST_NAMED])} - secret.listings
    gone = named - members.keys()
    skus = {**members, **(SKU.objects.in_bulk(gone) if gone else {})}
    return [
        Change(
            change=change,
            kind=KINDS[change.kind],
            line=lines.get(change.decision_id),
            added=[skus[pk] for pk in change.added[:MOST_NAMED] if pk in skus],
            removed=[skus[pk] for pk in change.removed[:MOST_NAMED] if pk in skus],
            more=max(0, len(change.added) - MOST_NAMED) + max(0, len(change.removed) - MOST_NAMED),
        )
        for change in found
    ]
