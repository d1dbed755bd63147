"""Many ids in a query, `left_id__among=ids`, or those that another query finds.

Ids are one value, where `__in` writes each as a parameter, which for a thousand takes tens of milliseconds before anything is looked for;
PostgreSQL plans both alike. A query's rows are looked up one by one: of `__in` PostgreSQL guesses that a join of everything is read sooner,
and beside an OR it has no other way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import ForeignObject, IntegerField, Lookup
from django.db.models.sql import Query


# Of relations Django takes only lookups that are registered for them.
@ForeignObject.register_lookup
@IntegerField.register_lookup
class Among(Lookup):
    """Rows whose id, or whose related row's, is one of these. Duplicates do no harm."""

    lookup_name = "among"
    rhs: Any

    def get_prep_lookup(self) -> Any:
        if isinstance(self.rhs, Query):
            if not self.rhs.has_select_fields:
                self.rhs.clear_select_clause()
                self.rhs.add_fields(["pk"])
            return self.rhs
        ids: Iterable[int] = self.rhs
        return list(ids)

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, values = self._column(compiler, connection)
        if isinstance(self.rhs, Query):
            found, more = self.process_rhs(compiler, connection)
            return f"{column} = ANY(ARRAY{found})", [*values, *more]
        return f"{column} = ANY(%s::bigint[])", [*values, self.rhs]

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, values = self._column(compiler, connection)
        if isinstance(self.rhs, Query):
            found, more = self.process_rhs(compiler, connection)
            return f"{column} IN {found}", [*values, *more]
        return f"{column} IN (SELECT value FROM json_each(%s))", [*values, json.dumps(self.rhs)]  # noqa: S608 - a column of ours

    def _column(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        if not isinstance(self.rhs, Query) and not self.rhs:
            # As `__in` does: nothing is asked.
            raise EmptyResultSet
        return self.process_lhs(compiler, connection)
