"""Listings that come with a request, of several sources, some of them told in part: what is not named stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from django.db.models import Q

from alignment import catalogue
from alignment.importing import store
from alignment.importing.rows import Listing
from alignment.models import SKU, Source


@dataclass(frozen=True)
class PartialListing:
    """A listing, and which of its fields the request names. Without a title it can only change a SKU that there is."""

    listing: Listing
    named: frozenset[str]


def upsert(listings: Mapping[str, Sequence[PartialListing]]) -> None:
    """Create or change SKUs, by the names of their sources; of two listings with one external id the later counts. One told without a title
    whose SKU is unknown is left out.

    Inside the caller's transaction, which holds every source from here on: whoever names two of them in another order waits, and whatever
    else is locked, the log too, is locked after them. Raises CategoryError.
    """
    chosen = {name: list({one.listing.external_id: one for one in several}.values()) for name, several in sorted(listings.items())}
    guessed = {name: _guessed(Source.objects.get_or_create(name=name)[0], several) for name, several in chosen.items()}
    sources = list(Source.objects.select_for_update(no_key=True).filter(name__in=chosen).order_by("pk"))
    known = _locked({source: [one.listing.external_id for one in chosen[source.name]] for source in sources})
    paths = sorted({one.listing.category for several in chosen.values() for one in several})
    categories = {path: _category_id(path) for path in paths}
    for source in sources:
        _upsert(source, chosen[source.name], known[source.pk], categories, guessed[source.name])


def _guessed(source: Source, partial: Iterable[PartialListing]) -> dict[str, str]:
    """Before anything is locked: it is the slow part."""
    return store.guess_languages([one.listing for one in partial if "title" in one.named], source)


def _locked(ids: Mapping[Source, Sequence[str]]) -> dict[int, dict[str, SKU]]:
    """The SKUs that there are of these external ids, by source. In one order over all sources, which is the one that a merge has."""
    named = reduce(or_, (Q(source=source, external_id__in=several) for source, several in ids.items()), Q(pk__in=[]))
    known: dict[int, dict[str, SKU]] = {source.pk: {} for source in ids}
    for sku in SKU.objects.select_for_update(of=("self",), no_key=True).select_related("category").filter(named).order_by("pk"):
        known[sku.source_id][sku.external_id] = sku
    return known


def _upsert(
    source: Source,
    partial: Iterable[PartialListing],
    known: Mapping[str, SKU],
    categories: Mapping[str, int | None],
    guessed: Mapping[str, str],
) -> None:
    whole = [(one, known.get(one.listing.external_id)) for one in partial]
    listings = [_completed(one, sku) if sku else one.listing for one, sku in whole if sku or "title" in one.named]
    filed = {sku.category.path: sku.category_id for sku in known.values() if sku.category}
    detected = {external_id: sku.language for external_id, sku in known.items() if sku.language_origin == SKU.LanguageOrigin.DETECTED}
    known_languages = detected | {**guessed}
    unknown = [one for one in listings if one.external_id not in known_languages]
    languages = known_languages | store.guess_languages(unknown, source)
    store.upsert(source=source, listings=listings, categories={**categories, **filed}, guessed=languages)


def _completed(partial: PartialListing, sku: SKU) -> Listing:
    stored = {
        "title": sku.title,
        "description": sku.description,
        "language": sku.language if sku.language_origin == SKU.LanguageOrigin.FILE else "",
        "category": sku.category.path if sku.category else "",
        "gtin": sku.gtin,
        "url": sku.url,
        "image_url": sku.image_url,
        "attributes": sku.attributes,
    }
    return replace(partial.listing, **{name: value for name, value in stored.items() if name not in partial.named})


def _category_id(path: str) -> int | None:
    category = catalogue.get_category(path, create=True)
    return category.pk if category else None
