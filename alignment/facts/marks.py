"""What a product is marked with: certifications and norms, protection against water and dust, the plug, its generation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alignment.facts.fact import Fact

ALONE = r"(?<![A-Za-zÀ-ÿ0-9])"
END = r"(?![A-Za-zÀ-ÿ0-9])"
CERTIFICATION = re.compile(
    rf"{ALONE}(?:(?P<plain>CE|FCC|UL|UKCA|ETL|PSE|TÜV|TUV|FSC|PEFC|FDA|LFGB|GOTS|REACH|CPSIA|SGS|MFi|RoHS|ROHS|BSCI|HACCP|CCC|ISO 9001)"
    r"|(?P<textile>(?i:oeko[ -]?tex))|(?P<energy>(?i:energy star))|(?P<china>3C(?=认证))"
    r"|(?P<seal>GS(?=[ -]?(?i:geprüft|tested|certified|zeichen|mark|siegel)|认证|\s?[,/+、&]|\s(?:CE|TÜV)|\s*$))"
    r"|(?P<isize>(?i:i-size))|(?:ECE[ -]?)?R[ -]?(?P<ece>129|44)(?:[/.]0\d)?|EN[ -]?(?P<norm>\d{2,5})(?:[-:]\d+)*"
    rf"|ASTM(?: ?(?P<astm>[A-Z]\d{{2,4}}))?){END}",
    re.M,
)
PROTECTION = re.compile(rf"{ALONE}IP ?(X\d|\d[\dX]|[56]\d)(?:K)?{END}", re.I)
PLUGS = {
    "eu": "eu|european|europeo|europea|europäischer|européenne|europe",
    "us": "us|usa|american|americano|americana|américaine",
    "uk": "uk|british|inglés|británico|anglaise|britischer",
    "au": "au|australian|australiano|australienne",
    "jp": "jp|japanese|japonais",
    "cn": "cn|chinese|chino",
}
REGION = "|".join(f"(?P<{name}{{0}}>{words})" for name, words in PLUGS.items())
PLUG = re.compile(
    rf"{ALONE}(?:(?:{REGION.format('_before')})[- ](?:plug|stecker|netzstecker|power plug|3-pin plug)"
    rf"|(?:prise|fiche|enchufe|clavija)(?: de)? (?:{REGION.format('_after')})){END}"
    r"|(?P<chinese>[欧美英澳日国中])(?:规|标(?=插|转|充|电源|版|\s|$))|(?P<schuko>\bschuko)",
    re.I,
)
CHINESE_PLUGS = {"欧": "eu", "美": "us", "英": "uk", "澳": "au", "日": "jp", "国": "cn", "中": "cn"}
NUMERALS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10, "十一": 11, "十二": 12}
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "première": 1, "deuxième": 2, "seconde": 2, "troisième": 3,
    "quatrième": 4,
    "primera": 1, "segunda": 2, "tercera": 3, "cuarta": 4, "erste": 1, "zweite": 2,
    "dritte": 3, "vierte": 4, "zweiten": 2, "dritten": 3, "vierten": 4, "zweiter": 2, "dritter": 3,
    "ii": 2, "iii": 3, "iv": 4, "v": 5,
}  # fmt: skip
# 3.2 Gen 2 is a USB's generation, 12th Gen Intel a processor's; Mark II is the product's own.
GENERATION = re.compile(
    r"(?<![\w.])(?:(?P<english>\d{1,2})(?:st|nd|rd|th)[ -]gen(?:eration|\.)?(?![a-z]|\.? intel)"
    r"|(?<!\d )(?<!usb )(?<!usb4 )(?<!pcie )gen(?:eration)?[ .-]{0,2}(?P<gen>\d{1,2})(?![\d.])"
    r"|(?P<german>\d{1,2})\. ?generation|(?P<french>\d{1,2}) ?(?:e|è|ème|eme|ère)\.? g[ée]n[ée]ration"
    r"|(?P<spanish>\d{1,2})\.?[aª] generaci[óo]n"
    rf"|(?P<ordinal>{'|'.join(word for word in ORDINALS if len(word) > 3)}) (?:generation|génération|generación)"
    r"|(?:mark|mk)(?:[ .]?(?P<mark>ii|iii|iv|[2-9])|[ .](?P<fifth>v))(?![a-z0-9]))"
    r"|第(?P<chinese>[一二三四五六七八九十]{1,2}|\d{1,2})代|(?<=[A-Za-z0-9\u4e00-\u9fff\s])(?P<short>[二三四五六])代(?![理人替码表])",
    re.I,
)


def certifications(text: str) -> Iterator[Fact]:
    """Certifications and norms, each once. R44 and R129 are two approvals of one thing; the others do not exclude each other."""
    seen = set()
    for match in CERTIFICATION.finditer(text):
        name, family = _certification(match)
        if name not in seen:
            seen.add(name)
            yield Fact("certification", match[0], value=name, scale=family)


def _certification(match: re.Match[str]) -> tuple[str, str]:
    if match["isize"] or match["ece"]:
        return f"ece r{match['ece'] or 129}", "ece"
    if match["norm"]:
        return f"en {match['norm']}", ""
    if match["plain"]:
        return match["plain"].lower().replace("tüv", "tuv"), ""
    if match[0].startswith("ASTM"):
        return f"astm {match['astm'].lower()}" if match["astm"] else "astm", ""
    return {"textile": "oeko-tex", "energy": "energy star", "china": "ccc", "seal": "gs"}[str(match.lastgroup)], ""


def protections(text: str) -> Iterator[Fact]:
    seen = set()
    for match in PROTECTION.finditer(text):
        value = f"ip{match[1].lower()}"
        if value not in seen:
            seen.add(value)
            yield Fact("protection", match[0], value=value)


def plugs(text: str) -> Iterator[Fact]:
    seen = set()
    for match in PLUG.finditer(text):
        region = (
            "eu" if match["schuko"] else CHINESE_PLUGS[match["chinese"]] if match["chinese"] else str(match.lastgroup).partition("_")[0]
        )
        if region not in seen:
            seen.add(region)
            yield Fact("plug", match[0], value=region)


def generations(text: str) -> Iterator[Fact]:
    seen = set()
    for match in GENERATION.finditer(text):
        said = next(value for value in match.groupdict().values() if value is not None).lower()
        number = int(said) if said.isascii() and said.isdigit() else NUMERALS.get(said) or ORDINALS.get(said) or 0
        if number and number not in seen:
            seen.add(number)
            yield Fact("generation", match[0], value=str(number))
