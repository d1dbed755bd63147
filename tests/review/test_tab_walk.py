"""Every page by the Tab key alone, in a real browser: all that acts is reached, in its order, with a focus that is seen, and left again.

On SQLite alone, as the walk under axe: no database changes templates and styles.
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
MOST_PRESSES = 70
# What was focused, and what is wrong with it: no outline, no size, out of sight, beneath a bar, before what came before. A walk ends where
# it began, which is in the page's midst where a field has the focus from the start; a date has a stop for each of its parts.
WATCH = """() => {
    window.walked = []; window.wrong = []; window.jumps = document.activeElement === document.body ? 0 : 1;
    const inside = (value, most) => Math.min(most - 1, Math.max(0, value));
    document.addEventListener("focusin", ({target}) => {
        if (walked.includes(target)) return;
        const style = getComputedStyle(target), box = target.getBoundingClientRect(), last = walked.at(-1);
        const say = (what) => wrong.push(`${what}: ${target.outerHTML.slice(0, 120)}`);
        if (style.outlineStyle === "none" || !parseFloat(style.outlineWidth)) say("no outline");
        if (box.width < 2 || box.height < 2) say("no size");
        if (box.bottom < 1 || box.top > innerHeight - 1 || box.right < 1 || box.left > innerWidth - 1) say("out of sight");
        else {
            const x = inside((box.left + box.right) / 2, innerWidth), y = inside((box.top + box.bottom) / 2, innerHeight);
            const above = document.elementFromPoint(x, y);
            if (above && !target.contains(above) && !above.contains(target) && !above.closest("label")) say(`beneath ${above.className}`);
        }
        if (last && last.compareDocumentPosition(target) & Node.DOCUMENT_POSITION_PRECEDING && jumps-- < 1) say("out of order");
        walked.push(target);
    });
    window.stops = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
        .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0);
    return stops.length + 4 + 3 * stops.filter((one) => one.type === "date").length;
}"""
MISSED = """() => stops.filter((one) => one.isConnected && one.type !== "radio" && !one.autofocus && !walked.includes(one))
    .map((one) => `not reached: ${one.outerHTML.slice(0, 120)}`)"""


def test_every_page_is_walked_by_the_tab_key(make_page, client, live_server):
    world = walk.world()
    client.force_login(world.admin)
    page = make_page(reduced_motion="reduce", viewport={"width": 720, "height": 450})
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    problems = []
    for name, path in walk.PAGES.items():
        page.goto(path(world), wait_until="load")
        presses = page.evaluate(WATCH)
        for _ in range(min(presses, MOST_PRESSES)):
            page.keyboard.press("Tab")
        found = page.evaluate("wrong") + (page.evaluate(MISSED) if presses <= MOST_PRESSES else [])
        problems += [f"{name}: {problem}" for problem in found]
    assert not problems, "\n".join(problems)
