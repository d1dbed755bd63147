"""The demo reranker against its first stage, on sets of one query and its candidates.

    python -m bench.demo_model alignment/sample/rerank_sets.jsonl [MORE.jsonl ...] [--model FOLDER] [--json OUT]

A file holds one set a line: {"query", "query_lang", "candidates": [{"text", "lang", "label"}]}, one candidate labelled 1.
Four rankings are compared: the reranker alone, BM25 (document frequencies over all candidates of the file), Jaccard similarity of
character trigrams, and the static embeddings that the reranker started from. Reported per file: top-1 with 95 % bootstrap
intervals, the reranker's lead over each other ranking, top-1 by the query's language, and how many pairs fall in each route and
how many of those are right.

Candidates that tie for the first place share it: a right one among n counts 1/n. Sets of one family are resampled together.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray

from alignment.sample.sets import similarity
from workers.reranker.reranker import Reranker
from workers.retrieval.dense import StaticEmbeddings
from workers.retrieval.tokens import tokens

INSTRUCTION = "Decide whether both listings offer the same product."
MODEL = Path(__file__).resolve().parent.parent / "workers" / "demo_model"
RESAMPLES = 10_000
ACCEPT, REVIEW = 0.9, 0.7
RERANKER = "demo reranker"

Scores = list[list[float]]


@dataclass(frozen=True)
class RerankSet:
    """A query with its candidates. `family` names the sets that are resampled together."""

    query: str
    language: str
    family: str
    texts: tuple[str, ...]
    labels: tuple[int, ...]


def read_sets(path: Path) -> list[RerankSet]:
    """Raises ValueError, naming the line, where a set has not exactly one right candidate."""
    sets = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        row = json.loads(line)
        labels = tuple(int(candidate["label"]) for candidate in row["candidates"])
        if sum(labels) != 1:
            raise ValueError(f"{path.name}, line {number}: a set needs exactly one candidate labelled 1, this has {sum(labels)}")
        texts = tuple(candidate["text"] for candidate in row["candidates"])
        sets.append(RerankSet(row["query"], row["query_lang"], row.get("family", str(number)), texts, labels))
    return sets


def by_reranker(model: Reranker, sets: Sequence[RerankSet]) -> Scores:
    scored = model.score_sets([(INSTRUCTION, s.query, s.texts) for s in sets])
    return [[score.logit for score in row] for row in scored]


def by_bm25(sets: Sequence[RerankSet]) -> Scores:
    index = bm25s.BM25()
    index.index([tokens(text) or [""] for s in sets for text in s.texts], show_progress=False)
    scores: Scores = []
    start = 0
    for s in sets:
        known = [token for token in tokens(s.query) if token in index.vocab_dict]
        row = index.get_scores(known)[start : start + len(s.texts)] if known else np.zeros(len(s.texts))
        scores.append([float(value) for value in row])
        start += len(s.texts)
    return scores


def by_trigrams(sets: Sequence[RerankSet]) -> Scores:
    return [[similarity(s.query, text) for text in s.texts] for s in sets]


def by_embeddings(folder: Path, sets: Sequence[RerankSet]) -> Scores:
    embeddings = StaticEmbeddings.load(folder)
    vectors = embeddings.encode([text for s in sets for text in (s.query, *s.texts)])
    scores: Scores = []
    start = 0
    for s in sets:
        query, *others = vectors[start : start + 1 + len(s.texts)]
        scores.append([float(query @ other) for other in others])
        start += 1 + len(s.texts)
    return scores


def firsts(sets: Sequence[RerankSet], scores: Scores) -> NDArray[np.float64]:
    """For each set, 1 where the right candidate stands first alone, 1/n where n share the first place, else 0."""
    out = np.zeros(len(sets))
    for i, (s, row) in enumerate(zip(sets, scores, strict=True)):
        best = [label for label, score in zip(s.labels, row, strict=True) if score == max(row)]
        out[i] = sum(best) / len(best)
    return out


def resampler(sets: Sequence[RerankSet]) -> Callable[[NDArray[np.float64]], tuple[float, float]]:
    """A function that gives the 95 % percentile interval of a mean over sets, from the same resamples each time."""
    families = {family: i for i, family in enumerate(dict.fromkeys(s.family for s in sets))}
    owner = np.array([families[s.family] for s in sets])
    drawn = np.random.default_rng(1).integers(len(families), size=(RESAMPLES, len(families)))

    def interval(values: NDArray[np.float64]) -> tuple[float, float]:
        sums = np.bincount(owner, weights=values, minlength=len(families))
        sizes = np.bincount(owner, minlength=len(families))
        means = [sums[rows].sum() / sizes[rows].sum() for rows in drawn]
        low, high = np.percentile(means, [2.5, 97.5])
        return round(float(low), 4), round(float(high), 4)

    return interval


def routes(sets: Sequence[RerankSet], logits: Scores) -> dict[str, dict[str, float | int | None]]:
    """The sets' pairs by route at 0.9 and 0.7: how many, how many are matches, and the share that is right (for a discard: no match)."""
    found: dict[str, list[int]] = {"accept": [], "review": [], "discard": []}
    for s, row in zip(sets, logits, strict=True):
        for label, logit in zip(s.labels, row, strict=True):
            probability = 1 / (1 + np.exp(-logit))
            found["accept" if probability >= ACCEPT else "review" if probability >= REVIEW else "discard"].append(label)
    out: dict[str, dict[str, float | int | None]] = {}
    for route, labels in found.items():
        matches = sum(labels)
        right = len(labels) - matches if route == "discard" else matches
        out[route] = {"pairs": len(labels), "matches": matches, "right": round(right / len(labels), 4) if labels else None}
    return out


