"""Statements that PostgreSQL plans once a connection instead of each time, where planning is most of their time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

SEEN_BEFORE = 3


@contextmanager
def once() -> Iterator[None]:
    """What is asked inside again and again is planned once, for whatever values it is asked with.

    Not for lists: where nothing passes a filter, the plan that is best for most values reads a million rows to say so.
    """
    if not getattr(connection.features, "uses_server_side_binding", False):
        yield
        return
    connection.ensure_connection()
    session: Any = connection.connection
    session.prepare_threshold = SEEN_BEFORE
    try:
        yield
    finally:
        session.prepare_threshold = None
