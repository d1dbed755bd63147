"""Fifty reviewers on a queue of a million open pairs.

    python -m bench.review [--pairs 1000000] [--reviewers 50] [--think 5] [--minutes 10] [--json OUT]

DATABASE_URL names an empty PostgreSQL database, which is filled; with --keep one that this bench filled before is used again. The server
is started as `make run` starts it, and what plays the reviewers gives way to it (nice 10). Times are the server's own, from gunicorn's
access log: what the load generator needs beside it is not in them, nor is waiting for a worker's thread; waiting for the cores, which it
shares, is.

The rows are as scoring and routing would leave them: five candidates a query, which neighbouring queries share, in 200 categories and five
languages, with scores and candidate sets, three orders, three priorities, due times; candidates' own rows and groups beyond those that
the reviewers make are left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPConnection
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench import percentiles

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "alignment" / "sample"
LANGUAGES = ("en", "zh", "de", "fr", "es")
CANDIDATES = 5
# What a line of the access log is counted as.
PAGES = {
    "GET /review/": "case",
    "GET /review/ahead/": "next case",
    "POST /review/decide/": "decide",
    "POST /review/heartbeat/": "heartbeat",
    "GET /queues/": "dashboard",
}
FORM = re.compile(r'name="(pair|seen_standing|seen)" value="([^"]*)"')
COUNT = """
import time, django
django.setup()
from review import queue_counts
while True:
    time.sleep(15)
    queue_counts.count()
"""
LEASE = re.compile(r'data-lease="([^"]*)"')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--reviewers", type=int, default=50)
    parser.add_argument("--think", type=float, default=5.0, help="seconds between two verdicts of one reviewer, on average")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--keep", action="store_true", help="use the rows that are there")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alignment.settings")
    os.environ.setdefault("VAR_DIR", tempfile.mkdtemp(prefix="alignment-bench-"))
    os.environ["ALLOWED_HOSTS"] = "127.0.0.1"
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    import django

    django.setup()
    report: dict[str, Any] = {"pairs": args.pairs, "reviewers": args.reviewers, "think_seconds": args.think, "minutes": args.minutes}
    if not args.keep:
        report["seconds_to_fill"] = fill(args.pairs)
    sessions = sign_in(args.reviewers)
    times = serve(sessions, args)
    report |= {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "requests": {name: percentiles.of(ms) for name, ms in times.items()},
    }
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def fill(pairs: int) -> float:
    """The rows, by COPY, and what the planner knows of them. Returns the seconds it took."""
    from django.core.management import call_command
    from django.db import connection

    started = time.perf_counter()
    call_command("migrate", verbosity=0)
    Filler(pairs // CANDIDATES).fill()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    seconds = time.perf_counter() - started
    print(f"{pairs} open pairs in {seconds:.0f} s", flush=True)
    return round(seconds)


class Filler:
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

        self.copy(SKU, self.skus())
        self.copy(Score, self.scores())
        self.copy(CandidateSet, self.sets())
        self.copy(Pair, self.pairs())

    @staticmethod
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

    def language(self, sku: int) -> int:
        return (sku * 7919) % 5

    def skus(self) -> Iterator[dict[str, Any]]:
        for sku in range(1, 3 * self.queries + 1):
            text, language = self.texts[sku % len(self.texts)], self.language(sku)
            # A hundred come in one transaction, as an import stores them.
            came = self.now - timedelta(seconds=10 * ((3 * self.queries - sku) // 100))
            yield {
                "id": sku,
                "source_id": self.sources[(sku // 7) % 4 * 5 + language].pk,
                "external_id": f"B-{sku}",
                "language": LANGUAGES[language],
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

    def edges(self) -> Iterator[tuple[int, int, int]]:
        """(query's number, query SKU, candidate SKU): the candidates of one case are some of its neighbours' too."""
        pool = 2 * self.queries
        for query in range(self.queries):
            for near in range(CANDIDATES):
                other = (2 * query + near) % pool
                yield query, 3 * query + 1, 3 * (other // 2) + 2 + other % 2

    def probability(self, number: int) -> float:
        return 0.7 + 0.2 * ((number * 2654435761) % 2**32) / 2**32

    def scores(self) -> Iterator[dict[str, Any]]:
        for number, (_query, sku, other) in enumerate(self.edges(), 1):
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
        for number, (query, sku, other) in enumerate(self.edges(), 1):
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
                "languages": "|".join(sorted((LANGUAGES[self.language(sku)], LANGUAGES[self.language(other)]))),
                "priority": policy.priority,
                "order_key": keys[policy.order],
                "probability": p,
                "due_since": since,
                # Of what has a due time, about a hundredth is overdue.
                "due_at": since + timedelta(hours=72) if policy.due_hours and query % 100 else self.now if policy.due_hours else None,
            }


def sign_in(reviewers: int) -> list[str]:
    """Sessions of the reviewers and, last, of an admin. Some read two languages only, some have a subtree, some both."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from alignment.models import Category, User
    from review.models import Lease

    Lease.objects.all().delete()
    store = import_module(settings.SESSION_ENGINE).SessionStore
    areas = list(Category.objects.filter(parent__path="").order_by("pk"))
    keys = []
    for number in range(reviewers + 1):
        role = User.Role.ADMIN if number == reviewers else User.Role.REVIEWER
        user, made = User.objects.get_or_create(username=f"bench{number}", defaults={"role": role, "password": "!"})
        if made:
            user.languages = ["zh", "en"] if number % 5 in (1, 3) and number < reviewers else []
            user.save()
            if number % 5 in (2, 3) and number < reviewers:
                user.categories.add(areas[number % len(areas)])
        session = store()
        session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[-1]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        keys.append(session.session_key)
    return keys


def serve(sessions: list[str], args: argparse.Namespace) -> dict[str, list[float]]:
    """Start the web server as it is started in use, let the reviewers work, and read its log."""
    from django.core.management import call_command

    from alignment.processes import programs
    from review import queue_counts

    call_command("collectstatic", interactive=False, verbosity=0)
    queue_counts.count()
    log = Path(os.environ["VAR_DIR"]) / "access.log"
    log.unlink(missing_ok=True)
    command = next(program.command for program in programs() if program.name == "web").split()
    command[command.index("-b") + 1] = f"127.0.0.1:{args.port}"
    command[command.index("--access-logfile") + 1] = str(log)
    server = subprocess.Popen([*command, "--access-logformat", "%(s)s %(D)s %(m)s %(U)s"], cwd=ROOT)
    # What beat has a worker do.
    counting = subprocess.Popen(["nice", "-n", "10", sys.executable, "-c", COUNT], cwd=ROOT)
    stop = time.monotonic() + 60 * args.minutes
    # In life the reviewers' browsers take no core from the server.
    os.nice(10)
    try:
        work(sessions, args, stop)
    finally:
        counting.terminate()
        counting.wait(20)
        server.terminate()
        server.wait(20)
    times: dict[str, list[float]] = defaultdict(list)
    bad: dict[str, int] = defaultdict(int)
    for line in log.read_text().splitlines():
        status, microseconds, request = line.split(" ", 2)
        if int(status) >= 400:
            bad[f"{status} {request}"] += 1
        elif name := PAGES.get(request):
            times[name].append(int(microseconds) / 1000)
    if bad:
        print(f"refused or failed: {dict(bad)}", file=sys.stderr)
    return dict(times)


def work(sessions: list[str], args: argparse.Namespace, stop: float) -> None:
    """Each person in a thread of their own."""
    browsers = [Browser(args.port, session) for session in sessions]
    while True:
        try:
            browsers[0].get("/sign-in/")
            break
        except OSError:
            time.sleep(0.2)
    with ThreadPoolExecutor(len(browsers)) as people:
        at_work = [people.submit(review, browser, args.think, stop) for browser in browsers[:-1]]
        at_work.append(people.submit(watch, browsers[-1], stop))
        for one in at_work:
            one.result()


class Browser:
    """As little as asks for a page: the cores are the server's. A connection a request: the server closes an idle one after two seconds."""

    def __init__(self, port: int, session: str) -> None:
        self.port, token = port, secrets.token_hex(16)
        self.headers = {
            "Cookie": f"sessionid={session}; csrftoken={token}",
            "X-CSRFToken": token,
            "Origin": f"http://127.0.0.1:{port}",
        }

    def get(self, path: str, **headers: str) -> str:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> str:
        return self._ask("POST", path, urlencode(fields or {}), headers | {"Content-Type": "application/x-www-form-urlencoded"})

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, self.headers | headers)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


