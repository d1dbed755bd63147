"""Bulk decisions: a preview that tells exactly what happens, an act bound to it, and one press that takes it back."""

from __future__ import annotations

import html
import importlib
import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.urls import reverse
from django.utils import timezone

from alignment import decisions, groups, implied
from alignment.models import AuditEvent, Decision, Membership, Pair
from review import leases
from review.models import Lease
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def the_log_and_what_follows_are_whole():
    yield
    assert decisions.verify() == [] and groups.verify() == [] and implied.verify() == []


@pytest.fixture
def admin(client):
    user = factories.make_admin()
    client.force_login(user)
    return user


def look(client, verdict="accept", **fields):
    return client.get(reverse("bulk-preview"), {"verdict": verdict, "sort": "pair"} | fields)


def form(page) -> dict[str, str]:
    """What the preview's own form would send."""
    inputs = re.findall(r'<input type="hidden" name="(act|pairs|verdict|reject_reason|digest)" value="([^"]*)">', page.content.decode())
    return {name: html.unescape(value) for name, value in inputs}


def press(client, page):
    return client.post(reverse("bulk-decide"), form(page))


def told(page) -> tuple[int, int, int, int]:
    effect = page.context["effect"]
    return effect.decided, effect.made, effect.merged, effect.settled


def left_out(page) -> dict[str, int]:
    return {str(one.why): one.pairs for one in page.context["preview"].left_out}


def verdicts() -> list[str]:
    return list(Decision.objects.filter(by="person").order_by("pk").values_list("verdict", flat=True))


def triangle():
    """Three listings of one product, every two of them borderline."""
    a, b, c = (factories.make_sku() for _ in range(3))
    return [factories.make_pair(0.8, left=left, right=right) for left, right in ((a, b), (b, c), (a, c))]


def test_the_pages_are_for_admins(client):
    client.force_login(factories.make_reviewer())
    assert client.get(reverse("bulk")).status_code == 403
    assert look(client).status_code == 403
    assert client.post(reverse("bulk-decide")).status_code == 403


def test_the_list_is_filtered_and_the_preview_takes_what_the_filters_leave(client, admin):
    kitchen = factories.make_category("Kitchen > Kettles")
    wanted = factories.make_pair(0.85, left=factories.make_sku(category=kitchen, language="zh"), right=factories.make_sku())
    factories.make_pair(0.75)
    for fields in ({"category": "Kitchen"}, {"languages": "en|zh"}, {"score_from": "0,8"}):
        page = client.get(reverse("bulk"), fields)
        assert [row.pk for row, _cells in page.context["list"].rows] == [wanted.pk]
        assert form(look(client, **fields))["pairs"] == str(wanted.pk)


def test_the_preview_says_what_its_pairs_were_filtered_by(client, admin):
    factories.make_pair(0.8)
    said = look(client, languages="en|en", score_from="0.7", gtin="other").content.decode()
    assert all(words in said for words in ("English – English", "0.7", "not the same"))
    assert "No filter is set" in look(client).content.decode()


def test_only_those_with_the_same_gtin(client, admin):
    same = factories.make_pair(0.8, left=factories.make_sku(gtin="04006381333931"), right=factories.make_sku(gtin="04006381333931"))
    other = factories.make_pair(0.8)
    assert form(look(client, gtin="same"))["pairs"] == str(same.pk)
    assert form(look(client, gtin="other"))["pairs"] == str(other.pk)


def test_pairs_stored_before_know_their_gtins_too():
    gtins = (("04006381333931", "04006381333931"), ("04006381333931", "00000000000017"), ("", ""))
    pairs = [factories.make_pair(0.8, left=factories.make_sku(gtin=one), right=factories.make_sku(gtin=other)) for one, other in gtins]
    assert [Pair.objects.get(pk=pair.pk).same_gtin for pair in pairs] == [True, False, False]
    Pair.objects.update(same_gtin=False)
    importlib.import_module("alignment.migrations.0032_pairs_of_one_gtin_filled").fill(apps, None)
    assert [Pair.objects.get(pk=pair.pk).same_gtin for pair in pairs] == [True, False, False]


