"""Runs of every kind as one list, newest first: each kind tells its name, how far it is, and where its page is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import DateTimeField, F, Field, Model, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import JSONObject
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from alignment import told
from alignment.models import Actor, CandidateRun, CategoryChange, EvaluationRun, ExportRun, ImportRun, PolicyRollout, Run, ScoringRun, User
from review import lists
from review.lists import Column, Filter, Sort
from review.pace import Pace, Scoring, pace, pace_of_scoring, scoring
from review.templatetags.numbers import thousands

OF_EVERY_RUN = ("uuid", "status", "error", "author__pk", "author__username")
OF_ROLLOUTS = (
    *("sets", "sets_done", "rerouted", "rescored"),
    *(f"policy__{name}" for name in ("pk", "number", "author", "category__pk", "category__path")),
)
ROLLOUT = "rollout"
SYSTEM = "system"
MOST_PEOPLE = 500
Status = Run.Status


@dataclass(frozen=True)
class Kind:
    """How one kind of run is told: `done` of `of` is how far it is, `of` is "" where nobody knows; `says` are the fields that tell it,
    beside those of every run."""

    title: Promise
    model: type[Run]
    name: Callable[[Any], str]
    detail: Callable[[Any], str]
    done: str
    of: str
    says: tuple[str, ...]
    page: str = "run"
    cancels: bool = True
    again: Promise = gettext_lazy("Start it again")
    error: Callable[[Any], str] = lambda run: told.tell(run.error)

    @property
    def related(self) -> list[str]:
        return ["author", *sorted({field.rpartition("__")[0] for field in self.says if "__" in field})]


def candidates_for(run: CandidateRun) -> str:
    if run.source:
        return run.source.name
    return _("new and changed SKUs") if run.changed_only else _("all SKUs")


def _scoring_for(run: ScoringRun) -> str:
    if run.candidates:
        return candidates_for(run.candidates)
    return run.token.name if run.token else ""


def _without_score(run: ScoringRun) -> str:
    failed, left = run.sets_failed, run.sets_left if run.status == Status.CANCELLED else 0
    said = [ngettext("%(count)s set failed", "%(count)s sets failed", failed) % {"count": thousands(failed)}] if failed else []
    said += [ngettext("%(count)s set not scored", "%(count)s sets not scored", left) % {"count": thousands(left)}] if left else []
    return " · ".join(said)


def export_of(run: ExportRun) -> str:
    return " · ".join(filter(None, (run.category, run.language, run.source))) or _("all groups")


KINDS: dict[str, Kind] = {
    "import": Kind(
        gettext_lazy("Import"),
        ImportRun,
        lambda run: run.file_name,
        lambda run: run.source.name,
        "rows_read",
        "rows_total",
        ("file_name", "stored_path", "rows_read", "rows_total", "source__pk", "source__name"),
        "import",
    ),
    "candidates": Kind(
        gettext_lazy("Candidates"),
        CandidateRun,
        candidates_for,
        lambda run: "",
        "skus_done",
        "skus",
        ("changed_only", "skus_done", "skus", "source__pk", "source__name"),
    ),
    "evaluation": Kind(
        gettext_lazy("Evaluation"),
        EvaluationRun,
        lambda run: run.name,
        lambda run: "",
        "sets_done",
        "sets",
        ("name", "stored_path", "sets_done", "sets"),
        "evaluation",
    ),
    "export": Kind(
        gettext_lazy("Export"),
        ExportRun,
        lambda run: run.format.upper(),
        export_of,
        "groups_done",
        "groups",
        ("format", "category", "language", "source", "groups_done", "groups"),
    ),
    "scoring": Kind(
        gettext_lazy("Scoring"),
        ScoringRun,
        lambda run: run.get_kind_display(),
        _scoring_for,
        "sets_done",
        "sets",
        (
            *("kind", "sets_done", "sets", "sets_failed", "token__pk", "token__name"),
            *(f"candidates__{name}" for name in ("pk", "changed_only", "source__pk", "source__name")),
        ),
        again=gettext_lazy("Score the rest"),
        error=_without_score,
    ),
    "categories": Kind(
        gettext_lazy("Change of categories"),
        CategoryChange,
        str,
        lambda run: run.get_kind_display(),
        "rescored",
        "",
        ("kind", "before", "after", "rescored"),
        cancels=False,
    ),
}
TITLES: dict[str, Promise] = {name: kind.title for name, kind in KINDS.items()} | {ROLLOUT: gettext_lazy("Policy rollout")}


@dataclass(frozen=True)
class Row:
    """One run as the list shows it. `run` is None for a rollout, which has no cancel and no log."""

    title: Promise
    name: str
    detail: str
    href: str
    status: str
    status_title: str
    error: str
    at: datetime
    who: str
    pace: Pace
    run: Run | None
    cancels: bool
    again: Promise | str = ""

    @property
    def unfinished(self) -> bool:
        return self.status in (Status.WAITING, Status.RUNNING)

    @property
    def goes_on(self) -> bool:
        """Whether starting it again would do anything: its file is there, where it has one, and something is left to score."""
        if self.run is None or self.status not in (Status.FAILED, Status.CANCELLED):
            return False
        if isinstance(self.run, ScoringRun):
            return self.run.sets_left > 0
        return bool(self.run.stored_path) if isinstance(self.run, ImportRun | EvaluationRun) else True


def kind_of(run: Run) -> Kind:
    return next(kind for kind in KINDS.values() if kind.model is type(run))


def get(uuid: UUID | str) -> Run | None:
    """The run of whatever kind that has this uuid, with what tells its name, in two queries."""
    parts = [
        kind.model._default_manager.filter(uuid=uuid).order_by().annotate(of_kind=Value(name)).values_list("of_kind", "pk")
        for name, kind in KINDS.items()
    ]
    for name, pk in parts[0].union(*parts[1:], all=True):
        kind = KINDS[name]
        return kind.model._default_manager.select_related(*kind.related).filter(pk=pk).first()
    return None


def find(uuids: Collection[UUID]) -> dict[str, Run]:
    """Runs of every kind by their uuids, with what tells their names, in one query."""
    if not uuids:
        return {}
    parts = [rows.filter(uuid__in=uuids).order_by().annotate(of_source=Value(place)) for place, rows in enumerate(_of_kinds())]
    return {str(run.uuid): run for run in map(_run, parts[0].union(*parts[1:], all=True))}


def name(run: Run) -> str:
    """What a run is, in a line."""
    kind = kind_of(run)
    return " · ".join(filter(None, (f"{kind.title}{_(': ')}{kind.name(run)}", kind.detail(run))))


def tell(run: Run, *, now: Scoring | None = None) -> Row:
    """One run in the words of its kind. `now` is the pace of scoring, where it is known already."""
    kind = kind_of(run)
    of = getattr(run, kind.of) if kind.of else None
    if isinstance(run, ScoringRun) and run.unfinished:
        how_far = pace_of_scoring(run, now or scoring())
    else:
        how_far = pace(run, done=getattr(run, kind.done), of=of or None)
    return Row(
        kind.title,
        kind.name(run),
        kind.detail(run),
        reverse(kind.page, args=[run.uuid]),
        run.status,
        run.get_status_display(),
        kind.error(run),
        run.created_at,
        run.author.get_username() if run.author else "",
        how_far,
        run,
        kind.cancels,
        kind.again,
    )


def _tell_rollout(rollout: Any) -> Row:
    policy = rollout.policy
    author = rollout.author_name or _("someone who left")
    status = Status.DONE if rollout.finished_at else Status.RUNNING if rollout.begun else Status.WAITING
    done = rollout.sets_done if rollout.begun else rollout.rerouted + rollout.rescored
    share = min(100, rollout.sets_done * 100 // rollout.sets) if rollout.sets else None
    return Row(
        TITLES[ROLLOUT],
        policy.category.path or _("All categories"),
        _("version %(number)s") % {"number": policy.number},
        reverse("policy", args=[policy.category_id]),
        status,
        str(status.label),
        "",
        rollout.created_at,
        author if policy.author else "",
        Pace(done, rollout.sets, None, share, None),
        None,
        False,
    )


def _of_kind(rows: QuerySet[Any], kind: str) -> QuerySet[Any]:
    model = KINDS[kind].model if kind in KINDS else PolicyRollout if kind == ROLLOUT else None
    return rows if rows.model is model else rows.none()


def _in_status(rows: QuerySet[Any], status: str) -> QuerySet[Any]:
    if rows.model is not PolicyRollout:
        return rows.filter(status=status)
    # A rollout has no status of its own: it is done, or it runs, or no worker has begun it.
    if status == Status.DONE:
        return rows.filter(finished_at__isnull=False)
    if status in (Status.WAITING, Status.RUNNING):
        return rows.filter(finished_at__isnull=True, sets__isnull=status == Status.WAITING)
    return rows.none()


def _by(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        return rows.filter(**{_author(rows): None}) if value == SYSTEM else rows.none()
    if rows.model is PolicyRollout:
        return rows.filter(policy__author__in=Actor.objects.filter(user=int(value)).values("pk"))
    return rows.filter(author=int(value))


def _author(rows: QuerySet[Any]) -> str:
    return "policy__author" if rows.model is PolicyRollout else "author"


def _people() -> list[tuple[str, Any]]:
    named = User.objects.order_by("username").values_list("pk", "username")[:MOST_PEOPLE]
    return [*((str(pk), name) for pk, name in named), (SYSTEM, gettext_lazy("the system"))]


def complete(rows: list[Any]) -> None:
    """Each row as the run that it tells of, which says itself as `told`."""
    found = [_run(row) for row in rows]
    now = scoring() if any(isinstance(run, ScoringRun) and run.unfinished for run in found) else None
    for run in found:
        run.told = tell(run, now=now) if isinstance(run, Run) else _tell_rollout(run)
    rows[:] = found


def sources() -> list[QuerySet[Any]]:
    """Runs of each kind as rows with the same names, so that one query reads them all."""
    author = Actor.objects.filter(uuid=OuterRef("policy__author")).values("user__username")
    return [*_of_kinds(), _rows(PolicyRollout.objects.all(), Value(None, DateTimeField()), *OF_ROLLOUTS, author_name=Subquery(author))]


def _of_kinds() -> list[QuerySet[Any]]:
    return [_rows(kind.model._default_manager.all(), F("started_at"), *OF_EVERY_RUN, *kind.says) for kind in KINDS.values()]


def _rows(rows: QuerySet[Any], started: F | Value, *fields: str, **more: Subquery) -> QuerySet[Any]:
    said = JSONObject(**{name: F(name) for name in fields}, **more)
    return rows.annotate(started=started, said=said).values("pk", "created_at", "finished_at", "started", "said")


def _run(row: Mapping[str, Any]) -> Any:
    """The run, or the rollout, that a row tells of."""
    kind, said = [*KINDS.values(), None][row["of_source"]], dict(row["said"])
    name = said.pop("author_name", None)
    run: Any = _made(kind.model if kind else PolicyRollout, said)
    run.pk, run.created_at, run.finished_at = row["pk"], row["created_at"], row["finished_at"]
    if kind:
        run.started_at = row["started"]
    else:
        run.author_name = name
    return run


def _made(model: type[Model], said: Mapping[str, Any]) -> Model:
    """A row with these of its fields, as JSON has them, and the rows that it refers to: {"name": …, "source__pk": …, "source__name": …}."""
    own: dict[str, Any] = {}
    others: dict[str, dict[str, Any]] = defaultdict(dict)
    for path, value in said.items():
        name, _sep, rest = path.partition("__")
        if rest:
            others[name][rest] = value
        else:
            field: Any = model._meta.pk if name == "pk" else model._meta.get_field(name)
            own[name] = field.to_python(value)
    for name, of_other in others.items():
        field = model._meta.get_field(name)
        assert isinstance(field, Field) and field.related_model and field.related_model != "self"
        own[name] = _made(field.related_model, of_other) if of_other["pk"] is not None else None
    return model(**own)


OF_RUNS = [
    Filter("status", gettext_lazy("State"), _in_status, choices=lambda: list(Status.choices)),
    Filter("who", gettext_lazy("Started by"), _by, choices=_people),
    Filter("from", gettext_lazy("From"), lists.from_day("created_at"), kind="date"),
    Filter("to", gettext_lazy("To"), lists.to_day("created_at"), kind="date"),
]
NEWEST = Sort("newest", gettext_lazy("Newest"), "created_at")
STARTED_BY = Column("by", gettext_lazy("Started by"), lambda run: run.author.get_username() if run.author else "")
WHEN = Column("asked", gettext_lazy("When"), lambda run: run.created_at, sort="newest")
# Of a run without a name.
WHEN_LINKED = replace(WHEN, link=lambda run: reverse("run", args=[run.uuid]), names_row=True)

RUNS = lists.List(
    name="runs",
    columns=[
        Column("kind", gettext_lazy("Kind"), lambda row: str(row.told.title)),
        Column("name", gettext_lazy("Run"), lambda row: row.told.name, names_row=True),
        Column("detail", gettext_lazy("Detail"), lambda row: row.told.detail),
        Column("status", gettext_lazy("State"), lambda row: row.told.status, shown=lambda row: row.told.status_title),
        Column("error", gettext_lazy("Error"), lambda row: row.told.error),
        Column("done", gettext_lazy("Done"), lambda row: row.told.pace.done),
        Column("of", gettext_lazy("Of"), lambda row: row.told.pace.of),
        Column("per_second", gettext_lazy("Speed"), lambda row: row.told.pace.per_second and round(row.told.pace.per_second, 1)),
        Column("by", gettext_lazy("Started by"), lambda row: row.told.who),
        Column("asked", gettext_lazy("When"), lambda row: row.created_at, sort="newest"),
        Column("finished", gettext_lazy("Finished"), lambda row: row.finished_at),
    ],
    sorts=[NEWEST],
    first="-newest",
    filters=[Filter("kind", gettext_lazy("Kind"), _of_kind, choices=lambda: list(TITLES.items())), *OF_RUNS],
    complete=complete,
    together=True,
)
