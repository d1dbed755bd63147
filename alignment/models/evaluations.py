"""Measurements of the model in force on an uploaded file whose truth is known."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from alignment.models.people import User


class EvaluationRun(models.Model):
    """One file's evaluation. `report` is what workers.evaluation.report builds; `sets_done` of `sets` were scored by the reranker."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=255)
    stored_path = models.CharField(max_length=1000)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.WAITING)
    sets = models.PositiveIntegerField(default=0)
    sets_done = models.PositiveIntegerField(default=0)
    report = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    author = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("evaluation")
        verbose_name_plural = _("evaluations")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name
