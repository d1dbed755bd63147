"""The admins' own lists: imports, candidates, evaluations, exports, conflicts, holds, tokens. Each as any list is."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from alignment import decisions, tokens
from alignment.models import ApiToken, CandidateRun, Category, Conflict, EvaluationRun, ExportRun, ImportRun, Run, User
from review import leases, lists
from review.models import Lease
from tests import factories

pytestmark = pytest.mark.django_db


def make_imports(admin: User) -> None:
    for shop, status in (("Brightcart", "done"), ("华联商店", "failed"), ("Brightcart", "done")):
        ImportRun.objects.create(source=factories.make_source(shop), file_name=f"{shop}.csv", status=status, author=admin)


def make_candidates(admin: User) -> None:
    for shop, status in (("Brightcart", "done"), ("华联商店", "failed"), ("Brightcart", "done")):
        CandidateRun.objects.create(source=factories.make_source(shop), k=5, status=status, author=admin)


def make_evaluations(admin: User) -> None:
    for name, status in (("pairs.csv", "done"), ("wdc.jsonl", "failed"), ("more.csv", "done")):
        EvaluationRun.objects.create(name=name, status=status, author=admin)


def make_exports(admin: User) -> None:
    for kind, status in (("csv", "done"), ("json", "failed"), ("csv", "done")):
        ExportRun.objects.create(format=kind, status=status, author=admin)


def make_conflicts(admin: User) -> None:
    for title, shop in (("Kettle", "Brightcart"), ("水壶", "华联商店"), ("Toaster", "Brightcart")):
        one, two, three = (factories.make_sku(title, source=factories.make_source(shop)) for _ in range(3))
        decisions.decide(pair_id=factories.make_pair(0.8, left=one, right=two).pk, verdict="reject", user=admin)
        for other in (one, two):
            decisions.decide(pair_id=factories.make_pair(0.8, left=other, right=three).pk, verdict="accept", user=admin)


def make_holds(admin: User) -> None:
    for name in ("lin", "mei", "otto"):
        factories.make_pair(0.8)
        assert leases.take_case(factories.make_reviewer(name))


def make_policies(admin: User) -> None:
    factories.make_category("Kitchen > Kettles")
    factories.make_policy(category=factories.make_category("Kitchen"), accept_at=0.95)


def make_tokens(admin: User) -> None:
    for name, scope in (("ERP", "read"), ("=Pipeline", "write"), ("Stock", "read")):
        tokens.create(user=admin, author=admin, name=name, scope=scope, days=30)


# Of three rows each filter leaves so many.
LISTS: dict[str, tuple[Callable[[User], None], dict[str, int]]] = {
    "imports": (make_imports, {"q=华联": 1, "source=Brightcart": 2, "status=failed": 1, "who=system": 0, "from=2020-01-01": 3}),
    "candidates": (make_candidates, {"source=华联商店": 1, "status=done": 2, "to=2020-01-01": 0}),
    "evaluations": (make_evaluations, {"q=csv": 2, "status=failed": 1}),
    "group-exports": (make_exports, {"format=csv": 2, "status=failed": 1}),
    "conflicts": (make_conflicts, {"source=华联商店": 1, "by=person": 3, "by=policy": 0, "category=Nowhere": 0}),
    "holds": (make_holds, {"who=ei": 1, "category=Nowhere": 0}),
    "policies": (make_policies, {"q=kettle": 1, "policy=own": 2, "policy=inherited": 1}),
    "tokens": (make_tokens, {"q=ERP": 1, "scope=read": 2, "state=unused": 3, "state=over": 0, "state=good": 3, "account=nobody": 0}),
}


@pytest.fixture
def admin(client):
    user = factories.make_admin("wang")
    client.force_login(user)
    return user


@pytest.fixture(params=LISTS)
def shown(request, client, admin) -> tuple[str, dict[str, int]]:
    make, filters = LISTS[request.param]
    make(admin)
    return reverse(request.param), filters


def ids(answer: Any) -> list[Any]:
    return [row.pk for row, _cells in answer.context["list"].rows]


def test_it_is_filtered_by_its_address(client, shown):
    address, filters = shown
    assert len(ids(client.get(address))) == 3
    for query, left in filters.items():
        assert len(ids(client.get(f"{address}?{query}"))) == left, query


def test_it_opens_as_it_was_last_seen(client, shown):
    address, filters = shown
    query = next(iter(filters))
    client.get(f"{address}?{query}")
    assert len(ids(client.get(address, follow=True))) == filters[query]
    assert len(ids(client.get(f"{address}?reset=1", follow=True))) == 3


def test_it_is_sorted_either_way_and_paged_by_key(client, shown, monkeypatch):
    monkeypatch.setattr(lists, "ROWS_A_PAGE", 2)
    address, _filters = shown
    sort = client.get(address).context["list"].choice.sort.name
    first = client.get(f"{address}?sort={sort}")
    second = client.get(address + first.context["list"].after)
    there = ids(first) + ids(second)
    assert len(set(there)) == 3 and first.context["list"].count == 3
    assert ids(client.get(address + second.context["list"].before)) == ids(first)
    back = client.get(f"{address}?sort=-{sort}")
    assert ids(back) + ids(client.get(address + back.context["list"].after)) == there[::-1]


def test_it_is_exported_as_filtered_without_buttons_or_formulas(client, shown):
    address, filters = shown
    query, left = next((query, left) for query, left in filters.items() if left)
    table = b"".join(client.get(f"{address}?{query}&as=csv").streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == left and not rows[0].keys() & {"settle", "free", "revoke"}
    assert not any(value.startswith("=") for row in rows for value in row.values())
    lines = b"".join(client.get(f"{address}?{query}&as=jsonl").streaming_content).decode().splitlines()
    assert [set(json.loads(line)) for line in lines] == [set(rows[0])] * left


def test_a_page_that_refuses_a_form_still_shows_its_list(client, admin):
    make_tokens(admin)
    refused = client.post(reverse("tokens"), {"name": ""})
    assert refused.status_code == 422 and len(ids(refused)) == 3


@pytest.mark.parametrize("model", [ImportRun, CandidateRun, EvaluationRun, ExportRun])
def test_while_a_run_is_under_way_its_list_asks_for_itself(client, admin, model):
    name = {ImportRun: "imports", CandidateRun: "candidates", EvaluationRun: "evaluations", ExportRun: "group-exports"}[model]
    fields = {ImportRun: {"source": factories.make_source(), "file_name": "a.csv"}, CandidateRun: {"k": 3}}.get(model, {})
    run = model.objects.create(status=Run.Status.RUNNING, author=admin, **fields)
    page = client.get(reverse(name)).content.decode()
    assert 'id="live"' in page and "<progress" in page
    asked = client.get(reverse(name), headers={"HX-Request": "true", "HX-Trigger": "live"})
    assert "HX-Push-Url" not in asked
    model.objects.filter(pk=run.pk).update(status=Run.Status.DONE)
    assert 'id="live"' not in client.get(reverse(name)).content.decode()


def test_a_started_run_is_shown_whatever_its_list_was_filtered_by(client, admin):
    make_candidates(admin)
    client.get(reverse("candidates", query={"status": "failed"}))
    started = client.post(reverse("candidates"), {"k": 5, "same_levels": 0}, follow=True)
    assert CandidateRun.objects.latest("pk").pk in ids(started)


def test_what_a_page_asks_for_by_itself_is_no_step_back(client, admin):
    make_policies(admin)
    page, asked = reverse("policies", query={"policy": "own"}), {"HX-Request": "true"}
    for by, into, pushed in ((None, "list", True), ("live", "list", False), ("rollouts", "rollouts", False)):
        answer = client.get(page, headers=asked | {"HX-Target": into} | ({"HX-Trigger": by} if by else {}))
        assert ("HX-Push-Url" in answer) is pushed, by


def test_a_value_that_a_filter_does_not_offer_filters_nothing(client, admin):
    make_policies(admin), make_tokens(admin)
    for name, query in (("policies", {"policy": "x"}), ("tokens", {"state": "x"})):
        assert len(ids(client.get(reverse(name, query=query)))) == 3


def test_pages_of_the_longest_paths_lead_on(client, admin, monkeypatch):
    monkeypatch.setattr(lists, "ROWS_A_PAGE", 1)
    factories.make_category(factories.path_of_four_thousand_bytes()[:600])
    address, there = reverse("policies") + "?sort=category", []
    while address:
        shown = client.get(address).context["list"]
        there += [row.path for row, _cells in shown.rows]
        address = shown.after and reverse("policies") + shown.after
    assert len(there) == len(set(there)) == Category.objects.count()


def test_no_address_tells_the_hash_of_a_token(client, admin, monkeypatch):
    monkeypatch.setattr(lists, "ROWS_A_PAGE", 1)
    make_tokens(admin)
    after = client.get(reverse("tokens")).context["list"].after.partition("after=")[2]
    told = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode()
    assert not any(token.digest in told for token in ApiToken.objects.all())


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_rows_button_acts_on_that_row(page):
    admin = factories.make_admin("wang")
    make_tokens(admin), make_conflicts(admin), make_holds(admin)
    run = CandidateRun.objects.create(k=3, status=Run.Status.RUNNING, author=admin)
    page.goto(reverse("tokens"))
    page.get_by_label("Username").fill("wang")
    page.get_by_label("Password").fill("a long password 1")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Revoke Stock").click()
    expect(page.locator("#list tbody tr")).to_have_count(2)
    assert set(ApiToken.objects.values_list("name", flat=True)) == {"ERP", "=Pipeline"}
    page.goto(reverse("conflicts"))
    page.locator("#list tbody tr", has_text="水壶").get_by_role("button", name="Different products").click()
    expect(page.locator("#list tbody tr")).to_have_count(2)
    assert not Conflict.objects.filter(pair__left__title="水壶").exists() and not page.problems
    page.goto(reverse("holds"))
    page.get_by_role("button", name="Free the case of mei").click()
    expect(page.locator("#list tbody tr")).to_have_count(2)
    assert set(Lease.objects.values_list("reviewer__username", flat=True)) == {"lin", "otto"}
    page.goto(reverse("candidates"))
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped. What was stored until then is kept.")).to_be_visible()
    run.refresh_from_db()
    assert run.status == Run.Status.CANCELLED and not page.problems
