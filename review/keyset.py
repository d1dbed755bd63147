"""Pages by key, never by offset: a page costs the same wherever it is, ties end, and rows that come meanwhile shift nothing.

Rows are in the order of one field, then of their source, then of their id, or of what else tells each from the others (`identity`); the
other way round is the exact mirror. Several querysets can be walked as one, merged by that order: each read by itself or, where their
rows are dicts of the same names, all in one query.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import connection
from django.db.models import DateTimeField, F, Field, Func, IntegerField, OrderBy, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast
from django.db.models.lookups import GreaterThan, LessThan

# Of the longest path of a category, in Base64.
LONGEST_CURSOR = 4000
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Key:
    """One row's place: the value it is sorted by, which of the querysets it is of, its identity."""

    value: Any
    source: int
    pk: int | str


@dataclass(frozen=True)
class Page:
    """Some rows, in order, and the cursors that lead on; empty where nothing is."""

    rows: list[Any]
    before: str
    after: str


def page(
    sources: Sequence[QuerySet[Any]],
    *,
    field: str,
    descending: bool,
    size: int,
    after: str = "",
    before: str = "",
    together: bool = False,
    filled: bool = False,
    identity: str = "pk",
) -> Page:
    """The page after one cursor or before another, the first one without. A cursor that cannot be read starts anew."""
    sort = _field(sources[0], field, filled=filled)
    id_field = _field(sources[0], identity, filled=True)
    start, backwards = (_decode(before, sort, id_field), True) if before else (_decode(after, sort, id_field), False)
    backwards = backwards and start is not None
    found = walk(
        sources,
        field=field,
        descending=descending != backwards,
        size=size + 1,
        start=start,
        together=together,
        filled=filled,
        identity=identity,
    )
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_before, has_after = (more, True) if backwards else (start is not None, more)
    return Page(
        rows=[row for _key, row in found],
        before=cursor(found[0][0]) if found and has_before else "",
        after=cursor(found[-1][0]) if found and has_after else "",
    )


def walk(
    sources: Sequence[QuerySet[Any]],
    *,
    field: str,
    descending: bool,
    size: int,
    start: Key | None = None,
    together: bool = False,
    filled: bool = False,
    identity: str = "pk",
) -> list[tuple[Key, Any]]:
    """At most `size` rows beyond a key, each with its own, in order. `filled`: each has a value in that field, though it may be empty."""
    found: list[tuple[Key, Any]] = []
    asked: list[QuerySet[Any]] = []
    for index, rows in enumerate(sources):
        sort = _field(rows, field, filled=filled)
        if start is not None:
            rows = rows.filter(_beyond(sort, start, index, descending=descending, identity=identity))
        order = _order(sort, descending=descending, identity=identity)
        key = _comparable(sort) if _as_text(sort) else F(sort.name)
        if together:
            # Neither database orders or cuts a part of a union: each source's first rows are named by a query inside.
            first = rows.filter(pk__in=rows.order_by(*order).values("pk")[:size]).order_by()
            asked.append(first.annotate(sort_key=key, of_source=Value(index, output_field=IntegerField())))
            continue
        rows = rows.annotate(sort_key=key) if _as_text(sort) else rows
        for row in rows.order_by(*order)[:size]:
            value = row.sort_key if _as_text(sort) else getattr(row, sort.attname)
            found.append((Key(value, index, getattr(row, identity)), row))
    if asked:
        read = (
            asked[0]
            .union(*asked[1:], all=True)
            .order_by(*(_ordered(name, descending=descending) for name in ("sort_key", "of_source", "pk")))[:size]
        )
        return [(Key(row["sort_key"], row["of_source"], row["pk"]), row) for row in read]
    if len(sources) > 1:
        found.sort(key=lambda one: (one[0].value is not None, one[0].value, one[0].source, one[0].pk), reverse=descending)
    return found[:size]


