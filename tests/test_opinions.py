"""Second opinions: who is asked, what stands meanwhile, who has the last word, and the way back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment import decisions, groups, implied, opinions
from alignment.models import Decision, Pair, User
from review import leases, queues
from tests.factories import make_admin, make_pair, make_review_policy, make_reviewer, make_sku
from tests.steps import opened
from tests.test_decisions import change_text

pytestmark = pytest.mark.django_db
Verdict, Stage = Decision.Verdict, Pair.Stage


@pytest.fixture(autouse=True)
def the_log_and_what_follows_are_whole() -> Iterator[None]:
    yield
    assert decisions.verify() == []
    assert groups.verify() == []
    assert implied.verify() == []


@pytest.fixture
def pair() -> Pair:
    """One that goes to a second reviewer."""
    make_review_policy(second_share=1.0)
    return make_pair(0.8)


@pytest.fixture
def one() -> User:
    return make_reviewer("one")


@pytest.fixture
def other() -> User:
    return make_reviewer("other")


def decide(pair: Pair, verdict: str, user: User) -> Decision:
    return decisions.decide(pair_id=pair.pk, verdict=verdict, user=user)


def now(pair: Pair) -> tuple[str, str | None, bool]:
    """Its stage, what stands on it, and whether anybody is asked."""
    pair = Pair.objects.select_related("standing").get(pk=pair.pk)
    return pair.stage, pair.standing and pair.standing.verdict, pair.in_review


def offered(user: User, *, escalated: bool = False) -> set[int]:
    return set(queues.open_pairs(user, escalated=escalated).values_list("pk", flat=True))


def test_the_first_verdict_takes_effect_and_somebody_else_is_asked(pair: Pair, one: User, other: User) -> None:
    decide(pair, Verdict.ACCEPT, one)
    assert now(pair) == (Stage.SECOND, Verdict.ACCEPT, True)
    assert groups.group_of(pair.left) is not None
    assert (offered(one), offered(other)) == (set(), {pair.pk})


def test_whoever_gave_the_first_cannot_give_the_second(pair: Pair, one: User, other: User) -> None:
    decide(pair, Verdict.ACCEPT, one)
    with pytest.raises(decisions.DecisionError, match="somebody else"):
        decide(pair, Verdict.REJECT, one)


def test_two_that_agree_settle_it(pair: Pair, one: User, other: User) -> None:
    first = decide(pair, Verdict.ACCEPT, one)
    assert decide(pair, Verdict.ACCEPT, other).reason == "second opinion"
    assert now(pair) == (Stage.FIRST, Verdict.ACCEPT, False)
    assert Pair.objects.get(pk=pair.pk).standing == first


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [("accept", "reject", "reject"), ("reject", "accept", "reject"), ("accept", "unsure", "unsure"), ("reject", "unsure", "reject")],
)
def test_until_adjudicated_the_more_cautious_stands(pair: Pair, one: User, other: User, first: str, second: str, stands: str) -> None:
    decide(pair, first, one)
    decide(pair, second, other)
    assert now(pair) == (Stage.ADJUDICATION, stands, True)
    assert (groups.group_of(pair.left) is None) == (stands != "accept")


def test_the_adjudicator_is_an_admin_who_gave_neither_and_ends_it(pair: Pair, other: User) -> None:
    involved, judge = make_admin("involved"), make_admin("judge")
    decide(pair, Verdict.ACCEPT, involved)
    decide(pair, Verdict.REJECT, other)
    assert (offered(other, escalated=True), offered(involved, escalated=True)) == (set(), set())
    assert offered(judge, escalated=True) == {pair.pk}
    for user in (involved, other):
        with pytest.raises(decisions.DecisionError):
            decide(pair, Verdict.ACCEPT, user)
    assert decide(pair, Verdict.ACCEPT, judge).reason == "adjudication"
    assert now(pair) == (Stage.FIRST, Verdict.ACCEPT, False)


def test_where_every_admin_gave_one_any_admin_has_the_last_word(pair: Pair, other: User) -> None:
    only = make_admin("only")
    decide(pair, Verdict.ACCEPT, only)
    decide(pair, Verdict.REJECT, other)
    assert offered(only, escalated=True) == {pair.pk}
    decide(pair, Verdict.REJECT, only)
    assert now(pair) == (Stage.FIRST, Verdict.REJECT, False)


def test_an_adjudicator_says_same_or_different(pair: Pair, one: User, other: User) -> None:
    decide(pair, Verdict.ACCEPT, one)
    decide(pair, Verdict.REJECT, other)
    with pytest.raises(decisions.DecisionError, match="choose same or different"):
        decide(pair, Verdict.UNSURE, make_admin())


def test_undo_at_each_stage_gives_back_the_stage_before(pair: Pair, one: User, other: User) -> None:
    admin, before = make_admin(), []
    for user, verdict in ((one, Verdict.ACCEPT), (other, Verdict.REJECT), (admin, Verdict.ACCEPT)):
        before.append(now(pair))
        decide(pair, verdict, user)
    for user in (admin, other, one):
        decisions.undo(user=user)
        assert now(pair) == before.pop()


def test_a_first_verdict_is_not_taken_back_once_the_second_is_given(pair: Pair, one: User, other: User) -> None:
    first = decide(pair, Verdict.ACCEPT, one)
    decide(pair, Verdict.ACCEPT, other)
    assert decisions.undo(user=one) is None
    with pytest.raises(decisions.Outdated):
        decisions.withdraw(decision_id=first.pk, user=one)


def test_what_somebody_was_unsure_of_goes_to_a_second_reviewer_where_the_policy_says_so(one: User, other: User) -> None:
    make_review_policy(second_unsure=True)
    make_reviewer()
    plain, doubted = make_pair(0.8), make_pair(0.8)
    decide(plain, Verdict.ACCEPT, other)
    decide(doubted, Verdict.UNSURE, one)
    decide(doubted, Verdict.ACCEPT, other)
    assert (now(plain)[0], now(doubted)[0]) == (Stage.FIRST, Stage.SECOND)


def test_what_was_escalated_is_settled_by_the_admin_alone(one: User) -> None:
    make_review_policy(second_share=1.0)
    pair = make_pair(0.8)
    decide(pair, Verdict.UNSURE, one)
    assert now(pair) == (Stage.ESCALATED, Verdict.UNSURE, True)
    assert decide(pair, Verdict.REJECT, make_admin()).reason == "escalation"
    assert now(pair) == (Stage.FIRST, Verdict.REJECT, False)


def test_whoever_is_alone_is_not_asked_to_wait_for_a_second_reviewer(pair: Pair, one: User) -> None:
    decide(pair, Verdict.ACCEPT, one)
    assert now(pair) == (Stage.FIRST, Verdict.ACCEPT, False)


def test_a_share_of_cases_is_the_same_cases_each_time() -> None:
    places = [opinions.share(query) for query in range(2000)]
    assert places == [opinions.share(query) for query in range(2000)]
    assert min(places) >= 0 and max(places) < 1
    assert 0.27 < sum(place < 0.3 for place in places) / 2000 < 0.33


def test_a_text_that_changes_meanwhile_asks_for_a_first_verdict_again(pair: Pair, one: User, other: User) -> None:
    decide(pair, Verdict.ACCEPT, one)
    change_text(pair.left, "Another thing")
    assert now(pair) == (Stage.FIRST, Verdict.ACCEPT, True)
    assert decide(pair, Verdict.REJECT, one).reason == ""
    assert now(pair) == (Stage.SECOND, Verdict.REJECT, True)


def test_undo_gives_back_the_mark_of_a_changed_text(one: User) -> None:
    pair = make_pair(0.8)
    decide(pair, Verdict.ACCEPT, one)
    change_text(pair.left, "Another thing")
    decide(pair, Verdict.ACCEPT, one)
    decisions.undo(user=one)
    pair.refresh_from_db()
    assert (pair.text_changed, pair.in_review) == (True, True)
    decisions.undo(user=one)
    pair.refresh_from_db()
    assert (pair.text_changed, pair.standing) == (False, None)


def test_the_groups_do_not_answer_for_a_second_reviewer(one: User, other: User) -> None:
    make_review_policy(second_share=1.0)
    a, b, c = make_sku(), make_sku(), make_sku()
    pairs = [make_pair(0.8, left=left, right=right) for left, right in ((a, b), (b, c), (a, c))]
    for pair in pairs[:2]:
        decide(pair, Verdict.ACCEPT, one)
    assert [Pair.objects.get(pk=pair.pk).in_review for pair in pairs] == [True, True, False]


def test_the_second_reviewer_sees_nothing_of_the_first(client: Client, pair: Pair, one: User, other: User) -> None:
    first = decisions.decide(pair_id=pair.pk, verdict="accept", user=one, note="the very same box")
    client.force_login(other)
    page = client.get(reverse("case"), follow=True)
    assert [candidate.pair.pk for candidate in page.context["candidates"]] == [pair.pk]
    html = page.content.decode()
    assert "the very same box" not in html and ">one" not in html and "in group" not in html
    assert page.context["around"].accepted == 0
    assert set(opinions.visible_to(other)) == set() and set(opinions.visible_to(one)) == {first}


def test_once_settled_everybody_sees_both(pair: Pair, one: User, other: User) -> None:
    given = {decide(pair, Verdict.ACCEPT, one), decide(pair, Verdict.ACCEPT, other)}
    assert set(opinions.visible_to(make_reviewer())) == given


def test_a_second_opinion_is_given_through_the_queue_like_any_other(client: Client, pair: Pair, one: User, other: User) -> None:
    decide(pair, Verdict.ACCEPT, one)
    shown = leases.take_case(other)
    client.force_login(other)
    form = {"pair": pair.pk, "verdict": "reject", "seen_standing": shown.pairs[0].standing_id}
    assert client.post(reverse("decide"), form, HTTP_HX_REQUEST="true").status_code == 200
    assert now(pair) == (Stage.ADJUDICATION, Verdict.REJECT, True)


acts = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["accept", "reject", "unsure", "undo", "text changes"])), max_size=12)


@given(acts=acts, share=st.sampled_from([0.0, 1.0]), unsure=st.booleans())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_four_people_do_the_log_stays_whole(acts: list[tuple[int, str]], share: float, unsure: bool) -> None:
    with pytest.raises(InterruptedError), transaction.atomic():
        make_review_policy(second_share=share, second_unsure=unsure)
        pair, people = make_pair(0.8), [make_reviewer(), make_reviewer(), make_admin(), make_admin()]
        for place, (who, act) in enumerate(acts):
            if act == "text changes":
                change_text(Pair.objects.get(pk=pair.pk).left, f"Text number {place}")
            elif act == "undo":
                decisions.undo(user=people[who])
            elif pair.pk in offered(people[who]) | offered(people[who], escalated=True):
                try:
                    decide(pair, act, people[who])
                except decisions.DecisionError:
                    assert act == "unsure"
            assert decisions.verify() == []
        assert implied.verify() == [] and groups.verify() == []
        raise InterruptedError


def test_an_admin_is_told_why_a_pair_is_escalated_and_who_said_what_and_reaches_either_kind(client: Client, one: User, other: User) -> None:
    make_review_policy(second_share=1.0)
    doubted, disputed = make_pair(0.8), make_pair(0.8)
    for user in (one, other):
        decide(doubted, Verdict.UNSURE, user)
    decide(disputed, Verdict.ACCEPT, one)
    decide(disputed, Verdict.REJECT, other)
    client.force_login(make_admin())
    for reason, pair, why in (
        ("adjudication", disputed, "Two people differ. You have the last word"),
        ("escalated", doubted, "Everybody who looked was unsure."),
        ("adjudication", disputed, "Two people differ. You have the last word"),
    ):
        page = opened(client, reverse("escalated", query={"why": reason}))
        assert [candidate.pair for candidate in page.context["candidates"]] == [pair]
        assert why in page.content.decode()
        assert [earlier.who for earlier in page.context["candidates"][0].earlier] == ["one", "other"]
    decide(disputed, Verdict.REJECT, make_admin())
    assert "Nothing fits these filters" in opened(client, reverse("escalated", query={"why": "adjudication"})).content.decode()
    page = opened(client, reverse("escalated", query={"reset": "1"}))
    assert [candidate.pair for candidate in page.context["candidates"]] == [doubted]
