"""Groups as a pure fold of the log."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.ledger import Edge, Key, Ledger, person_key, policy_key

Step = tuple[int, int, str]

steps = st.lists(
    st.tuples(st.integers(1, 7), st.integers(1, 7), st.sampled_from(["person", "policy high", "policy low", "reject", "nothing"])).filter(
        lambda step: step[0] < step[1]
    ),
    max_size=25,
)


class Weighing(Ledger):
    """Weighs every accept of a region anew at each position."""

    def _apply_first(self, position: int, edge: Edge, *, accept: Key | None, reject: bool) -> bool:
        return False


def fold(log: list[Step], ledger: Ledger | None = None, start: int = 1) -> Ledger:
    ledger = ledger or Ledger()
    for position, (left, right, verdict) in enumerate(log, start):
        key = {
            "person": person_key(position),
            "policy high": policy_key(0.99, left * 10 + right),
            "policy low": policy_key(0.91, left * 10 + right),
        }.get(verdict)
        ledger.apply(position, (left, right), accept=key, reject=verdict == "reject")
    return ledger


def parts(ledger: Ledger) -> set[frozenset[int]]:
    return {frozenset(members) for members in ledger.members.values() if members}


@given(steps)
def test_no_rejected_pair_is_ever_in_one_group(log: list[Step]) -> None:
    ledger = fold(log)
    for left, right in ledger.rejects:
        assert ledger.group_of.get(left) is None or ledger.group_of.get(left) != ledger.group_of.get(right)


@given(steps)
def test_an_accept_is_applied_or_a_conflict_never_neither(log: list[Step]) -> None:
    ledger = fold(log)
    for left, right in ledger.accepts:
        together = ledger.group_of.get(left) is not None and ledger.group_of.get(left) == ledger.group_of.get(right)
        assert together != ((left, right) in ledger.conflicts)


@given(steps)
def test_the_partition_depends_on_what_stands_not_on_the_way_there(log: list[Step]) -> None:
    ledger, direct = fold(log), Ledger()
    for position, (edge, key) in enumerate(ledger.accepts.items(), 1000):
        direct.apply(position, edge, accept=key, reject=False)
    for position, edge in enumerate(ledger.rejects, 2000):
        direct.apply(position, edge, accept=None, reject=True)
    assert parts(direct) == parts(ledger)
    assert direct.conflicts == ledger.conflicts


@given(steps)
@settings(max_examples=500)
def test_what_is_seen_from_two_units_is_what_weighing_all_accepts_finds(log: list[Step]) -> None:
    quick, weighed = fold(log), fold(log, Weighing())
    for name in ("accepts", "rejects", "homes", "group_of", "members", "born", "merged_into", "conflicts", "changes", "changed_at"):
        assert getattr(quick, name) == getattr(weighed, name), name


@given(steps)
def test_members_and_group_of_tell_the_same(log: list[Step]) -> None:
    ledger = fold(log)
    assert {sku: group for group, members in ledger.members.items() for sku in members} == ledger.group_of
    assert all(len(members) != 1 for members in ledger.members.values())
    assert all(not ledger.members[group] for group in ledger.merged_into)


@given(steps)
def test_every_change_of_members_is_told(log: list[Step]) -> None:
    ledger, told = fold(log), {}
    for change in ledger.changes:
        told[change.group] = (told.get(change.group, set()) | set(change.added)) - set(change.removed)
    assert {group: members for group, members in told.items() if members} == {g: m for g, m in ledger.members.items() if m}


@given(steps, st.integers(1, 7), st.integers(1, 7))
@settings(max_examples=300)
def test_undoing_an_accept_brings_every_id_back(log: list[Step], left: int, right: int) -> None:
    if left >= right or any(step[:2] == (left, right) for step in log):
        return
    ledger = fold(log)
    before = dict(ledger.group_of)
    fold([(left, right, "policy low"), (left, right, "nothing")], ledger, start=len(log) + 1)
    assert ledger.group_of == before


def test_a_merge_keeps_the_older_id_and_makes_the_other_its_alias() -> None:
    ledger = fold([(1, 2, "person"), (3, 4, "person")])
    older, younger = ledger.group_of[1], ledger.group_of[3]
    fold([(2, 3, "person")], ledger, start=3)
    assert set(ledger.group_of.values()) == {older}
    assert ledger.merged_into == {younger: older}


def test_a_member_that_leaves_does_not_take_the_id_along() -> None:
    ledger = fold([(1, 2, "person"), (2, 3, "person")])
    group = ledger.group_of[1]
    fold([(1, 2, "reject")], ledger, start=3)
    assert ledger.group_of == {2: group, 3: group}


def test_a_person_joins_before_a_policy_whatever_came_first() -> None:
    ledger = fold([(1, 2, "policy high"), (1, 3, "reject"), (2, 3, "person")])
    assert parts(ledger) == {frozenset({2, 3})}
    assert ledger.conflicts == {(1, 2)}
