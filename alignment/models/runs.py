"""What every long job has: where it stands, who asked for it, and when its worker was last heard of."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from alignment.models.people import User


class Run(models.Model):
    """A job that a worker takes, tells the progress of, and finishes: see `alignment.runs`."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.WAITING)
    error = models.TextField(blank=True)
    author = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True, help_text="When its worker last told how far it is")
    finished_at = models.DateTimeField(null=True, blank=True)
    taken = models.PositiveIntegerField(default=0, db_default=0, help_text="How often a worker took it")

    class Meta:
        abstract = True
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["created_at", "id"], name="%(class)s_by_time"),
            models.Index(fields=["status", "created_at", "id"], name="%(class)s_by_status"),
            models.Index(fields=["author", "created_at", "id"], name="%(class)s_by_author"),
        ]

    @property
    def unfinished(self) -> bool:
        return self.status in (self.Status.WAITING, self.Status.RUNNING)


class RunEvent(models.Model):
    """One line of a run's own log. `run` is the uuid of a run of any kind."""

    class What(models.TextChoices):
        ASKED = "asked", _("Asked for")
        TAKEN = "taken", _("Taken by a worker")
        TAKEN_AGAIN = "again", _("Taken again: its worker had fallen silent")
        READ = "read", _("The catalogue is read")
        INDEXED = "indexed", _("The index is ready")
        DELISTING = "delisting", _("Every row is read; what the file lacks is marked")
        RETRIED = "retried", _("Started again")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")
        EXPIRED = "expired", _("The file was deleted: its time was over")

    run = models.UUIDField()
    what = models.CharField(max_length=9, choices=What.choices)
    author = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    text = models.TextField(blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("run event")
        verbose_name_plural = _("run events")
        ordering = ("id",)
        indexes = [models.Index(fields=["run", "id"], name="run_events_in_order")]

    def __str__(self) -> str:
        return self.get_what_display()
