"""A first stage over many listings: time and memory to index, time of a query, and what the inverted lists miss of an exact search.

    python -m bench.million shopify_terms.tsv [--rows 1000000] [--queries 1000] [--json OUT]

The listings are synthetic, three of a kind as the demo model's training draws them: a listing, the same product in another shop's words,
and another product beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

DEMO = Path(__file__).resolve().parent.parent / "workers" / "demo_model"
sys.path.insert(0, str(DEMO))

from train import Listings, read_terms  # noqa: E402

from workers.retrieval import Catalogue, Retriever, nearest  # noqa: E402
from workers.retrieval.dense import StaticEmbeddings  # noqa: E402

K = 20


def catalogue(texts: list[str], start: int = 0) -> Catalogue:
    return Catalogue(np.arange(start, start + len(texts), dtype=np.int64), [f"{hash(text):x}" for text in texts], texts)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("terms", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    random.seed(1)
    listings = Listings(read_terms(args.terms))
    texts = [text for _ in range(args.rows // 3 + 1) for text in listings.triple(0.0)][: args.rows]
    report: dict[str, Any] = {"rows": args.rows, "queries": args.queries, "k": K, "texts_mb": peak_mb()}
    encoder = StaticEmbeddings.load(DEMO)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        retriever = Retriever(catalogue(texts), encoder=encoder, folder=Path(folder))
        report["index_seconds"] = time.perf_counter() - started
        report["index_peak_mb"] = peak_mb()
        print(f"{args.rows} rows indexed in {report['index_seconds']:.0f} s, peak memory {report['index_peak_mb']:.0f} MB", flush=True)
        # The first of a kind: the second is the same product.
        queries = random.sample(range(0, args.rows - 2, 3), args.queries)
        times, hits = [], 0
        for query in queries:
            begun = time.perf_counter()
            ((_row, found),) = retriever.candidates([query], K)
            times.append(1000 * (time.perf_counter() - begun))
            hits += query + 1 in [other for other, _score in found]
        report["query_ms"] = {name: float(np.percentile(times, q)) for name, q in (("p50", 50), ("p95", 95), ("p99", 99))}
        report["recall_of_the_same_product"] = hits / len(queries)
        print(f"a query: {report['query_ms']}, the same product among {K}: {report['recall_of_the_same_product']:.1%}", flush=True)
        found_by_lists, _similar = retriever.nearest.top(queries, K + 1)
        right = 0
        for start in range(0, len(queries), 8):
            chunk = queries[start : start + 8]
            exactly, _similar = nearest.exact(retriever.nearest.vectors, retriever.nearest.vectors[chunk], K + 1)
            right += sum(len(set(a) & set(b)) for a, b in zip(exactly.tolist(), found_by_lists[start : start + 8].tolist(), strict=True))
        report["recall_of_exact_search"] = right / len(queries) / (K + 1)
        print(f"the inverted lists find {report['recall_of_exact_search']:.1%} of the exact nearest", flush=True)
        del retriever
        started = time.perf_counter()
        Retriever(catalogue(texts), encoder=encoder, folder=Path(folder))
        report["open_seconds"] = time.perf_counter() - started
        more = [text for _ in range(334) for text in listings.triple(0.0)][:1000]
        started = time.perf_counter()
        Retriever(catalogue(texts + more), encoder=encoder, folder=Path(folder))
        report["seconds_for_1000_more"] = time.perf_counter() - started
        report["peak_mb"] = peak_mb()
        print(f"opened again in {report['open_seconds']:.0f} s, with 1,000 more in {report['seconds_for_1000_more']:.0f} s", flush=True)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
