"""What the case page tells of the decisions and groups around a case, and what it keeps from a second reviewer."""

from __future__ import annotations

import re
import uuid
from html import unescape

import pytest
from django.db.models import F
from django.urls import reverse

from alignment import decisions, facts
from alignment.models import SKU, Pair
from review import around, checks, scopes
from review.models import Lease
from tests import factories
from tests.steps import MOST_QUERIES, steps

pytestmark = pytest.mark.django_db
NOTHING = "Nobody decided anything about these listings yet."


@pytest.fixture
def reviewer(client):
    user = factories.make_reviewer("lin")
    client.force_login(user)
    return user


def make_case(candidates: int = 1):
    query = factories.make_sku("The query's kettle")
    factories.make_set(query, [factories.make_sku() for _ in range(candidates)])
    factories.score_waiting_sets(0.8)
    return query


def neighbour(sku, verdict: str, by=None, title: str = ""):
    """Another listing that was decided against one of a case's."""
    other = factories.make_sku(title, language="fr")
    pair = factories.make_pair(0.8, left=sku, right=other)
    decisions.decide(pair_id=pair.pk, verdict=verdict, user=by or factories.make_reviewer())
    return other


def said(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", unescape(html)).split())


def summary(client) -> str:
    html = client.get(reverse("case"), follow=True).content.decode()
    start = html.index('<details class="around')
    return said(html[start : html.index("</summary>", start)])


def fetched(client, lease: Lease | None = None, *, escalated: bool = False):
    """What the page asks for when its details are opened."""
    if lease is None:
        client.get(reverse("case"), follow=True)
        lease = Lease.objects.get(ahead=False)
    return client.get(reverse("neighbours", args=[lease.uuid]) + ("?escalated=1" if escalated else ""))


def told(client) -> str:
    answer = fetched(client)
    assert answer.status_code == 200
    return said(answer.content.decode())


def test_what_was_decided_against_the_query_is_told_with_whom_and_what(client, reviewer):
    query, mei = make_case(), factories.make_reviewer("mei")
    neighbour(query, "accept", mei, "Bouilloire électrique")
    neighbour(query, "reject", mei, "Théière")
    text = told(client)
    assert "= Bouilloire électrique fr · Brightcart · same as the query · mei," in text
    assert "≠ Théière fr · Brightcart · different from the query · mei," in text


def test_what_was_decided_against_a_candidate_is_told_with_its_title(client, reviewer):
    make_case()
    candidate = Pair.objects.get().right
    neighbour(candidate, "reject", title="Théière")
    assert f"≠ Théière fr · Brightcart · different from “{candidate.title}”" in told(client)


def test_members_of_the_querys_group_are_told_though_no_verdict_ties_them_to_it(client, reviewer):
    query, mei = make_case(), factories.make_reviewer("mei")
    near = neighbour(query, "accept", mei)
    neighbour(near, "accept", mei, "Wasserkocher")
    text = summary(client)
    assert "in group G-" in text and "with 3 SKUs" in text
    assert "= Wasserkocher fr · Brightcart · in the query's group" in told(client)


def test_thirty_are_told_and_how_many_more_there_are(client, reviewer):
    query, mei = make_case(), factories.make_reviewer("mei")
    for _ in range(around.MOST + 2):
        neighbour(query, "reject", mei)
    text = told(client)
    assert text.count("· different from the query ·") == around.MOST
    assert "and 2 more" in text


def test_a_second_reviewer_is_told_nothing_that_the_first_verdict_moved(client, reviewer):
    factories.make_review_policy(second_share=1.0)
    make_case(2)
    for pair in Pair.objects.all():
        decisions.decide(pair_id=pair.pk, verdict="accept", user=factories.make_reviewer())
    page = client.get(reverse("case"), follow=True)
    assert {candidate.pair.stage for candidate in page.context["candidates"]} == {"second"}
    assert page.context["around"] == around.Around()
    assert told(client) == NOTHING


def test_what_is_around_is_hostile_text_as_any(client, reviewer):
    query = make_case()
    neighbour(query, "reject", title="<script>x</script>")
    html = fetched(client).content.decode()
    assert "&lt;script&gt;x" in html and "<script>x" not in html


def test_the_case_tells_how_much_there_is_and_the_rest_when_it_is_asked_for(client, reviewer):
    query = make_case()
    neighbour(query, "accept", title="Bouilloire"), neighbour(query, "reject", title="Théière")
    page = client.get(reverse("case"), follow=True)
    assert summary(client).startswith("Around it: 1 same 1 different 0 discarded in group G-")
    assert "Bouilloire" not in page.content.decode() and "Théière" not in page.content.decode()
    assert reverse("neighbours", args=[page.context["lease"].uuid]) in page.content.decode()
    assert told(client).count("Bouilloire") == told(client).count("Théière") == 1


def test_a_case_with_nothing_around_it_says_so(client, reviewer):
    make_case()
    assert summary(client) == "Around it: 0 same 0 different 0 discarded"
    assert told(client) == NOTHING


def test_only_who_holds_a_case_is_told_what_is_around_it(client, reviewer):
    query = make_case()
    neighbour(query, "reject", title="Théière")
    client.get(reverse("case"), follow=True)
    lease = Lease.objects.get()
    for other in (factories.make_reviewer("wu"), factories.make_admin("wang")):
        client.force_login(other)
        refused, unknown = fetched(client, lease), fetched(client, Lease(uuid=uuid.uuid4()))
        assert (refused.status_code, refused.content) == (unknown.status_code, unknown.content) == (409, unknown.content)
        assert said(refused.content.decode()) == "This case is no longer in your hands."
    client.logout()
    assert fetched(client, lease).status_code == 302
    client.force_login(reviewer)
    assert "Théière" in told(client)
    client.post(reverse("leave"))
    assert fetched(client, lease).status_code == 409


def test_what_is_around_the_case_ahead_is_told_as_well(client, reviewer):
    for title in ("Théière", "Bouilloire"):
        neighbour(make_case(), "reject", title=title)
    client.get(reverse("case"), follow=True)
    client.get(reverse("ahead"), follow=True)
    by_place = [said(fetched(client, Lease.objects.get(ahead=ahead)).content.decode()) for ahead in (False, True)]
    assert ["Théière" in by_place[0], "Bouilloire" in by_place[1]] == [True, True]


def test_what_is_around_an_escalated_case_is_told_to_the_admin_who_holds_it_as_such(client):
    client.force_login(factories.make_admin("wang"))
    query = make_case()
    neighbour(query, "reject", title="Théière")
    pair = Pair.objects.get(in_review=True)
    for name in ("mei", "wu"):
        decisions.decide(pair_id=pair.pk, verdict="unsure", user=factories.make_reviewer(name))
    page = client.get(reverse("escalated"), follow=True)
    lease = Lease.objects.get()
    assert reverse("neighbours", args=[lease.uuid]) + "?escalated=1" in page.content.decode()
    assert "Théière" in said(fetched(client, lease, escalated=True).content.decode())
    assert fetched(client, lease).status_code == 409


def test_a_check_says_what_a_case_with_nothing_around_it_says(client, reviewer):
    admin = factories.make_admin("wang")
    factories.make_policy(check_share=1.0)
    pair = factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=admin)
    neighbour(pair.left, "reject", admin), neighbour(pair.right, "accept", admin)
    known = checks.mark(pair=Pair.objects.get(pk=pair.pk), verdict="accept", user=admin)
    factories.make_pair(0.8)
    check = fetched(client)
    assert Lease.objects.get().check_pair == known
    assert summary(client) == "Around it: 0 same 0 different 0 discarded"
    checks.retire(pair=known.pair, user=admin)
    Lease.objects.all().delete()
    ordinary = fetched(client)
    assert Lease.objects.get().check_pair is None
    assert (check.status_code, check.content) == (ordinary.status_code, ordinary.content)
    assert said(check.content.decode()) == NOTHING


