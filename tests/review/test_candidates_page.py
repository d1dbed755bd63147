"""The candidates page: start, progress, stop, and an import that goes on to candidates."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from alignment import importing, wake_ups
from alignment.models import SKU, CandidateRun, CandidateSet, ImportRun
from tests.factories import make_admin, make_reviewer, make_sku
from workers import building

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[object, ...]]]:
    tasks: list[tuple[str, tuple[object, ...]]] = []
    monkeypatch.setattr(wake_ups.app, "send_task", lambda name, args=(), **rest: tasks.append((name, tuple(args))))
    return tasks


@pytest.fixture
def client(client: Client, woken: list[tuple[str, tuple[object, ...]]]) -> Client:
    client.force_login(make_admin())
    return client


def test_a_run_is_started_for_a_worker_and_seen_through(client: Client, woken: list[tuple[str, tuple[object, ...]]]) -> None:
    for number in range(3):
        make_sku(f"Kettle {number}")
    assert client.post("/candidates/", {"k": 2, "category_levels": 0, "other_source": ""}).status_code == 302
    run = CandidateRun.objects.get()
    assert woken == [("workers.build_candidates", (run.pk,))]
    page = client.get("/candidates/").content.decode()
    assert "Waits for a worker." in page and 'hx-trigger="every 2s"' in page
    building.work(run.pk)
    page = client.get("/candidates/").content.decode()
    assert "Done" in page and "every 2s" not in page
    assert CandidateSet.objects.count() == 3


@pytest.mark.parametrize(("field", "value"), [("k", 0), ("k", 501), ("k", "x"), ("category_levels", -1), ("source", 999)])
def test_a_wrong_field_is_named(client: Client, field: str, value: object) -> None:
    answer = client.post("/candidates/", {"k": 2, "category_levels": 0} | {field: value})
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not CandidateRun.objects.exists()


def test_the_next_run_begins_with_the_last_ones_options(client: Client) -> None:
    client.post("/candidates/", {"k": 7, "category_levels": 1, "other_source": "on"})
    form = client.get("/candidates/").context["form"]
    assert (form["k"].value(), form["category_levels"].value(), form["other_source"].value()) == (7, 1, True)


def test_a_run_is_stopped(client: Client) -> None:
    client.post("/candidates/", {"k": 2, "category_levels": 0})
    run = CandidateRun.objects.get()
    assert "Stopped." in client.post(f"/candidates/{run.uuid}/cancel/", follow=True).content.decode()
    assert building.work(run.pk) is None


def test_a_stopped_run_says_how_far_it_came(client: Client) -> None:
    run = CandidateRun.objects.create(k=2, status="cancelled", skus=900, skus_done=40, sets_changed=30)
    assert client.get(f"/runs/{run.uuid}/").context["facts"] == [("SKUs", 40), ("Candidates each", 2), ("Sets to score", 30)]
    assert "40 / 900" in client.get("/candidates/").content.decode()


def test_an_import_goes_on_to_candidates_for_what_it_brought(client: Client, woken: list[tuple[str, tuple[object, ...]]]) -> None:
    file = SimpleUploadedFile("shop.csv", b"external_id,title\na,Kettle 1\nb,Kettle 2\n")
    sent = client.post("/imports/", {"file": file, "source": "Shop", "then_candidates": "on"})
    form = client.get(sent.url).context["form"]
    client.post(sent.url, {field.html_name: field.value() or "" for field in form} | {"kept": [], "import": "yes"})
    importing.resume(ImportRun.objects.get().pk)
    run = CandidateRun.objects.get()
    assert run.changed_only
    assert woken[-1] == ("workers.build_candidates", (run.pk,))
    building.work(run.pk)
    assert CandidateSet.objects.count() == SKU.objects.count() == 2


def test_reviewers_build_nothing(client: Client) -> None:
    client.force_login(make_reviewer())
    assert client.post("/candidates/", {"k": 2, "category_levels": 0}).status_code == 403
