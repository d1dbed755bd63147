"""Sizes as goods are sold by: letters, shoe and clothing numbers with their system, beds, paper."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alignment.facts.fact import Fact

LETTERS = r"(?:X{0,3}S|M|X{0,4}L|[2-6]XL|[23]XS)"
NUMBER = r"\d{1,3}(?:[.,]5)?"
NO_UNIT = r"(?![\d.,]*\d|\s?(?:[x×*%\"″]|-?\s?(?:pin\b|[vwlgm]\b|hz|cm|mm|ml|kg|in(?:ch)?\b|zoll|pouces|pulgadas|度|寸|英寸|厘米|毫米)))"
SIZED = re.compile(
    r"(?<![A-Za-zÀ-ÿ])(?:sizes?|größen?|groesse|gr\.|taille|pointure|tallas?|尺码|尺寸|码数)[ \t:：.]{0,3}(?:(?P<system>EUR?|US|UK)\s?)?"
    rf"(?:(?P<letters>(?-i:{LETTERS}))(?![A-Za-zÀ-ÿ0-9'])|(?P<low>{NUMBER})(?:\s?[-–/]\s?(?P<high>{NUMBER}))?{NO_UNIT}(?![A-Za-zÀ-ÿ]))",
    re.I,
)
SYSTEM = re.compile(
    rf"(?<![A-Za-zÀ-ÿ0-9])(?P<system>EUR?|US|UK)[ ]?(?P<low>{NUMBER})(?:\s?[-–]\s?(?P<high>\d{{1,2}}))?{NO_UNIT}"
    r"(?![A-Za-zÀ-ÿ]|\s?(?:€|\$|plug|pack))"
)
CHINESE = re.compile(
    rf"(?<![A-Za-z0-9.])(?:(?P<letters>{LETTERS})\s?[码号]|(?P<low>{NUMBER})(?:\s?[-–~至]\s?(?P<high>{NUMBER}))?\s?码)(?!头)"
)
# A letter that stands alone between commas or strokes, in brackets, or between Chinese words.
ALONE = re.compile(
    rf"[,;/(]\s?(?P<letters>{LETTERS})(?=\s?[,;/)]|\s*$)|[\u4e00-\u9fff]\s(?P<between>{LETTERS})(?=\s[\u4e00-\u9fff])",
    re.M,
)
SPAN = re.compile(rf"(?<![A-Za-z0-9.\-/])(?P<first>{LETTERS})\s?[-–]\s?(?P<last>{LETTERS})(?![A-Za-z0-9-])")
BED = re.compile(
    r"\b(?:(queen|king|twin)[ -]size\b|(twin|full|double|queen|king)[ -](?:(?:size )?bed\b|mattress|fitted|flat sheet|duvet|comforter))",
    re.I,
)
PAPER = re.compile(
    r"\b(?:DIN[ -]|formato? |papi?er |papel )(?P<after>A[2-6])\b"
    r"|\b(?P<before>A[2-6])(?=\s?(?:paper|papier|papel|size|纸|format|blatt|sheets))|\b(?P<joined>A[2-6])-Papier",
    re.I,
)
ORDER = ["3xs", "2xs", "xs", "s", "m", "l", "xl", "2xl", "3xl", "4xl", "5xl", "6xl"]


def sizes(text: str) -> Iterator[Fact]:
    """The sizes that a text states, each once."""
    seen: set[tuple[object, ...]] = set()
    for fact in _all(text):
        key = (fact.value, fact.amount, fact.upper)
        if (*key, fact.scale) not in seen and (fact.scale or (*key, "") not in seen):
            seen |= {(*key, fact.scale), (*key, "")}
            yield fact


def _all(text: str) -> Iterator[Fact]:
    for pattern in (SYSTEM, SIZED, CHINESE, ALONE):
        for match in pattern.finditer(text):
            found = match.groupdict()
            words = match[0].strip(" ,;/(（\n")
            if letters := found.get("letters") or found.get("between"):
                yield Fact("size", letters if pattern is ALONE else words, value=_letters(letters))
            elif found.get("low"):
                low, high = _number(found["low"]), _number(found["high"]) if found["high"] else None
                if (high is None or high > low) and low <= 200:
                    yield Fact("size", words, amount=low, upper=high, scale=(found.get("system") or "").lower()[:2])
    for match in SPAN.finditer(text):
        first, last = _letters(match["first"]), _letters(match["last"])
        if first in ORDER and last in ORDER and ORDER.index(first) < ORDER.index(last):
            for size in ORDER[ORDER.index(first) : ORDER.index(last) + 1]:
                yield Fact("size", match[0], value=size)
    for match in BED.finditer(text):
        yield Fact("size", match[0], value=(match[1] or match[2]).lower())
    for match in PAPER.finditer(text):
        yield Fact("size", match[0], value=(match["after"] or match["before"] or match["joined"]).lower())


def _letters(text: str) -> str:
    text = text.lower()
    exes = text.count("x")
    return f"{exes}x{text[-1]}" if exes > 1 else text


def _number(text: str) -> float:
    return float(text.replace(",", "."))
