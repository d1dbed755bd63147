"""One list for every page of rows: columns, filters, sorts, pages by key, a bounded count, export, and how each person last saw it.

A view declares a `List` and answers with `respond`; `review/_list.html` draws it. Everything chosen stands in the address.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.functional import Promise

from alignment.export import neutral
from alignment.models import User
from review import fragments, keyset
from review.bounded import COUNTED
from review.permissions import person

ROWS_A_PAGE = 50
ROWS_AT_ONCE = 500
LONGEST_CHOICE = 300
MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}

Words = str | Promise
Rows = QuerySet[Any]


@dataclass(frozen=True)
class Text:
    """A text in a language of its own, marked so on the page."""

    text: str
    language: str


@dataclass(frozen=True)
class Column:
    """What one column says of a row. `value` is what an export holds; `shown`, where it is given, is what a page shows instead. The cells
    of one that `names_row` are read before the others to whoever hears the page. One of buttons, which send the form that is around the
    list to an address of their own, is not `in_export`."""

    name: str
    title: Words
    value: Callable[[Any], Any]
    shown: Callable[[Any], Any] | None = None
    link: Callable[[Any], str] | None = None
    sort: str = ""
    on_page: bool = True
    in_export: bool = True
    names_row: bool = False


@dataclass(frozen=True)
class Filter:
    """One field of the filter form. With `choices` only their values count; `narrow` gets the rows and what was asked, never empty."""

    name: str
    title: Words
    narrow: Callable[[Rows, str], Rows]
    choices: Callable[[], Sequence[tuple[str, Words]]] | None = None
    suggestions: Callable[[], Sequence[str]] | None = None
    kind: str = "search"


@dataclass(frozen=True)
class Sort:
    """An order: by one stored field, then by id. Offered only where an index serves it. `filled`: no row of the list lacks its value."""

    name: str
    title: Words
    field: str
    filled: bool = False


@dataclass(frozen=True)
class List:
    """A list's shape. `first` is the sort of a fresh page, with a minus for the greatest first; `complete` fetches what its cells
    need beside the rows, for a page or a chunk of an export at once, and may put others in their places; a page counts its rows up to
    `counted`, and where that is less than 10,000, as each is looked for in several tables, asks for the rest once it is shown;
    `together`: its sources are read in one query, as dicts of the same names; `identity` tells one row from another, where an address
    may not hold its id."""

    name: str
    columns: Sequence[Column]
    sorts: Sequence[Sort]
    first: str
    filters: Sequence[Filter] = ()
    complete: Callable[[list[Any]], None] = field(default=lambda rows: None)
    counted: int = COUNTED
    together: bool = False
    identity: str = "pk"


@dataclass(frozen=True)
class Choice:
    """What a request asks of a list, read and bounded."""

    filters: dict[str, str]
    sort: Sort
    descending: bool

    def query(self, **more: str) -> str:
        return urlencode(self.filters | {"sort": self.order} | more)

    @property
    def order(self) -> str:
        return f"-{self.sort.name}" if self.descending else self.sort.name


class Cell(NamedTuple):
    """One cell as a page draws it, which has hundreds of them."""

    column: Column
    value: Any
    kind: str
    language: str = ""
    link: str = ""


@dataclass(frozen=True)
class Head:
    """A column's head: where pressing it leads, and how the column is sorted now."""

    column: Column
    link: str = ""
    sorted: str = ""
    number: bool = False


@dataclass(frozen=True)
class FormField:
    """A filter as its form shows it."""

    filter: Filter
    value: str
    choices: Sequence[tuple[str, Words]]
    suggestions: Sequence[str]


@dataclass(frozen=True)
class Shown:
    """One page of a list, ready to be drawn."""

    name: str
    heads: list[Head]
    rows: list[tuple[Any, list[Cell]]]
    fields: list[FormField]
    choice: Choice
    count: int
    more: bool
    counting: str
    before: str
    after: str
    exports: dict[str, str]

    @property
    def filtered(self) -> bool:
        return bool(self.choice.filters)

    @property
    def worth_filtering(self) -> bool:
        return bool(self.rows) or self.filtered

    @property
    def filters_set(self) -> int:
        """How many fields of the form say something."""
        return sum(bool(one.value) and one.filter.kind != "hidden" for one in self.fields)


