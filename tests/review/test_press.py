"""What the case page's own script sends and is told: verdicts that come late, the case ahead, reasons, blind pages, the scale."""

from __future__ import annotations

import uuid

import pytest
from django.urls import reverse

from alignment import decisions
from alignment.models import SKU, Decision, Pair
from review.models import Lease
from tests import factories
from tests.review.test_case_page import make_case, shown, verdict

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer(client):
    user = factories.make_reviewer()
    client.force_login(user)
    return user


def press(client, form, **headers):
    """A verdict as the page's own script sends it."""
    return client.post(reverse("decide"), form, headers={"Accept": "application/json"} | headers)


def seen(client, pair) -> str:
    candidates = client.get(reverse("case"), follow=True).context["candidates"]
    return next(candidate.seen for candidate in candidates if candidate.pair == pair)


def let_the_hold_end(user):
    Lease.objects.filter(reviewer=user).delete()


def test_a_press_is_answered_with_what_is_in_hand_now(client, reviewer):
    make_case(2)
    first, second = shown(client)
    answer = press(client, verdict(first)).json()
    assert (answer["kept"], answer["open"]) == (True, [second.pk])
    assert answer["lease"] == str(Lease.objects.get(ahead=False).uuid)
    assert "1 pair left" in answer["left"] and "html" not in answer


def test_a_page_that_shows_another_case_than_the_one_in_hand_is_given_that_case(client, reviewer):
    make_case(1)
    query = make_case(1)
    pair = shown(client)[0]
    answer = press(client, verdict(pair, shows="")).json()
    assert query.title in answer["html"]
    last = press(client, verdict(shown(client)[0], shows="")).json()
    assert "Everything is reviewed" in last["html"] and last["lease"] == ""


def test_what_one_person_pressed_is_never_taken_from_another(client, reviewer):
    make_case(1)
    form = verdict(shown(client)[0], person=reviewer.pk)
    client.force_login(factories.make_reviewer())
    shown(client)
    answer = press(client, form)
    assert (answer.status_code, answer.json()) == (409, {"stranger": True})
    assert not Decision.objects.filter(by="person").exists()


def test_a_press_that_comes_late_is_taken_where_nobody_came_to_its_case(client, reviewer):
    make_case(2)
    pair = shown(client)[0]
    form = verdict(pair, seen=seen(client, pair))
    let_the_hold_end(reviewer)
    assert press(client, form).json()["kept"]
    assert Decision.objects.get(by="person").pair == pair


def test_a_press_that_comes_late_is_not_taken_from_a_case_that_someone_else_holds(client, reviewer):
    make_case(1)
    pair = shown(client)[0]
    form = verdict(pair, seen=seen(client, pair))
    let_the_hold_end(reviewer)
    client.force_login(factories.make_reviewer())
    assert shown(client) == [pair]
    client.force_login(reviewer)
    answer = press(client, form)
    assert answer.status_code == 409 and "was not saved" in answer.json()["why"]
    assert not Decision.objects.filter(by="person").exists()


def test_a_press_that_comes_late_is_not_taken_over_another_persons_verdict(client, reviewer):
    make_case(1)
    pair = shown(client)[0]
    form = verdict(pair, seen=seen(client, pair))
    let_the_hold_end(reviewer)
    decisions.decide(pair_id=pair.pk, verdict="reject", user=factories.make_reviewer())
    assert press(client, form).status_code == 409
    assert [decision.verdict for decision in Decision.objects.filter(by="person")] == ["reject"]


def test_a_press_on_a_text_that_a_shop_changed_since_is_not_taken(client, reviewer):
    make_case(1)
    pair = shown(client)[0]
    form = verdict(pair, seen=seen(client, pair))
    SKU.objects.filter(pk=pair.left_id).update(title="Another kettle", text_hash="e" * 64)
    answer = press(client, form)
    assert answer.status_code == 409 and "changed one of the texts" in answer.json()["why"]
    assert not Decision.objects.filter(by="person").exists()


def test_nobody_can_press_on_a_pair_that_they_were_never_shown(client, reviewer):
    make_case(1), make_case(1)
    pair = shown(client)[0]
    foreign = Pair.objects.exclude(pk=pair.pk).get()
    assert press(client, verdict(foreign, seen=seen(client, pair))).status_code == 409
    assert not Decision.objects.filter(by="person").exists()


