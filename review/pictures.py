"""A site that is nobody's, for pictures: started in a folder of its own with the sample in it, and gone with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from alignment import decisions, evaluations, exports, runs
from alignment.models import Actor, CandidateRun, CandidateSet, EvaluationRun, ExportRun, Pair, User
from alignment.sample import FOLDER, load
from review import figures, queue_counts
from review.models import DecisionDay, OpenDay, RouteDay

SECONDS_TO_START = 300
SECONDS_TO_SCORE = 1800
DECIDED = 240
# Of each day before today, the last first: the share of the pairs that were there, and what each of two people decided.
DAYS_BEFORE = ((0.96, (120, 81)), (0.93, (96, 104)), (0.85, (0, 37)), (0.84, (0, 0)), (0.83, (131, 92)), (0.66, (88, 73)), (0.52, (64, 45)))
# Settings of another site, which this one must not share.
NOT_ITS = {"DATABASE_URL", "REDIS_URL", "BIND", "ALLOWED_HOSTS"}


@contextmanager
def private_site() -> Iterator[dict[str, str]]:
    """The environment of a site that was started by `manage.py start` and answers. Raises CommandError where it does not."""
    # A short path: a socket lies in it. And a process just stopped may be writing its log.
    with tempfile.TemporaryDirectory(prefix="sku-", ignore_cleanup_errors=True) as folder:
        own = {"VAR_DIR": folder, "PORT": str(_free_port()), "HTTPS": "no", "DEBUG": "no"}
        environment = {name: value for name, value in os.environ.items() if name not in NOT_ITS} | own
        log = Path(folder) / "start.log"
        with log.open("wb") as output:
            started = subprocess.Popen(
                [sys.executable, "manage.py", "start"],
                cwd=settings.BASE_DIR,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            _until(lambda: _answers(started, own["PORT"]), seconds=SECONDS_TO_START)
            yield environment
        except TimeoutError:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
            raise CommandError("\n".join(["The site for the pictures did not start.", *said])) from None
        finally:
            _stop(started)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until(true: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.5)


def _answers(started: subprocess.Popen[bytes], port: str) -> bool:
    if started.poll() is not None:
        raise TimeoutError
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health/", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _stop(started: subprocess.Popen[bytes]) -> None:
    """What supervisor started, it stops; what is left of its session is killed."""
    started.terminate()
    try:
        started.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def live_in() -> None:
    """Let a week seem to have passed in the sample: pairs decided as its truth is, a file of groups, an evaluation."""
    if not settings.SAMPLE:
        return
    _until(_scored, seconds=SECONDS_TO_SCORE)
    admin = User.objects.filter(is_superuser=True).earliest("pk")
    reviewers = list(User.objects.filter(is_superuser=False).order_by("pk")[:2]) or [admin]
    truth = {(one["source"], one["external_id"]): one["product"] for one in load()}
    waiting = list(Pair.objects.filter(in_review=True).order_by("pk").values_list("pk", flat=True))
    for place, key in enumerate(waiting[:: max(1, len(waiting) // DECIDED)]):
        # Looked for anew each time: a verdict settles others.
        pair = Pair.objects.filter(in_review=True, pk=key).select_related("left__source", "right__source").first()
        if pair is None:
            continue
        left, right = (truth[sku.source.name, sku.external_id] for sku in (pair.left, pair.right))
        verdict = "accept" if left == right else "reject"
        decisions.decide(pair_id=pair.pk, verdict=verdict, user=reviewers[place % len(reviewers)], seconds=6.0)
    exports.start(ExportRun(format=ExportRun.Format.CSV), by=admin)
    with (FOLDER / "rerank_sets.jsonl").open("rb") as labelled:
        evaluations.start(upload=labelled, file_name="rerank_sets.jsonl", author=admin)
    _until(lambda: not any(runs.unfinished(kind).exists() for kind in (ExportRun, EvaluationRun)), seconds=SECONDS_TO_SCORE)
    figures.count(now=timezone.now() + timedelta(minutes=1))
    days_before(reviewers)
    queue_counts.count()


def days_before(people: list[User]) -> None:
    """Make up what was counted on the days before today: the log itself takes no decision of another day."""
    today = OpenDay.objects.latest("day")
    routes = dict(RouteDay.objects.filter(day=today.day).values_list("route", "pairs"))
    for back, (share, decided) in enumerate(DAYS_BEFORE, start=1):
        day = today.day - timedelta(days=back)
        OpenDay.objects.create(day=day, pairs=int(today.pairs * share))
        RouteDay.objects.bulk_create(RouteDay(day=day, route=route, pairs=int(pairs * share)) for route, pairs in routes.items())
        DecisionDay.objects.bulk_create(
            DecisionDay(day=day, actor=Actor.of(user).uuid, verdict="accept", decisions=count, seconds=6.0 * count)
            for user, count in zip(people, decided, strict=False)
            if count
        )


def _scored() -> bool:
    built = CandidateRun.objects.exists() and not runs.unfinished(CandidateRun).exists()
    return built and not CandidateSet.objects.exclude(status__in=[CandidateSet.Status.SCORED, CandidateSet.Status.PARKED]).exists()
