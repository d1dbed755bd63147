"""Uploads: a file that is kept on disk while somebody looks at what would be stored of it, and what it becomes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from alignment import kept_files, runs
from alignment.importing import language, readers, rows, store
from alignment.importing.readers import BadLine, FileError, Row
from alignment.importing.reading import Reading, ReadRow
from alignment.models import SKU, Actor, AuditEvent, ImportRun, Source, Upload, User

KEPT_FOR = timedelta(days=1)
SAMPLE_ROWS = 100
SHOWN_ROWS = 10
SECONDS_TO_COUNT = 1.5
# A workbook's shared strings are read before its first row; more than this takes a page too long.
LARGEST_STRINGS_SHOWN = 20_000_000


def keep(*, upload: BinaryIO, file_name: str, source_name: str, complete: bool, then_candidates: bool, author: User) -> Upload:
    """Keep a file to be looked at: its encoding, delimiter, columns, language and number of rows are found. Raises FileError."""
    path, name = kept_files.keep(upload, file_name)
    source = Source.objects.filter(name=source_name).first()
    kept = Upload(
        source_name=source_name, file_name=name, stored_path=str(path), complete=complete, then_candidates=then_candidates, author=author
    )
    try:
        if readers.is_text(name):
            kept.encoding = readers.guess_encoding(path)
            if not readers.names_columns_per_row(name):
                kept.delimiter = readers.delimiter_of(readers.first_line(path, kept.encoding))
        elif readers.strings_size(path) > LARGEST_STRINGS_SHOWN:
            raise FileError(_("The workbook holds too much text to be looked at here. Save it as CSV, or import it on the command line."))
        sampled = sample(kept)
        kept.mapping = guessed_mapping(sampled.header, source)
        kept.language = source.language if source is not None else ""
        if not kept.language and not kept.mapping["language"]:
            found = language.of_sample(_texts(kept, sampled))
            kept.language = found[0] if found and found[1] >= settings.LANGUAGE_CONFIDENCE else ""
        kept.rows_total, kept.rows_exact = _count(kept)
    except FileError:
        path.unlink(missing_ok=True)
        raise
    kept.save()
    return kept


def guessed_mapping(header: Sequence[str], source: Source | None) -> dict[str, str]:
    """Every field with its column, "" where none seems to hold it: as last confirmed for the source, else by the columns' names."""
    remembered = {name: column for name, column in (source.mapping if source else {}).items() if not column or column in header}
    taken = set(remembered.values())
    found = {name: column for name, column in rows.guess(header).items() if column not in taken}
    return dict.fromkeys(rows.FIELDS, "") | found | remembered


@dataclass
class Sample:
    """A file's first rows as they stand in it."""

    header: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


def sample(kept: Upload) -> Sample:
    """Raises FileError."""
    found = Sample()
    names: dict[str, None] = {}
    for _line, row in islice(_raw(kept), SAMPLE_ROWS):
        if not isinstance(row, BadLine):
            found.rows.append(row)
            names |= dict.fromkeys(name for name in row if name)
    found.header = list(names)[: readers.MOST_COLUMNS]
    if not found.rows:
        raise FileError(_("The file holds no rows."))
    return found


def _raw(kept: Upload) -> Iterator[tuple[int, Row | BadLine]]:
    return readers.read(Path(kept.stored_path), kept.file_name, encoding=kept.encoding, delimiter=kept.delimiter)


def _count(kept: Upload) -> tuple[int | None, bool]:
    """How many rows the file has: counted for a while, then estimated by its line breaks; None for a workbook too long to count."""
    until, count = time.monotonic() + SECONDS_TO_COUNT, 0
    for count, _row in enumerate(_raw(kept), 1):
        if count % 1000 == 0 and time.monotonic() > until:
            break
    else:
        return count, True
    if not readers.is_text(kept.file_name):
        return None, False
    with Path(kept.stored_path).open("rb") as file:
        breaks = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    return max(breaks - (not readers.names_columns_per_row(kept.file_name)), count), False


@dataclass(frozen=True)
class Shown:
    """A row as it would be stored, and where its language comes from."""

    read: ReadRow
    language: str
    origin: SKU.LanguageOrigin


@dataclass
class Preview:
    """What somebody sees before anything is stored. `problem` is why no row can be shown; `missing` are needed fields without a column."""

    header: list[str]
    left_out: list[str]
    missing: list[str]
    rows: list[Shown]
    detected: tuple[str, float] | None
    problem: str = ""


def _likely(found: tuple[str, float] | None) -> tuple[str, float] | None:
    """A language that the detector believes in more than in all others together: less is a guess, and none is told."""
    return found if found and found[1] > 0.5 else None