def watch(browser: Browser, stop: float) -> None:
    """An admin looks at the queues."""
    while time.monotonic() < stop:
        browser.get("/queues/")
        time.sleep(2)


def review(browser: Browser, think: float, stop: float) -> None:
    """As the page's script does it: the case, the one ahead beside it, a verdict at a time, signs of life."""
    time.sleep(random.uniform(0, 2 * think))
    html, beat = browser.get("/review/"), time.monotonic()
    while time.monotonic() < stop:
        lease, pairs = LEASE.search(html), candidates(html)
        if not pairs or lease is None:
            time.sleep(think)
            html = browser.get("/review/")
            continue
        ahead = browser.get("/review/ahead/", **{"HX-Request": "true"})
        while pairs:
            time.sleep(random.uniform(0.5 * think, 1.5 * think))
            if time.monotonic() - beat > 30:
                browser.post("/review/heartbeat/")
                beat = time.monotonic()
            fields = pairs.pop(0) | {
                "verdict": random.choices(("accept", "reject", "unsure"), (9, 10, 1))[0],
                "seconds": f"{think:.1f}",
                "request_id": str(secrets.token_hex(16)),
                "shows": lease[1] if pairs else (LEASE.search(ahead) or ["", ""])[1],
            }
            answer = json.loads(browser.post("/review/decide/", fields, Accept="application/json"))
            still = {str(pair) for pair in answer["open"]}
            if answer["lease"] == lease[1]:
                # Some were answered by this verdict.
                pairs = [pair for pair in pairs if pair["pair"] in still]
            else:
                pairs = []
        html = answer.get("html") or ahead or browser.get("/review/")


def candidates(html: str) -> list[dict[str, str]]:
    """The hidden fields of each candidate's form."""
    found: list[dict[str, str]] = []
    for name, value in FORM.findall(html):
        if name == "pair":
            found.append({})
        if found:
            found[-1][name] = value
    return found


if __name__ == "__main__":
    sys.exit(main())
