"""Decisions -> groups, conflicts, changes, in the decision's own transaction. The rules are in `alignment.ledger`."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Max, Q

from alignment.ledger import Edge, Key, Ledger, person_key, policy_key
from alignment.models import SKU, Conflict, Decision, Group, GroupChange, Membership, Pair

# Row by row costs less for so many: a `bulk_update` is a long statement to write.
FEW = 3


@dataclass(frozen=True)
class Step:
    """One log position: the pair it is about, and the decision that stands on it from there on."""

    position: int
    pair: Pair
    standing: Decision | None


@dataclass
class Moved:
    """What decisions moved, in SKUs: those whose group has other members now, and those of units kept apart since, or no longer."""

    regrouped: set[int] = field(default_factory=set)
    apart: set[int] = field(default_factory=set)


def accept_key(standing: Decision | None) -> Key | None:
    if standing is None or standing.verdict != Decision.Verdict.ACCEPT:
        return None
    return person_key(standing.pk) if standing.by == Decision.By.PERSON else policy_key(standing.score, standing.pair_id)


def is_reject(standing: Decision | None) -> bool:
    return standing is not None and standing.verdict == Decision.Verdict.REJECT


def position() -> int:
    """The log position that groups stand at now: 0 for an empty log."""
    return Decision.objects.aggregate(newest=Max("id"))["newest"] or 0


def group_of(sku: SKU) -> Group | None:
    """The group a SKU is in, None for a SKU alone."""
    membership = Membership.objects.select_related("group").filter(sku=sku).first()
    return membership.group if membership else None


def survivor(group: Group) -> Group:
    """Where a merged group's members are now: itself when it was not merged."""
    while group.merged_into is not None:
        group = group.merged_into
    return group


def apply(steps: Sequence[Step]) -> Moved:
    """Bring the groups up to date with decisions just logged, whose pairs still hold what stood before them."""
    skus = {sku for step in steps for sku in (step.pair.left_id, step.pair.right_id)}
    ledger, known, conflicts = _load(skus)
    touched = ledger.region(skus)
    moved = Moved()
    for step in steps:
        edge, rejected, told = (step.pair.left_id, step.pair.right_id), is_reject(step.standing), len(ledger.changes)
        if rejected != (edge in ledger.rejects):
            moved.apart |= ledger.unit(edge[0]) | ledger.unit(edge[1])
        ledger.apply(step.position, edge, accept=accept_key(step.standing), reject=rejected)
        for change in ledger.changes[told:]:
            moved.regrouped |= ledger.members[change.group] | set(change.removed)
    standing = {(step.pair.left_id, step.pair.right_id): (step.pair.pk, step.standing) for step in steps}
    _store(ledger, known, touched | skus)
    _store_conflicts(ledger.conflicts, conflicts, standing)
    return moved


def _load(seeds: set[int]) -> tuple[Ledger, dict[uuid.UUID, Group], dict[Edge, Conflict]]:
    """The whole regions of some SKUs, as they stand in the database, with the rows of their groups and conflicts."""
    ledger, found, frontier = Ledger(), set(seeds), set(seeds)
    definite = Pair.objects.filter(standing__verdict__in=(Decision.Verdict.ACCEPT, Decision.Verdict.REJECT)).select_related("standing")
    apart: set[Edge] = set()
    while frontier:
        reached: set[int] = set()
        for chunk in _chunks(frontier):
            for pair in definite.filter(Q(left__in=chunk) | Q(right__in=chunk)).only("left", "right", "standing"):
                edge = (pair.left_id, pair.right_id)
                if is_reject(pair.standing):
                    apart.add(edge)
                else:
                    ledger.set_accept(edge, accept_key(pair.standing))
                    reached |= {*edge}
        frontier = reached - found
        found |= frontier
    for edge in apart:
        if found.issuperset(edge):
            ledger.set_reject(edge, True)
    conflicts = {
        (row.pair.left_id, row.pair.right_id): row
        for chunk in _chunks(found)
        for row in Conflict.objects.select_related("pair").only("decision", "pair__left", "pair__right").filter(pair__left__in=chunk)
    }
    ledger.conflicts |= conflicts.keys()
    groups: dict[int, Group] = {}
    memberships = [m for chunk in _chunks(found) for m in Membership.objects.filter(sku__in=chunk)]
    # A home may be in use by SKUs outside this region: its members are loaded, so that it is not given away.
    wanted = {m.home_id for m in memberships} | {m.group_id for m in memberships if m.group_id}
    while wanted:
        for chunk in _chunks(wanted):
            groups |= Group.objects.select_related("merged_into").in_bulk(chunk)
        # A home's members may have gone to a group that nothing in this region belongs to.
        wanted = {group.merged_into_id for group in groups.values() if group.merged_into_id} - groups.keys()
    for group in groups.values():
        ledger.born[group.uuid], ledger.members[group.uuid] = group.born_at, set()
        if group.merged_into:
            ledger.merged_into[group.uuid] = group.merged_into.uuid
    for membership in memberships:
        ledger.homes[membership.sku_id] = groups[membership.home_id].uuid
    for chunk in _chunks(set(groups)):
        for sku, group_id in Membership.objects.filter(group__in=chunk).values_list("sku_id", "group_id"):
            ledger.group_of[sku] = groups[group_id].uuid
            ledger.members[groups[group_id].uuid].add(sku)
    return ledger, {group.uuid: group for group in groups.values()}, conflicts


