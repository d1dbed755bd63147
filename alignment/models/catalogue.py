"""What shops say they sell: categories, sources and SKUs, and what the SKUs said before."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Category(models.Model):
    """A node of the category tree. `path` names it whole ("Baby > Strollers"); the root's path is empty."""

    SEPARATOR = " > "

    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=200, blank=True)
    path = models.CharField(max_length=1000, unique=True, blank=True)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["path"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(parent__isnull=True) & Q(path="")) | (Q(parent__isnull=False) & ~Q(path="")),
                name="only_the_root_category_has_no_parent",
            ),
            models.CheckConstraint(condition=~Q(parent=models.F("pk")), name="a_category_is_not_its_own_parent"),
        ]

    def __str__(self) -> str:
        return self.path or gettext("All categories")


class Source(models.Model):
    """Where listings come from: a shop, a marketplace, a feed."""

    name = models.CharField(max_length=200, unique=True)
    language = models.CharField(max_length=16, blank=True, help_text="Language of its listings where a file does not say")
    mapping = models.JSONField(default=dict, blank=True, help_text="Field to column, as an admin last confirmed it for this source's files")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="a_source_has_a_name")]

    def __str__(self) -> str:
        return self.name


class SKU(models.Model):
    """One listing: one source, one language, one description.

    `text_hash` is the sha256 of the folded rendered text (see `alignment.rendering`): it is part of a score's identity.
    `content_hash` covers every imported field: an import that changes nothing is told by it.
    """

    class LanguageOrigin(models.TextChoices):
        FILE = "file", "given by the file"
        SOURCE = "source", "the source's"
        DETECTED = "detected", "detected"
        CORRECTED = "corrected", "corrected by a person"
        UNKNOWN = "unknown", "unknown"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="skus", db_index=False)
    external_id = models.CharField(max_length=200)
    language = models.CharField(max_length=16, blank=True)
    language_origin = models.CharField(max_length=16, choices=LanguageOrigin.choices, default=LanguageOrigin.UNKNOWN)
    title = models.CharField(max_length=2000)
    description = models.TextField(blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    gtin = models.CharField(max_length=14, blank=True, db_index=True)
    url = models.CharField(max_length=2000, blank=True)
    image_url = models.CharField(max_length=2000, blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, blank=True, related_name="skus")
    content_hash = models.CharField(max_length=64)
    text_hash = models.CharField(max_length=64)
    delisted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("SKU")
        verbose_name_plural = _("SKUs")
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="an_external_id_is_unique_in_its_source"),
            models.CheckConstraint(condition=~Q(external_id=""), name="a_sku_has_an_external_id"),
            models.CheckConstraint(condition=~Q(title=""), name="a_sku_has_a_title"),
        ]
        indexes = [
            models.Index(fields=["updated_at", "id"], name="skus_by_change"),
            models.Index(fields=["source", "updated_at", "id"], name="skus_of_a_source_by_change"),
            models.Index(fields=["source", "language", "updated_at", "id"], name="skus_of_both_by_change"),
            models.Index(fields=["language", "updated_at", "id"], name="skus_of_a_language_by_change"),
            models.Index(fields=["updated_at", "id"], condition=Q(delisted_at__isnull=False), name="delisted_skus_by_change"),
        ]

    def __str__(self) -> str:
        return self.title


class SearchText(models.Model):
    """The tokens by which a SKU is found: see `alignment.search`. Derived; `rebuild_search` makes all of it anew."""

    sku = models.OneToOneField(SKU, on_delete=models.CASCADE, primary_key=True, related_name="+")
    tokens = models.TextField()

    class Meta:
        verbose_name = _("search text")
        verbose_name_plural = _("search texts")

    def __str__(self) -> str:
        return self.tokens[:60]


class TextVersion(models.Model):
    """What a SKU said before its rendered text changed. Its present text is the SKU's own."""

    sku = models.ForeignKey(SKU, on_delete=models.CASCADE, related_name="text_versions")
    text_hash = models.CharField(max_length=64)
    title = models.CharField(max_length=2000)
    description = models.TextField(blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    replaced_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("text version")
        verbose_name_plural = _("text versions")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.title
