"""Every page on a million open pairs, as many decided ones and their groups: queries, and milliseconds of the server's time.

    python -m bench.pages [--pairs 1000000] [--times 7] [--only NAME ...] [--json OUT]

DATABASE_URL names an empty PostgreSQL database, which is filled as `bench.open_pairs` and `bench.past` do it, in about eight minutes; one
that this bench filled before is used again. Each page is asked by Django's test client, as an admin and as a reviewer, once to warm up and
to count its queries, then so many times against the clock. Of each list also every filter with some of its values, in every order, from
the first page and from one in its middle.
Beside the time on the clock stands the time on a processor, of the web process and of its database session together: what a request takes
where nothing else is done. Processors that are shared are faster at one moment than at another: `loops` is that time in loops of a million
multiplications in Python, timed right before and after each request, and QUIET_MS what such a loop takes while nobody else is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

MOST_MS, MOST_QUERIES = 100, 12
QUIET_MS = 40
CHOICES = 2
# Of a text field: a word of very many listings, a few words, a code, what nothing holds.
WORDS = ("edelstahl", "kettle", "水", "stainless steel bottle", "B-4711", "qqzzxx")
TYPED = {"q": WORDS, "words": WORDS, "category": ("Area 3", "Area 7 > Kind 11", "Kind 1", "nowhere"), "score_from": ("0.85", "0.99"),
         "score_to": ("0.75", "0.1")}  # fmt: skip
# Fragments that a page asks for.
FRAGMENTS: dict[str, list[str]] = {
    "progress": [],
    "ahead": [],
    "insights-data": ["scores"],
    "my-work-data": ["pace"],
    "team-data": ["backlog"],
}
PREVIEWS = ("verdict=accept", "verdict=reject&agreeing=1", "verdict=reject&category=Area+3", "verdict=accept&gtin=same")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--only", nargs="*", default=[], help="names of pages")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alignment.settings")
    os.environ.setdefault("VAR_DIR", tempfile.mkdtemp(prefix="alignment-bench-"))
    os.environ["ALLOWED_HOSTS"] = "testserver"
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    import django

    django.setup()
    prepare(args.pairs)
    # The web process as it begins, with all its pages loaded.
    import alignment.wsgi  # noqa: F401

    rows = []
    for who, page, path in asked():
        if not args.only or page in args.only:
            rows.append({"who": who.role, "page": page, "path": path.removeprefix("/")} | measure(who, path, args.times))
            tell(rows[-1])
    over = [row for row in rows if QUIET_MS * row["loops"] > MOST_MS or row["queries"] > MOST_QUERIES]
    slower = sum(row["cpu_ms"] > MOST_MS for row in rows)
    print(f"{len(rows)} requests, of which {slower} took more than {MOST_MS} ms now. Where a million multiplications take {QUIET_MS} ms,")
    now = statistics.median(row["loop_ms"] for row in rows)
    print(f"not {now:.1f} as now, {len(over)} would take more, or ask more than {MOST_QUERIES} queries:")
    for row in over:
        tell(row)
    if args.json:
        machine = {"machine": f"{os.cpu_count()} cores, {platform.machine()}"}
        report = {"pairs": args.pairs, "times": args.times} | machine | {"requests": rows}
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def tell(row: dict[str, Any]) -> None:
    clock = " ".join(f"{row[name]:7.1f}" for name in ("best_ms", "p50_ms", "worst_ms"))
    cpu = f"{row['cpu_ms']:7.1f} ms of cpu {row['loops']:5.2f} loops"
    print(f"{row['queries']:3} queries {cpu} {clock} ms  {row['who']}: {row['path']}", flush=True)


def prepare(pairs: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    from alignment.models import Decision, Pair
    from bench import open_pairs, past

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    if not Pair.objects.exists():
        open_pairs.fill(pairs)
    if not Decision.objects.exists():
        past.Past().fill()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def asked() -> Iterator[tuple[Any, str, str]]:
    """Who asks for which page, by which path."""
    from django.urls import reverse

    from alignment.models import (
        SKU,
        ApiToken,
        CandidateRun,
        Category,
        Conflict,
        Decision,
        EvaluationRun,
        ExportRun,
        Group,
        ImportRun,
        Pair,
        User,
    )
    from review import run_list
    from review.models import Lease
    from review.views import (
        audit,
        bulk,
        candidates,
        conflicts,
        evaluations,
        exports,
        groups,
        holds,
        imports,
        people,
        policies,
        skus,
        tokens,
        work,
    )
    from tests.review import walk

    lists = {
        "catalogue": (skus.SKUS, SKU),
        "groups": (groups.GROUPS, Group),
        "my-work": (work.HISTORY, Decision),
        "bulk": (bulk.OPEN, Pair),
        "audit": (audit.AUDIT, Decision),
        "runs": (run_list.RUNS, ImportRun),
        "people": (people.PEOPLE, User),
        "policies": (policies.POLICIES, Category),
        "imports": (imports.IMPORTS, ImportRun),
        "candidates": (candidates.CANDIDATES, CandidateRun),
        "evaluations": (evaluations.EVALUATIONS, EvaluationRun),
        "group-exports": (exports.EXPORTS, ExportRun),
        "conflicts": (conflicts.CONFLICTS, Conflict),
        "holds": (holds.HOLDS, Lease),
        "tokens": (tokens.TOKENS, ApiToken),
    }
    world = world_of()
    for who in (world.admin, world.reviewer):
        for page, path in walk.PAGES.items():
            if page not in lists:
                yield who, page, path(world)
        for page, names in FRAGMENTS.items():
            yield who, page, reverse(page, args=names)
        for query in PREVIEWS:
            yield who, "bulk-preview", f"{reverse('bulk-preview')}?{query}"
        for words in WORDS:
            yield who, "search", f"{reverse('search')}?{urlencode({'q': words})}"
        for subject in (f"sku:{world.sku.uuid}", f"pair:{world.pair.pk}", f"group:{world.group.uuid}"):
            yield who, "audit", f"{reverse('audit')}?{urlencode({'subject': subject})}"
        for page, (shape, model) in lists.items():
            for chosen in variants(shape, model):
                yield who, page, f"{reverse(page)}?{urlencode(chosen)}"


def variants(shape: Any, model: Any) -> Iterator[dict[str, str]]:
    """One list without filters and with some values of each, in every order; without, also from its middle."""
    from django.utils import timezone

    from review import keyset

    days = [f"{timezone.localdate() - timedelta(days=back)}" for back in (2, 60)]
    ids = model.objects.order_by("pk").values_list("pk", flat=True)
    last = ids.last()
    middle = model.objects.filter(pk__gte=last // 2 if isinstance(last, int) else "").order_by("pk").first()
    if middle is None:
        return
    filters: list[dict[str, str]] = [{}]
    for one in shape.filters:
        values = [value for value, _title in one.choices()] if one.choices else TYPED.get(one.name, ())
        few = values[:: max(1, len(values) // CHOICES)] if one.choices else days if one.kind == "date" else values
        filters += [{one.name: str(value)} for value in few]
    for sort in shape.sorts:
        for order in (sort.name, f"-{sort.name}"):
            place = keyset.Key(
                middle.pk if sort.field == "pk" else getattr(middle, model._meta.get_field(sort.field).attname), 0, middle.pk
            )
            yield {"sort": order, "after": keyset.cursor(place)}
            for chosen in filters:
                yield {"sort": order} | chosen


def world_of() -> Any:
    """Rows that are there, for pages of one thing. What nobody would find in the database is made: a file that waits, an invitation."""
    from alignment.importing import uploads
    from alignment.models import SKU, Category, Decision, EvaluationRun, ExportRun, Group, ImportRun, Pair, RerankRequest, User
    from review import people
    from tests.review import walk

    admin = User.objects.filter(role=User.Role.ADMIN, username__startswith="person").earliest("pk")
    reviewer = User.objects.filter(role=User.Role.REVIEWER, username__startswith="person").latest("pk")
    decided = Decision.objects.filter(actor=reviewer.actor.pk, verdict=Decision.Verdict.REJECT).latest("pk")
    pair = Pair.objects.get(pk=decided.pair_id)
    file = BytesIO(b"id,title\n1,Kettle\n")
    return walk.World(
        admin=admin,
        reviewer=reviewer,
        sku=SKU.objects.get(pk=pair.query_id),
        pair=pair,
        group=Group.objects.get(memberships__sku=pair.query_id),
        category=Category.objects.get(children=pair.category_id),
        upload=uploads.keep(upload=file, file_name="one.csv", source_name="Shop 1", complete=False, then_candidates=False, author=admin),
        import_run=ImportRun.objects.latest("pk"),
        evaluation=EvaluationRun.objects.latest("pk"),
        asked=RerankRequest.objects.latest("pk"),
        export=ExportRun.objects.latest("pk"),
        secret=people.invite(author=admin, name="Chen", role=User.Role.REVIEWER, languages=[], categories=[])[1],
        act=Decision.objects.filter(act__isnull=False).latest("pk").act,
    )


def measure(who: Any, path: str, times: int) -> dict[str, Any]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(raise_request_exception=False)
    client.force_login(who)
    count, led_on = 0, True
    # Where a case has to be taken first, the page leads to itself.
    while led_on:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path)
        count = max(count, len(queries))
        status, led_on = answer.status_code, answer.headers.get("Location") == path
    taken, busy, loops = [], [], [loop()]
    for _ in range(times):
        started, used = time.perf_counter(), processor()
        client.get(path)
        taken.append(1000 * (time.perf_counter() - started))
        busy.append(1000 * (processor() - used))
        loops.append(loop())
    found = {"cpu_ms": min(busy), "best_ms": min(taken), "p50_ms": statistics.median(taken), "worst_ms": max(taken)}
    beside = [2 * used / (before + after) for used, before, after in zip(busy, loops, loops[1:], strict=False)]
    speed = {"loops": round(statistics.median(beside), 2), "loop_ms": round(statistics.median(loops), 1)}
    return {"status": status, "queries": count} | {name: round(ms, 1) for name, ms in found.items()} | speed


def loop() -> float:
    """Milliseconds for a million multiplications in Python, from a quarter of them: how fast this machine is now."""
    started = time.process_time()
    for number in range(250_000):
        number * number
    return 4000 * (time.process_time() - started)


def processor() -> float:
    """Seconds that this process and its database session have been on a processor: both are on this machine."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return time.process_time() + int(Path(f"/proc/{cursor.fetchone()[0]}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    sys.exit(main())
