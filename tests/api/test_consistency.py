"""What a reader may rely on while others write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from alignment import decisions, export, groups
from alignment.models import SKU, Decision
from tests.api.programs import Api
from tests.factories import make_pair, make_reviewer


@pytest.mark.django_db
def test_a_merge_behind_the_reader_is_in_the_feed_from_the_stated_position(reading: Api) -> None:
    pairs = [make_pair(0.95) for _ in range(4)]
    first = reading.get("groups/", limit=2).json()
    bridge = make_pair(0.8, left=pairs[0].left, right=pairs[3].left)
    decisions.decide(pair_id=bridge.pk, verdict="accept", user=make_reviewer())
    second = reading.client.get(first["next"], headers=reading.headers).json()
    assert first["position"] == second["position"] < Decision.objects.latest("pk").pk
    seen = {member["sku"] for page in (first, second) for group in page["results"] for member in group["members"]}
    told = {sku for change in reading.get("changes/", since=second["position"]).json()["results"] for sku in change["added"]}
    assert {str(sku) for sku in SKU.objects.values_list("uuid", flat=True)} <= seen | told


@pytest.mark.django_db
def test_pages_of_the_log_end_at_the_position_the_first_stated(reading: Api) -> None:
    for _ in range(3):
        make_pair(0.95)
    first = reading.get("decisions/", limit=2).json()
    make_pair(0.95)
    second = reading.client.get(first["next"], headers=reading.headers).json()
    assert [entry["position"] for entry in second["results"]] == [first["position"]] and second["next"] is None


@pytest.mark.django_db
def test_a_late_repeat_does_not_bring_an_old_text_back(writing: Api) -> None:
    def body(title: str) -> dict[str, Any]:
        other = {"source": "Shop", "external_id": "2", "title": "Kettle"}
        return {"query": {"source": "Shop", "external_id": "1", "title": title}, "candidates": [other]}

    key = {"Idempotency-Key": "a"}
    first = writing.post("candidate-sets/", body("old title"), **key)
    writing.post("candidate-sets/", body("new title"))
    again = writing.post("candidate-sets/", body("old title"), **key)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert SKU.objects.get(external_id="1").title == "new title"


@pytest.mark.django_db(transaction=True)
def test_a_decision_between_two_reads_of_a_page_does_not_tear_it(reading: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = make_pair(0.95), make_pair(0.95)
    bridge, user, render = make_pair(0.8, left=a.left, right=b.left), make_reviewer(), export.render

    def decide() -> None:
        try:
            decisions.decide(pair_id=bridge.pk, verdict="accept", user=user)
        finally:
            connection.close()

    def late(rows: Any) -> list[dict[str, Any]]:
        writer = threading.Thread(target=decide)
        writer.start()
        writer.join(20)
        assert not writer.is_alive(), "a reader held up a writer"
        return render(rows)

    monkeypatch.setattr(export, "render", late)
    body = reading.get("groups/").json()
    assert sorted(len(group["members"]) for group in body["results"]) == [2, 2]
    assert body["position"] < Decision.objects.latest("pk").pk
    assert {group["position"] for group in body["results"]} <= set(range(body["position"] + 1))


@pytest.mark.django_db(transaction=True)
def test_groups_are_verified_as_of_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision that comes while the log is folded is no difference."""
    make_pair(0.95)
    bridge, user, accept_key = make_pair(0.8), make_reviewer(), groups.accept_key
    writers: list[threading.Thread] = []

    def decide() -> None:
        try:
            decisions.decide(pair_id=bridge.pk, verdict="accept", user=user)
        finally:
            connection.close()

    def late(standing: Any) -> Any:
        if not writers:
            writers.append(threading.Thread(target=decide))
            writers[0].start()
            writers[0].join(20)
        return accept_key(standing)

    with monkeypatch.context() as patch:
        patch.setattr(groups, "accept_key", late)
        call_command("verify_groups")
    assert Decision.objects.filter(by="person").exists()
    call_command("verify_groups")


@pytest.mark.django_db(transaction=True)
def test_nothing_is_held_while_a_stream_waits_for_its_reader() -> None:
    make_pair(0.95)
    stream: Iterator[str] = export.as_ndjson(export.groups())
    assert next(stream)
    assert not connection.in_atomic_block
    make_pair(0.95)
