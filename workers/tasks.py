"""What a worker is woken for. A task takes an id or nothing; the database says what is to be done."""

from __future__ import annotations

import logging
import time

from celery import shared_task
from django.conf import settings

logger = logging.getLogger(__name__)
PAUSE_BETWEEN_CHUNKS = 0.01
# Of the time from one sweep to the next.
ROLLOUTS_SHARE = 0.7


@shared_task(name="workers.score_waiting")
def score_waiting() -> None:
    """Score what waits, chunk by chunk, until nothing does."""
    from workers import scorer

    scorer.drain()


@shared_task(name="workers.sweep")
def sweep() -> None:
    """Free claims that died, go on with what a killed worker left, and delete files whose time is over."""
    from alignment import evaluations, exports, rerank, rollout, runs, scoring, wake_ups
    from alignment.importing import uploads

    scoring.sweep()
    rerank.clear()
    uploads.sweep()
    exports.sweep()
    evaluations.sweep()
    runs.resume_interrupted()
    if rollout.waiting():
        wake_ups.wake(wake_ups.ROLL_OUT)


@shared_task(name="workers.roll_out")
def roll_out() -> None:
    """Apply published policies to the sets that were there before them, for some seconds: the sweep has it go on.

    The sweep itself, and what is counted for pages, wait in the same queue meanwhile.
    """
    from alignment import rollout

    until = time.monotonic() + settings.SWEEP_SECONDS * ROLLOUTS_SHARE
    while time.monotonic() < until and rollout.advance():
        # Whoever waits to write on SQLite looks every few milliseconds, and would miss the moment between two chunks.
        time.sleep(PAUSE_BETWEEN_CHUNKS)


@shared_task(name="workers.import_file")
def import_file(run_id: int) -> None:
    from alignment import importing

    importing.resume(run_id)


@shared_task(name="workers.evaluate")
def evaluate(run_id: int) -> None:
    from workers import evaluating

    evaluating.evaluate(run_id)


@shared_task(name="workers.build_candidates")
def build_candidates(run_id: int) -> None:
    from workers import building

    building.work(run_id)


@shared_task(name="workers.export_groups")
def export_groups(run_id: int) -> None:
    from alignment import exports

    exports.write(run_id)


@shared_task(name="workers.follow_scoring_run")
def follow_scoring_run(run_id: int) -> None:
    """Set aside what waits of a cancelled scoring run, or put it back when it goes on."""
    from alignment import scoring_runs

    scoring_runs.follow(run_id)


@shared_task(name="workers.change_categories")
def change_categories(run_id: int) -> None:
    from alignment import category_changes

    category_changes.work(run_id)


@shared_task(name="workers.count_brand_names")
def count_brand_names() -> None:
    from alignment import brand_names

    brand_names.count()
