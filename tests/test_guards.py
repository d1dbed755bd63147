"""Guards: what the model would accept goes to a person where the facts of its listings conflict in a kind that the policy guards."""

from __future__ import annotations

import pytest
from django.urls import reverse

from alignment import policies, rendering, rollout, scoring
from alignment.models import Decision, Pair
from alignment.routing import Route, guarded
from review import effects
from tests import factories

pytestmark = pytest.mark.django_db


def pair_of(one: str, other: str, score: float = 0.95) -> Pair:
    return factories.make_pair(score, left=factories.make_sku(one), right=factories.make_sku(other))


def roll_out() -> None:
    while rollout.advance():
        pass


@pytest.mark.parametrize(
    ("chosen", "conflicts", "route"),
    [
        (Route.ACCEPT, ["volume"], Route.REVIEW),
        (Route.ACCEPT, [], Route.ACCEPT),
        (Route.DISCARD, ["volume"], Route.DISCARD),
        (Route.REVIEW, ["volume"], Route.REVIEW),
    ],
)
def test_only_an_accept_is_held_back(chosen, conflicts, route):
    assert guarded(chosen, conflicts) == route


def test_a_conflict_in_a_guarded_kind_sends_an_accept_to_review_and_says_why():
    factories.make_policy(guards=["volume", "count"])
    pair = pair_of("Kettle 1.7 L, pack of 2", "Wasserkocher 1 l, pack of 3")
    assert (pair.route, pair.guard, pair.in_review, pair.standing) == (Pair.Route.REVIEW, "volume, count", True, None)


@pytest.mark.parametrize("guards", [[], ["power"]])
def test_a_conflict_in_a_kind_that_is_not_guarded_changes_nothing(guards):
    factories.make_policy(guards=guards)
    pair = pair_of("Kettle 1.7 L", "Kettle 1 L")
    assert (pair.route, pair.guard) == (Pair.Route.ACCEPT, "")


def test_equal_facts_in_other_units_pass_the_guard():
    factories.make_policy(guards=["volume", "model code"])
    assert pair_of("Kettle KX3412 1.7 L", "电热水壶 KX-3412 1700毫升").route == Pair.Route.ACCEPT


def test_what_is_reviewed_or_discarded_anyway_names_no_guard():
    factories.make_policy(guards=["volume"])
    assert [pair_of(f"{name} 1.7 L", f"{name} 1 L", score).guard for name, score in (("Jug", 0.8), ("Pot", 0.2))] == ["", ""]


def test_publishing_a_guard_withdraws_what_it_would_have_held_back_and_taking_it_away_accepts_again():
    factories.make_policy()
    pair = pair_of("Kettle 1.7 L", "Kettle 1 L")
    factories.make_policy(guards=["volume"])
    roll_out()
    pair.refresh_from_db()
    assert (pair.route, pair.guard, pair.in_review) == (Pair.Route.REVIEW, "volume", True)
    assert Decision.objects.get(verdict="withdraw").reason == "guarded"
    factories.make_policy(guards=[])
    roll_out()
    pair.refresh_from_db()
    assert (pair.route, pair.guard, pair.in_review) == (Pair.Route.ACCEPT, "", False)


def test_a_new_instruction_with_a_guard_is_guarded_once_it_is_scored():
    pair = pair_of("Kettle 1.7 L", "Kettle 1 L")
    factories.make_policy(instruction="Truly the same?", guards=["volume"])
    roll_out()
    factories.score_waiting_sets(0.95)
    pair.refresh_from_db()
    assert (pair.route, pair.guard) == (Pair.Route.REVIEW, "volume")


def test_a_corrected_text_is_compared_anew():
    factories.make_policy(guards=["volume"])
    pair = pair_of("Kettle 1.7 L", "Kettle 1 L")
    sku = pair.right
    sku.title = "Kettle 1.7 L"
    sku.text_hash = rendering.text_hash(sku)
    sku.save()
    scoring.sku_changed([sku.pk])
    pair.refresh_from_db()
    assert (pair.route, pair.guard) == (Pair.Route.WAITING, "")
    factories.score_waiting_sets(0.95)
    pair.refresh_from_db()
    assert (pair.route, pair.guard) == (Pair.Route.ACCEPT, "")


