"""What is brought up to date for pages while nobody waits. No task here is needed for anything to be right."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="review.count_figures")
def count_figures() -> None:
    from review import figures

    figures.count()


@shared_task(name="review.count_queues")
def count_queues() -> None:
    from review import queue_counts

    queue_counts.count()
