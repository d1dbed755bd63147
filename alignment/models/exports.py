"""Exports of groups that are written by a worker and fetched later."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from alignment.models.runs import Run


class ExportRun(Run):
    """One file of groups: what was asked for, how far it is, and until when it can be fetched. Filters are those of `alignment.export`."""

    class Format(models.TextChoices):
        CSV = "csv", _("CSV, one row a listing")
        NDJSON = "ndjson", _("NDJSON, one line a group")
        JSON = "json", _("JSON, one document")

    format = models.CharField(max_length=6, choices=Format.choices, default=Format.CSV)
    category = models.CharField(max_length=1000, blank=True)
    language = models.CharField(max_length=16, blank=True)
    source = models.CharField(max_length=200, blank=True)
    changed_since = models.BigIntegerField(default=0, help_text="Only groups that changed after this log position")
    position = models.BigIntegerField(null=True, blank=True, help_text="The log position that it was read at")
    groups = models.PositiveIntegerField(default=0)
    groups_done = models.PositiveIntegerField(default=0)
    size = models.BigIntegerField(default=0, help_text="Bytes")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Until when its file is kept; empty when there is none")

    class Meta(Run.Meta):
        verbose_name = _("export")
        verbose_name_plural = _("exports")

    def __str__(self) -> str:
        return f"groups.{self.format}"
