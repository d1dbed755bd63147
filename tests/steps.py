"""Opening a page as a browser does, which may be led to the same page again while something is to be done before it is drawn."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

MOST_QUERIES = 12


class Step(NamedTuple):
    answer: Any
    queries: list[str]


def steps(client: Client, address: str, **extra: Any) -> list[Step]:
    """Each answer with the queries it took; Django's own client takes a second step to one address for a loop."""
    taken: list[Step] = []
    while not taken or taken[-1].answer.status_code == 302:
        assert len(taken) < 10, f"{address} leads nowhere"
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(taken[-1].answer.url if taken else address, **extra)
        taken.append(Step(answer, [query["sql"] for query in asked.captured_queries]))
    return taken


def opened(client: Client, address: str, **extra: Any) -> Any:
    return steps(client, address, **extra)[-1].answer


def most_queries(client: Client, address: str, **extra: Any) -> int:
    """The queries of the step that took the most."""
    return max(len(step.queries) for step in steps(client, address, **extra))
