"""Files on their way into the catalogue: an upload that somebody looks at, the run that imports it, and the rows that it refused."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from alignment.models.catalogue import Source
from alignment.models.people import User
from alignment.models.runs import Run


class FileOptions(models.Model):
    """How a file is read. `mapping` is field to column, with "" for a field that the file does not have; empty, columns are guessed."""

    file_name = models.CharField(max_length=255)
    stored_path = models.CharField(max_length=500, blank=True)
    encoding = models.CharField(max_length=16, blank=True, help_text="Empty: found by looking")
    delimiter = models.CharField(max_length=1, blank=True, help_text="Empty: found by looking")
    mapping = models.JSONField(default=dict, blank=True)
    language = models.CharField(max_length=16, blank=True, help_text="Of its listings that do not say theirs")
    complete = models.BooleanField(default=False)
    then_candidates = models.BooleanField(default=False, help_text="Candidates are built for what it brought")
    rows_total = models.PositiveIntegerField(null=True, blank=True, help_text="How many rows it seems to have")

    class Meta:
        abstract = True


class Upload(FileOptions):
    """A file that waits to be imported, while its uploader looks at what would be stored. Nothing of it is in the catalogue."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    source_name = models.CharField(max_length=200)
    rows_exact = models.BooleanField(default=True, help_text="The rows were counted, not estimated")
    author = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.file_name


class ImportRun(FileOptions, Run):
    """One file on its way in: progress while it runs, counts when it is done. A killed one goes on after `chunks_stored`."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="import_runs")
    told_in = models.CharField(max_length=16, blank=True, help_text="The language in which its errors are told")
    rows_read = models.PositiveIntegerField(default=0)
    created_count = models.PositiveIntegerField(default=0)
    updated_count = models.PositiveIntegerField(default=0)
    unchanged_count = models.PositiveIntegerField(default=0)
    delisted_count = models.PositiveIntegerField(default=0)
    error_count = models.PositiveIntegerField(default=0)
    chunks_stored = models.PositiveIntegerField(default=0)

    class Meta(Run.Meta):
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return self.file_name


class RowError(models.Model):
    """One row that could not be imported: where it stands in the file, and why."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="row_errors")
    line = models.PositiveIntegerField()
    column = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500)
    value = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("row error")
        verbose_name_plural = _("row errors")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"line {self.line}, {self.column}: {self.reason}"
