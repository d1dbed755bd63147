"""The case page over HTTP: what it shows, what it takes, and what it refuses."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from alignment import decisions, rollout
from alignment.models import SKU, Actor, CandidateSet, Decision, Pair, ScoringRun, User
from review import leases, queue_counts, scopes
from review.models import Lease
from tests import factories
from tests.steps import MOST_QUERIES, opened, steps

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def reviewer(client):
    user = factories.make_reviewer()
    client.force_login(user)
    return user


def make_case(candidates: int = 2, *, score: float = 0.8, model=None, **fields) -> SKU:
    query = factories.make_sku(**fields)
    factories.make_set(query, [factories.make_sku() for _ in range(candidates)])
    factories.score_waiting_sets(score, model=model)
    return query


def verdict(pair, verdict="accept", **fields):
    seen = pair.standing_id or ""
    return {"pair": pair.pk, "verdict": verdict, "seconds": "2.5", "request_id": str(uuid.uuid4()), "seen_standing": seen} | fields


def shown(client) -> list[Pair]:
    page = client.get(reverse("case"), follow=True)
    assert page.status_code == 200
    return [candidate.pair for candidate in (page.context.get("candidates") or [])]


def test_it_is_one_press_from_signing_in_to_the_first_case(client):
    query = make_case()
    factories.make_reviewer("lin")
    signed_in = client.post(reverse("sign-in"), {"username": "lin", "password": "a long password 1"})
    home = client.get(signed_in.url)
    assert home.url == reverse("case")
    assert query.title in opened(client, home.url).content.decode()


def test_a_candidate_with_the_querys_gtin_says_so(client, reviewer):
    query = factories.make_sku(gtin="04006381333931")
    factories.make_set(query, [factories.make_sku(gtin="04006381333931"), factories.make_sku(gtin="00000000000017")])
    factories.score_waiting_sets(0.8)
    assert client.get(reverse("case"), follow=True).content.decode().count("the same GTIN") == 1


def test_quantities_are_compared_across_units_and_languages_and_escaped(client, reviewer):
    query = factories.make_sku("Kettle 1.7 L 2200 W <b>2 m</b>")
    factories.make_set(query, [factories.make_sku("电热水壶 1700毫升 1500瓦")])
    factories.score_waiting_sets(0.8)
    page = re.sub(r"<[^>]*>|\\s+", " ", client.get(reverse("case"), follow=True).content.decode())
    compared = " ".join(page.split())
    assert "Power 2200 W ≠ differs 1500瓦" in compared
    assert "Volume 1.7 L = 1700毫升" in compared
    assert "Only the query Length 2 m" in compared


def test_it_sends_strangers_to_the_sign_in_page(client):
    for name in ("case", "escalated", "scoring", "policies", "conflicts", "imports", "candidates", "evaluations"):
        assert client.get(reverse(name)).status_code == 302
    assert client.post(reverse("decide")).status_code == 302


def test_it_shows_languages_links_and_what_differs(client, reviewer):
    query = factories.make_sku("无线耳机", language="zh", attributes={"colour": "Black", "power": "5 W"}, url="https://shop.example/1")
    other = factories.make_sku(
        "Earbuds", attributes={"Colour": "ＢＬＡＣＫ", "power": "6 W"}, url="javascript:alert(1)", description="<script>x</script>"
    )
    factories.make_pair(0.8, left=query, right=other)
    html = client.get(reverse("case"), follow=True).content.decode()
    assert 'lang="zh"' in html and 'lang="en"' in html
    assert 'href="https://shop.example/1" target="_blank" rel="noopener noreferrer"' in html
    assert "javascript:" not in html and "<script>x" not in html
    assert html.count("= equal") == 1 and html.count("≠ differs") == 1


def test_it_shows_both_directions_and_says_so_when_a_score_is_the_demo_models(client, reviewer):
    one, two = factories.make_sku(), factories.make_sku()
    factories.make_set(one, [two])
    factories.make_set(two, [one])
    factories.score_waiting_sets({(one.pk, two.pk): 0.8999, (two.pk, one.pk): 0.75}, model=factories.make_model(is_demo=True))
    html = client.get(reverse("case"), follow=True).content.decode()
    assert "0.89" in html and "0.75" in html and "0.90" not in html
    assert "demo model" in html and "RERANKER_MODEL" in html and "not trained to follow instructions" in html


def test_a_verdict_is_logged_and_the_next_pair_follows(client, reviewer):
    make_case(2)
    first, second = shown(client)
    answer = client.post(reverse("decide"), verdict(first, note="same code"), **HTMX)
    assert answer.status_code == 200
    assert [candidate.pair for candidate in answer.context["candidates"]] == [second]
    decision = Decision.objects.get(pair=first)
    assert (decision.verdict, decision.seconds, decision.note.text) == ("accept", 2.5, "same code")


def test_after_the_last_pair_the_next_case_follows(client, reviewer):
    make_case(1)
    second = make_case(1)
    answer = client.post(reverse("decide"), verdict(shown(client)[0], "reject"), **HTMX)
    assert answer.context["query"].sku == second


def test_a_press_that_arrives_twice_is_one_decision_even_when_its_case_is_gone(client, reviewer):
    make_case(1)
    form = verdict(shown(client)[0])
    for _ in range(2):
        assert client.post(reverse("decide"), form, **HTMX).status_code == 200
    assert Decision.objects.filter(by="person").count() == 1


def test_a_lost_lease_saves_nothing_and_says_so(client, reviewer):
    make_case(1)
    pair = shown(client)[0]
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    leases.sweep()
    answer = client.post(reverse("decide"), verdict(pair), **HTMX)
    assert answer.status_code == 409
    assert "was not saved" in answer.content.decode()
    assert not Decision.objects.filter(by="person").exists()


def test_a_pair_outside_the_case_in_hand_is_refused(client, reviewer):
    make_case(1), make_case(1)
    shown(client)
    foreign = Pair.objects.order_by("-pk").first()
    assert client.post(reverse("decide"), verdict(foreign), **HTMX).status_code == 409
    assert not Decision.objects.filter(by="person").exists()


def test_a_pair_decided_meanwhile_is_not_decided_over(client, reviewer):
    make_case(1)
    pair = shown(client)[0]
    decisions.decide(pair_id=pair.pk, verdict="unsure", user=factories.make_admin())
    answer = client.post(reverse("decide"), verdict(pair), **HTMX)
    assert answer.status_code == 409
    assert Decision.objects.filter(by="person").count() == 1


@pytest.mark.parametrize(
    "broken", [{"verdict": "withdraw"}, {"verdict": ""}, {"request_id": "x"}, {"pair": "x"}, {"pair": "²"}, {"note": "n" * 2001}]
)
def test_a_broken_press_is_answered_in_words(client, reviewer, broken):
    make_case(1)
    answer = client.post(reverse("decide"), verdict(shown(client)[0]) | broken, **HTMX)
    assert answer.status_code == 422
    assert answer.context["problem"]
    assert not Decision.objects.filter(by="person").exists()


def test_undo_takes_the_last_verdict_back_and_shows_its_pair(client, reviewer):
    make_case(1), make_case(1)
    first = shown(client)[0]
    client.post(reverse("decide"), verdict(first, "reject"), **HTMX)
    answer = client.post(reverse("undo"), **HTMX)
    assert [candidate.pair for candidate in answer.context["candidates"]] == [first]
    assert "Undone" in answer.content.decode()
    assert client.post(reverse("undo"), **HTMX).context["notice"] == "You have nothing to undo."


def test_undo_does_not_take_a_case_that_someone_else_holds(client, reviewer):
    other = factories.make_reviewer()
    make_case(1)
    pair = shown(client)[0]
    client.post(reverse("decide"), verdict(pair, "unsure"), **HTMX)
    client.force_login(other)
    assert shown(client) == [pair]
    client.force_login(reviewer)
    answer = client.post(reverse("undo"), **HTMX)
    assert "nobody else holds" in answer.content.decode()
    assert Lease.objects.get().reviewer == other


def test_what_everyone_found_unsure_goes_to_admins(client, reviewer):
    make_case(1)
    client.post(reverse("decide"), verdict(shown(client)[0], "unsure"), **HTMX)
    assert shown(client) == []
    assert client.get(reverse("escalated"), follow=True).status_code == 403
    client.force_login(factories.make_admin())
    page = client.get(reverse("escalated"), follow=True)
    pair = page.context["candidates"][0].pair
    assert "Unsure" in page.content.decode() and reviewer.username in page.content.decode()
    client.post(reverse("decide"), verdict(pair, "accept", escalated="1"), **HTMX)
    assert Pair.objects.get(pk=pair.pk).standing.verdict == "accept"


def test_an_empty_queue_says_what_would_fill_it(client, reviewer):
    assert "Nothing was compared yet" in client.get(reverse("case"), follow=True).content.decode()
    make_case(1, score=0.95)
    assert "Everything is reviewed" in client.get(reverse("case"), follow=True).content.decode()


def test_a_changed_text_is_marked(client, reviewer):
    from alignment import scoring

    query = make_case(1)
    client.post(reverse("decide"), verdict(shown(client)[0]), **HTMX)
    query.title, query.text_hash = "Another kettle", "e" * 64
    query.save()
    scoring.sku_changed([query.pk])
    assert "text changed" in client.get(reverse("case"), follow=True).content.decode()


def test_every_page_is_complete_without_inline_script_or_style(client, reviewer):
    make_case(2)
    page = client.get(reverse("case"), follow=True)
    html = page.content.decode()
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html)
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy


def test_an_instruction_that_is_being_replaced_says_so(client, reviewer):
    factories.make_pair(0.8)
    said = "A newer version of this policy is being rolled out."
    assert said not in client.get(reverse("case"), follow=True).content.decode()
    factories.make_policy(instruction="Is it the same thing?")
    assert said in client.get(reverse("case"), follow=True).content.decode()
    while rollout.advance():
        pass
    assert said not in client.get(reverse("case"), follow=True).content.decode()


def test_no_step_to_a_case_asks_much_nor_does_showing_it(client, reviewer):
    for _ in range(6):
        make_case(12)
    reviewer.languages = ["en", "de"]
    reviewer.save()
    Actor.of(reviewer), Actor.of(factories.make_reviewer("gone"))
    for name in ("case", "ahead"):
        [claimed, shown] = steps(client, reverse(name), **HTMX)
        assert any("INSERT" in query for query in claimed.queries) and shown.answer.status_code == 200
        assert max(len(claimed.queries), len(shown.queries)) <= MOST_QUERIES, name
    Lease.objects.update(expires_at=timezone.now() + timedelta(seconds=1))
    for name in ("case", "ahead"):
        [renewed, shown] = steps(client, reverse(name), **HTMX)
        assert any("UPDATE" in query for query in renewed.queries) and shown.answer.status_code == 200
        assert max(len(renewed.queries), len(shown.queries)) <= MOST_QUERIES, name
    Pair.objects.filter(query=Lease.objects.get(ahead=False).query).update(in_review=False)
    [emptied, followed, shown] = steps(client, reverse("case"))
    assert shown.answer.context["candidates"]
    assert max(len(step.queries) for step in (emptied, followed, shown)) <= MOST_QUERIES
    Lease.objects.update(reviewer=User.objects.get(username="gone"), expires_at=timezone.now())
    [freed, claimed, shown] = steps(client, reverse("case"))
    assert any("DELETE" in query for query in freed.queries) and shown.answer.context["candidates"]
    assert max(len(step.queries) for step in (freed, claimed, shown)) <= MOST_QUERIES


@pytest.mark.parametrize(
    ("kept_from", "reason"),
    [
        ("nothing", "never"),
        ("by a lease", "held"),
        ("by a category", "elsewhere"),
        ("by what they narrowed it to", "narrowed"),
        ("by being cancelled", "aside"),
    ],
)
def test_an_empty_queue_asks_as_few(client, reviewer, kept_from, reason):
    Actor.of(reviewer)
    if kept_from != "nothing":
        make_case()
        queue_counts.count()
    if kept_from == "by a lease":
        assert leases.take_case(factories.make_reviewer("otto"))
    elif kept_from == "by a category":
        reviewer.categories.set([factories.make_category("Elsewhere")])
    elif kept_from == "by what they narrowed it to":
        scopes.narrow(user=reviewer, category=factories.make_category("Elsewhere"), languages="")
    elif kept_from == "by being cancelled":
        Pair.objects.update(in_review=False)
        run = ScoringRun.objects.create(status=ScoringRun.Status.CANCELLED)
        CandidateSet.objects.update(status=CandidateSet.Status.ASIDE, scoring_run=run)
    cache.clear()
    [step] = steps(client, reverse("case"))
    assert step.answer.context["reason"] == reason and len(step.queries) <= MOST_QUERIES


def test_an_empty_list_of_escalated_pairs_asks_as_few(client):
    admin = factories.make_admin()
    client.force_login(admin)
    Actor.of(admin)
    make_case()
    queue_counts.count()
    cache.clear()
    [step] = steps(client, reverse("escalated"))
    assert step.answer.context["reason"] == "done" and len(step.queries) <= MOST_QUERIES


def test_giving_a_case_back_frees_it(client, reviewer):
    make_case(1)
    shown(client)
    assert client.post(reverse("leave"), follow=True).status_code == 200
    assert not Lease.objects.exists()


def test_the_page_gives_signs_of_life_and_hears_when_its_case_is_gone(client, reviewer, django_assert_max_num_queries):
    make_case(1)
    shown(client)
    with django_assert_max_num_queries(4):
        assert client.post(reverse("heartbeat")).json() == {"held": 1}
    assert client.get(reverse("heartbeat")).status_code == 405
    leases.release(reviewer)
    assert client.post(reverse("heartbeat")).json() == {"held": 0}
