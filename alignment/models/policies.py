"""What a category asks of its pairs: an instruction and two thresholds, in immutable versions."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alignment.models.catalogue import Category


class PolicyVersion(models.Model):
    """Immutable (triggers refuse UPDATE and DELETE). The published version of a category is its highest number.

    One that restores another category's version ends its own category's policy: what is inherited is in force there again.
    Beside what the model is asked and where its scores lead, a version says how people review what is borderline.
    """

    class Guard(models.TextChoices):
        VOLUME = "volume", _("Volume")
        MASS = "mass", _("Weight")
        LENGTH = "length", _("Length")
        POWER = "power", _("Power")
        VOLTAGE = "voltage", _("Voltage")
        CHARGE = "charge", _("Battery")
        COUNT = "count", _("Pieces")
        MODEL_CODE = "model code", _("Model code")
        SIZE = "size", _("Size")

    class Order(models.TextChoices):
        OLDEST = "oldest", _("Oldest first")
        LIKELIEST = "likeliest", _("Likeliest first")
        UNCERTAIN = "uncertain", _("Most uncertain first")
        SETTLING = "settling", _("Most settled per answer first")

    class Priority(models.IntegerChoices):
        LOW = -1, _("Low")
        NORMAL = 0, _("Normal")
        HIGH = 1, _("High")

    class Reasons(models.TextChoices):
        OFF = "off", _("Not asked")
        OPTIONAL = "optional", _("May be given")
        REQUIRED = "required", _("Must be given")

    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="policy_versions")
    number = models.PositiveIntegerField()
    instruction = models.TextField(help_text="Template; {category}, {language} and {source} stand for the query SKU's")
    accept_at = models.FloatField()
    review_at = models.FloatField()
    guards = models.JSONField(default=list, blank=True, help_text="Kinds of facts; a conflict in one sends an accept to review")
    blind = models.BooleanField(default=False, db_default=False, help_text="Scores are hidden until the verdict")
    reasons = models.CharField(
        max_length=8, choices=Reasons.choices, default=Reasons.OFF, db_default=Reasons.OFF, help_text="Whether a reject is asked its reason"
    )
    order = models.CharField(max_length=9, choices=Order.choices, default=Order.OLDEST, db_default=Order.OLDEST)
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.NORMAL, db_default=Priority.NORMAL)
    due_hours = models.PositiveIntegerField(null=True, blank=True, help_text="Hours in which an open pair is to be decided")
    second_share = models.FloatField(default=0.0, db_default=0.0, help_text="Share of cases that go to a second reviewer")
    second_unsure = models.BooleanField(default=False, db_default=False, help_text="Every pair that somebody was unsure of does too")
    check_share = models.FloatField(default=0.0, db_default=0.0, help_text="Share of cases that carry a pair whose answer is known")
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
            models.CheckConstraint(
                condition=Q(second_share__gte=0, second_share__lte=1, check_share__gte=0, check_share__lte=1),
                name="shares_of_cases_are_between_0_and_1",
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(category)s, version %(number)s") % {"category": self.category, "number": self.number}

    @property
    def inherits(self) -> bool:
        """Whether it ends its category's own policy. Reads `restores`."""
        return self.restores is not None and self.restores.category_id != self.category_id


class PolicyRollout(models.Model):
    """How far a published version has been applied to the sets that were there before it. Survives a killed worker.

    `sets` is how many there are to look at, counted when a worker begins; `sets_done` how many of them it has looked at.
    """

    policy = models.OneToOneField(PolicyVersion, on_delete=models.PROTECT, related_name="rollout")
    previous = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    last_set_id = models.BigIntegerField(default=0)
    final_set_id = models.BigIntegerField(default=0)
    sets = models.PositiveIntegerField(null=True, blank=True)
    sets_done = models.PositiveIntegerField(default=0, db_default=0)
    rerouted = models.PositiveIntegerField(default=0)
    rescored = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("policy rollout")
        verbose_name_plural = _("policy rollouts")
        indexes = [models.Index(fields=["created_at", "id"], name="policyrollouts_by_time")]

    def __str__(self) -> str:
        return f"rollout of {self.policy}"

    @property
    def begun(self) -> bool:
        return self.sets is not None
