"""Facts: what listings state in numbers, codes and names, read from texts of five languages and compared across them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment.facts.ages import ages
from alignment.facts.brands import brands, held_brand
from alignment.facts.codes import codes, held_code
from alignment.facts.colours import colours
from alignment.facts.fact import Comparison, Fact, compare, fits
from alignment.facts.known import known_brands
from alignment.facts.marks import certifications, generations, plugs, protections
from alignment.facts.quantities import LONGEST_TEXT, quantities
from alignment.facts.sizes import sizes
from alignment.models import SKU, PolicyVersion

__all__ = ["HARD", "KINDS", "Comparison", "Fact", "between", "compare", "conflicts", "guards", "names", "of", "read", "text_of"]

KINDS: dict[str, Promise] = {
    "model code": _("Model code"),
    "brand": _("Brand"),
    "size": _("Size"),
    "colour": _("Colour"),
    "generation": _("Generation"),
    "age": _("Age"),
    "plug": _("Plug"),
    "certification": _("Certification"),
    "protection": _("Protection"),
    "count": _("Pieces"),
    "volume": _("Volume"),
    "mass": _("Weight"),
    "length": _("Length"),
    "power": _("Power"),
    "energy": _("Energy"),
    "voltage": _("Voltage"),
    "current": _("Current"),
    "charge": _("Battery"),
    "frequency": _("Frequency"),
    "pressure": _("Pressure"),
    "duration": _("Time"),
    "temperature": _("Temperature"),
    "storage": _("Storage"),
    "light": _("Light"),
    "colour temperature": _("Colour temperature"),
    "noise": _("Noise"),
}
# What a policy may guard: two products that differ in one of these are not one product, whatever the words around it.
HARD = tuple(PolicyVersion.Guard.values)
ECHOED = {"brand": held_brand, "model code": held_code}
MOST_ATTRIBUTES = 40
LONGEST_VALUE = 300
LONGEST_LISTING = 6_000


def of(sku: SKU) -> list[Fact]:
    """What title and attributes state. Descriptions speak of much beside the product."""
    return read(text_of(sku), sku.language, known_brands())


def text_of(sku: SKU) -> str:
    """The title, then the attributes, each on a line of its own as "name: value", bounded."""
    attributes = sku.attributes if isinstance(sku.attributes, dict) else {}
    lines = [sku.title]
    for name, value in list(attributes.items())[:MOST_ATTRIBUTES]:
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines.append(f"{str(name)[:LONGEST_VALUE]}: {said[:LONGEST_VALUE]}")
    return "\n".join(lines)[:LONGEST_LISTING]


def between(query: SKU, candidate: SKU, *, stated: Sequence[Fact] | None = None) -> list[Comparison]:
    """Two listings compared. `stated` are the query's facts where they are read already.

    A brand or code that one of them names is stated by the other too if its text holds it word for word: only an attribute says which of
    a title's words are a brand.
    """
    asked, offered = list(of(query) if stated is None else stated), of(candidate)
    return compare([*asked, *_echoes(query, asked, offered)], [*offered, *_echoes(candidate, offered, asked)])


def _echoes(sku: SKU, own: Sequence[Fact], others: Sequence[Fact]) -> Iterator[Fact]:
    text = text_of(sku).casefold()
    for fact in others:
        if fact.kind in ECHOED and not any(fits(fact, one) for one in own if one.kind == fact.kind):
            held = ECHOED[fact.kind](fact)
            if held and held.search(text):
                yield fact


def read(text: str, language: str = "", known: frozenset[str] = frozenset()) -> list[Fact]:
    """What a text states: a title, then attributes, each on a line of its own as "name: value". `known`: brands it may begin with."""
    return list(_read(text[:LONGEST_TEXT], language, known))


@lru_cache(maxsize=1000)
def _read(text: str, language: str, known: frozenset[str]) -> tuple[Fact, ...]:
    """Kept, since a page is drawn anew after every verdict with the same listings on it."""
    folded = unicodedata.normalize("NFKC", text)
    return (
        *codes(folded),
        *brands(folded, known),
        *sizes(folded),
        *colours(folded, language),
        *generations(folded),
        *ages(folded),
        *plugs(folded),
        *certifications(folded),
        *protections(folded),
        *quantities(text, language),
    )


def conflicts(query: Iterable[Fact], candidate: Iterable[Fact]) -> frozenset[str]:
    """The kinds in which two listings' facts cannot both be of one product."""
    return frozenset(one.kind for one in compare(list(query), list(candidate)) if one.agrees is False)


def guards(guard: str) -> list[str]:
    """The kinds that a pair's `guard` names."""
    return [kind.strip() for kind in guard.split(",") if kind.strip()]


def names(guard: str) -> str:
    """The same in the reader's words."""
    return ", ".join(str(KINDS.get(kind, kind)) for kind in guards(guard))
