"""What is asked of other rows in the midst of a query: how many there are, whether a row is among them."""

from __future__ import annotations

from typing import Any

from django.db.models import BooleanField, F, Func, IntegerField, QuerySet, Subquery

COUNTED = 10_000


class Bounded(Subquery):
    """How many rows there are, of very many one more than are told."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS bounded)"

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().values("pk")[: COUNTED + 1], output_field=IntegerField())


class Among(Func):
    """Whether the first is among the rows of a query: as an array on PostgreSQL, which then looks each of them up.

    Of IN PostgreSQL guesses that a join of all rows is read sooner, and beside an OR it has no other way.
    """

    template = "%(expressions)s)"
    arg_joiner = " = ANY(ARRAY"
    output_field = BooleanField()

    def __init__(self, one: F, rows: QuerySet[Any, Any]) -> None:
        super().__init__(one, Subquery(rows))

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="%(expressions)s", arg_joiner=" IN ", **context)
