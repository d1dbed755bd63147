"""Hidden checks: they look like any case, are asked once, never enter the log, and can be taken back."""

from __future__ import annotations

import re
import threading
import uuid

import pytest
from django.db import connection
from django.urls import reverse

from alignment import decisions
from alignment.models import AuditEvent, Decision, Group, Pair
from review import checks, leases, people, queues
from review.models import CheckAnswer, KnownPair, Lease
from tests import factories
from tests.review.test_together import at_once

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def known():
    """A pair that an admin decided and marked, under a policy that has every case preceded by a check; and two real cases."""
    admin = factories.make_admin()
    factories.make_policy(check_share=1.0)
    pair = factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=admin, note="seen both boxes")
    pair.refresh_from_db()
    made = checks.mark(pair=pair, verdict="accept", user=admin)
    factories.make_pair(0.8), factories.make_pair(0.8)
    return made


@pytest.fixture
def reviewer(client):
    user = factories.make_reviewer()
    client.force_login(user)
    return user


def press(client, pair, verdict, **fields):
    page = {"pair": pair.pk, "verdict": verdict, "seconds": "2", "request_id": str(uuid.uuid4()), "seen_standing": ""}
    return client.post(reverse("decide"), page | fields, **HTMX)


def test_a_check_looks_like_any_other_case(client, reviewer, known):
    check = client.get(reverse("case"), follow=True)
    press(client, known.pair, "accept")
    real = client.get(reverse("case"), follow=True)
    assert [candidate.pair.pk for candidate in check.context["candidates"]] == [known.pair_id]
    assert real.context["candidates"][0].pair.pk != known.pair_id

    def shape(page):
        html = page.content.decode().split('<div id="case"')[1]
        html = re.sub(r"kettle number \d+|[0-9a-f-]{32,}|\d+", "#", html.lower())
        return re.sub(r"\s+", " ", re.sub(r'(value|data-lease|title|datetime)="[^"]*"', "", html))

    assert shape(check) == shape(real)
    assert "seen both boxes" not in check.content.decode()


def test_the_count_of_what_is_left_does_not_tell(client, reviewer, known):
    leases.take_case(reviewer)
    assert queues.left(reviewer).pairs == 3
    press(client, known.pair, "accept")
    assert queues.left(reviewer).pairs == 2


def test_an_answer_is_kept_beside_the_log_and_moves_no_group(client, reviewer, known):
    before = Decision.objects.count(), Group.objects.count(), Pair.objects.get(pk=known.pair_id).standing_id
    client.get(reverse("case"), follow=True)
    press(client, known.pair, "reject")
    answer = CheckAnswer.objects.get()
    assert (answer.known, answer.reviewer, answer.verdict, answer.seconds) == (known, reviewer, "reject", 2.0)
    assert (Decision.objects.count(), Group.objects.count(), Pair.objects.get(pk=known.pair_id).standing_id) == before


def test_a_press_that_arrives_twice_is_one_answer(client, reviewer, known):
    client.get(reverse("case"), follow=True)
    request_id = str(uuid.uuid4())
    for _ in range(2):
        assert press(client, known.pair, "reject", request_id=request_id).status_code == 200
    assert CheckAnswer.objects.count() == 1


@pytest.mark.parametrize("taken_back", [False, True])
def test_a_press_used_for_one_check_is_refused_for_another_in_words(client, reviewer, known, taken_back):
    pair = factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=known.author)
    checks.mark(pair=Pair.objects.get(pk=pair.pk), verdict="accept", user=known.author)
    shown, request_id = client.get(reverse("case"), follow=True), str(uuid.uuid4())
    press(client, shown.context["candidates"][0].pair, "accept", request_id=request_id)
    other = client.get(reverse("case"), follow=True).context["candidates"][0].pair
    if taken_back:
        press(client, other, "accept")
        client.post(reverse("undo"), **HTMX)
    answer = press(client, other, "reject", request_id=request_id)
    assert answer.status_code == 422 and "already used for another verdict" in answer.content.decode()
    assert CheckAnswer.objects.exclude(verdict="").count() == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's writers take turns")
@pytest.mark.django_db(transaction=True)
def test_what_somebody_answers_while_they_are_deactivated_is_kept(client, reviewer, known, monkeypatch):
    answered, locked, answer, lock = threading.Event(), threading.Event(), checks.answer, people._locked

    def answering(**asked):
        made = answer(**asked)
        answered.set()
        locked.wait(5)
        return made

    def locking(user):
        row = lock(user)
        locked.set()
        return row

    def deactivate():
        answered.wait(5)
        people.deactivate(user=reviewer, author=known.author)

    monkeypatch.setattr(checks, "answer", answering)
    monkeypatch.setattr(people, "_locked", locking)
    client.get(reverse("case"), follow=True)
    assert at_once([lambda: press(client, known.pair, "accept"), deactivate]) == []
    assert CheckAnswer.objects.get().verdict == "accept"
    reviewer.refresh_from_db()
    assert not reviewer.is_active


