"""How long somebody waits who asks while a bulk job keeps the worker busy.

    python -m bench.interactive [--requests 200] [--sets 6000] [--json OUT]

Makes an installation of its own in a scratch folder, on SQLite, and starts everything as `make run` does, with the demo model. A bulk job
runs, of sets of twenty candidates from the sample's listings. Meanwhile the published cohere client asks `/api/v2/rerank` for ten
documents, one request after the other, and at the same time somebody presses "Score these" in the playground in a real Chromium, for ten
candidates, again and again. A playground's time is from the press to the first frame painted with the ranks on it. The first five of each
are not counted. Fails where the bulk job ended before they did. Needs what tests need.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cohere import ClientV2
from playwright.sync_api import sync_playwright

from bench import percentiles
from tests.processes.conftest import Site, until

SAMPLE = Path(__file__).resolve().parent.parent / "alignment" / "sample" / "rerank_sets.jsonl"
WARM_UP = 5
WORKER = "SELECT count(*) FROM alignment_worker WHERE model_id IS NOT NULL"
BULK = "from bench.interactive import bulk; bulk(%d)"
PAINTED = """
() => new Promise((done) => {
  const look = () => document.querySelector("#result tbody tr") && !document.querySelector("#result progress")
    ? requestAnimationFrame(() => { const channel = new MessageChannel(); channel.port1.onmessage = done; channel.port2.postMessage(0); })
    : requestAnimationFrame(look);
  look();
})
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--sets", type=int, default=6000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = sample()
    random.Random(7).shuffle(rows)
    with tempfile.TemporaryDirectory(prefix="ask-") as folder:
        site = Site(Path(folder), f"sqlite:///{folder}/alignment.sqlite3", SAMPLE="no", SCORING_LEASE_SECONDS="60")
        try:
            site.start("manage.py", "start")
            until(site.answers, what="the web server answers")
            until(lambda: site.rows(WORKER)[0][0] > 0, what="a worker is up")
            site.shell(BULK % args.sets)
            until(lambda: site.counts().get("scored", 0) > 0, what="the bulk job has begun")
            before, started = site.counts()["scored"], time.monotonic()
            times = ask(site, rows, WARM_UP + args.requests)
            counts, took = site.counts(), time.monotonic() - started
        finally:
            site.stop()
    assert counts.get("pending", 0) > 0, f"the bulk job was done before everybody had asked: {counts}"
    report = {name: percentiles.of(found[WARM_UP:]) for name, found in times.items()}
    report["bulk job beside it"] = {"sets_per_second": round((counts["scored"] - before) / took, 1)}
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def bulk(sets: int) -> None:
    """Have so many sets wait. Runs inside the installation."""
    from django.db import transaction

    from alignment import wake_ups
    from tests.factories import make_set, make_sku

    rows, draw = sample(), random.Random(7)
    with transaction.atomic():
        listings = [make_sku(candidate["text"]) for row in rows for candidate in row["candidates"]]
        for n in range(sets):
            make_set(make_sku(f"{rows[n % len(rows)]['query']} ({n})"), draw.sample(listings, 20))
        wake_ups.wake()


def sample() -> list[Any]:
    return [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]


def ask(site: Site, rows: Sequence[Any], requests: int) -> dict[str, list[float]]:
    token = site.manage("create_token", "admin", "--name", "bench", "--scope", "read").strip()
    times: dict[str, list[float]] = {"cohere client": [], "playground": []}
    asking = threading.Thread(target=call, args=(site, token, rows, requests, times["cohere client"]))
    asking.start()
    press(site, rows, requests, times["playground"])
    asking.join()
    return times


def call(site: Site, token: str, rows: Sequence[Any], requests: int, times: list[float]) -> None:
    client = ClientV2(api_key=token, base_url=f"http://127.0.0.1:{site.port}/api")
    for i in range(requests):
        query, documents = ten(rows, i, f"asked {i}")
        started = time.perf_counter()
        answer = client.rerank(model="rerank-v3.5", query=query, documents=documents)
        times.append(1000 * (time.perf_counter() - started))
        assert len(answer.results) == len(documents)


def press(site: Site, rows: Sequence[Any], requests: int, times: list[float]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_context(base_url=f"http://127.0.0.1:{site.port}").new_page()
        page.goto("/sign-in/")
        page.fill("[name=username]", "admin")
        page.fill("[name=password]", site.password("admin"))
        page.press("[name=password]", "Enter")
        page.wait_for_url(lambda url: "sign-in" not in url)
        for i in range(requests):
            page.goto("/playground/")
            query, documents = ten(rows, i, f"pressed {i}")
            page.fill("[name=query]", query)
            page.fill("[name=candidates]", "\n".join(documents))
            started = time.perf_counter()
            page.click("main form .primary", no_wait_after=True)
            page.wait_for_url("**/playground/*/")
            page.evaluate(PAINTED)
            times.append(1000 * (time.perf_counter() - started))
            assert page.locator("#result tbody tr").count() == len(documents)
        browser.close()


def ten(rows: Sequence[Any], i: int, mark: str) -> tuple[str, list[str]]:
    """A query and ten documents that nobody asked for before: nothing is answered from stored scores."""
    found = [" ".join(candidate["text"].split()) for place in range(i, i + 4) for candidate in rows[place % len(rows)]["candidates"]]
    return f"{rows[i % len(rows)]['query']} ({mark})", [*dict.fromkeys(found)][:10]


if __name__ == "__main__":
    main()
