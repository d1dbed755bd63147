"""The log and what follows from it, in the database."""

from __future__ import annotations

import uuid

import pytest

from alignment import decisions, groups, scoring
from alignment.models import SKU, AuditEvent, Conflict, Decision, Group, Note, Pair
from tests.factories import (
    make_admin,
    make_pair,
    make_policy,
    make_review_policy,
    make_reviewer,
    make_set,
    make_sku,
    score_waiting_sets,
)

pytestmark = pytest.mark.django_db
Verdict = Decision.Verdict


def decide(pair: Pair, verdict: str, user: object, **fields: object) -> Decision:
    return decisions.decide(pair_id=pair.pk, verdict=verdict, user=user, **fields)


@pytest.fixture(autouse=True)
def whole_log_and_groups() -> object:
    yield
    assert decisions.verify() == []
    assert groups.verify() == []


def test_a_decision_freezes_what_its_maker_saw() -> None:
    pair, user = make_pair(0.8), make_reviewer()
    decision = decide(pair, Verdict.ACCEPT, user, seconds=3.5, note="same box")
    assert (decision.score, decision.seconds, decision.left_hash) == (0.8, 3.5, pair.left.text_hash)
    assert decision.policy == pair.policy
    assert Note.objects.get().text == "same box"
    assert decision.note_hash and "same box" not in str(Decision.objects.values().get())


def test_accepting_makes_a_group_and_undoing_ends_it() -> None:
    pair, user = make_pair(0.8), make_reviewer()
    decide(pair, Verdict.ACCEPT, user)
    group = groups.group_of(pair.left)
    assert group is not None and group == groups.group_of(pair.right)
    decisions.undo(user=user)
    assert groups.group_of(pair.left) is None
    pair.refresh_from_db()
    assert pair.in_review and pair.standing is None


def test_undo_of_nothing_is_nothing() -> None:
    assert decisions.undo(user=make_reviewer()) is None


def test_undo_walks_back_through_ones_own_decisions() -> None:
    user = make_reviewer()
    pairs = [make_pair(0.8), make_pair(0.8)]
    for pair in pairs:
        decide(pair, Verdict.REJECT, user)
    assert [decisions.undo(user=user).pair_id for _ in pairs] == [pairs[1].pk, pairs[0].pk]


def test_a_merge_undone_brings_both_ids_back() -> None:
    user = make_reviewer()
    a, b = make_pair(0.95), make_pair(0.95)
    ids = {groups.group_of(a.left).uuid, groups.group_of(b.left).uuid}
    bridge = make_pair(0.8, left=a.left, right=b.left)
    decide(bridge, Verdict.ACCEPT, user)
    assert Group.objects.filter(size__gt=0).count() == 1
    decisions.undo(user=user)
    assert {groups.group_of(a.left).uuid, groups.group_of(b.left).uuid} == ids


def test_an_automatic_accept_against_a_persons_reject_is_a_conflict() -> None:
    user = make_reviewer()
    a, b, c = make_sku(), make_sku(), make_sku()
    apart = make_pair(0.8, left=a, right=c)
    decide(apart, Verdict.REJECT, user)
    make_pair(0.95, left=a, right=b)
    make_pair(0.93, left=b, right=c)
    assert groups.group_of(a) == groups.group_of(b) is not None
    assert groups.group_of(c) is None
    assert Conflict.objects.get().pair.right_id == c.pk


def test_a_repeated_press_is_one_decision() -> None:
    pair, user, press = make_pair(0.8), make_reviewer(), uuid.uuid4()
    first = decide(pair, Verdict.ACCEPT, user, request_id=press)
    assert decide(pair, Verdict.ACCEPT, user, request_id=press) == first
    assert Decision.objects.count() == 1


def test_a_decision_over_one_that_came_meanwhile_is_refused() -> None:
    pair = make_pair(0.8)
    decide(pair, Verdict.ACCEPT, make_reviewer())
    with pytest.raises(decisions.Outdated):
        decide(pair, Verdict.REJECT, make_reviewer(), seen_standing=None)


def test_a_policy_never_overrules_a_person() -> None:
    pair = make_pair(0.8)
    decide(pair, Verdict.REJECT, make_reviewer())
    make_set(pair.left, [pair.right])
    make_policy(accept_at=0.5, review_at=0.4)
    roll_out()
    score_waiting_sets(0.99)
    pair.refresh_from_db()
    assert pair.standing.verdict == Verdict.REJECT


def roll_out() -> None:
    from alignment import rollout

    while rollout.advance():
        pass


def test_new_thresholds_reroute_without_scoring_again() -> None:
    pair = make_pair(0.8)
    make_policy(instruction=pair.policy.instruction, accept_at=0.75)
    roll_out()
    pair.refresh_from_db()
    assert pair.route == Pair.Route.ACCEPT and pair.standing.by == Decision.By.POLICY
    assert scoring.progress()["pending"] == 0
    make_policy(instruction=pair.policy.instruction, accept_at=0.9)
    roll_out()
    pair.refresh_from_db()
    assert pair.route == Pair.Route.REVIEW and pair.standing is None and pair.in_review
    assert Decision.objects.order_by("-pk").first().verdict == Verdict.WITHDRAW


def test_a_new_instruction_scores_anew() -> None:
    pair = make_pair(0.8)
    make_policy(instruction="Another question")
    roll_out()
    assert scoring.progress()["pending"] == 1
    score_waiting_sets(0.2)
    pair.refresh_from_db()
    assert pair.route == Pair.Route.DISCARD and not pair.in_review


