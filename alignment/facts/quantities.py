"""Quantities in listings' texts: numbers with units and pack sizes, in five languages, made comparable.

The units' sizes are pint's; what a shop writes for them is ours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from alignment.facts.fact import Fact

if TYPE_CHECKING:
    import pint

# For each kind: the unit that amounts are given in, and for each unit what shops write. Lower case matches any case; what has an upper-case
# letter is matched as it stands, since 5g is a mass and 5G a network, 2 To a size and "2 to" nothing.
UNITS: dict[str, tuple[str, dict[str, str]]] = {
    "volume": (
        "milliliter",
        {
            "liter": r"l|ltr|lt|liters?|litres?|litros?|升|公升",
            "milliliter": r"ml|millilit(?:er|re)s?|mililitros?|毫升",
            "centiliter": "cl",
            "deciliter": "dl",
            "fluid_ounce": r"fl\.?\s?oz|fluid ounces?|液体盎司",
            "quart": r"qt|quarts?|夸脱",
            "gallon": r"gal|gallons?|galones|加仑",
        },
    ),
    "mass": (
        "gram",
        {
            "kilogram": r"kg|kilos?|kilogramm?e?s?|kilogramos?|千克|公斤",
            "gram": r"(?-i:g|gr)|gramm?e?s?|gramos?|克",
            "milligram": r"mg|milligramm?e?s?|miligramos?|毫克",
            "microgram": r"µg|mcg|微克",
            "pound": r"lbs?|pounds?|libras?|livres?|磅",
            "ounce": r"oz|ounces?|onzas?|盎司",
            "gram * 500": "斤",
        },
    ),
    "length": (
        "millimeter",
        {
            "millimeter": r"mm|millim[eè]t(?:er|re)s?|milímetros?|毫米",
            "centimeter": r"cm|centim[eè]t(?:er|re)s?|centímetros?|zentimeter|厘米|公分",
            "meter": r"(?-i:m)|m[eè]t(?:er|re)s?|metros?|米",
            "inch": r"\"|″|”|''|inch(?:es)?|zoll|pouces?|pulgadas?|in(?=\s*[),;/x×.]|\s*$)|英寸|吋|寸",
            "foot": r"ft|feet|foot|pieds?|pies|英尺",
        },
    ),
    "power": ("watt", {"watt": r"w|watts?|vatios?|瓦特?(?!时)", "kilowatt": r"kw|千瓦(?!时)"}),
    "energy": ("watt_hour", {"watt_hour": r"wh|瓦时", "kilowatt_hour": r"kwh|千瓦时"}),
    "voltage": ("volt", {"volt": r"v|volts?|voltios?|伏特?", "millivolt": "mv"}),
    "current": ("milliampere", {"ampere": r"(?-i:A)|amps?|amperes?|安(?!时|全|装)", "milliampere": r"(?-i:mA)"}),
    "charge": ("milliampere_hour", {"milliampere_hour": r"mah|毫安时?", "ampere_hour": r"ah|安时"}),
    "frequency": ("hertz", {"hertz": r"hz|赫兹?", "kilohertz": "khz", "megahertz": "mhz", "gigahertz": "ghz"}),
    "pressure": ("kilopascal", {"kilopascal": "kpa", "pascal": r"(?-i:Pa)|帕", "bar": r"bar(?:s|es)?|巴", "psi": "psi"}),
    "duration": (
        "second",
        {
            "hour": r"h|hrs?|hours?|heures?|horas?|std\.?|stunden?|小时",
            "minute": r"min|mins|minutes?|minutos?|minuten?|分钟",
            "second": r"secs?|seconds?|secondes?|segundos?|sekunden?|秒",
            "millisecond": r"ms|毫秒",
        },
    ),
    "temperature": ("kelvin", {"degC": r"°\s?c|º\s?c|℃|摄氏度", "degF": r"°\s?f|º\s?f|℉|华氏度"}),
    "storage": ("gigabyte", {"gigabyte": r"gb|(?-i:Go)", "terabyte": r"tb|(?-i:To)", "megabyte": r"mb|(?-i:Mo)"}),
    "light": ("lumen", {"lumen": r"lm|lumens?|lúmenes|流明"}),
    "colour temperature": ("kelvin", {"kelvin": r"(?<=\d{4})\s?(?-i:K)|(?<=\d{4}) (?-i:K)|开尔文"}),
    "noise": ("decibel_of_sound", {"decibel_of_sound": r"db(?:\(a\)|a)?|decibels?|分贝"}),
}
PIECES = (
    r"packs?|packung(?:en)?|count|ct|pcs?|pieces?|pièces?|piezas?|stück|stk|unidades|uds?|unités|st\.|paquetes?|packets?|sachets?|beutel|bolsas?|bags?|"
    r"teilig|tlg|softgels?|capsules?|gélules?|cápsulas?|kapseln?|tablets?|comprimés?|comprimidos?|tabletten|"
    r"件套?|个(?!月|小时|星期)装?|只装?|条装?|支装?|片装?|包装?|袋装?|瓶装?|盒装?|双装?|套装?|粒装?|节装?|枚装?|卷装?|块装?|对装?"
)
PACK_OF = (
    r"(?:packs? of|set of|box of|case of|lot de|pack de|paquete de|juego de|set de|boîte de|caja de|pack"
    r"|(?<![\d.,])(?<![\d.,]\s)(?-i:[x×]))"
)
CHINESE_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
DRINKS = re.compile(r"\b(?:ml|cl|bottles?|cups?|mugs?|tumblers?|flasks?|drinks?|juice|glass(?:es)?)\b|奶瓶|杯", re.I)
# Where 4g is a network and no mass.
NETWORKS = re.compile(r"\b(?:lte|sim|smartphone|phone|unlocked|\d+\s?gb|mobile|router|tablet|hotspot)\b|手机|路由", re.I)
MOST_IN_A_PACK = 200
# Where "." groups digits by three and "," comes before the decimals.
COMMA_LANGUAGES = {"de", "fr", "es", "it", "pt", "nl", "pl", "cs", "sv", "da", "fi", "nb", "no", "ru", "uk", "tr"}
LONGEST_TEXT = 20_000


NUMBER = r"\d+(?:[.,]\d+)*"
UNIT = "|".join(
    f"(?P<{kind.replace(' ', '_')}__{i}>{pattern})" for kind, (_base, units) in UNITS.items() for i, pattern in enumerate(units.values())
)
NAMES = {f"{kind.replace(' ', '_')}__{i}": (kind, unit) for kind, (_base, units) in UNITS.items() for i, unit in enumerate(units)}
# Latin units end where a word ends; Chinese ones need no space.
END = r"(?:(?<=[^\x00-\x7f])|(?<=[\"'])|(?![A-Za-zÀ-ÿ0-9]))(?!/(?:h|min|s)\b)"
MEASURE = re.compile(
    rf"(?<![A-Za-zÀ-ÿ0-9.,])(?<!\bf/)(?P<sign>[-−])?(?<![A-Za-zÀ-ÿ0-9]-)(?P<numbers>(?:{NUMBER}(?:\s?/\s?\d+(?=\s?-?\s?(?:\"|in|″)))?)(?:\s?[x×*]\s?{NUMBER}){{0,3}})(?:\s|-)?(?:{UNIT}){END}"
    rf"(?:\s?[x×*]\s?(?P<times>\d+)(?![\d.,]))?",
    re.I,
)
TIMES = re.compile(r"\s?[x×*]\s?", re.I)
# 100-240 V is one range; 110/220 V are two amounts.
RANGE = re.compile(
    rf"(?<![A-Za-zÀ-ÿ0-9.,/-])(?P<low>{NUMBER})\s?(?P<low_unit>[A-Za-z]{{0,3}}|[\u4e00-\u9fff]{{1,2}})\s?[-–—~～至到]\s?(?P<high>{NUMBER})\s?(?:{UNIT}){END}",
    re.I,
)
BOTH = re.compile(rf"(?<![A-Za-zÀ-ÿ0-9.,/-])(?P<first>{NUMBER})\s?/\s?{NUMBER}\s?(?:{UNIT}){END}", re.I)
CHINESE_COUNT = "(?P<chinese>[一二两三四五六七八九十])[件个只条支片包袋瓶盒双粒](?:套|装)"
COUNT = re.compile(
    r"(?<![A-Za-zÀ-ÿ0-9.,])(?<![A-Za-zÀ-ÿ0-9]-)"
    rf"(?:(?P<before>\d+)(?:(?:\s|-|er-|er\s)?(?:{PIECES})|er[- ](?:set|pack)){END}"
    rf"|{PACK_OF}\s?(?P<after>\d{{1,3}})(?![\d.,]|\s?(?:{UNIT}){END})|{CHINESE_COUNT})",
    re.I,
)


def quantities(text: str, language: str = "") -> list[Fact]:
    """What a text says in numbers with units, in the order of their places. `language` decides what 1.500 means.

    2 x 5 kg is a count of 2 and a mass of 5 kg; 72 x 24 inch are two lengths. Ounces are a volume where the text speaks of drinks.
    """
    folded = unicodedata.normalize("NFKC", text[:LONGEST_TEXT].replace("º", "°"))
    found = [*_measures(folded, language), *_counts(folded)]
    return [quantity for _place, quantity in sorted(found, key=lambda one: one[0])]


def _measures(text: str, language: str) -> Iterator[tuple[int, Fact]]:
    drinks, networks = bool(DRINKS.search(text)), bool(NETWORKS.search(text))
    ranges, begun = set(), set()
    for match in RANGE.finditer(text):
        kind, unit = _unit(match)
        low, high = (_amount(kind, unit, _number(match[side], language)) for side in ("low", "high"))
        if low < high and _same_unit(match, kind):
            ranges.add(match.end())
            begun.add(match.start())
            yield match.start(), Fact(kind, match[0], low, high)
    for match in BOTH.finditer(text):
        kind, unit = _unit(match)
        if kind in ("voltage", "frequency"):
            yield match.start(), Fact(kind, match[0], _amount(kind, unit, _number(match["first"], language)))
    for match in MEASURE.finditer(text):
        if match.end() in ranges or match.start() in begun:
            continue
        kind, unit = _unit(match)
        if unit == "gram" and networks and match["numbers"] in "2345":
            continue
        if unit == "ounce" and drinks:
            kind, unit = "volume", "fluid_ounce"
        numbers = [_number(part, language) for part in TIMES.split(match["numbers"])]
        words = match[0].strip()
        if kind != "length" and len(numbers) == 2 and numbers[0] == int(numbers[0]):
            packed = numbers.pop(0)
            if packed <= MOST_IN_A_PACK:
                yield match.start(), Fact("count", words, packed)
        if match["sign"] and kind == "temperature":
            numbers[0] = -numbers[0]
        for number in numbers:
            yield match.start(), Fact(kind, words, _amount(kind, unit, number))
        if match["times"]:
            yield match.end(), Fact("count", words, float(match["times"]))


def _unit(match: re.Match[str]) -> tuple[str, str]:
    return next(NAMES[name] for name, value in match.groupdict().items() if value is not None and name in NAMES)


def _same_unit(match: re.Match[str], kind: str) -> bool:
    """Whether the low end of a range has no unit of its own, or the high end's: 500克-1公斤 are two amounts."""
    low = match["low_unit"].casefold()
    said = next(value for name, value in match.groupdict().items() if value is not None and name in NAMES).strip().casefold()
    return low in ("", said) or (kind == "voltage" and low.startswith(said))


