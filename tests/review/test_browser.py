"""A real browser: sign in, clear a queue by keyboard alone, undo one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from alignment.models import Decision, Group, Pair
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def make_queue():
    category = factories.make_category("Baby > Strollers")
    shop, other = factories.make_source("华联商店", "zh"), factories.make_source("Brightcart", "en")
    query = factories.make_sku(
        "可折叠便携式婴儿推车，适合0-3岁",
        source=shop,
        language="zh",
        category=category,
        attributes={"age": "0-36 months", "foldable": "yes", "weight": "7.2 kg"},
        url="https://shop.example/8812",
    )
    titles = ("Foldable Lightweight Stroller for Newborn to 36 Months", "Compact Travel Pushchair", "Twin Stroller, Side by Side")
    factories.make_set(
        query,
        [
            factories.make_sku(title, source=other, attributes={"age": "0-36 months", "weight": "6.8 kg"}, url="https://bright.example/771")
            for title in titles
        ],
    )
    factories.make_set(factories.make_sku("Rice cooker 1.8 L"), [factories.make_sku("电饭煲 1.8升", language="zh")])
    factories.score_waiting_sets(0.8, model=factories.make_model(is_demo=True))


def press(page, key, left):
    page.keyboard.press(key)
    expect(page.locator(".left")).to_have_text(left)


def test_a_queue_is_cleared_by_keyboard_alone_and_one_verdict_undone(page, sign_in):
    make_queue()
    user = factories.make_reviewer("lin")
    sign_in(page, user)
    expect(page.locator(".left")).to_have_text("4 pairs left")
    page.keyboard.press("j")
    expect(page.locator(".candidate.current")).to_contain_text("Compact Travel Pushchair")
    page.keyboard.press("k")
    page.keyboard.press("n")
    page.keyboard.type("same frame, aruz")
    page.keyboard.press("Escape")
    press(page, "a", "3 pairs left")
    press(page, "r", "2 pairs left")
    press(page, "r", "1 pair left")
    expect(page.locator(".query h2")).to_have_text("Rice cooker 1.8 L")
    press(page, "a", "0 pairs left")
    expect(page.get_by_text("Everything is reviewed")).to_be_visible()
    assert sorted(Pair.objects.values_list("standing__verdict", flat=True)) == ["accept", "accept", "reject", "reject"]
    assert Decision.objects.filter(note__text="same frame, aruz", request_id__isnull=False, seconds__isnull=False).exists()
    assert Group.objects.filter(size=2, merged_into=None).count() == 2
    press(page, "z", "1 pair left")
    expect(page.locator(".query h2")).to_have_text("Rice cooker 1.8 L")
    assert Group.objects.filter(size=2, merged_into=None).count() == 1
    assert page.problems == []


def test_a_second_press_on_the_same_pair_is_dropped(page, sign_in):
    make_queue()
    sign_in(page, factories.make_reviewer("lin"))
    page.evaluate("() => { const b = document.querySelector('.current [data-act=accept]'); b.click(); b.click(); }")
    expect(page.locator(".left")).to_have_text("3 pairs left")
    assert Decision.objects.filter(by="person").count() == 1


def test_a_phone_keeps_query_and_verdicts_in_view_and_nothing_scrolls_sideways(page, sign_in):
    make_queue()
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, factories.make_reviewer("lin"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("Same", "Different", "Unsure"):
        box = page.locator(".candidate.current").get_by_role("button", name=name).bounding_box()
        assert box["height"] >= 44 and box["y"] + box["height"] <= 844
    expect(page.locator(".query h2")).to_be_in_viewport()


@pytest.mark.skipif(not os.environ.get("SCREENSHOTS"), reason="SCREENSHOTS names no folder to put pictures in")
def test_pictures_for_people_to_look_at(page):
    folder = Path(os.environ["SCREENSHOTS"])
    make_queue()
    factories.make_set(factories.make_sku(), [factories.make_sku()], status="parked", error="out of memory")
    admin = factories.make_admin("boss")
    page.goto("/")
    page.get_by_label("Username").fill(admin.username)
    page.get_by_label("Password").fill("a long password 1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/scoring/")
    for language in ("en", "zh-hans"):
        page.context.add_cookies([{"name": "django_language", "value": language, "url": page.url}])
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            for width, height in ((1440, 900), (390, 844)):
                page.set_viewport_size({"width": width, "height": height})
                for path in ("review", "scoring", "policies", f"policies/{factories.make_category().pk}", "imports"):
                    page.goto(f"/{path}/")
                    page.screenshot(path=folder / f"{path.replace('/', '-')}-{language}-{theme}-{width}.png")
