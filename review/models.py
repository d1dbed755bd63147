"""A reviewer's hold on a case, and the SKUs it keeps from everyone else."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from alignment.models import SKU, Category, Decision, Pair


class Lease(models.Model):
    """One case, one person. It expires unless their work renews it. `ahead`: the next case, fetched while the person is at this one."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="leases")
    ahead = models.BooleanField(default=False)
    check_pair = models.ForeignKey(
        "KnownPair", on_delete=models.CASCADE, null=True, blank=True, related_name="+", help_text="The case is a hidden check of it"
    )
    query = models.OneToOneField(SKU, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reviewer", "ahead"], name="a_person_holds_one_case_and_one_ahead")]

    def __str__(self) -> str:
        return f"{self.reviewer} holds {self.query}"


class HeldSKU(models.Model):
    """A SKU that a lease keeps: held once, so two leases never touch the same SKU."""

    sku = models.OneToOneField(SKU, on_delete=models.PROTECT, primary_key=True, related_name="+")
    lease = models.ForeignKey(Lease, on_delete=models.CASCADE, related_name="held")

    def __str__(self) -> str:
        return str(self.sku)


class KnownPair(models.Model):
    """A pair whose answer is known, to be mixed in unmarked among a reviewer's cases."""

    pair = models.OneToOneField(Pair, on_delete=models.PROTECT, related_name="known")
    verdict = models.CharField(max_length=8, choices=[("accept", _("Same")), ("reject", _("Different"))])
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("known pair")
        verbose_name_plural = _("known pairs")

    def __str__(self) -> str:
        return f"{self.pair}: {self.verdict}"


class CheckAnswer(models.Model):
    """What one person said of a known pair, once. No decision: it never enters the log and moves no group.

    One that was taken back has no verdict until they are asked again. What they say then was said after they could look the pair up, and
    counts for nothing.
    """

    known = models.ForeignKey(KnownPair, on_delete=models.CASCADE, related_name="answers")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="check_answers")
    verdict = models.CharField(max_length=8, blank=True, choices=Decision.Verdict.choices)
    first = models.BooleanField(default=True, db_default=True, help_text="Whether nothing was taken back before it")
    seconds = models.FloatField(null=True, blank=True)
    request_id = models.UUIDField(null=True, blank=True, unique=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("check answer")
        verbose_name_plural = _("check answers")
        constraints = [models.UniqueConstraint(fields=["known", "reviewer"], name="a_known_pair_is_asked_of_a_person_once")]
        indexes = [models.Index(fields=["reviewer", "created_at"], name="check_answers_by_reviewer")]

    def __str__(self) -> str:
        return f"{self.reviewer} on {self.known}"


class QueueCount(models.Model):
    """How much is open in one category and pair of languages, as last counted: pages read this instead of a million pairs."""

    category = models.ForeignKey(Category, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    languages = models.CharField(max_length=40, blank=True)
    stage = models.CharField(max_length=12, choices=Pair.Stage.choices)
    pairs = models.PositiveIntegerField()
    cases = models.PositiveIntegerField()
    overdue = models.PositiveIntegerField(default=0)
    oldest_at = models.DateTimeField(null=True, blank=True)
    counted_at = models.DateTimeField()

    class Meta:
        verbose_name = _("queue count")
        verbose_name_plural = _("queue counts")
        constraints = [
            models.UniqueConstraint(fields=["category", "languages", "stage"], name="a_queue_is_counted_once"),
            models.UniqueConstraint(
                fields=["languages", "stage"], condition=models.Q(category__isnull=True), name="a_queue_without_category_is_counted_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pairs} pairs in {self.category}"


class Figures(models.Model):
    """What pages show of a million pairs, as last counted: of one category itself or, without one, of all. Derived; the log is the truth.

    `scores`: route to pairs in each fiftieth of a score. `verdicts`: pair of languages to score band to the persons' verdicts that stand,
    as [same, different, unsure]. `ages`: open pairs by how long they have waited. `agreement`: of the row of all categories, actor to
    [pairs with two opinions, of which the same, kappa or null] over the last days.
    """

    category = models.ForeignKey(Category, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    scores = models.JSONField(default=dict)
    verdicts = models.JSONField(default=dict)
    ages = models.JSONField(default=list)
    agreement = models.JSONField(default=dict)
    position = models.BigIntegerField(default=0, help_text="The last decision counted by day; of the row of all categories")
    seconds = models.FloatField(default=0.0, help_text="How long the counting took; of the row of all categories")
    counted_at = models.DateTimeField()

    class Meta:
        verbose_name = _("figures")
        verbose_name_plural = _("figures")
        constraints = [models.UniqueConstraint(Coalesce("category_id", 0), name="a_category_is_counted_once")]

    def __str__(self) -> str:
        return f"figures of {self.category or 'all categories'}"


class DecisionDay(models.Model):
    """How many decisions of one kind one person, or the policies together, made on one day."""

    day = models.DateField()
    actor = models.UUIDField(null=True, blank=True, help_text="Actor id; empty for policies")
    verdict = models.CharField(max_length=8, choices=Decision.Verdict.choices)
    decisions = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0.0, help_text="How long its makers looked, together")

    class Meta:
        verbose_name = _("decisions of a day")
        verbose_name_plural = _("decisions of a day")
        constraints = [
            models.UniqueConstraint(fields=["day", "actor", "verdict"], name="a_persons_day_is_counted_once"),
            models.UniqueConstraint(fields=["day", "verdict"], condition=Q(actor__isnull=True), name="the_policies_day_is_counted_once"),
        ]

    def __str__(self) -> str:
        return f"{self.decisions} on {self.day}"


class RouteDay(models.Model):
    """How many pairs lay on a route when a day was last counted."""

    day = models.DateField()
    route = models.CharField(max_length=8, choices=Pair.Route.choices)
    pairs = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("routes of a day")
        verbose_name_plural = _("routes of a day")
        constraints = [models.UniqueConstraint(fields=["day", "route"], name="a_days_route_is_counted_once")]

    def __str__(self) -> str:
        return f"{self.pairs} on {self.route} on {self.day}"


class OpenDay(models.Model):
    """How many pairs were open when a day was last counted. `queues`: category's id (or nothing) and languages, as 12:en|zh, to pairs."""

    day = models.DateField(unique=True)
    pairs = models.PositiveIntegerField()
    queues = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("open pairs of a day")
        verbose_name_plural = _("open pairs of a day")

    def __str__(self) -> str:
        return f"{self.pairs} open on {self.day}"
