"""Evaluation sets from the sample catalogue and its truth: `python -m alignment.sample.sets` writes rerank_sets.jsonl.

A set is a query listing and five candidates, all in other languages than the query's: one listing of the same product, and four of
others, taken from the same family first and from the most similar listings after that.
"""

from __future__ import annotations

import json
from typing import Any

from alignment.sample import FOLDER, load

LANGUAGES = ("zh", "en", "fr", "es", "de")
NEGATIVES = 4

Listing = dict[str, Any]


def text(listing: Listing) -> str:
    """As `alignment.rendering.render` renders a SKU."""
    attributes = "; ".join(f"{key}: {value}" for key, value in listing["attributes"].items())
    return "\n".join(part for part in (listing["title"], attributes, listing["description"]) if part)


def trigrams(value: str) -> set[str]:
    padded = f"  {' '.join(value.lower().split())} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def similarity(left: str, right: str) -> float:
    """Jaccard similarity of character trigrams."""
    a, b = trigrams(left), trigrams(right)
    return len(a & b) / len(a | b)


def build(listings: list[Listing]) -> list[dict[str, Any]]:
    sets = []
    mains = [listing for listing in listings if listing["product"] == listing["family"]]
    families = sorted({listing["family"] for listing in mains})
    for number, family in enumerate(families):
        by_language = {listing["language"]: listing for listing in mains if listing["family"] == family}
        for turn in range(2):
            query = by_language[LANGUAGES[(number + 2 * turn) % 5]]
            answers = [language for language in LANGUAGES if language != query["language"]]
            answer = by_language[answers[(number + turn) % 4]]
            others = [x for x in listings if x["product"] != family and x["language"] != query["language"]]
            others.sort(key=lambda x: (x["family"] != family, -similarity(text(query), text(x)), x["source"], x["external_id"]))
            candidates = [{"text": text(answer), "lang": answer["language"], "label": 1}]
            candidates += [
                {"text": text(x), "lang": x["language"], "label": 0, "sim": round(similarity(text(query), text(x)), 3)}
                for x in others[:NEGATIVES]
            ]
            turned = number % len(candidates)
            sets.append(
                {
                    "query": text(query),
                    "query_lang": query["language"],
                    "category": query["category"],
                    "family": family,
                    "candidates": candidates[turned:] + candidates[:turned],
                }
            )
    return sets


def main() -> None:
    sets = build(load())
    with (FOLDER / "rerank_sets.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in sets)
    right = sum(max(s["candidates"], key=lambda c: similarity(s["query"], c["text"]))["label"] for s in sets)
    print(f"{len(sets)} sets; character trigrams put the right one first in {right / len(sets):.1%}")


if __name__ == "__main__":
    main()
