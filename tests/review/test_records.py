"""A SKU's and a pair's page: what they show to whom, and what can be done there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from alignment import catalogue, decisions
from alignment.models import SKU, AuditEvent, Decision, ImportRun, Note, Pair, TextVersion
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer(client):
    user = factories.make_reviewer("lin")
    client.force_login(user)
    return user


@pytest.fixture
def admin(client):
    user = factories.make_admin("ada")
    client.force_login(user)
    return user


def open_sku(client, sku, **options):
    return client.get(reverse("sku", args=[sku.uuid]), **options)


def open_pair(client, pair, **options):
    return client.get(reverse("pair", args=[pair.pk]), **options)


def text(page):
    return page.content.decode()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_sku_shows_its_listing_its_pairs_and_what_stands_on_them(client, reviewer, language):
    query = factories.make_sku("折叠婴儿推车", language="zh", attributes={"颜色": "黑"}, gtin="4006381333931")
    pair = factories.make_pair(0.8, left=query, right=factories.make_sku("Folding <b>stroller</b>"))
    decisions.decide(pair_id=pair.pk, verdict="accept", user=reviewer)
    shown = text(open_sku(client, query, HTTP_ACCEPT_LANGUAGE=language))
    assert "折叠婴儿推车" in shown and "4006381333931" in shown and "颜色" in shown
    assert "Folding &lt;b&gt;stroller" in shown
    assert reverse("pair", args=[pair.pk]) in shown
    assert "G-" in shown and "lin" in shown


def test_a_sku_shows_every_text_it_had(client, reviewer):
    sku = factories.make_sku("Kettle 1.7 L")
    TextVersion.objects.create(sku=sku, text_hash="x", title="Kettle 1.5 L", attributes={"colour": "red"})
    assert "Kettle 1.5 L" in text(open_sku(client, sku))


def test_a_sku_that_nothing_is_known_of_says_so(client, reviewer):
    assert "With nothing yet" in text(open_sku(client, factories.make_sku()))


def test_an_admin_corrects_a_language_and_a_reviewer_cannot(client, admin):
    sku = factories.make_sku(language="de")
    client.post(reverse("sku-language", args=[sku.uuid]), {"language": "en"})
    assert SKU.objects.get(pk=sku.pk).language == "en"
    assert "Language corrected from German to English" in text(open_sku(client, sku))
    client.post(reverse("sku-language", args=[sku.uuid]), {"language": "klingon"})
    assert SKU.objects.get(pk=sku.pk).language == "en"
    client.force_login(factories.make_reviewer())
    assert client.post(reverse("sku-language", args=[sku.uuid]), {"language": "de"}).status_code == 403


def test_its_case_is_taken_from_its_page(client, reviewer):
    factories.make_pair(0.8)
    pair = factories.make_pair(0.8)
    assert client.post(reverse("sku-review", args=[pair.query.uuid])).url == reverse("case")
    assert client.get(reverse("case"), follow=True).context["query"].sku == pair.query


def test_a_case_that_somebody_else_is_at_is_not_taken(client, reviewer):
    pair = factories.make_pair(0.8)
    client.post(reverse("sku-review", args=[pair.query.uuid]))
    client.force_login(factories.make_reviewer())
    page = client.post(reverse("sku-review", args=[pair.query.uuid]), follow=True)
    assert "Nothing of it is yours to decide now" in text(page)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_pair_shows_scores_policy_and_its_whole_history(client, reviewer, language):
    pair = factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="unsure", user=reviewer, note="Ask <i>the</i> shop", seconds=12.4)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=reviewer)
    page = open_pair(client, pair, HTTP_ACCEPT_LANGUAGE=language)
    assert [line.decision.verdict for line in page.context["lines"]] == ["accept", "unsure"]
    assert "Ask &lt;i&gt;the&lt;/i&gt; shop" in text(page)
    assert "0.80" in text(page) and page.context["instruction"]


def test_directions_that_differ_are_told_as_the_reason(client, reviewer):
    left, right = factories.make_sku(), factories.make_sku()
    factories.make_set(left, [right]), factories.make_set(right, [left])
    factories.score_waiting_sets({(left.pk, right.pk): 0.95, (right.pk, left.pk): 0.2})
    assert "The two directions lead to different routes" in text(open_pair(client, Pair.objects.get()))


def test_ones_own_verdict_is_taken_back(client, reviewer):
    pair = factories.make_pair(0.8)
    mine = decisions.decide(pair_id=pair.pk, verdict="accept", user=reviewer)
    client.post(reverse("pair-withdraw", args=[pair.pk]), {"decision": mine.pk})
    assert Pair.objects.get(pk=pair.pk).standing is None


def test_nobody_but_an_admin_takes_back_anothers(client, reviewer):
    pair = factories.make_pair(0.8)
    theirs = decisions.decide(pair_id=pair.pk, verdict="accept", user=factories.make_reviewer())
    page = client.post(reverse("pair-withdraw", args=[pair.pk]), {"decision": theirs.pk}, follow=True)
    assert "Only who gave a verdict" in text(page)
    assert Pair.objects.get(pk=pair.pk).standing == theirs
    client.force_login(factories.make_admin())
    client.post(reverse("pair-withdraw", args=[pair.pk]), {"decision": theirs.pk})
    assert Pair.objects.get(pk=pair.pk).standing is None


def test_a_verdict_that_no_longer_stands_is_not_taken_back(client, reviewer):
    pair = factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=reviewer)
    for wrong in ("", "x", "²", "1" * 40):
        page = client.post(reverse("pair-withdraw", args=[pair.pk]), {"decision": wrong}, follow=True)
        assert "no longer stands" in text(page)


def test_an_admin_has_a_note_forgotten_and_the_log_keeps_that_there_was_one(client, admin):
    pair = factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="reject", user=admin, note="My phone is 555 0100")
    client.post(reverse("pair-forget", args=[pair.pk]), {"note": Note.objects.get().pk})
    page = text(open_pair(client, pair))
    assert "555 0100" not in page and "Its note was forgotten." in page
    assert AuditEvent.objects.filter(action="forget note").exists()


def test_a_note_of_another_pair_is_not_forgotten_here(client, admin):
    pair, other = factories.make_pair(0.8), factories.make_pair(0.8)
    decisions.decide(pair_id=other.pk, verdict="reject", user=admin, note="kept")
    client.post(reverse("pair-forget", args=[pair.pk]), {"note": Note.objects.get().pk})
    assert Note.objects.exists()


def test_a_reviewer_forgets_no_note(client, reviewer):
    pair = factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="reject", user=reviewer, note="kept")
    assert client.post(reverse("pair-forget", args=[pair.pk]), {"note": Note.objects.get().pk}).status_code == 403


def test_the_first_opinion_is_not_shown_to_whom_a_second_is_wanted_of(client, reviewer):
    pair = factories.make_pair(0.8)
    first = factories.make_reviewer("first-one")
    decisions.decide(pair_id=pair.pk, verdict="reject", user=first, note="clearly another size")
    Pair.objects.filter(pk=pair.pk).update(in_review=True, stage=Pair.Stage.SECOND)
    for page in (open_pair(client, pair), open_sku(client, pair.query)):
        shown = text(page)
        assert "first-one" not in shown and "clearly another size" not in shown and "≠ Different" not in shown
    client.force_login(first)
    assert "clearly another size" in text(open_pair(client, pair))
    client.force_login(factories.make_admin())
    assert "first-one" not in text(open_pair(client, pair))


def test_scores_stay_hidden_where_the_policy_has_them_hidden_until_the_verdict(client, reviewer):
    pair = factories.make_pair(0.8123)
    policy = pair.policy
    blind = type(policy).objects.create(
        category=policy.category, number=policy.number + 1, instruction="Same?", accept_at=0.9, review_at=0.7, blind=True
    )
    Pair.objects.filter(pk=pair.pk).update(policy=blind)
    for page in (open_pair(client, pair), open_sku(client, pair.query)):
        assert "0.81" not in text(page)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=reviewer)
    assert "0.81" in text(open_pair(client, pair))


def test_who_left_is_called_so(client, reviewer):
    pair = factories.make_pair(0.8)
    gone = factories.make_reviewer("ghost")
    decisions.decide(pair_id=pair.pk, verdict="accept", user=gone)
    gone.delete()
    assert "someone who left" in text(open_pair(client, pair))


def test_pages_cost_the_same_whatever_they_hold(client, admin, django_assert_max_num_queries):
    query = factories.make_sku()
    for _ in range(4):
        pair = factories.make_pair(0.8, left=query)
        decisions.decide(pair_id=pair.pk, verdict="accept", user=factories.make_reviewer(), note="yes")
    assert Decision.objects.count() == 4
    catalogue.correct_language(sku=query, language="de", user=factories.make_reviewer())
    began = timezone.now() - timedelta(minutes=1)
    ImportRun.objects.create(source=query.source, file_name="feed.csv", created_at=began, finished_at=timezone.now())
    with django_assert_max_num_queries(12):
        said = text(open_sku(client, query))
    assert "Came with feed.csv" in said and "Language corrected" in said
    with django_assert_max_num_queries(12):
        open_pair(client, pair)


def test_pages_are_for_those_who_signed_in(client):
    pair = factories.make_pair(0.8)
    for address in (reverse("sku", args=[pair.query.uuid]), reverse("pair", args=[pair.pk]), reverse("catalogue")):
        assert client.get(address).status_code == 302
