"""Django's SQLite backend, with writers that take their turn.

SQLite's own busy handler sleeps longer each time, up to 100 ms: beside a writer that begins again at once (an import, stored candidates) a
reviewer's verdict could wait for seconds. Asked for every few milliseconds, the lock is taken when the next transaction ends.

And it sleeps with its connection's mutex held. What the connection left behind may be finalized by another thread's garbage collection,
which needs that mutex: if that thread is the one that holds the lock, each waits for the other until the time is over. Here nobody waits
inside SQLite.

Python's sqlite3 asks a connection which error it had, after the fact: another thread that finalizes something of it meanwhile wipes that
out, and what failed seems done, or fails for no reason. Whoever would wait therefore begins a transaction first and looks whether it has
begun, a single write too.
"""

from __future__ import annotations

import re
import sqlite3
import time
from typing import Any

from django.db.backends.sqlite3 import base

RETRY_SECONDS = 0.002
# A lock in the way, or an error that was wiped out. What a lock can never end (a snapshot too old to write on) is not among them.
TRY_AGAIN = {sqlite3.SQLITE_OK, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY}
# What returns rows cannot be committed before they are read; lost, it returns none, and that is noticed.
WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b(?!.*\bRETURNING\b)", re.IGNORECASE | re.DOTALL)


class Cursor(base.SQLiteCursorWrapper):
    """A statement that meets a lock has done nothing, and is tried again until `patience` seconds are over."""

    patience = 0.0

    def execute(self, query: str, *args: Any) -> Any:
        alone = self.connection.isolation_level is None and not self.connection.in_transaction
        if not alone or not WRITES.match(query):
            return self._patiently(query, *args)
        while not self.connection.in_transaction:
            self._patiently("BEGIN IMMEDIATE")
        try:
            done = super().execute(query, *args)
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()
        return done

    def _patiently(self, *args: Any) -> Any:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return super().execute(*args)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in TRY_AGAIN or time.monotonic() > deadline:
                    raise
            time.sleep(RETRY_SECONDS)


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        # What is done while it is made, by nobody's thread but its own, may wait inside.
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    def _start_transaction_under_autocommit(self) -> None:
        while not self.connection.in_transaction:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = self.connection.cursor(factory=Cursor)
        cursor.patience = self.settings_dict["OPTIONS"].get("timeout", 5)
        return cursor
