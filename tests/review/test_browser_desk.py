"""An admin's first day in a real browser: from a file with headers of its own to a policy published and undone, and the audit of it all."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from alignment import importing, rerank, rollout
from alignment.models import CandidateRun, ExportRun, ImportRun, Pair
from review import figures
from tests import factories
from workers import building

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
HEADER = "Product ID,Product Title, Merchant ID, Cluster ID, Cluster Label, Category ID, Category Label\n"
OFFERS = [
    "1,apple iphone 8 plus 64gb silver,1,1,Apple iPhone 8 Plus 64GB,2612,Mobile Phones",
    '2,"apple iphone 8 plus 64 gb, spacegrau",2,1,Apple iPhone 8 Plus 64GB,2612,Mobile Phones',
    "3,apple mq8n2b/a iphone 8 plus 64gb 5.5 12mp sim free smartphone,3,1,Apple iPhone 8 Plus 64GB,2612,Mobile Phones",
    "4,,4,1,Apple iPhone 8 Plus 64GB,2612,Mobile Phones",
    "5,samsung wf45 washing machine 9kg,5,9,Samsung WF45,2614,Washing Machines",
]


def answer_all(model: Any) -> None:
    while asked := rerank.claim(holder="w"):
        reading = rerank.Reading(f"<q>{asked.query}<a>", frame=3, instruction=4, query=5, document=6, cut=0, limit=512)
        answers = [rerank.Answer(0.0, 0.97, 6, 0) for _ in range(len(asked.documents))]
        rerank.answer(asked, holder="w", model=model, answers=answers, readings=[reading] * len(answers))


def roll_out() -> None:
    while rollout.advance():
        pass


def test_an_admins_first_day_is_done_in_the_browser_and_all_of_it_stands_in_the_audit(page: Any, tmp_path: Path) -> None:
    (tmp_path / "offers.csv").write_text(HEADER + "\n".join(OFFERS) + "\n", encoding="utf-8")
    model = factories.make_model(is_demo=True)
    admin = factories.make_admin("boss")

    page.goto("/imports/")
    page.get_by_label("Username").fill(admin.username)
    page.get_by_label("Password").fill("a long password 1")
    page.keyboard.press("Enter")
    page.get_by_label("Catalogue file").set_input_files(tmp_path / "offers.csv")
    page.locator("form.fields").get_by_label("Source").fill("PriceRunner")
    page.get_by_label("Then propose candidates").uncheck()
    page.get_by_role("button", name="Look at the file").click()
    for field, column in (("Number or id", "Product ID"), ("Title", "Product Title"), ("Category", "Category Label")):
        page.get_by_label(field, exact=True).select_option(label=column)
        expect(page.locator("form.htmx-request")).to_have_count(0)
    expect(page.get_by_role("cell", name="Mobile Phones").first).to_be_visible()
    expect(page.get_by_text("1 of these rows would be refused")).to_be_visible()
    page.get_by_role("button", name="Import 5 rows").click()
    expect(page.get_by_text("Waits for a worker.")).to_be_visible()
    importing.resume(ImportRun.objects.get().pk)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all as CSV").click()
    assert download.value.suggested_filename == "offers.rejected.csv"
    assert "5,Product Title,empty" in Path(download.value.path()).read_text(encoding="utf-8-sig")

    page.goto("/candidates/")
    page.get_by_label("From other sources only").uncheck()
    page.get_by_role("button", name="Propose candidates").click()
    expect(page.get_by_text("Waits for a worker.")).to_be_visible()
    building.work(CandidateRun.objects.get().pk)
    expect(page.locator("#list tbody")).to_contain_text("Done")
    page.goto("/scoring/")
    factories.score_waiting_sets(0.86, model=model)
    waiting = Pair.objects.filter(in_review=True).count()
    phones = Pair.objects.filter(in_review=True, left__category__path="Mobile Phones", right__category__path="Mobile Phones").count()
    assert phones

    page.goto("/policies/")
    page.get_by_role("link", name="Mobile Phones").click()
    expect(page.locator("#queue")).to_have_text(str(phones))
    instruction = page.get_by_label("Instruction")
    before = instruction.input_value()
    page.get_by_label("Accept at and over").fill("0.8")
    expect(page.locator("#accepted")).to_have_text(str(phones))
    instruction.fill("The same phone with the same memory, in {language}?")
    page.get_by_role("button", name="Score five pairs").click()
    expect(page.locator(".tried tbody tr")).to_have_count(phones)
    answer_all(model)
    expect(page.locator(".tried tbody tr").first).to_contain_text("0.97")
    page.get_by_label("Why").fill("phones are told apart well")
    page.get_by_role("button", name="Publish version 1").click()
    expect(page.get_by_text("Version 1 is published")).to_be_visible()
    roll_out()
    factories.score_waiting_sets(0.86, model=model)
    assert Pair.objects.filter(in_review=True).count() == waiting - phones

    page.get_by_role("link", name="Inherit again").click()
    expect(page.locator("#withdrawn")).to_have_text(str(phones))
    page.get_by_role("button", name="Inherit again").click()
    roll_out()
    factories.score_waiting_sets(0.86, model=model)
    assert Pair.objects.filter(in_review=True).count() == waiting
    page.reload()
    expect(page.get_by_label("Instruction")).to_have_value(before)

    page.goto("/settings/people/invite/")
    page.get_by_label("Full name").fill("Lin Wei")
    page.get_by_label("Categories").fill("Mobile Phones")
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator("#link")).not_to_have_value("")
    page.goto("/settings/tokens/")
    page.locator("form.fields").get_by_label("What it is for").fill("ERP, nightly")
    page.get_by_role("button", name="Make the token").click()
    token = page.locator("#token").input_value()
    page.goto("/settings/tokens/")
    expect(page.get_by_role("rowheader", name="ERP, nightly", exact=True)).to_be_visible()
    assert token not in page.content()

    page.goto("/audit/?what=acts")
    rows = page.locator("tbody tr")
    for act, subject in (
        ("Imported a file", "offers.csv"),
        ("Proposed candidates", ""),
        ("Published a policy", "Mobile Phones"),
        ("Invited somebody", "Lin Wei"),
        ("Made an API token", "ERP, nightly"),
    ):
        expect(rows.filter(has_text=act).filter(has_text=subject).filter(has_text="boss").first).to_be_visible()
    expect(rows).to_have_count(6)
    assert page.problems == []


def test_on_a_phone_the_act_bar_of_bulk_takes_two_rows(make_page, live_server, client):
    factories.make_pair(0.8)
    page = make_page(viewport={"width": 390, "height": 844}, has_touch=True)
    client.force_login(factories.make_admin())
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page.goto(reverse("bulk"))
    assert page.locator("#bulk").bounding_box()["height"] <= 120
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_a_phone_the_tables_of_the_team_flow_with_the_page(make_page, live_server, client):
    for number in range(8):
        factories.make_reviewer(f"reviewer {number}")
    assert figures.count(now=timezone.now() + timedelta(minutes=1))
    page = make_page(viewport={"width": 390, "height": 844}, has_touch=True)
    client.force_login(factories.make_admin())
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page.goto(reverse("team"))
    table = page.get_by_role("region", name="People")
    assert table.bounding_box()["height"] > 844
    assert table.evaluate("one => one.scrollHeight === one.clientHeight")


def test_a_form_pressed_twice_is_sent_once_until_it_is_changed_or_come_back_to(page: Any, live_server: Any, client: Any) -> None:
    client.force_login(factories.make_admin())
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page.goto("/groups/export/")
    button, posts = page.get_by_role("button", name="Export the groups"), []
    page.on("request", lambda request: posts.append(request) if request.method == "POST" else None)
    with page.expect_navigation(url="**/runs/**"):
        button.dblclick(no_wait_after=True)
    assert (len(posts), ExportRun.objects.count()) == (1, 1)
    page.go_back()
    # An answer that is no page leaves this one as it is.
    page.route("**/groups/export/", lambda route: route.fulfill(status=204))
    button.click()
    expect(button).to_have_attribute("aria-disabled", "true")
    button.press("Enter")
    assert len(posts) == 2
    page.locator("form.fields").get_by_label("Format").select_option("json")
    expect(button).not_to_have_attribute("aria-disabled", "true")
    button.click()
    assert len(posts) == 3
    assert not page.problems
