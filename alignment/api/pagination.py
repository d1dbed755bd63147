"""Keyset pages: by a unique integer key, so that ties never loop and a page costs the same wherever it is."""

from __future__ import annotations

import base64
import json
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

DEFAULT_SIZE, LARGEST_SIZE, LARGEST_KEY = 100, 1000, 2**63 - 1
Row = TypeVar("Row", bound=Model)


def encode(key: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([key]).encode()).decode().rstrip("=")


def decode(cursor: str) -> int:
    """Raises ValidationError."""
    try:
        (key,) = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return min(max(int(key), 0), LARGEST_KEY)
    except (ValueError, TypeError, OverflowError):
        raise ValidationError({"cursor": "not a cursor of this API; take the address in next as it is"}) from None


def whole(request: Request, name: str, default: int, highest: int = LARGEST_KEY) -> int:
    """A query parameter that is a whole number. Raises ValidationError."""
    raw = request.query_params.get(name, str(default))
    if not raw.isascii() or not raw.isdigit() or int(raw) > highest:
        raise ValidationError({name: f"must be a whole number from 0 to {highest}"})
    return int(raw)


def page(request: Request, rows: QuerySet[Row], key: str = "pk") -> tuple[list[Row], str | None]:
    """Rows after the request's cursor, ordered by `key`, and the address of the next page, None after the last."""
    size = max(1, whole(request, "limit", DEFAULT_SIZE, LARGEST_SIZE))
    if cursor := request.query_params.get("cursor"):
        rows = rows.filter(**{f"{key}__gt": decode(cursor)})
    found = list(rows.order_by(key)[: size + 1])
    if len(found) <= size:
        return found, None
    found = found[:size]
    query = request.query_params.copy()
    query["cursor"] = encode(int(getattr(found[-1], key)))
    return found, f"{request.build_absolute_uri(request.path)}?{query.urlencode()}"


def answer(results: Any, following: str | None, **more: Any) -> dict[str, Any]:
    return {**more, "results": results, "next": following}
