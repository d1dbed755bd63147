"""A worker for the gpu queue that kills itself at a stated point: `python -m tests.processes.dying_worker POINT`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import django

django.setup()

from django.db import transaction  # noqa: E402

from alignment import scoring  # noqa: E402
from alignment.celery import app  # noqa: E402


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dies_before(function: Any) -> Any:
    def run(*args: Any, **kwargs: Any) -> Any:
        die()
        return function(*args, **kwargs)

    return run


def dies_after(function: Any) -> Any:
    def run(*args: Any, **kwargs: Any) -> Any:
        function(*args, **kwargs)
        die()

    return run


def dies_before_commit(function: Any) -> Any:
    def run(*args: Any, **kwargs: Any) -> Any:
        with transaction.atomic():
            function(*args, **kwargs)
            die()

    return run


POINTS = {
    "before a claim": ("claim", dies_before),
    "during scoring": ("prepare", dies_after),
    "after scoring, before the commit": ("store", dies_before_commit),
    "after the commit": ("store", dies_after),
}

if __name__ == "__main__":
    name, dying = POINTS[sys.argv[1]]
    setattr(scoring, name, dying(getattr(scoring, name)))
    app.worker_main(["worker", "-Q", "gpu", "-P", "solo", "--without-gossip", "--without-mingle", "--loglevel", "INFO"])
