"""Texts that somebody asks about at once: a query and documents, scored before any candidate set and kept for a while."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from alignment.models.candidates import ScoringModel
from alignment.models.catalogue import Category


class RerankRequest(models.Model):
    """One query and its documents under an instruction. `answers` are (logit, probability, tokens read, tokens cut), in order."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        CLAIMED = "claimed", _("Being scored")
        ANSWERED = "answered", _("Answered")
        FAILED = "failed", _("Failed")
        GIVEN_UP = "given_up", _("Given up")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    instruction = models.TextField()
    query = models.TextField()
    documents = models.JSONField()
    document_limit = models.PositiveIntegerField(null=True, blank=True, help_text="How many tokens of a document are read at most")
    category = models.ForeignKey(Category, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    shared = models.BooleanField(default=False, help_text="Kept for whoever has its link")
    owner_id = models.UUIDField(help_text="The asker's actor id")
    beside = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", help_text="The same texts under another instruction"
    )
    explain = models.BooleanField(default=False, db_default=False, help_text="The worker also says what the model reads")
    explained = models.JSONField(null=True, blank=True, help_text="What the model read for each document: see `alignment.rerank.Reading`")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    holder = models.CharField(max_length=100, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    model = models.ForeignKey(ScoringModel, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    answers = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("rerank request")
        verbose_name_plural = _("rerank requests")
        indexes = [
            models.Index(F("id"), condition=Q(status__in=["pending", "claimed"]), name="open_rerank_requests"),
            models.Index(fields=["shared", "created_at"], name="rerank_requests_by_age"),
        ]

    def __str__(self) -> str:
        return f"{len(self.documents)} documents"
