"""Decisions -> groups, conflicts, changes, in the decision's own transaction. The rules are in `alignment.ledger`."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import Max, Q

from alignment.ledger import Edge, Key, Ledger, person_key, policy_key
from alignment.models import SKU, Conflict, Decision, Group, GroupChange, Membership, Pair

# Row by row costs less for so many: a `bulk_update` is a long statement to write.
FEW = 3
# Log positions beyond any there are.
NEXT = 2**62
# As many as a region has, rows are read faster than they are made into objects.
STANDING = ("pk", "left", "right", "standing", "standing__verdict", "standing__by", "standing__score", "conflict__decision")


@dataclass(frozen=True)
class Step:
    """One log position: the pair it is about, and the decision that stands on it from there on."""

    position: int
    pair: Pair
    standing: Decision | None


@dataclass
class Moved:
    """What decisions moved. In SKUs: those whose group has other members now, and those of units kept apart since, or no longer. Then all
    groups around them before and after; the accepts that came to conflict, decisions by pair, their ids; and how many other open pairs are
    settled, which whoever closes them counts."""

    regrouped: set[int] = field(default_factory=set)
    apart: set[int] = field(default_factory=set)
    before: set[frozenset[int]] = field(default_factory=set)
    after: set[frozenset[int]] = field(default_factory=set)
    conflicts: dict[int, int] = field(default_factory=dict)
    settled: int = 0


def accept_key(standing: Decision | None) -> Key | None:
    if standing is None or standing.verdict != Decision.Verdict.ACCEPT:
        return None
    return _key(standing.pk, standing.by, standing.score, standing.pair_id)


def _key(position: int, by: str, score: float | None, pair_id: int) -> Key:
    return person_key(position) if by == Decision.By.PERSON else policy_key(score, pair_id)


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
    region = _load({sku for step in steps for sku in (step.pair.left_id, step.pair.right_id)})
    _load_groups(region)
    moved = _fold(region, steps)
    _store(region)
    here = _standing(steps)
    moved.conflicts = _arisen(region, here)
    _store_conflicts(region, here, moved.conflicts)
    return moved


def foresee(pairs: Sequence[Pair], verdict: str) -> tuple[Moved, dict[int, int]]:
    """What `apply` would say if people gave one verdict on all of these, in this order, with nothing written; and the unit that each SKU
    around them would be in, by its smallest member, below zero as a SKU alone is. The accepts are weighed once, not at each position."""
    skus = {sku for pair in pairs for sku in (pair.left_id, pair.right_id)}
    region, rejected = _load(skus), verdict == Decision.Verdict.REJECT
    ledger, before = region.ledger, region.stored_groups()
    here: dict[Edge, Standing] = {}
    for position, pair in enumerate(pairs, start=NEXT):
        edge = (pair.left_id, pair.right_id)
        here[edge] = Standing(pair.pk, position)
        ledger.set_accept(edge, None if rejected else person_key(position))
        ledger.set_reject(edge, rejected)
    parts, ledger.conflicts = ledger.partition(region.skus)
    units = {sku: part for part in parts for sku in part}
    after = {part for part in parts if len(part) > 1}
    moved = Moved(
        regrouped={sku for group in before ^ after for sku in group},
        apart={sku for one in skus for sku in units[one]} if rejected else set(),
        before=before,
        after=after,
        conflicts=_arisen(region, here),
    )
    return moved, _units(parts)


def foresee_policy(accepts: Mapping[Edge, Key | None]) -> dict[int, int]:
    """The unit that each SKU around these pairs would be in, as `foresee` names it, if a policy accepted them, each by its key, or withdrew
    its accept, where that is None. In what order makes no difference."""
    region = _load({sku for edge in accepts for sku in edge})
    for edge, key in accepts.items():
        region.ledger.set_accept(edge, key)
    parts, _conflicts = region.ledger.partition(region.skus)
    return _units(parts)


def _units(parts: Iterable[frozenset[int]]) -> dict[int, int]:
    return {sku: -min(part) for part in parts for sku in part}


class Standing(NamedTuple):
    """The decision that stands on a pair, None for none, by their ids."""

    pair: int
    decision: int | None


class Placed(NamedTuple):
    """A SKU's home and its group, by their ids."""

    sku: int
    home: int
    group: int | None


@dataclass
class Region:
    """The SKUs of some steps and all that accepts connect to them, as stored, with the rows that this was read from.

    `placed` is of all SKUs of the groups that any of them is in. `groups` are read only where they are to be changed.
    """

    ledger: Ledger
    skus: set[int]
    placed: dict[int, Placed]
    conflicts: dict[Edge, Standing]
    groups: dict[uuid.UUID, Group] = field(default_factory=dict)

    def stored_groups(self) -> set[frozenset[int]]:
        """The groups that any of the SKUs is in."""
        members: dict[int, set[int]] = defaultdict(set)
        for one in self.placed.values():
            if one.group:
                members[one.group].add(one.sku)
        return {frozenset(members[here.group]) for sku in self.skus if (here := self.placed.get(sku)) and here.group}


