"""Facts: what listings state in numbers, codes and names, read from texts of five languages and compared across them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment.facts.ages import ages
from alignment.facts.brands import brands
from alignment.facts.codes import codes
from alignment.facts.colours import colours
from alignment.facts.fact import Comparison, Fact, compare
from alignment.facts.marks import certifications, generations, plugs, protections
from alignment.facts.quantities import LONGEST_TEXT, quantities
from alignment.facts.sizes import sizes
from alignment.models import SKU, PolicyVersion

__all__ = ["HARD", "KINDS", "Comparison", "Fact", "compare", "conflicts", "guards", "names", "of", "read"]

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
MOST_ATTRIBUTES = 40
LONGEST_VALUE = 300


def of(sku: SKU) -> list[Fact]:
    """What title and attributes state. Descriptions speak of much beside the product."""
    attributes = sku.attributes if isinstance(sku.attributes, dict) else {}
    lines = [sku.title]
    for name, value in list(attributes.items())[:MOST_ATTRIBUTES]:
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines.append(f"{str(name)[:LONGEST_VALUE]}: {said[:LONGEST_VALUE]}")
    return read("\n".join(lines), sku.language)


def read(text: str, language: str = "") -> list[Fact]:
    """What a text states: a title, then attributes, each on a line of its own as "name: value"."""
    folded = unicodedata.normalize("NFKC", text[:LONGEST_TEXT])
    return [
        *codes(folded),
        *brands(folded),
        *sizes(folded),
        *colours(folded, language),
        *generations(folded),
        *ages(folded),
        *plugs(folded),
        *certifications(folded),
        *protections(folded),
        *quantities(text, language),
    ]


def conflicts(query: Iterable[Fact], candidate: Iterable[Fact]) -> frozenset[str]:
    """The kinds in which two listings' facts cannot both be of one product."""
    return frozenset(one.kind for one in compare(list(query), list(candidate)) if one.agrees is False)


def guards(guard: str) -> list[str]:
    """The kinds that a pair's `guard` names."""
    return [kind.strip() for kind in guard.split(",") if kind.strip()]


def names(guard: str) -> str:
    """The same in the reader's words."""
    return ", ".join(str(KINDS.get(kind, kind)) for kind in guards(guard))
