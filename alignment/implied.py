"""What groups and people's rejects answer by themselves: pairs nobody need be asked about, and how many more an answer would settle.

A unit is a group, or a SKU alone. A pair inside one unit is implied the same; one between two units of which a person keeps any two
members apart is implied different. All of it is derived and nothing is logged: undo the ground, and the pair is open again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import OuterRef, Q, Subquery

from alignment.models import Decision, Membership, Pair

Stage, Verdict = Pair.Stage, Decision.Verdict
Unit = int
Edge = tuple[int, int]
# In another stage, or once a text changed, an answer is asked for that is not taken from the groups.
ASKED = (Stage.FIRST, Stage.ESCALATED)
ANSWERABLE = Q(text_changed=False, stage__in=ASKED)
# A SKU's row, by which Django would come from a pair to its units, says nothing here.
UNITS = [Subquery(Membership.objects.filter(sku=OuterRef(f"{side}_id")).values("group_id")) for side in ("left", "right")]
AT_ONCE = 1000


@dataclass(frozen=True)
class Settles:
    """How many other open pairs each answer to a pair would close."""

    same: int
    different: int


@dataclass
class Neighbourhood:
    """The units of some SKUs, and which units a person keeps apart."""

    units: dict[int, Unit] = field(default_factory=dict)
    apart: dict[Unit, set[Unit]] = field(default_factory=lambda: defaultdict(set))
    members: set[int] = field(default_factory=set)

    def unit(self, sku: int) -> Unit:
        """A SKU alone has its own id, below zero; a group has its id."""
        return self.units.get(sku, -sku)

    def keep_apart(self, left: int, right: int) -> None:
        one, other = self.unit(left), self.unit(right)
        self.apart[one].add(other)
        self.apart[other].add(one)

    def answer(self, left: int, right: int) -> Pair.Implied:
        one, other = self.unit(left), self.unit(right)
        if one == other:
            return Pair.Implied.SAME
        return Pair.Implied.DIFFERENT if other in self.apart.get(one, ()) else Pair.Implied.NOT


def units_of(pairs: Iterable[Pair]) -> dict[int, Unit]:
    """The groups of some pairs' SKUs, by the SKUs of all their members."""
    return _units({sku for pair in pairs for sku in (pair.left_id, pair.right_id)})


def _units(skus: Iterable[int]) -> dict[int, Unit]:
    found: dict[int, Unit] = {}
    for chunk in chunks(skus):
        groups = Membership.objects.filter(sku_id__among=chunk, group__isnull=False).values("group")
        found |= dict(Membership.objects.filter(group__in=groups).values_list("sku_id", "group_id"))
    return found


def answerable(pair: Pair) -> bool:
    """Whether the groups may answer a pair in a person's place. `ANSWERABLE` says the same in SQL."""
    return not pair.text_changed and pair.stage in ASKED


def answers(pairs: Sequence[Pair]) -> dict[Edge, Pair.Implied]:
    """What the groups say of pairs that want a person, by their SKUs. Two queries for a thousand SKUs."""
    if not pairs:
        return {}
    found, _open = _around({sku for pair in pairs for sku in (pair.left_id, pair.right_id)})
    return {(pair.left_id, pair.right_id): found.answer(pair.left_id, pair.right_id) for pair in pairs}


def settles(pairs: Sequence[Pair]) -> dict[int, Settles]:
    """How many other open pairs a "same" and a "different" on each of these would close, by pair id. One query for a thousand SKUs."""
    counted = settled(pairs)
    return {pair.pk: counted[pair.left_id, pair.right_id] for pair in pairs}


def settled(pairs: Sequence[Pair], *, unsaved: Sequence[Pair] = ()) -> dict[Edge, Settles]:
    """As `settles`, by SKUs. `unsaved` are pairs whose rows do not say yet whether they are open.

    A "same" joins two units: what is open between them closes, and what is open between one and whatever the other is kept from.
    A "different" closes what is open between the two. A pair that the groups may not answer settles nothing here.
    """
    asked = [pair for pair in pairs if pair.in_review and answerable(pair) and not _decided(pair)]
    counted = dict.fromkeys(((pair.left_id, pair.right_id) for pair in pairs), Settles(0, 0))
    if not asked:
        return counted
    skus = {sku for pair in asked for sku in (pair.left_id, pair.right_id)}
    found, open_ = _around(skus, unsaved=unsaved) if unsaved else _around_groups_of(skus)
    between: dict[Unit, Counter[Unit]] = defaultdict(Counter)
    for left, right in open_:
        one, other = found.unit(left), found.unit(right)
        between[one][other] += 1
        between[other][one] += 1
    for pair in asked:
        one, other = found.unit(pair.left_id), found.unit(pair.right_id)
        different = between[one][other] - 1
        kept = sum(between[one][far] for far in found.apart.get(other, ())) + sum(between[other][far] for far in found.apart.get(one, ()))
        counted[pair.left_id, pair.right_id] = Settles(same=different + kept, different=different)
    return counted


def closing(skus: Iterable[int], *, units: Mapping[int, Unit], rejects: Iterable[Edge]) -> set[Edge]:
    """The open pairs around some SKUs, with whole units, that the groups would answer if the units were these and these pairs were
    rejected too. One query for a thousand SKUs."""
    around = Neighbourhood(members=set(skus))
    apart, open_ = _read_around(around, waiting=True)
    around.units |= units
    # Of a reject that the act replaces nothing is left to say: its units are joined, or another keeps them apart.
    for left, right in apart.union(rejects):
        around.keep_apart(left, right)
    return {edge for edge in open_ if around.answer(*edge)}


