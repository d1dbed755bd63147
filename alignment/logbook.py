"""One writer at a time: the lock under which log positions are given, so that they follow commit order."""

from __future__ import annotations

from alignment import locks

LOCK_KEY = 0x5C0_A116


def lock() -> None:
    """Hold the log until this transaction ends. Raises TransactionManagementError outside a transaction."""
    locks.hold(LOCK_KEY)