def test_a_pair_that_may_be_asked_as_a_check_is_not_counted_and_not_told(client, reviewer):
    admin, query = factories.make_admin("wang"), make_case()
    neighbour(query, "reject", admin, "Théière")
    other = neighbour(query, "accept", admin, "Bouilloire")
    checks.mark(pair=Pair.objects.get(right=other), verdict="accept", user=admin)
    assert summary(client) == "Around it: 0 same 1 different 0 discarded"
    assert "Théière" in told(client) and "Bouilloire" not in told(client)
    Lease.objects.all().delete()
    client.force_login(admin)
    assert summary(client).startswith("Around it: 1 same 1 different 0 discarded in group")
    assert "Bouilloire" in told(client)


def test_a_case_with_everything_around_it_asks_no_more_than_any_page(client, reviewer):
    admin, query = factories.make_admin("wang"), make_case(3)
    for verdict in ("accept", "reject", "accept"):
        known = neighbour(query, verdict, admin)
    checks.mark(pair=Pair.objects.get(right=known), verdict="accept", user=admin)
    doubted = Pair.objects.filter(in_review=True).first()
    decisions.decide(pair_id=doubted.pk, verdict="unsure", user=factories.make_reviewer("mei"), note="Is the lid the same?")
    Pair.objects.update(reverse_score=F("score"), languages="en|en")
    Pair.objects.update(category=factories.make_category("Kitchen > Kettles"))
    scopes.narrow(user=reviewer, category=factories.make_category("Kitchen"), languages="en|en")
    facts.known.read_again()
    shown = steps(client, reverse("case"))[-1]
    assert "Is the lid the same?" in shown.answer.content.decode()
    assert len(shown.queries) <= MOST_QUERIES


def test_it_takes_as_many_queries_for_many_neighbours_as_for_one(client, reviewer, django_assert_max_num_queries):
    query, mei = make_case(3), factories.make_reviewer("mei")
    neighbour(query, "accept", mei)
    for _ in range(around.MOST + 5):
        neighbour(query, "reject", mei)
    pairs = list(Pair.objects.filter(in_review=True))
    query = SKU.objects.select_related("membership__group").get(pk=query.pk)
    with django_assert_max_num_queries(1):
        around.of(query, pairs, reviewer)
    with django_assert_max_num_queries(6):
        around.neighbours(query.pk, pairs, reviewer)
    client.get(reverse("case"), follow=True)
    with django_assert_max_num_queries(12):
        fetched(client, Lease.objects.get())
