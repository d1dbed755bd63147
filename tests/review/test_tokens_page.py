"""API tokens and settings: told once, seen in use, revoked; and what a person changes of themselves."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from alignment.models import ApiToken, AuditEvent, User
from review import deployment
from tests.factories import make_admin, make_reviewer

pytestmark = pytest.mark.django_db
FORM = {"name": "ERP, nightly", "scope": "read", "days": "90"}


@pytest.fixture
def admin(client: Client) -> User:
    user = make_admin("boss")
    client.force_login(user)
    return user


def made(client: Client, **fields: str) -> str:
    page = client.post(reverse("tokens"), FORM | fields)
    assert page.status_code == 200 and "no-store" in page["Cache-Control"]
    return str(page.context["text"])


def test_a_token_is_shown_once_with_a_curl_line_and_works(client: Client, admin: User) -> None:
    text = made(client)
    assert text not in client.get(reverse("tokens")).content.decode()
    assert Client().get("/api/v1/groups/", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    assert Client().post("/api/v1/candidate-sets/", headers={"Authorization": f"Bearer {text}"}).status_code == 403
    page = client.get(reverse("tokens")).content.decode()
    assert "ERP, nightly" in page and "just now" in page
    event = AuditEvent.objects.get(action="create token")
    assert event.detail == {"scope": "read", "days": 90, "account": "boss"} and text not in event.subject


def test_a_revoked_token_is_refused(client: Client, admin: User) -> None:
    text = made(client, scope="write")
    client.post(reverse("token-revoke", args=[ApiToken.objects.get().token_key]))
    assert Client().get("/api/v1/groups/", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    assert AuditEvent.objects.filter(action="revoke token").exists()


@pytest.mark.parametrize("fields", [{"name": ""}, {"scope": "all"}, {"days": "0"}, {"days": "99999"}])
def test_what_is_no_token_is_told_at_its_field(client: Client, admin: User, fields: dict[str, str]) -> None:
    page = client.post(reverse("tokens"), FORM | fields)
    assert page.status_code == 422 and page.context["form"].errors[next(iter(fields))]
    assert not ApiToken.objects.exists()


def test_a_reviewer_makes_and_revokes_none(client: Client) -> None:
    ApiToken.objects.create(user=make_admin(), name="x")
    client.force_login(make_reviewer())
    assert client.post(reverse("tokens"), FORM).status_code == 403
    assert client.post(reverse("token-revoke", args=[ApiToken.objects.get().token_key])).status_code == 403


def test_a_person_changes_their_own_name(client: Client) -> None:
    user = make_reviewer("lin")
    client.force_login(user)
    client.post(reverse("settings"), {"name": " Lin Wei "})
    user.refresh_from_db()
    assert user.get_full_name() == "Lin Wei"
    page = client.get(reverse("settings")).content.decode()
    assert "Lin Wei" in page and "DATABASE_URL" not in page and reverse("people") not in page


def test_an_admin_sees_how_the_deployment_is_set_up_and_no_secret(client: Client, admin: User, settings: object) -> None:
    settings.PRIVATE_REDIS, settings.REDIS_URL = False, "redis://user:hush@redis.example:6380/2?ssl=1"  # type: ignore[attr-defined]
    settings.RERANKER_URL, settings.RERANKER_API_KEY = "https://key:hush@rerank.example/v1", "hush"  # type: ignore[attr-defined]
    page = client.get(reverse("settings")).content.decode()
    assert "redis://redis.example:6380/2" in page and "https://rerank.example/v1" in page and "RERANKER_MODEL" in page
    assert "hush" not in page


def test_an_address_keeps_its_place_and_loses_its_secrets() -> None:
    assert deployment.address("redis+socket:///var/redis.sock") == "redis+socket:/var/redis.sock"
    assert deployment.address("postgresql://a:b@h:1/d?x=y") == "postgresql://h:1/d"
