"""The team's work as admins see it: what waits, who decides how much, and when the queue will be empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count, F, Min, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from alignment.agreement import Agreement
from alignment.models import Decision, Pair, User
from review import figures, insights
from review.insights import Chart, Column, Row
from review.models import CheckAnswer, DecisionDay, Figures, OpenDay, QueueCount

DAYS, CHECKED_DAYS = 7, 30
CHARTED_DAYS = 30
MOST_QUEUES = 20
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


@dataclass(frozen=True)
class Queue:
    category: str
    languages: str
    pairs: int
    cases: int
    overdue: int
    oldest_at: datetime | None
    forecast: Forecast


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
