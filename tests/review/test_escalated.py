"""The escalated pairs: a list like every other, and what it is filtered by is what an admin is given to decide."""

from __future__ import annotations

import pytest
from django.urls import reverse

from alignment import category_tree, decisions
from alignment.models import Pair, User
from review.models import Lease
from tests import factories
from tests.review.test_case_page import verdict
from tests.steps import opened

pytestmark = pytest.mark.django_db
HTMX = {"headers": {"hx-request": "true"}}


@pytest.fixture
def admin(client) -> User:
    admin = factories.make_admin()
    client.force_login(admin)
    return admin


def make_escalated(stage: str, *, category: str = "Kitchen", language: str = "en") -> Pair:
    """A pair that two differed on, or that everybody found unsure."""
    kitchen = factories.make_category(category)
    query, candidate = (factories.make_sku("Kettle", category=kitchen, language=one) for one in (language, "fr"))
    pair = factories.make_pair(left=query, right=candidate, category=kitchen)
    for one in ("accept", "reject") if stage == "adjudication" else ("unsure", "unsure"):
        decisions.decide(pair_id=pair.pk, verdict=one, user=factories.make_reviewer())
    pair.refresh_from_db()
    assert pair.stage == stage
    return pair


@pytest.fixture
def pairs(admin: User) -> dict[str, Pair]:
    factories.make_review_policy(second_share=1.0)
    return {
        "differ": make_escalated("adjudication"),
        "unsure": make_escalated("escalated"),
        "garden": make_escalated("adjudication", category="Garden", language="de"),
    }


def listed(client, query: str = "") -> list[Pair]:
    return [row for row, _cells in client.get(reverse("escalated-pairs") + query).context["list"].rows]


def given(client, query: str = "") -> Pair | None:
    candidates = opened(client, reverse("escalated") + query).context.get("candidates")
    return candidates[0].pair if candidates else None


def test_the_list_is_filtered_and_sorted_by_its_address_and_opens_as_last_seen(client, pairs):
    assert listed(client) == [pairs["differ"], pairs["unsure"], pairs["garden"]]
    assert listed(client, "?why=adjudication&sort=-since") == [pairs["garden"], pairs["differ"]]
    assert client.get(reverse("escalated-pairs")).url.endswith("?why=adjudication&sort=-since")
    assert listed(client, "?category=Garden") == [pairs["garden"]]
    assert listed(client, "?languages=de|fr") == [pairs["garden"]]
    client.get(reverse("escalated-pairs") + "?reset=1")
    assert len(listed(client)) == 3


def test_a_filter_that_names_a_former_path_finds_what_is_there_now(client, admin, pairs):
    factories.make_category("Garden furniture")
    listed(client, "?category=Garden")
    category_tree.apply(category_tree.plan_rename(pairs["garden"].category, "Yard"), user=admin)
    assert given(client) == pairs["garden"]
    assert listed(client, "?category=Garden") == [pairs["garden"]]


def test_a_filter_of_the_list_narrows_what_is_given_until_it_is_taken_away(client, pairs):
    client.get(reverse("escalated-pairs") + "?why=escalated")
    assert given(client) == pairs["unsure"]
    client.post(reverse("decide"), verdict(pairs["unsure"], escalated="1"), **HTMX)
    page = opened(client, reverse("escalated"))
    assert "Nothing fits these filters" in page.content.decode() and "2 other pairs are escalated" in page.content.decode()
    assert opened(client, reverse("escalated"), **HTMX).context["reason"] == "narrowed"
    assert given(client, "?reset=1") in (pairs["differ"], pairs["garden"])


def test_a_link_to_filtered_escalated_pairs_gives_a_colleague_the_same(client, pairs):
    assert given(client) == pairs["differ"]
    assert given(client, "?category=Garden&why=adjudication") == pairs["garden"], "what was in hand is given back"
    assert Lease.objects.get().query == pairs["garden"].query
    assert client.get(reverse("escalated")).url.endswith("?why=adjudication&category=Garden&sort=since")
    assert "only two differ, Garden" in opened(client, reverse("escalated")).content.decode()


def test_what_is_narrowed_stays_so_after_a_verdict(client, pairs):
    another = make_escalated("adjudication")
    assert given(client, "?why=adjudication&category=Kitchen") == pairs["differ"]
    answer = client.post(reverse("decide"), verdict(pairs["differ"], "reject", escalated="1"), **HTMX)
    assert [one.pair for one in answer.context["candidates"]] == [another]
    assert answer.context["left"].pairs == 1


def test_a_row_leads_to_its_case(client, pairs):
    assert given(client, f"?again={pairs['garden'].pk}") == pairs["garden"]
    assert given(client, f"?pair={pairs['garden'].pk}") == pairs["garden"]


def test_each_admin_has_filters_of_their_own_and_none_sees_what_waits_for_another(client, pairs):
    client.get(reverse("escalated-pairs") + "?why=escalated")
    client.force_login(factories.make_admin())
    assert len(listed(client)) == 3
    client.force_login(factories.make_reviewer())
    assert client.get(reverse("escalated-pairs")).status_code == 403


@pytest.mark.parametrize("query", ["?why=x", "?languages=x", "?sort=x", "?why=first"])
def test_an_address_that_means_nothing_breaks_nothing(client, pairs, query):
    assert client.get(reverse("escalated-pairs") + query, follow=True).status_code == 200
    assert opened(client, reverse("escalated") + query).status_code == 200
