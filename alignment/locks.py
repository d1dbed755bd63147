"""One transaction at a time, on either database."""

from __future__ import annotations

from django.db import connection, transaction


def hold(key: int) -> None:
    """Hold the lock of this number until this transaction ends. SQLite's immediate transactions hold them all already.

    Raises TransactionManagementError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a lock is held inside a transaction only")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
