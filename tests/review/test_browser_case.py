"""The case page in a real browser: own keys, reasons, touch, a connection that comes and goes, undo."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from alignment import decisions
from alignment.models import SKU, Decision, Group, Pair
from review.models import Lease
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def make_cases(*sizes: int, score: float = 0.8) -> list[SKU]:
    queries = []
    for size in sizes:
        query = factories.make_sku()
        factories.make_set(query, [factories.make_sku() for _ in range(size)])
        queries.append(query)
    factories.score_waiting_sets(score)
    return queries


def persons() -> list[str]:
    return list(Decision.objects.filter(by="person").order_by("pk").values_list("verdict", flat=True))


def sent(page) -> None:
    """Waits until nothing is on its way any more."""
    expect(page.locator("#review")).to_have_attribute("data-waiting", "0")


def ahead(page) -> None:
    """Waits until the next case is there."""
    expect(page.locator("#review")).to_have_attribute("data-next", re.compile(".+"))


def leave(page) -> None:
    """Closes the page and forgets the session: what is still on its way can set no cookie for whoever signs in next."""
    page.wait_for_load_state("networkidle")
    page.goto("about:blank")
    page.context.clear_cookies()


def test_a_queue_is_cleared_by_keys_of_ones_own(page, sign_in):
    make_cases(2, 1)
    sign_in(page, factories.make_reviewer("lin"))
    page.goto("/settings/keys/")
    for label, key in (("Same product", "f"), ("Different products", "ArrowLeft"), ("Unsure", "Backspace")):
        page.get_by_label(label).press(key)
    page.get_by_role("button", name="Keep these keys").click()
    expect(page.get_by_text("Your keys are kept")).to_be_visible()
    page.goto("/review/")
    ahead(page)
    for key in ("a", "f", "ArrowLeft"):
        page.keyboard.press(key)
    sent(page)
    page.keyboard.press("f")
    expect(page.get_by_text("Everything is reviewed")).to_be_visible()
    assert persons() == ["accept", "reject", "accept"]
    assert page.problems == []


def test_ten_verdicts_with_the_connection_cut_for_half_a_minute_in_their_midst_are_ten_decisions(page, sign_in):
    make_cases(5, 5)
    page.clock.install()
    sign_in(page, factories.make_reviewer("lin"))
    ahead(page)
    for _ in range(3):
        page.keyboard.press("a")
    sent(page)
    page.context.set_offline(True)
    for key in "rrrr":
        page.keyboard.press(key)
    expect(page.locator("#outbox")).to_contain_text("4 verdicts wait for the connection.")
    page.clock.run_for(30_000)
    expect(page.locator("#outbox")).to_contain_text("4 verdicts wait for the connection.")
    page.context.set_offline(False)
    for key in "uuu":
        page.keyboard.press(key)
    sent(page)
    expect(page.locator("#outbox")).to_be_hidden()
    assert persons() == ["accept"] * 3 + ["reject"] * 4 + ["unsure"] * 3
    assert Decision.objects.filter(by="person").values("pair").distinct().count() == 10


def test_what_waits_outlives_the_page_and_is_never_sent_by_somebody_else(page, sign_in):
    make_cases(3)
    lin = factories.make_reviewer("lin")
    sign_in(page, lin)
    page.context.set_offline(True)
    page.keyboard.press("a")
    page.keyboard.press("r")
    expect(page.locator("#outbox")).to_contain_text("2 verdicts wait")
    page.context.clear_cookies()
    page.context.set_offline(False)
    expect(page.locator("#outbox")).to_contain_text("You are signed out")
    leave(page)
    Lease.objects.all().delete()
    sign_in(page, factories.make_reviewer("mei"))
    page.wait_for_load_state("networkidle")
    assert persons() == []
    leave(page)
    Lease.objects.all().delete()
    sign_in(page, lin)
    sent(page)
    assert persons() == ["accept", "reject"]
    expect(page.locator(".candidate:not(.decided)")).to_have_count(1)


def test_another_page_sends_what_waited_too(page, sign_in):
    make_cases(2)
    sign_in(page, factories.make_reviewer("lin"))
    page.context.set_offline(True)
    page.keyboard.press("a")
    expect(page.locator("#outbox")).to_be_visible()
    page.context.set_offline(False)
    with page.expect_response("**/decide/"):
        page.goto("/settings/keys/")
    page.goto("/review/")
    assert persons() == ["accept"]


def test_a_verdict_whose_case_went_to_somebody_else_meanwhile_is_offered_again(page, sign_in):
    make_cases(1)
    sign_in(page, factories.make_reviewer("lin"))
    page.context.set_offline(True)
    page.keyboard.press("a")
    expect(page.locator("#outbox")).to_be_visible()
    pair = Pair.objects.get()
    decisions.decide(pair_id=pair.pk, verdict="unsure", user=factories.make_reviewer("mei"))
    page.context.set_offline(False)
    expect(page.locator("#refused")).to_contain_text(f"You pressed “= Same” for {pair.right.title}")
    assert persons() == ["unsure"]
    with page.expect_navigation():
        page.get_by_role("link", name="Look at it again").click()
    page.keyboard.press("a")
    expect(page.get_by_text("Everything is reviewed")).to_be_visible()
    assert persons() == ["unsure", "accept"]
    expect(page.locator("#refused")).to_be_hidden()


def test_a_verdict_that_was_decided_in_another_tab_is_taken_off_the_page_and_the_page_says_where_it_was_decided(page, sign_in):
    make_cases(3)
    sign_in(page, factories.make_reviewer("lin"))
    first = page.locator(".candidate").first
    expect(first).to_have_class(re.compile("current"))
    other = page.context.new_page()
    other.goto("/review/")
    other.keyboard.press("r")
    sent(other)
    page.keyboard.press("a")
    expect(page.locator("#refused")).to_contain_text("You decided this pair in another tab")
    expect(first.locator(".given")).not_to_contain_text("Same")
    expect(page.locator("#told")).not_to_contain_text("Same")
    expect(page.locator("#told").get_by_role("button")).to_be_hidden()
    assert persons() == ["reject"]
    page.keyboard.press("a")
    expect(page.locator("#told")).to_contain_text("= Same")
    sent(page)
    assert persons() == ["reject", "accept"]


def test_a_reject_asks_its_reason_in_place_and_one_more_key_gives_it(page, sign_in):
    factories.make_review_policy(reasons="optional")
    make_cases(4)
    sign_in(page, factories.make_reviewer("lin"))
    page.keyboard.press("4")
    for keys in ("r4", "rr", ("r", "Enter"), ("r", "Escape", "a")):
        for key in keys:
            page.keyboard.press(key)
    sent(page)
    found = list(Decision.objects.filter(by="person").order_by("pk").values_list("verdict", "reject_reason"))
    assert found == [("reject", "bundle"), ("reject", ""), ("reject", ""), ("accept", "")]


def test_undo_takes_back_what_waits_what_was_sent_and_what_merged_groups(page, sign_in):
    make_cases(1, 1)
    first, second = Pair.objects.order_by("pk")
    sign_in(page, factories.make_reviewer("lin"))
    ahead(page)
    page.keyboard.press("a")
    sent(page)
    assert Group.objects.filter(size=2).count() == 1
    page.context.set_offline(True)
    page.keyboard.press("r")
    expect(page.locator("#outbox")).to_contain_text("1 verdict waits")
    page.keyboard.press("z")
    expect(page.locator(f"#pair-{second.pk}.current")).to_be_visible()
    page.context.set_offline(False)
    sent(page)
    page.keyboard.press("z")
    expect(page.locator(f"#pair-{first.pk}.current")).to_be_visible()
    assert persons() == ["accept", "withdraw"]
    assert not Group.objects.filter(size=2).exists()


def test_a_phone_is_enough_by_touch(make_page, sign_in):
    factories.make_review_policy(reasons="required")
    make_cases(2)
    page = make_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    sign_in(page, factories.make_reviewer("lin"))
    page.locator(".current").get_by_role("button", name="Different").tap()
    reason = page.get_by_role("button", name="Accessory")
    assert reason.bounding_box()["height"] >= 44
    reason.tap()
    page.locator("#told").get_by_role("button", name="Undo").tap()
    expect(page.locator(".candidate:not(.decided)")).to_have_count(2)
    page.locator(".current").get_by_role("button", name="Same").tap()
    page.locator(".current").get_by_role("button", name="Same").tap()
    expect(page.get_by_text("Everything is reviewed")).to_be_visible()
    assert sorted(Pair.objects.values_list("standing__verdict", flat=True)) == ["accept", "accept"]


def test_what_was_decided_and_what_comes_next_is_said_aloud(page, sign_in):
    make_cases(2)
    first, second = Pair.objects.order_by("pk")
    sign_in(page, factories.make_reviewer("lin"))
    page.get_by_role("button", name="Same").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announced")).to_have_text(f"= Same: {first.right.title}. Next: {second.right.title}, 2 of 2.")
    expect(page.locator(f"#pair-{second.pk}").get_by_role("button", name="Same")).to_be_focused()


def test_what_was_decided_around_a_case_is_fetched_when_it_is_opened_on_the_case_ahead_too(page, sign_in):
    mei = factories.make_reviewer("mei")
    for query, title in zip(make_cases(1, 1), ("Théière", "Bouilloire"), strict=True):
        other = factories.make_pair(0.8, left=query, right=factories.make_sku(title))
        decisions.decide(pair_id=other.pk, verdict="reject", user=mei)
    sign_in(page, factories.make_reviewer("lin"))
    page.goto("/review/")
    ahead(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/neighbours/" in request.url else None)
    around = page.locator(".query .around")
    shown = page.locator(".query .neighbours li")
    titles = set()
    for _ in range(2):
        expect(around.locator("summary")).to_contain_text("1 different")
        expect(shown).to_have_count(0)
        around.locator("summary").click()
        expect(shown).to_have_count(1)
        expect(shown).to_contain_text("different from the query · mei")
        titles.add(shown.locator("a").text_content())
        for _ in range(2):
            around.locator("summary").click()
        expect(shown).to_be_visible()
        page.keyboard.press("r")
        sent(page)
    assert titles == {"Théière", "Bouilloire"}
    assert len(asked) == 2
    expect(page.get_by_text("Everything is reviewed")).to_be_visible()
    assert page.problems == []


def test_what_could_not_be_fetched_around_a_case_says_so_and_is_asked_for_again(page, sign_in):
    [query] = make_cases(1)
    other = factories.make_pair(0.8, left=query, right=factories.make_sku("Théière"))
    decisions.decide(pair_id=other.pk, verdict="reject", user=factories.make_reviewer("mei"))
    sign_in(page, factories.make_reviewer("lin"))
    page.goto("/review/")
    around = page.locator(".query .around")
    page.route("**/neighbours/**", lambda route: route.abort())
    around.locator("summary").click()
    expect(around.get_by_text("This could not be loaded.")).to_be_visible()
    expect(around.get_by_text("Loading …")).to_be_hidden()
    page.unroute("**/neighbours/**")
    around.get_by_role("button", name="Try again").click()
    expect(around.get_by_text("Théière")).to_be_visible()
    expect(around.get_by_text("This could not be loaded.")).to_have_count(0)
    expect(page.locator("#offline")).to_be_hidden()


def test_without_scripts_what_was_decided_around_a_case_is_a_link_away(make_page, sign_in):
    [query] = make_cases(1)
    page = make_page(java_script_enabled=False)
    sign_in(page, factories.make_reviewer("lin"))
    around = page.locator(".query .around")
    around.locator("summary").click()
    expect(around.get_by_text("Loading …")).to_be_hidden()
    around.get_by_role("link", name="What was decided about the query").click()
    expect(page.get_by_role("heading", name=query.title)).to_be_visible()
