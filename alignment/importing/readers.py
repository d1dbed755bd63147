"""Rows out of a file, one at a time: CSV, XLSX, JSONL and Shopify's product export. Whatever the file, memory stays the same."""

from __future__ import annotations

import csv
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

SAMPLE = 64 * 1024
LONGEST_CELL = 200_000
LONGEST_LINE = 1_000_000
LARGEST_SHEET = 1_000_000_000
# Shared strings are the one part of a workbook that is held in memory whole.
LARGEST_STRINGS = 200_000_000
DAMAGED = (zipfile.BadZipFile, zlib.error, ParseError, InvalidFileException, EOFError, KeyError, IndexError, OSError, TypeError, ValueError)
JSONL = {".jsonl", ".ndjson"}
DELIMITERS = ",;\t"

Row = dict[str, Any]


class FileError(ValueError):
    """A file that cannot be read as a catalogue; the text says why and what would be right."""


@dataclass(frozen=True)
class BadLine:
    """A line that is no row."""

    reason: str


def read(path: Path, file_name: str = "") -> Iterator[tuple[int, Row | BadLine]]:
    """(line number, row) for every data row. Columns are named as in the file. Raises FileError."""
    suffix = Path(file_name or path.name).suffix.lower()
    if suffix in {".xlsx", ".xlsm"}:
        return _xlsx(path)
    if suffix in JSONL:
        return _jsonl(path)
    if suffix in {".csv", ".tsv", ".txt", ""}:
        return _csv(path)
    raise FileError(f"A {suffix} file cannot be imported; use CSV, XLSX or JSONL.")


def names_columns_per_row(file_name: str) -> bool:
    """Whether each row names its own columns, as JSONL's do; else the first line names them for all."""
    return Path(file_name).suffix.lower() in JSONL


def encoding_of(path: Path) -> str:
    """UTF-8 with or without a byte order mark, else GB18030. Raises FileError for neither."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            with path.open(encoding=encoding, newline="") as file:
                while file.read(1 << 20):
                    pass
            return encoding
        except UnicodeDecodeError:
            continue
    raise FileError("The file is neither UTF-8 nor GB18030; save it as UTF-8.")


def delimiter_of(header: str) -> str:
    """The delimiter that the header line holds most often outside quotes."""
    bare, quoted = [], False
    for character in header:
        quoted ^= character == '"'
        if not quoted:
            bare.append(character)
    counts = {delimiter: bare.count(delimiter) for delimiter in DELIMITERS}
    return max(counts, key=lambda delimiter: counts[delimiter])


def _csv(path: Path) -> Iterator[tuple[int, Row | BadLine]]:
    with path.open(encoding=encoding_of(path), newline="") as file:
        first = file.readline(SAMPLE)
        if not first.strip():
            raise FileError("The file is empty; its first line must name the columns.")
        delimiter = delimiter_of(first)
        file.seek(0)
        csv.field_size_limit(LONGEST_CELL)
        reader = csv.reader((line.replace("\0", " ") for line in file), delimiter=delimiter, strict=True)
        try:
            header = _header(next(reader))
        except csv.Error as error:
            raise FileError(f"The first line cannot be read as CSV ({error}); it must name the columns.") from error
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, BadLine(f"the line cannot be read as CSV ({error}); write a quote inside a quoted cell twice")
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if any(cell.strip() for cell in cells[len(header) :]):
                reason = f"the row has {len(cells)} cells, the header names {len(header)} columns; quote cells that hold {delimiter!r}"
                yield line, BadLine(reason)
                continue
            yield line, dict(zip(header, cells, strict=False))


def _header(names: list[str]) -> list[str]:
    header = [name.strip() for name in names]
    named = [name for name in header if name]
    if not named:
        raise FileError("The first line names no columns.")
    if repeated := {name for name in named if named.count(name) > 1}:
        raise FileError(f"The first line names the column {sorted(repeated)[0]!r} twice.")
    return header


def _xlsx(path: Path) -> Iterator[tuple[int, Row | BadLine]]:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        if sum(sizes.values()) > LARGEST_SHEET or sizes.get("xl/sharedStrings.xml", 0) > LARGEST_STRINGS:
            raise FileError("The workbook is too large unpacked; split it, or save it as CSV.")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except FileError:
        raise
    except DAMAGED as error:
        raise FileError("The file is not an XLSX workbook, or it is damaged.") from error
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
        raise FileError("The workbook is damaged; open it and save it again, or save it as CSV.") from error
    finally:
        book.close()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _jsonl(path: Path) -> Iterator[tuple[int, Row | BadLine]]:
    with path.open(encoding=encoding_of(path)) as file:
        for line, text in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), ""), 1):
            if len(text) > LONGEST_LINE:
                yield line, BadLine(f"the line is longer than {LONGEST_LINE} characters; shorten it")
                while text and not text.endswith("\n"):
                    text = file.readline(LONGEST_LINE + 1)
                continue
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                yield line, BadLine("the line is not JSON; each line must be one whole JSON object")
                continue
            yield line, row if isinstance(row, dict) else BadLine("the line is not a JSON object; write {...} with named fields")
