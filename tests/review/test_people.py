"""Who works here: invited, given work, deactivated; and that nobody but an admin does any of it."""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alignment.models import AuditEvent, Invitation, User
from review import leases, people
from review.models import Lease
from tests.factories import make_admin, make_category, make_pair, make_reviewer
from tests.review.test_together import at_once

pytestmark = pytest.mark.django_db
ACCOUNT = {"username": "lin", "password1": "quite another 22", "password2": "quite another 22"}


@pytest.fixture(autouse=True)
def no_earlier_tries() -> None:
    cache.clear()


@pytest.fixture
def admin(client: Client) -> User:
    user = make_admin("boss")
    client.force_login(user)
    return user


def invited(client: Client, **fields: Any) -> str:
    """The link's path, as the page that answers shows it."""
    page = client.post(reverse("invite"), {"name": "Lin", "role": "reviewer"} | fields)
    assert page.status_code == 200, page.context["form"].errors
    return str(page.context["link"]).removeprefix("http://testserver")


def test_an_invited_reviewer_makes_an_account_and_is_at_their_case(client: Client, admin: User) -> None:
    make_category("Baby > Strollers")
    link = invited(client, languages=["zh", "en"], categories="Baby > Strollers\n\n")
    stranger = Client()
    assert "boss invites you" in stranger.get(link).content.decode()
    assert stranger.post(link, ACCOUNT, follow=True).request["PATH_INFO"] == reverse("case")
    user = User.objects.get(username="lin")
    assert (user.role, user.languages, [category.path for category in user.categories.all()]) == (
        "reviewer",
        ["zh", "en"],
        ["Baby > Strollers"],
    )
    assert (user.is_admin, user.is_staff, user.first_name) == (False, False, "Lin")
    assert [event.action for event in AuditEvent.objects.order_by("pk")] == ["invite", "accept invitation"]


def test_until_when_a_link_works_is_said_by_the_24_hours_and_ends_one_sentence(client: Client, admin: User) -> None:
    page = client.post(reverse("invite"), {"name": "Lin", "role": "reviewer"}).content.decode()
    assert re.search(r"until [A-Z][a-z]+\.? \d+, \d{4}, \d\d:\d\d\. Whoever has it", page)


def test_an_invited_admin_is_one(client: Client, admin: User) -> None:
    stranger, link = Client(), invited(client, role="admin")
    stranger.post(link, ACCOUNT)
    assert stranger.get(reverse("people")).status_code == 200


def test_a_link_is_kept_as_a_hash_only_and_opens_once(client: Client, admin: User) -> None:
    link = invited(client)
    assert link.split("/")[-2] not in str(list(Invitation.objects.values_list()))
    assert Client().post(link, ACCOUNT).status_code == 302
    again = Client().post(link, ACCOUNT | {"username": "wu"})
    assert again.status_code == 410 and "opens nothing any more" in again.content.decode()
    assert not User.objects.filter(username="wu").exists()


def test_a_link_clicked_twice_leads_whom_it_made_in_and_nobody_else(client: Client, admin: User) -> None:
    theirs, link = Client(), invited(client)
    for _click in range(2):
        assert theirs.post(link, ACCOUNT).headers["Location"] == reverse("home")
    assert theirs.get(link).headers["Location"] == reverse("home")
    assert client.get(link).status_code == Client().get(link).status_code == 410


@pytest.mark.parametrize("fields", [{"expires_at": timezone.now() - timedelta(seconds=1)}, {"revoked_at": timezone.now()}])
def test_a_link_that_is_too_old_or_withdrawn_opens_nothing(client: Client, admin: User, fields: dict[str, Any]) -> None:
    link = invited(client)
    Invitation.objects.update(**fields)
    assert Client().get(link).status_code == 410
    assert Client().post(link, ACCOUNT).status_code == 410


def test_a_guessed_link_opens_nothing(client: Client) -> None:
    for secret in ("x", "é", "a" * 500):
        assert client.get(f"/invitation/{secret}/").status_code == 410


def test_an_admin_withdraws_an_invitation(client: Client, admin: User) -> None:
    link = invited(client)
    client.post(reverse("invitation-withdraw", args=[Invitation.objects.get().uuid]))
    assert Client().get(link).status_code == 410
    assert not client.get(reverse("people")).context["invitations"]


@pytest.mark.parametrize(
    "fields",
    [
        {"password1": "short", "password2": "short"},
        {"password2": "another one 33"},
        {"password1": "1234567890123", "password2": "1234567890123"},
        {"username": "boss"},
        {"username": "a b"},
    ],
)
def test_what_makes_no_account_is_told_and_leaves_the_link_good(client: Client, admin: User, fields: dict[str, str]) -> None:
    link = invited(client)
    page = Client().post(link, ACCOUNT | fields)
    assert page.status_code == 422 and page.context["form"].errors
    assert Client().post(link, ACCOUNT).status_code == 302


