"""Model codes: mixtures of letters and digits that a maker gave (WH-1000XM5, KX 3412), folded over separators and case."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alignment.facts.fact import Fact

SHORTEST, LONGEST = 5, 24
MOST_TOKENS = 400
TOKEN = re.compile(r"(?<![A-Za-z0-9À-ÿ.])[A-Za-z0-9][A-Za-z0-9./-]*[A-Za-z0-9](?![À-ÿ])")
# HD9318/20, MK0L2M/A: one or two characters behind a stroke are of the code. Elsewhere a stroke parts two things.
WITH_STROKE = re.compile(r"(?=[A-Z-]*\d)[A-Z0-9-]{5,}/[A-Z0-9]{1,2}")
LABELLED = re.compile(
    r"^(?:(?:item )?model(?: (?:number|no\.?|name))?|mpn|(?:manufacturer )?part (?:number|no\.?)|型号|货号|款号|modèle|réf(?:érence)?\.?"
    r"|référence fabricant|modelo|referencia|modell(?:nummer|bezeichnung)?|artikelnummer|herstellernummer|teilenummer)\s?[:：]\s?"
    r"([A-Za-z0-9][A-Za-z0-9./_-]{2,30})\s*$",
    re.I | re.M,
)
FOREIGN = re.compile(r"^(?:gtin|ean|upc|isbn|asin|sku|url)[^:\n]{0,20}:.*$", re.I | re.M)
# What looks like a code and is a quantity, a norm, an interface or a material that many products share.
NOISE = re.compile(
    r"\d+[a-z]{1,5}|\d+(?:x\d+)+[a-z]{0,3}|\d+in\d+|\d+[wrv]\d+|\d{4}[a-z]{2}"
    r"|pc\d[a-z\d]*|\d*[lsc]r\d+[a-z]*|\d*gpp\d|(?:\d+(?:mah|ah|wh|v|a|w|mm|cm|m|kg|g|ml|l|hz|gb|tb|mp|k|fps|inch|in|h|min|pcs|x))+"
    r"|(?:usb|hdmi|ddr|lpddr|pcie|sata|cat|wifi|bt|bluetooth|win|windows|android|ios|ipx?|spf|upf|rj|rs|gu|gx|cr|lr|ac|ax|be|dn|iso|en|astm|din"
    r"|kn|ffp|pm|cl|no|nr|ver|rgb|sus|aisi|tpu|gen|mk|eu|us|uk|size|gr|ages?|led|typ|type|x|r|f|mp|fps|hd|lga|rtx|gtx|s|sot|to|par|hdr|mpeg|sha|wmv|uv|adv|covid|gb|uhs|dp|vesa|nm)"
    r"\d+(?:[a-z]|x)?\d*"
)
NUMBERED = re.compile(r"\d{3}-\d{6}")


def codes(text: str) -> Iterator[Fact]:
    """The codes in a text, each once. What an attribute calls a model is one in any form; elsewhere a mixture must look like one."""
    text = FOREIGN.sub("", text)
    seen: set[str] = set()
    for match in LABELLED.finditer(text):
        folded = _fold(match[1])
        if any(character.isdigit() for character in folded) and folded not in seen:
            seen.add(folded)
            yield Fact("model code", match[1], value=folded)
    for place, match in enumerate(TOKEN.finditer(text)):
        if place == MOST_TOKENS:
            return
        parts = [match[0]] if WITH_STROKE.fullmatch(match[0]) else match[0].split("/")
        for part in parts:
            words = _without_words(part)
            folded = _fold(words)
            if folded not in seen and _is_code(words, folded):
                seen.add(folded)
                yield Fact("model code", words, value=folded, scale=_fold(words.partition("/")[0]))


def _without_words(token: str) -> str:
    """KX3412-Wasserkocher without its noun."""
    parts = token.strip(".-").split("-")
    while parts and (_is_word(parts[0]) or not parts[0]):
        parts.pop(0)
    while parts and (_is_word(parts[-1]) or not parts[-1]):
        parts.pop()
    return "-".join(parts)


def _is_word(part: str) -> bool:
    return part.isalpha() and (len(part) > 4 or (len(part) > 2 and part[1:].islower()))


def _is_code(words: str, folded: str) -> bool:
    if not SHORTEST <= len(folded) <= LONGEST:
        return False
    if NUMBERED.fullmatch(words):
        return True
    digits = sum(character.isdigit() for character in folded)
    if (
        digits < 2
        or digits == len(folded)
        or NOISE.fullmatch(folded)
        or any(NOISE.fullmatch(part) for part in words.lower().split("-", 1)[:1] if "." in part)
    ):
        return False
    letters = [character for character in words if character.isalpha()]
    if all(letter.isupper() for letter in letters):
        return True
    # A shop that writes everything small; a word with a number behind it (iphone15) is a name.
    return all(letter.islower() for letter in letters) and digits >= 3 and not re.search(r"[a-z]{4}", words)


def _fold(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def held_code(fact: Fact) -> re.Pattern[str] | None:
    """What a folded text that holds this code holds, however it parts it."""
    if len(fact.value) < SHORTEST:
        return None
    return re.compile(rf"(?<![a-z0-9]){r'[-_./ ]?'.join(fact.value)}(?![a-z0-9])")
