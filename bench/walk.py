"""An expert's walk by script: pairs decided by keyboard alone in a real browser, and how long the tool kept the person waiting.

    python -m bench.walk [--pairs 100] [--think 2.0] [--json OUT]

Makes an installation of its own in a scratch folder (on DATABASE_URL's database where one is given: an empty one), with cases of one to
five pairs in five categories, and starts the web server as `make run` does. The clock runs from the key event's own time stamp to the
first frame painted with the next candidate, or the next case, on it. Needs what tests need: Chromium and playwright.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CLOCK = """
window.walked = [];
addEventListener("keydown", (event) => {
  const shown = () => (document.querySelector(".candidate.current:not(.decided)") || { id: "" }).id;
  const held = () => document.getElementById("case").dataset.lease;
  const busy = () => document.getElementById("case").hasAttribute("aria-busy");
  const before = shown(), lease = held();
  const look = () => {
    if (busy() || shown() === before) return requestAnimationFrame(look);
    const painted = new MessageChannel();
    painted.port1.onmessage = () => window.walked.push([performance.now() - event.timeStamp, held() !== lease]);
    requestAnimationFrame(() => painted.port2.postMessage(0));
  };
  requestAnimationFrame(look);
}, true);
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--think", type=float, default=2.0, help="Seconds that a person looks at a pair")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    random.seed(7)
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        os.environ.update(VAR_DIR=folder, DJANGO_SETTINGS_MODULE="alignment.settings", DJANGO_ALLOW_ASYNC_UNSAFE="true")
        prepare(args.pairs)
        with served() as address:
            walked = walk(address, args.pairs, args.think)
        decided = kept()
    report = measured(walked, args.think) | {"pairs": args.pairs, "think_seconds": args.think, "decisions_in_the_log": decided}
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    assert decided == args.pairs, "every press is one decision"


def prepare(pairs: int) -> None:
    """A queue of at least so many pairs, whatever the answers settle."""
    import django

    django.setup()
    from django.core.management import call_command

    from tests import factories

    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False)
    factories.make_reviewer("expert")
    made = 0
    while made < 2 * pairs:
        size = random.randint(1, 5)
        query = factories.make_sku(
            f"可折叠便携式婴儿推车 {made} 号，适合0-3岁", language="zh", category=factories.make_category(f"Line {made % 5}")
        )
        others = [factories.make_sku(f"Foldable stroller {made}.{n} for newborn to 36 months, {6 + n}.8 kg") for n in range(size)]
        factories.make_set(query, others, category=query.category)
        made += size
    factories.score_waiting_sets(0.8)


@contextmanager
def served() -> Iterator[str]:
    """The web server, as `make run` starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "alignment.wsgi",
        "-b",
        f"127.0.0.1:{port}",
        "-k",
        "gthread",
        "--workers",
        "2",
        "--threads",
        "4",
    ]
    server = subprocess.Popen([*command, "--log-level", "warning"])
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def walk(address: str, pairs: int, think: float) -> list[tuple[float, bool]]:
    """Milliseconds from key to paint of each pair, and whether another case was painted."""
    from playwright.sync_api import expect, sync_playwright

    from tests.review.conftest import FLAGS

    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        page = browser.new_page(base_url=address, viewport={"width": 1440, "height": 900})
        page.add_init_script(CLOCK)
        page.goto("/sign-in/")
        page.get_by_label("Username").fill("expert")
        page.get_by_label("Password").fill("a long password 1")
        page.keyboard.press("Enter")
        page.wait_for_url("**/review/")
        page.evaluate("() => { window.walked = []; }")
        for done in range(1, pairs + 1):
            page.wait_for_timeout(1000 * think)
            page.keyboard.press(random.choices("aru", (40, 55, 5))[0])
            while page.evaluate("() => window.walked.length") < done:
                page.wait_for_timeout(5)
        expect(page.locator("#review")).to_have_attribute("data-waiting", "0")
        walked: list[tuple[float, bool]] = page.evaluate("() => window.walked")
        browser.close()
    return walked


def kept() -> int:
    from alignment.models import Decision

    return Decision.objects.filter(by="person").count()


def measured(walked: Sequence[tuple[float, bool]], think: float) -> dict[str, Any]:
    waited = sum(ms for ms, _case in walked) / 1000
    return {
        "key_to_next_candidate_ms": percentiles([ms for ms, another in walked if not another]),
        "key_to_next_case_ms": percentiles([ms for ms, another in walked if another]),
        "share_of_the_time": round(waited / (waited + think * len(walked)), 4),
    }


def percentiles(times: list[float]) -> dict[str, float]:
    times = sorted(times)
    at = {f"p{share}": round(times[math.ceil(share / 100 * len(times)) - 1], 1) for share in (50, 95, 100)} if times else {}
    return at | {"count": len(times)}


if __name__ == "__main__":
    sys.exit(main())