def test_a_refused_pair_is_offered_again_by_its_link(client, reviewer):
    make_case(1)
    query = make_case(1)
    later = Pair.objects.get(query=query)
    assert shown(client) != [later]
    page = client.get(reverse("case"), {"again": later.pk}, follow=True)
    assert [candidate.pair for candidate in page.context["candidates"]] == [later]


def test_the_case_after_this_one_is_drawn_ahead_and_nobody_else_gets_it(client, reviewer):
    make_case(1)
    query = make_case(1)
    assert client.get(reverse("ahead"), follow=True).status_code == 204
    first = shown(client)
    ahead = client.get(reverse("ahead"), follow=True)
    assert query.title in ahead.content.decode() and "<html" not in ahead.content.decode()
    assert shown(client) == first
    client.force_login(factories.make_reviewer())
    assert shown(client) == []


def test_what_one_press_decided_is_taken_back_by_its_id_and_once(client, reviewer):
    make_case(1)
    form = verdict(shown(client)[0])
    press(client, form)
    for _ in range(2):
        answer = client.post(reverse("undo"), {"press": form["request_id"]}, headers={"Accept": "application/json"})
        assert answer.status_code == 200 and answer.json()["kept"]
    assert [decision.verdict for decision in Decision.objects.filter(by="person")] == ["accept", "withdraw"]


def test_undoing_a_press_that_never_arrived_undoes_nothing_else(client, reviewer):
    make_case(2)
    press(client, verdict(shown(client)[0]))
    client.post(reverse("undo"), {"press": str(uuid.uuid4())}, headers={"Accept": "application/json"})
    assert not Decision.objects.filter(verdict="withdraw").exists()


def test_a_score_is_drawn_between_its_policys_thresholds(client, reviewer):
    factories.make_policy(review_at=0.6, accept_at=0.95)
    make_case(1)
    html = client.get(reverse("case"), follow=True).content.decode()
    assert "Reviewed from 0.6, accepted from 0.95" in html
    assert 'cx="125.6"' in html and "M95.2 2V14M148.4 2V14" in html


def test_a_blind_page_holds_no_score_and_no_order_by_it_and_the_answer_tells_it(client, reviewer):
    factories.make_review_policy(blind=True)
    query = factories.make_sku()
    others = [factories.make_sku() for _ in range(6)]
    factories.make_set(query, others)
    scores = {(query.pk, sku.pk): 0.71 + 0.03 * place for place, sku in enumerate(others)}
    factories.score_waiting_sets(scores)
    page = client.get(reverse("case"), follow=True)
    html = page.content.decode()
    assert not any(f"{score:.2f}" in html for score in scores.values())
    assert "0.7" not in html and "<svg" not in html and "<meter" not in html
    order = [candidate.pair.score.probability for candidate in page.context["candidates"]]
    assert order not in (sorted(order), sorted(order, reverse=True))
    first = page.context["candidates"][0].pair
    assert press(client, verdict(first)).json()["said"] == f"The score was {int(first.score.probability * 100 + 1e-9) / 100:.2f}."


def test_reasons_are_offered_only_where_the_policy_asks(client, reviewer):
    make_case(1)
    assert "reject_reason" not in client.get(reverse("case"), follow=True).content.decode()
    factories.make_review_policy(reasons="optional")
    make_case(1)
    client.post(reverse("decide"), verdict(shown(client)[0]))
    html = client.get(reverse("case"), follow=True).content.decode()
    assert html.count('name="reject_reason"') == 6 and "No reason" in html


def test_a_reason_is_a_reject_and_kept_with_it(client, reviewer):
    factories.make_review_policy(reasons="optional")
    make_case(1)
    form = verdict(shown(client)[0], reject_reason="bundle")
    del form["verdict"]
    client.post(reverse("decide"), form)
    decision = Decision.objects.get(by="person")
    assert (decision.verdict, decision.reject_reason) == ("reject", "bundle")


def test_a_policy_that_requires_reasons_takes_no_reject_without(client, reviewer):
    factories.make_review_policy(reasons="required")
    make_case(1)
    pair = shown(client)[0]
    assert "No reason" not in client.get(reverse("case"), follow=True).content.decode()
    assert press(client, verdict(pair, "reject")).status_code == 422
    assert press(client, verdict(pair, "reject", reject_reason="size")).json()["kept"]


def test_what_kept_a_pair_from_being_accepted_is_said(client, reviewer):
    make_case(1)
    Pair.objects.update(guard="volume,voltage")
    html = client.get(reverse("case"), follow=True).content.decode()
    assert "The model would have accepted it" in html and "Volume, Voltage" in html