def test_a_preview_changes_nothing(client, admin):
    triangle()
    before = list(Pair.objects.order_by("pk").values())
    look(client)
    assert list(Pair.objects.order_by("pk").values()) == before
    assert verdicts() == [] and not Membership.objects.exists()
    assert not AuditEvent.objects.filter(action="decide in bulk").exists()


def test_what_the_preview_tells_is_what_happens(client, admin):
    first, second, third = triangle()
    alone = factories.make_pair(0.75)
    page = look(client, score_from="0.8")
    # The three of the triangle are decided and make one group; nothing else is open around them.
    assert told(page) == (3, 1, 0, 0)
    answer = press(client, page)
    assert answer.status_code == 302
    assert verdicts() == ["accept"] * 3
    assert groups.group_of(first.left) == groups.group_of(third.right) is not None
    assert groups.group_of(alone.left) is None
    assert len({*Decision.objects.filter(by="person").values_list("act", flat=True)}) == 1
    assert AuditEvent.objects.get(action="decide in bulk").detail["pairs"] == 3


def test_what_was_previewed_in_any_order_is_done(client, admin):
    triangle()
    assert press(client, look(client, sort="-pair")).status_code == 302
    assert verdicts() == ["accept"] * 3


def test_it_tells_what_is_settled_besides(client, admin):
    a, b, c = (factories.make_sku() for _ in range(3))
    joined, asked, besides = (factories.make_pair(score, left=x, right=y) for score, x, y in ((0.8, b, c), (0.8, a, b), (0.75, a, c)))
    decisions.decide(pair_id=joined.pk, verdict="accept", user=admin)
    page = look(client, score_from="0.8")
    assert told(page) == (1, 0, 0, 1)
    press(client, page)
    besides.refresh_from_db()
    assert (besides.implied, besides.in_review) == ("same", False)


def test_a_conflict_that_would_arise_is_told_with_its_texts(client, admin):
    first, second, third = triangle()
    decisions.decide(pair_id=third.pk, verdict="reject", user=factories.make_reviewer())
    page = look(client)
    assert page.context["effect"].conflicts == (second.pk,)
    assert "Conflicts that would arise" in page.content.decode()


def test_what_somebody_holds_is_left_out_and_told(client, admin):
    factories.make_pair(0.8)
    free = factories.make_pair(0.8)
    leases.take_case(factories.make_reviewer())
    page = look(client)
    assert left_out(page) == {"somebody else holds one of the listings": 1}
    assert form(page)["pairs"] == str(free.pk)
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert left_out(look(client)) == {}


def test_what_differs_in_facts_is_left_out_where_asked(client, admin):
    factories.make_pair(0.8, left=factories.make_sku("Kettle 1.7 L"), right=factories.make_sku("Kettle 1.0 L"))
    same = factories.make_pair(0.8, left=factories.make_sku("Kettle 1.7 L"), right=factories.make_sku("Wasserkocher 1,7 l", language="de"))
    page = look(client, agreeing="1")
    assert left_out(page) == {"the facts of the two listings differ": 1}
    assert form(page)["pairs"] == str(same.pk)
    assert told(look(client))[0] == 2


def test_what_differs_in_facts_is_the_surest_of_what_is_called_different_and_stays_in(client, admin):
    factories.make_pair(0.8, left=factories.make_sku("Kettle 1.7 L"), right=factories.make_sku("Kettle 1.0 L"))
    page = look(client, verdict="reject", agreeing="1")
    assert left_out(page) == {} and told(page)[0] == 1


def test_a_pair_that_waits_for_a_second_opinion_is_no_matter_of_bulk(client, admin):
    factories.make_review_policy(second_share=1.0)
    pair = factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=factories.make_reviewer())
    assert "Nothing is left to decide" in look(client).content.decode()


