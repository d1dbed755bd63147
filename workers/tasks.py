"""What a worker is woken for. A task takes an id or nothing; the database says what is to be done."""

from __future__ import annotations

import logging
import time

from celery import shared_task

logger = logging.getLogger(__name__)
PAUSE_BETWEEN_CHUNKS = 0.01


@shared_task(name="workers.score_waiting")
def score_waiting() -> None:
    """Score what waits, chunk by chunk, until nothing does."""
    from workers import scorer

    scorer.drain()


@shared_task(name="workers.sweep")
def sweep() -> None:
    """Free claims that died and go on with rollouts that a killed worker left."""
    from alignment import exports, rerank, rollout, runs, scoring, wake_ups
    from alignment.importing import uploads

    scoring.sweep()
    rerank.clear()
    uploads.sweep()
    exports.sweep()
    runs.resume_interrupted()
    if rollout.waiting():
        wake_ups.wake(wake_ups.ROLL_OUT)


@shared_task(name="workers.roll_out")
def roll_out() -> None:
    """Apply published policies to the sets that were there before them."""
    from alignment import rollout

    while rollout.advance():
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


@shared_task(name="workers.change_categories")
def change_categories(run_id: int) -> None:
    from alignment import category_changes

    category_changes.work(run_id)


@shared_task(name="workers.count_brand_names")
def count_brand_names() -> None:
    from alignment import brand_names

    brand_names.count()
