"""Changes of the category tree, and how far they are worked through."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from alignment.models.catalogue import Category
from alignment.models.runs import Run


class CategoryAlias(models.Model):
    """A path that a category had: files and callers that still name it mean that category."""

    path = models.CharField(max_length=1000, unique=True)
    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        verbose_name = _("former path")
        verbose_name_plural = _("former paths")

    def __str__(self) -> str:
        return self.path


class CategoryChange(Run):
    """A category that was renamed, moved or merged: paths change at once, what follows for its listings and pairs is done by a worker.

    `rescore` and `reroute` are ids of categories in which the rendered instruction, or else the policy in force, became another.
    """

    class Kind(models.TextChoices):
        RENAME = "rename", _("Rename")
        MOVE = "move", _("Move")
        MERGE = "merge", _("Merge")

    kind = models.CharField(max_length=6, choices=Kind.choices)
    before = models.CharField(max_length=1000)
    after = models.CharField(max_length=1000)
    category = models.ForeignKey(Category, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    into = models.ForeignKey(Category, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", help_text="Of a merge")
    rescore = models.JSONField(default=list, blank=True)
    reroute = models.JSONField(default=list, blank=True)
    last_set_id = models.BigIntegerField(default=0)
    final_set_id = models.BigIntegerField(default=0)
    skus_moved = models.PositiveIntegerField(default=0)
    rescored = models.PositiveIntegerField(default=0)
    rerouted = models.PositiveIntegerField(default=0)

    class Meta(Run.Meta):
        verbose_name = _("change of categories")
        verbose_name_plural = _("changes of categories")

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"
