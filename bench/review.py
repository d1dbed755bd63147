"""Fifty reviewers on a queue of a million open pairs.

    python -m bench.review [--pairs 1000000] [--reviewers 50] [--think 5] [--minutes 10] [--json OUT]

DATABASE_URL names an empty PostgreSQL database, which is filled; with --keep one that this bench filled before is used again. The server
is started as `make run` starts it, and what plays the reviewers gives way to it (nice 10). Times are the server's own, from gunicorn's
access log: what the load generator needs beside it is not in them, nor is waiting for a worker's thread; waiting for the cores, which it
shares, is. The rows are those of `bench.open_pairs`.
"""

from __future__ import annotations

import argparse
import json
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
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench import open_pairs, percentiles

ROOT = Path(__file__).resolve().parent.parent
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
        report["seconds_to_fill"] = open_pairs.fill(args.pairs)
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
            # A case that nobody holds yet is claimed by a request of its own, which leads to the page again.
            times["claim" if status == "302" else name].append(int(microseconds) / 1000)
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
            answer = connection.getresponse()
            if answer.status == 302 and answer.headers["Location"] == path:
                answer.read()
                return self._ask(method, path, body, headers)
            return answer.read().decode()
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