def test_a_check_that_was_answered_in_another_tab_is_refused_in_the_words_of_any_other_pair(client, reviewer, known):
    client.get(reverse("case"), follow=True)
    press(client, known.pair, "reject")
    real = client.get(reverse("case"), follow=True).context["candidates"][0].pair
    press(client, real, "reject")
    for pair in (known.pair, real):
        late = press(client, pair, "accept")
        assert late.status_code == 409 and "You decided this pair in another tab" in late.content.decode()
    assert CheckAnswer.objects.get().verdict == "reject"


def test_undo_takes_an_answer_back_and_asks_again(client, reviewer, known):
    client.get(reverse("case"), follow=True)
    press(client, known.pair, "reject")
    answer = client.post(reverse("undo"), **HTMX)
    assert "Undone" in answer.content.decode()
    assert [candidate.pair.pk for candidate in answer.context["candidates"]] == [known.pair_id]
    assert not CheckAnswer.objects.exclude(verdict="").exists()


def test_an_answer_given_again_after_undo_counts_for_nothing_since_the_pair_could_be_looked_up(client, reviewer, known):
    client.get(reverse("case"), follow=True)
    press(client, known.pair, "reject")
    assert "seen both boxes" in client.get(reverse("pair", args=[known.pair_id])).content.decode()
    client.post(reverse("undo"), **HTMX)
    assert "seen both boxes" not in client.get(reverse("pair", args=[known.pair_id])).content.decode()
    press(client, known.pair, "accept")
    assert CheckAnswer.objects.get().verdict == "accept"
    assert "none was asked yet" in client.get(reverse("my-work")).content.decode()
    client.post(reverse("undo"), **HTMX)
    assert CheckAnswer.objects.get().verdict == ""


def test_a_press_that_arrives_again_after_its_undo_is_no_second_answer(client, reviewer, known):
    leases.take_case(reviewer)
    request_id = str(uuid.uuid4())
    press(client, known.pair, "reject", request_id=request_id)
    client.post(reverse("undo"))
    assert press(client, known.pair, "reject", request_id=request_id).status_code == 200
    assert CheckAnswer.objects.get().verdict == ""
    press(client, known.pair, "accept")
    assert CheckAnswer.objects.get().verdict == "accept"


def test_undo_after_a_later_verdict_takes_that_back_first(client, reviewer, known):
    client.get(reverse("case"), follow=True)
    answer = press(client, known.pair, "accept")
    real = answer.context["candidates"][0].pair
    press(client, real, "reject")
    client.post(reverse("undo"), **HTMX)
    assert CheckAnswer.objects.exists()
    assert Pair.objects.get(pk=real.pk).standing is None


def test_a_person_is_asked_once_and_never_what_they_decided_themselves(reviewer, known):
    scope = queues.scope_of(reviewer, escalated=False)
    assert checks.next_for(reviewer, scope) == known
    CheckAnswer.objects.create(known=known, reviewer=reviewer, verdict="accept")
    assert checks.next_for(reviewer, scope) is None
    decider = known.author
    assert checks.next_for(decider, scope) is None


def test_no_check_is_asked_where_the_policy_wants_none_or_nothing_else_waits(reviewer, known):
    Pair.objects.filter(in_review=True).update(in_review=False)
    assert leases.take_case(reviewer) is None
    factories.make_policy(check_share=0.0)
    real = factories.make_pair(0.8)
    assert leases.take_case(reviewer).pairs == [real]


def test_an_admin_marks_and_retires_a_known_pair_on_the_record(client):
    pair = factories.make_pair(0.95)
    client.force_login(factories.make_admin())
    assert "Certainly the same" in client.get(reverse("pair", args=[pair.pk])).content.decode()
    client.post(reverse("known-pair", args=[pair.pk]), {"verdict": "reject"})
    assert (KnownPair.objects.get().verdict, KnownPair.objects.get().retired_at) == ("reject", None)
    assert "Ask it no more" in client.get(reverse("pair", args=[pair.pk])).content.decode()
    client.post(reverse("known-pair", args=[pair.pk]))
    assert KnownPair.objects.get().retired_at
    assert list(AuditEvent.objects.filter(action__endswith="known pair").order_by("pk").values_list("action", flat=True)) == [
        "mark known pair",
        "retire known pair",
    ]


def test_nobody_else_marks_a_pair_or_sees_that_it_is_known(client, reviewer, known):
    assert client.post(reverse("known-pair", args=[known.pair_id]), {"verdict": "reject"}).status_code == 403
    assert "idden check" not in client.get(reverse("pair", args=[known.pair_id])).content.decode()
    assert KnownPair.objects.get().verdict == "accept"


def test_a_check_ahead_is_held_like_any_case(reviewer, known):
    factories.make_pair(0.8)
    CheckAnswer.objects.create(known=known, reviewer=reviewer, verdict="accept")
    leases.take_case(reviewer)
    CheckAnswer.objects.all().delete()
    ahead = factories.take_ahead(reviewer)
    assert ahead.is_check and Lease.objects.get(ahead=True).check_pair == known
