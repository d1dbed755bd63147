"""What a category asks of its pairs: an instruction and two thresholds, in immutable versions."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from alignment.models.catalogue import Category


class PolicyVersion(models.Model):
    """Immutable (triggers refuse UPDATE and DELETE). The published version of a category is its highest number."""

    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="policy_versions")
    number = models.PositiveIntegerField()
    instruction = models.TextField(help_text="Template; {category}, {language} and {source} stand for the query SKU's")
    accept_at = models.FloatField()
    review_at = models.FloatField()
    author = models.UUIDField(null=True, blank=True, help_text="Actor id; empty for what came with the product")
    note = models.CharField(max_length=500, blank=True)
    restores = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("policy version")
        verbose_name_plural = _("policy versions")
        ordering = ["category", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["category", "number"], name="a_policy_number_is_used_once"),
            models.CheckConstraint(
                condition=Q(review_at__gte=0) & Q(review_at__lte=F("accept_at")) & Q(accept_at__lte=1),
                name="review_threshold_is_not_above_accept_threshold",
            ),
            models.CheckConstraint(condition=~Q(instruction=""), name="a_policy_has_an_instruction"),
        ]

    def __str__(self) -> str:
        return f"{self.category}, version {self.number}"


class PolicyRollout(models.Model):
    """How far a published version has been applied to the sets that were there before it. Survives a killed worker."""

    policy = models.OneToOneField(PolicyVersion, on_delete=models.PROTECT, related_name="rollout")
    previous = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    last_set_id = models.BigIntegerField(default=0)
    final_set_id = models.BigIntegerField(default=0)
    rerouted = models.PositiveIntegerField(default=0)
    rescored = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("policy rollout")
        verbose_name_plural = _("policy rollouts")

    def __str__(self) -> str:
        return f"rollout of {self.policy}"