def _counts(text: str) -> Iterator[tuple[int, Fact]]:
    for match in COUNT.finditer(text):
        number = match["before"] or match["after"]
        yield match.start(), Fact("count", match[0].strip(), float(number) if number else float(CHINESE_DIGITS[match["chinese"]]))


def _number(text: str, language: str) -> float:
    if "/" in text:
        above, below = (float(part) for part in text.split("/"))
        return above / below if below else above
    decimal = "," if language in COMMA_LANGUAGES else "."
    other = "." if decimal == "," else ","
    if re.fullmatch(rf"[1-9]\d{{0,2}}(?:\{other}\d{{3}})+(?:\{decimal}\d+)?", text):
        text = text.replace(other, "")
    return float(text.replace(",", ".", 1).replace(",", "")) if text.count(".") + text.count(",") == 1 else float(re.sub(r"[.,]", "", text))


@cache
def registry() -> pint.UnitRegistry[float]:
    """Pint's units and ours. Half a second's work, which a process that compares no listings is spared."""
    import pint

    units: pint.UnitRegistry[float] = pint.UnitRegistry(cache_folder=None)
    units.define("piece = [pieces]")
    units.define("decibel_of_sound = [level]")
    return units


@lru_cache(maxsize=4096)
def _amount(kind: str, unit: str, number: float) -> float:
    base = UNITS[kind][0]
    if kind == "temperature":
        return float(registry().Quantity(number, unit).to(base).magnitude)
    return number * float(registry()(unit).to(base).magnitude)
