"""Colours of five languages as a few canonical ones, with their shade: dunkelblau, azul marino and 藏青色 are dark blue."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alignment.facts.fact import Fact

WORDS = {
    "black": "black noir noire noirs noires negro negra negros negras schwarz",
    "white": "white blanc blanche blancs blanches blanco blanca blancos blancas weiß",
    "grey": "grey gray gris grise grises grau",
    "blue": "blue bleu bleue bleus bleues azul azules blau",
    "red": "red rouge rouges rojo roja rojos rojas",
    "green": "green vert verte verts vertes verde verdes grün",
    "yellow": "yellow jaune jaunes amarillo amarilla amarillos amarillas gelb",
    "orange": "orange naranja naranjas",
    "purple": "purple violet violette violets violettes morado morada morados moradas púrpura lila violett",
    "pink": "pink rosa rosé",
    "brown": "brown marron marrons marrón marrones braun",
    "beige": "beige",
    "silver": "silver argenté argentée plateado plateada plateados plateadas silber silbern",
    "gold": "gold golden doré dorée dorés dorado dorada dorados doradas",
    "turquoise": "turquoise turquesa türkis teal cyan",
    "khaki": "khaki kaki caqui",
    "transparent": "transparent transparente transparents transparentes durchsichtig",
    "multicolour": "multicolour multicolor multicoloured multicolored multicolore multicolores mehrfarbig bunt",
    "dark grey": "charcoal anthracite graphite anthrazit antracita grafito graphit",
    "dark blue": "navy",
    "dark red": "burgundy bordeaux burdeos maroon weinrot",
    "rose gold": "roségold rosegold",
}
# Words that are a colour in one language and something else in another.
ONLY_IN = {"rose": ("fr", "pink"), "roses": ("fr", "pink"), "argent": ("fr", "silver"), "plata": ("es", "silver"), "rot": ("de", "red")}
COLOURS = {word: colour for colour, words in WORDS.items() for word in words.split()}
GERMAN = re.compile(
    r"(?P<first>dunkel|tief|nacht|marine|navy|hell|zart|pastell|himmel|eis|wein|creme|rein|matt|königs|mint|oliv|space|tauben|stein|jet|silber"
    r"|perl|schnee|petrol)(?P<colour>blau|grau|grün|rot|weiß|schwarz|gelb|braun|rosa|lila|violett|beige)(?:e[rsnm]?)?"
)
GERMAN_ENDING = re.compile(r"(schwarz|weiß|grau|blau|rot|grün|gelb|braun|silbern|golden|violett|beige)e[rsnm]?")
DARK = {
    "dark", "deep", "midnight", "navy", "wine", "foncé", "foncée", "foncés", "marine", "nuit", "oscuro", "oscura", "oscuros", "marino",
    "dunkel", "tief", "nacht", "wein", "dunkles", "charcoal", "forest",
}  # fmt: skip
LIGHT = {
    "light", "pale", "sky", "baby", "ice", "pastel", "clair", "claire", "clairs", "ciel", "pâle", "claro", "clara", "claros", "celeste",
    "cielo", "hell", "zart", "pastell", "himmel", "eis",
}  # fmt: skip
NOT_AFTER = {
    "warm", "cool", "cold", "neutral", "thé", "té", "tea", "vin", "vino", "poivre", "pimienta", "chocolat", "chocolate",
    "riz", "arroz", "lumière", "luz", "goût", "gout", "saveur", "sabor", "arôme", "aroma", "haricots", "citron", "limón", "argile",
    "arcilla", "sel", "sal", "plaqué", "plaqués", "viande", "savon", "judías", "conectores", "connecteurs", "parfum", "fleur", "flor",
    "huile", "aceite", "licht", "kap", "cap", "cabo", "cape",
}  # fmt: skip
NOT_BEFORE = {
    "light", "lights", "led", "leds", "laser", "tea", "wine", "noise", "friday", "pepper", "rice", "chocolate", "juice", "flavour",
    "flavor", "flavoured", "flavored", "peel", "oil", "scent", "blossom", "plated", "label", "balance", "box", "out", "seed", "garlic",
    "coffee", "bean", "beans", "sugar", "salt", "board", "ray", "chaud", "chaude", "froid", "froide", "cálida", "cálido", "fría", "frío",
    "neutre", "neutro", "neutra", "decker", "standard", "bull", "dot", "hat", "connectors", "licht", "tee", "saft", "screen", "day",
    "vinegar", "tooth", "mirror", "fleur", "filled", "medal", "led-licht", "wax", "oak", "sand", "noise-gerät",
}  # fmt: skip
NOISE = {("de", "rose"), ("bruit", "white"), ("ruido", "white"), ("bruit", "pink"), ("ruido", "pink")}
WORD = re.compile(r"[^\W\d_]+")
MOST_WORDS = 2000

CHINESE = {
    "黑": "black", "白": "white", "灰": "grey", "蓝": "blue", "红": "red", "绿": "green", "黄": "yellow", "橙": "orange", "橘": "orange",
    "紫": "purple", "粉": "pink", "棕": "brown", "褐": "brown", "咖": "brown", "银": "silver", "金": "gold", "米": "beige",
    "青": "turquoise",
}  # fmt: skip
CHINESE_NAMED = re.compile(
    r"(?P<multi>多色|彩色|混色|炫彩)|(?P<clear>透明(?!度))|(?P<rose>玫瑰金)|(?P<navy>藏[青蓝])|(?P<wine>酒红|枣红)|(?P<coffee>咖啡色)|(?P<khaki>卡其)|"
    r"(?P<champagne>香槟金|土豪金)|"
    r"(?P<shade>深空?|暗|墨|浅|淡|天)?(?P<colours>[黑白灰蓝红绿黄橙橘紫粉棕褐咖银金米青]{1,2})色|"
    # The word for colour left out: a name of two or three characters that ends in one and stands alone.
    r"(?:^|(?<=[\s,，/(（【\[:：+]))(?P<open>[\u4e00-\u9fff]{0,3}?)(?P<last>[黑白灰蓝绿红])(?=$|[\s,，/)）】\]+])",
    re.M,
)
NAMED = {
    "multi": ("", "multicolour"), "clear": ("", "transparent"), "rose": ("", "rose gold"), "navy": ("dark", "blue"),
    "wine": ("dark", "red"), "coffee": ("", "brown"), "khaki": ("", "khaki"), "champagne": ("", "gold"),
}  # fmt: skip
NO_COLOUR = re.compile(
    r"(?:蛋白|美白|亮白|增白|洗白|焕白|净白|漂白|空白|暖白|冷白|正白|自然白|变黑|发黑|口红|腮红|网红|泛红|退红|枸杞红|大红)$"
)
SHADES = {"深": "dark", "深空": "dark", "暗": "dark", "墨": "dark", "浅": "light", "淡": "light", "天": "light"}


def colours(text: str, language: str = "") -> Iterator[Fact]:
    """The colours that a text names, each once, in the order of their places."""
    seen: set[tuple[str, str]] = set()
    for _place, fact in sorted([*_latin(text, language), *_chinese(text)], key=lambda one: one[0]):
        if (fact.scale, fact.value) not in seen:
            seen.add((fact.scale, fact.value))
            yield fact


def _latin(text: str, language: str) -> Iterator[tuple[int, Fact]]:
    matches = [match for _count, match in zip(range(MOST_WORDS), WORD.finditer(text), strict=False)]
    words = ["weiß" if match[0].lower() == "weiss" else match[0].lower() for match in matches]
    used = -1
    for place, word in enumerate(words):
        if place <= used:
            continue
        before = words[place - 1] if place else ""
        after = words[place + 1] if place + 1 < len(words) else ""
        if (word, after) in {("rose", "gold"), ("rosé", "gold"), ("or", "rose"), ("oro", "rosa"), ("oro", "rosé")}:
            used = place + 1
            yield matches[place].start(), Fact("colour", text[matches[place].start() : matches[used].end()], value="rose gold")
            continue
        shade, colour = _named(word, language)
        further = words[place + 2] if place + 2 < len(words) else ""
        if (
            not colour
            or before in NOT_AFTER
            or (before, colour) in NOISE
            or (before, word) in NOISE
            or after in NOT_BEFORE
            or further in {"light", "led", "lights"}
        ):
            continue
        first, last = place, place
        if not shade and before in DARK | LIGHT and place - 1 > used and _joined(text, matches[place - 1], matches[place]):
            shade, first = ("dark" if before in DARK else "light"), place - 1
        elif not shade and after in DARK | LIGHT and _joined(text, matches[place], matches[place + 1]):
            shade, last = ("dark" if after in DARK else "light"), place + 1
        elif word == "navy" and after in {"blue", "bleu", "azul"}:
            last = place + 1
        used = last
        yield matches[first].start(), Fact("colour", text[matches[first].start() : matches[last].end()], value=colour, scale=shade)


def _joined(text: str, one: re.Match[str], other: re.Match[str]) -> bool:
    return text[one.end() : other.start()] in {" ", "-"}


def _named(word: str, language: str) -> tuple[str, str]:
    """Shade and colour of a word, "" where it is none."""
    if word in ONLY_IN:
        return "", ONLY_IN[word][1] if language[:2] == ONLY_IN[word][0] else ""
    colour = COLOURS.get(word, "")
    if not colour and (match := GERMAN_ENDING.fullmatch(word)):
        colour = "red" if match[1] == "rot" else COLOURS[match[1]]
    if not colour and (match := GERMAN.fullmatch(word)):
        colour = "red" if match["colour"] == "rot" else COLOURS[match["colour"]]
        first = match["first"]
        return "dark" if first in DARK | {"navy"} else "light" if first in LIGHT else "", colour
    shade, _space, plain = colour.rpartition(" ")
    return (shade, plain) if shade in {"dark", "light"} else ("", colour)


def _chinese(text: str) -> Iterator[tuple[int, Fact]]:
    for match in CHINESE_NAMED.finditer(text):
        if match["colours"]:
            shade = SHADES.get(match["shade"] or "", "")
            for character in match["colours"]:
                if character == "米" and len(match["colours"]) == 2:
                    continue
                yield match.start(), Fact("colour", match[0], value=CHINESE[character], scale=shade)
        elif match["last"]:
            if not NO_COLOUR.search(match[0]):
                shade = SHADES.get((match["open"] or "")[:1], "")
                yield match.start(), Fact("colour", match[0], value=CHINESE[match["last"]], scale=shade)
        else:
            shade, colour = NAMED[str(match.lastgroup)]
            yield match.start(), Fact("colour", match[0], value=colour, scale=shade)