def _field(rows: QuerySet[Any], name: str, *, filled: bool) -> Field[Any, Any]:
    try:
        found = rows.model._meta.pk if name == "pk" else rows.model._meta.get_field(name)
    except FieldDoesNotExist as error:
        raise ValueError(f"{rows.model.__name__} is sorted by fields of its own only") from error
    assert isinstance(found, Field)
    if filled and found.null:
        # An index holds what is empty at its end: asked for at the beginning, it serves no order.
        found = copy(found)
        found.null = False
    return found


def _as_text(field: Field[Any, Any]) -> bool:
    """SQLite keeps times as text, with three digits after the second by its own clock and six by Python's: as texts they have one order."""
    return isinstance(field, DateTimeField) and connection.vendor == "sqlite"


def _comparable(field: Field[Any, Any]) -> Cast:
    return Cast(F(field.name), TextField())


def _order(field: Field[Any, Any], *, descending: bool, identity: str) -> list[Any]:
    last = f"-{identity}" if descending else identity
    if field.primary_key:
        return [last]
    if not field.null:
        return [f"-{field.name}" if descending else field.name, last]
    return [_ordered(field.name, descending=descending), last]


def _ordered(name: str, *, descending: bool) -> OrderBy:
    """Nothing is less than anything."""
    return F(name).desc(nulls_last=True) if descending else F(name).asc(nulls_first=True)


def _beyond(field: Field[Any, Any], start: Key, source: int, *, descending: bool, identity: str) -> Q:
    """What comes after a key. Nothing sorts as the smallest."""
    past, name = ("lt" if descending else "gt"), "pk" if field.primary_key else field.name
    # Of another source all rows with the same value come after, or none.
    same = source == start.source
    with_ties = not same and (source < start.source) == descending
    if start.value is None:
        nothing = Q(**{f"{name}__isnull": True})
        nothing &= Q(**{f"{identity}__{past}": start.pk}) if same else Q() if with_ties else Q(pk__in=[])
        return nothing if descending else nothing | Q(**{f"{name}__isnull": False})
    value = Value(start.value, output_field=TextField() if _as_text(field) else field)
    if same and not field.primary_key:
        # Both at once, so that an index is entered at the key itself: of `a > x or (a = x and id > y)` no planner makes that.
        beyond = Q(_PAST[past](_row(F(name), F(identity)), _row(value, Value(start.pk))))
    else:
        beyond = Q(**{f"{name}__{past}{'e' if with_ties else ''}": value})
    return beyond | Q(**{f"{name}__isnull": True}) if field.null and descending else beyond


_PAST = {"gt": GreaterThan, "lt": LessThan}


def _row(*values: Any) -> Func:
    return Func(*values, function="", output_field=TextField())


def cursor(key: Key) -> str:
    """A key as an address holds it."""
    value = key.value.isoformat() if isinstance(key.value, datetime) else key.value
    return base64.urlsafe_b64encode(json.dumps([value, key.source, key.pk], ensure_ascii=False).encode()).decode().rstrip("=")


def _is_an_id(value: Any, field: Field[Any, Any]) -> bool:
    if isinstance(field, IntegerField):
        return type(value) is int and 0 <= value <= LARGEST_ID
    return type(value) is str and value.isascii() and value.isprintable() and len(value) < 200


def _decode(cursor: str, field: Field[Any, Any], id_field: Field[Any, Any]) -> Key | None:
    if not cursor or len(cursor) > LONGEST_CURSOR:
        return None
    try:
        value, source, pk = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if type(source) is not int or not 0 <= source < 10 or not _is_an_id(pk, id_field):
            return None
        if value is not None:
            # Half of a surrogate pair cannot be encoded: it is no more a text of the database than NUL is.
            if b"\x00" in str(value).encode() or (isinstance(value, int) and abs(value) > LARGEST_ID):
                return None
            value = str(value) if _as_text(field) else field.to_python(value)
    except (ValueError, TypeError, OverflowError, ValidationError, RecursionError):
        return None
    return Key(value, source, pk)