def preview(kept: Upload) -> Preview:
    """The first rows through the code that imports them. Raises FileError where the file cannot be read at all."""
    sampled = sample(kept)
    missing = [name for name in rows.REQUIRED if not kept.mapping.get(name) or kept.mapping[name] not in sampled.header]
    found = Preview(sampled.header, _left_out(kept, sampled), missing, [], _likely(language.of_sample(_texts(kept, sampled))))
    if missing:
        return found
    try:
        read = list(islice(Reading(Path(kept.stored_path), kept), SHOWN_ROWS))
    except FileError as error:
        found.problem = str(error)
        return found
    source = Source.objects.filter(name=kept.source_name).first() or Source(name=kept.source_name)
    guessed = store.guess_languages([row.listing for row in read if row.listing], source)
    found.rows = [Shown(row, *_language(row, source, guessed)) for row in read]
    return found


def _texts(kept: Upload, sampled: Sample) -> list[str]:
    columns = [kept.mapping.get(name) or "" for name in ("title", "description")]
    return [" ".join(str(row.get(column) or "") for column in columns)[:500] for row in sampled.rows]


def _left_out(kept: Upload, sampled: Sample) -> list[str]:
    used = {column for column in kept.mapping.values() if column}
    shopify = not readers.names_columns_per_row(kept.file_name) and rows.SHOPIFY.issubset(sampled.rows[0])
    out = rows.left_out(sampled.header, {column: column for column in used}, shopify=shopify)
    return [name for name in sampled.header if name in out]


def _language(row: ReadRow, source: Source, guessed: Mapping[str, str]) -> tuple[str, SKU.LanguageOrigin]:
    origins = SKU.LanguageOrigin
    if row.listing is None:
        return "", origins.UNKNOWN
    sku = SKU(source=source)
    store.fill(sku, row.listing, None, guessed.get(row.external_id, ""))
    return sku.language, origins(sku.language_origin)


def correct(kept: Upload, *, encoding: str, delimiter: str, language: str, mapping: Mapping[str, str]) -> None:
    """What its uploader says of the file instead."""
    other_rows = (encoding, delimiter) != (kept.encoding, kept.delimiter)
    kept.encoding, kept.delimiter, kept.language, kept.mapping = encoding, delimiter, language, dict(mapping)
    if other_rows:
        try:
            header = sample(kept).header
            columns = set(filter(None, kept.mapping.values()))
            if not columns or not columns <= set(header):
                kept.mapping = guessed_mapping(header, Source.objects.filter(name=kept.source_name).first())
            kept.rows_total, kept.rows_exact = _count(kept)
        except FileError:
            kept.rows_total, kept.rows_exact = None, False
    # Not saved: what somebody imported or deleted meanwhile would be there again, and its file is the import's.
    changed = ("encoding", "delimiter", "language", "mapping", "rows_total", "rows_exact")
    Upload.objects.filter(pk=kept.pk).update(**{name: getattr(kept, name) for name in changed})


def start(kept: Upload, *, by: User) -> ImportRun:
    """Have a worker import the file as it was last shown, and remember the mapping for its source. The upload is a run from then on,
    of the same uuid.

    Raises Upload.DoesNotExist where it was imported or deleted meanwhile.
    """
    with transaction.atomic():
        if not Upload.objects.filter(pk=kept.pk).delete()[0]:
            raise Upload.DoesNotExist
        source, _made = Source.objects.get_or_create(name=kept.source_name, defaults={"language": kept.language})
        source.mapping = kept.mapping
        source.language = source.language or kept.language
        source.save(update_fields=["mapping", "language"])
        run = runs.start(
            ImportRun(
                source=source,
                author=by,
                told_in=get_language() or "",
                # Where it is the source's own, it is that whenever it changes there.
                language="" if source.language == kept.language else kept.language,
                **{
                    name: getattr(kept, name)
                    for name in (
                        *("uuid", "file_name", "stored_path", "encoding", "delimiter", "mapping"),
                        *("complete", "then_candidates", "rows_total"),
                    )
                },
            )
        )
        AuditEvent.objects.create(
            actor=Actor.of(by).uuid,
            action="import file",
            subject=kept.file_name[:200],
            detail={"run": str(run.uuid), "source": source.name, "rows": kept.rows_total, "complete": kept.complete},
        )
    return run


def discard(kept: Upload) -> None:
    """Forget an upload and its file."""
    if Upload.objects.filter(pk=kept.pk).delete()[0]:
        Path(kept.stored_path).unlink(missing_ok=True)


def sweep() -> None:
    """Discard what nobody imported for a day, and the files of imports that ended long ago."""
    for kept in Upload.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)[:100]:
        discard(kept)
    runs.delete_old_files(ImportRun)
