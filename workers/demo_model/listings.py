"""Synthetic listings: (query, the same product, another product) from taxonomy terms and facts, written as shops in five languages write.

The same product is said twice with other words: another language, order, unit and marketing, facts dropped, foreign terms added. The other
differs in one thing that both sides state: a fact, an attribute, what it is, what it comes with, or that it is an accessory.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

LANGUAGES = ("en", "zh", "fr", "es", "de")
ZH = 1
Triple = tuple[str, str, str]
Term = tuple[str, tuple[str, ...], str]
Five = tuple[str, str, str, str, str]

NOISE: tuple[tuple[str, ...], ...] = (
    (
        "new",
        "hot sale",
        "free shipping",
        "2024",
        "2025 model",
        "premium",
        "best gift",
        "high quality",
        "top rated",
        "for home",
        "upgraded",
        "pro",
        "easy to use",
        "easy to clean",
        "lightweight",
        "portable",
        "durable",
        "multi-purpose",
        "professional",
        "ideal for travel",
        "gift box",
        "for men and women",
        "fast delivery",
        "bestseller",
        "official",
        "eco friendly",
        "compact",
        "quiet",
        "safe",
        "modern design",
    ),
    (
        "新款",
        "爆款",
        "包邮",
        "2024",
        "2025新款",
        "高端",
        "送礼",
        "优质",
        "家用",
        "升级版",
        "专业",
        "易清洗",
        "轻便",
        "便携",
        "耐用",
        "多功能",
        "旅行",
        "礼盒装",
        "男女通用",
        "神器",
        "热卖",
        "正品",
        "官方",
        "环保",
        "静音",
        "安全",
        "大容量",
        "加厚",
        "网红",
        "现货",
    ),
    (
        "nouveau",
        "livraison gratuite",
        "promo",
        "2024",
        "haut de gamme",
        "idée cadeau",
        "qualité supérieure",
        "pour la maison",
        "professionnel",
        "facile à nettoyer",
        "léger",
        "portable",
        "durable",
        "multi-usage",
        "voyage",
        "meilleure vente",
        "compact",
        "silencieux",
        "sûr",
        "design moderne",
    ),
    (
        "nuevo",
        "envío gratis",
        "oferta",
        "2024",
        "calidad premium",
        "ideal para regalo",
        "alta calidad",
        "para casa",
        "profesional",
        "fácil de limpiar",
        "ligero",
        "portátil",
        "duradero",
        "multiusos",
        "viaje",
        "más vendido",
        "compacto",
        "silencioso",
        "seguro",
        "diseño moderno",
        "envío 24h",
    ),
    (
        "neu",
        "versandkostenfrei",
        "Angebot",
        "2024",
        "Premium",
        "Geschenkidee",
        "hochwertig",
        "für Zuhause",
        "Profi",
        "leicht zu reinigen",
        "leicht",
        "tragbar",
        "langlebig",
        "vielseitig",
        "Reise",
        "Bestseller",
        "kompakt",
        "leise",
        "sicher",
        "modernes Design",
        "schnelle Lieferung",
    ),
)
SENTENCES: tuple[tuple[str, ...], ...] = (
    (
        "Comes with a manual and a one year warranty.",
        "Perfect for everyday use.",
        "Designed for comfort and a long life.",
        "Ships within a day.",
    ),
    ("附说明书,一年质保。", "适合日常使用。", "舒适耐用。", "24小时内发货。"),
    ("Livré avec notice et garantie d'un an.", "Parfait pour un usage quotidien.", "Conçu pour durer."),
    ("Incluye manual y un año de garantía.", "Perfecto para el uso diario.", "Diseñado para durar."),
    ("Mit Anleitung und einem Jahr Garantie.", "Perfekt für den Alltag.", "Für lange Lebensdauer gebaut."),
)
# How a listing ties an attribute to its noun.
TIES: tuple[tuple[str, ...], ...] = (
    ("with {}", "in {}", "made of {}"),
    ("{}款", "{}材质", "带{}"),
    ("en {}", "à {}", "avec {}"),
    ("de {}", "con {}", "en {}"),
    ("aus {}", "mit {}", "in {}"),
)
WITH: Five = ("with {}", "带{}", "avec {}", "con {}", "mit {}")
WITHOUT: Five = ("without {}", "不带{}", "sans {}", "sin {}", "ohne {}")
ACCESSORIES: tuple[Five, ...] = (
    ("replacement cover for {}", "{}套", "housse de rechange pour {}", "funda para {}", "Ersatzbezug für {}"),
    ("stand for {}", "{}支架", "support pour {}", "soporte para {}", "Halterung für {}"),
    ("replacement filter for {}", "{}滤芯", "filtre de rechange pour {}", "filtro de recambio para {}", "Ersatzfilter für {}"),
    ("carrying bag for {}", "{}收纳包", "sac de transport pour {}", "bolsa para {}", "Tasche für {}"),
    ("charger for {}", "{}充电器", "chargeur pour {}", "cargador para {}", "Ladegerät für {}"),
    ("spare parts for {}", "{}配件", "pièces détachées pour {}", "repuestos para {}", "Ersatzteile für {}"),
    ("base for {}", "{}底座", "base pour {}", "base para {}", "Basis für {}"),
    ("cushion for {}", "{}垫子", "coussin pour {}", "cojín para {}", "Kissen für {}"),
)
PACK: tuple[tuple[str, ...], ...] = (
    ("pack of {}", "{} pack", "set of {}", "{} pcs", "{} pieces", "{}-piece"),
    ("{}件装", "{}只装", "{}个装", "{}件套", "{}支", "{}片"),
    ("lot de {}", "pack de {}", "{} pièces", "paquet de {}"),
    ("pack de {}", "juego de {}", "paquete de {}", "{} unidades", "{} piezas"),
    ("{}er-Set", "{} Stück", "{}er Pack", "Set mit {}"),
)
GENERATION: Five = ("gen {}", "第{}代", "génération {}", "{}ª generación", "{}. Generation")
HOURS: tuple[tuple[str, ...], ...] = (
    ("{} h", "{} hours", "{}h playtime"),
    ("{}小时", "续航{}小时"),
    ("{} h", "{} heures", "autonomie {} h"),
    ("{} horas", "{}h"),
    ("{} Std.", "{} Stunden"),
)
MINUTES: Five = ("{} min", "{}分钟", "{} min", "{} minutos", "{} Min.")
PERSONS: tuple[tuple[str, ...], ...] = (
    ("{}-person", "for {} people", "{} persons"),
    ("{}人", "{}人份"),
    ("{} personnes", "{} places"),
    ("{} personas", "para {} personas"),
    ("für {} Personen", "{} Personen"),
)
SIZE: Five = ("size {}", "{}码", "taille {}", "talla {}", "Größe {}")
SPEEDS: Five = ("{} speeds", "{}档", "{} vitesses", "{} velocidades", "{} Stufen")
PORTS: Five = ("{} ports", "{}口", "{} ports", "{} puertos", "{} Anschlüsse")
AGE: Five = ("{} months", "{}个月", "{} mois", "{} meses", "{} Monate")
YEARS: Five = ("{} years", "{}岁", "{} ans", "{} años", "{} Jahre")
UNITS: dict[str, tuple[tuple[str, ...], ...]] = {
    "L": (("L", "l", "litre", "liter"), ("升", "L"), ("L", "litres"), ("L", "litros", "l"), ("Liter", "l", "L")),
    "ml": (("ml", "mL"), ("毫升", "ml"), ("ml",), ("ml",), ("ml",)),
    "W": (("W", "watt", "w"), ("W", "瓦", "w"), ("W", "watts"), ("W", "vatios", "w"), ("W", "Watt")),
    "V": (("V", "volt"), ("V", "伏"), ("V", "volts"), ("V",), ("V", "Volt")),
    "A": (("A", "amp"), ("A", "安"), ("A",), ("A",), ("A", "Ampere")),
    "kg": (("kg",), ("公斤", "kg", "千克"), ("kg",), ("kg", "kilos"), ("kg",)),
    "g": (("g",), ("克", "g"), ("g",), ("g", "gramos"), ("g", "Gramm")),
    "m": (("m", "metre"), ("米", "m"), ("m", "mètres"), ("m", "metros"), ("m", "Meter")),
    "cm": (("cm",), ("厘米", "cm"), ("cm",), ("cm",), ("cm",)),
    "mm": (("mm",), ("毫米", "mm"), ("mm",), ("mm",), ("mm",)),
    "inch": (("inch", '"', "in"), ("英寸", "寸"), ("pouces",), ("pulgadas",), ("Zoll",)),
    "mAh": (("mAh",), ("毫安", "mAh", "毫安时"), ("mAh",), ("mAh",), ("mAh",)),
    "GB": (("GB",), ("GB", "G"), ("Go", "GB"), ("GB",), ("GB",)),
    "dB": (("dB",), ("分贝", "dB"), ("dB",), ("dB",), ("dB",)),
    "lm": (("lumen", "lm"), ("流明",), ("lumens",), ("lúmenes",), ("Lumen",)),
    "bar": (("bar",), ("帕", "bar"), ("bars", "bar"), ("bar",), ("bar",)),
    "kPa": (("kPa",), ("kPa",), ("kPa",), ("kPa",), ("kPa",)),
    "°C": (("°C", "C"), ("℃", "度"), ("°C",), ("ºC", "°C"), ("°C", "Grad")),
    "L/h": (("L/h",), ("L/h", "升/小时"), ("L/h",), ("l/h",), ("l/h",)),
}
RANGES: dict[str, Callable[[], float]] = {
    "L": lambda: random.choice([round(random.uniform(0.3, 6), 1), random.randint(1, 40)]),
    "ml": lambda: random.randint(2, 95) * 10,
    "W": lambda: random.choice([random.randint(5, 150), random.randint(2, 30) * 100]),
    "V": lambda: random.choice([5, 9, 12, 18, 24, 36, 110, 220, 230]),
    "A": lambda: random.choice([1, 2, 3, 5, 10, 16, 20, 200, 400, 600, 1000, 2000]),
    "kg": lambda: random.choice([round(random.uniform(0.5, 9), 1), random.randint(1, 60)]),
    "g": lambda: random.randint(2, 90) * 10,
    "m": lambda: random.choice([0.5, 1, 1.5, 1.8, 2, 3, 5, 10, 15, 20, 30]),
    "cm": lambda: random.randint(10, 220),
    "mm": lambda: random.randint(2, 60),
    "inch": lambda: random.choice([round(random.uniform(5, 30), 1), random.randint(4, 65)]),
    "mAh": lambda: random.choice([random.randint(5, 30) * 100, random.randint(3, 30) * 1000]),
    "GB": lambda: random.choice([4, 8, 16, 32, 64, 128, 256, 512]),
    "dB": lambda: random.randint(18, 90),
    "lm": lambda: random.randint(2, 30) * 100,
    "bar": lambda: random.randint(5, 20),
    "kPa": lambda: random.randint(8, 35),
    "°C": lambda: random.randint(-20, 15),
    "L/h": lambda: random.randint(3, 30) * 100,
}
COUNTED: dict[str, tuple[tuple[tuple[str, ...], ...] | Five, Callable[[], object]]] = {
    "pack": (PACK, lambda: random.choice([2, 3, 4, 5, 6, 8, 10, 12, 20, 24, 36, 50, 72])),
    "generation": (GENERATION, lambda: random.randint(2, 5)),
    "hours": (HOURS, lambda: random.randint(3, 60)),
    "minutes": (MINUTES, lambda: random.randint(2, 12) * 10),
    "persons": (PERSONS, lambda: random.randint(1, 8)),
    "size": (SIZE, lambda: random.choice(["S", "M", "L", "XL", "XXL"])),
    "speeds": (SPEEDS, lambda: random.randint(2, 12)),
    "ports": (PORTS, lambda: random.randint(1, 8)),
    "age": (AGE, lambda: random.choice(["0-6", "6-12", "0-36", "6-36", "3-36", "12-36", "6"])),
    "years": (YEARS, lambda: random.choice(["0-3", "3-6", "4-12", "0-12", "6-12", "3"])),
    "dims": (("{} cm", "{}厘米", "{} cm", "{} cm", "{} cm"), lambda: f"{random.randint(2, 20) * 10}x{random.randint(2, 15) * 10}"),
    "waterproof": (("{}",) * 5, lambda: random.choice(["IPX4", "IPX5", "IPX7", "IP44", "IP65", "IP67"])),
    "channels": (("{} channel", "{}声道", "{} canaux", "{} canales", "{}-Kanal"), lambda: random.choice(["2.0", "2.1", "5.1", "7.1"])),
}
# What cross-border shops list most; the rest of the taxonomy is drawn less often, not left out.
SHOP = (
    "Home & Garden > Kitchen & Dining",
    "Home & Garden > Household Appliances",
    "Home & Garden > Household Appliance Accessories",
    "Home & Garden > Household Supplies",
    "Home & Garden > Lighting",
    "Home & Garden > Linens & Bedding",
    "Baby & Toddler",
    "Electronics",
    "Animals & Pet Supplies",
    "Sporting Goods > Outdoor Recreation",
    "Sporting Goods > Fitness & General Exercise Equipment",
    "Sporting Goods > Athletics",
    "Hardware > Power & Electrical Supplies",
    "Health & Beauty > Personal Care",
)
# Plural endings and what stands instead, the first that fits. One that stays itself keeps a word from a later one.
ENDINGS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ss", "ss"), ("us", "us"), ("s", "")),
    (),
    (("eaux", "eau"), ("aux", "al"), ("ss", "ss"), ("s", "")),
    (("ces", "z"), ("ores", "or"), ("ones", "ón"), ("ales", "al"), ("les", "l"), ("des", "d"), ("s", "")),
    (("ungen", "ung"), ("innen", "in"), ("en", "e")),
)
COMMON = 4  # a value of as many attributes is one that shops write: stainless steel, cordless, large
SYLLABLES = ["ba", "lo", "mi", "ka", "ro", "ve", "no", "xi", "tan", "sol", "der", "pho", "lux", "gen", "vi", "ter", "mo", "ra"]
CHINESE = "美佳乐安康欧诺博宝家维尔迪克森特华新锐星奇科朗飞"


IMPERIAL: dict[str, tuple[Callable[[float], float], tuple[str, ...]]] = {
    "ml": (lambda ml: round(ml / 29.57, 1), ("oz", "fl oz")),
    "L": (lambda litres: round(litres / 0.9464, 1), ("qt", "quart")),
    "m": (lambda metres: round(metres * 3.281, 1), ("ft", "feet")),
    "kg": (lambda kg: round(kg * 2.205, 1), ("lb", "lbs")),
    "g": (lambda g: round(g / 28.35, 1), ("oz",)),
    "°C": (lambda celsius: round(celsius * 1.8 + 32), ("°F", "F")),
}


def written(number: float, language: int) -> str:
    text = f"{number:g}"
    if language >= 2 and random.random() < 0.7:
        text = text.replace(".", ",")
    return text


def singular(word: str, language: int) -> str:
    """A word of the taxonomy, which speaks in plurals, as a listing has it. A guess by its ending: Chinese has none."""
    for ending, instead in ENDINGS[language]:
        if len(word) > len(ending) + 2 and word.endswith(ending):
            return word[: len(word) - len(ending)] + instead
    return word


@dataclass(frozen=True)
class Fact:
    kind: str
    value: object

    def text(self, language: int) -> str:
        if self.kind in COUNTED:
            forms = COUNTED[self.kind][0][language]
            value = str(self.value)
            if self.kind == "dims":
                sides = [int(side) for side in value.split("x")]
                cross = random.choice(["x", " x ", "×"])
                if language == 0 and random.random() < 0.35:
                    return cross.join(f"{side / 2.54:.0f}" for side in sides) + random.choice([" inch", '"', " in"])
                value = cross.join(map(str, sides))
            return (random.choice(forms) if isinstance(forms, tuple) else forms).format(value)
        unit, number = self.kind, float(str(self.value))
        if unit == "L" and number < 1 or unit == "ml" and random.random() < 0.2:
            unit, number = (
                ("ml", number * 1000)
                if unit == "L" and random.random() < 0.6
                else (("L", number / 1000) if unit == "ml" else (unit, number))
            )
        elif (
            unit == "inch" and language in (1, 2, 3) and random.random() < 0.3 or unit == "cm" and language == 0 and random.random() < 0.35
        ):
            unit, number = (
                ("cm", round(number * 2.54))
                if unit == "inch"
                else ("inch", round(number / 2.54) if number > 15 else round(number / 2.54, 1))
            )
        metric = written(number, language) + random.choice(["", " "]) + random.choice(UNITS[unit][language])
        if unit not in IMPERIAL or random.random() > (0.3 if language == 0 else 0.03):
            return metric
        convert, names = IMPERIAL[unit]
        imperial = f"{convert(number):g} {random.choice(names)}"
        if random.random() < 0.3:
            return imperial
        first, second = random.choice([(imperial, metric), (metric, imperial)])
        return random.choice(["{} ({})", "{} / {}"]).format(first, second)


def new_fact(kind: str = "") -> Fact:
    kind = kind or (random.choice(list(RANGES)) if random.random() < 0.6 else random.choice(list(COUNTED)))
    return Fact(kind, (RANGES[kind] if kind in RANGES else COUNTED[kind][1])())


def fact_texts() -> list[str]:
    """What the tokenizer should know beside the taxonomy: units, counters and shop words."""
    texts = (
        [word for words in (*NOISE, *SENTENCES) for word in words] + [form for forms in ACCESSORIES for form in forms] + [*WITH, *WITHOUT]
    )
    return texts + [new_fact(kind).text(language) for kind in [*RANGES, *COUNTED] for language in range(5) for _ in range(4)]


@dataclass(frozen=True)
class Product:
    category: int
    values: tuple[int, ...] = ()
    facts: tuple[Fact, ...] = ()
    feature: int = -1
    has_feature: bool = True
    accessory: int = -1
    brand: str = ""
    code: str = ""


class Listings:
    """Draws products from the taxonomy and writes listings of them."""

    def __init__(self, terms: list[Term]) -> None:
        self.terms = terms
        self.noise = 1.0
        self.categories = [i for i, term in enumerate(terms) if term[0] == "category"]
        self.shop_categories = [i for i in self.categories if terms[i][2].startswith(SHOP)]
        self.values = [i for i, term in enumerate(terms) if term[0] == "value"]
        uses = Counter(terms[i][1][0] for i in self.values)
        self.common_values = [i for i in self.values if uses[terms[i][1][0]] >= COMMON]
        self.attributes = [i for i, term in enumerate(terms) if term[0] == "attribute"]
        families: dict[tuple[str, str], list[int]] = {}
        for i, (kind, _names, context) in enumerate(terms):
            families.setdefault((kind, context.rsplit(" > ", 1)[0] if kind == "category" else context), []).append(i)
        self.siblings = {i: [j for j in family if j != i] for family in families.values() for i in family}
        self.lookalikes: dict[int, list[int]] = {}

    def find_lookalikes(self, vectors: Tensor, nearest: int = 8) -> None:
        """For each category the others whose names are nearest, by `vectors` [terms, width]: what a first stage would propose."""
        own = vectors[self.categories]
        for i, near in zip(self.categories, (own @ own.T).topk(4 * nearest).indices.tolist(), strict=True):
            _kind, names, path = self.terms[i]
            others = (self.categories[j] for j in near)
            apart = [j for j in others if not path.startswith(self.terms[j][2]) and not self.terms[j][2].startswith(path)]
            self.lookalikes[i] = [j for j in apart if self.terms[j][1][0] != names[0]][:nearest]

    def product(self) -> Product:
        most = 2 + round(2 * self.noise)
        kinds = {fact.kind: fact for fact in (new_fact() for _ in range(min(most, random.choice([0, 1, 1, 2, 2, 3, 4]))))}
        chosen = random.random()
        return Product(
            category=self.category(),
            values=tuple(random.sample(self.common_values if random.random() < 0.4 else self.values, random.choice([0, 1, 1, 2, 2, 3]))),
            facts=tuple(kinds.values()),
            feature=random.choice(self.values) if chosen < 0.15 else -1,
            has_feature=random.random() < 0.7,
            accessory=random.randrange(len(ACCESSORIES)) if random.random() < 0.06 else -1,
            brand=self.brand() if random.random() < 0.4 else "",
            code=self.code() if random.random() < 0.3 else "",
        )

    def category(self) -> int:
        return random.choice(self.shop_categories if random.random() < 0.5 else self.categories)

    @staticmethod
    def brand() -> str:
        if random.random() < 0.25:
            return "".join(random.choices(CHINESE, k=2))
        return "".join(random.choices(SYLLABLES, k=random.randint(2, 3))).capitalize()

    @staticmethod
    def code() -> str:
        letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
        return (
            "".join(random.choices(letters, k=random.randint(1, 2)))
            + random.choice(["", "-"])
            + str(random.randint(10, 9999))
            + random.choice(["", "S", "X"])
        )

    def code_beside(self, code: str) -> str:
        """Another model: one digit or letter of the code is another, or all of it."""
        places = [i for i, character in enumerate(code) if character.isalnum()]
        i = random.choice(places)
        others = "0123456789" if code[i].isdigit() else "ABCDEFGHJKLMNPRSTUVWXYZ"
        near = code[:i] + random.choice([character for character in others if character != code[i]]) + code[i + 1 :]
        return near if random.random() < 0.6 else self.code()

    def name(self, term: int, language: int) -> str:
        """A term's name, at times in English elsewhere, at times with a word left out."""
        language = language if random.random() < 0.95 else 0
        name = self.terms[term][1][language]
        words = name.split()
        if random.random() < 0.6:
            words = [singular(word, language) for word in words]
            name = " ".join(words)
        if len(words) > 2 and random.random() < 0.12:
            words.pop(random.randrange(len(words)))
            name = " ".join(words)
        return name

    def tied(self, value: int, language: int) -> str:
        name = self.name(value, language)
        return random.choice(TIES[language]).format(name) if random.random() < 0.3 else name

    def text(self, product: Product, language: int, *, keep: frozenset[str], drop: float) -> str:
        """One listing. `keep` names what may not be dropped: a fact's kind, "values", "feature", "brand" or "code"."""
        what = self.name(product.category, language)
        if product.accessory >= 0:
            what = ACCESSORIES[product.accessory][language].format(what)
        parts = [self.tied(value, language) for value in product.values if "values" in keep or random.random() > drop]
        facts = [fact for fact in product.facts if fact.kind in keep or random.random() > drop]
        listed: list[tuple[str, str]] = []
        for fact in facts:
            if random.random() < 0.15 and len(listed) < 3:
                listed.append((self.terms[random.choice(self.attributes)][1][language], fact.text(language)))
                if random.random() < 0.4:
                    continue
            parts.append(fact.text(language))
        if product.feature >= 0 and ("feature" in keep or random.random() > drop):
            parts.append((WITH if product.has_feature else WITHOUT)[language].format(self.name(product.feature, language)))
        if product.brand and ("brand" in keep or random.random() > 0.3):
            parts.append(product.brand)
        if product.code and ("code" in keep or random.random() > 0.3):
            parts.append(product.code)
        if random.random() < self.noise:
            parts += random.choices(NOISE[language], k=random.choice([0, 0, 1, 1, 2, 3]))
        if random.random() < self.noise:
            parts += [self.name(random.choice(self.values), language) for _ in range(random.choice([0, 0, 0, 1, 1, 2]))]
        if random.random() < 0.08 * self.noise:
            parts.append(self.code() if random.random() < 0.5 else self.brand())
        random.shuffle(parts)
        parts.insert(min(len(parts), int(random.expovariate(0.9))), what)
        title = random.choice([", ", " ", " ", " - ", " – "] if language != ZH else [" ", " ", "", "", "", ","]).join(parts)
        lines = [title]
        if listed:
            lines.append("; ".join(f"{key}: {value}" for key, value in listed))
        if random.random() < 0.15:
            lines.append(random.choice(SENTENCES[language]))
        return "\n".join(lines)

    def other(self, product: Product) -> tuple[Product, frozenset[str]]:
        """A product that differs in one thing, and what both listings must state so that it shows."""
        if product.code and random.random() < 0.3:
            return replace(product, code=self.code_beside(product.code)), frozenset({"code"})
        if product.brand and random.random() < 0.1:
            return replace(product, brand=self.brand()), frozenset({"brand"})
        draw = random.random()
        if draw < 0.28 and product.facts:
            old = random.choice(product.facts)
            new = self.near(old)
            return replace(product, facts=tuple(new if fact is old else fact for fact in product.facts)), frozenset({old.kind})
        if draw < 0.52 and product.values and self.siblings[product.values[0]]:
            values = (random.choice(self.siblings[product.values[0]]), *product.values[1:])
            return replace(product, values=values), frozenset({"values"})
        if draw < 0.6 and product.feature >= 0:
            return replace(product, has_feature=not product.has_feature), frozenset({"feature"})
        if draw < 0.66:
            accessory = random.randrange(len(ACCESSORIES)) if product.accessory < 0 else -1
            return replace(product, accessory=accessory), frozenset()
        others = self.lookalikes.get(product.category) if random.random() < 0.5 else self.siblings[product.category]
        if draw < 0.9 and others:
            return replace(product, category=random.choice(others)), frozenset()
        if draw < 0.95:
            return replace(product, category=self.category()), frozenset()
        return self.product(), frozenset()

    @staticmethod
    def near(fact: Fact) -> Fact:
        """Another value of the same kind, often a plausible neighbour."""
        for _ in range(20):
            if fact.kind in RANGES and random.random() < 0.5:
                number = float(str(fact.value))
                new = Fact(
                    fact.kind, round(number * random.choice([0.4, 0.5, 0.6, 0.67, 0.75, 1.25, 1.33, 1.5, 2, 2.5]), 1 if number < 10 else 0)
                )
            else:
                new = new_fact(fact.kind)
            if new.value != fact.value and float_of(new) != float_of(fact):
                return new
        return Fact(fact.kind, f"{fact.value}0")

    def same_product(self) -> tuple[str, str]:
        """Two listings of one product in two languages."""
        self.noise = 1.0
        product, (a, b) = self.product(), random.sample(range(5), 2)
        drop = random.choice([0.0, 0.1, 0.3])
        return self.text(product, a, keep=frozenset(), drop=drop), self.text(product, b, keep=frozenset(), drop=drop)

    def triple(self, easy: float, noise: float = 1.0) -> Triple:
        """One triple; `easy` is the chance of single terms instead of listings, `noise` scales what listings carry beside the product."""
        self.noise = noise
        if random.random() < easy:
            i = random.randrange(len(self.terms))
            a, b = random.sample(range(5), 2)
            near = self.siblings[i] if random.random() < 0.35 else None
            other = random.choice(near) if near else random.randrange(len(self.terms))
            return self.terms[i][1][a], self.terms[i][1][b], self.terms[other][1][b]
        product, a = self.product(), random.randrange(5)
        drop = random.choice([0.0, 0.1, 0.3]) if random.random() < self.noise else 0.0
        different, keep = self.other(product)
        if random.random() < 0.15:
            return self.variant(product, different, a, keep=keep, drop=drop)
        return (
            self.text(product, a, keep=keep, drop=drop),
            self.text(product, self.language_beside(a), keep=frozenset(), drop=drop),
            self.text(different, self.language_beside(a), keep=keep, drop=drop),
        )

    def variant(self, product: Product, different: Product, language: int, *, keep: frozenset[str], drop: float) -> Triple:
        """As one shop lists its variants: word for word the same but for the difference."""
        state = random.getstate()
        query = self.text(product, language, keep=keep, drop=drop)
        after = random.getstate()
        random.setstate(state)
        other = self.text(different, language, keep=keep, drop=drop)
        random.setstate(after)
        same = self.text(product, self.language_beside(language), keep=frozenset(), drop=drop)
        return query, same, other

    @staticmethod
    def language_beside(language: int) -> int:
        return language if random.random() < 0.12 else random.randrange(5)


def float_of(fact: Fact) -> object:
    try:
        return round(float(str(fact.value)), 2)
    except ValueError:
        return str(fact.value)
