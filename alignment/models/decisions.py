"""Pairs, the append-only log of decisions about them, and the audit events beside it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alignment.models.candidates import Score, ScoringModel
from alignment.models.catalogue import SKU, Category
from alignment.models.people import User
from alignment.models.policies import PolicyVersion


class Actor(models.Model):
    """The opaque id by which the log names a person. Without its user the id says nothing: the person is forgotten."""

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="actor")

    class Meta:
        verbose_name = _("actor")
        verbose_name_plural = _("actors")

    def __str__(self) -> str:
        return self.user.get_username() if self.user else gettext("someone who left")

    @classmethod
    def of(cls, user: User) -> Actor:
        """Read once for a user object, which a request has one of."""
        try:
            return user.actor
        except cls.DoesNotExist:
            return cls.objects.get_or_create(user=user)[0]


class Pair(models.Model):
    """Two SKUs, unordered, stored once, and what is known of them now.

    `route` and `policy` say what the latest scores lead to. `standing` is the decision in force, if any. `query` is the SKU under
    whose case the pair is shown. `in_review` is true while a person has something to decide: a borderline route without a person's
    verdict, a person's verdict whose text changed, an unsure, or a verdict that wants a second opinion; and never while the groups imply
    the answer (`implied`). All of it is derived; the log is the truth.
    """

    class Route(models.TextChoices):
        WAITING = "waiting", "Waiting"
        ACCEPT = "accept", "Accept"
        REVIEW = "review", "Review"
        DISCARD = "discard", "Discard"

    class Stage(models.TextChoices):
        FIRST = "first", _("First opinion")
        SECOND = "second", _("Second opinion")
        ADJUDICATION = "adjudication", _("Adjudication")
        ESCALATED = "escalated", _("Escalated")

    class Implied(models.TextChoices):
        NOT = "", _("Not implied")
        SAME = "same", _("Same, by its group")
        DIFFERENT = "different", _("Different, by a reject between its groups")

    left = models.ForeignKey(SKU, on_delete=models.PROTECT, related_name="+", db_index=False)
    right = models.ForeignKey(SKU, on_delete=models.PROTECT, related_name="+")
    query = models.ForeignKey(SKU, on_delete=models.PROTECT, related_name="+", db_index=False)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    route = models.CharField(max_length=8, choices=Route.choices, default=Route.WAITING)
    score = models.ForeignKey(Score, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    reverse_score = models.ForeignKey(Score, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    policy = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    standing = models.OneToOneField("Decision", on_delete=models.PROTECT, null=True, blank=True, related_name="stands_for")
    in_review = models.BooleanField(default=False)
    text_changed = models.BooleanField(default=False)
    stage = models.CharField(max_length=12, choices=Stage.choices, default=Stage.FIRST, db_default=Stage.FIRST)
    implied = models.CharField(max_length=9, choices=Implied.choices, default=Implied.NOT, db_default="", blank=True)
    guard = models.CharField(max_length=200, blank=True, db_default="", help_text="Kinds of facts in conflict that kept it from accept")
    languages = models.CharField(max_length=40, blank=True, db_default="", help_text="Both SKUs' languages, sorted, as en|zh")
    same_gtin = models.BooleanField(default=False, db_default=False, help_text="Both SKUs state one GTIN")
    priority = models.SmallIntegerField(default=0, db_default=0)
    order_key = models.FloatField(default=0.0, db_default=0.0, help_text="Its place among pairs of one priority, by its policy's order")
    probability = models.FloatField(null=True, blank=True, help_text="Its score's, as it was when it was last opened or routed")
    due_since = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("pair")
        verbose_name_plural = _("pairs")
        constraints = [
            models.UniqueConstraint(fields=["left", "right"], name="a_pair_is_stored_once"),
            models.CheckConstraint(condition=Q(left__lt=F("right")), name="a_pair_is_ordered"),
            models.CheckConstraint(condition=Q(query=F("left")) | Q(query=F("right")), name="a_pair_is_shown_under_one_of_its_skus"),
        ]
        indexes = [
            models.Index(fields=["query", "id"], condition=Q(in_review=True), name="open_pairs_by_query"),
            models.Index(fields=["due_since", "id"], condition=Q(in_review=True), name="open_pairs_by_age"),
            models.Index(
                F("stage"), F("priority").desc(), F("order_key"), F("id"), condition=Q(in_review=True), name="open_pairs_in_order"
            ),
            models.Index(
                F("stage"),
                F("languages"),
                F("priority").desc(),
                F("order_key"),
                F("id"),
                condition=Q(in_review=True),
                name="open_pairs_by_languages",
            ),
            models.Index(
                F("stage"),
                F("category"),
                F("priority").desc(),
                F("order_key"),
                F("id"),
                condition=Q(in_review=True),
                name="open_pairs_by_category",
            ),
            models.Index(fields=["due_at", "id"], condition=Q(in_review=True, due_at__isnull=False), name="open_pairs_by_due_time"),
            models.Index(fields=["probability", "id"], condition=Q(in_review=True), name="open_pairs_by_score"),
            models.Index(fields=["id"], condition=Q(in_review=True), name="open_pairs_by_id"),
            models.Index(fields=["id"], condition=Q(in_review=True) & ~Q(guard=""), name="guarded_open_pairs"),
            models.Index(fields=["id"], condition=Q(in_review=True, same_gtin=True), name="open_pairs_of_one_gtin"),
            models.Index(
                fields=["due_since", "id"],
                condition=Q(in_review=True, stage__in=["adjudication", "escalated"]),
                name="escalated_pairs_by_age",
            ),
            models.Index(fields=["category", "route"], name="pairs_by_category_and_route"),
        ]

    def __str__(self) -> str:
        return f"{self.left} / {self.right}"


class Decision(models.Model):
    """A verdict on a pair, in the log. The id is the log position: ids are given under a lock that is held until commit.

    Whatever its maker saw is frozen here. `withdraws` names the decision that a withdraw ends.
    """

    class Verdict(models.TextChoices):
        ACCEPT = "accept", "Same"
        REJECT = "reject", "Different"
        UNSURE = "unsure", "Unsure"
        WITHDRAW = "withdraw", "Withdrawn"

    class By(models.TextChoices):
        PERSON = "person", "a person"
        POLICY = "policy", "a policy"

    class RejectReason(models.TextChoices):
        SIZE = "size", _("Other size")
        MODEL = "model", _("Other model")
        ACCESSORY = "accessory", _("Accessory")
        BUNDLE = "bundle", _("Bundle")
        VARIANT = "variant", _("Variant")
        CATEGORY = "category", _("Wrong category")

    id = models.BigAutoField(primary_key=True)
    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    by = models.CharField(max_length=6, choices=By.choices)
    actor = models.UUIDField(null=True, blank=True)
    withdraws = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="withdrawn_by")
    policy = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    model = models.ForeignKey(ScoringModel, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    score = models.FloatField(null=True, blank=True)
    reverse_score = models.FloatField(null=True, blank=True)
    left_hash = models.CharField(max_length=64)
    right_hash = models.CharField(max_length=64)
    seconds = models.FloatField(null=True, blank=True, help_text="How long its maker looked")
    reason = models.CharField(max_length=40, blank=True, help_text="Why a policy withdrew, or in which stage or way a person decided")
    reject_reason = models.CharField(max_length=16, choices=RejectReason.choices, blank=True, db_default="")
    act = models.UUIDField(null=True, blank=True, help_text="The bulk act that it is part of")
    note_hash = models.CharField(max_length=64, blank=True)
    request_id = models.UUIDField(
        null=True, blank=True, unique=True, help_text="The browser's id of the press: a repeated submit is one decision"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(by="person", actor__isnull=False) | Q(by="policy", actor__isnull=True, policy__isnull=False),
                name="a_decision_has_a_maker",
            ),
            models.CheckConstraint(condition=~Q(by="policy", verdict__in=["reject", "unsure"]), name="a_policy_accepts_or_withdraws"),
            models.CheckConstraint(
                condition=Q(verdict="withdraw", withdraws__isnull=False) | (~Q(verdict="withdraw") & Q(withdraws__isnull=True)),
                name="a_withdraw_and_no_other_names_what_it_ends",
            ),
            models.UniqueConstraint(fields=["withdraws"], name="a_decision_is_withdrawn_once"),
        ]
        indexes = [
            models.Index(fields=["actor", "-id"], name="decisions_by_actor"),
            models.Index(fields=["actor", "created_at", "id"], condition=Q(actor__isnull=False), name="decisions_by_actor_and_time"),
            models.Index(fields=["created_at"], name="decisions_by_time"),
            models.Index(fields=["-id"], condition=Q(by="person"), name="decisions_of_people"),
            models.Index(fields=["verdict", "created_at", "id"], name="decisions_by_verdict"),
            models.Index(fields=["created_at", "id"], condition=Q(by="policy"), name="decisions_of_policies"),
            models.Index(fields=["act", "id"], condition=Q(act__isnull=False), name="decisions_by_act"),
            models.Index(fields=["created_at"], condition=Q(reason="second opinion"), name="second_opinions"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} at {self.pk}"


class Note(models.Model):
    """What a person wrote beside a decision. Kept apart, so that it can be forgotten; the log keeps its hash."""

    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="note")
    text = models.TextField()

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")

    def __str__(self) -> str:
        return self.text[:60]


class AuditEvent(models.Model):
    """What people did to anything but pairs: policies published, sets retried, languages corrected, notes forgotten."""

    id = models.BigAutoField(primary_key=True)
    actor = models.UUIDField(null=True, blank=True)
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=200)
    detail = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["created_at", "id"], name="audit_by_time"),
            models.Index(fields=["actor", "created_at", "id"], name="audit_by_actor"),
            models.Index(fields=["subject", "created_at", "id"], name="audit_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.action}: {self.subject}"
