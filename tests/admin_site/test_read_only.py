"""The admin site shows every model, and changes none of what the log implies."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client

from alignment.admin import READ_ONLY
from alignment.models import ApiToken
from tests.factories import make_admin, make_pair, make_reviewer

pytestmark = pytest.mark.django_db
MODELS = list(apps.get_app_config("alignment").get_models())


@pytest.fixture
def boss(client: Client) -> Client:
    make_pair(0.95)
    client.force_login(make_admin())
    return client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_has_a_page_that_opens(boss: Client, model: type) -> None:
    assert model in admin.site._registry
    assert boss.get(f"/admin/alignment/{model._meta.model_name}/").status_code == 200


@pytest.mark.parametrize("model", list(READ_ONLY), ids=lambda model: model.__name__)
def test_what_is_read_only_is_neither_added_changed_nor_deleted(boss: Client, model: type) -> None:
    address = f"/admin/alignment/{model._meta.model_name}/"
    assert boss.get(f"{address}add/").status_code == 403
    before = list(model.objects.values())
    boss.post(address, {"action": "delete_selected", "_selected_action": [row.pk for row in model.objects.all()], "post": "yes"})
    for row in model.objects.all():
        assert boss.post(f"{address}{row.pk}/change/", {}).status_code == 403
        assert boss.post(f"{address}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert list(model.objects.values()) == before


def test_a_reviewer_has_no_way_in(client: Client) -> None:
    client.force_login(make_reviewer())
    assert client.get("/admin/alignment/decision/").status_code == 302


def test_a_token_is_not_made_here(boss: Client) -> None:
    assert boss.get("/admin/alignment/apitoken/add/").status_code == 403
    assert not ApiToken.objects.exists()
