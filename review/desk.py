"""What an admin's first page says: what waits, what runs, what is wrong, what was done today. Bounded, in a constant number of queries."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Max, Min, QuerySet, Subquery, Sum, Value
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alignment import runs, scoring_workers
from alignment.models import (
    SKU,
    ApiToken,
    CandidateRun,
    CandidateSet,
    Category,
    Conflict,
    Decision,
    EvaluationRun,
    ExportRun,
    ImportRun,
    Pair,
    Run,
    Score,
)
from review import pace
from review.models import DecisionDay, Figures, QueueCount
from review.navigation import address
from review.pace import UNSCORED

COUNTED = 10_000
LOOKED_AT = 200
RECENT = timedelta(days=7)

STAGES: dict[str, Promise] = {
    Pair.Stage.FIRST: gettext_lazy("First opinion"),
    Pair.Stage.SECOND: gettext_lazy("Second opinion"),
    Pair.Stage.ADJUDICATION: gettext_lazy("Adjudication"),
    Pair.Stage.ESCALATED: gettext_lazy("Escalated"),
}
KINDS: dict[type[Run], tuple[Promise, str]] = {
    ImportRun: (gettext_lazy("Imports"), "imports"),
    CandidateRun: (gettext_lazy("Candidates"), "candidates"),
    EvaluationRun: (gettext_lazy("Evaluations"), "evaluations"),
    ExportRun: (gettext_lazy("Exports"), "group-exports"),
}


@dataclass(frozen=True)
class Amount:
    """How many, exact up to a bound."""

    number: int
    more: bool = False


@dataclass(frozen=True)
class Line:
    """One thing that is so: what, how many, where to go about it, and a word beside."""

    label: str
    amount: Amount
    href: str
    oldest: datetime | None = None
    beside: str = ""


@dataclass(frozen=True)
class Step:
    """One step of the way from a file to groups. `now` is the first that nobody took yet; `beside` says what one that was taken lacks."""

    label: str
    help: str
    act: str
    href: str
    done: bool
    now: bool = False
    beside: str = ""


@dataclass(frozen=True)
class Desk:
    waiting: list[Line]
    waiting_counted_at: datetime | None
    running: list[Line]
    wrong: list[Line]
    today: list[Line]
    today_counted_at: datetime | None
    pace: float
    left: timedelta | None
    at_least: bool
    workers: int
    way: list[Step]

    @property
    def busy(self) -> bool:
        return bool(self.running)


def see() -> Desk:
    workers = scoring_workers.alive()
    unscored = bounded(CandidateSet.objects.filter(UNSCORED))
    scoring = pace.scoring(workers) if unscored.number else None
    left = scoring and scoring.seconds_for(unscored.number)
    waiting, waiting_counted_at = _waiting()
    today, today_counted_at = _today()
    return Desk(
        waiting=waiting,
        waiting_counted_at=waiting_counted_at,
        running=_running(unscored),
        wrong=_wrong(unscored, workers=len(workers)),
        today=today,
        today_counted_at=today_counted_at,
        pace=scoring.pairs_per_second if scoring else 0.0,
        left=timedelta(seconds=left) if left else None,
        at_least=unscored.more,
        workers=len(workers),
        way=_way(sets_wait=bool(unscored.number)),
    )


def bounded(rows: QuerySet[Any]) -> Amount:
    counted = rows.order_by()[: COUNTED + 1].count()
    return Amount(min(counted, COUNTED), counted > COUNTED)


def _waiting() -> tuple[list[Line], datetime | None]:
    """By stage, as the queues were last counted, and when that was; counted here and now where they never were."""
    counted = list(
        QueueCount.objects.values("stage")
        .annotate(pairs=Sum("pairs"), overdue=Sum("overdue"), oldest=Min("oldest_at"), at=Max("counted_at"))
        .order_by()
    )
    if not counted:
        first = Pair.objects.filter(in_review=True).order_by("due_since", "id").values("due_since")[: COUNTED + 1]
        found = first.aggregate(pairs=Count("*"), oldest=Min("due_since"))
        amount = Amount(min(found["pairs"], COUNTED), found["pairs"] > COUNTED)
        return [Line(_("Pairs to review"), amount, _first("queues", "case"), found["oldest"])] if amount.number else [], None
    places = {Pair.Stage.ADJUDICATION: _first("adjudication", "escalated"), Pair.Stage.ESCALATED: _first("escalated")}
    by_stage = {row["stage"]: row for row in counted}
    lines = [
        Line(
            str(label),
            Amount(row["pairs"]),
            places.get(Pair.Stage(stage), _first("queues", "case")),
            row["oldest"],
            _("%(pairs)s overdue") % {"pairs": row["overdue"]} if row["overdue"] else "",
        )
        for stage, label in STAGES.items()
        if (row := by_stage.get(stage)) and row["pairs"]
    ]
    return lines, max(row["at"] for row in counted)


def _running(unscored: Amount) -> list[Line]:
    lines = [Line(_("Sets to score"), unscored, _first("scoring"))] if unscored.number else []
    for kind, found in _unfinished().items():
        label, page = KINDS[kind]
        lines.append(Line(str(label), Amount(found), _first(page, "runs")))
    return lines


def _unfinished() -> dict[type[Run], int]:
    """How many runs of each kind wait or run: one query over all kinds."""
    kinds = list(KINDS)
    parts = [
        kind._default_manager.filter(runs.UNFINISHED).order_by().annotate(kind=Value(place)).values_list("kind", "pk")
        for place, kind in enumerate(kinds)
    ]
    counted = Counter(place for place, _pk in parts[0].union(*parts[1:], all=True))
    return {kinds[place]: counted[place] for place in sorted(counted)}


def _wrong(unscored: Amount, *, workers: int) -> list[Line]:
    lines = []
    if unscored.number and not workers:
        lines.append(Line(_("No worker runs, so nothing is scored"), unscored, _first("scoring"), beside=_("sets wait")))
    if (failed := bounded(CandidateSet.objects.filter(status=CandidateSet.Status.PARKED))).number:
        lines.append(Line(_("Sets that failed"), failed, _first("scoring")))
    if (aside := bounded(CandidateSet.objects.filter(status=CandidateSet.Status.ASIDE))).number:
        cancelled = f"{_first('runs')}?kind=scoring&status={Run.Status.CANCELLED}"
        lines.append(Line(_("Scoring was cancelled"), aside, cancelled, beside=_("sets wait until it goes on")))
    if (conflicts := bounded(Conflict.objects.all())).number:
        lines.append(Line(_("Conflicts"), conflicts, _first("conflicts")))
    imports = ImportRun.objects.filter(created_at__gte=timezone.now() - RECENT).order_by("-pk")[:LOOKED_AT]
    rejected = broken = 0
    for status, errors in imports.values_list("status", "error_count"):
        rejected += errors
        broken += status == Run.Status.FAILED
    if rejected:
        lines.append(Line(_("Rows that an import refused"), Amount(rejected), _first("imports"), beside=_("in the last 7 days")))
    if broken:
        lines.append(Line(_("Imports that failed"), Amount(broken), _first("imports"), beside=_("in the last 7 days")))
    return lines


def _today() -> tuple[list[Line], datetime | None]:
    """What people and policies decided today, as last counted, and when that was."""
    verdicts = {
        Decision.Verdict.ACCEPT: _("Same"),
        Decision.Verdict.REJECT: _("Different"),
        Decision.Verdict.UNSURE: _("Unsure"),
        Decision.Verdict.WITHDRAW: _("Taken back"),
    }
    persons: Counter[str] = Counter()
    by_policy, actors = 0, set()
    counted = Figures.objects.filter(category=None).values("counted_at")
    days = DecisionDay.objects.filter(day=timezone.localdate()).annotate(at=Subquery(counted))
    rows = list(days.values_list("actor", "verdict", "decisions", "at"))
    for actor, verdict, decisions, _at in rows:
        if actor is None:
            by_policy += decisions if verdict == Decision.Verdict.ACCEPT else 0
        else:
            persons[verdict] += decisions
            actors.add(actor)
    href = _first("team", "insights")
    lines = [Line(str(label), Amount(persons[verdict]), href) for verdict, label in verdicts.items() if persons[verdict]]
    if by_policy:
        lines.append(Line(_("Accepted by policies"), Amount(by_policy), _first("groups", "insights")))
    if actors:
        lines.append(Line(_("People at work"), Amount(len(actors)), href))
    return lines, rows[0][3] if rows else None


def _way(*, sets_wait: bool) -> list[Step]:
    """The way from a file to groups; empty once it was gone to its end."""
    known = (
        Category.objects.filter(parent=None)
        .annotate(
            listed=Exists(SKU.objects.all()),
            sets=Exists(CandidateSet.objects.all()),
            scores=Exists(Score.objects.all()),
            people=Exists(Decision.objects.filter(by=Decision.By.PERSON)),
            exports=Exists(ExportRun.objects.filter(status=Run.Status.DONE)),
            tokens=Exists(ApiToken.objects.filter(last_used_at__isnull=False)),
        )
        .values("listed", "sets", "scores", "people", "exports", "tokens")
        .get()
    )
    steps = [
        (
            _("Import"),
            _("A catalogue file of each shop: its titles, languages and attributes."),
            _("Import a file"),
            "imports",
            known["listed"],
        ),
        (
            _("Build candidates"),
            _("Words and meaning propose what may be the same product."),
            _("Propose candidates"),
            "candidates",
            known["sets"],
        ),
        (
            _("Scoring"),
            _("The model says how likely each proposal is the same product."),
            _("Watch the scoring"),
            "scoring",
            known["scores"],
        ),
        (_("Review"), _("People decide what is borderline."), _("Open the first case"), "case", known["people"]),
        (
            _("Export"),
            _("Groups leave as a file, or over REST."),
            _("Export the groups"),
            "group-exports",
            known["exports"] or known["tokens"],
        ),
    ]
    first = next((place for place, (*_rest, taken) in enumerate(steps) if not taken), None)
    if first is None:
        return []
    found = []
    for place, (label, help, act, page, taken) in enumerate(steps):
        beside = _("sets wait") if page == "scoring" and taken and sets_wait else ""
        found.append(Step(label, help, act, _first(page, "groups", "catalogue"), bool(taken and not beside), place == first, beside))
    return found


def _first(*names: str) -> str:
    """The first of these pages that there is."""
    return next((found for name in names if (found := address(name))), address("home"))
