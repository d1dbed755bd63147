"""Measurements of the model in force on an uploaded file whose truth is known."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from alignment.models.runs import Run


class EvaluationRun(Run):
    """One file's evaluation. `report` is what workers.evaluation.report builds; `sets_done` of `sets` were scored by the reranker."""

    name = models.CharField(max_length=255)
    stored_path = models.CharField(max_length=1000)
    sets = models.PositiveIntegerField(default=0)
    sets_done = models.PositiveIntegerField(default=0)
    report = models.JSONField(null=True, blank=True)

    class Meta(Run.Meta):
        verbose_name = _("evaluation")
        verbose_name_plural = _("evaluations")

    def __str__(self) -> str:
        return self.name
