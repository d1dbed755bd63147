"""Files of groups: asked for by an admin, written by a worker, fetched within a week."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from alignment import catalogue, export, groups, runs, told
from alignment.catalogue import CategoryError
from alignment.models import Actor, AuditEvent, ExportRun, Group, User

KEPT_FOR = timedelta(days=7)
MEDIA = {
    ExportRun.Format.CSV: "text/csv; charset=utf-8",
    ExportRun.Format.NDJSON: "application/x-ndjson",
    ExportRun.Format.JSON: "application/json",
}


class Cancelled(Exception):
    """Somebody cancelled the run."""


def start(run: ExportRun, *, by: User) -> ExportRun:
    """Have a worker write what was asked for."""
    run.author = by
    asked = {"run": str(run.uuid), "category": run.category, "language": run.language, "source": run.source}
    with transaction.atomic():
        runs.start(run)
        AuditEvent.objects.create(actor=Actor.of(by).uuid, action="export groups", subject=str(run), detail=asked)
    return run


def path(run: ExportRun) -> Path:
    """Where a finished export lies until it expires."""
    return Path(settings.VAR_DIR) / "exports" / f"{run.uuid}.{run.format}"


def file_name(run: ExportRun) -> str:
    """What it is called where it is saved: with the log position, so that two exports are told apart."""
    return f"groups-{run.position}.{run.format}"


def write(run_id: int) -> None:
    """Write an export's file. One that was killed begins again: what it had written was nobody's yet."""
    run = runs.take(ExportRun, run_id)
    if run is None:
        return
    final = path(run)
    part = final.with_suffix(f".{run.taken}.part")
    final.parent.mkdir(parents=True, exist_ok=True)
    for left in final.parent.glob(f"{run.uuid}*.part"):
        left.unlink(missing_ok=True)
    try:
        position, count = _write(run, part)
    except Cancelled:
        part.unlink(missing_ok=True)
    except CategoryError as error:
        runs.finish(run, error=str(error))
    except OSError as error:
        part.unlink(missing_ok=True)
        runs.finish(run, error=told.NOT_WRITTEN % {"fault": error.strerror})
    else:
        part.replace(final)
        expires = timezone.now() + KEPT_FOR
        runs.finish(run, position=position, groups_done=count, size=final.stat().st_size, expires_at=expires)
        run.refresh_from_db(fields=["status"])
        if run.status == ExportRun.Status.CANCELLED:
            final.unlink(missing_ok=True)


def _write(run: ExportRun, part: Path) -> tuple[int, int]:
    """The log position and how many groups were written. Raises Cancelled, CategoryError."""
    position = groups.position()
    found = export.groups(category=_path_now(run.category), language=run.language, source=run.source, changed_since=run.changed_since)
    done = 0

    def tell(written: int) -> None:
        nonlocal done
        done += written
        if not runs.tell(run, groups_done=done):
            raise Cancelled

    runs.tell(run, position=position, groups=found.count(), groups_done=0)
    # Excel takes a CSV for UTF-8 only where it begins with a mark.
    with part.open("w", encoding="utf-8-sig" if run.format == ExportRun.Format.CSV else "utf-8", newline="") as file:
        for text in _lines(run, found, position, tell):
            file.write(text)
    return position, done


def _path_now(asked: str) -> str:
    """Where a category is by now. Raises CategoryError where it is gone."""
    category = catalogue.get_category(asked)
    if asked and category is None:
        raise CategoryError(told.NO_CATEGORY % {"path": asked})
    return category.path if category else ""


def _lines(run: ExportRun, found: QuerySet[Group], position: int, tell: Callable[[int], None]) -> Iterator[str]:
    if run.format == ExportRun.Format.CSV:
        return export.as_csv(found, tell)
    if run.format == ExportRun.Format.NDJSON:
        return export.as_ndjson(found, tell)
    return export.as_json(found, position, tell)


def sweep() -> None:
    """Delete the files whose time is over; their runs stay, and say so."""
    for run in ExportRun.objects.filter(expires_at__lt=timezone.now())[:100]:
        path(run).unlink(missing_ok=True)
        ExportRun.objects.filter(pk=run.pk).update(expires_at=None)
        runs.note(run, runs.What.EXPIRED)
