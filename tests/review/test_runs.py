"""Runs of every kind in one list, a run's page and log, exports as files, and failed sets by their error."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alignment import category_tree, decisions, export, exports, rollout, runs, scoring, scoring_workers
from alignment.models import AuditEvent, CandidateRun, CandidateSet, EvaluationRun, ExportRun, ImportRun, ScoringRun, User
from tests import factories
from tests.factories import make_admin, make_reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(make_admin())
    return client


def one_of_each() -> None:
    source, author = factories.make_source(), make_admin("lin")
    ImportRun.objects.create(source=source, file_name="feed.csv", status="running", rows_read=50, rows_total=200, author=author)
    CandidateRun.objects.create(k=7, status="done", source=source)
    EvaluationRun.objects.create(name="labelled.jsonl", stored_path="/x", status="failed", error="line 3: no label")
    ExportRun.objects.create(format="csv", status="cancelled")
    factories.make_policy(factories.make_category("Baby"))


def texts(client: Client, address: str = "/runs/") -> list[str]:
    return [row.told.name for row, _cells in client.get(address).context["list"].rows]


def group(size: int = 2) -> None:
    admin = make_admin()
    skus = [factories.make_sku("=Kettle, red") for _ in range(size)]
    for other in skus[1:]:
        decisions.decide(pair_id=factories.make_pair(0.8, left=skus[0], right=other).pk, verdict="accept", user=admin)


def asked(client: Client, **fields: Any) -> ExportRun:
    answer = client.post("/groups/export/", {"format": "csv", **fields})
    run = ExportRun.objects.latest("pk")
    assert answer.url == f"/runs/{run.uuid}/"
    return run


def written(run: ExportRun) -> ExportRun:
    exports.write(run.pk)
    run.refresh_from_db()
    return run


def test_every_kind_is_a_row_with_who_when_how_far_and_what_went_wrong(client: Client) -> None:
    one_of_each()
    page = client.get("/runs/")
    rows = {row.told.name: row.told for row, _cells in page.context["list"].rows}
    assert {"feed.csv", "Brightcart", "labelled.jsonl", "CSV", "Baby"} <= set(rows)
    assert (rows["feed.csv"].who, rows["feed.csv"].pace.share, rows["feed.csv"].unfinished) == ("lin", 25, True)
    assert "line 3: no label" in page.content.decode() and "every 2s" in page.content.decode()


def test_the_time_left_of_scoring_is_that_of_home_from_what_the_workers_do_now_not_from_its_start(client: Client) -> None:
    for _ in range(3):
        factories.make_set(factories.make_sku(), [factories.make_sku() for _ in range(4)])
    scoring_workers.report(name="gpu", pairs_per_second=0.1)
    began = timezone.now() - timedelta(hours=1)
    run = ScoringRun.objects.create(kind="candidates", status="running", started_at=began, sets=5, sets_done=2)
    (row,) = [row.told for row, _cells in client.get("/runs/").context["list"].rows if row.told.run == run]
    of_its_page = client.get(f"/runs/{run.uuid}/").context["pace"]
    assert row.pace.seconds_left == of_its_page.seconds_left == pytest.approx(120)
    assert client.get("/").context["desk"].left == timedelta(seconds=120)
    assert row.pace.per_second == pytest.approx(0.025)


def test_scoring_that_no_worker_does_has_no_time_left(client: Client) -> None:
    factories.make_set(factories.make_sku(), [factories.make_sku()])
    began = timezone.now() - timedelta(hours=1)
    run = ScoringRun.objects.create(kind="candidates", status="running", started_at=began, sets=5, sets_done=2)
    assert client.get(f"/runs/{run.uuid}/").context["pace"].seconds_left is None


def test_the_list_is_filtered_by_kind_and_state(client: Client) -> None:
    one_of_each()
    assert texts(client, "/runs/?kind=import") == ["feed.csv"]
    assert texts(client, "/runs/?status=failed") == ["labelled.jsonl"]
    assert texts(client, "/runs/?kind=rollout&status=waiting") == ["Baby"]
    assert texts(client, "/runs/?kind=rollout&status=running") == []
    assert texts(client, "/runs/?kind=nonsense") == []
    assert len(texts(client, "/runs/?after=nonsense")) >= 5


def test_a_rollout_waits_until_a_worker_begins_and_then_tells_its_share(client: Client) -> None:
    for _ in range(rollout.CHUNK + 5):
        factories.make_set(factories.make_sku(), [factories.make_sku()])
    factories.make_policy(instruction="Is it the same thing?")

    def row() -> Any:
        (found,) = [found.told for found, _cells in client.get("/runs/?kind=rollout").context["list"].rows]
        return found

    assert (row().status, row().pace.of) == ("waiting", None)
    assert "waits for a worker to apply it" in client.get("/policies/").content.decode()
    assert rollout.advance()
    assert (row().status, row().pace.done, row().pace.of, row().pace.share) == ("running", 20, 25, 80)
    assert 'max="25" value="20"' in client.get("/policies/").content.decode()
    while rollout.advance():
        pass
    assert (row().status, row().pace.done) == ("done", 25)


def test_it_is_narrowed_by_who_started_them_and_turned_round_by_when(client: Client) -> None:
    one_of_each()
    lin = User.objects.get(username="lin")
    assert texts(client, f"/runs/?who={lin.pk}") == ["feed.csv"]
    by_nobody = texts(client, "/runs/?who=system")
    assert "feed.csv" not in by_nobody and {"labelled.jsonl", "CSV", "Baby"} <= set(by_nobody)
    assert texts(client, "/runs/?who=nonsense") == []
    page = client.get("/runs/?sort=-newest")
    assert 'aria-sort="descending"><a href="?sort=newest"' in page.content.decode()
    assert texts(client, "/runs/?sort=newest") == texts(client, "/runs/?sort=-newest")[::-1]


def test_older_runs_are_a_page_further_and_none_is_lost(client: Client) -> None:
    now = timezone.now()
    for number in range(120):
        ExportRun.objects.create(format="csv", category=f"c{number}", created_at=now - timedelta(minutes=number // 2))
    seen: list[str] = []
    address = "/runs/?kind=export"
    while address:
        page = client.get(address)
        seen += [row.told.detail for row, _cells in page.context["list"].rows]
        address = f"/runs/{page.context['list'].after}" if page.context["list"].after else ""
    assert sorted(seen) == sorted(f"c{number}" for number in range(120))


def test_nothing_runs_so_nothing_is_asked_for_again(client: Client) -> None:
    page = client.get("/runs/").content.decode()
    assert "every 2s" not in page and "No run to show" in page


def test_a_failed_run_is_started_again_from_its_row_and_its_log_says_so(client: Client) -> None:
    run = CandidateRun.objects.create(k=3, status="failed", error="out of memory")
    client.post(f"/runs/{run.uuid}/retry/")
    run.refresh_from_db()
    assert (run.status, run.error) == ("waiting", "")
    client.post(f"/runs/{run.uuid}/cancel/")
    page = client.get(f"/runs/{run.uuid}/").content.decode()
    assert "Started again" in page and "Cancelled" in page
    assert set(AuditEvent.objects.values_list("action", flat=True)) == {"retry run", "cancel run"}
    assert "Only what failed" not in client.post(f"/runs/{run.uuid}/retry/", follow=True).content.decode()


def test_a_run_of_another_page_leads_there(client: Client) -> None:
    run = ImportRun.objects.create(source=factories.make_source(), file_name="feed.csv", status="done")
    assert client.get(f"/runs/{run.uuid}/").url == f"/imports/{run.uuid}/"
    assert client.get("/runs/00000000-0000-0000-0000-000000000000/").status_code == 404


def test_an_export_is_written_by_a_worker_and_fetched(client: Client) -> None:
    group(3)
    run = asked(client)
    assert "Waits for a worker" in client.get(f"/runs/{run.uuid}/").content.decode()
    run = written(run)
    assert (run.status, run.groups_done, run.groups) == ("done", 1, 1)
    page = client.get(f"/runs/{run.uuid}/").content.decode()
    assert f"Download groups-{run.position}.csv" in page
    answer = client.get(f"/groups/export/{run.uuid}/file/")
    assert answer["Content-Disposition"] == f'attachment; filename="groups-{run.position}.csv"'
    content = b"".join(answer).decode("utf-8-sig")
    rows = list(csv.DictReader(content.splitlines()))
    assert len(rows) == 3 and rows[0]["title"] == "'=Kettle, red"
    assert run.size == len(content.encode("utf-8-sig"))


def test_formats_hold_the_same_groups_and_filters_choose(client: Client) -> None:
    group()
    as_json, as_lines = written(asked(client, format="json")), written(asked(client, format="ndjson"))
    document = json.loads(exports.path(as_json).read_text())
    assert document["position"] == as_json.position
    assert document["groups"] == [json.loads(line) for line in exports.path(as_lines).read_text().splitlines()]
    assert written(asked(client, format="json", language="zh")).groups_done == 0
    assert json.loads(exports.path(ExportRun.objects.latest("pk")).read_text())["groups"] == []
    assert written(asked(client, changed_since=str(as_json.position))).groups_done == 0


def test_a_filter_that_names_nothing_is_told(client: Client) -> None:
    answer = client.post("/groups/export/", {"format": "csv", "category": "Nowhere"})
    assert answer.status_code == 422 and "There is no such category" in answer.content.decode()


def test_an_export_follows_a_category_that_is_renamed_before_a_worker_comes_to_it(client: Client) -> None:
    baby = factories.make_category("Baby")
    factories.make_pair(0.95, category=baby)
    run = asked(client, category="Baby")
    category_tree.apply(category_tree.plan_rename(baby, "Kids"), user=make_admin())
    assert (written(run).status, run.groups_done) == ("done", 1)


def test_an_export_of_a_category_that_is_gone_fails_in_words(client: Client) -> None:
    baby = factories.make_category("Baby")
    run = asked(client, category="Baby")
    category_tree.delete(category=baby, user=make_admin())
    assert written(run).error == "There is no category “Baby”."


def test_a_cancelled_export_leaves_no_file_and_a_killed_one_begins_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        group()
    monkeypatch.setattr(export, "GROUPS_AT_ONCE", 1)
    original, calls = runs.tell, []

    def tell(run: Any, **progress: Any) -> bool:
        calls.append(progress)
        if len(calls) == 3:
            runs.cancel(run)
        return original(run, **progress)

    run = asked(client)
    with monkeypatch.context() as patched:
        patched.setattr(runs, "tell", tell)
        run = written(run)
    assert run.status == "cancelled" and not list(exports.path(run).parent.glob(f"{run.uuid}*"))
    killed = asked(client)
    ExportRun.objects.filter(pk=killed.pk).update(status="running", groups_done=2, seen_at=timezone.now() - timedelta(minutes=5))
    assert written(killed).groups_done == 3


def test_an_export_cancelled_at_its_very_end_leaves_no_file(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    original, run = runs.finish, asked(client)

    def cancelled_first(run: Any, **results: Any) -> None:
        runs.cancel(run)
        original(run, **results)

    monkeypatch.setattr(runs, "finish", cancelled_first)
    assert written(run).status == "cancelled" and not list(exports.path(run).parent.glob(f"{run.uuid}*"))


def test_a_file_is_deleted_when_its_week_is_over(client: Client) -> None:
    group()
    run = written(asked(client))
    ExportRun.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    exports.sweep()
    assert not Path(exports.path(run)).exists()
    assert client.get(f"/groups/export/{run.uuid}/file/").status_code == 404
    assert "its week is over" in client.get(f"/runs/{run.uuid}/").content.decode()
    assert [event.what for event in runs.events(run)] == ["asked", "taken", "done", "expired"]


def test_failed_sets_show_their_texts_and_are_retried_by_error(client: Client) -> None:
    sets = [factories.make_set(factories.make_sku(), [factories.make_sku(f"<i>Pad {number}</i>")]) for number in range(3)]
    for one, error in zip(sets, ("out of memory", "out of memory", "line\nbreak"), strict=True):
        CandidateSet.objects.filter(pk=one.pk).update(status="parked", error=error)
    page = client.get("/scoring/").content.decode()
    assert "&lt;i&gt;Pad 0&lt;/i&gt;" in page and "Retry 2 sets" in page
    client.post("/scoring/retry/", {"error": "line\r\nbreak"})
    assert set(CandidateSet.objects.filter(status="parked").values_list("error", flat=True)) == {"out of memory"}
    client.post("/scoring/retry/", {"error": "out of memory"})
    assert not CandidateSet.objects.filter(status="parked").exists()


def test_a_worker_shows_its_memory_and_the_set_in_hand(client: Client) -> None:
    factories.make_set(factories.make_sku("Kettle in hand"), [factories.make_sku()])
    scoring.claim(holder="gpu:1", token_budget=1000)
    scoring_workers.report(name="gpu:1", device="H100", sets_in_hand=1, memory_mb=4321)
    page = client.get("/scoring/").content.decode()
    assert "4,321 MB" in page and "Kettle in hand" in page


def test_pages_ask_a_constant_number_of_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(3):
        one_of_each_again = [ExportRun(format="csv"), CandidateRun(k=3)]
        for run in one_of_each_again:
            runs.start(run)
        factories.make_policy(author=make_admin(), instruction=f"The same, {run.uuid}?")
    run = ExportRun.objects.latest("pk")
    for address in ("/runs/", f"/runs/{run.uuid}/", "/groups/export/", "/scoring/"):
        with django_assert_max_num_queries(12):
            client.get(address)


def test_the_list_costs_no_more_with_several_pages_scoring_under_way_and_filters_never_used_before(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    one_of_each()
    factories.make_set(factories.make_sku(), [factories.make_sku()])
    scoring_workers.report(name="gpu", pairs_per_second=0.1)
    ScoringRun.objects.create(kind="candidates", status="running", started_at=timezone.now(), sets=5, sets_done=2)
    ExportRun.objects.bulk_create(ExportRun(format="csv", status="running") for _ in range(60))
    with django_assert_max_num_queries(10):
        page = client.get("/runs/?status=running&sort=-newest")
    assert page.context["list"].after and "Scoring" in page.content.decode()


@pytest.mark.parametrize("address", ["/runs/", "/groups/export/"])
def test_runs_are_the_admins(client: Client, address: str) -> None:
    client.force_login(make_reviewer())
    assert client.get(address).status_code == 403
