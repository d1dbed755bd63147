"""An admin's road in a real browser: a version tried and seen before it is published, undone, and a reviewer who is invited to the rest."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from alignment import rerank, rollout
from alignment.models import Pair, User
from alignment.policies import published
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def answer_all():
    model = factories.make_model(is_demo=True)
    while asked := rerank.claim(holder="w"):
        reading = rerank.Reading(f"<q>{asked.query}<a>", frame=3, instruction=4, query=5, document=6, cut=0, limit=512)
        rerank.answer(asked, holder="w", model=model, answers=[rerank.Answer(0.0, 0.42, 6, 0)], readings=[reading])


def roll_out():
    while rollout.advance():
        pass


def queue():
    return Pair.objects.filter(in_review=True).count()


def test_a_version_is_seen_before_it_is_published_undone_and_a_reviewer_invited(page, browser, live_server):
    category = factories.make_category("Baby > Strollers")
    for score in (0.95, 0.86, 0.83, 0.75, 0.2):
        factories.make_pair(score, category=category)
    admin = factories.make_admin("boss")
    page.goto(f"/policies/{category.pk}/")
    page.get_by_label("Username").fill(admin.username)
    page.get_by_label("Password").fill("a long password 1")
    page.keyboard.press("Enter")
    expect(page.locator("#queue")).to_have_text("3")

    page.get_by_label("Accept at and over").fill("0.8")
    expect(page.locator("#queue")).to_have_text("3 → 1")
    expect(page.locator("#accepted")).to_have_text("2")
    page.get_by_label("Instruction").fill("The same stroller, in {language}?")
    page.get_by_label("Why").click()
    expect(page.locator(".tried tbody tr")).to_have_count(5)
    answer_all()
    expect(page.locator(".tried tbody tr").first).to_contain_text("0.42")
    expect(page.locator(".prompt")).to_contain_text("18 of 512 tokens")
    page.get_by_label("Instruction").fill(published(category).instruction)
    page.get_by_label("Why").fill("strollers are told apart well")
    page.get_by_role("button", name="Publish version 1").click()
    expect(page.get_by_text("Version 1 is published")).to_be_visible()
    roll_out()
    assert queue() == 1

    page.get_by_role("link", name="Inherit again").click()
    expect(page.locator("#queue")).to_have_text("1 → 3")
    expect(page.locator("#withdrawn")).to_have_text("2")
    page.get_by_role("button", name="Inherit again").click()
    roll_out()
    assert queue() == 3

    page.goto("/settings/people/invite/")
    page.get_by_label("Full name").fill("Lin Wei")
    page.get_by_role("button", name="Make the link").click()
    link = page.locator("#link").input_value()
    context = browser.new_context(base_url=live_server.url, locale="en-GB")
    invited = context.new_page()
    invited.goto(link)
    invited.get_by_label("Username").fill("lin")
    invited.get_by_label("Password", exact=True).fill("quite another 22")
    invited.get_by_label("Password confirmation").fill("quite another 22")
    invited.keyboard.press("Enter")
    invited.wait_for_url("**/review/")
    context.close()
    assert User.objects.get(username="lin").invitation.author == admin
    assert page.problems == []


def test_an_error_is_gone_once_what_was_wrong_is_corrected(page):
    category = factories.make_category("Phones")
    factories.make_pair(0.86, category=category)
    admin = factories.make_admin("boss")
    page.goto(f"/policies/{category.pk}/")
    page.get_by_label("Username").fill(admin.username)
    page.get_by_label("Password").fill("a long password 1")
    page.keyboard.press("Enter")
    page.get_by_label("Accept at and over").fill("0.6")
    page.get_by_role("button", name="Publish version 1").click()
    expect(page.locator(".field.wrong")).to_contain_text("cannot be above the accept threshold")
    page.get_by_label("Accept at and over").fill("0.85")
    expect(page.locator("#queue")).to_have_text("1 → 0")
    expect(page.locator(".wrong, [aria-invalid]")).to_have_count(0)
