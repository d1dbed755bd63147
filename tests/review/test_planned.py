"""What PostgreSQL plans once a connection: a verdict's statements, and no list's."""

from __future__ import annotations

import pytest
from django.db import connection

from tests import factories

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite prepares every statement by itself"),
]


@pytest.fixture
def admin(client):
    client.force_login(factories.make_admin())
    # Another session, in which nothing is planned yet.
    connection.close()
    return client


def planned() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("path", ["/bulk/?score_from=0.99", "/catalogue/?q=kettle", "/audit/?q=kettle", "/runs/?status=failed"])
def test_a_list_is_planned_for_what_it_is_filtered_by(admin, path):
    for _ in range(8):
        assert admin.get(path).status_code == 200
    assert planned() == 0


def test_a_case_is_planned_once_and_what_is_asked_elsewhere_then_is_not(admin):
    factories.make_pair(0.8)
    for _ in range(8):
        assert admin.get("/review/").context["candidates"]
    after = planned()
    assert after > 0
    for _ in range(8):
        admin.get("/bulk/?score_from=0.99")
    assert planned() == after
