"""How many other rows there are, asked in the midst of a query."""

from __future__ import annotations

from typing import Any

from django.db.models import IntegerField, QuerySet, Subquery

COUNTED = 10_000


class Bounded(Subquery):
    """How many rows there are, of very many one more than are told."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS bounded)"

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().values("pk")[: COUNTED + 1], output_field=IntegerField())
