"""Runs of every kind as one list, newest first: each kind tells its name, how far it is, and where its page is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alignment.models import Actor, CandidateRun, CategoryChange, EvaluationRun, ExportRun, ImportRun, PolicyRollout, Run
from review.pace import Pace, pace

ROWS_A_PAGE = 50
COUNTED = 10_000
ROLLOUT = "rollout"
Status = Run.Status


@dataclass(frozen=True)
class Kind:
    """How one kind of run is told: `done` of `of` is how far it is, `of` is "" where nobody knows."""

    title: Promise
    model: type[Run]
    name: Callable[[Any], str]
    detail: Callable[[Any], str]
    done: str
    of: str
    page: str = "run"
    related: tuple[str, ...] = ("author",)
    cancels: bool = True


def _candidates_for(run: CandidateRun) -> str:
    if run.source:
        return run.source.name
    return _("new and changed SKUs") if run.changed_only else _("all SKUs")


def _export_of(run: ExportRun) -> str:
    return " · ".join(filter(None, (run.category, run.language, run.source))) or _("all groups")


KINDS: dict[str, Kind] = {
    "import": Kind(
        gettext_lazy("Import"),
        ImportRun,
        lambda run: run.file_name,
        lambda run: run.source.name,
        "rows_read",
        "rows_total",
        "import",
        ("author", "source"),
    ),
    "candidates": Kind(
        gettext_lazy("Candidates"), CandidateRun, _candidates_for, lambda run: "", "skus_done", "skus", related=("author", "source")
    ),
    "evaluation": Kind(gettext_lazy("Evaluation"), EvaluationRun, lambda run: run.name, lambda run: "", "sets_done", "sets", "evaluation"),
    "export": Kind(gettext_lazy("Export"), ExportRun, lambda run: run.format.upper(), _export_of, "groups_done", "groups"),
    "categories": Kind(
        gettext_lazy("Change of categories"), CategoryChange, str, lambda run: run.get_kind_display(), "rescored", "", cancels=False
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

    @property
    def unfinished(self) -> bool:
        return self.status in (Status.WAITING, Status.RUNNING)


@dataclass(frozen=True)
class Page:
    rows: list[Row]
    count: int
    more: bool
    after: str


def page(*, kind: str = "", status: str = "", after: str = "") -> Page:
    """The runs of a kind and in a status, from a cursor on; what is not known is as if it were not asked."""
    names = [kind] if kind in TITLES else list(TITLES)
    status = status if status in Status.values else ""
    cut = parse_datetime(after) if after[:1].isdigit() else None
    if cut is not None and timezone.is_naive(cut):
        cut = timezone.make_aware(cut)
    sources = [_rollouts(status) if name == ROLLOUT else _runs(KINDS[name], status) for name in names]
    rows: list[Row] = []
    for name, source in zip(names, sources, strict=True):
        older = source.filter(at__lt=cut) if cut else source
        found = list(older.order_by("-at", "-pk")[: ROWS_A_PAGE + 1])
        rows += _told_rollouts(found) if name == ROLLOUT else [tell(run) for run in found]
    rows.sort(key=lambda row: row.at, reverse=True)
    ids = [source.order_by().values("pk")[: COUNTED + 1] for source in sources[:1]] if len(sources) == 1 else _ids(sources)
    count = ids[0].count() if len(ids) == 1 else ids[0].union(*ids[1:], all=True).count()
    # All of one moment stand on one page, since the next begins before it.
    last = rows[ROWS_A_PAGE - 1].at if len(rows) > ROWS_A_PAGE else None
    shown = [row for row in rows if last is None or row.at >= last]
    return Page(shown, min(count, COUNTED), count > COUNTED, last.isoformat() if last and len(shown) < len(rows) else "")


def _ids(sources: Sequence[QuerySet[Any]]) -> list[QuerySet[Any, Any]]:
    return [source.order_by().values("pk") for source in sources]


def _runs(kind: Kind, status: str) -> QuerySet[Any]:
    found = kind.model._default_manager.select_related(*kind.related).annotate(at=F("created_at"))
    return found.filter(status=status) if status else found


def _rollouts(status: str) -> QuerySet[Any]:
    meant = {Status.DONE: Q(finished_at__isnull=False), Status.RUNNING: Q(finished_at__isnull=True)}
    found = PolicyRollout.objects.select_related("policy__category").annotate(at=F("policy__created_at"))
    if not status:
        return found
    return found.filter(meant[Status(status)]) if status in meant else found.none()


def kind_of(run: Run) -> Kind:
    return next(kind for kind in KINDS.values() if kind.model is type(run))


def tell(run: Run) -> Row:
    """One run in the words of its kind."""
    kind = kind_of(run)
    of = getattr(run, kind.of) if kind.of else None
    return Row(
        kind.title,
        kind.name(run),
        kind.detail(run),
        reverse(kind.page, args=[run.uuid]),
        run.status,
        run.get_status_display(),
        run.error,
        run.created_at,
        run.author.get_username() if run.author else "",
        pace(run, done=getattr(run, kind.done), of=of or None),
        run,
        kind.cancels,
    )


def _told_rollouts(found: Sequence[PolicyRollout]) -> list[Row]:
    authors = {rollout.policy.author for rollout in found if rollout.policy.author}
    actors = Actor.objects.select_related("user").in_bulk(authors) if authors else {}
    rows = []
    for rollout in found:
        policy = rollout.policy
        status = Status.DONE if rollout.finished_at else Status.RUNNING
        done = rollout.rerouted + rollout.rescored
        rows.append(
            Row(
                TITLES[ROLLOUT],
                policy.category.path or _("All categories"),
                _("version %(number)s") % {"number": policy.number},
                reverse("policy", args=[policy.category_id]),
                status,
                str(status.label),
                "",
                policy.created_at,
                str(actors[policy.author]) if policy.author in actors else "",
                Pace(done, None, None, None, None),
                None,
                False,
            )
        )
    return rows
