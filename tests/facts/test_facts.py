"""Codes, brands, sizes, colours and marks read from texts of five languages. `labelled.csv` says what is right.

Labels were written before the rules, and half of them were held out while the rules were written.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path

import pytest

from alignment import facts

LABELLED = list(csv.DictReader((Path(__file__).parent / "labelled.csv").open(encoding="utf-8", newline="")))
KINDS = ("code", "brand", "size", "colour", "generation", "age", "plug", "certification", "protection")


def written(fact: facts.Fact) -> str:
    """As the labels write a fact."""
    if fact.kind == "age":
        return f"{fact.amount:g}-{'inf' if fact.upper == math.inf else f'{fact.upper:g}'}"
    said = fact.value or (f"{fact.amount:g}" if fact.upper is None else f"{fact.amount:g}-{fact.upper:g}")
    return f"{fact.scale} {said}".strip() if fact.kind in ("colour", "size") else said


def read(row: dict[str, str]) -> Counter[tuple[str, str]]:
    attributes = row["attributes"].split("/") if row["attributes"] else []
    text = "\n".join([row["title"], *(attribute.replace("=", ": ", 1) for attribute in attributes)])
    return Counter((fact.kind, written(fact)) for fact in facts.read(text, row["language"]) if fact.kind in KINDS)


def labels(row: dict[str, str]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for label in filter(None, (part.strip() for part in row["facts"].split(";"))):
        kind, said = label.split(" ", 1)
        found[kind, said] += 1
    return found


@pytest.mark.parametrize("half", ["written with", "held out"])
def test_precision_is_at_least_95_and_recall_85_percent(half: str) -> None:
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for row in LABELLED:
        if row["half"] == half:
            expected, found = labels(row), read(row)
            for (kind, _said), count in (expected & found).items():
                right[kind] += count
            for (kind, _said), count in (found - expected).items():
                wrong[kind] += count
            for (kind, _said), count in (expected - found).items():
                missed[kind] += count
    for kind in KINDS:
        known = right[kind] + missed[kind]
        precision, recall = right[kind] / max(1, right[kind] + wrong[kind]), right[kind] / max(1, known)
        print(f"{half}: {kind}: precision {precision:.3f}, recall {recall:.3f} of {known}")
    precision, recall = right.total() / (right + wrong).total(), right.total() / (right + missed).total()
    print(f"{half}: all: precision {precision:.3f}, recall {recall:.3f}")
    assert precision >= 0.95
    assert recall >= 0.85
