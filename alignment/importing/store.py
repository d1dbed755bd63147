"""Listings into the catalogue, by source and external id: one short transaction for some hundred of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from alignment import pair_routes, rendering, scoring, search, wake_ups
from alignment.importing import language
from alignment.importing.rows import Listing
from alignment.models import SKU, Source, TextVersion

Origin = SKU.LanguageOrigin
FIELDS = (
    "language",
    "language_origin",
    "title",
    "description",
    "attributes",
    "gtin",
    "url",
    "image_url",
    "category",
    "content_hash",
    "text_hash",
    "delisted_at",
    "updated_at",
)


@dataclass(frozen=True)
class Stored:
    """What storing changed: counts of SKUs."""

    created: int
    updated: int
    unchanged: int


def guess_languages(listings: Sequence[Listing], source: Source) -> dict[str, str]:
    """Detected languages by external id, for listings of which neither file nor source says one.

    Done before the transaction: it is the slow part.
    """
    if source.language:
        return {}
    return {
        listing.external_id: language.detect(f"{listing.title} {listing.description[:500]}", confidence=settings.LANGUAGE_CONFIDENCE)
        for listing in listings
        if not listing.language
    }


def upsert(*, source: Source, listings: Sequence[Listing], categories: Mapping[str, int | None], guessed: Mapping[str, str]) -> Stored:
    """Create or change the SKUs of a few hundred listings, inside the caller's transaction; `categories` maps their paths to ids.

    A changed rendered text, category or language has the SKU scored anew; the text that it had is kept. What was delisted is listed again.
    """
    # One writer of a source at a time: two could both find an external id missing.
    Source.objects.select_for_update(no_key=True).get(pk=source.pk)
    known = {
        sku.external_id: sku
        for sku in SKU.objects.select_for_update(no_key=True)
        .filter(source=source, external_id__in=[x.external_id for x in listings])
        .order_by("pk")
    }
    new: list[SKU] = []
    changed: list[SKU] = []
    said: list[TextVersion] = []
    other_text: list[int] = []
    other_policy: list[int] = []
    other_gtin: list[int] = []
    now = timezone.now()
    for listing in listings:
        sku = known.get(listing.external_id)
        content = _content_hash(listing, source)
        if sku is None:
            sku = SKU(source=source, external_id=listing.external_id)
            new.append(sku)
        elif sku.content_hash == content and sku.delisted_at is None:
            continue
        else:
            changed.append(sku)
        before, gtin = (sku.text_hash, sku.category_id, sku.language), sku.gtin
        texts = {"title": sku.title, "description": sku.description, "attributes": sku.attributes}
        fill(sku, listing, categories[listing.category], guessed.get(listing.external_id, ""))
        sku.content_hash, sku.text_hash, sku.delisted_at, sku.updated_at = content, rendering.text_hash(sku), None, now
        if sku.pk is not None and sku.text_hash != before[0]:
            other_text.append(sku.pk)
            said.append(TextVersion(sku=sku, text_hash=before[0], replaced_at=now, **texts))
        elif sku.pk is not None and (sku.category_id, sku.language) != before[1:]:
            other_policy.append(sku.pk)
        if sku.pk is not None and sku.gtin != gtin:
            other_gtin.append(sku.pk)
    SKU.objects.bulk_create(new)
    # Some ten times faster than bulk_update, and no other writer may wait long.
    SKU.objects.bulk_create(changed, update_conflicts=True, unique_fields=["pk"], update_fields=FIELDS)
    TextVersion.objects.bulk_create(said)
    search.index([*new, *changed])
    if other_gtin:
        pair_routes.gtin_changed(other_gtin)
    if other_text:
        scoring.sku_changed(other_text)
    if other_policy:
        # Category and language choose the policy and stand in its instruction.
        scoring.set_waiting(Q(query__in=other_policy))
        wake_ups.wake()
    return Stored(len(new), len(changed), len(listings) - len(new) - len(changed))


def fill(sku: SKU, listing: Listing, category_id: int | None, guessed: str) -> None:
    sku.title, sku.description, sku.attributes, sku.gtin = listing.title, listing.description, listing.attributes, listing.gtin
    sku.url, sku.image_url, sku.category_id = listing.url, listing.image_url, category_id
    if sku.language_origin == Origin.CORRECTED:
        return
    if listing.language:
        sku.language, sku.language_origin = listing.language, Origin.FILE
    elif sku.source.language:
        sku.language, sku.language_origin = sku.source.language, Origin.SOURCE
    else:
        sku.language, sku.language_origin = guessed, Origin.DETECTED if guessed else Origin.UNKNOWN


def _content_hash(listing: Listing, source: Source) -> str:
    """Of everything that is stored from a listing; the source's language stands in where the listing says none."""
    content = vars(listing) | {"language": listing.language or source.language}
    return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()


def delist(source: Source, sku_ids: Sequence[int]) -> int:
    """Mark SKUs as no longer offered. Returns how many were listed before."""
    now = timezone.now()
    with transaction.atomic():
        return SKU.objects.filter(source=source, pk__in=sku_ids, delisted_at__isnull=True).update(delisted_at=now, updated_at=now)
