"""A file's rows into the catalogue, some at a time, so that nobody waits for them; run again, it changes nothing."""

from __future__ import annotations

import csv
import logging
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from alignment import candidate_runs, catalogue, scoring
from alignment.export import neutral
from alignment.importing import readers, rows, store
from alignment.importing.readers import BadLine, FileError, Row
from alignment.importing.rows import ColumnError, Listing
from alignment.models import SKU, CandidateRun, ImportRun, RowError, Source, User

ROWS_AT_ONCE = 100
MOST_KEPT_ERRORS = 1000
MOST_NAMED_COLUMNS = 100
STALLED_AFTER = timedelta(minutes=5)

logger = logging.getLogger(__name__)


class ImportFailed(Exception):
    """The file as a whole could not be imported; the text says why."""


def start(
    *,
    source: Source,
    upload: BinaryIO,
    file_name: str,
    mapping: Mapping[str, str],
    complete: bool,
    then_candidates: bool = False,
    author: User | None,
) -> ImportRun:
    """Keep an upload and have a worker import it, and another build candidates for what it brought, where that is wanted."""
    folder = Path(settings.MEDIA_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    name = Path(file_name).name[-255:]
    path = folder / f"{uuid.uuid4()}{Path(name).suffix.lower()[:8]}"
    with path.open("wb") as file:
        shutil.copyfileobj(upload, file)
    with transaction.atomic():
        run = ImportRun.objects.create(
            source=source,
            file_name=name,
            stored_path=str(path),
            mapping=dict(mapping),
            complete=complete,
            then_candidates=then_candidates,
            author=author,
        )
        scoring.wake(scoring.IMPORT, run.pk)
    return run


def resume(run_id: int) -> None:
    """Run a stored import, from its first row on: rows that are in already change nothing. One that another worker is at is left alone."""
    mine = Q(status=ImportRun.Status.WAITING) | Q(status=ImportRun.Status.RUNNING, seen_at__lt=timezone.now() - STALLED_AFTER)
    if not ImportRun.objects.filter(mine, pk=run_id).update(status=ImportRun.Status.RUNNING, seen_at=timezone.now()):
        return
    run = ImportRun.objects.select_related("source").get(pk=run_id)
    try:
        run_import(run=run, path=Path(run.stored_path))
    except ImportFailed as error:
        logger.warning("Import %s failed: %s", run.uuid, error)
        return
    if run.then_candidates:
        candidate_runs.start(CandidateRun(author=run.author, **candidate_runs.usual() | {"changed_only": True}))


def resume_interrupted() -> None:
    """Wake imports that wait, and those whose worker stopped telling how far it is."""
    silent = timezone.now() - STALLED_AFTER
    for run in ImportRun.objects.filter(status=ImportRun.Status.WAITING, created_at__lt=timezone.now() - timedelta(seconds=30)):
        scoring.wake(scoring.IMPORT, run.pk)
    for run in ImportRun.objects.filter(status=ImportRun.Status.RUNNING, seen_at__lt=silent).exclude(stored_path=""):
        scoring.wake(scoring.IMPORT, run.pk)


def run_import(*, run: ImportRun, path: Path, progress: Callable[[ImportRun], None] | None = None) -> list[str]:
    """Import a file; the counts are in `run`. Good rows go in; bad rows are kept as RowErrors and in a CSV beside.

    Returns the names of columns that fed nothing. Raises ImportFailed for a file of no use. Run again after whatever end, it comes to
    the same.
    """
    run.row_errors.all().delete()
    for count in ("rows_read", "created_count", "updated_count", "unchanged_count", "delisted_count", "error_count"):
        setattr(run, count, 0)
    run.status, run.error, run.seen_at, run.finished_at = ImportRun.Status.RUNNING, "", timezone.now(), None
    run.save()
    try:
        with _Errors(run) as errors:
            importer = _Importer(run, errors)
            ignored: set[str] = set()
            for chunk in _chunks(_listings(run, path, errors, ignored)):
                importer.store(chunk)
                if progress:
                    progress(run)
            if run.complete:
                importer.delist()
    except DatabaseError:
        # Not the file's fault: the run stays to be taken up again.
        raise
    except Exception as error:
        known = isinstance(error, (FileError, OSError))
        reason = str(error) if known else f"The import met a fault of its own ({type(error).__name__}); what it had read until then is in."
        run.status, run.error, run.finished_at = ImportRun.Status.FAILED, reason, timezone.now()
        run.save()
        if known:
            raise ImportFailed(reason) from error
        raise
    run.status, run.finished_at = ImportRun.Status.DONE, timezone.now()
    run.save()
    return sorted(ignored)


def upsert_inline(*, source: Source, listings: Sequence[Listing]) -> None:
    """Create or change a few listings that came with a request; of two with one external id the later counts. Raises CategoryError."""
    chosen = list({listing.external_id: listing for listing in listings}.values())
    guessed = store.guess_languages(chosen, source)
    with transaction.atomic():
        categories = {listing.category: _category_id(listing.category) for listing in chosen}
        store.upsert(source=source, listings=chosen, categories=categories, guessed=guessed)


def _category_id(path: str) -> int | None:
    category = catalogue.get_category(path, create=True)
    return category.pk if category else None


def errors_file(run: ImportRun) -> Path:
    """Where every row in error of a run is listed."""
    return Path(settings.VAR_DIR) / "imports" / f"{run.uuid}.errors.csv"


def _listings(run: ImportRun, path: Path, errors: _Errors, ignored: set[str]) -> Iterator[tuple[int, Listing]]:
    per_row = readers.names_columns_per_row(run.file_name)
    fields: dict[str, str] = {}
    product: Row = {}
    shopify = False
    lines: dict[str, int] = {}
    for line, row in readers.read(path, run.file_name):
        if isinstance(row, BadLine):
            run.rows_read += 1
            errors.add(line, ColumnError("", row.reason), "")
            continue
        if per_row or not fields:
            fields = rows.columns(list(row), run.mapping, per_row=per_row)
            shopify = not per_row and rows.SHOPIFY.issubset(row)
            if len(ignored) < MOST_NAMED_COLUMNS:
                ignored |= {name[:200] for name in rows.left_out(list(row), fields, shopify=shopify)}
        if shopify:
            if row.get("Title"):
                product = row
            completed = rows.variant(row, product)
            if completed is None:
                continue
            row = completed
        run.rows_read += 1
        external_id = rows.identify(row, fields, shopify=shopify)[:200]
        try:
            listing = rows.parse(row, fields, shopify=shopify)
        except ColumnError as error:
            errors.add(line, error, external_id)
            continue
        if external_id in lines:
            reason = f"the same external_id stands in line {lines[external_id]}; this row was left out; give it an id of its own"
            errors.add(line, ColumnError(fields["external_id"], reason, external_id), external_id)
            continue
        lines[external_id] = line
        yield line, listing
    if not run.rows_read:
        raise FileError("The file holds no rows.")


def _chunks(listings: Iterator[tuple[int, Listing]]) -> Iterator[list[tuple[int, Listing]]]:
    chunk: list[tuple[int, Listing]] = []
    for item in listings:
        chunk.append(item)
        if len(chunk) == ROWS_AT_ONCE:
            yield chunk
            chunk = []
    yield chunk


class _Errors:
    """Bad rows: the first thousand as rows of the database, all of them in a CSV file. `external_ids` are those that could be read."""

    def __init__(self, run: ImportRun) -> None:
        self.run, self.external_ids, self.unreadable = run, set[str](), 0
        self.kept: list[RowError] = []
        self.path = errors_file(run)

    def __enter__(self) -> _Errors:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = self.path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="")
        self.writer = csv.writer(self.file)
        self.writer.writerow(["line", "column", "reason", "value"])
        return self

    def add(self, line: int, error: ColumnError, external_id: str) -> None:
        self.run.error_count += 1
        if external_id:
            self.external_ids.add(external_id)
        else:
            self.unreadable += 1
        column, value = rows.clean(error.column)[:200], rows.clean(error.value)[:200]
        self.writer.writerow([line, neutral(column), neutral(error.reason), neutral(value)])
        if self.run.error_count <= MOST_KEPT_ERRORS:
            self.kept.append(RowError(run=self.run, line=line, column=column, reason=error.reason[:500], value=value))
            if len(self.kept) == ROWS_AT_ONCE:
                self.flush()

    def flush(self) -> None:
        RowError.objects.bulk_create(self.kept)
        self.kept = []

    def __exit__(self, *_exception: object) -> None:
        self.file.close()
        self.flush()
        if not self.run.error_count:
            self.path.unlink()


