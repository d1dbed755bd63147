"""Several people in real browsers at once: nobody gets what another has, the second does not see what the first said, and an admin
settles what they differ on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from alignment.models import Decision, Group, Pair
from review import leases
from review.models import Lease
from tests import factories
from tests.review.test_browser_case import make_cases, sent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_a_blind_second_opinion_that_differs_goes_to_an_admin(make_page, sign_in):
    factories.make_review_policy(second_share=1.0)
    make_cases(1)
    pair = Pair.objects.get()
    lin, mei, boss = factories.make_reviewer("lin"), factories.make_reviewer("mei"), factories.make_admin("boss")
    first = make_page()
    sign_in(first, lin)
    first.keyboard.press("n")
    first.keyboard.type("a note of the first")
    first.keyboard.press("Escape")
    first.keyboard.press("a")
    sent(first)
    expect(first.locator(".candidate.current")).to_have_count(0)

    second = make_page()
    sign_in(second, mei)
    expect(second.locator(f"#pair-{pair.pk}.current")).to_be_visible()
    content = second.content()
    assert "lin" not in second.locator("#case").inner_text().split() and "a note of the first" not in content
    expect(second.locator("#case")).not_to_contain_text("1 same")
    second.keyboard.press("r")
    sent(second)
    assert Pair.objects.get().stage == Pair.Stage.ADJUDICATION
    assert not Group.objects.filter(size=2).exists(), "the more cautious verdict stands meanwhile"

    admin = make_page()
    admin.goto("/sign-in/?next=/escalated/")
    admin.get_by_label("Username").fill(boss.username)
    admin.get_by_label("Password").fill("a long password 1")
    admin.keyboard.press("Enter")
    expect(admin.locator(f"#pair-{pair.pk}.current")).to_be_visible()
    admin.wait_for_load_state()
    expect(admin.locator(".earlier")).to_contain_text("lin")
    expect(admin.locator(".earlier")).to_contain_text("mei")
    expect(admin.locator(".candidate.current .verdicts button")).to_have_count(2)
    admin.keyboard.press("a")
    sent(admin)
    assert Pair.objects.get().in_review is False
    assert Group.objects.filter(size=2).count() == 1
    assert list(Decision.objects.filter(by="person").order_by("pk").values_list("verdict", "reason")) == [
        ("accept", ""),
        ("reject", "second opinion"),
        ("accept", "adjudication"),
    ]


def test_two_clear_a_queue_at_once_and_what_a_killed_browser_held_goes_to_the_other(make_page, sign_in):
    make_cases(*[1] * 20)
    lin, mei = factories.make_reviewer("lin"), factories.make_reviewer("mei")
    gone, here = make_page(), make_page()
    sign_in(gone, lin)
    sign_in(here, mei)
    shown: dict[str, list[str]] = {"lin": [], "mei": []}

    def press(page, who, key):
        shown[who].append(page.locator(".candidate.current").get_attribute("id"))
        page.keyboard.press(key)
        expect(page.locator(f"#{shown[who][-1]}.current")).to_have_count(0)
        sent(page)

    for _ in range(6):
        press(gone, "lin", "r")
        press(here, "mei", "a")
    held = {f"pair-{pair.pk}" for pair in leases.take_case(lin).pairs}
    gone.context.close()
    assert Lease.objects.filter(reviewer=lin).count() == 2
    Lease.objects.filter(reviewer=lin).update(expires_at=timezone.now() - timedelta(seconds=1))
    while len(shown["lin"]) + len(shown["mei"]) < 20:
        press(here, "mei", "a")
    expect(here.get_by_text("Everything is reviewed")).to_be_visible()
    assert held <= set(shown["mei"]) and not set(shown["lin"]) & set(shown["mei"])
    decided = Decision.objects.filter(by="person").values_list("pair", flat=True)
    assert len(decided) == len(set(decided)) == 20
