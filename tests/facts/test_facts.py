"""Codes, brands, sizes, colours and marks read from texts of five languages. `labelled.csv` says what is right.

Labels were written before the rules, and half of them were held out while the rules were written. The last 25 were added when the rules
stood: precision was 0.98 and recall 0.95 on the held-out half then. Strokes in codes and 二代 behind a space were read after that.
Titles that begin with a brand are at the end; `catalogue.csv` is what the shop beside them states.
"""

from __future__ import annotations

import csv
import math
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from django.core.cache import cache
from hypothesis import given
from hypothesis import strategies as st

from alignment import facts
from alignment.facts import known
from alignment.models import SKU
from tests.factories import make_sku
from workers.tasks import count_brand_names

HERE = Path(__file__).parent
LABELLED = list(csv.DictReader((HERE / "labelled.csv").open(encoding="utf-8", newline="")))
Queries = Callable[[int], AbstractContextManager[object]]
KINDS = ("model code", "brand", "size", "colour", "generation", "age", "plug", "certification", "protection")


def written(fact: facts.Fact) -> str:
    """As the labels write a fact."""
    if fact.kind == "age":
        return f"{fact.amount:g}-{'inf' if fact.upper == math.inf else f'{fact.upper:g}'}"
    said = fact.value or (f"{fact.amount:g}" if fact.upper is None else f"{fact.amount:g}-{fact.upper:g}")
    return f"{fact.scale} {said}".strip() if fact.kind in ("colour", "size") else said


@pytest.fixture
def vouched(db: None) -> frozenset[str]:
    """The brands that a catalogue vouches for once they were counted."""
    for row in csv.DictReader((HERE / "catalogue.csv").open(encoding="utf-8", newline="")):
        make_sku(row["title"], attributes={"Brand": row["brand"]})
    count_brand_names()
    return known.known_brands()


def read(row: dict[str, str], names: frozenset[str]) -> Counter[tuple[str, str]]:
    attributes = row["attributes"].split("/") if row["attributes"] else []
    text = "\n".join([row["title"], *(attribute.replace("=", ": ", 1) for attribute in attributes)])
    return Counter((fact.kind, written(fact)) for fact in facts.read(text, row["language"], names) if fact.kind in KINDS)


