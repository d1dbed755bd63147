"""The sample catalogue: made for this product, with its truth. A model that is judged on it is never trained on it."""

import csv
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
SHOPS = {"Hualian Shop": "zh", "Brightcart": "en", "Maison Claire": "fr", "Casa Rápida": "es", "Kaufhof Nord": "de"}


def load() -> list[dict[str, Any]]:
    """Every listing with its truth: `product` is what it is, `family` what it could be confused with."""
    with (FOLDER / "truth.csv").open(encoding="utf-8", newline="") as file:
        truth = {(row["source"], row["external_id"]): row for row in csv.DictReader(file)}
    listings = []
    for shop in SHOPS:
        for line in (FOLDER / f"{shop}.jsonl").read_text(encoding="utf-8").splitlines():
            listing = json.loads(line)
            listings.append(listing | truth[shop, listing["external_id"]])
    return listings
