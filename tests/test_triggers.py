"""Every way to change or delete what is in the log fails, whoever asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction

from alignment import triggers
from alignment.models import AuditEvent, Decision, PolicyVersion
from tests.factories import make_pair

pytestmark = pytest.mark.django_db
TABLE = "alignment_decision"


def sql(statement: str) -> Callable[[], object]:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    return run


WAYS: dict[str, Callable[[], object]] = {
    "update": sql(f"UPDATE {TABLE} SET verdict = 'reject'"),
    "delete": sql(f"DELETE FROM {TABLE}"),
    "upsert": sql(f"INSERT INTO {TABLE} SELECT * FROM {TABLE} WHERE true ON CONFLICT (id) DO UPDATE SET verdict = 'reject'"),
    "orm update": lambda: Decision.objects.update(score=1),
    "orm delete": lambda: Decision.objects.all()._raw_delete("default"),
    "orm save": lambda: Decision.objects.get().save(),
    "orm bulk update": lambda: Decision.objects.bulk_update([Decision.objects.get()], ["score"]),
    "truncate": sql(f"TRUNCATE {TABLE} CASCADE"),
    "replace": sql(f"INSERT OR REPLACE INTO {TABLE} SELECT * FROM {TABLE}"),
}
ELSEWHERE = {"postgresql": {"replace"}, "sqlite": {"truncate"}}


def ways() -> list[str]:
    return [way for way in WAYS if way not in ELSEWHERE[connection.vendor]]


def assert_nothing_can_be_changed() -> None:
    before = list(Decision.objects.values())
    for way in ways():
        with pytest.raises(DatabaseError), transaction.atomic():
            WAYS[way]()
        assert list(Decision.objects.values()) == before, way


def test_a_decision_cannot_be_changed_or_deleted() -> None:
    make_pair(0.95)
    assert_nothing_can_be_changed()


@pytest.mark.parametrize("model", [AuditEvent, PolicyVersion])
def test_neither_can_audit_events_and_policy_versions(model: type[models.Model]) -> None:
    AuditEvent.objects.create(action="look", subject="something")
    with pytest.raises(DatabaseError), transaction.atomic():
        model._default_manager.all()._raw_delete("default")
    field = "subject" if model is AuditEvent else "note"
    with pytest.raises(DatabaseError), transaction.atomic():
        model._default_manager.update(**{field: "other"})


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_rebuilds_the_table_leaves_the_log_protected() -> None:
    make_pair(0.95)
    field = models.CharField(max_length=10, default="")
    field.set_attributes_from_name("colour")
    with connection.schema_editor() as editor:
        editor.add_field(Decision, field)
        editor.remove_field(Decision, field)
    call_command("migrate", verbosity=0)
    assert triggers.missing(connection) == []
    assert_nothing_can_be_changed()


def test_a_missing_trigger_is_an_error_at_start() -> None:
    assert triggers.check(None, ["default"]) == []
    with triggers.lifted(connection):
        assert {problem.id for problem in triggers.check(None, ["default"])} == {"alignment.E001"}
    assert triggers.check(None, ["default"]) == []