def by_language(sets: Sequence[RerankSet], hits: NDArray[np.float64]) -> dict[str, dict[str, float | int]]:
    groups: dict[str, list[float]] = defaultdict(list)
    for s, hit in zip(sets, hits, strict=True):
        groups[s.language].append(float(hit))
    return {language: {"sets": len(values), "top1": round(sum(values) / len(values), 4)} for language, values in sorted(groups.items())}


def evaluate(path: Path, model: Reranker, folder: Path) -> dict[str, object]:
    sets = read_sets(path)
    logits = by_reranker(model, sets)
    rankings = {
        RERANKER: logits,
        "static embeddings": by_embeddings(folder, sets),
        "character trigrams": by_trigrams(sets),
        "BM25": by_bm25(sets),
    }
    hits = {name: firsts(sets, scores) for name, scores in rankings.items()}
    interval = resampler(sets)
    lead = {name: hits[RERANKER] - hit for name, hit in hits.items() if name != RERANKER}
    return {
        "file": path.name,
        "sets": len(sets),
        "pairs": sum(len(s.texts) for s in sets),
        "top1": {name: {"mean": round(float(hit.mean()), 4), "interval": interval(hit)} for name, hit in hits.items()},
        "lead_over": {name: {"mean": round(float(values.mean()), 4), "interval": interval(values)} for name, values in lead.items()},
        "top1_by_query_language": {name: by_language(sets, hit) for name, hit in hits.items()},
        "routes_of_the_sets": routes(sets, logits),
    }


def show(result: dict[str, object]) -> None:
    print(f"\n{result['file']}: {result['sets']} sets, {result['pairs']} pairs")
    top1, lead, split = result["top1"], result["lead_over"], result["routes_of_the_sets"]
    assert isinstance(top1, dict) and isinstance(lead, dict) and isinstance(split, dict)
    for name, value in top1.items():
        low, high = value["interval"]
        print(f"  {name:20} top-1 {value['mean']:6.1%}  ({low:.1%} to {high:.1%})")
    for name, value in lead.items():
        low, high = value["interval"]
        print(f"  lead over {name:20} {value['mean']:+6.1%}  ({low:+.1%} to {high:+.1%})")
    for route, value in split.items():
        right = "-" if value["right"] is None else f"{value['right']:.1%}"
        print(f"  {route:8} {value['pairs']:6} pairs, right {right}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = Reranker.load(str(args.model), device="cpu")
    identity = model.identity
    results = []
    for path in args.sets:
        results.append(evaluate(path, model, args.model))
        show(results[-1])
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        report = {
            "model": identity.name,
            "revision": identity.revision,
            "dtype": identity.dtype,
            "resamples": RESAMPLES,
            "results": results,
        }
        args.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