def test_a_person_can_accept_what_was_held_back():
    from alignment import decisions

    factories.make_policy(guards=["volume"])
    pair = pair_of("Kettle 1.7 L", "Kettle 1 L")
    decisions.decide(pair_id=pair.pk, verdict="accept", user=factories.make_reviewer())
    pair.refresh_from_db()
    assert (pair.standing.verdict, pair.in_review) == ("accept", False)


def test_facts_are_read_only_where_they_can_matter(monkeypatch):
    read: list[object] = []
    monkeypatch.setattr("alignment.facts.of", lambda sku: read.append(sku) or [])
    pair_of("Kettle 1.7 L", "Kettle 1 L")
    factories.make_policy(guards=["volume"])
    pair_of("Jug 1.7 L", "Jug 1 L", 0.8)
    assert read == []
    pair_of("Wok 28 cm", "Wok 30 cm")
    assert len(read) == 2


def moves(category, **thresholds):
    snapshot = policies.Policies()
    effect = effects.of(category, policies.values_of(snapshot.of(category.pk)) | thresholds, snapshot)
    return [(str(move.was), str(move.becomes), move.pairs) for move in effect.moves], effect.unchecked


def test_the_effect_of_a_policy_counts_what_its_guards_hold_back(monkeypatch):
    category = factories.make_policy(guards=["volume"]).category
    pair_of("Kettle 1.7 L", "Kettle 1 L")
    pair_of("Pan 28 cm", "Pan 28 cm")
    pair_of("Jug 1.7 L", "Jug 1 L", 0.8)
    pair_of("Wok 28 cm", "Wok 28 cm", 0.8)
    assert moves(category, guards=["volume"]) == ([], 0)
    assert moves(category, guards=[]) == ([("review", "accept", 1)], 0)
    assert moves(category, guards=["volume"], accept_at=0.75) == ([("review", "accept", 1)], 0)
    monkeypatch.setattr(effects, "MOST_CHECKED", 0)
    assert moves(category, guards=["volume"], accept_at=0.75) == ([("review", "accept", 2)], 2)


def test_the_effect_of_a_new_guard_is_read_from_the_facts(client):
    category = factories.make_policy().category
    pair_of("Kettle 1.7 L", "Kettle 1 L")
    pair_of("Pan 28 cm", "Pan 28 cm")
    assert moves(category, guards=["volume"]) == ([("accept", "review", 1)], 0)
    client.force_login(factories.make_admin())
    form = {"instruction": "The same product?", "accept_at": "0.9", "review_at": "0.7", "guards": ["volume"]}
    assert "1 from accept to review" in client.post(reverse("policy-effect", args=[category.pk]), form).content.decode()


def test_the_case_page_names_every_kind_in_the_readers_language(client):
    factories.make_policy(guards=["volume", "count"])
    pair_of("Kettle 1.7 L, pack of 2", "Wasserkocher 1 l, pack of 3")
    client.force_login(factories.make_reviewer())
    client.cookies["django_language"] = "zh-hans"
    assert "容量, 件数" in client.get(reverse("case"), follow=True).content.decode()


def test_a_corrected_language_is_read_anew_on_either_side():
    from alignment import catalogue

    factories.make_policy(guards=["power"])
    pair = pair_of("Kettle 1500 W", "Wasserkocher 1.500 W")
    assert pair.guard == "power"
    candidate = pair.right if pair.query_id == pair.left_id else pair.left
    catalogue.correct_language(sku=candidate, language="de", user=factories.make_admin())
    factories.score_waiting_sets(0.95)
    pair.refresh_from_db()
    assert (pair.route, pair.guard) == (Pair.Route.ACCEPT, "")
