"""The team's work as admins see it: what waits, who decides how much, and when the queue will be empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, F, Min, Q, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alignment.agreement import Agreement
from alignment.models import Decision, Pair, User
from review import figures, insights, lists
from review.insights import Chart, Column, Row
from review.models import CheckAnswer, DecisionDay, Figures, OpenDay, QueueCount
from review.templatetags.numbers import hundredths, in_percent, thousands

DAYS, CHECKED_DAYS = 7, 30
CHARTED_DAYS = 30
MOST_QUEUES = 20
NOTHING = "–"
VERDICTS = (Decision.Verdict.ACCEPT, Decision.Verdict.REJECT, Decision.Verdict.UNSURE)


@dataclass(frozen=True)
class Forecast:
    """`a_day`: by how much the queue shrinks each day, less than nothing where it grows, None where too little is known."""

    open: int
    a_day: float | None
    days: float | None = None
    empty_on: date | None = None

    @property
    def grows(self) -> bool:
        return self.a_day is not None and self.a_day < 0

    @property
    def growth(self) -> float:
        return -(self.a_day or 0.0)


@dataclass(frozen=True)
class Member:
    """One person's last days. `an_hour`: verdicts in an hour of looking, None where that was not told."""

    pk: int
    name: str
    today: int
    week: int
    an_hour: float | None
    agreement: Agreement | None
    checked: int
    right: int


def _share(part: int, whole: int) -> str:
    """Rounded to hundredths, and of how many: of three it says little."""
    return f"{in_percent(str(round(100 * part / whole)))} ({part} / {whole})" if whole else NOTHING


PEOPLE = (
    lists.Column(
        "who",
        gettext_lazy("Who"),
        lambda one: one.name,
        link=lambda one: reverse("member", args=[one.pk]),
        names_row=True,
    ),
    lists.Column("today", gettext_lazy("Today"), lambda one: one.today, lambda one: thousands(one.today)),
    lists.Column("week", gettext_lazy("Seven days"), lambda one: one.week, lambda one: thousands(one.week)),
    lists.Column(
        "an_hour",
        gettext_lazy("Verdicts an hour"),
        lambda one: one.an_hour or 0,
        lambda one: thousands(one.an_hour) if one.an_hour else NOTHING,
    ),
    lists.Column(
        "agreement",
        gettext_lazy("Agreement"),
        lambda one: one.agreement.pairs if one.agreement else 0,
        lambda one: _share(one.agreement.same, one.agreement.pairs) if one.agreement else NOTHING,
    ),
    lists.Column(
        "kappa",
        "κ",
        # A number even where it is shown as a dash, so that it stands like one.
        lambda one: 0,
        lambda one: hundredths(one.agreement.kappa) if one.agreement and one.agreement.kappa is not None else NOTHING,
    ),
    lists.Column("checked", gettext_lazy("Right in checks"), lambda one: one.checked, lambda one: _share(one.right, one.checked)),
)


@dataclass(frozen=True)
class Queue:
    category: str
    languages: str
    pairs: int
    cases: int
    overdue: int
    oldest_at: datetime | None
    forecast: Forecast


def _empty(forecast: Forecast) -> str:
    """When a queue is empty, in a word."""
    if forecast.grows:
        return _("it grows")
    if forecast.days is None:
        return NOTHING
    if forecast.days < 1:
        return _("today")
    return date_format(forecast.empty_on, "SHORT_DATE_FORMAT") if forecast.empty_on else _("not in ten years")


QUEUES = (
    lists.Column("category", gettext_lazy("Category"), lambda queue: queue.category or _("No category"), names_row=True),
    lists.Column("languages", gettext_lazy("Languages"), lambda queue: queue.languages or NOTHING),
    lists.Column("pairs", gettext_lazy("Pairs"), lambda queue: queue.pairs, lambda queue: thousands(queue.pairs)),
    lists.Column("cases", gettext_lazy("Cases"), lambda queue: queue.cases, lambda queue: thousands(queue.cases)),
    lists.Column("overdue", gettext_lazy("Overdue"), lambda queue: queue.overdue, lambda queue: thousands(queue.overdue)),
    lists.Column("oldest", gettext_lazy("Oldest"), lambda queue: queue.oldest_at or NOTHING),
    lists.Column("empty", gettext_lazy("Empty"), lambda queue: _empty(queue.forecast)),
)


@dataclass(frozen=True)
class Table:
    """Rows as `{% rows %}` draws them; what stands beneath them, or in their place where there are none; and where all of them are."""

    title: str
    columns: Sequence[lists.Column]
    rows: list[tuple[Any, list[lists.Cell]]]
    nothing: str = ""
    note: str = ""
    all_at: str = ""

    @property
    def heads(self) -> list[tuple[lists.Column, bool]]:
        """The columns, and whether numbers stand in them."""
        numbers = {cell.column.name for _row, cells in self.rows for cell in cells if cell.kind == "number"}
        return [(column, column.name in numbers) for column in self.columns]


