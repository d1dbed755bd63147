"""What one fact is, and how two texts' facts compare."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# 11 in are sold as 28 cm, 8 oz as 240 ml: what one of two shops rounded is the same. Other kinds are not converted by anybody.
TOLERANCES = {"volume": 0.02, "mass": 0.02, "length": 0.02}
EXACT = 0.001
# One mains, however a shop names it.
MAINS = ((100.0, 127.0), (220.0, 240.0))


@dataclass(frozen=True)
class Fact:
    """One thing a text states: its kind, the words, and what is compared.

    An amount is in its kind's unit (see `quantities.UNITS`; "count" in pieces, "age" in months) and reaches to `upper` where a range
    is stated. What is no amount has a canonical `value`. `scale` narrows either: "eu" a size, "dark" a colour, what stands before its
    stroke a code.
    """

    kind: str
    text: str
    amount: float = 0.0
    upper: float | None = None
    value: str = ""
    scale: str = ""


@dataclass(frozen=True)
class Comparison:
    """What two texts say of one kind: `query` and `candidate` are the words, "" where one says nothing.

    `agrees`: True for the same, False for what cannot both be, None where only one side says something.
    """

    kind: str
    query: str
    candidate: str
    agrees: bool | None


Fit = Callable[[Fact, Fact], bool | None]


def compare(query: Sequence[Fact], candidate: Sequence[Fact]) -> list[Comparison]:
    """Conflicts first, then what both say, then what only one side does. What a text gives twice, or in two units, counts once.

    Facts are matched one by one; both sides having some left over that cannot be the same is a conflict: 8 + 256 GB is not 8 + 512 GB.
    Where several values are alternatives, one that matches is enough: black is not white, but what comes in black and red may be black.
    """
    found = []
    for kind in dict.fromkeys(fact.kind for fact in (*query, *candidate)):
        asked, offered = _distinct(kind, query), _distinct(kind, candidate)
        equal = []
        for one in list(asked):
            if (other := next((it for it in offered if fits(one, it)), None)) is not None:
                asked.remove(one)
                offered.remove(other)
                equal.append(Comparison(kind, one.text, other.text, True))
        found += equal
        if not (equal and kind in ALTERNATIVES) and any(fits(one, other) is False for one in asked for other in offered):
            found.append(Comparison(kind, _words(asked), _words(offered), False))
            continue
        if asked:
            found.append(Comparison(kind, _words(asked), "", None))
        if offered:
            found.append(Comparison(kind, "", _words(offered), None))
    return sorted(found, key=lambda one: (one.agrees is not False, one.agrees is None))


def fits(one: Fact, other: Fact) -> bool | None:
    """Whether two facts of one kind say the same: True, False, or None where neither follows from what is said."""
    fit = VALUES.get(one.kind)
    return fit(one, other) if fit else _same_amount(one, other)


def _distinct(kind: str, found: Sequence[Fact]) -> list[Fact]:
    kept: list[Fact] = []
    for fact in found:
        if fact.kind == kind and not any(fits(fact, other) for other in kept):
            kept.append(fact)
    return kept


def _words(found: Sequence[Fact]) -> str:
    return ", ".join(dict.fromkeys(fact.text for fact in found))


def _same_amount(one: Fact, other: Fact) -> bool:
    if one.upper is not None or other.upper is not None:
        return _within(one, other) or _within(other, one)
    if one.kind == "voltage" and any(low <= one.amount <= high and low <= other.amount <= high for low, high in MAINS):
        return True
    return math.isclose(one.amount, other.amount, rel_tol=TOLERANCES.get(one.kind, EXACT), abs_tol=1e-9)


def _within(one: Fact, other: Fact) -> bool:
    """Whether a range holds another amount or range: what runs on 100 to 240 V runs on 230 V."""
    tolerance = TOLERANCES.get(one.kind, EXACT)
    low, high = one.amount * (1 - tolerance), (one.amount if one.upper is None else one.upper) * (1 + tolerance)
    return low <= other.amount and (other.amount if other.upper is None else other.upper) <= high


def _same_brand(one: Fact, other: Fact) -> bool | None:
    """Bosch and Bosch Professional are one; whether a name in Chinese is a name in Latin letters, only the table knows."""
    if one.scale != other.scale:
        return None
    short, long = sorted((one.value, other.value), key=len)
    return f"{long} ".startswith(f"{short} ")


def _same_value(one: Fact, other: Fact) -> bool:
    return one.value == other.value


def _same_code(one: Fact, other: Fact) -> bool | None:
    """A code may have lost what stood before it (WH 1000XM5); one that goes on (KX3412B, KX3412/EU) may be a variant or not."""
    short, long = sorted((one.value, other.value), key=len)
    if short == long:
        return True
    if one.scale and one.scale == other.scale:
        return None
    if len(short) < 5 or len(short) == len(long):
        return False
    within_a_number = short[0].isdigit() and long[-len(short) - 1].isdigit()
    if long.endswith(short) and not within_a_number:
        return True
    return None if long.startswith(short) else False


def _same_colour(one: Fact, other: Fact) -> bool | None:
    if "multicolour" in (one.value, other.value):
        return True if one.value == other.value else None
    return one.value == other.value and (one.scale == other.scale or not one.scale or not other.scale)


def _same_size(one: Fact, other: Fact) -> bool | None:
    """Sizes of two systems say nothing of each other: US 9 and EU 42 may be one shoe."""
    if bool(one.value) != bool(other.value) or (one.scale and other.scale and one.scale != other.scale):
        return None
    return one.value == other.value if one.value else _same_amount(one, other)


def _same_mark(one: Fact, other: Fact) -> bool | None:
    """Certifications add up; only those of one scale exclude each other."""
    return True if one.value == other.value else (False if one.scale and one.scale == other.scale else None)


def _same_age(one: Fact, other: Fact) -> bool | None:
    return math.isclose(one.amount, other.amount, abs_tol=0.5) and (
        one.upper == other.upper
        or (one.upper is not None and other.upper is not None and math.isclose(one.upper, other.upper, abs_tol=0.5))
    )


VALUES: dict[str, Fit] = {
    "model code": _same_code,
    "brand": _same_brand,
    "size": _same_size,
    "colour": _same_colour,
    "certification": _same_mark,
    "protection": _same_value,
    "generation": _same_value,
    "plug": _same_value,
    "age": _same_age,
}
# Of these a listing may state several, each of which is the product: variants, or what it fits.
ALTERNATIVES = frozenset(VALUES) - {"certification"}
