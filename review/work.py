"""One person's own work: what they decided, how fast, and how often they were right; for their eyes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncWeek
from django.utils import timezone
from django.utils.translation import gettext as _

from alignment.agreement import Agreement
from alignment.models import Actor, Decision, User
from review import figures
from review.insights import Chart, Column, Row, share, shares
from review.models import CheckAnswer, DecisionDay, Figures

DAYS, WEEKS = 7, 12
VERDICTS = (Decision.Verdict.ACCEPT, Decision.Verdict.REJECT, Decision.Verdict.UNSURE)
MONDAY_FORMAT = "%Y-%m-%d"


@dataclass(frozen=True)
class Day:
    """What one person decided on one day, and for how many seconds they looked."""

    day: date
    decisions: int
    seconds: float

    @property
    def an_hour(self) -> float | None:
        """Verdicts in an hour of looking; None where that was not told."""
        return 3600 * self.decisions / self.seconds if self.seconds else None


@dataclass(frozen=True)
class Work:
    """`today`: same, different and unsure. `checked`: answers to hidden checks, and how many were right."""

    today: dict[str, int]
    days: list[Day]
    agreement: Agreement
    checked: int
    right: int
    charts: list[Chart]

    @property
    def decided_today(self) -> int:
        return sum(self.today.values())

    @property
    def an_hour(self) -> float | None:
        whole = Day(self.days[-1].day, sum(day.decisions for day in self.days), sum(day.seconds for day in self.days))
        return whole.an_hour


def of(user: User, actor: Actor) -> Work:
    today = timezone.localdate()
    verdicts, now = _today(actor, today)
    days = [*_earlier(actor, today), now]
    weeks = _checks(user, today)
    together = figures.agreement_of(Figures.objects.filter(category=None).first(), actor.uuid)
    checked, right = (sum(counts) for counts in zip(*weeks.values(), strict=True)) if weeks else (0, 0)
    return Work(verdicts, days, together, checked, right, [_pace(days), _accuracy(weeks)])


def _today(actor: Actor, today: date) -> tuple[dict[str, int], Day]:
    midnight = timezone.make_aware(datetime.combine(today, time.min))
    rows = (
        Decision.objects.filter(actor=actor.uuid, created_at__gte=midnight, verdict__in=VERDICTS)
        .values_list("verdict")
        .annotate(decisions=Count("pk"), looked=Sum("seconds"))
        .order_by()
    )
    counts, seconds = dict.fromkeys(map(str, VERDICTS), 0), 0.0
    for verdict, decisions, looked in rows:
        counts[verdict] = decisions
        seconds += looked or 0.0
    return counts, Day(today, sum(counts.values()), seconds)


def _earlier(actor: Actor, today: date) -> list[Day]:
    """The days before, as they were counted when they ended."""
    first = today - timedelta(days=DAYS - 1)
    found: dict[date, list[float]] = defaultdict(lambda: [0, 0.0])
    for row in DecisionDay.objects.filter(actor=actor.uuid, day__gte=first, day__lt=today, verdict__in=VERDICTS):
        found[row.day][0] += row.decisions
        found[row.day][1] += row.seconds
    days = [first + timedelta(days=ahead) for ahead in range(DAYS - 1)]
    return [Day(day, int(found[day][0]), found[day][1]) for day in days]


def _checks(user: User, today: date) -> dict[date, tuple[int, int]]:
    """By week: answers to hidden checks, and how many of them were right."""
    since = timezone.make_aware(datetime.combine(today - timedelta(weeks=WEEKS), time.min))
    rows = (
        CheckAnswer.objects.filter(reviewer=user, first=True, created_at__gte=since)
        .annotate(week=TruncWeek("created_at"))
        .values_list("week")
        .annotate(answers=Count("pk"), right=Count("pk", filter=Q(verdict=F("known__verdict"))))
        .order_by("week")
    )
    return {timezone.localtime(week).date(): (answers, right) for week, answers, right in rows}


def _pace(days: Sequence[Day]) -> Chart:
    rows: list[Row] = [(day.day.isoformat(), [round(day.an_hour) if day.an_hour else 0, day.decisions]) for day in days]
    columns = [Column(_("Verdicts an hour"), "accent"), Column(_("Decided"), drawn=False)]
    note = _("Verdicts in an hour of looking at pairs, over the last seven days.")
    return Chart("pace", _("Pace, day by day"), "stacked", _("Day"), columns, rows, note=note)


def _accuracy(weeks: dict[date, tuple[int, int]]) -> Chart:
    rows = [share(week.strftime(MONDAY_FORMAT), (right, answers - right, 0)) for week, (answers, right) in weeks.items()]
    note = _("Pairs whose answer is known are mixed in unmarked. With 95 % intervals; weeks begin on Monday.")
    drawn = shares("checks", _("Right in hidden checks, week by week"), _("Week"), rows, note, kind="interval")
    names = (_("Share that was right"), _("Lower bound"), _("Upper bound"), _("Right"), _("Wrong"))
    columns = [Column(name, column.colour, column.unit, column.drawn) for name, column in zip(names, drawn.columns, strict=False)]
    cut = [(label, values[: len(columns)]) for label, values in drawn.rows]
    return Chart(drawn.name, drawn.title, drawn.kind, drawn.heading, columns, cut, note=drawn.note)