def test_of_two_who_choose_one_username_at_once_the_second_is_told(client: Client, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    first, secret = (invited(client).split("/")[-2] for _ in range(2))
    accept = people.accept

    def second(**asked: Any) -> User:
        accept(**asked | {"secret": first})
        return accept(**asked)

    with monkeypatch.context() as patched:
        patched.setattr(people, "accept", second)
        page = Client().post(reverse("invitation", args=[secret]), ACCOUNT)
    assert page.status_code == 422 and page.context["form"].errors["username"] == ["A user with that username already exists."]
    assert Client().post(reverse("invitation", args=[secret]), ACCOUNT | {"username": "wu"}).status_code == 302


def test_too_many_tries_wait_a_minute(client: Client, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began)
    monkeypatch.setattr("review.views.people.ACCEPTS_A_MINUTE", 1)
    link = invited(client)
    assert Client().post(link, ACCOUNT | {"password2": "x"}).status_code == 422
    page = Client().post(link, ACCOUNT)
    assert page.status_code == 429 and "Wait a minute" in page.content.decode()
    monkeypatch.setattr(time, "time", lambda: began + 59)
    assert Client().post(link, ACCOUNT).status_code == 429
    monkeypatch.setattr(time, "time", lambda: began + 61)
    assert Client().post(link, ACCOUNT).status_code == 302


def test_who_is_signed_in_does_not_take_somebody_elses_invitation(client: Client, admin: User) -> None:
    link = invited(client)
    assert "signed in as boss" in client.post(link, ACCOUNT).content.decode()
    assert not User.objects.filter(username="lin").exists()


@pytest.mark.parametrize("fields", [{"name": ""}, {"role": "owner"}, {"languages": ["tlh"]}, {"categories": "Nowhere > At all"}])
def test_what_cannot_be_given_is_told_at_its_field(client: Client, admin: User, fields: dict[str, Any]) -> None:
    page = client.post(reverse("invite"), {"name": "Lin", "role": "reviewer"} | fields)
    assert page.status_code == 422 and page.context["form"].errors[next(iter(fields))]


def test_a_person_gets_another_role_and_other_work(client: Client, admin: User) -> None:
    user, category = make_reviewer("lin"), make_category("Kitchen")
    client.post(reverse("member", args=[user.pk]), {"role": "admin", "languages": ["de"], "categories": "Kitchen"})
    user.refresh_from_db()
    assert (user.is_admin, user.is_staff, user.languages, list(user.categories.all())) == (True, True, ["de"], [category])
    detail = AuditEvent.objects.get(action="change person").detail
    assert detail == {"role": ["reviewer", "admin"], "languages": [[], ["de"]], "categories": [[], ["Kitchen"]]}
    page = client.get(reverse("people")).content.decode()
    assert "German" in page and "Kitchen" in page


def test_an_admin_who_becomes_a_reviewer_has_the_records_no_more(client: Client, admin: User) -> None:
    other = make_admin("other")
    client.post(reverse("member", args=[other.pk]), {"role": "reviewer"})
    other.refresh_from_db()
    assert (other.is_admin, other.is_staff, other.is_superuser) == (False, False, False)


def test_the_last_admin_stays_one(client: Client, admin: User) -> None:
    gone = make_admin("gone")
    people.deactivate(user=gone, author=admin)
    client.post(reverse("member-deactivate", args=[admin.pk]))
    page = client.post(reverse("member", args=[admin.pk]), {"role": "reviewer"})
    assert "last admin" in page.content.decode()
    admin.refresh_from_db()
    assert admin.is_active and admin.is_admin


@pytest.mark.django_db(transaction=True)
def test_of_two_admins_who_deactivate_each_other_at_once_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    admins, original, both = [make_admin(), make_admin()], people._locked, threading.Barrier(2)

    def locked(user: User) -> User:
        row = original(user)
        # The other one never comes where it waits for what this one holds.
        with suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        return row

    def deactivate(user: User, author: User) -> None:
        client = Client()
        client.force_login(author)
        client.post(reverse("member-deactivate", args=[user.pk]))

    monkeypatch.setattr(people, "_locked", locked)
    assert at_once([lambda: deactivate(*admins), lambda: deactivate(*reversed(admins))]) == []
    assert User.objects.filter(is_active=True).count() == 1


def test_who_is_deactivated_is_out_at_once_and_holds_nothing(client: Client, admin: User) -> None:
    user, theirs = make_reviewer("lin"), Client()
    make_pair(0.8)
    theirs.force_login(user)
    assert leases.take_case(user) is not None
    client.post(reverse("member-deactivate", args=[user.pk]))
    assert not Lease.objects.exists()
    assert theirs.get(reverse("case")).status_code == 302
    client.post(reverse("member-reactivate", args=[user.pk]))
    assert User.objects.get(pk=user.pk).is_active
    assert list(AuditEvent.objects.order_by("pk").values_list("action", "subject")) == [
        ("deactivate person", "lin"),
        ("reactivate person", "lin"),
    ]


@pytest.mark.parametrize("name", ["people", "invite", "member", "member-deactivate", "member-reactivate", "invitation-withdraw"])
def test_a_reviewer_does_none_of_it(client: Client, name: str) -> None:
    user = make_reviewer()
    made, _secret = people.invite(name="Lin", role="reviewer", languages=[], categories=[], author=make_admin())
    client.force_login(user)
    args: list[Any] = [made.uuid] if name == "invitation-withdraw" else [user.pk] if name.startswith("member") else []
    method = client.get if name in ("people",) else client.post
    assert method(reverse(name, args=args)).status_code == 403


def test_the_list_asks_the_same_however_many_there_are(client: Client, admin: User) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("people")).status_code == 200
        return len(queries)

    make_reviewer().categories.set([make_category("Kitchen")])
    people.invite(name="Lin", role="reviewer", languages=[], categories=[], author=admin)
    before = asked()
    for number in range(4):
        make_reviewer().categories.set([make_category(f"Kitchen > {number}")])
        people.invite(name="Lin", role="reviewer", languages=[], categories=[], author=make_admin())
    assert asked() == before <= 12
