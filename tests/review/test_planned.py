"""What PostgreSQL plans once a connection: the statements of a case and of a verdict, and no list's and no count's."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.urls import reverse

from alignment import planned
from review import queues
from tests import factories

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite prepares every statement by itself"),
]
OFTEN = 8


@pytest.fixture
def admin(client):
    user = factories.make_admin()
    client.force_login(user)
    # Another session, in which nothing is planned yet.
    connection.close()
    return user


def kept() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return {statement for (statement,) in cursor.fetchall()}


@pytest.mark.parametrize("path", ["/bulk/?score_from=0.99", "/catalogue/?q=kettle", "/audit/?q=kettle", "/runs/?status=failed"])
def test_a_list_is_planned_for_what_it_is_filtered_by(client, admin, path):
    for _ in range(OFTEN):
        assert client.get(path).status_code == 200
    assert not kept()


def test_a_case_is_planned_once_and_what_is_asked_elsewhere_then_is_not(client, admin):
    factories.make_pair(0.8)
    for _ in range(OFTEN):
        assert client.get(reverse("case"), follow=True).context["candidates"]
    before = kept()
    assert any('FROM "review_lease"' in statement for statement in before)
    for _ in range(OFTEN):
        client.get("/bulk/?score_from=0.99")
    assert kept() == before


def test_a_verdict_is_planned_once(client, admin):
    for _ in range(OFTEN):
        pair = factories.make_pair(0.8)
        client.get(reverse("case"), follow=True)
        before = kept()
        client.post(reverse("decide"), {"pair": pair.pk, "verdict": "reject", "seconds": "1", "request_id": str(uuid.uuid4())})
    assert any('INSERT INTO "alignment_decision"' in statement for statement in before)


def test_how_much_is_left_is_counted_for_whom_it_is_left(admin):
    with planned.once():
        for _ in range(OFTEN):
            queues.left(admin)
    assert not kept()


def test_what_was_before_is_so_again_whatever_happens_inside(admin):
    connection.ensure_connection()
    for before in (None, 5):
        connection.connection.prepare_threshold = before
        with pytest.raises(ZeroDivisionError), planned.once(), planned.anew():
            raise ZeroDivisionError
        assert connection.connection.prepare_threshold == before
