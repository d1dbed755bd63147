"""A person's own keys: kept, refused in words, shown where the acts are, reset."""

from __future__ import annotations

import pytest
from django.urls import reverse

from review import keys
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer(client):
    user = factories.make_reviewer()
    client.force_login(user)
    return user


def bind(client, **chosen):
    return client.post(reverse("keys"), keys.DEFAULTS | chosen)


def stored(user):
    user.refresh_from_db()
    return {act: key.name for act, key in keys.of(user).items()}


def test_everyone_begins_with_the_usual_keys(reviewer):
    assert stored(reviewer) == keys.DEFAULTS
    assert len(set(keys.DEFAULTS.values())) == len(keys.ACTS)


def test_a_key_that_was_chosen_is_kept_and_shown_on_the_case_page(client, reviewer):
    factories.make_pair(0.8)
    assert bind(client, accept="F", next="ArrowRight").status_code == 302
    assert stored(reviewer) == keys.DEFAULTS | {"accept": "f", "next": "arrowright"}
    html = client.get(reverse("case"), follow=True).content.decode()
    assert 'data-binds="accept" data-bound="f"' in html and "<kbd>F</kbd>" in html and "<kbd>→</kbd>" in html
    assert "<kbd>A</kbd>" not in html


def test_other_preferences_stay_as_they_were(client, reviewer):
    reviewer.preferences = {"theme": "dark"}
    reviewer.save()
    bind(client, accept="f")
    client.post(reverse("keys"), {"reset": "1"})
    reviewer.refresh_from_db()
    assert reviewer.preferences == {"theme": "dark"}


def test_two_acts_cannot_have_one_key_and_the_page_says_which(client, reviewer):
    answer = bind(client, reject="a")
    assert answer.status_code == 422
    assert "A is already the key of “Same product”." in answer.content.decode()
    assert stored(reviewer) == keys.DEFAULTS


def test_two_acts_can_swap_their_keys(client, reviewer):
    assert bind(client, accept="r", reject="a").status_code == 302
    assert (stored(reviewer)["accept"], stored(reviewer)["reject"]) == ("r", "a")


@pytest.mark.parametrize("key", ["", " ", "Enter", "Escape", "Tab", "/", "ab", "x" * 50])
def test_what_is_no_key_or_is_the_browsers_is_refused(client, reviewer, key):
    assert bind(client, accept=key).status_code == 422
    assert stored(reviewer) == keys.DEFAULTS


def test_the_usual_keys_come_back_on_request(client, reviewer):
    bind(client, accept="f")
    client.post(reverse("keys"), {"reset": "1"})
    assert stored(reviewer) == keys.DEFAULTS


@pytest.mark.parametrize("nonsense", [{"keys": "a"}, {"keys": {"accept": "r"}}, {"keys": {"accept": 7, "gone": "x"}}, []])
def test_nonsense_among_the_preferences_leaves_the_usual_keys(reviewer, nonsense):
    reviewer.preferences = nonsense
    assert {act: key.name for act, key in keys.of(reviewer).items()} == keys.DEFAULTS


def test_the_page_needs_few_queries(client, reviewer, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):
        client.get(reverse("keys"))
