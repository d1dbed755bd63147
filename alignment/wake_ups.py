"""Telling the workers that something waits. Wake-ups carry no state: what waits is in rows, which the sweeper looks at."""

from __future__ import annotations

import logging

from django.db import transaction
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from alignment.celery import app

logger = logging.getLogger(__name__)

SCORE, SWEEP, ROLL_OUT, IMPORT = "workers.score_waiting", "workers.sweep", "workers.roll_out", "workers.import_file"
EVALUATE = "workers.evaluate"
BUILD_CANDIDATES = "workers.build_candidates"
EXPORT, CHANGE_CATEGORIES = "workers.export_groups", "workers.change_categories"
FOLLOW_SCORING_RUN = "workers.follow_scoring_run"
# Minutes of work have a worker of their own: what is short, and what frees dead claims, never waits behind them.
QUEUES = {SCORE: "gpu", IMPORT: "long", EVALUATE: "long", BUILD_CANDIDATES: "long"}


def wake(task: str = SCORE, *args: object) -> None:
    """After commit, tell the workers that something waits. A broker that is down loses nothing: the sweeper looks at the rows."""

    def send() -> None:
        try:
            app.send_task(task, args=args, queue=QUEUES.get(task, "default"), retry=False, ignore_result=True)
        except (KombuError, RedisError, OSError) as error:
            logger.warning("No wake-up for %s: the broker does not answer (%s). The sweeper will find the work.", task, error)

    transaction.on_commit(send)
