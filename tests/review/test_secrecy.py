"""What a reviewer may be asked as a hidden check, or has in hand for a second opinion, is told by no page until they answered."""

from __future__ import annotations

import re
import uuid

import pytest
from django.urls import reverse

from alignment import decisions, groups
from alignment.models import Pair
from review import checks, leases, queues
from review.models import KnownPair, Lease
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer(client):
    user = factories.make_reviewer("lin")
    client.force_login(user)
    return user


@pytest.fixture
def known(reviewer):
    """Two listings that wang found the same and marked, in the hands of lin, who does not know it; a third is in their group."""
    admin = factories.make_admin("wang")
    factories.make_policy(check_share=1.0)
    pair = factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=admin, note="seen both boxes")
    third = factories.make_pair(0.8, left=pair.left)
    decisions.decide(pair_id=third.pk, verdict="accept", user=admin)
    known = checks.mark(pair=Pair.objects.get(pk=pair.pk), verdict="accept", user=admin)
    factories.make_pair(0.8)
    assert leases.take_case(reviewer).is_check
    return known


@pytest.fixture
def second(reviewer):
    """Two listings that mei found the same, on which lin is asked for a second opinion, and has them in hand."""
    factories.make_review_policy(second_share=1.0)
    pair = factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=factories.make_reviewer("mei"), note="seen both boxes")
    assert leases.take_case(reviewer).pairs == [pair]
    return Pair.objects.get(pk=pair.pk)


def around(pair: Pair) -> dict[str, str]:
    """Where a reviewer can look a pair up."""
    group = groups.group_of(pair.left)
    assert group == groups.group_of(pair.right)
    return {
        "pair": reverse("pair", args=[pair.pk]),
        "left": reverse("sku", args=[pair.left.uuid]),
        "right": reverse("sku", args=[pair.right.uuid]),
        "group": reverse("group", args=[group.uuid]),
        "catalogue": reverse("catalogue"),
        "search": reverse("search") + f"?q={pair.left.title.replace(' ', '+')}",
        "case": reverse("case"),
        "my work": reverse("my-work"),
    }


def main(client, path: str) -> str:
    html = client.get(path).content.decode()
    return re.sub(r"\s+", " ", html[html.index("<main") :])


def test_no_page_tells_how_a_check_in_hand_is_answered(client, known):
    pair, group = known.pair, str(groups.group_of(known.pair.left))
    for name, path in around(pair).items():
        page = main(client, path)
        assert "seen both boxes" not in page and (name == "my work" or "hidden check" not in page.lower()), name
        # In the catalogue its third listing is in it.
        assert name == "group" or len(re.findall(rf"\b{group}\b", page)) == (name == "catalogue"), f"{name} names the group"
    page = main(client, around(pair)["pair"])
    assert "Waits for a person." in page and "No verdict yet." in page and "wang" not in page
    page = main(client, around(pair)["left"])
    assert re.search(rf"{pair.right.title}.*?waits for a person", page)
    shown = client.get(around(pair)["group"]).context["members"]
    assert not {pair.left, pair.right} & {member.sku for member in shown} and len(shown) == 1


def test_a_check_in_hand_looks_like_the_real_case_after_it_on_every_page(client, reviewer, known):
    press = {"pair": known.pair_id, "verdict": "accept", "request_id": str(uuid.uuid4()), "seen_standing": ""}

    def shape(pair: Pair) -> list[str]:
        shapes = []
        for name in ("pair", "right"):
            path = {"pair": reverse("pair", args=[pair.pk]), "right": reverse("sku", args=[pair.right.uuid])}[name]
            page = re.sub(r'(value|title|datetime|href|action)="[^"]*"', "", main(client, path))
            shapes.append(re.sub(r"kettle number \d+|X-\d+|\d+", "#", page, flags=re.IGNORECASE))
        return shapes

    check = shape(known.pair)
    client.post(reverse("decide"), press, HTTP_ACCEPT="application/json")
    [real] = leases.take_case(reviewer).pairs
    assert shape(real) == check


def test_once_answered_a_check_is_a_pair_like_any_other(client, reviewer, known):
    press = {"pair": known.pair_id, "verdict": "reject", "request_id": str(uuid.uuid4()), "seen_standing": ""}
    client.post(reverse("decide"), press, HTTP_ACCEPT="application/json")
    assert "seen both boxes" in main(client, around(known.pair)["pair"])


@pytest.fixture
def asked_later(known):
    """The same check, which nobody has in hand: lin may be given it another time."""
    Lease.objects.all().delete()
    return known


