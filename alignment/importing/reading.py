"""A file as listings, row by row: the same code for what is previewed and for what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from alignment.importing import readers, rows
from alignment.importing.readers import BadLine, FileError, Row
from alignment.importing.rows import ColumnError, Listing
from alignment.models import FileOptions

MOST_NAMED_COLUMNS = 100


@dataclass(frozen=True)
class ReadRow:
    """One row: a listing, or what is wrong with it. `external_id` is "" where it cannot be read."""

    line: int
    external_id: str
    listing: Listing | None
    error: ColumnError | None = None


class Reading:
    """Reads a file once. `ignored` are the columns met so far that feed nothing."""

    def __init__(self, path: Path, options: FileOptions, *, remembered: Mapping[str, str] | None = None) -> None:
        self.path, self.options = path, options
        self.remembered = {} if options.mapping else (remembered or {})
        self.ignored: set[str] = set()

    def __iter__(self) -> Iterator[ReadRow]:
        """Raises FileError."""
        options = self.options
        per_row = readers.names_columns_per_row(options.file_name)
        fields: dict[str, str] = {}
        product: Row = {}
        shopify = False
        lines: dict[str, int] = {}
        any_row = False
        for line, row in readers.read(self.path, options.file_name, encoding=options.encoding, delimiter=options.delimiter):
            if isinstance(row, BadLine):
                any_row = True
                yield ReadRow(line, "", None, ColumnError("", row.reason))
                continue
            if per_row or not fields:
                fields = rows.columns(list(row), options.mapping, remembered=self.remembered, per_row=per_row)
                shopify = not per_row and rows.SHOPIFY.issubset(row)
                if len(self.ignored) < MOST_NAMED_COLUMNS:
                    self.ignored |= {name[:200] for name in rows.left_out(list(row), fields, shopify=shopify)}
            if shopify:
                if row.get("Title"):
                    product = row
                completed = rows.variant(row, product)
                if completed is None:
                    continue
                row = completed
            any_row = True
            external_id = rows.identify(row, fields, shopify=shopify)[:200]
            try:
                listing = rows.parse(row, fields, shopify=shopify)
            except ColumnError as error:
                yield ReadRow(line, external_id, None, error)
                continue
            if external_id in lines:
                reason = _("the same number or id stands in line %(line)s; this row was left out; give it one of its own") % {
                    "line": lines[external_id]
                }
                yield ReadRow(line, external_id, None, ColumnError(fields["external_id"], reason, external_id))
                continue
            lines[external_id] = line
            listing.language = listing.language or options.language
            yield ReadRow(line, external_id, listing)
        if not any_row:
            raise FileError(_("The file holds no rows."))
