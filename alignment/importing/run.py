"""A file's rows into the catalogue, some at a time, so that nobody waits for them; a killed or cancelled run goes on where it stopped."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from alignment import candidate_runs, catalogue, kept_files, runs
from alignment.export import neutral
from alignment.importing import rows, store
from alignment.importing.readers import FileError
from alignment.importing.reading import Reading, ReadRow
from alignment.importing.rows import ColumnError, Listing
from alignment.models import SKU, CandidateRun, ImportRun, RowError, Source, User

ROWS_AT_ONCE = 100
MOST_KEPT_ERRORS = 1000
STORED = ("created_count", "updated_count", "unchanged_count", "chunks_stored")

logger = logging.getLogger(__name__)


class ImportFailed(Exception):
    """The file as a whole could not be imported; the text says why."""


class Cancelled(Exception):
    """Somebody cancelled the run, or another worker took it."""


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
    path, name = kept_files.keep(upload, file_name)
    return runs.start(
        ImportRun(
            source=source,
            file_name=name,
            stored_path=str(path),
            mapping=dict(mapping),
            complete=complete,
            then_candidates=then_candidates,
            author=author,
        )
    )


def resume(run_id: int) -> None:
    """Run a stored import, or go on with one that was killed or cancelled. One that another worker is at is left alone."""
    run = runs.take(ImportRun, run_id)
    if run is None:
        return
    if not run.stored_path:
        if runs.events(run).filter(what=runs.What.EXPIRED).exists():
            reason = _why(FileNotFoundError())
        else:
            reason = _("The command that imported it ended before the file did. Run it again: what is stored changes nothing.")
        runs.finish(run, error=reason)
        return
    try:
        run_import(run=run, path=Path(run.stored_path))
    except ImportFailed as error:
        logger.warning("Import %s failed: %s", run.uuid, error)


def run_import(*, run: ImportRun, path: Path, progress: Callable[[ImportRun], None] | None = None) -> list[str]:
    """Import a file; the counts are in `run`. Good rows go in; bad rows are kept as RowErrors and in a CSV beside.

    Returns the names of columns that fed nothing. Raises ImportFailed for a file of no use. A run that stopped before goes on after
    the last chunk that it stored: what stands before is read again, and not stored again.
    """
    if run.status == ImportRun.Status.WAITING:
        if runs.take(ImportRun, run.pk) is None:
            raise ImportFailed(_("Another worker is at this file already."))
        run.refresh_from_db()
    run.row_errors.all().delete()
    run.rows_read = run.error_count = run.delisted_count = 0
    reading = Reading(path, run, remembered=run.source.mapping)
    warning = ""
    try:
        with translation.override(run.told_in or settings.LANGUAGE_CODE), _Errors(run) as errors:
            importer = _Importer(run, errors)
            for chunk in _chunks(importer.listings(reading)):
                importer.store(chunk)
                if progress:
                    progress(run)
            if run.complete:
                warning = importer.delist()
    except Cancelled:
        pass
    except DatabaseError:
        # Not the file's fault: the run stays to be taken up again.
        raise
    except Exception as error:
        known = isinstance(error, (FileError, OSError))
        with translation.override(run.told_in or settings.LANGUAGE_CODE):
            reason = _why(error)
        runs.finish(run, error=reason)
        run.refresh_from_db()
        if known:
            raise ImportFailed(reason) from error
        raise
    else:
        results = {name: getattr(run, name) for name in ("rows_read", "error_count", "delisted_count")}
        with transaction.atomic():
            if runs.finish(run, warning=warning, **results) and run.then_candidates:
                candidate_runs.start(CandidateRun(author=run.author, **candidate_runs.usual() | {"changed_only": True}))
    run.refresh_from_db()
    return sorted(reading.ignored)


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return _("The file is no longer on this server; send it again.")
    if isinstance(error, OSError):
        return _("The server could not read or write a file (%(fault)s); what was read until then is in.") % {"fault": error.strerror}
    if isinstance(error, FileError):
        return str(error)
    return _("The import met a fault of its own (%(fault)s); what it had read until then is in.") % {"fault": type(error).__name__}


def errors_file(run: ImportRun) -> Path:
    """Where every row in error of a run is listed."""
    return Path(settings.VAR_DIR) / "imports" / f"{run.uuid}.errors.csv"


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
        # A worker that had this run before and slept goes on writing into a file that has no name any more.
        self.path.unlink(missing_ok=True)
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
        column, value = rows.clean(error.column)[:200], error.value
        self.writer.writerow([line, neutral(column), neutral(error.reason), neutral(value)])
        if self.run.error_count <= MOST_KEPT_ERRORS:
            self.kept.append(RowError(run=self.run, line=line, column=column, reason=error.reason[:500], value=value))
            if len(self.kept) == ROWS_AT_ONCE:
                self.flush()

    def flush(self) -> None:
        """Raises Cancelled where another worker took the run."""
        with transaction.atomic():
            if not runs.is_mine(self.run):
                raise Cancelled
            RowError.objects.bulk_create(self.kept)
        self.kept = []

    def __exit__(self, *_exception: object) -> None:
        self.file.close()
        self.flush()
        if not self.run.error_count:
            self.path.unlink()


class _Importer:
    """Stores the listings of one run, chunk by chunk; `before` chunks are in from an earlier attempt."""

    def __init__(self, run: ImportRun, errors: _Errors) -> None:
        self.run, self.errors = run, errors
        self.before, self.chunks = run.chunks_stored, 0
        self.categories: dict[str, int | None] = {}
        self.seen: set[str] = set()

    def listings(self, reading: Iterable[ReadRow]) -> Iterator[tuple[int, Listing]]:
        for row in reading:
            self.run.rows_read += 1
            if row.listing is None:
                assert row.error is not None
                self.errors.add(row.line, row.error, row.external_id)
            else:
                yield row.line, row.listing

    def store(self, chunk: list[tuple[int, Listing]]) -> None:
        """Raises Cancelled; nothing of the chunk is in then."""
        self.chunks += 1
        listings = [listing for line, listing in chunk if self._has_category(line, listing)]
        if self.run.complete:
            self.seen |= {listing.external_id for listing in listings}
        if self.chunks <= self.before:
            self._tell()
            return
        guessed = store.guess_languages(listings, self.run.source)
        with transaction.atomic():
            stored = store.upsert(source=self.run.source, listings=listings, categories=self.categories, guessed=guessed)
            self.run.created_count += stored.created
            self.run.updated_count += stored.updated
            self.run.unchanged_count += stored.unchanged
            self.run.chunks_stored = self.chunks
            self._tell(**{name: getattr(self.run, name) for name in STORED})

    def _tell(self, **stored: int) -> None:
        run = self.run
        if not runs.tell(run, rows_read=run.rows_read, error_count=run.error_count, delisted_count=run.delisted_count, **stored):
            raise Cancelled

    def _has_category(self, line: int, listing: Listing) -> bool:
        if listing.category not in self.categories:
            try:
                with transaction.atomic():
                    category = catalogue.get_category(listing.category, create=True)
                    self.categories[listing.category] = category.pk if category else None
            except catalogue.CategoryError as error:
                self.errors.add(line, ColumnError("category", str(error), listing.category), listing.external_id)
                return False
        return True

    def delist(self) -> str:
        """Mark what a complete file no longer has. Returns why nothing was marked, where that is so.

        A row in error whose id can be read is not missing; one whose id cannot be read may be any SKU, so then nothing is marked.
        """
        if not self.seen:
            raise FileError(_("No row of the file could be imported, so nothing was delisted; correct the rows and import it again."))
        if self.errors.unreadable:
            return _(
                "Nothing was delisted: in %(rows)s rows the number or id cannot be read, and they may be what seems missing; correct them "
                "and import the file again."
            ) % {"rows": self.errors.unreadable}
        runs.note(self.run, runs.What.DELISTING)
        present = self.seen | self.errors.external_ids
        listed = SKU.objects.filter(source=self.run.source, delisted_at__isnull=True).order_by("pk")
        gone = [pk for pk, external_id in listed.values_list("pk", "external_id").iterator(chunk_size=5000) if external_id not in present]
        for start in range(0, len(gone), ROWS_AT_ONCE):
            with transaction.atomic():
                self.run.delisted_count += store.delist(self.run.source, gone[start : start + ROWS_AT_ONCE])
                self._tell()
        return ""