@dataclass(frozen=True)
class Team:
    forecast: Forecast
    oldest_at: datetime | None
    decided_today: int
    decided_week: int
    members: list[Member]
    queues: list[Queue]
    charts: list[Chart]
    counted_at: datetime | None

    @property
    def tables(self) -> list[Table]:
        """The tables, in rows that are not drawn by a template, which would take most of the page's time for two hundred people."""
        return [
            Table(
                _("People"),
                PEOPLE,
                lists.cells(PEOPLE, self.members),
                nothing=_("Nobody reviews yet."),
                note=_("Agreement and checks are of the last 30 days."),
            ),
            *([self._what_waits()] if self.queues else []),
        ]

    def _what_waits(self) -> Table:
        found = Table(_("What waits"), QUEUES, lists.cells(QUEUES, self.queues))
        if len(self.queues) < MOST_QUEUES:
            return found
        return replace(found, note=_("The %(count)s queues with the most pairs.") % {"count": MOST_QUEUES}, all_at=reverse("queues"))


def of_all() -> Team:
    """Everything, from what workers counted: nothing here counts the pairs."""
    today = timezone.localdate()
    whole = Figures.objects.filter(category=None).first()
    waiting = sum(whole.ages) if whole else 0
    members = _members(today, whole)
    opened = list(OpenDay.objects.filter(day__gt=today - timedelta(days=CHARTED_DAYS)).order_by("day"))
    oldest = Pair.objects.filter(in_review=True).order_by("due_since", "pk").values_list("due_since", flat=True).first()
    return Team(
        forecast=forecast([(row.day, row.pairs) for row in opened], waiting, now=timezone.now()),
        oldest_at=oldest,
        decided_today=sum(member.today for member in members),
        decided_week=sum(member.week for member in members),
        members=members,
        queues=_queues(opened),
        charts=[_backlog(opened), insights.by_person(), insights.ages(whole)],
        counted_at=whole.counted_at if whole else None,
    )


def forecast(opened: Sequence[tuple[date, int]], waiting: int, *, now: datetime) -> Forecast:
    """When the queue is empty if it goes on as in the last week. `opened`: how many pairs were open at the end of each day, in order.

    What came in and what left are both in it, and so is what answers settled besides.
    """
    today = timezone.localtime(now).date()
    earlier = [(day, pairs) for day, pairs in opened if today - timedelta(days=DAYS + 1) <= day < today]
    if not earlier:
        return Forecast(waiting, None)
    day, pairs = earlier[0]
    ended = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
    days = (now - ended) / timedelta(days=1)
    if days < 1:
        return Forecast(waiting, None)
    a_day = (pairs - waiting) / days
    if a_day <= 0 or not waiting:
        return Forecast(waiting, a_day)
    left = waiting / a_day
    return Forecast(waiting, a_day, left, today + timedelta(days=round(left)) if left < 3650 else None)


def _members(today: date, whole: Figures | None) -> list[Member]:
    """Whoever reviews or decided something in the last days, the busiest first."""
    days = DecisionDay.objects.filter(day__gt=today - timedelta(days=DAYS), actor__isnull=False, verdict__in=VERDICTS)
    sums = {"now": Sum("decisions", filter=Q(day=today)), "week": Sum("decisions"), "looked": Sum("seconds")}
    counted = {actor: (now or 0, week, looked) for actor, now, week, looked in days.values_list("actor").annotate(**sums).order_by()}
    users = User.objects.filter(Q(actor__in=counted) | Q(is_active=True, role=User.Role.REVIEWER))
    checks = {
        reviewer: (answers, right)
        for reviewer, answers, right in CheckAnswer.objects.filter(
            first=True, created_at__gte=timezone.now() - timedelta(days=CHECKED_DAYS)
        )
        .values_list("reviewer")
        .annotate(answers=Count("pk"), right=Count("pk", filter=Q(verdict=F("known__verdict"))))
        .order_by()
    }
    members = []
    for pk, name, actor in users.values_list("pk", "username", "actor"):
        now, week, seconds = counted.get(actor, (0, 0, 0.0))
        checked, right = checks.get(pk, (0, 0))
        members.append(
            Member(
                pk=pk,
                name=name,
                today=now,
                week=week,
                an_hour=3600 * week / seconds if seconds else None,
                agreement=figures.agreement_of(whole, actor) if actor else None,
                checked=checked,
                right=right,
            )
        )
    return sorted(members, key=lambda member: (-member.week, member.name))


def _queues(opened: Sequence[OpenDay]) -> list[Queue]:
    """What is open by category and pair of languages, the most first. Stages are told together."""
    queues = QueueCount.objects.values_list("category", "category__path", "languages")
    rows = queues.annotate(open=Sum("pairs"), of=Sum("cases"), late=Sum("overdue"), since=Min("oldest_at")).filter(open__gt=0)
    now = timezone.now()
    return [
        Queue(
            category=path or "",
            languages=insights.language_names(languages) if languages else "",
            pairs=pairs,
            cases=cases,
            overdue=overdue,
            oldest_at=oldest,
            forecast=forecast(_of_queue(opened, figures.queue_key(category, languages)), pairs, now=now),
        )
        for category, path, languages, pairs, cases, overdue, oldest in rows.order_by("-open", "category__path", "languages")[:MOST_QUEUES]
    ]


def _of_queue(opened: Sequence[OpenDay], key: str) -> list[tuple[date, int]]:
    return [(day.day, day.queues.get(key, 0)) for day in opened if day.queues]


def _backlog(opened: Sequence[OpenDay]) -> Chart:
    rows: list[Row] = [(row.day.isoformat(), [row.pairs]) for row in opened]
    return Chart(
        "backlog",
        _("Open pairs, day by day"),
        "stacked",
        _("Day"),
        [Column(_("Pairs"), "accent")],
        rows,
        note=_("As last counted on each day."),
    )
