"""Keyset pages: by a unique integer key, so that ties never loop and a page costs the same wherever it is."""

from __future__ import annotations

import base64
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

DEFAULT_SIZE, LARGEST_SIZE, LARGEST_KEY = 100, 1000, 2**63 - 1
Row = TypeVar("Row", bound=Model)


LONGEST_CURSOR = 100


def encode(key: int, position: int) -> str:
    return base64.urlsafe_b64encode(f"{key}:{position}".encode()).decode().rstrip("=")


def decode(cursor: str) -> tuple[int, int]:
    """The key of the last row that was read and the log position that the first page stated. Raises ValidationError."""
    try:
        if len(cursor) > LONGEST_CURSOR:
            raise ValueError
        key, position = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").split(":")
        if not key.isdigit() or not position.isdigit():
            raise ValueError
        return min(int(key), LARGEST_KEY), min(int(position), LARGEST_KEY)
    except ValueError:
        raise ValidationError({"cursor": "not a cursor of this API; take the address in next as it is"}) from None


def stated(request: Request, now: int) -> int:
    """The log position that a walk through pages states: what its first page stated, the position now for a first page.

    A later position would hide what changed behind the reader while they walked.
    """
    cursor = request.query_params.get("cursor")
    return min(decode(cursor)[1], now) if cursor else now


def whole(request: Request, name: str, default: int, lowest: int = 0, highest: int = LARGEST_KEY) -> int:
    """A query parameter that is a whole number. Raises ValidationError."""
    raw = request.query_params.get(name, str(default))
    # Python reads no number of thousands of digits.
    if not raw.isascii() or not raw.isdigit() or len(raw) > len(str(LARGEST_KEY)) or not lowest <= int(raw) <= highest:
        raise ValidationError({name: f"must be a whole number from {lowest} to {highest}"})
    return int(raw)


def after(request: Request, name: str, now: int) -> int:
    """A log position that the caller has read up to. Raises ValidationError for one that is still to come: of another log, perhaps."""
    position = whole(request, name, 0)
    if position > now:
        raise ValidationError({name: f"the log ends at {now}: {position} is not of this log as it stands. Read everything once more"})
    return position


def page(request: Request, rows: QuerySet[Row], key: str = "pk", position: int = 0) -> tuple[list[Row], str | None]:
    """Rows after the request's cursor, ordered by `key`, and the address of the next page, None after the last."""
    size = whole(request, "limit", DEFAULT_SIZE, lowest=1, highest=LARGEST_SIZE)
    if cursor := request.query_params.get("cursor"):
        rows = rows.filter(**{f"{key}__gt": decode(cursor)[0]})
    found = list(rows.order_by(key)[: size + 1])
    if len(found) <= size:
        return found, None
    found = found[:size]
    query = request.query_params.copy()
    query["cursor"] = encode(int(getattr(found[-1], key)), position)
    return found, f"{request.build_absolute_uri(request.path)}?{query.urlencode()}"


def answer(results: Any, following: str | None, **more: Any) -> dict[str, Any]:
    return {**more, "results": results, "next": following}