@pytest.mark.parametrize("change", ["decided", "held", "text", "around"])
def test_anything_that_changed_since_shows_the_preview_again(client, admin, change):
    first, second, _third = triangle()
    other = factories.make_pair(0.8)
    page, reviewer = look(client), factories.make_reviewer()
    if change == "decided":
        decisions.decide(pair_id=other.pk, verdict="reject", user=reviewer)
    elif change == "held":
        leases.take_case(reviewer)
    elif change == "text":
        from tests.test_decisions import change_text

        change_text(first.left, "Another thing")
    else:
        # None of the pairs themselves: but now two groups would be joined instead of one made.
        factories.make_pair(0.95, left=first.left)
    count = len(verdicts())
    answer = press(client, page)
    assert answer.status_code == 409
    assert "Something changed since you looked" in answer.content.decode()
    assert len(verdicts()) == count
    if change != "held":
        assert press(client, answer).status_code == 302


def test_a_press_that_arrives_twice_decides_once_and_leads_to_it(client, admin):
    factories.make_pair(0.8)
    page = look(client)
    act = press(client, page).url
    assert press(client, page).url == act
    assert verdicts() == ["accept"]
    client.post(f"{act}undo/")
    assert press(client, page).url == act
    assert verdicts() == ["accept", "withdraw"]


def test_a_press_that_another_admin_made_leads_nobody_else_to_it(client, admin):
    factories.make_pair(0.8)
    page = look(client)
    press(client, page)
    client.force_login(factories.make_admin())
    assert press(client, page).url == reverse("bulk")
    assert verdicts() == ["accept"]


def test_one_press_takes_the_whole_act_back(client, admin):
    pairs = triangle()
    act = press(client, look(client)).url
    page = client.get(act)
    assert "3 pairs decided in bulk" in page.content.decode()
    answer = client.post(f"{act}undo/", follow=True)
    assert "3 verdicts are taken back." in answer.content.decode()
    assert groups.group_of(pairs[0].left) is None
    assert Pair.objects.filter(in_review=True).count() == 3


def test_the_audit_tells_the_act_and_its_undoing_and_leads_to_it(client, admin):
    triangle()
    act = press(client, look(client)).url
    client.post(f"{act}undo/")
    audit = client.get(reverse("audit"), {"sort": "-when"}).content.decode()
    assert "Decided pairs in bulk" in audit and "Took back a bulk decision" in audit
    assert audit.count(f'href="{act}"') == 2 and "3 pairs" in audit


def test_the_audit_says_what_an_act_decided_and_why(client, admin):
    factories.make_pair(0.8)
    press(client, look(client, verdict="reject", reject_reason="size"))
    assert "≠ Different · Other size" in client.get(reverse("audit"), {"sort": "-when"}).content.decode()


def test_the_page_of_an_act_and_the_audit_say_how_many_other_pairs_it_settled(client, admin):
    a, b, c = (factories.make_sku() for _ in range(3))
    for score, left, right in ((0.8, a, b), (0.8, b, c), (0.75, a, c)):
        factories.make_pair(score, left=left, right=right)
    act = press(client, look(client, score_from="0.79")).url
    assert "<dt>Other open pairs settled</dt><dd>1</dd>" in client.get(act).content.decode()
    assert "= Same · 1 more pair settled" in client.get(reverse("audit"), {"sort": "-when"}).content.decode()


def test_every_pair_of_an_act_is_listed_in_the_audit(client, admin):
    triangle(), factories.make_pair(0.8)
    act = press(client, look(client)).url
    page = client.get(reverse("audit"), {"subject": f"act:{act.strip('/').split('/')[-1]}"})
    assert sorted(getattr(row, "verdict", "act") for row, _cells in page.context["list"].rows) == ["accept"] * 4 + ["act"]
    assert f'href="{act}"' in page.content.decode()


