"""How long somebody waits who asks while a bulk job runs: python -m bench.interactive http://localhost:8000 TOKEN [--requests 200]

Asks the rerank API for ten documents, one request after the other, and prints percentiles. Start a bulk job beside it yourself, such as
`manage.py rescore`, and see on the scoring page that it is still running at the end.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path

import httpx2

SAMPLE = Path(__file__).resolve().parent.parent / "alignment" / "sample" / "rerank_sets.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("token")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    client = httpx2.Client(base_url=args.address, headers={"Authorization": f"Bearer {args.token}"}, timeout=60)
    times = []
    for i in range(args.requests):
        one, other = rows[i % len(rows)], rows[(i + 1) % len(rows)]
        documents = [candidate["text"] for row in (one, other) for candidate in row["candidates"]]
        started = time.perf_counter()
        answer = client.post("/api/v1/rerank", json={"query": one["query"], "documents": documents, "return_documents": False})
        answer.raise_for_status()
        assert len(answer.json()["results"]) == len(documents)
        times.append(1000 * (time.perf_counter() - started))
    times.sort()
    report = {f"p{share}_ms": times[math.ceil(share / 100 * len(times)) - 1] for share in (50, 95, 99)} | {"requests": len(times)}
    print(", ".join(f"{name} {value:.0f}" for name, value in report.items()))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
