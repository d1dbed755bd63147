"""Whoever asks their system for less motion gets none: no page, nor the records behind them, moves anything by itself.

On SQLite alone: what is walked are templates and styles, which no database changes.
"""

from __future__ import annotations

import pytest
from django.db import connection

from tests.review import walk

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="templates and styles are the same on every database"),
]
RECORDS = {"records": "/admin/", "records of decisions": "/admin/alignment/decision/", "records of SKUs": "/admin/alignment/sku/"}
# A hundredth of a second is none to an eye; some style sheets say so little to have the end of a transition told.
MOVING = """() => {
    const seconds = (said) => Math.max(...said.split(",").map((one) => parseFloat(one) * (one.trim().endsWith("ms") ? 0.001 : 1)));
    const found = new Set();
    for (const element of document.querySelectorAll("*"))
        for (const part of [null, "::before", "::after", "::marker", "::backdrop"]) {
            const style = getComputedStyle(element, part), name = `<${element.localName} class="${element.className}">${part || ""}`;
            if (seconds(style.transitionDuration) + seconds(style.transitionDelay) > 0.01) found.add(`${name} in transition`);
            if (style.animationName !== "none" && seconds(style.animationDuration) > 0.01) found.add(`${name} animated`);
            if (style.scrollBehavior === "smooth") found.add(`${name} scrolls smoothly`);
        }
    for (const animation of document.getAnimations()) if (animation.playState === "running") found.add("an animation runs");
    return [...found].slice(0, 5);
}"""


@pytest.fixture
def moving(make_page, live_server, client):
    """What moves on each page, by its name, as an admin sees it under a setting of their system's."""
    world = walk.world()
    client.force_login(world.admin)
    paths = {name: path(world) for name, path in walk.PAGES.items()} | {"404": walk.NOT_FOUND} | RECORDS
    outside = {name: path(world) for name, path in walk.OUTSIDE.items()}

    def look(setting: str, *only: str) -> dict[str, list[str]]:
        page = make_page(reduced_motion=setting)
        page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        found = {}
        for name, path in (paths | outside).items():
            if only and name not in only:
                continue
            if name in outside:
                page.context.clear_cookies(name="sessionid")
            page.goto(path, wait_until="load")
            page.evaluate("document.querySelectorAll('main details').forEach((folded) => { folded.open = true; })")
            page.evaluate("document.querySelectorAll('dialog').forEach((one) => { if (!one.open) one.showModal(); })")
            found[name] = page.evaluate(MOVING)
        return found

    return look


def test_nothing_moves_on_any_page_where_the_system_asks_for_no_motion(moving):
    assert not {name: moves for name, moves in moving("reduce").items() if moves}


def test_what_moves_where_motion_is_welcome_is_found(moving):
    assert moving("no-preference", "records")["records"]
