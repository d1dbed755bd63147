"""Rows out of a file, one at a time: CSV, XLSX, JSONL and Shopify's product export. Whatever the file, memory stays the same."""

from __future__ import annotations

import csv
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from xml.etree.ElementTree import ParseError

import openpyxl
from django.utils.translation import gettext as _
from openpyxl.utils.exceptions import InvalidFileException

SAMPLE = 64 * 1024
LONGEST_CELL = 200_000
LONGEST_LINE = 1_000_000
LARGEST_SHEET = 1_000_000_000
# Shared strings are the one part of a workbook that is held in memory whole.
STRINGS = "xl/sharedStrings.xml"
LARGEST_STRINGS = 200_000_000
MOST_COLUMNS = 1000
DAMAGED = (zipfile.BadZipFile, zlib.error, ParseError, InvalidFileException, EOFError, KeyError, IndexError, OSError, TypeError, ValueError)
JSONL = {".jsonl", ".ndjson"}
SHEETS = {".xlsx", ".xlsm"}
DELIMITERS = ",;\t"
# NUL and halves of surrogate pairs, which JSON can write: no database takes them.
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")

Row = dict[str, Any]


class FileError(ValueError):
    """A file that cannot be read as a catalogue; the text says why and what would be right."""


@dataclass(frozen=True)
class BadLine:
    """A line that is no row."""

    reason: str


def read(path: Path, file_name: str = "", *, encoding: str = "", delimiter: str = "") -> Iterator[tuple[int, Row | BadLine]]:
    """(line number, row) for every data row. Columns are named as in the file; encoding and delimiter are found where none is given.

    Raises FileError, at the latest where the file turns out to be damaged.
    """
    suffix = Path(file_name or path.name).suffix.lower()
    if suffix not in SHEETS | JSONL | {".csv", ".tsv", ".txt", ""}:
        raise FileError(_("A %(suffix)s file cannot be imported; use CSV, XLSX or JSONL.") % {"suffix": suffix})
    try:
        if suffix in SHEETS:
            yield from _xlsx(path)
            return
        encoding = encoding or encoding_of(path)
        yield from _jsonl(path, encoding) if suffix in JSONL else _csv(path, encoding, delimiter)
    except FileNotFoundError:
        raise FileError(_("The file is no longer on this server; send it again.")) from None
    except UnicodeError:
        raise FileError(_("The file cannot be read as %(encoding)s; choose another encoding.") % {"encoding": encoding}) from None


def names_columns_per_row(file_name: str) -> bool:
    """Whether each row names its own columns, as JSONL's do; else the first line names them for all."""
    return Path(file_name).suffix.lower() in JSONL


def is_text(file_name: str) -> bool:
    """Whether a file of this name has an encoding."""
    return Path(file_name).suffix.lower() not in SHEETS


def encoding_of(path: Path) -> str:
    """UTF-8 with or without a byte order mark, else GB18030. Raises FileError for neither."""
    for encoding in ("utf-8-sig", "gb18030"):
        if _decodes(path, encoding):
            return encoding
    raise FileError(_("The file is neither UTF-8 nor GB18030; save it as UTF-8."))


def guess_encoding(path: Path) -> str:
    """As `encoding_of`, and the likeliest of the others where somebody looks at the outcome. Raises FileError for what is no text."""
    with path.open("rb") as file:
        start = file.read(SAMPLE)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in start:
        raise FileError(_("The file is not text; use CSV, XLSX or JSONL."))
    return next((name for name in ("utf-8-sig", "gb18030") if _decodes(path, name)), "cp1252")


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as file:
            while file.read(1 << 20):
                pass
    except UnicodeError:
        return False
    return True


def first_line(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline="") as file:
        try:
            return file.readline(SAMPLE)
        except UnicodeError:
            return ""


def delimiter_of(header: str) -> str:
    """The delimiter that the header line holds most often outside quotes."""
    bare, quoted = [], False
    for character in header:
        quoted ^= character == '"'
        if not quoted:
            bare.append(character)
    counts = {delimiter: bare.count(delimiter) for delimiter in DELIMITERS}
    return max(counts, key=lambda delimiter: counts[delimiter])


