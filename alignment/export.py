"""Groups out: JSON objects and CSV rows, in chunks of constant size, at a stated log position.

Guarantee: a page or a chunk is one snapshot, never older than the stated position, which is taken before the first is read and kept for
all of them. Each is read by itself, so that a slow reader holds nothing up: what changed after the position may show or not, a group that
shows it carries its own, greater `position`, and the change feed from the stated position on tells all of it.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from alignment import catalogue
from alignment.models import SKU, Decision, Group, Membership, Pair

GROUPS_AT_ONCE = 200
COLUMNS = ("group", "name", "position", "source", "external_id", "sku", "language", "title", "category", "gtin", "confirmed_by", "decision")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@contextmanager
def snapshot() -> Iterator[None]:
    """Every read inside sees the same moment; nothing may be written. Inside an open transaction it leaves that one as it is.

    Never held while a reader is sent something. SQLite's transactions are immediate here and would take the write lock; a deferred one,
    opened by hand, stops nobody.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def neutral(cell: str) -> str:
    """A CSV cell that no spreadsheet takes for a formula: a leading apostrophe where it would."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def groups(*, category: str = "", language: str = "", source: str = "", changed_since: int = 0) -> QuerySet[Group]:
    """Groups with members. A filter keeps a group whole when one of its members fits; `changed_since` is a log position."""
    found = Group.objects.filter(size__gt=0)
    if changed_since:
        found = found.filter(changed_at__gt=changed_since)
    members = Membership.objects.filter(group=OuterRef("pk"))
    if category:
        members = members.filter(catalogue.under(category, field="sku__category__path"))
    if language:
        members = members.filter(sku__language=language)
    if source:
        members = members.filter(sku__source__name=source)
    return found.filter(Exists(members)) if category or language or source else found


def sku_dict(sku: SKU) -> dict[str, Any]:
    return {
        "sku": str(sku.uuid),
        "source": sku.source.name,
        "external_id": sku.external_id,
        "language": sku.language,
        "title": sku.title,
        "category": sku.category.path if sku.category else "",
        "gtin": sku.gtin,
        "delisted": sku.delisted_at is not None,
    }


def render(rows: Sequence[Group]) -> list[dict[str, Any]]:
    """Groups as the API shows them. A fixed number of queries, whatever their number."""
    members: dict[int, list[SKU]] = defaultdict(list)
    where: dict[int, int] = {}
    for m in Membership.objects.filter(group__in=rows).select_related("sku__source", "sku__category").order_by("sku_id"):
        if m.group_id is not None:
            members[m.group_id].append(m.sku)
            where[m.sku_id] = m.group_id
    confirmed: dict[int, list[dict[str, Any]]] = defaultdict(list)
    accepts = Pair.objects.filter(standing__verdict=Decision.Verdict.ACCEPT, left_id__among=where).select_related(
        "standing", "left", "right"
    )
    for pair in accepts.order_by("standing_id"):
        if pair.standing is None or where.get(pair.left_id) != where.get(pair.right_id):
            continue
        for sku, other in ((pair.left, pair.right), (pair.right, pair.left)):
            confirmed[sku.pk].append(
                {
                    "decision": pair.standing.pk,
                    "by": pair.standing.by,
                    "score": pair.standing.score,
                    "with": str(other.uuid),
                }
            )
    aliases: dict[int, list[str]] = defaultdict(list)
    for into, alias in Group.objects.filter(merged_into__in=rows).order_by("pk").values_list("merged_into_id", "uuid"):
        aliases[into].append(str(alias))
    return [
        {
            "id": str(row.uuid),
            "name": str(row),
            "position": row.changed_at,
            "aliases": aliases[row.pk],
            "members": [sku_dict(sku) | {"confirmed_by": confirmed[sku.pk]} for sku in members[row.pk]],
        }
        for row in rows
    ]


# Hears how many groups were written since it was last told.
Tell = Callable[[int], None]


def untold(written: int) -> None:
    pass


def chunks(found: QuerySet[Group]) -> Iterator[list[dict[str, Any]]]:
    last = 0
    while True:
        with snapshot():
            rows = list(found.filter(pk__gt=last).order_by("pk")[:GROUPS_AT_ONCE])
            rendered = render(rows)
        if not rows:
            return
        yield rendered
        last = rows[-1].pk


def as_ndjson(found: QuerySet[Group], tell: Tell = untold) -> Iterator[str]:
    for chunk in chunks(found):
        yield "".join(json.dumps(group, ensure_ascii=False) + "\n" for group in chunk)
        tell(len(chunk))


def as_json(found: QuerySet[Group], position: int, tell: Tell = untold) -> Iterator[str]:
    """One document: the position that it was read at, and the groups."""
    yield f'{{"position": {position}, "groups": ['
    first = True
    for chunk in chunks(found):
        yield ("" if first else ",") + "\n" + ",\n".join(json.dumps(group, ensure_ascii=False) for group in chunk)
        first = False
        tell(len(chunk))
    yield "\n]}\n"


def as_csv(found: QuerySet[Group], tell: Tell = untold) -> Iterator[str]:
    """One row a member. Cells that a spreadsheet would run are neutralised."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for chunk in chunks(found):
        for group in chunk:
            for member in group["members"]:
                first = member["confirmed_by"][0] if member["confirmed_by"] else {"by": "", "decision": ""}
                cells = (
                    group["id"],
                    group["name"],
                    group["position"],
                    member["source"],
                    member["external_id"],
                    member["sku"],
                    member["language"],
                    member["title"],
                    member["category"],
                    member["gtin"],
                    first["by"],
                    first["decision"],
                )
                writer.writerow([neutral(str(cell)) for cell in cells])
        yield buffer.getvalue()
        tell(len(chunk))
        buffer.seek(0)
        buffer.truncate()
    if rest := buffer.getvalue():
        yield rest
