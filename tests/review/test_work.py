"""My work over HTTP: what a person decided, how fast and how rightly, and a history in which they take back what can be."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from alignment import bulk, decisions, groups, logbook, search
from alignment.models import Actor, Decision, Group, Pair
from review.models import CheckAnswer, DecisionDay, KnownPair
from review.views import work as views
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer(client):
    user = factories.make_reviewer()
    client.force_login(user)
    return user


def decide(user, verdict="accept", *, one="", other="", **fields) -> Decision:
    skus = factories.make_sku(one), factories.make_sku(other, language="de")
    search.index(skus)
    pair = factories.make_pair(0.8, left=skus[0], right=skus[1])
    return decisions.decide(pair_id=pair.pk, verdict=verdict, user=user, **fields)


def work(client, **query):
    return client.get(reverse("my-work"), query)


def titles(page) -> list[str]:
    return [cells[2].value for _row, cells in page.context["list"].rows]


def test_it_counts_todays_verdicts_and_how_fast_they_were(client, reviewer):
    decide(reviewer, seconds=30), decide(reviewer, "reject", seconds=30), decide(factories.make_reviewer())
    shown = work(client).context["work"]
    assert (shown.decided_today, shown.today) == (2, {"accept": 1, "reject": 1, "unsure": 0})
    assert shown.an_hour == 120


def test_the_days_before_are_those_that_were_counted(client, reviewer):
    yesterday = timezone.localdate() - timedelta(days=1)
    DecisionDay.objects.create(day=yesterday, actor=Actor.of(reviewer).uuid, verdict="accept", decisions=60, seconds=1800)
    DecisionDay.objects.create(day=yesterday - timedelta(days=9), actor=Actor.of(reviewer).uuid, verdict="accept", decisions=5, seconds=1)
    shown = work(client).context["work"]
    assert [day.decisions for day in shown.days] == [0, 0, 0, 0, 0, 60, 0]
    assert shown.an_hour == 120


def test_agreement_and_hidden_checks_are_told_to_whom_they_are_of(client, reviewer):
    for verdict in ("accept", "reject"):
        known = KnownPair.objects.create(pair=factories.make_pair(0.8), verdict="accept")
        CheckAnswer.objects.create(known=known, reviewer=reviewer, verdict=verdict)
    html = work(client).content.decode()
    assert "50 %" in html and "1 of 2" in html
    assert "no pair had two opinions" in html


def test_in_chinese_a_share_stands_close_to_its_sign_and_the_first_column_is_a_time(client, reviewer):
    known = KnownPair.objects.create(pair=factories.make_pair(0.8), verdict="accept")
    CheckAnswer.objects.create(known=known, reviewer=reviewer, verdict="accept")
    decide(reviewer, one="Kettle")
    html = client.get(reverse("my-work"), headers={"accept-language": "zh-hans"}).content.decode()
    assert "100%" in html and "100 %" not in html
    assert 'data-label="时间"' in html and 'data-label="已判定"' not in html


def test_the_history_holds_ones_own_verdicts_only_the_newest_first(client, reviewer):
    decide(reviewer, one="Kettle"), decide(reviewer, one="Pan"), decide(factories.make_reviewer(), one="Knife")
    assert titles(work(client)) == ["Pan", "Kettle"]


@pytest.mark.parametrize(("asked", "found"), [("red kettle", ["Red enamel kettle"]), ("WASSERKOCHER", ["Red enamel kettle"]), ("X-no", [])])
@pytest.mark.parametrize("looked_at", [300, 1])
def test_it_is_searched_by_words_of_either_title(client, reviewer, monkeypatch, asked, found, looked_at):
    monkeypatch.setattr(search, "LOOKED_AT", looked_at)
    decide(reviewer, one="Red enamel kettle", other="Wasserkocher rot"), decide(reviewer, one="Red pan", other="Pfanne rot")
    assert titles(work(client, words=asked)) == found


def test_frequent_words_are_looked_for_in_the_last_verdicts_that_the_other_filters_leave(client, reviewer, monkeypatch):
    monkeypatch.setattr(search, "LOOKED_AT", 1)
    monkeypatch.setattr(views, "LOOKED_AT", 1)
    decide(reviewer, one="Red kettle"), decide(reviewer, "reject", one="Blue kettle")
    assert titles(work(client, words="kettle")) == ["Blue kettle"]
    assert titles(work(client, words="kettle", verdict="accept")) == ["Red kettle"]


def test_it_is_searched_by_a_shops_own_id(client, reviewer):
    decision = decide(reviewer, one="Kettle")
    decide(reviewer, one="Pan")
    assert titles(work(client, words=decision.pair.left.external_id)) == ["Kettle"]


def test_a_verdict_is_taken_back_from_the_history(client, reviewer):
    decision = decide(reviewer)
    page = work(client)
    assert re.search(rf'<button form="undo" name="decision" value="{decision.pk}">', page.content.decode())
    answer = client.post(reverse("my-work-undo"), {"decision": decision.pk}, follow=True)
    assert "1 verdict is taken back." in answer.content.decode()
    assert Pair.objects.get(pk=decision.pair_id).standing is None
    assert "<button form=" not in work(client).content.decode()


def test_a_bulk_act_is_taken_back_as_a_whole_by_one_of_its_verdicts(client):
    admin = factories.make_admin()
    client.force_login(admin)
    made = [factories.make_pair(0.8).pk for _ in range(3)]
    pairs = list(Pair.objects.select_related("left", "right", "score", "reverse_score", "policy", "standing").filter(pk__in=made))
    with transaction.atomic():
        logbook.lock()
        bulk.apply(pairs=pairs, verdict="reject", user=admin, act=uuid.uuid4())
    (button,) = re.findall(r'name="decision" value="(\d+)"', work(client).content.decode())
    answer = client.post(reverse("my-work-undo"), {"decision": button}, follow=True)
    assert "3 verdicts are taken back." in answer.content.decode()
    assert not Pair.objects.filter(standing__isnull=False).exists()


@pytest.mark.parametrize("asked", ["", "x", "0", "9" * 30])
def test_what_cannot_be_taken_back_is_answered_in_words(client, reviewer, asked):
    decide(reviewer)
    answer = client.post(reverse("my-work-undo"), {"decision": asked}, follow=True)
    assert "cannot be taken back any more" in answer.content.decode()
    assert Decision.objects.filter(verdict="withdraw").count() == 0


def test_nobody_takes_back_somebody_elses(client, reviewer):
    decision = decide(factories.make_reviewer())
    client.post(reverse("my-work-undo"), {"decision": decision.pk})
    assert Pair.objects.get(pk=decision.pair_id).standing == decision


def test_titles_are_escaped_and_in_their_language(client, reviewer):
    decide(reviewer, one="<b>Kettle", other="Wasserkocher")
    html = work(client).content.decode()
    assert "<b>Kettle" not in html and "&lt;b&gt;Kettle" in html and 'lang="de"' in html


def test_an_empty_history_says_what_would_fill_it(client, reviewer):
    assert "You have decided nothing yet" in work(client).content.decode()


def test_charts_are_files_too_and_the_history_is_exported(client, reviewer):
    decide(reviewer, seconds=36)
    file = client.get(reverse("my-work-data", args=["pace"])).content.decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(file)))[-1] == [timezone.localdate().isoformat(), "100", "1"]
    assert client.get(reverse("my-work-data", args=["nothing"])).status_code == 404
    assert b"accept" in b"".join(work(client, **{"as": "csv"}).streaming_content)


def test_strangers_are_sent_to_sign_in(client):
    assert client.get(reverse("my-work")).status_code == 302 and client.post(reverse("my-work-undo")).status_code == 302


def test_the_queries_do_not_grow_with_the_history(client, reviewer, django_assert_max_num_queries):
    for _ in range(8):
        decide(reviewer)
    work(client, sort="-newest")
    with django_assert_max_num_queries(12):
        work(client, sort="-newest")


def test_undo_goes_back_through_ones_last_fifty_decisions_and_the_groups_with_them(client, reviewer):
    first = factories.make_sku("Kettle 0")
    chain = [decide_next(reviewer, first)]
    for _ in range(51):
        chain.append(decide_next(reviewer, chain[-1].pair.right))
    assert [group.size for group in Group.objects.filter(size__gt=0)] == [53]
    for left in range(51, 1, -1):
        answer = client.post(reverse("undo"), headers={"hx-request": "true"})
        assert "Undone" in answer.content.decode()
        assert [group.size for group in Group.objects.filter(size__gt=0)] == [left + 1]
    assert Decision.objects.filter(verdict="withdraw").count() == 50
    assert groups.verify() == []


def decide_next(user, left) -> Decision:
    pair = factories.make_pair(0.8, left=left)
    return decisions.decide(pair_id=pair.pk, verdict="accept", user=user)