def _store(ledger: Ledger, known: dict[uuid.UUID, Group], touched: set[int]) -> None:
    fresh = [
        Group(uuid=group, born_at=born, changed_at=ledger.changed_at[group], size=len(ledger.members[group]))
        for group, born in ledger.born.items()
        if group not in known
    ]
    known |= {group.uuid: group for group in Group.objects.bulk_create(fresh)}
    written = {group.uuid for group in fresh if group.uuid not in ledger.merged_into}
    for group, at in ledger.changed_at.items():
        row, into = known[group], ledger.merged_into.get(group)
        row.changed_at, row.size, row.merged_into = at, len(ledger.members[group]), known[into] if into else None
    for group, row in known.items():
        into = ledger.merged_into.get(group)
        if group not in ledger.changed_at and row.merged_into_id != (known[into].pk if into else None):
            row.merged_into = known[into] if into else None
            ledger.changed_at[group] = row.changed_at
    changed = [known[group] for group in ledger.changed_at if group not in written]
    if len(changed) <= FEW:
        for row in changed:
            row.save(update_fields=["changed_at", "size", "merged_into"])
    else:
        Group.objects.bulk_update(changed, ["changed_at", "size", "merged_into"], batch_size=200)
    memberships = [
        Membership(sku_id=sku, home=known[ledger.homes[sku]], group=known[ledger.group_of[sku]] if sku in ledger.group_of else None)
        for sku in sorted(touched)
        if sku in ledger.homes
    ]
    Membership.objects.bulk_create(
        memberships, update_conflicts=True, unique_fields=["sku"], update_fields=["home", "group"], batch_size=500
    )
    GroupChange.objects.bulk_create(
        [
            GroupChange(
                decision_id=change.position,
                group=known[change.group],
                kind=change.kind,
                added=change.added,
                removed=change.removed,
                into=known[change.into] if change.into else None,
            )
            for change in ledger.changes
        ]
    )


def _store_conflicts(conflicts: set[Edge], stored: dict[Edge, Conflict], standing: dict[Edge, tuple[int, Decision | None]]) -> None:
    over = [
        row.pk
        for edge, row in stored.items()
        if edge not in conflicts or (edge in standing and row.decision_id != getattr(standing[edge][1], "pk", None))
    ]
    if over:
        Conflict.objects.filter(pk__in=over).delete()
    for edge in sorted(conflicts):
        if edge in standing:
            pair_id, decision = standing[edge]
            assert decision is not None, "a conflict stands on an accept"
        elif edge in stored:
            continue
        else:
            pair = Pair.objects.select_related("standing").get(left=edge[0], right=edge[1])
            assert pair.standing is not None, "a conflict stands on an accept"
            pair_id, decision = pair.pk, pair.standing
        Conflict.objects.get_or_create(pair_id=pair_id, defaults={"decision": decision})


def verify() -> list[str]:
    """Fold the whole log anew and name every difference from the stored groups, homes, aliases, conflicts and changes."""
    from alignment.decisions import standing

    ledger = Ledger()
    histories: dict[int, list[Decision]] = {}
    for decision in Decision.objects.select_related("pair").order_by("pk").iterator(chunk_size=2000):
        history = histories.setdefault(decision.pair_id, [])
        history.append(decision)
        stands = standing(history)
        edge = (decision.pair.left_id, decision.pair.right_id)
        ledger.apply(decision.pk, edge, accept=accept_key(stands), reject=is_reject(stands))
    expected = {
        group: (born, ledger.changed_at[group], len(ledger.members[group]), ledger.merged_into.get(group))
        for group, born in ledger.born.items()
    }
    stored = {
        row.uuid: (row.born_at, row.changed_at, row.size, row.merged_into.uuid if row.merged_into else None)
        for row in Group.objects.select_related("merged_into")
    }
    differences = [
        f"group {group}: stored {stored.get(group)}, the log says {expected.get(group)}"
        for group in sorted(stored.keys() | expected.keys(), key=str)
        if stored.get(group) != expected.get(group)
    ]
    homes = {sku: (home, ledger.group_of.get(sku)) for sku, home in ledger.homes.items()}
    members = {m.sku_id: (m.home.uuid, m.group.uuid if m.group else None) for m in Membership.objects.select_related("home", "group")}
    differences += [
        f"SKU {sku}: stored {members.get(sku)}, the log says {homes.get(sku)}"
        for sku in sorted(members.keys() | homes.keys())
        if members.get(sku) != homes.get(sku)
    ]
    conflicts = {(row.pair.left_id, row.pair.right_id) for row in Conflict.objects.select_related("pair")}
    differences += [
        f"conflict over SKUs {edge}: stored {edge in conflicts}, the log says {edge in ledger.conflicts}"
        for edge in sorted(conflicts ^ ledger.conflicts)
    ]
    told = [
        (c.decision_id, c.group.uuid, c.kind, c.added, c.removed, c.into.uuid if c.into else None)
        for c in GroupChange.objects.select_related("group", "into").order_by("decision_id", "id")
    ]
    feed = [(c.position, c.group, c.kind, c.added, c.removed, c.into) for c in ledger.changes]
    if told != feed:
        differences.append(f"the change feed has {len(told)} entries, the log says {len(feed)}, and they are not the same")
    return differences


def _chunks(ids: Iterable[int], size: int = 1000) -> Iterable[list[int]]:
    ordered = sorted(ids)
    return (ordered[i : i + size] for i in range(0, len(ordered), size))
