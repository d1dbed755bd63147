"""Which statements PostgreSQL plans once a connection, and which each time they are asked.

A plan that is kept is the one that is best for most values. Where planning is most of a statement's time and its values hardly matter, as
ids do, it is kept; where nothing passes a filter, a kept plan may read a million rows to say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

SEEN_BEFORE = 3


@contextmanager
def once() -> Iterator[None]:
    """What is asked inside again and again is planned once, for whatever values it is asked with."""
    with _threshold(SEEN_BEFORE):
        yield


@contextmanager
def anew() -> Iterator[None]:
    """Whatever is around: what is asked inside is planned for its values, each time."""
    with _threshold(None):
        yield


@contextmanager
def _threshold(seen: int | None) -> Iterator[None]:
    if not getattr(connection.features, "uses_server_side_binding", False):
        yield
        return
    connection.ensure_connection()
    session: Any = connection.connection
    before = session.prepare_threshold
    session.prepare_threshold = seen
    try:
        yield
    finally:
        session.prepare_threshold = before
