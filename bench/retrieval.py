"""Blocking quality on a catalogue whose truth is known: recall of true pairs at k, time and memory, for each first stage and their fusion.

    python -m bench.retrieval offers.csv --text title --truth cluster_id [--k 20] [--queries N] [--dense FOLDER] [--json OUT]

A true pair is two rows of one truth value. Recall at k is the share of a query's true others among its first k candidates, over all
queries that have any; it cannot reach 1 where a group has more than k others.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from workers.retrieval import Catalogue, Retriever
from workers.retrieval.dense import StaticEmbeddings

DEMO = Path(__file__).resolve().parent.parent / "workers" / "demo_model"
ROWS = 256
Found = list[list[int]]


def recall(queries: Sequence[int], found: Found, others: dict[int, list[int]]) -> float:
    shares = [len(set(row) & set(others[query])) / len(others[query]) for query, row in zip(queries, found, strict=True)]
    return sum(shares) / len(shares)


def best(queries: Sequence[int], k: int, top: Callable[[Sequence[int], int], Any]) -> Found:
    found: Found = []
    for start in range(0, len(queries), ROWS):
        chunk = queries[start : start + ROWS]
        indices, scores = top(chunk, k + 1)
        for query, row, values in zip(chunk, indices, scores, strict=True):
            found.append([int(j) for j, value in zip(row, values, strict=True) if value > 0 and j != query][:k])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("--text", default="title")
    parser.add_argument("--truth", default="cluster_id")
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--queries", type=int, default=0, help="so many rows drawn as queries; 0 for all")
    parser.add_argument("--dense", type=Path, default=DEMO)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with args.catalogue.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[row[args.truth]].append(i)
    others = {i: [j for j in group if j != i] for group in groups.values() for i in group if len(group) > 1}
    queries = sorted(others)
    if args.queries:
        queries = sorted(random.Random(1).sample(queries, min(args.queries, len(queries))))
    started = time.perf_counter()
    retriever = Retriever(Catalogue.of([row[args.text] for row in rows]), encoder=StaticEmbeddings.load(args.dense))
    report: dict[str, Any] = {
        "catalogue": args.catalogue.name,
        "rows": len(rows),
        "queries": len(queries),
        "k": args.k,
        "index_seconds": time.perf_counter() - started,
        "systems": {},
    }
    systems: dict[str, Callable[[], Found]] = {
        "bm25": lambda: best(queries, args.k, retriever.bm25.top),
        "dense": lambda: best(queries, args.k, retriever.nearest.top),
        "fusion": lambda: [[other for other, _score in found] for _row, found in retriever.candidates(queries, args.k)],
    }
    print(f"{len(rows)} rows indexed in {report['index_seconds']:.1f} s; {len(queries)} queries")
    for name, run in systems.items():
        started = time.perf_counter()
        found = run()
        seconds = time.perf_counter() - started
        report["systems"][name] = {"recall": recall(queries, found, others), "ms_per_query": 1000 * seconds / len(queries)}
        print(f"{name:8} recall at {args.k} {report['systems'][name]['recall']:.1%}, {1000 * seconds / len(queries):.2f} ms a query")
    report["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {report['peak_memory_mb']:.0f} MB")
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