def answered(edges: Collection[Edge], *, units: Mapping[int, Unit]) -> set[Edge]:
    """Which of these pairs the groups would answer, were all of them open, if the units around were these: what `units` does not name is as
    it is."""
    found = Neighbourhood(units=_units({sku for edge in edges for sku in edge}), members={sku for edge in edges for sku in edge})
    found.members |= found.units.keys() | units.keys()
    apart, _open = _read_around(found, waiting=False)
    found.units |= units
    for left, right in apart:
        found.keep_apart(left, right)
    return {edge for edge in edges if found.answer(*edge)}


def verify() -> list[str]:
    """What pairs say about being open, against a reading of all groups and rejects. Empty when nothing differs."""
    from alignment.open_pairs import needs_review

    found = Neighbourhood(units=dict(Membership.objects.filter(group__isnull=False).values_list("sku_id", "group_id")))
    for left, right in Pair.objects.filter(standing__verdict=Verdict.REJECT).values_list("left_id", "right_id").iterator(chunk_size=2000):
        found.keep_apart(left, right)
    problems = []
    fields = ("left_id", "right_id", "route", "stage", "text_changed", "implied", "in_review", "standing__by", "standing__verdict")
    for pair in Pair.objects.select_related("standing").only(*fields).iterator(chunk_size=2000):
        wanted = needs_review(pair, pair.standing)
        answer = found.answer(pair.left_id, pair.right_id) if wanted and answerable(pair) else Pair.Implied.NOT
        if (pair.implied, pair.in_review) != (answer, wanted and not answer):
            stored = f"stored {pair.implied or 'not'} implied and {'open' if pair.in_review else 'closed'}"
            problems.append(f"pair {pair.pk}: {stored}, the groups say {answer or 'not'} implied")
    return problems


def _decided(pair: Pair) -> bool:
    return pair.standing is not None and pair.standing.verdict != Verdict.UNSURE


def _around(skus: set[int], *, unsaved: Sequence[Pair] | None = None) -> tuple[Neighbourhood, set[Edge]]:
    """The units of some SKUs with all their members, every unit that those are kept from, and what is open around them and could be
    answered, if the rows of the `unsaved` are set right; with `unsaved` None, nothing of what is open."""
    found = Neighbourhood(units=_units(skus), members=set(skus))
    found.members |= found.units.keys()
    known = set(found.members)
    apart, open_ = _read_around(found, waiting=unsaved is not None)
    known |= {sku for edge in apart | open_ for sku in edge}
    for pair in unsaved or ():
        (open_.add if pair.in_review and answerable(pair) else open_.discard)((pair.left_id, pair.right_id))
    for chunk in chunks({sku for edge in open_ for sku in edge} - known):
        found.units |= dict(Membership.objects.filter(sku_id__among=chunk, group__isnull=False).values_list("sku_id", "group_id"))
    for left, right in apart:
        found.keep_apart(left, right)
    return found, open_


def _around_groups_of(skus: set[int]) -> tuple[Neighbourhood, set[Edge]]:
    """As `_around`, with the units of only those SKUs that a pair reaches: one query for a thousand SKUs."""
    found = Neighbourhood()
    apart: set[Edge] = set()
    open_: set[Edge] = set()
    for chunk in chunks(skus):
        groups = Membership.objects.filter(sku_id__among=chunk, group__isnull=False).values("group")
        members = Membership.objects.filter(group__among=groups).values("sku")
        touching = Q(left_id__among=chunk) | Q(right_id__among=chunk) | Q(left_id__among=members) | Q(right_id__among=members)
        rejected, waiting = _edges(found, touching, waiting=True)
        apart, open_ = apart | rejected, open_ | waiting
    for left, right in apart:
        found.keep_apart(left, right)
    return found, open_


def _read_around(found: Neighbourhood, *, waiting: bool) -> tuple[set[Edge], set[Edge]]:
    """Which pairs with its members a person rejected, and, where what is `waiting` is asked for too, which are open and could be answered.
    The units of all their SKUs are put into the neighbourhood."""
    apart: set[Edge] = set()
    open_: set[Edge] = set()
    for chunk in chunks(found.members):
        rejected, asked = _edges(found, Q(left_id__among=chunk) | Q(right_id__among=chunk), waiting=waiting)
        apart, open_ = apart | rejected, open_ | asked
    return apart, open_


def _edges(found: Neighbourhood, touching: Q, *, waiting: bool) -> tuple[set[Edge], set[Edge]]:
    rejected = Q(standing__verdict=Verdict.REJECT)
    told = rejected | (ANSWERABLE & Q(in_review=True)) if waiting else rejected
    read = ("left_id", "right_id", "in_review", "stage", "text_changed", "standing__verdict")
    apart: set[Edge] = set()
    open_: set[Edge] = set()
    for left, right, in_review, stage, text_changed, verdict, *units in Pair.objects.filter(told, touching).values_list(*read, *UNITS):
        found.units |= {sku: unit for sku, unit in zip((left, right), units, strict=True) if unit is not None}
        if verdict == Verdict.REJECT:
            apart.add((left, right))
        if in_review and not text_changed and stage in ASKED:
            open_.add((left, right))
    return apart, open_


def chunks(ids: Iterable[int]) -> Iterable[list[int]]:
    """Ids in lists that a query takes."""
    ordered = sorted(ids)
    return (ordered[i : i + AT_ONCE] for i in range(0, len(ordered), AT_ONCE))
