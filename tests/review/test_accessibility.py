"""Every page in a real browser under axe: WCAG 2.2 AA in both languages and both themes, and no page wider than 320 px,
which is a small phone, or 400 % zoom. On a phone, under fingers and with texts that never break: no table to be pushed sideways, nothing
too small to touch.

On SQLite alone: what is walked are templates and styles, which no database changes; that the pages' queries work on both is what
test_every_page.py shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from django.db import connection
from django.urls import reverse
from playwright.sync_api import TimeoutError, sync_playwright

from alignment.models import ImportRun
from tests import factories
from tests.review import walk
from tests.review.conftest import FLAGS

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="templates and styles are the same on every database"),
]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PHONE, DESK = {"width": 320, "height": 640}, {"width": 1440, "height": 900}


def found(page: Any, options: dict[str, Any]) -> list[str]:
    """What axe finds serious or critical, as rule and element."""
    said = page.evaluate(
        """async (options) => (await axe.run(document, {...options, resultTypes: ["violations"]})).violations
            .filter((one) => ["serious", "critical"].includes(one.impact))
            .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)}`))""",
        options,
    )
    return list(said)


def too_wide(page: Any) -> list[str]:
    """What reaches over a phone's edge."""
    try:
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth", timeout=5000)
    except TimeoutError:
        pass
    else:
        return []
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll("main *, header *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
                .slice(0, 3).map((one) => "too wide: " + one.outerHTML.slice(0, 120))"""
        )
    )


def test_axe_finds_nothing_serious_on_any_page_in_either_language_or_theme_and_none_is_too_wide(chromium, live_server, client):
    world = walk.world()
    client.force_login(world.admin)
    session = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    paths = {name: path(world) for name, path in walk.PAGES.items()} | {"404": walk.NOT_FOUND}
    outside = {name: path(world) for name, path in walk.OUTSIDE.items()}
    problems: dict[str, list[str]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        for language in ("en", "zh-hans"):
            context = browser.new_context(base_url=live_server.url, viewport=DESK, bypass_csp=True, reduced_motion="reduce")
            context.add_cookies([session, {"name": "django_language", "value": language, "url": live_server.url}])
            context.add_init_script(AXE)
            page = context.new_page()
            page.on("pageerror", lambda error: problems.setdefault("script", []).append(str(error)))
            for name, path in (paths | outside).items():
                if name in outside:
                    context.clear_cookies(name="sessionid")
                page.emulate_media(color_scheme="light")
                page.goto(path, wait_until="load")
                page.evaluate("document.querySelectorAll('main details').forEach((folded) => { folded.open = true; })")
                here = found(page, {"runOnly": STANDARD})
                page.emulate_media(color_scheme="dark")
                here += [f"dark {problem}" for problem in found(page, {"runOnly": {"type": "rule", "values": ["color-contrast"]}})]
                page.set_viewport_size(PHONE)
                here += too_wide(page)
                page.set_viewport_size(DESK)
                if here:
                    problems[f"{language} {name}"] = here
            context.close()
        browser.close()
    assert not problems, "\n".join(f"{page}: {problem}" for page, several in problems.items() for problem in several)


LONG = "Schiffahrtsgesellschaft" * 8


def unbroken(world: walk.World) -> dict[str, str]:
    """Pages of a listing, a person and a file whose names have no place to break."""
    shop = factories.make_source(LONG, "de")
    sku = factories.make_sku(LONG * 4, source=shop, language="de", category=world.category, attributes={LONG: LONG}, description=LONG * 9)
    pair = factories.make_pair(0.8, left=world.sku, right=sku)
    person = factories.make_reviewer(LONG[:140])
    ImportRun.objects.create(source=shop, file_name=f"{LONG}.csv", status="failed", error=LONG, author=person)
    return {
        "long sku": reverse("sku", args=[sku.uuid]),
        "long pair": reverse("pair", args=[pair.pk]),
        "long member": reverse("member", args=[person.pk]),
    }


def hard_on_a_phone(page: Any) -> list[str]:
    """Tables that hide a part of themselves to the side, and what is too small for a finger: 44 px for an act, 24 for any other."""
    return list(
        page.evaluate(
            """() => {
                const aside = ".hidden, .sideways, thead";
                const shown = (one) => one.checkVisibility({visibilityProperty: true}) && !one.closest(aside);
                const named = (what) => (one) => `${what}: ${one.outerHTML.slice(0, 120)}`;
                const all = (which) => [...document.querySelectorAll(which)].filter(shown);
                const lower = (least) => (one) => one.getBoundingClientRect().height < least - 0.5;
                const acts = "main button:not(.plain), main .button, select, main input:not([type=checkbox], [type=radio]), .bar summary";
                return [
                    ...all("main table:not(.prose table)").filter((one) => one.scrollWidth > one.clientWidth + 1).map(named("sideways")),
                    ...all(acts).filter(lower(44)).map(named("below 44 px")),
                    ...all("main summary, main button, main input").filter(lower(24)).map(named("below 24 px")),
                ].slice(0, 5);
            }"""
        )
    )


def test_every_page_can_be_read_and_touched_on_a_phone(chromium, live_server, client):
    world = walk.world()
    paths = {name: path(world) for name, path in walk.PAGES.items()} | unbroken(world)
    client.force_login(world.admin)
    problems: dict[str, list[str]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        context = browser.new_context(base_url=live_server.url, viewport={"width": 390, "height": 844}, has_touch=True, bypass_csp=True)
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        page = context.new_page()
        for name, path in paths.items():
            page.goto(path, wait_until="load")
            page.evaluate("document.querySelectorAll('main details').forEach((folded) => { folded.open = true; })")
            if here := too_wide(page) + hard_on_a_phone(page):
                problems[name] = here
        browser.close()
    assert not problems, "\n".join(f"{page}: {problem}" for page, several in problems.items() for problem in several)
