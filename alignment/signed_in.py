"""Who is signed in, read with the id by which the log names them and the categories they review in: most pages of theirs need all three."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import F, JSONField, OuterRef, Subquery

from alignment.models import User


class Paths(Subquery):
    """The paths of some categories, as a list."""

    output_field = JSONField()
    template = "(SELECT COALESCE(JSONB_AGG(path), '[]') FROM (%(subquery)s) AS categories)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="(SELECT JSON_GROUP_ARRAY(path) FROM (%(subquery)s))", **context)


class SignedIn(ModelBackend):
    def get_user(self, user_id: Any) -> User | None:
        theirs = User.categories.through.objects.filter(user=OuterRef("pk")).order_by("category__path")
        paths = Paths(theirs.values(path=F("category__path")))
        user = User.objects.select_related("actor").annotate(paths=paths).filter(pk=user_id).first()
        if user is None or not self.user_can_authenticate(user):
            return None
        user.category_paths = user.paths
        return user
