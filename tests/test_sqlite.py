"""SQLite with threads beside each other: who waits for the lock keeps nobody who holds it from ending."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction

from alignment.models import Source

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("sqlite" not in connections.settings["default"]["ENGINE"], reason="PostgreSQL's writers do not wait for one lock"),
]


@pytest.fixture
def little_patience(monkeypatch):
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "timeout", 3)


def while_another_holds_the_lock_and_collects_garbage(write) -> list[Exception]:
    """What `write` raised in a thread of its own whose unfinished cursors the holder of the lock finalizes, as the collector of garbage
    would, whichever thread it runs in."""
    left_behind, begun, failures = [], threading.Event(), []

    def work():
        for _number in range(2000):
            cursor = connection.cursor()
            cursor.execute("SELECT 1 UNION ALL SELECT 2")
            cursor.fetchone()
            left_behind.append(cursor)
        begun.set()
        try:
            write()
        except Exception as error:  # noqa: BLE001 - reported by the test, from its own thread
            failures.append(error)
        finally:
            connections.close_all()

    waiting = threading.Thread(target=work)
    with transaction.atomic():
        Source.objects.update(name="New shop")
        waiting.start()
        begun.wait()
        while left_behind:
            left_behind.pop()
            waiting.join(0.0005)
    waiting.join()
    return failures


def update() -> None:
    Source.objects.update(name="Other shop")


def update_in_a_transaction() -> None:
    with transaction.atomic():
        update()


@pytest.mark.parametrize("write", [update, update_in_a_transaction])
def test_who_holds_the_lock_collects_the_garbage_of_one_who_waits_and_nothing_is_lost(little_patience, write):
    Source.objects.create(name="Shop")
    assert while_another_holds_the_lock_and_collects_garbage(write) == []
    assert Source.objects.get().name == "Other shop"


def test_a_single_write_that_is_refused_leaves_nothing_begun(little_patience):
    Source.objects.create(name="Shop"), Source.objects.create(name="Other shop")
    with pytest.raises(IntegrityError):
        Source.objects.update(name="Third shop")
    assert not connection.connection.in_transaction
    assert Source.objects.filter(name="Shop").update(name="New shop") == 1


def test_a_single_write_outside_of_a_transaction_waits_for_its_turn(little_patience):
    Source.objects.create(name="Shop")
    held, over = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Source.objects.update(name="New shop")
            held.set()
            over.wait(0.5)
        connections.close_all()

    holding = threading.Thread(target=hold)
    holding.start()
    held.wait()
    Source.objects.update(name="Other shop")
    holding.join()
    assert Source.objects.get().name == "Other shop"


def test_who_waits_longer_than_is_patient_is_told_so(monkeypatch):
    Source.objects.create(name="Shop")
    failures = []

    def write():
        try:
            Source.objects.update(name="Other shop")
        except OperationalError as error:
            failures.append(str(error))
        finally:
            connections.close_all()

    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "timeout", 0.1)
    waiting = threading.Thread(target=write)
    with transaction.atomic():
        Source.objects.update(name="New shop")
        waiting.start()
        waiting.join()
    assert failures == ["database is locked"]
