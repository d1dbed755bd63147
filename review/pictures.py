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
from alignment.models import CandidateRun, CandidateSet, EvaluationRun, ExportRun, Pair, User
from alignment.sample import FOLDER, load
from review import figures, queue_counts

SECONDS_TO_START = 300
SECONDS_TO_SCORE = 1800
DECIDED = 100
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
    reviewer = User.objects.filter(is_superuser=False).order_by("pk").first() or admin
    truth = {(one["source"], one["external_id"]): one["product"] for one in load()}
    last = 0
    for _ in range(DECIDED):
        # Looked for anew each time: a verdict settles others.
        still_open = Pair.objects.filter(in_review=True, pk__gt=last).select_related("left__source", "right__source")
        pair = still_open.order_by("pk").first()
        if pair is None:
            break
        last = pair.pk
        left, right = (truth[sku.source.name, sku.external_id] for sku in (pair.left, pair.right))
        decisions.decide(pair_id=pair.pk, verdict="accept" if left == right else "reject", user=reviewer, seconds=6.0)
    exports.start(ExportRun(format=ExportRun.Format.CSV), by=admin)
    with (FOLDER / "rerank_sets.jsonl").open("rb") as labelled:
        evaluations.start(upload=labelled, file_name="rerank_sets.jsonl", author=admin)
    _until(lambda: not any(runs.unfinished(kind).exists() for kind in (ExportRun, EvaluationRun)), seconds=SECONDS_TO_SCORE)
    figures.count(now=timezone.now() + timedelta(minutes=1))
    queue_counts.count()


def _scored() -> bool:
    built = CandidateRun.objects.exists() and not runs.unfinished(CandidateRun).exists()
    return built and not CandidateSet.objects.exclude(status__in=[CandidateSet.Status.SCORED, CandidateSet.Status.PARKED]).exists()
