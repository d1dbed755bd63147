"""What retrieval or a caller proposes, who scores it, and the scores: facts."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from alignment.models.catalogue import SKU, Category, Source
from alignment.models.people import ApiToken
from alignment.models.runs import Run


class ScoringModel(models.Model):
    """What produced a score: a model's revision, its dtype, its prompt format and its token limit."""

    name = models.CharField(max_length=300)
    revision = models.CharField(max_length=100)
    dtype = models.CharField(max_length=16)
    prompt_format = models.CharField(max_length=100)
    max_length = models.PositiveIntegerField()
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("scoring model")
        verbose_name_plural = _("scoring models")
        constraints = [
            models.UniqueConstraint(fields=["revision", "dtype", "prompt_format", "max_length"], name="a_scoring_model_is_stored_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Score(models.Model):
    """The model's probability for (query text, document text) under one instruction: a fact, never edited.

    `logit` is l_yes - l_no in fp32; `probability` is its sigmoid. Lengths are in tokens of the document.
    """

    model = models.ForeignKey(ScoringModel, on_delete=models.PROTECT, related_name="scores", db_index=False)
    instruction_hash = models.CharField(max_length=64)
    query_hash = models.CharField(max_length=64)
    document_hash = models.CharField(max_length=64)
    probability = models.FloatField()
    logit = models.FloatField()
    tokens_read = models.PositiveIntegerField()
    tokens_cut = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        constraints = [
            models.UniqueConstraint(
                fields=["query_hash", "document_hash", "instruction_hash", "model"], name="the_same_inputs_have_one_score"
            ),
            models.CheckConstraint(condition=Q(probability__gte=0, probability__lte=1), name="a_probability_is_between_0_and_1"),
        ]

    def __str__(self) -> str:
        return f"{self.probability:.4f}"


class CandidateRun(Run):
    """One building of candidates by retrieval: for which SKUs, from which, and how far it is. Options are the command's."""

    k = models.PositiveIntegerField()
    minimum = models.FloatField(default=0.0)
    other_source = models.BooleanField(default=False)
    other_language = models.BooleanField(default=False)
    category_levels = models.PositiveSmallIntegerField(default=0)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    category = models.ForeignKey(Category, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    changed_only = models.BooleanField(default=False, help_text="Only SKUs that are new or changed, and those that they can affect")
    skus = models.PositiveIntegerField(default=0)
    skus_done = models.PositiveIntegerField(default=0)
    sets_changed = models.PositiveIntegerField(default=0)

    class Meta(Run.Meta):
        verbose_name = _("candidate run")
        verbose_name_plural = _("candidate runs")

    def __str__(self) -> str:
        return f"{self.k} candidates each"


class CandidateSet(models.Model):
    """A query SKU and the candidates proposed for it. Also the unit of scoring work: see `alignment.scoring` for its lease."""

    class Origin(models.TextChoices):
        RETRIEVAL = "retrieval", "Retrieval"
        CALLER = "caller", "Caller"

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        CLAIMED = "claimed", "Being scored"
        SCORED = "scored", "Scored"
        PARKED = "parked", "Failed"
        ASIDE = "aside", "Set aside"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    query = models.ForeignKey(SKU, on_delete=models.PROTECT, related_name="candidate_sets")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    origin = models.CharField(max_length=16, choices=Origin.choices)
    interactive = models.BooleanField(default=False)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    holder = models.CharField(max_length=100, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True, help_text="A failed set waits until then")
    alone = models.BooleanField(default=False, help_text="Failed in company: scored by itself from now on")
    generation = models.PositiveIntegerField(default=0, help_text="Grows when its inputs change, so that a late result is told")
    error = models.TextField(blank=True)
    idempotency_key = models.CharField(max_length=200, blank=True)
    request_hash = models.CharField(max_length=64, blank=True)
    token = models.ForeignKey(ApiToken, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    owner_id = models.UUIDField(null=True, blank=True, help_text="The caller's actor id: an idempotency key is theirs")
    built_by = models.ForeignKey(CandidateRun, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    scoring_run = models.ForeignKey(
        "alignment.ScoringRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    built_from = models.CharField(max_length=64, blank=True, help_text="The query's content hash when its candidates were built")
    created_at = models.DateTimeField(db_default=Now())
    scored_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("candidate set")
        verbose_name_plural = _("candidate sets")
        constraints = [
            models.UniqueConstraint(fields=["query"], condition=Q(origin="retrieval"), name="retrieval_builds_one_set_per_query"),
            models.UniqueConstraint(
                fields=["owner_id", "idempotency_key"], condition=~Q(idempotency_key=""), name="an_idempotency_key_makes_one_set"
            ),
            models.CheckConstraint(
                condition=Q(status="claimed", lease_expires_at__isnull=False) | (~Q(status="claimed") & Q(lease_expires_at__isnull=True)),
                name="a_claimed_set_and_no_other_has_a_lease",
            ),
            models.CheckConstraint(condition=~Q(status="aside") | Q(scoring_run__isnull=False), name="a_set_aside_belongs_to_a_run"),
        ]
        indexes = [
            models.Index(F("interactive").desc(), F("id"), condition=Q(status="pending"), name="waiting_sets"),
            models.Index(fields=["status", "id"], name="sets_by_status"),
            models.Index(fields=["lease_expires_at"], condition=Q(status="claimed"), name="claimed_sets"),
            models.Index(fields=["scoring_run", "status", "id"], condition=Q(scoring_run__isnull=False), name="sets_of_a_scoring_run"),
        ]

    def __str__(self) -> str:
        return f"candidates of {self.query}"


class Candidate(models.Model):
    """One SKU proposed for a set's query: a direction (query, document). `score` is the fact that answers it now, null while it waits."""

    set = models.ForeignKey(CandidateSet, on_delete=models.CASCADE, related_name="candidates", db_index=False)
    query = models.ForeignKey(SKU, on_delete=models.PROTECT, related_name="+", db_index=False)
    sku = models.ForeignKey(SKU, on_delete=models.PROTECT, related_name="+", db_index=False)
    rank = models.PositiveIntegerField()
    retrieval_score = models.FloatField(null=True, blank=True)
    score = models.ForeignKey(Score, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)

    class Meta:
        verbose_name = _("candidate")
        verbose_name_plural = _("candidates")
        constraints = [
            models.UniqueConstraint(fields=["set", "sku"], name="a_set_proposes_a_sku_once"),
            models.CheckConstraint(condition=~Q(query=F("sku")), name="a_sku_is_never_its_own_candidate"),
        ]
        indexes = [models.Index(fields=["sku", "query"], name="candidates_by_direction")]

    def __str__(self) -> str:
        return f"candidate {self.rank}"


class Worker(models.Model):
    """A process that scores, as it says of itself: its liveness is this row, not a broker's ping."""

    name = models.CharField(max_length=200, unique=True)
    model = models.ForeignKey(ScoringModel, on_delete=models.SET_NULL, null=True, blank=True)
    device = models.CharField(max_length=200, blank=True)
    sets_in_hand = models.PositiveIntegerField(default=0)
    pairs_scored = models.PositiveBigIntegerField(default=0)
    pairs_per_second = models.FloatField(null=True, blank=True)
    memory_mb = models.PositiveIntegerField(null=True, blank=True, help_text="Of its GPU, else of its process")
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name
