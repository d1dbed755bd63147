"""Groups as a pure fold of the log: no database here. `alignment.groups` loads, applies and stores.

The fold takes standing verdicts one log position at a time. At each, only the region that the pair's accepts connect can change.

- A person's reject is a cannot-link. Accepts of persons join in log order, then accepts of policies by descending score and pair id.
  An accept that would join a cannot-linked pair is not applied: it is a conflict.
- An id outlives merges and splits by its homes. A SKU's home is the group whose id it was first given; a merge leaves homes alone,
  so undoing it finds both ids again. After a change each id goes to the part that holds most of its homes, ids that were in use
  first, older ids before younger; a second id in the same part becomes an alias of the first.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

NAMESPACE = uuid.UUID("6d1f2e7c-58a4-4a47-9d0e-6f1c3a0b9a55")

Key = tuple[int, float, int]
Edge = tuple[int, int]


def person_key(position: int) -> Key:
    return (0, 0.0, position)


def policy_key(score: float | None, pair_id: int) -> Key:
    return (1, -(score or 0.0), pair_id)


@dataclass
class GroupChangeNote:
    """What one log position did to one group. SKU ids; `into` is set when its members went to another group."""

    position: int
    group: uuid.UUID
    kind: str
    added: list[int] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    into: uuid.UUID | None = None


class Ledger:
    """Accepts, rejects, homes and groups of some SKUs: all of them, or whole regions."""

    def __init__(self) -> None:
        self.accepts: dict[Edge, Key] = {}
        self.rejects: set[Edge] = set()
        self.friends: dict[int, set[int]] = defaultdict(set)
        self.enemies: dict[int, set[int]] = defaultdict(set)
        self.homes: dict[int, uuid.UUID] = {}
        self.group_of: dict[int, uuid.UUID] = {}
        self.members: dict[uuid.UUID, set[int]] = {}
        self.born: dict[uuid.UUID, int] = {}
        self.merged_into: dict[uuid.UUID, uuid.UUID] = {}
        self.conflicts: set[Edge] = set()
        self.changes: list[GroupChangeNote] = []
        self.changed_at: dict[uuid.UUID, int] = {}

    def set_accept(self, edge: Edge, key: Key | None) -> None:
        left, right = edge
        if key is None:
            self.accepts.pop(edge, None)
            self.friends[left].discard(right)
            self.friends[right].discard(left)
        else:
            self.accepts[edge] = key
            self.friends[left].add(right)
            self.friends[right].add(left)

    def set_reject(self, edge: Edge, rejected: bool) -> None:
        left, right = edge
        (self.rejects.add if rejected else self.rejects.discard)(edge)
        (self.enemies[left].add if rejected else self.enemies[left].discard)(right)
        (self.enemies[right].add if rejected else self.enemies[right].discard)(left)

    def unit(self, sku: int) -> set[int]:
        """The SKU's group, or the SKU alone."""
        return set(self.members[self.group_of[sku]]) if sku in self.group_of else {sku}

    def region(self, seeds: Iterable[int]) -> set[int]:
        """Every SKU that accepts connect to the seeds, applied or not."""
        found, waiting = set(seeds), list(seeds)
        while waiting:
            for other in self.friends[waiting.pop()]:
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        return found

    def apply(self, position: int, edge: Edge, *, accept: Key | None, reject: bool) -> None:
        """One log position: what stands on the pair now. At most one of accept and reject."""
        if not self._apply_first(position, edge, accept=accept, reject=reject):
            self._apply_any(position, edge, accept=accept, reject=reject)

    def _apply_first(self, position: int, edge: Edge, *, accept: Key | None, reject: bool) -> bool:
        """The first word on a pair beside which no accept is in conflict: what follows is seen from its two units, whose accepts need not
        be weighed again. False, with nothing done, where they must be."""
        left, right = self.unit(edge[0]), self.unit(edge[1])
        if (
            edge in self.accepts
            or edge in self.rejects
            or any(sku in left or sku in right for conflict in self.conflicts for sku in conflict)
        ):
            return False
        within = edge[1] in left
        small, large = sorted((left, right), key=len)
        if (reject and within) or (accept is not None and not within and any(self.enemies[sku] & large for sku in small)):
            return False
        self.set_accept(edge, accept)
        self.set_reject(edge, reject)
        if accept is not None and not within:
            self._rename(position, left | right, [frozenset(left | right)])
        return True

    def _apply_any(self, position: int, edge: Edge, *, accept: Key | None, reject: bool) -> None:
        before = self.region(edge)
        self.set_accept(edge, accept)
        self.set_reject(edge, reject)
        region = before | self.region(edge)
        parts, conflicts = self.partition(region)
        self.conflicts = {c for c in self.conflicts if c[0] not in region} | conflicts
        self._rename(position, region, parts)

    def groups(self, skus: Iterable[int]) -> set[frozenset[int]]:
        """The groups that any of these SKUs is in."""
        return {frozenset(self.members[group]) for group in {self.group_of[sku] for sku in skus if sku in self.group_of}}

    def partition(self, region: set[int]) -> tuple[list[frozenset[int]], set[Edge]]:
        """The units into which the accepts in a whole region join its SKUs, and those that are not applied."""
        part = {sku: {sku} for sku in region}
        barred = {sku: set(self.enemies[sku]) & region for sku in region}
        edges = {(min(a, b), max(a, b)) for a in region for b in self.friends[a]}
        conflicts: set[Edge] = set()
        for edge in sorted(edges, key=lambda e: (self.accepts[e], e)):
            left, right = part[edge[0]], part[edge[1]]
            if left is right:
                continue
            small, large = sorted((left, right), key=len)
            if any(barred[sku] & large for sku in small):
                conflicts.add(edge)
                continue
            large |= small
            for sku in small:
                part[sku] = large
        return list({id(p): frozenset(p) for p in part.values()}.values()), conflicts

    def _rename(self, position: int, region: set[int], parts: list[frozenset[int]]) -> None:
        in_use = {self.group_of[sku] for sku in region if sku in self.group_of}
        old = {group: frozenset(self.members[group]) for group in in_use}
        kept = {group: members for group, members in old.items() if members in parts}
        changed = sorted((p for p in parts if len(p) > 1 and p not in kept.values()), key=min)
        if not changed and len(kept) == len(old):
            return
        votes: dict[uuid.UUID, Counter[int]] = defaultdict(Counter)
        for index, part in enumerate(changed):
            for sku in part:
                if sku in self.homes:
                    votes[self.homes[sku]][index] += 1
        free = [group for group in votes if group not in kept and (group in in_use or not self.members.get(group))]
        free.sort(key=lambda group: (group not in in_use, self.born[group], group.int))
        named: dict[int, uuid.UUID] = {}
        aliases: dict[uuid.UUID, int] = {}
        for group in free:
            index = min(votes[group], key=lambda i: (-votes[group][i], i))
            if index in named:
                aliases[group] = index
            else:
                named[index] = group
        before = {sku: self.group_of.pop(sku) for sku in region if sku in self.group_of and self.group_of[sku] not in kept}
        for group in set(old) - set(kept):
            self.members[group] = set()
        for index, part in enumerate(changed):
            minted = index not in named
            if minted:
                named[index] = uuid.uuid5(NAMESPACE, f"{position}/{min(part)}")
                self.born[named[index]] = position
            group = named[index]
            self.members[group] = set(part)
            self.merged_into.pop(group, None)
            for sku in part:
                self.group_of[sku] = group
                if minted or sku not in before:
                    self.homes[sku] = group
        self._note(position, old, kept, named, {group: named[index] for group, index in aliases.items()})

    def _note(
        self,
        position: int,
        old: dict[uuid.UUID, frozenset[int]],
        kept: dict[uuid.UUID, frozenset[int]],
        named: dict[int, uuid.UUID],
        aliases: dict[uuid.UUID, uuid.UUID],
    ) -> None:
        gone = set(old) - set(kept) - set(named.values())
        for group in sorted(set(named.values()), key=lambda g: (self.born[g], g.int)):
            was, now = old.get(group, frozenset()), self.members[group]
            kind = "changed" if was else "created" if self.born[group] == position else "restored"
            self.changes.append(GroupChangeNote(position, group, kind, sorted(now - was), sorted(was - now)))
            self.changed_at[group] = position
        for group in sorted(set(aliases) | gone, key=lambda g: (self.born[g], g.int)):
            into = aliases.get(group)
            if into is None:
                self.merged_into.pop(group, None)
            else:
                self.merged_into[group] = into
            if group in old:
                self.changes.append(GroupChangeNote(position, group, "merged" if into else "dissolved", [], sorted(old[group]), into))
                self.changed_at[group] = position
