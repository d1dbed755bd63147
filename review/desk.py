"""What an admin's first page says: what waits, what runs, what is wrong, what was done today. Bounded, in a constant number of queries."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, IntegerField, Max, Min, QuerySet, Subquery, Sum, Value
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
    CategoryChange,
    Conflict,
    Decision,
    EvaluationRun,
    ExportRun,
    ImportRun,
    Pair,
    PolicyRollout,
    Run,
    Score,
)
from review import pace
from review.bounded import COUNTED, Bounded
from review.models import DecisionDay, Figures, QueueCount
from review.navigation import address
from review.pace import UNSCORED
from review.templatetags.numbers import thousands

LOOKED_AT = 200
RECENT = timedelta(days=7)

STAGES: dict[str, Promise] = {
    Pair.Stage.FIRST: gettext_lazy("First opinion"),
    Pair.Stage.SECOND: gettext_lazy("Second opinion"),
    Pair.Stage.ADJUDICATION: gettext_lazy("Adjudication"),
    Pair.Stage.ESCALATED: gettext_lazy("Escalated"),
}


@dataclass(frozen=True)
class Kind:
    """What runs, beside scoring: its name, its page, and the fields that say how far one is; no `of` where nobody knows."""

    label: Promise
    page: str
    unfinished: QuerySet[Any]
    done: str
    of: str = ""


KINDS = (
    Kind(gettext_lazy("Imports"), "imports", runs.unfinished(ImportRun), "rows_read", "rows_total"),
    Kind(gettext_lazy("Candidates"), "candidates", runs.unfinished(CandidateRun), "skus_done", "skus"),
    Kind(gettext_lazy("Evaluations"), "evaluations", runs.unfinished(EvaluationRun), "sets_done", "sets"),
    Kind(gettext_lazy("Exports"), "group-exports", runs.unfinished(ExportRun), "groups_done", "groups"),
    Kind(gettext_lazy("Policies being applied"), "policies", PolicyRollout.objects.filter(finished_at=None), "sets_done", "sets"),
    Kind(gettext_lazy("Changes of categories"), "categories", runs.unfinished(CategoryChange), "rescored"),
)


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
    known = _known()
    unscored = _amount(known["unscored"])
    scoring = pace.scoring(workers) if unscored.number else None
    left = scoring and scoring.seconds_for(unscored.number)
    waiting, waiting_counted_at = _waiting()
    today, today_counted_at = _today()
    return Desk(
        waiting=waiting,
        waiting_counted_at=waiting_counted_at,
        running=_running(unscored),
        wrong=_wrong(known, workers=len(workers)),
        today=today,
        today_counted_at=today_counted_at,
        pace=scoring.pairs_per_second if scoring else 0.0,
        left=timedelta(seconds=left) if left else None,
        at_least=unscored.more,
        workers=len(workers),
        way=_way(known, asked=bool(waiting)),
    )


def _known() -> dict[str, Any]:
    """What there is, and how much of it: one query over many tables."""
    rows = {
        "unscored": Bounded(CandidateSet.objects.filter(UNSCORED)),
        "parked": Bounded(CandidateSet.objects.filter(status=CandidateSet.Status.PARKED)),
        "aside": Bounded(CandidateSet.objects.filter(status=CandidateSet.Status.ASIDE)),
        "conflicts": Bounded(Conflict.objects.all()),
        "listed": Exists(SKU.objects.all()),
        "sets": Exists(CandidateSet.objects.all()),
        "scores": Exists(Score.objects.all()),
        "people": Exists(Decision.objects.filter(by=Decision.By.PERSON)),
        "exports": Exists(ExportRun.objects.filter(status=Run.Status.DONE)),
        "tokens": Exists(ApiToken.objects.filter(last_used_at__isnull=False)),
    }
    return Category.objects.filter(parent=None).annotate(**rows).values(*rows).get()


def _amount(counted: int) -> Amount:
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
        amount = _amount(found["pairs"])
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
    for kind, far in _unfinished():
        # What nobody has begun does not know yet how much it has before it.
        begun = [(done, of) for done, of in far if of]
        done, of = sum(done for done, _of in begun), sum(of for _done, of in begun)
        beside = _("%(done)s of %(of)s") % {"done": thousands(done), "of": thousands(of)} if begun else ""
        lines.append(Line(str(kind.label), Amount(len(far)), _first(kind.page, "runs"), beside=beside))
    return lines


def _unfinished() -> list[tuple[Kind, list[tuple[int, int | None]]]]:
    """What waits or runs, by kind, and how far each is: one query over all kinds."""
    parts = [
        kind.unfinished.order_by()
        .annotate(place=Value(place), far=F(kind.done), whole=F(kind.of) if kind.of else Value(None, IntegerField()))
        .values_list("place", "far", "whole")
        for place, kind in enumerate(KINDS)
    ]
    found: dict[int, list[tuple[int, int | None]]] = defaultdict(list)
    for place, done, of in parts[0].union(*parts[1:], all=True):
        found[place].append((done, of))
    return [(KINDS[place], found[place]) for place in sorted(found)]


def _wrong(known: dict[str, Any], *, workers: int) -> list[Line]:
    lines = []
    unscored, failed, aside, conflicts = (_amount(known[name]) for name in ("unscored", "parked", "aside", "conflicts"))
    if unscored.number and not workers:
        lines.append(Line(_("No worker runs, so nothing is scored"), unscored, _first("scoring"), beside=_("sets wait")))
    if failed.number:
        lines.append(Line(_("Sets that failed"), failed, _first("scoring")))
    if aside.number:
        cancelled = f"{_first('runs')}?kind=scoring&status={Run.Status.CANCELLED}"
        lines.append(Line(_("Scoring was cancelled"), aside, cancelled, beside=_("sets wait until it goes on")))
    if conflicts.number:
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


def _way(known: dict[str, Any], *, asked: bool) -> list[Step]:
    """The way from a file to groups; empty once it was gone to its end. `asked`: whether pairs wait for people."""
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
    lacks = {"scoring": _("sets wait") if known["unscored"] else "", "case": _("pairs wait") if asked else ""}
    found = []
    for place, (label, help, act, page, taken) in enumerate(steps):
        beside = lacks.get(page, "") if taken else ""
        found.append(Step(label, help, act, _first(page, "groups", "catalogue"), bool(taken and not beside), place == first, beside))
    return found


def _first(*names: str) -> str:
    """The first of these pages that there is."""
    return next((found for name in names if (found := address(name))), address("home"))