def respond(
    request: HttpRequest,
    shape: List,
    rows: Rows | Sequence[Rows],
    *,
    template: str,
    context: dict[str, Any] | None = None,
    live: bool | Callable[[Any], bool] = False,
    status: int = 200,
) -> HttpResponse:
    """The page, its export (`as=csv`, `as=jsonl`), its count in words (`as=count`), or the way to how this person last saw it, when it is
    opened bare.

    Several querysets are shown as one list, merged in its order; each filter narrows all of them. While it is `live`, or any row shown is,
    the list asks for itself. A page that answers a form of its own says its `status`.
    """
    user, sources = person(request), [rows] if isinstance(rows, QuerySet) else list(rows)
    if "reset" in request.GET:
        remember(user, shape.name, "")
        return HttpResponseRedirect(request.path)
    before = remembered(user, shape.name)
    if request.method == "GET" and not request.GET and before:
        return HttpResponseRedirect(f"{request.path}?{before}")
    choice = read(request, shape)
    sources = narrowed(shape, choice, sources)
    if (wanted := request.GET.get("as")) in MEDIA:
        return _export(shape, choice, sources, wanted)
    if wanted == "count":
        count = _count(sources, COUNTED + 1)
        return render(request, "review/_list_count.html", {"count": min(count, COUNTED), "more": count > COUNTED})
    shown = show(shape, choice, sources, after=request.GET.get("after", ""), before=request.GET.get("before", ""))
    # One subject's rows are looked at and left: the list is not remembered so.
    once = any(one.kind == "hidden" and one.name in choice.filters for one in shape.filters)
    if request.GET and not once and (query := choice.query()) != before:
        remember(user, shape.name, query)
    alive = any(live(row) for row, _cells in shown.rows) if callable(live) else live
    response = render(request, template, {"list": shown, "live": alive} | (context or {}), status=status)
    # What a page asks for by itself is no step of anybody's.
    if fragments.wanted_for(request, "list") and not fragments.wanted_by(request, "live"):
        response["HX-Push-Url"] = f"{request.path}?{choice.query()}"
    return response


def read(request: HttpRequest, shape: List) -> Choice:
    """What the address asks for; what this list does not know is left out."""
    filters = {}
    for one in shape.filters:
        value = request.GET.get(one.name, "").strip()[:LONGEST_CHOICE]
        if value and (one.kind != "date" or _day(value)):
            filters[one.name] = value
    asked = request.GET.get("sort", "")
    sorts = {sort.name: sort for sort in shape.sorts}
    asked = asked if asked.removeprefix("-") in sorts else shape.first
    return Choice(filters, sorts[asked.removeprefix("-")], asked.startswith("-"))


def narrowed(shape: List, choice: Choice, sources: Sequence[Rows]) -> list[Rows]:
    found = list(sources)
    for one in shape.filters:
        if value := choice.filters.get(one.name):
            found = [one.narrow(rows, value) for rows in found]
    return found


def show(shape: List, choice: Choice, sources: Sequence[Rows], *, after: str = "", before: str = "") -> Shown:
    page = keyset.page(
        sources,
        field=choice.sort.field,
        descending=choice.descending,
        size=ROWS_A_PAGE,
        after=after,
        before=before,
        together=shape.together,
        filled=choice.sort.filled,
        identity=shape.identity,
    )
    shape.complete(page.rows)
    columns = [column for column in shape.columns if column.on_page]
    rows = cells(columns, page.rows)
    numbers = of_numbers(rows)
    # What fits one page is counted by having been read: where little is found, all was looked at for it.
    count = _count(sources, shape.counted + 1) if page.after or after or before else len(rows)
    return Shown(
        name=shape.name,
        heads=[_head(column, shape, choice, number=column.name in numbers) for column in columns],
        rows=rows,
        fields=[_form_field(one, choice) for one in shape.filters],
        choice=choice,
        count=min(count, shape.counted),
        more=count > shape.counted,
        counting=f"?{choice.query(**{'as': 'count'})}" if count > shape.counted and shape.counted < COUNTED else "",
        before=f"?{choice.query(before=page.before)}" if page.before else "",
        after=f"?{choice.query(after=page.after)}" if page.after else "",
        exports={kind: f"?{choice.query(**{'as': kind})}" for kind in MEDIA},
    )


def _count(sources: Sequence[Rows], most: int) -> int:
    """How many rows there are, of very many the most, in one query."""
    first, *others = (rows.order_by().values("pk") for rows in sources)
    return (first.union(*others, all=True) if others else first)[:most].count()


def from_day(name: str) -> Callable[[Rows, str], Rows]:
    """Rows from the beginning of a day on, by a time of theirs."""
    return lambda rows, value: rows.filter(**{f"{name}__gte": _midnight(value)})


def to_day(name: str) -> Callable[[Rows, str], Rows]:
    """Rows to the end of a day."""
    return lambda rows, value: rows.filter(**{f"{name}__lt": _midnight(value) + timedelta(days=1)})


def _midnight(day: str) -> datetime:
    found = _day(day)
    assert found is not None, "dates are read before they narrow"
    return timezone.make_aware(datetime(found.year, found.month, found.day))


