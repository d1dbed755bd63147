"""The admins' pages over HTTP, and the pages that everyone may meet."""

from __future__ import annotations

import pytest
from django.urls import reverse

from alignment.models import AuditEvent, CandidateSet, Category, Decision, Pair
from alignment.policies import published
from tests import factories

pytestmark = pytest.mark.django_db
PAGES = ("scoring", "progress", "policies", "conflicts", "imports", "escalated")


@pytest.fixture
def admin(client):
    user = factories.make_admin()
    client.force_login(user)
    return user


def root() -> Category:
    return Category.objects.get(path="")


def form(**fields):
    shown = {"order": "oldest", "priority": "0", "reasons": "off", "second_share": "0", "check_share": "0"}
    return shown | {"instruction": "Same product?", "accept_at": "0.95", "review_at": "0.6", "note": "stricter"} | fields


@pytest.mark.parametrize("name", PAGES)
def test_a_reviewer_is_told_in_plain_words_that_a_page_is_for_admins(client, name):
    client.force_login(factories.make_reviewer())
    page = client.get(reverse(name))
    assert page.status_code == 403
    assert "for admins" in page.content.decode()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_an_admin_opens_every_page_in_both_languages(client, admin, name, language):
    page = client.get(reverse(name), HTTP_ACCEPT_LANGUAGE=language)
    assert page.status_code == 200


def test_home_is_an_admins_desk(client, admin):
    assert client.get(reverse("home")).status_code == 200


def test_publishing_makes_a_new_version(client, admin):
    before = published(root()).number
    assert client.post(reverse("policy", args=[root().pk]), form()).status_code == 302
    version = published(root())
    assert (version.number, version.accept_at, version.note, version.author) == (before + 1, 0.95, "stricter", admin.actor.uuid)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("instruction", {"instruction": "{price}?"}),
        ("instruction", {"instruction": " "}),
        ("review_at", {"review_at": "0.96"}),
        ("accept_at", {"accept_at": "1.5"}),
        ("accept_at", {"accept_at": "nan"}),
    ],
)
def test_a_wrong_value_is_told_at_its_field(client, admin, field, fields):
    page = client.post(reverse("policy", args=[root().pk]), form(**fields))
    assert page.status_code == 422
    assert page.context["form"].errors[field]


def test_the_form_says_how_people_review_and_shows_it_again(client, admin):
    fields = {"guards": ["volume", "size"], "blind": "on", "reasons": "required", "order": "uncertain", "priority": "1", "due_hours": "48"}
    client.post(reverse("policy", args=[root().pk]), form(second_share="7", second_unsure="on", check_share="2.5", **fields))
    version = published(root())
    assert (version.guards, version.blind, version.reasons, version.order) == (["volume", "size"], True, "required", "uncertain")
    assert (version.priority, version.due_hours, version.second_share, version.check_share) == (1, 48, 0.07, 0.025)
    page = client.get(reverse("policy", args=[root().pk])).content.decode()
    assert 'name="second_share" value="7"' in page and 'name="check_share" value="2.5"' in page
    assert page.count("checked") == 4


def test_publishing_without_a_change_is_refused_in_words(client, admin):
    client.post(reverse("policy", args=[root().pk]), form())
    page = client.post(reverse("policy", args=[root().pk]), form(note="again"))
    assert page.status_code == 422 and "Nothing is changed" in page.content.decode()


def test_a_category_goes_back_to_what_it_inherits(client, admin):
    category = factories.make_category("Baby > Strollers")
    client.post(reverse("policy", args=[category.pk]), form())
    client.post(reverse("policy-inherit", args=[category.pk]))
    assert published(category) == published(root())
    assert "Everything here is inherited" in client.get(reverse("policy", args=[category.pk])).content.decode()


def test_a_category_without_its_own_policy_says_whose_is_in_force(client, admin):
    category = factories.make_category("Baby > Strollers")
    assert "Everything here is inherited" in client.get(reverse("policy", args=[category.pk])).content.decode()


def test_rolling_back_publishes_the_old_version_again(client, admin):
    old = published(root())
    client.post(reverse("policy", args=[root().pk]), form())
    client.post(reverse("roll-back", args=[old.pk]))
    assert published(root()).restores == old
    assert published(root()).accept_at == old.accept_at


def test_a_failed_set_shows_its_error_and_can_be_retried(client, admin):
    failed = factories.make_set(factories.make_sku(), [factories.make_sku()])
    other = factories.make_set(factories.make_sku(), [factories.make_sku()])
    CandidateSet.objects.update(status="parked", error="<b>out of memory</b>")
    assert "&lt;b&gt;out of memory" in client.get(reverse("scoring")).content.decode()
    client.post(reverse("retry"), {"set": failed.pk})
    assert list(CandidateSet.objects.filter(status="parked")) == [other]
    client.post(reverse("retry"), {"set": "all"})
    assert not CandidateSet.objects.filter(status="parked").exists()
    assert AuditEvent.objects.filter(action="retry scoring").count() == 2
    assert client.post(reverse("retry"), {"set": "²"}).status_code == 302


def test_a_conflict_is_listed_and_can_be_settled(client, admin):
    one, two, three = (factories.make_sku() for _ in range(3))
    apart = factories.make_pair(0.8, left=one, right=two)
    from alignment import decisions

    decisions.decide(pair_id=apart.pk, verdict="reject", user=admin)
    for other in (one, two):
        pair = factories.make_pair(0.8, left=other, right=three)
        decisions.decide(pair_id=pair.pk, verdict="accept", user=admin)
    page = client.get(reverse("conflicts"))
    [(conflict, _cells)] = page.context["list"].rows
    client.post(reverse("settle", args=[conflict.pair_id]))
    assert Pair.objects.get(pk=conflict.pair_id).standing.verdict == Decision.Verdict.REJECT
    assert not client.get(reverse("conflicts")).context["list"].rows


def test_wrong_passwords_lock_out(client):
    factories.make_reviewer("lin")
    for _ in range(5):
        page = client.post(reverse("sign-in"), {"username": "lin", "password": "wrong"})
    assert page.status_code == 429
    assert "Too many wrong passwords" in page.content.decode()
    assert client.post(reverse("sign-in"), {"username": "lin", "password": "a long password 1"}).status_code == 429


def test_a_person_changes_their_password_and_signs_out(client):
    user = factories.make_reviewer()
    client.force_login(user)
    new = {"old_password": "a long password 1", "new_password1": "quite another 22", "new_password2": "quite another 22"}
    assert client.post(reverse("change-password"), new, follow=True).status_code == 200
    user.refresh_from_db()
    assert user.check_password("quite another 22")
    assert client.post(reverse("sign-out")).status_code == 302
    assert client.get(reverse("case")).status_code == 302


def test_an_address_that_names_nothing_says_so(client, admin):
    page = client.get("/nothing/")
    assert page.status_code == 404
    assert "There is nothing here" in page.content.decode()