class _Importer:
    """Stores the listings of one run, chunk by chunk."""

    def __init__(self, run: ImportRun, errors: _Errors) -> None:
        self.run, self.errors = run, errors
        self.categories: dict[str, int | None] = {}
        self.seen: set[str] = set()

    def store(self, chunk: list[tuple[int, Listing]]) -> None:
        listings = [listing for line, listing in chunk if self._has_category(line, listing)]
        guessed = store.guess_languages(listings, self.run.source)
        with transaction.atomic():
            stored = store.upsert(source=self.run.source, listings=listings, categories=self.categories, guessed=guessed)
            self.run.created_count += stored.created
            self.run.updated_count += stored.updated
            self.run.unchanged_count += stored.unchanged
            self.run.seen_at = timezone.now()
            self.run.save()
        if self.run.complete:
            self.seen |= {listing.external_id for listing in listings}

    def _has_category(self, line: int, listing: Listing) -> bool:
        if listing.category not in self.categories:
            try:
                with transaction.atomic():
                    self.categories[listing.category] = _category_id(listing.category)
            except catalogue.CategoryError as error:
                self.errors.add(line, ColumnError("category", str(error), listing.category), listing.external_id)
                return False
        return True

    def delist(self) -> None:
        """Mark what a complete file no longer has.

        A row in error whose id can be read is not missing; one whose id cannot be read may be any SKU, so then nothing is marked.
        """
        if not self.seen:
            raise FileError("No row of the file could be imported, so nothing was delisted; mend the rows and import it again.")
        if self.errors.unreadable:
            self.run.error = (
                f"Nothing was delisted: in {self.errors.unreadable} rows the external_id cannot be read, and they may be what seems "
                "missing; mend them and import the file again."
            )
            return
        present = self.seen | self.errors.external_ids
        listed = SKU.objects.filter(source=self.run.source, delisted_at__isnull=True).order_by("pk")
        gone = [pk for pk, external_id in listed.values_list("pk", "external_id").iterator(chunk_size=5000) if external_id not in present]
        for start in range(0, len(gone), ROWS_AT_ONCE):
            self.run.delisted_count += store.delist(self.run.source, gone[start : start + ROWS_AT_ONCE])