def _day(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:
        return None
    return found if found and 1900 < found.year < 9000 else None


def cells(columns: Sequence[Column], rows: Sequence[Any]) -> list[tuple[Any, list[Cell]]]:
    """Rows with what each column says of them, as `{% rows %}` draws them."""
    return [(row, [_cell(column, row) for column in columns]) for row in rows]


def of_numbers(rows: Sequence[tuple[Any, list[Cell]]]) -> set[str]:
    """The names of the columns in which numbers stand."""
    return {cell.column.name for _row, cells in rows for cell in cells if cell.kind == "number"}


def _cell(column: Column, row: Any) -> Cell:
    stored: Any = column.value(row)
    value: Any = column.shown(row) if column.shown else stored
    language = ""
    if isinstance(value, Text):
        value, language, kind = value.text, value.language or "und", "text"
    elif isinstance(value, datetime):
        kind = "time"
    elif value in (None, ""):
        kind = "nothing"
    else:
        # What is shown of a number, as a score's two digits, stands like one.
        kind = "number" if isinstance(stored, int | float) and not isinstance(stored, bool) else "text"
    return Cell(column, value, kind, language, column.link(row) if column.link and kind != "nothing" else "")


def _head(column: Column, shape: List, choice: Choice, *, number: bool) -> Head:
    if not column.sort:
        return Head(column, number=number)
    assert column.sort in {sort.name for sort in shape.sorts}, f"{column.name} is sorted by {column.sort}, which is no sort of {shape.name}"
    now = choice.sort.name == column.sort
    order = column.sort if now and choice.descending else f"-{column.sort}"
    link = "?" + urlencode(choice.filters | {"sort": order})
    return Head(column, link, ("descending" if choice.descending else "ascending") if now else "none", number)


def _form_field(one: Filter, choice: Choice) -> FormField:
    return FormField(
        one, choice.filters.get(one.name, ""), one.choices() if one.choices else (), one.suggestions() if one.suggestions else ()
    )


def _export(shape: List, choice: Choice, sources: Sequence[Rows], wanted: str) -> HttpResponse:
    lines = as_csv(shape, choice, sources) if wanted == "csv" else as_jsonl(shape, choice, sources)
    name = f"{shape.name}-{timezone.localtime():%Y-%m-%d-%H%M}.{wanted}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(lines, content_type=MEDIA[wanted], headers=headers)  # type: ignore[return-value]


def chunks(shape: List, choice: Choice, sources: Sequence[Rows]) -> Iterator[list[Any]]:
    """Every row, some at a time: each chunk is read by itself, so that a slow reader holds nothing up."""
    last = None
    while True:
        found = keyset.walk(
            sources,
            field=choice.sort.field,
            descending=choice.descending,
            size=ROWS_AT_ONCE,
            start=last,
            together=shape.together,
            filled=choice.sort.filled,
            identity=shape.identity,
        )
        if not found:
            return
        last, rows = found[-1][0], [row for _key, row in found]
        shape.complete(rows)
        yield rows


def as_csv(shape: List, choice: Choice, sources: Sequence[Rows]) -> Iterator[str]:
    """With the columns' names at the head. Cells that a spreadsheet would run are neutralised."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    columns = [column for column in shape.columns if column.in_export]
    writer.writerow([column.name for column in columns])
    yield "\ufeff" + buffer.getvalue()
    for rows in chunks(shape, choice, sources):
        buffer.seek(0)
        buffer.truncate()
        writer.writerows([neutral(_plain_text(column.value(row))) for column in columns] for row in rows)
        yield buffer.getvalue()


def as_jsonl(shape: List, choice: Choice, sources: Sequence[Rows]) -> Iterator[str]:
    for rows in chunks(shape, choice, sources):
        yield "".join(
            json.dumps({column.name: _plain(column.value(row)) for column in shape.columns if column.in_export}, ensure_ascii=False) + "\n"
            for row in rows
        )


def _plain(value: Any) -> Any:
    """What JSON can hold: times in UTC, texts as they are."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if timezone.is_aware(value) else value.isoformat()
    if isinstance(value, Text):
        return value.text
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    return str(value)


def _plain_text(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, list | dict | bool) else str(plain)


def remembered(user: User, name: str) -> str:
    """How a person last saw a list, as its address has it."""
    lists = user.preferences.get("lists") if isinstance(user.preferences, dict) else None
    kept = lists.get(name) if isinstance(lists, dict) else None
    return kept if isinstance(kept, str) else ""


def remember(user: User, name: str, query: str) -> None:
    """Keep how a person sees a list. Where another page wrote other preferences of theirs since they were read, they are read anew."""
    for _try in range(3):
        was = user.preferences
        lists = {other: seen for other, seen in (was.get("lists") or {}).items() if other != name}
        now = was | {"lists": lists | ({name: query} if query else {})}
        if User.objects.filter(pk=user.pk, preferences=was).update(preferences=now):
            user.preferences = now
            return
        user.refresh_from_db(fields=["preferences"])
