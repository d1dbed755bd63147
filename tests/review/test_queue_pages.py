"""The queues' page, working on one of them, and who holds what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from alignment.models import AuditEvent, Category, Pair
from review import leases, queue_counts, queues
from review.models import Lease, QueueCount
from tests import factories
from tests.review.test_queues import make_pair

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    user = factories.make_admin("boss")
    client.force_login(user)
    return user


def counted(client):
    queue_counts.count(now=timezone.now() + timedelta(hours=1))
    return client.get(reverse("queues"))


def test_each_category_and_pair_of_languages_says_what_waits_and_who_is_at_it(client, admin):
    make_pair("zh|en", "Baby"), make_pair("zh|en", "Baby"), make_pair("de|en", "Kitchen")
    Pair.objects.filter(category__path="Kitchen").update(due_at=timezone.now() - timedelta(hours=1))
    leases.take_case(factories.make_reviewer("lin", languages=["zh", "en"]))
    kitchen, baby = counted(client).context["page"]
    assert (kitchen.path, kitchen.languages, kitchen.pairs, kitchen.overdue, kitchen.people) == ("Kitchen", "de|en", 1, 1, [])
    assert (baby.pairs, baby.cases, baby.overdue, baby.people) == (2, 2, 0, ["lin"])


def test_a_reviewer_sees_the_queues_that_are_theirs(client):
    make_pair("zh|en", "Baby"), make_pair("de|en", "Baby")
    client.force_login(factories.make_reviewer(languages=["zh", "en"]))
    assert [queue.languages for queue in counted(client).context["page"]] == ["en|zh"]


def test_one_press_works_on_a_queue_and_one_on_everything_again(client):
    make_pair("zh|en", "Kitchen")
    wanted = make_pair("zh|en", "Baby > Strollers")
    user = factories.make_reviewer()
    client.force_login(user)
    leases.take_case(user)
    client.post(reverse("work-on"), {"category": Category.objects.get(path="Baby").pk, "languages": "en|zh"})
    page = client.get(reverse("case"), follow=True)
    assert [candidate.pair for candidate in page.context["candidates"]] == [wanted]
    assert "only Baby" in page.content.decode()
    client.post(reverse("work-on"))
    user.refresh_from_db()
    assert queues.left(user).pairs == 2


@pytest.mark.parametrize("broken", [{"category": "0"}, {"category": "x"}, {"languages": "en"}, {"languages": "e" * 50 + "|"}])
def test_a_queue_that_does_not_exist_narrows_nothing(client, broken):
    user = factories.make_reviewer()
    client.force_login(user)
    page = client.post(reverse("work-on"), broken, follow=True)
    user.refresh_from_db()
    assert "does not exist" in page.content.decode() or broken == {"category": "x"}
    assert user.preferences == {}


def test_counts_are_not_taken_again_at_once_and_an_empty_queue_counts_too(client, admin):
    assert queue_counts.count() is True
    assert queue_counts.count() is False
    assert QueueCount.objects.get().pairs == 0
    assert "Everything is reviewed" in client.get(reverse("queues")).content.decode()


def test_the_queues_are_shown_in_few_queries_however_many(client, admin, django_assert_max_num_queries):
    for number in range(8):
        make_pair("zh|en", f"A > {number}")
        leases.take_case(factories.make_reviewer())
    counted(client)
    with django_assert_max_num_queries(9):
        client.get(reverse("queues"))
    with django_assert_max_num_queries(6):
        client.get(reverse("holds"))


def test_an_admin_sees_who_holds_what_and_frees_it_on_the_record(client, admin):
    make_pair(), make_pair()
    user = factories.make_reviewer("lin")
    case, ahead = leases.take_case(user), factories.take_ahead(user)
    html = client.get(reverse("holds")).content.decode()
    assert html.count("lin") >= 2 and case.lease.query.title in html and ahead.lease.query.title in html
    page = client.post(reverse("hold-free", args=[case.lease.uuid]), follow=True)
    assert "Freed" in page.content.decode()
    assert list(Lease.objects.all()) == [ahead.lease]
    assert AuditEvent.objects.get(action="free case").subject == str(case.lease.query.uuid)
    assert "Nobody holds this case" in client.post(reverse("hold-free", args=[case.lease.uuid]), follow=True).content.decode()


def test_holds_are_for_admins(client):
    client.force_login(factories.make_reviewer())
    assert client.get(reverse("holds")).status_code == 403
    assert client.post(reverse("hold-free", args=["11111111-1111-4111-8111-111111111111"])).status_code == 403
