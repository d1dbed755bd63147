"""Texts with their truth: sets of one query and its candidates, or single pairs."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LABELS = {"0": 0, "1": 1, "true": 1, "false": 0}


class LabelError(Exception):
    """A file that cannot be evaluated on; the text names the line and what would be right."""


@dataclass(frozen=True)
class LabelledSet:
    """A query and its candidates; `labels` are 1 for the same product. Sets of one `family` are resampled together."""

    query: str
    texts: tuple[str, ...]
    labels: tuple[int, ...]
    family: str
    query_language: str = ""
    languages: tuple[str, ...] = field(default=())
    category: str = ""


def read(path: Path) -> list[LabelledSet]:
    """Sets (JSONL with "query" and "candidates") or pairs (CSV or JSONL with left_text, right_text and label; a pair is a set of one).

    Raises LabelError.
    """
    found = [_labelled(path, number, row) for number, row in _rows(path)]
    if not found:
        raise LabelError(f"{path.name} holds no row.")
    return found


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        if path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield from enumerate(csv.DictReader(file), 2)
            return
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise LabelError(f"{path.name}, line {number}: must be an object in braces.")
                    yield number, row
    except UnicodeDecodeError as error:
        raise LabelError(f"{path.name} is not UTF-8: {error.reason}.") from None
    except json.JSONDecodeError as error:
        raise LabelError(f"{path.name}, line {number}: is not JSON ({error.msg}).") from None
    except OSError as error:
        raise LabelError(f"{path} cannot be read: {error.strerror}.") from None


def _labelled(path: Path, number: int, row: dict[str, Any]) -> LabelledSet:
    where = f"{path.name}, line {number}"
    if "candidates" in row:
        candidates = row["candidates"]
        if not isinstance(candidates, list) or not candidates or not all(isinstance(one, dict) for one in candidates):
            raise LabelError(f'{where}: "candidates" must be a list of objects with "text" and "label".')
        return LabelledSet(
            query=_text(where, row, "query"),
            texts=tuple(_text(where, one, "text") for one in candidates),
            labels=tuple(_label(where, one) for one in candidates),
            family=str(row.get("family", number)),
            query_language=str(row.get("query_lang", "")),
            languages=tuple(str(one.get("lang", "")) for one in candidates),
            category=str(row.get("category", "")),
        )
    return LabelledSet(
        query=_text(where, row, "left_text"),
        texts=(_text(where, row, "right_text"),),
        labels=(_label(where, row),),
        family=str(number),
        query_language=str(row.get("left_lang") or ""),
        languages=(str(row.get("right_lang") or ""),),
        category=str(row.get("category") or ""),
    )


def _text(where: str, row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise LabelError(f'{where}: "{name}" is missing or no text.')
    return value


def _label(where: str, row: dict[str, Any]) -> int:
    value = str(row.get("label")).lower()
    if value not in LABELS:
        raise LabelError(f'{where}: "label" is {row.get("label")!r}; it must be 1 for the same product, else 0.')
    return LABELS[value]