def test_no_page_tells_how_a_check_is_answered_that_may_be_asked_yet(client, asked_later):
    pair, group = asked_later.pair, str(groups.group_of(asked_later.pair.left))
    for name, path in around(pair).items():
        if name != "case":
            page = main(client, path)
            assert "seen both boxes" not in page and (name == "my work" or "hidden check" not in page.lower()), name
            assert name == "group" or len(re.findall(rf"\b{group}\b", page)) == (name == "catalogue"), f"{name} names the group"
    page = main(client, around(pair)["pair"])
    assert "Waits for a person." in page and "No verdict yet." in page and "wang" not in page
    assert re.search(rf"{pair.right.title}.*?waits for a person", main(client, around(pair)["left"]))
    assert client.get(reverse("group-file", args=[groups.group_of(pair.left).uuid, "csv"])).status_code == 302


def test_a_check_that_seems_to_wait_is_there_to_be_answered(client, reviewer, asked_later):
    page = client.get(around(asked_later.pair)["pair"]).content.decode()
    assert "Review its case" in page
    answer = client.post(reverse("sku-review", args=[asked_later.pair.query.uuid]))
    assert answer.url == reverse("case")
    assert leases.take_case(reviewer).is_check


def test_the_catalogues_filter_by_group_tells_no_more_than_its_column(client, reviewer, asked_later):
    def shown(value):
        rows = client.get(reverse("catalogue") + f"?group={value}").context["list"].rows
        return {sku for sku, _cells in rows}, {sku for sku, _cells in rows if sku.in_group}

    inside, with_group = shown("in")
    assert inside == with_group and not inside & {asked_later.pair.left, asked_later.pair.right}
    alone, with_group = shown("alone")
    assert not with_group and {asked_later.pair.left, asked_later.pair.right} <= alone
    # What a filter is asked for is read without the spaces around it.
    assert shown("%20in%20") == (inside, inside) and shown("%20")[1] == inside
    leases.take_case(reviewer)
    assert shown("in")[0] == inside
    client.force_login(factories.User.objects.get(username="wang"))
    assert {asked_later.pair.left, asked_later.pair.right} <= shown("in")[0]


def test_what_is_around_another_case_does_not_tell_a_check(client, asked_later):
    pair = asked_later.pair
    other = factories.make_pair(0.8, left=pair.left)
    factories.make_policy(check_share=0.0)
    client.post(reverse("sku-review", args=[other.query.uuid]))
    page = main(client, reverse("case"))
    assert other.right.title in page
    assert pair.right.title not in page and str(groups.group_of(pair.left)) not in page


def test_no_check_is_asked_of_admins_who_see_which_pairs_are_checks(asked_later):
    admin = factories.make_admin()
    assert checks.next_for(admin, queues.scope_of(admin, escalated=False)) is None


def test_other_checks_stay_untold_when_one_is_answered(client, reviewer, known):
    press = {"pair": known.pair_id, "verdict": "reject", "request_id": str(uuid.uuid4()), "seen_standing": ""}
    client.post(reverse("decide"), press, HTTP_ACCEPT="application/json")
    client.force_login(factories.make_reviewer("mei"))
    page = main(client, around(known.pair)["pair"])
    assert "seen both boxes" not in page and "Waits for a person." in page


def test_no_page_tells_the_first_opinion_while_the_second_is_in_hand(client, second):
    group = str(groups.group_of(second.left))
    for name, path in around(second).items():
        page = main(client, path)
        assert "seen both boxes" not in page and "mei" not in page.split(), name
        assert name == "group" or not re.search(rf"\b{group}\b", page), f"{name} names the group"
    assert client.get(around(second)["group"]).context["members"] == []
    file = client.get(reverse("group-file", args=[groups.group_of(second.left).uuid, "csv"]))
    assert file.status_code == 302, "the file would list them"


def test_whoever_gave_the_first_opinion_still_sees_what_it_did(client, second):
    client.force_login(factories.User.objects.get(username="mei"))
    shown = client.get(around(second)["group"]).context["members"]
    assert {member.sku for member in shown} == {second.left, second.right}


def test_a_reviewer_has_no_other_way_in(client, reviewer, known):
    for name in ("tokens", "audit", "bulk", "team", "insights", "group-exports", "conflicts", "escalated"):
        assert client.get(reverse(name)).status_code == 403, name
    for path in ("/api/v1/decisions/", "/api/v1/groups/"):
        assert client.get(path).status_code == 401, "a session opens no API"
    assert KnownPair.objects.count() == 1