def _load(skus: set[int]) -> Region:
    ledger = Ledger()
    definite = Pair.objects.filter(standing__verdict__in=(Decision.Verdict.ACCEPT, Decision.Verdict.REJECT))
    placed: dict[int, Placed] = {}
    apart: set[Edge] = set()
    conflicts: dict[Edge, Standing] = {}
    found, frontier = set(skus), set(skus)
    while frontier:
        # Whatever accepts have joined already is one group: only conflicts reach beyond it.
        placed |= _memberships(frontier)
        frontier |= placed.keys() - found
        found |= frontier
        reached: set[int] = set()
        for chunk in _chunks(frontier):
            touching = definite.filter(Q(left_id__among=chunk) | Q(right_id__among=chunk))
            for pair, left, right, standing, verdict, by, score, conflict in touching.values_list(*STANDING):
                if conflict is not None:
                    conflicts[left, right] = Standing(pair, conflict)
                if verdict == Decision.Verdict.REJECT:
                    apart.add((left, right))
                else:
                    ledger.set_accept((left, right), _key(standing, by, score, pair))
                    reached |= {left, right}
        frontier = reached - found
        found |= frontier
    for edge in apart:
        if found.issuperset(edge):
            ledger.set_reject(edge, True)
    ledger.conflicts |= conflicts.keys()
    return Region(ledger, ledger.region(skus), placed, conflicts)


def _memberships(skus: Iterable[int]) -> dict[int, Placed]:
    """The home and the group of SKUs, and of all that are in one group with them, by SKU."""
    rows = Membership.objects.values_list("sku", "home", "group")
    found = {row[0]: Placed(*row) for chunk in _chunks(skus) for row in rows.filter(sku_id__among=chunk)}
    # Not in one query: of hundreds of SKUs a planner would rather read every membership there is.
    for chunk in _chunks({one.group for one in found.values() if one.group}):
        found |= {row[0]: Placed(*row) for row in rows.filter(group_id__among=chunk)}
    return found


def _load_groups(region: Region) -> None:
    """Homes and groups of a region, into it and its ledger."""
    ledger, placed, groups = region.ledger, region.placed.values(), dict[int, Group]()
    # A home may be in use by SKUs outside this region: its members are loaded, so that it is not given away.
    wanted = {one.home for one in placed} | {one.group for one in placed if one.group}
    while wanted:
        for chunk in _chunks(wanted):
            groups |= Group.objects.select_related("merged_into").in_bulk(chunk)
        # A home's members may have gone to a group that nothing in this region belongs to.
        wanted = {group.merged_into_id for group in groups.values() if group.merged_into_id} - groups.keys()
    for group in groups.values():
        ledger.born[group.uuid], ledger.members[group.uuid] = group.born_at, set()
        if group.merged_into:
            ledger.merged_into[group.uuid] = group.merged_into.uuid
    for one in placed:
        ledger.homes[one.sku] = groups[one.home].uuid
    members = [(one.sku, one.group) for one in placed if one.group]
    for chunk in _chunks(groups.keys() - {one.group for one in placed}):
        members += Membership.objects.filter(group_id__among=chunk).values_list("sku_id", "group_id")
    for sku, group_id in members:
        ledger.group_of[sku] = groups[group_id].uuid
        ledger.members[groups[group_id].uuid].add(sku)
    region.groups = {group.uuid: group for group in groups.values()}


def _fold(region: Region, steps: Sequence[Step]) -> Moved:
    ledger = region.ledger
    moved = Moved(before=ledger.groups(region.skus))
    for step in steps:
        edge, rejected, told = (step.pair.left_id, step.pair.right_id), is_reject(step.standing), len(ledger.changes)
        if rejected != (edge in ledger.rejects):
            moved.apart |= ledger.unit(edge[0]) | ledger.unit(edge[1])
        ledger.apply(step.position, edge, accept=accept_key(step.standing), reject=rejected)
        for change in ledger.changes[told:]:
            moved.regrouped |= ledger.members[change.group] | set(change.removed)
    moved.after = ledger.groups(region.skus)
    return moved


def _store(region: Region) -> None:
    ledger, known = region.ledger, region.groups
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
        for sku in sorted(region.skus)
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


def _standing(steps: Sequence[Step]) -> dict[Edge, Standing]:
    return {(step.pair.left_id, step.pair.right_id): Standing(step.pair.pk, step.standing.pk if step.standing else None) for step in steps}


def _arisen(region: Region, here: Mapping[Edge, Standing]) -> dict[int, int]:
    """The accepts that conflict now and did not, or not this decision of the pair: decisions by pair, their ids."""
    stored = region.conflicts
    edges = {edge for edge in region.ledger.conflicts if edge not in stored or _is_another(stored[edge], here.get(edge))}
    found = {here[edge] for edge in edges if edge in here}
    if elsewhere := edges - here.keys():
        sides = {"left__in": {edge[0] for edge in elsewhere}, "right__in": {edge[1] for edge in elsewhere}}
        rows = Pair.objects.filter(**sides).values_list("left", "right", "pk", "standing")
        found |= {Standing(pair, decision) for left, right, pair, decision in rows if (left, right) in elsewhere}
    arisen: dict[int, int] = {}
    for pair, decision in sorted(found, key=lambda one: one.pair):
        assert decision is not None, "a conflict stands on an accept"
        arisen[pair] = decision
    return arisen


def _is_another(stored: Standing, now: Standing | None) -> bool:
    """Whether what stands on a conflict's pair is another decision since."""
    return now is not None and stored != now


def _store_conflicts(region: Region, here: Mapping[Edge, Standing], arisen: Mapping[int, int]) -> None:
    over = [row.pair for edge, row in region.conflicts.items() if edge not in region.ledger.conflicts or _is_another(row, here.get(edge))]
    if over:
        Conflict.objects.filter(pair__in=over).delete()
    Conflict.objects.bulk_create([Conflict(pair_id=pair, decision_id=decision) for pair, decision in arisen.items()])


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
