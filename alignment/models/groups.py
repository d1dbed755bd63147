"""Groups as the log implies them. Every row here is derived: `verify_groups` recomputes them from the log."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from alignment.models.catalogue import SKU
from alignment.models.decisions import Decision, Pair


class Group(models.Model):
    """SKUs confirmed to be one product. A group that was merged keeps its row: `merged_into` says where its members are now."""

    uuid = models.UUIDField(unique=True)
    born_at = models.BigIntegerField(help_text="Log position at which its id was first given")
    changed_at = models.BigIntegerField(db_index=True, help_text="Log position of its latest change")
    size = models.PositiveIntegerField(default=0)
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="aliases")

    class Meta:
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        indexes = [models.Index(fields=["size", "id"], name="groups_by_size")]

    def __str__(self) -> str:
        return f"G-{self.pk}"


class Membership(models.Model):
    """A SKU's home: the group whose id it carried when it was last given one. `group` is where it is now, null for a SKU alone."""

    sku = models.OneToOneField(SKU, on_delete=models.PROTECT, related_name="membership")
    home = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+", db_index=False)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="memberships")

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")

    def __str__(self) -> str:
        return f"{self.sku} in {self.group}"


class GroupChange(models.Model):
    """One entry of the change feed: what a decision did to a group."""

    class Kind(models.TextChoices):
        CREATED = "created", "created"
        CHANGED = "changed", "members changed"
        MERGED = "merged", "merged into another"
        RESTORED = "restored", "restored"
        DISSOLVED = "dissolved", "dissolved"

    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="group_changes")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    into = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    added = models.JSONField(default=list)
    removed = models.JSONField(default=list)

    class Meta:
        verbose_name = _("group change")
        verbose_name_plural = _("group changes")
        ordering = ["decision_id", "id"]

    def __str__(self) -> str:
        return f"{self.group} {self.kind}"


class Conflict(models.Model):
    """An accept that stands in the log but cannot be applied: it would join what a person keeps apart."""

    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="conflict")
    pair = models.OneToOneField(Pair, on_delete=models.PROTECT, related_name="conflict")

    class Meta:
        verbose_name = _("conflict")
        verbose_name_plural = _("conflicts")

    def __str__(self) -> str:
        return f"conflict over {self.pair}"