@pytest.mark.parametrize(
    ("probability", "route"), [(0.9, "accept"), (0.7, "review"), (0.8999999999999999, "review"), (0.6999999999999999, "discard")]
)
def test_bounds_are_exact_on_the_stored_float(probability: float, route: str) -> None:
    assert make_pair(probability).route == route


def test_directions_that_differ_go_to_people() -> None:
    a, b = make_sku(), make_sku()
    make_set(a, [b])
    make_set(b, [a])
    score_waiting_sets({(a.pk, b.pk): 0.95, (b.pk, a.pk): 0.3})
    pair = Pair.objects.get()
    assert pair.route == Pair.Route.REVIEW
    assert {pair.score.probability, pair.reverse_score.probability} == {0.95, 0.3}


def test_a_pair_waits_for_its_other_direction() -> None:
    a, b = make_sku(), make_sku()
    make_set(a, [b])
    later = make_set(b, [a])
    scoring.CandidateSet.objects.filter(pk=later.pk).update(alone=True)
    model_sets = scoring.claim(holder="one", token_budget=1)
    assert [s.query_id for s in model_sets] == [a.pk]
    from tests.factories import make_model

    works = scoring.prepare(model_sets, model=make_model())
    facts = [scoring.Fact(i, 3.0, 0.95, 10, 0) for w in works for i in w.documents]
    scoring.store(works=works, facts=facts, model=make_model(), holder="one")
    assert Pair.objects.get().route == Pair.Route.WAITING
    score_waiting_sets(0.95)
    assert Pair.objects.get().route == Pair.Route.ACCEPT


def change_text(sku: SKU, title: str) -> None:
    from django.db import transaction

    from alignment import rendering

    sku.title = title
    sku.text_hash = rendering.text_hash(sku)
    sku.save()
    with transaction.atomic():
        scoring.sku_changed([sku.pk])


def test_a_changed_text_withdraws_automatic_accepts_and_scores_anew() -> None:
    pair = make_pair(0.95)
    change_text(pair.left, "Another thing")
    pair.refresh_from_db()
    assert pair.standing is None and pair.route == Pair.Route.WAITING
    assert Decision.objects.order_by("-pk").first().reason == "text changed"
    score_waiting_sets(0.95)
    pair.refresh_from_db()
    assert pair.standing is not None


def test_a_changed_text_keeps_a_persons_decision_and_returns_the_pair_marked() -> None:
    pair, user = make_pair(0.8), make_reviewer()
    decide(pair, Verdict.ACCEPT, user)
    change_text(pair.left, "Another thing")
    score_waiting_sets(0.1)
    pair.refresh_from_db()
    assert pair.standing.verdict == Verdict.ACCEPT and groups.group_of(pair.left) is not None
    assert pair.in_review and pair.text_changed
    decide(pair, Verdict.ACCEPT, user)
    pair.refresh_from_db()
    assert not pair.in_review and not pair.text_changed


def test_what_everyone_found_unsure_goes_to_an_admin() -> None:
    first, second = make_reviewer(), make_reviewer()
    pair = make_pair(0.8)
    decide(pair, Verdict.UNSURE, first)
    pair.refresh_from_db()
    assert pair.in_review and pair.stage != "escalated"
    decide(pair, Verdict.UNSURE, second)
    pair.refresh_from_db()
    assert pair.stage == "escalated"
    decide(pair, Verdict.REJECT, make_admin())
    pair.refresh_from_db()
    assert not pair.in_review and pair.stage != "escalated"


def test_a_forgotten_note_leaves_its_hash() -> None:
    pair, user = make_pair(0.8), make_reviewer()
    decision = decide(pair, Verdict.REJECT, user, note="my name is Li")
    decisions.forget_note(note=Note.objects.get(), user=make_admin())
    assert not Note.objects.exists() and decision.note_hash
    assert AuditEvent.objects.filter(action="forget note").exists()


def test_the_same_inputs_are_never_scored_twice() -> None:
    a, b = make_sku("One text"), make_sku("Other text")
    twin = make_sku("other  TEXT")
    make_set(a, [b, twin])
    score_waiting_sets(0.95)
    assert scoring.Score.objects.count() == 1
    assert Pair.objects.count() == 2


def test_a_reject_keeps_its_reason() -> None:
    pair = make_pair(0.8)
    assert decide(pair, Verdict.REJECT, make_reviewer(), reject_reason="bundle").reject_reason == "bundle"


@pytest.mark.parametrize(("verdict", "reason"), [("accept", "size"), ("unsure", "size"), ("reject", "taste")])
def test_a_reason_that_does_not_belong_there_is_refused(verdict: str, reason: str) -> None:
    with pytest.raises(decisions.DecisionError):
        decide(make_pair(0.8), verdict, make_reviewer(), reject_reason=reason)
    assert not Decision.objects.filter(by="person").exists()


def test_a_policy_can_require_the_reason_of_a_reject_and_of_nothing_else() -> None:
    make_review_policy(reasons="required")
    pair, user = make_pair(0.8), make_reviewer()
    with pytest.raises(decisions.DecisionError, match="Say why"):
        decide(pair, Verdict.REJECT, user)
    decide(pair, Verdict.UNSURE, user)
    decide(pair, Verdict.REJECT, user, reject_reason="size")