def labels(row: dict[str, str]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for label in filter(None, (part.strip() for part in row["facts"].split(";"))):
        kind, said = label.split(" ", 1)
        found["model code" if kind == "code" else kind, said] += 1
    return found


@pytest.mark.parametrize("half", ["written with", "held out"])
def test_precision_is_at_least_95_and_recall_85_percent(half: str, vouched: frozenset[str]) -> None:
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for row in LABELLED:
        if row["half"] == half:
            expected, found = labels(row), read(row, vouched)
            for (kind, _said), count in (expected & found).items():
                right[kind] += count
            for (kind, _said), count in (found - expected).items():
                wrong[kind] += count
            for (kind, _said), count in (expected - found).items():
                missed[kind] += count
    for kind in KINDS:
        known = right[kind] + missed[kind]
        precision, recall = right[kind] / max(1, right[kind] + wrong[kind]), right[kind] / max(1, known)
        print(f"{half}: {kind}: precision {precision:.3f}, recall {recall:.3f} of {known}")
    precision, recall = right.total() / (right + wrong).total(), right.total() / (right + missed).total()
    print(f"{half}: all: precision {precision:.3f}, recall {recall:.3f}")
    assert precision >= 0.95
    assert recall >= 0.85


def compared(query: str, candidate: str, language: str = "en") -> dict[str, bool | None]:
    """For each kind what stands first: a conflict, then what agrees, then what one side says."""
    found: dict[str, bool | None] = {}
    for one in facts.compare(facts.read(query, language), facts.read(candidate, language)):
        found.setdefault(one.kind, one.agrees)
    return found


@pytest.mark.parametrize(
    ("kind", "query", "candidate", "agrees"),
    [
        ("model code", "Sony WH-1000XM5", "Sony WH 1000XM5", True),
        ("model code", "Kettle KX3412", "Kettle kx-3412", True),
        ("model code", "Kettle KX3412", "Kettle KX3413", False),
        ("model code", "BX80677I57600K", "Core I5-7600K", True),
        ("brand", "Sony WH-1000XM5", "索尼 WH-1000XM5", True),
        ("brand", "Drill\nBrand: Bosch Professional", "Bosch drill", True),
        ("brand", "Sony earbuds", "JBL earbuds", False),
        ("colour", "Kettle, dark blue", "Wasserkocher dunkelblau", True),
        ("colour", "Kettle, dark blue", "Kettle, blue", True),
        ("colour", "Kettle, dark blue", "Kettle, light blue", False),
        ("colour", "Kettle, black or white", "Kettle, black", True),
        ("colour", "Kettle, black", "电热水壶 白色", False),
        ("size", "T-Shirt size M", "T-Shirt L码", False),
        ("size", "Shirt S-XL", "Shirt size M", True),
        ("size", "Shoes EU 42", "鞋 42码", True),
        ("size", "Socks size 39-42", "Socks EU 41", True),
        ("age", "Stroller newborn to 36 months", "推车 0-3岁", True),
        ("age", "Stroller\nage: 0-36 months", "推车\n适用年龄: 0-36个月", True),
        ("age", "Stroller\nage: 0-36 months", "婴儿推车适合0至3岁", True),
        ("age", "Teether ages 6+ months", "适用于6个月以上宝宝", True),
        ("age", "Teether ages 3-6 months", "牙胶适用于6到12个月", False),
        ("age", "Puzzle ages 3-5", "Puzzle 6-8 years", False),
        ("generation", "Echo Dot (5th Gen)", "Echo Dot 第5代", True),
        ("generation", "Echo Dot (5th Gen)", "Echo Dot 4. Generation", False),
        ("plug", "Dryer EU plug", "吹风机 美规", False),
        ("certification", "Seat ECE R44/04", "Seat i-Size", False),
        ("protection", "Speaker IPX7", "Speaker IPX5", False),
    ],
)
def test_two_listings_facts_agree_or_conflict(kind: str, query: str, candidate: str, agrees: bool) -> None:
    assert compared(query, candidate)[kind] is agrees
    assert compared(candidate, query)[kind] is agrees


@pytest.mark.parametrize(
    ("kind", "query", "candidate"),
    [
        ("model code", "Kettle KX3412", "Kettle KX3412B"),
        ("model code", "SSD MZ-75E1T0B/EU", "SSD MZ-75E1T0B/AM"),
        ("brand", "壶\n品牌: 凯沃", "Kettle\nBrand: Kelvora"),
        ("size", "Shoes US 9", "Shoes EU 42"),
        ("certification", "Charger CE", "Charger FCC"),
        ("colour", "Kettle, multicolour", "Kettle, black"),
    ],
)
def test_what_may_or_may_not_be_the_same_is_no_conflict(kind: str, query: str, candidate: str) -> None:
    assert compared(query, candidate)[kind] is None


@pytest.mark.parametrize(
    "text",
    [
        "Black Friday", "green tea", "USB 3.2 Gen 2", "HDMI 2.1", "E27 GU10", "3-in-1", "4K 60fps", "1080p", "DDR4 3200", "Cat6 RJ45",
        "full size dishwasher", "24 months warranty", "McAfee 12 months + 3 free", "Wifi6 AX3000", "socket LGA1150", "S1151",
        "PC4-21300C16", "LED 2700K",
        "苹果", "小米", "石头材质", "EC（幼儿）", "S 形弯管", "英特尔奔腾 M", "MKV", "SOT-143", "SR936SW", "Kap-Verde-Escudo",
        "蛋白粉", "美白", "苹果醋", "小米粥", "5号电池", "适用三星手机壳",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_fact_is_none(text: str) -> None:
    assert [fact for fact in facts.read(text) if fact.kind in KINDS] == []


@given(
    text=st.text(max_size=80) | st.text("AXSML0129.,/+-() 码号代岁规色黑Gen EURplug\n:", max_size=80),
    language=st.sampled_from(["", "en", "de", "zh"]),
)
def test_any_text_is_read_and_never_contradicts_itself(text: str, language: str) -> None:
    found = facts.read(text, language)
    assert all(fact.kind in facts.KINDS for fact in found)
    assert not facts.conflicts(found, found)


@pytest.mark.parametrize(
    "text",
    ["A1", "A-", "1-", "EU ", "size ", "3-5 ", "黑", "brand: a\n", "X", "1.", "Sony ", "for ", "a/b ", "EN-1", "gen 1 ", "深", "0-3岁 "],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    facts.read((text * 20_000)[:20_000], "de")
    assert time.process_time() - started < 1


def test_a_listing_is_read_in_a_millisecond_or_two() -> None:
    texts = [f"{row['title']} {number}\n{row['attributes']}" for number in range(3) for row in LABELLED]
    started = time.process_time()
    for text in texts:
        facts.read(text)
    assert (time.process_time() - started) / len(texts) < 0.002


@pytest.mark.django_db
def test_a_listing_of_any_length_is_read_in_a_moment() -> None:
    sku = SKU(title="EN-1 " * 400, attributes={f"size {number}": "3-5 EU 42, " * 200 for number in range(100)})
    started = time.process_time()
    facts.of(sku)
    assert time.process_time() - started < 0.3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("attributes", "title", "kind", "words"),
    [
        ({"Brand": "Kelvora"}, "KELVORA kettle 1.7 L", "brand", "Kelvora"),
        ({"品牌": "凯沃"}, "凯沃电热水壶", "brand", "凯沃"),
        ({"Model": "KX-34.12"}, "Kettle kx 3412", "model code", "KX-34.12"),
    ],
)
def test_what_an_attribute_names_is_found_in_the_other_title(attributes: dict[str, str], title: str, kind: str, words: str) -> None:
    named, other = SKU(title="Kettle", attributes=attributes), SKU(title=title, attributes={})
    for query, candidate in ((named, other), (other, named)):
        assert [(one.kind, one.agrees) for one in facts.between(query, candidate) if one.kind == kind] == [(kind, True)]


@pytest.mark.django_db
@pytest.mark.parametrize(("brand", "title"), [("Kelvora", "Kelvorado kettle"), ("LG", "Algae"), ("(", "kettle"), ("a.c", "abc")])
def test_a_brand_within_another_word_is_not_named(brand: str, title: str) -> None:
    found = facts.between(SKU(title="Kettle", attributes={"Brand": brand}), SKU(title=title, attributes={}))
    assert not any(one.agrees for one in found if one.kind == "brand")


@pytest.mark.parametrize("text", ["小米手机 14", "小米 Redmi 13C", "苹果手机壳", "苹果 iPhone 15"])
def test_a_brand_that_is_a_word_too_is_read_before_its_goods(text: str) -> None:
    assert [fact.value for fact in facts.read(text, "zh") if fact.kind == "brand"] != []


def brand_of(title: str, language: str = "en") -> list[str]:
    return [fact.value for fact in facts.of(make_sku(title, language=language)) if fact.kind == "brand"]


@pytest.mark.parametrize(
    ("title", "language", "brands"),
    [
        ("Kelvora kettle", "en", ["kelvora"]),
        ("【KELVORA】 Wasserkocher", "de", ["kelvora"]),
        ("凯沃 电热水壶", "zh", ["凯沃"]),
        ("维尔诺保温杯", "zh", ["维尔诺"]),
        ("凯沃夫蛋糕", "zh", []),
        ("Kelvorado kettle", "en", []),
        ("Kettle like Kelvora", "en", []),
        ("Kelvora-compatible filter", "en", []),
        ("凯沃专用滤芯", "zh", []),
        ("Premium kettle", "en", []),
        ("Generic kettle", "en", []),
    ],
)
@pytest.mark.usefixtures("vouched")
def test_a_title_begins_with_a_brand_that_the_catalogue_vouches_for(title: str, language: str, brands: list[str]) -> None:
    assert brand_of(title, language) == brands


@pytest.mark.usefixtures("vouched")
@pytest.mark.parametrize(
    ("query", "candidate", "agrees"),
    [
        ("Kelvora kettle", "Bouilloire\nMarque: KELVORA", True),
        ("Kelvora kettle", "Kelvora Home kettle\nBrand: Kelvora Home", True),
        ("Kelvora kettle", "Ridgeway kettle", False),
        ("Kelvora kettle", "凯沃 电热水壶", None),
        ("凯沃 电热水壶", "锐威 电热水壶", False),
        ("凯沃 电热水壶", "Kettle\nBrand: Kelvora/凯沃", None),
        ("Kelvora kettle", "Kettle\nBrand: Kelvora/凯沃", True),
    ],
)
def test_a_leading_brand_is_compared_as_a_stated_one_is(query: str, candidate: str, agrees: bool | None) -> None:
    first, second = ([one for one in facts.read(text, "", known.known_brands()) if one.kind == "brand"] for text in (query, candidate))
    assert [one.agrees for one in facts.compare(first, second)][0] is agrees


def test_brands_are_counted_anew_when_the_catalogue_changed(vouched: frozenset[str], django_assert_num_queries: Queries) -> None:
    assert brand_of("Solvanta fryer") == []
    for number in range(3):
        make_sku(f"Solvanta pan {number}", attributes={"Brand": "Solvanta"})
        make_sku(f"Verdano by Kelvora {number}", attributes={"Brand": "Kelvora"})
    cache.clear()
    count_brand_names()
    assert brand_of("Solvanta fryer") == ["solvanta"]
    assert brand_of("Verdano bottle") == []
    with django_assert_num_queries(1):
        count_brand_names()


@pytest.mark.usefixtures("vouched")
def test_reading_listings_asks_for_the_brands_once_a_minute(django_assert_num_queries: Queries) -> None:
    skus = [make_sku(f"Kelvora kettle {number}") for number in range(3)]
    known.read_again()
    with django_assert_num_queries(1):
        assert all(facts.of(sku) for sku in skus)
