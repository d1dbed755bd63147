"""One writer at a time: the lock under which log positions are given, so that they follow commit order."""

from __future__ import annotations

from django.db import connection, transaction

LOCK_KEY = 0x5C0_A116


def lock() -> None:
    """Hold the log until this transaction ends. SQLite's immediate transactions hold it already.

    Raises TransactionManagementError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("the log is locked inside a transaction only")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])
