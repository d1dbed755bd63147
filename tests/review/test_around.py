"""What the case page tells of the decisions and groups around a case, and what it keeps from a second reviewer."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.urls import reverse

from alignment import decisions
from alignment.models import Pair
from review import around
from tests import factories

pytestmark = pytest.mark.django_db


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
    decisions.decide(pair_id=pair.pk, verdict=verdict, user=by or factories.make_reviewer("mei"))
    return other


def told(client) -> str:
    html = unescape(client.get(reverse("case")).content.decode())
    return " ".join(re.sub(r"<[^>]*>", " ", html[html.index('<details class="around') :]).split())


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
    text = told(client)
    assert "in group G-" in text and "with 3 SKUs" in text
    assert "= Wasserkocher fr · Brightcart · in the query's group" in text


def test_thirty_are_told_and_how_many_more_there_are(client, reviewer):
    query, mei = make_case(), factories.make_reviewer("mei")
    for _ in range(around.MOST + 2):
        neighbour(query, "reject", mei)
    text = told(client)
    assert text.count("· different from the query ·") == 2 * around.MOST  # wide and on a phone
    assert "and 2 more" in text


def test_a_second_reviewer_is_told_nothing_that_the_first_verdict_moved(client, reviewer):
    factories.make_review_policy(second_share=1.0)
    make_case(2)
    for pair in Pair.objects.all():
        decisions.decide(pair_id=pair.pk, verdict="accept", user=factories.make_reviewer())
    page = client.get(reverse("case"))
    assert {candidate.pair.stage for candidate in page.context["candidates"]} == {"second"}
    assert page.context["around"].neighbours == [] and page.context["around"].group is None


def test_what_is_around_is_hostile_text_as_any(client, reviewer):
    query = make_case()
    neighbour(query, "reject", title="<script>x</script>")
    assert "<script>x" not in client.get(reverse("case")).content.decode()


def test_it_takes_as_many_queries_for_many_neighbours_as_for_one(client, reviewer, django_assert_max_num_queries):
    query, mei = make_case(3), factories.make_reviewer("mei")
    for _ in range(around.MOST + 5):
        neighbour(query, "reject", mei)
    pairs = list(Pair.objects.filter(in_review=True).select_related("left", "right"))
    with django_assert_max_num_queries(6):
        around.of(query, pairs, reviewer)