def test_what_no_longer_stands_is_left_and_told(client, admin):
    pairs = triangle()
    act = press(client, look(client)).url
    decisions.decide(pair_id=pairs[0].pk, verdict="reject", user=factories.make_reviewer())
    answer = client.post(f"{act}undo/", follow=True).content.decode()
    assert "2 verdicts are taken back. 1 was left" in answer


def test_undo_takes_an_act_back_as_one_and_counts_it_as_one(client, admin):
    single = factories.make_pair(0.8)
    decisions.decide(pair_id=single.pk, verdict="reject", user=admin)
    triangle()
    press(client, look(client))
    assert [bool(one.act) for one in decisions.undoable(admin)] == [True, False]
    assert [one.pair_id for one in decisions.undoable(admin, limit=2)][-1] == single.pk
    decisions.undo(user=admin)
    assert Decision.objects.filter(verdict="withdraw").count() == 3
    assert decisions.undo(user=admin).pair_id == single.pk


def test_two_undos_at_once_take_an_act_back_once(client, admin, monkeypatch):
    triangle()
    press(client, look(client))
    original = decisions.withdraw_act

    def second(**asked):
        original(**asked)
        return original(**asked)

    monkeypatch.setattr(decisions, "withdraw_act", second)
    answer = client.post(reverse("undo"), HTTP_ACCEPT="application/json")
    assert (answer.status_code, answer.json()["said"]) == (200, "You have nothing to undo.")
    assert AuditEvent.objects.filter(action=decisions.BULK_UNDONE).count() == 1


def test_an_act_that_was_taken_back_already_is_told_so_on_its_page(client, admin):
    triangle()
    act = press(client, look(client)).url
    client.post(f"{act}undo/")
    again = client.post(f"{act}undo/", follow=True)
    assert again.request["PATH_INFO"] == act and "nothing to take back" in again.content.decode()
    assert AuditEvent.objects.filter(action=decisions.BULK_UNDONE).count() == 1


def test_a_reject_keeps_its_reason_and_a_policy_that_requires_one_gets_it(client, admin):
    factories.make_review_policy(reasons="required")
    factories.make_pair(0.8)
    assert left_out(look(client, "reject")) == {"their policy asks why they are different": 1}
    assert press(client, look(client, "reject", reject_reason="size")).status_code == 302
    assert Decision.objects.get(by="person").reject_reason == "size"


@pytest.mark.parametrize(
    "fields",
    [{"verdict": "unsure"}, {"verdict": ""}, {"pairs": "987654,x,99999999999999999999"}, {"digest": "made up"}, {"reject_reason": "size"}],
)
def test_a_form_that_no_preview_made_decides_nothing(client, admin, fields):
    factories.make_pair(0.8)
    client.post(reverse("bulk-decide"), form(look(client)) | fields)
    assert verdicts() == []


def test_hostile_text_is_escaped(client, admin):
    factories.make_pair(0.8, left=factories.make_sku("<script>alert(1)</script>"))
    assert "<script>alert(1)" not in look(client).content.decode()
    act = press(client, look(client)).url
    assert "<script>alert(1)" not in client.get(act).content.decode()


@pytest.mark.parametrize("name", ["bulk", "bulk-preview"])
def test_more_pairs_take_no_more_queries(client, admin, name, django_assert_max_num_queries):
    query = factories.make_sku()
    for _ in range(12):
        factories.make_pair(0.8, left=query)
    client.get(reverse(name), {"verdict": "reject", "sort": "pair"})
    with django_assert_max_num_queries(12):
        client.get(reverse(name), {"verdict": "reject", "sort": "pair"})


def test_a_score_stands_as_a_number_does(client, admin):
    factories.make_pair(0.8)
    row = client.get(reverse("bulk")).content.decode()
    assert re.search(r'<td class="number" data-label="Score">0\.80</td>', row)
