"""Every page in a real browser under axe: WCAG 2.2 AA in both languages and both themes, and no page wider than 320 px,
which is a small phone, or 400 % zoom.

On SQLite alone: what is walked are templates and styles, which no database changes; that the pages' queries work on both is what
test_every_page.py shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from django.db import connection
from playwright.sync_api import TimeoutError, sync_playwright

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