def _lines(file: TextIO) -> Iterator[str]:
    """Lines of bounded length: a file without line breaks is not read into memory whole."""
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), ""), 1):
        if len(line) > LONGEST_LINE:
            raise FileError(
                _("Line %(line)s is longer than %(limit)s characters; are line breaks missing?")
                % {"line": number, "limit": f"{LONGEST_LINE:,}"}
            )
        yield line.replace("\0", " ")


def _csv(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, Row | BadLine]]:
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline(SAMPLE)
        if not first.strip():
            raise FileError(_("The file is empty; its first line must name the columns."))
        delimiter = delimiter or delimiter_of(first)
        file.seek(0)
        csv.field_size_limit(LONGEST_CELL)
        reader = csv.reader(_lines(file), delimiter=delimiter, strict=True)
        try:
            header = _header(next(reader))
        except csv.Error as error:
            raise FileError(_("The first line cannot be read as CSV (%(error)s); it must name the columns.") % {"error": error}) from error
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                reason = _("the line cannot be read as CSV (%(error)s); write a quote inside a quoted cell twice") % {"error": error}
                yield line, BadLine(reason)
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if any(cell.strip() for cell in cells[len(header) :]):
                yield (
                    line,
                    BadLine(
                        _("the row has %(cells)s cells, the header names %(columns)s columns; quote cells that hold %(delimiter)s")
                        % {"cells": len(cells), "columns": len(header), "delimiter": repr(delimiter)}
                    ),
                )
                continue
            yield line, dict(zip(header, cells, strict=False))


def _header(names: list[str]) -> list[str]:
    header = [name.strip() for name in names]
    named = [name for name in header if name]
    if not named:
        raise FileError(_("The first line names no columns."))
    if len(named) > MOST_COLUMNS:
        raise FileError(
            _("The first line names %(columns)s columns; at most %(most)s are read. Leave out what no listing needs.")
            % {"columns": f"{len(named):,}", "most": f"{MOST_COLUMNS:,}"}
        )
    if repeated := [name for name, count in Counter(named).items() if count > 1]:
        raise FileError(_("The first line names the column “%(column)s” twice.") % {"column": min(repeated)[:200]})
    return header


def strings_size(path: Path) -> int:
    """Bytes of a workbook's shared strings, which are held in memory whole; 0 for what is no workbook."""
    try:
        return _sizes(path).get(STRINGS, 0)
    except DAMAGED:
        return 0


def _sizes(path: Path) -> dict[str, int]:
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: entry.file_size for entry in archive.infolist()}


def _xlsx(path: Path) -> Iterator[tuple[int, Row | BadLine]]:
    try:
        sizes = _sizes(path)
        if sum(sizes.values()) > LARGEST_SHEET or sizes.get(STRINGS, 0) > LARGEST_STRINGS:
            raise FileError(_("The workbook is too large unpacked; split it, or save it as CSV."))
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (FileError, FileNotFoundError):
        raise
    except DAMAGED as error:
        raise FileError(_("The file is not an XLSX workbook, or it is damaged.")) from error
    try:
        sheet = book.worksheets[0]
        # The size a sheet says it has is wrong in some programs' files.
        sheet.reset_dimensions()
        rows = sheet.iter_rows(values_only=True)
        header = _header([_cell(cell) for cell in next(rows, ())])
        for line, cells in enumerate(rows, 2):
            values = [_cell(cell) for cell in cells]
            if any(values):
                yield line, {name: value for name, value in zip(header, values, strict=False) if name}
    except FileError:
        raise
    except DAMAGED as error:
        raise FileError(_("The workbook is damaged; open it and save it again, or save it as CSV.")) from error
    finally:
        book.close()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _jsonl(path: Path, encoding: str) -> Iterator[tuple[int, Row | BadLine]]:
    with path.open(encoding=encoding) as file:
        for line, text in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), ""), 1):
            if len(text) > LONGEST_LINE:
                yield line, BadLine(_("the line is longer than %(limit)s characters; shorten it") % {"limit": f"{LONGEST_LINE:,}"})
                while text and not text.endswith("\n"):
                    text = file.readline(LONGEST_LINE + 1)
                continue
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                yield line, BadLine(_("the line is not JSON; each line must be one whole JSON object"))
                continue
            if isinstance(row, dict):
                yield line, {UNSTORABLE.sub(" ", name): value for name, value in row.items()}
            else:
                yield line, BadLine(_("the line is not a JSON object; write {...} with named fields"))
