"""The triggers that make the log append-only and policy versions immutable, on SQLite and PostgreSQL.

They are reinstalled after every migration, because SQLite drops a table's triggers when it rebuilds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = ("alignment_decision", "alignment_auditevent", "alignment_policyversion")
FUNCTION = "refuse_change_of_the_log"


def names(vendor: str) -> list[tuple[str, str]]:
    """(table, trigger) for every trigger that must exist."""
    events = ("update", "delete", "truncate" if vendor == "postgresql" else "replace")
    return [(table, f"{table}_refuses_{event}") for table in TABLES for event in events]


def install(connection: BaseDatabaseWrapper) -> None:
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION '% only grows: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation'; END $$"
            )
        for table, trigger in names(connection.vendor):
            if table not in existing:
                continue
            event = trigger.rsplit("_", 1)[1]
            if connection.vendor == "postgresql":
                level = "STATEMENT" if event == "truncate" else "ROW"
                cursor.execute(f"DROP TRIGGER IF EXISTS {trigger} ON {table}")
                cursor.execute(f"CREATE TRIGGER {trigger} BEFORE {event.upper()} ON {table} FOR EACH {level} EXECUTE FUNCTION {FUNCTION}()")
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
            else:
                # A replacing INSERT deletes rows without firing DELETE triggers unless recursive_triggers is on.
                when = f"BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # noqa: S608
                timing = when if event == "replace" else f"BEFORE {event.upper()} ON {table}"
                cursor.execute(f"DROP TRIGGER IF EXISTS {trigger}")
                cursor.execute(
                    f"CREATE TRIGGER {trigger} {timing} BEGIN SELECT RAISE(ABORT, '{table} only grows: {event} is refused'); END"
                )


def remove(connection: BaseDatabaseWrapper) -> None:
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table, trigger in names(connection.vendor):
            if table in existing:
                cursor.execute(f"DROP TRIGGER IF EXISTS {trigger}" + (f" ON {table}" if connection.vendor == "postgresql" else ""))


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Without the triggers, for a test's flush alone."""
    remove(connection)
    try:
        yield
    finally:
        install(connection)


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Triggers that should stand in this database and do not (or are disabled)."""
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgenabled IN ('A', 'O') AND NOT tgisinternal")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        present = {row[0] for row in cursor.fetchall()}
    return [trigger for table, trigger in names(connection.vendor) if table in existing and trigger not in present]


def reinstall(sender: AppConfig, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    if sender.name == "alignment":
        install(connections[using])


def check(app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(f"The trigger {trigger} is missing: the log could be changed.", hint="Run manage.py migrate.", id="alignment.E001")
        for alias in databases or []
        for trigger in missing(connections[alias])
    ]
