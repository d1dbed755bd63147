"""Open pairs by the million, for benches, by COPY into an empty PostgreSQL database.

The rows are as scoring and routing would leave them: five candidates a query, which neighbouring queries share, in 200 categories and five
languages, with scores and candidate sets, three orders, three priorities, due times; candidates' own rows and groups beyond those that
the reviewers make are left out.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).resolve().parent.parent / "alignment" / "sample"
LANGUAGES = ("en", "zh", "de", "fr", "es")
CANDIDATES = 5


def fill(pairs: int) -> float:
    """The rows, by COPY, and what the planner knows of them. Returns the seconds it took."""
    from django.core.management import call_command
    from django.db import connection

    started = time.perf_counter()
    call_command("migrate", verbosity=0)
    OpenPairs(pairs // CANDIDATES).fill()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    seconds = time.perf_counter() - started
    print(f"{pairs} open pairs in {seconds:.0f} s", flush=True)
    return round(seconds)


def copy(model: Any, rows: Iterator[dict[str, Any]]) -> None:
    """Rows with their ids, in the table's own columns: what a row leaves out has the model's default, or the database's."""
    from django.db import connection
    from django.db.models import NOT_PROVIDED

    first = next(rows)
    fields = [f for f in model._meta.concrete_fields if f.attname in first or f.db_default is NOT_PROVIDED]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {model._meta.db_table} ({columns}) FROM STDIN") as copying:  # noqa: S608 - our own table's names
            for row in chain([first], rows):
                values = (row[f.attname] if f.attname in row else f.get_default() for f in fields)
                copying.write_row([json.dumps(value) if isinstance(value, dict | list) else value for value in values])
        cursor.execute(
            f"SELECT setval(pg_get_serial_sequence('{model._meta.db_table}', 'id'), (SELECT max(id) FROM {model._meta.db_table}))"  # noqa: S608
        )


def language(sku: int) -> str:
    return LANGUAGES[(sku * 7919) % 5]


def languages(one: int, other: int) -> str:
    """Of two SKUs, as a pair holds them."""
    return "|".join(sorted((language(one), language(other))))


def edges(queries: int) -> Iterator[tuple[int, int, int]]:
    """(query's number, query SKU, candidate SKU): the candidates of one case are some of its neighbours' too."""
    pool = 2 * queries
    for query in range(queries):
        for near in range(CANDIDATES):
            other = (2 * query + near) % pool
            yield query, 3 * query + 1, 3 * (other // 2) + 2 + other % 2


class OpenPairs:
    """`queries` cases of five pairs. Query q has SKU 3q + 1; the others belong to the pool that candidates are taken from, two a query."""

    def __init__(self, queries: int) -> None:
        from django.utils import timezone

        from alignment import policies, scoring_workers
        from alignment.models import Category, PolicyVersion, Source

        self.queries, self.now = queries, timezone.now()
        self.texts = [json.loads(line) for file in sorted(SAMPLE.glob("*.jsonl")) if file.stem != "rerank_sets" for line in file.open()]
        self.model = scoring_workers.register_model(
            name="bench", revision="1", dtype="bfloat16", prompt_format="qwen3", max_length=8192, is_demo=False
        )
        self.sources = [Source.objects.create(name=f"Shop {number}", language=LANGUAGES[number % 5]) for number in range(20)]
        root, order = Category.objects.get(path=""), PolicyVersion.Order
        self.categories, self.policies = [], []
        for top in range(10):
            parent = Category.objects.create(parent=root, name=f"Area {top}", path=f"Area {top}")
            policy = policies.publish(
                category=parent,
                instruction="Is it the same product, with equal capacity and equal size?",
                accept_at=0.9,
                review_at=0.7,
                author=None,
                order=(order.OLDEST, order.LIKELIEST, order.UNCERTAIN)[top % 3],
                priority=(0, 0, 0, 0, 0, 0, 0, 1, -1, 0)[top],
                due_hours=72 if top == 2 else None,
            )
            for name in range(20):
                path = f"{parent.path}{Category.SEPARATOR}Kind {name}"
                self.categories.append(Category.objects.create(parent=parent, name=f"Kind {name}", path=path))
                self.policies.append(policy)

    def fill(self) -> None:
        from alignment.models import SKU, CandidateSet, Pair, Score

        copy(SKU, self.skus())
        copy(Score, self.scores())
        copy(CandidateSet, self.sets())
        copy(Pair, self.pairs())

    def skus(self) -> Iterator[dict[str, Any]]:
        for sku in range(1, 3 * self.queries + 1):
            text = self.texts[sku % len(self.texts)]
            # A hundred come in one transaction, as an import stores them.
            came = self.now - timedelta(seconds=10 * ((3 * self.queries - sku) // 100))
            yield {
                "id": sku,
                "source_id": self.sources[(sku // 7) % 4 * 5 + LANGUAGES.index(language(sku))].pk,
                "external_id": f"B-{sku}",
                "language": language(sku),
                "language_origin": "file",
                "title": f"{text['title']} {sku % 977}",
                "description": text["description"],
                "attributes": text["attributes"] or {"colour": "black", "weight": f"{sku % 40} kg"},
                "category_id": self.categories[((sku - 1) // 3) % len(self.categories)].pk,
                "content_hash": f"{sku:064x}",
                "text_hash": f"{sku:064x}",
                "created_at": came,
                "updated_at": came,
            }

    def probability(self, number: int) -> float:
        return 0.7 + 0.2 * ((number * 2654435761) % 2**32) / 2**32

    def scores(self) -> Iterator[dict[str, Any]]:
        for number, (_query, sku, other) in enumerate(edges(self.queries), 1):
            p = self.probability(number)
            yield {
                "id": number,
                "model_id": self.model.pk,
                "instruction_hash": "0" * 64,
                "query_hash": f"{sku:064x}",
                "document_hash": f"{other:064x}",
                "probability": p,
                "logit": math.log(p / (1 - p)),
                "tokens_read": 60,
            }

    def sets(self) -> Iterator[dict[str, Any]]:
        for query in range(self.queries):
            yield {
                "id": query + 1,
                "query_id": 3 * query + 1,
                "category_id": self.categories[query % len(self.categories)].pk,
                "origin": "caller",
                "status": "scored",
                "scored_at": self.now,
            }

    def pairs(self) -> Iterator[dict[str, Any]]:
        for number, (query, sku, other) in enumerate(edges(self.queries), 1):
            p, policy = self.probability(number), self.policies[query % len(self.policies)]
            since = self.now - timedelta(seconds=0.25 * (self.queries - query))
            keys = {"oldest": since.timestamp(), "likeliest": -p, "uncertain": abs(p - 0.8)}
            yield {
                "id": number,
                "left_id": min(sku, other),
                "right_id": max(sku, other),
                "query_id": sku,
                "category_id": self.categories[query % len(self.categories)].pk,
                "route": "review",
                "score_id": number,
                "policy_id": policy.pk,
                "in_review": True,
                "languages": languages(sku, other),
                "priority": policy.priority,
                "order_key": keys[policy.order],
                "probability": p,
                "due_since": since,
                # Of what has a due time, about a hundredth is overdue.
                "due_at": since + timedelta(hours=72) if policy.due_hours and query % 100 else self.now if policy.due_hours else None,
            }
