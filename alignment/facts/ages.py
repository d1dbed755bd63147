"""Ages a product is for, in months: 0-3岁 and newborn to 36 months are one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from alignment.facts.fact import Fact

MONTHS = r"months?|mths?|mos?|mois|mes(?:es)?|monate?n?|个月|月龄"
YEARS = r"years?(?: old)?|yrs?|y|ans?|años?|jahren?|jahre?|周?岁"
UNIT = rf"(?:(?P<months{{0}}>{MONTHS})|(?P<years{{0}}>{YEARS}))(?![A-Za-zÀ-ÿ])"
# What follows a number that is in years because nothing else is said.
NO_UNIT = rf"(?!\s?(?:{MONTHS}|{YEARS})(?![A-Za-zÀ-ÿ]))"
NUMBER = r"\d{1,3}(?:[.,]5)?"
TO = r"\s?(?:-|–|~|至|到|to|à|bis|a|hasta|y)\s?"
BIRTH = r"new ?born|birth|naissance|nacimiento|recién nacido|geburt|neugeborene|新生儿|出生"
# How long it lasts or is warranted for is no age.
NO_SPAN = r"(?!\s?(?:of |de |d')?(?:warrant|garant|lifespan|battery|保修|质保|使用))"
AGE = re.compile(
    rf"(?<![A-Za-zÀ-ÿ0-9_.,])(?:(?:(?P<low>{NUMBER})\s?(?P<low_unit>{MONTHS}|{YEARS})?|(?P<birth>{BIRTH})){TO}(?P<high>{NUMBER})\s?{UNIT.format('_range')}"
    rf"|ages?\s?:?\s(?P<age_low>{NUMBER})\s?[-–]\s?(?P<age_high>{NUMBER})(?![\d.]){NO_UNIT}"
    rf"|ages?\s?:?\s(?P<age_from>{NUMBER})\s?\+{NO_UNIT}"
    rf"|(?:from|ab|dès|des|à partir de|desde(?: los)?|a partir de(?: los)?)\s(?P<from>{NUMBER})\s?{UNIT.format('_from')}"
    rf"|(?P<plus>{NUMBER})\s?(?:{UNIT.format('_plus')}|(?P<m>m))\s?(?:\+(?!\s?\d)|以上|起|and up|et plus)"
    rf"|(?P<over>{NUMBER})\s?\+\s?{UNIT.format('_over')})|(?<![\w.,])\+\s?(?P<more>{NUMBER})\s?{UNIT.format('_more')}",
    re.I,
)
END = re.compile(NO_SPAN, re.I)
OLDEST_MONTHS = 1200


def ages(text: str) -> Iterator[Fact]:
    """The ages that a text states; an open one reaches to infinity."""
    seen = set()
    for match in AGE.finditer(text):
        if not END.match(text, match.end()):
            continue
        span = _span(match)
        if span not in seen and span[0] < span[1] and span[0] <= OLDEST_MONTHS:
            seen.add(span)
            yield Fact("age", match[0].strip(), amount=span[0], upper=span[1])


def _span(match: re.Match[str]) -> tuple[float, float]:
    if match["high"]:
        unit = 1 if match["months_range"] else 12
        own = match["low_unit"]
        low_unit = unit if not own else 1 if re.fullmatch(MONTHS, own, re.I) else 12
        return (0.0 if match["birth"] else _number(match["low"]) * low_unit), _number(match["high"]) * unit
    if match["age_low"]:
        return _number(match["age_low"]) * 12, _number(match["age_high"]) * 12
    if match["age_from"]:
        return _number(match["age_from"]) * 12, math.inf
    for name in ("from", "plus", "over", "more"):
        if match[name]:
            months = match[f"months_{name}"] or (name == "plus" and match["m"])
            return _number(match[name]) * (1 if months else 12), math.inf
    raise AssertionError(match[0])


def _number(text: str) -> float:
    return float(text.replace(",", "."))
