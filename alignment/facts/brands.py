"""Brands: what an attribute names, or a known name in the title that the product is not merely made for.

The table joins the names that one brand has in two scripts. A brand that it does not have is read from attributes, and from a title that
begins with both of its names (BELLA/贝拉), as shops in China write them, or with a name that the catalogue vouches for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from alignment.facts.fact import Fact

NAMES = (
    "Sony 索尼|Philips 飞利浦|Philips_Avent 新安怡|Huawei 华为|Honor 荣耀|Xiaomi 小米|Redmi 红米|Apple 苹果|Samsung 三星|"
    "Lenovo 联想|Bosch 博世|Siemens 西门子|Panasonic 松下|Canon 佳能|Nikon 尼康|Fujifilm 富士|Logitech 罗技|Anker 安克|Dyson 戴森|"
    "Braun 博朗|Midea 美的|Supor 苏泊尔|Joyoung 九阳|Haier 海尔|Hisense 海信|TCL|Bose|JBL|Nike 耐克|Adidas 阿迪达斯|Puma 彪马|"
    "New_Balance 新百伦|Asics 亚瑟士|Skechers 斯凯奇|Lego 乐高|Pampers 帮宝适|Huggies 好奇|Nestlé 雀巢|Medela 美德乐|Pigeon 贝亲|"
    "Goodbaby 好孩子|Chicco 智高|Tefal 特福|WMF 福腾宝|Zwilling 双立人|Fissler 菲仕乐|De'Longhi=DeLonghi 德龙|Nespresso 奈斯派索|"
    "Kärcher=Karcher 卡赫|Makita 牧田|DeWalt 得伟|Black+Decker=Black&Decker 百得|Milwaukee 美沃奇|Hitachi 日立|Garmin 佳明|GoPro|"
    "DJI 大疆|Insta360 影石|TP-Link 普联|Netgear 网件|Asus 华硕|Acer 宏碁|Dell 戴尔|HP 惠普|Kingston 金士顿|SanDisk 闪迪|"
    "Seagate 希捷|Toshiba 东芝|Corsair 海盗船|Razer 雷蛇|Sennheiser 森海塞尔|Casio 卡西欧|Seiko 精工|Oral-B 欧乐B|Gillette 吉列|"
    "L'Oréal=Loreal 欧莱雅|Nivea 妮维雅|Maybelline 美宝莲|Lancôme=Lancome 兰蔻|Brother 兄弟|Epson 爱普生|Sharp 夏普|LG|"
    "Electrolux 伊莱克斯|Miele 美诺|AEG|Krups|Moulinex|Rowenta|SEB|Roborock 石头科技|Ecovacs 科沃斯|iRobot|Baseus 倍思|Ugreen 绿联|"
    "Thermos 膳魔师|Zojirushi 象印|Tiger 虎牌|Deli 得力|Hikvision 海康威视|Ninja|KitchenAid|Cuisinart|Instant_Pot|OnePlus 一加|"
    "Oppo|Vivo|Realme 真我|Motorola 摩托罗拉|Nokia 诺基亚|Nintendo 任天堂|Microsoft 微软|Britax|Maxi-Cosi 迈可适|Cybex|"
    "Bugaboo 博格步|Joie 巧儿宜|Dove 多芬|Pantene 潘婷|Colgate 高露洁|Durex 杜蕾斯|Gardena|Stihl|Husqvarna 富世华"
)
# Words of a language too: read where a title begins with them, or in an attribute.
ALSO_WORDS = {
    "apple",
    "sharp",
    "brother",
    "dove",
    "tiger",
    "pigeon",
    "ninja",
    "honor",
    "vivo",
    "puma",
    "deli",
    "苹果",
    "小米",
    "美的",
    "兄弟",
    "好奇",
    "精工",
    "荣耀",
    "百得",
}
NOT_THE_BRAND = re.compile(
    r"apple\s+(?:cider|juice|pie|sauce|tree|vinegar)|苹果(?![\sA-Za-z0-9/]*[A-Za-z0-9]|手机|平板|电脑|笔记本|耳机|手表|充电|数据线|原装)"
    r"|小米(?![\sA-Za-z0-9/]*[A-Za-z0-9]|手机|手环|电视|平板|路由|充电|移动|米家|空气|扫地|智能|官方)",
    re.I,
)
ATTRIBUTE = re.compile(
    r"^(?:brand(?: name)?|marke|marque|marca|品牌(?:名称?)?|hersteller|fabricant|fabricante|manufacturer)\s?[:：][ \t]?([^\n]{1,60})$",
    re.I | re.M,
)
NOBODY = re.compile(
    r"generic|no[ -]?(?:name|brand)|unbranded|oem|n/?a|none|others?|sans marque|sin marca|genérico|générique|markenlos|ohne(?: marke)?"
    r"|无|无品牌|其他|其它|-+|/",
    re.I,
)
BOTH_NAMES = re.compile(
    r"\A\W{0,3}([A-Za-z][A-Za-z0-9.'&+ -]{1,24}?)\s?(?:/|\((?<=[A-Za-z]{3}.))\s?([\u4e00-\u9fff·]{2,6}[A-Za-z]?)[)\s]+\S"
)
WORD = re.compile(r"[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ0-9'&+-]*")
MADE_FOR = re.compile(
    r"(?:\b(?:for|fits?|compatible|with|für|kompatibel|passend|mit|pour|avec|compatibles?|para|con)(?:\s+[\w'-]+)?\s+|(?:适用|适配|兼容|用于|支持)\S{0,3})\Z",
    re.I,
)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# "Kelvora compatible", 凯沃同款: what begins so is made by somebody else.
NOT_BY = re.compile(
    r"[\s-]*(?:compatible|compatibles|kompatib\w+|komp\.|style|type|typ|like|look|inspired|replacement|ersatz\w*)\b|\s?(?:适用|专用|兼容|通用|同款|风格|款|用)",
    re.I,
)
# In titles as shops write them: words of Latin and like letters and digits, and runs of Chinese.
TOKEN = re.compile(r"[^\W_\u4e00-\u9fff]+(?:['’][^\W_\u4e00-\u9fff]+)*|[\u4e00-\u9fff]+")
FARTHEST_WORD = 40
# What stands before a title's first word.
FARTHEST_START = 2
MOST_WORDS = 3
LONGEST_NAME = 60
CHINESE_LENGTHS = range(8, 1, -1)


def _fold(text: str) -> str:
    return re.sub(r"[^\w+&]+", " ", text.casefold().replace("'", "").replace("’", "")).strip()


def _table() -> dict[str, str]:
    table = {}
    for entry in NAMES.split("|"):
        latin, _space, chinese = entry.partition(" ")
        spellings = [spelling.replace("_", " ") for spelling in latin.split("=")]
        for spelling in (*spellings, *filter(None, [chinese])):
            table[_fold(spelling)] = _fold(spellings[0])
    return table


TABLE = _table()
CHINESE_NAMES = re.compile("|".join(sorted((re.escape(name) for name in TABLE if CHINESE.search(name)), key=len, reverse=True)), re.I)


def brands(text: str, known: AbstractSet[str] = frozenset()) -> Iterator[Fact]:
    """The brand of a listing: one at most, the attribute's before the title's. `known` are the names that the catalogue vouches for."""
    found = stated(text) or _both(text) or _known(text.partition("\n")[0], known)
    if found:
        yield found


def stated(text: str) -> Fact | None:
    """What an attribute says."""
    for match in ATTRIBUTE.finditer(text):
        words = match[1].strip()
        if words and not NOBODY.fullmatch(words):
            names = named(words)
            return brand(words, next((TABLE[name] for name in names if name in TABLE), None) or _first(names) or _fold(words))
    return None


def named(words: str) -> list[str]:
    """The names that an attribute gives a brand, folded: Kelvora/凯沃 are two."""
    return [name for name in map(_fold, re.split(r"[/(（|)）]", words)) if name and len(name) <= LONGEST_NAME]


def _first(names: Sequence[str]) -> str | None:
    """Of a name in Latin letters and one in Chinese the Latin: either may stand alone elsewhere."""
    latin = [name for name in names if not CHINESE.search(name)]
    return latin[0] if len(names) == 2 and len(latin) == 1 else None


def _both(text: str) -> Fact | None:
    match = BOTH_NAMES.match(text)
    if not match or NOBODY.fullmatch(match[1]):
        return None
    latin, chinese = _fold(match[1]), _fold(match[2])
    return brand(match[0].strip(), TABLE.get(latin) or TABLE.get(chinese) or latin)


def _known(title: str, known: AbstractSet[str]) -> Fact | None:
    found = [*_latin(title), *_chinese(title), *_leading(title, known)]
    return min(found, key=lambda one: one[0])[1] if found else None


def _leading(title: str, known: AbstractSet[str]) -> Iterator[tuple[int, Fact]]:
    """A name that the title begins with. Of two Chinese characters, which begin longer words too, only where they stand alone."""
    for start, end, name in held_names(title[:LONGEST_NAME], known) if known else ():
        begins_a_word = len(name) == 2 and CHINESE.match(name) and CHINESE.match(title, end)
        if start <= FARTHEST_START and not begins_a_word and not NOT_BY.match(title, end):
            yield start, brand(title[start:end], name)
        return


def held_names(title: str, names: AbstractSet[str]) -> Iterator[tuple[int, int, str]]:
    """Where a title holds names, folded, each word in one at most: the longest."""
    tokens = list(TOKEN.finditer(title))
    after = 0
    for place, first in enumerate(tokens):
        if CHINESE.match(first[0]):
            for start in range(first.start(), first.end() - 1):
                lengths = CHINESE_LENGTHS if start >= after else ()
                if length := next((size for size in lengths if title[start : start + size] in names), 0):
                    after = start + length
                    yield start, after, title[start:after]
            continue
        if first.start() < after:
            continue
        for last in reversed(tokens[place : place + MOST_WORDS]):
            if (name := _fold(title[first.start() : last.end()])) in names and len(name) > 2:
                after = last.end()
                yield first.start(), after, name
                break


def is_made_for(title: str, start: int) -> bool:
    """Whether what stands before says that the product is only made for what is named there."""
    return bool(MADE_FOR.search(title, max(0, start - 40), start))


def _latin(title: str) -> Iterator[tuple[int, Fact]]:
    words = [match for _count, match in zip(range(FARTHEST_WORD), WORD.finditer(title), strict=False)]
    small = title.islower()
    for place, match in enumerate(words):
        for last in (words[place + 1 : place + 2] or [match])[0], match:
            said = title[match.start() : last.end()]
            name = _fold(said)
            if name not in TABLE or not (small or any(letter.isupper() for letter in said)):
                continue
            if name in ALSO_WORDS and (match.start() > 2 or small):
                continue
            if NOT_THE_BRAND.match(title, match.start()) or is_made_for(title, match.start()):
                continue
            yield match.start(), brand(said, TABLE[name])
            return


def _chinese(title: str) -> Iterator[tuple[int, Fact]]:
    for match in CHINESE_NAMES.finditer(title):
        if match[0] in ALSO_WORDS and match.start() > 2:
            continue
        if NOT_THE_BRAND.match(title, match.start()) or is_made_for(title, match.start()):
            continue
        yield match.start(), brand(match[0], TABLE[_fold(match[0])])
        return


def brand(words: str, name: str) -> Fact:
    return Fact("brand", words, value=name, scale="zh" if CHINESE.search(name) else "")


def held_brand(fact: Fact) -> re.Pattern[str] | None:
    """What a folded text that names this brand holds."""
    if CHINESE.search(fact.value):
        return re.compile(re.escape(fact.value))
    words = r"[\W_]{1,2}".join(re.escape(word) for word in fact.value.split())
    return re.compile(rf"(?<!\w){words}(?!\w)") if len(fact.value) > 2 else None
