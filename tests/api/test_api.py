"""The API through HTTP."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from alignment import decisions
from alignment.models import SKU, ApiToken, CandidateSet, Decision, ImportRun, Pair, Source
from tests.api.programs import Api
from tests.factories import make_category, make_pair, make_reviewer, make_set, make_sku, make_source, score_waiting_sets

pytestmark = pytest.mark.django_db


def test_health_needs_no_token(client: Client) -> None:
    assert client.get("/api/v1/health/").json() == {"ok": True}


def test_without_a_token_nothing_is_told(client: Client) -> None:
    answer = client.get("/api/v1/groups/")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"


def test_an_expired_token_is_refused(reading: Api) -> None:
    ApiToken.objects.update(expiry=ApiToken.objects.get().created - timedelta(days=1))
    assert reading.get("groups/").status_code == 401


def test_a_reading_token_may_not_write(reading: Api) -> None:
    assert reading.post("candidate-sets/", {}).status_code == 403


def test_a_token_tells_when_it_was_last_used_and_is_kept_as_a_hash(reading: Api) -> None:
    reading.get("groups/")
    token = ApiToken.objects.get()
    assert token.last_used_at is not None
    assert token.digest not in reading.headers["Authorization"]


def test_an_unknown_address_answers_in_the_error_shape(reading: Api) -> None:
    answer = reading.get("nothing/")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_groups_tell_members_and_how_each_was_confirmed(reading: Api) -> None:
    pair = make_pair(0.95)
    body = reading.get("groups/").json()
    (group,) = body["results"]
    assert body["position"] == Decision.objects.get().pk == group["position"]
    assert {member["external_id"] for member in group["members"]} == {pair.left.external_id, pair.right.external_id}
    assert group["members"][0]["confirmed_by"] == [
        {"decision": Decision.objects.get().pk, "by": "policy", "score": 0.95, "with": group["members"][1]["sku"]}
    ]


def test_groups_come_in_pages_that_hold_each_once(reading: Api) -> None:
    for _ in range(5):
        make_pair(0.95)
    seen, address = [], "/api/v1/groups/?limit=2"
    while address:
        body = reading.client.get(address, headers=reading.headers).json()
        seen += [group["id"] for group in body["results"]]
        address = body["next"]
    assert len(seen) == len(set(seen)) == 5


def test_a_page_of_groups_costs_the_same_number_of_queries_whatever_it_holds(
    reading: Api, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(10):
        make_pair(0.95)
    with django_assert_max_num_queries(9):
        reading.get("groups/")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"language": "zh"}, 1),
        ({"language": "fr"}, 0),
        ({"category": "Kitchen"}, 1),
        ({"category": "Kit"}, 0),
        ({"source": "Hualian Shop"}, 1),
    ],
)
def test_groups_are_filtered_by_any_member(reading: Api, query: dict[str, str], count: int) -> None:
    source = make_source("Hualian Shop", "zh")
    make_category("Kit")
    make_pair(0.95, left=make_sku(category=make_category("Kitchen > Kettles")), right=make_sku(language="zh", source=source))
    assert len(reading.get("groups/", **query).json()["results"]) == count


def test_groups_changed_since_a_position(reading: Api) -> None:
    make_pair(0.95)
    position = reading.get("groups/").json()["position"]
    assert reading.get("groups/", changed_since=position).json()["results"] == []
    make_pair(0.95)
    assert len(reading.get("groups/", changed_since=position).json()["results"]) == 1


def test_a_csv_cell_is_never_a_formula(reading: Api) -> None:
    make_pair(0.95, left=make_sku("=HYPERLINK(1)"), right=make_sku("+1 gift"))
    answer = reading.get("groups/", **{"as": "csv"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert {row["title"] for row in rows} == {"'=HYPERLINK(1)", "'+1 gift"}
    assert answer["X-Log-Position"] == str(Decision.objects.get().pk)


def test_ndjson_holds_what_the_pages_hold(reading: Api) -> None:
    make_pair(0.95)
    lines = b"".join(reading.get("groups/", **{"as": "ndjson"})).decode().splitlines()
    assert [json.loads(line) for line in lines] == reading.get("groups/").json()["results"]


def test_a_sku_alone_is_its_own_answer(reading: Api) -> None:
    sku = make_sku()
    body = reading.get("groups/of/", source=sku.source.name, external_id=sku.external_id).json()
    assert body["id"] is None and [member["sku"] for member in body["members"]] == [str(sku.uuid)]


def test_the_id_of_a_merged_group_leads_to_where_its_members_are(reading: Api) -> None:
    a, b = make_pair(0.95), make_pair(0.95)
    ids = [group["id"] for group in reading.get("groups/").json()["results"]]
    bridge = make_pair(0.8, left=a.left, right=b.left)
    decisions.decide(pair_id=bridge.pk, verdict="accept", user=make_reviewer())
    (group,) = reading.get("groups/").json()["results"]
    alias = next(i for i in ids if i != group["id"])
    assert group["aliases"] == [alias]
    body = reading.get(f"groups/{alias}/").json()
    assert (body["id"], body["merged"], len(body["members"])) == (group["id"], True, 4)


def test_the_change_feed_tells_what_a_reader_must_do(reading: Api) -> None:
    pair, user = make_pair(0.8), make_reviewer()
    decisions.decide(pair_id=pair.pk, verdict="accept", user=user)
    decisions.undo(user=user)
    kinds = [(change["kind"], len(change["added"]), len(change["removed"])) for change in reading.get("changes/").json()["results"]]
    assert kinds == [("created", 2, 0), ("dissolved", 0, 2)]


def test_a_posted_set_is_stored_with_inline_skus(writing: Api) -> None:
    body = {
        "query": {"source": "Shop A", "external_id": "1", "title": "无线蓝牙降噪耳机", "language": "zh"},
        "candidates": [{"source": "Shop B", "external_id": "2", "title": "True Wireless ANC Earbuds", "language": "en"}],
    }
    answer = writing.post("candidate-sets/", body)
    assert answer.status_code == 201, answer.content
    assert SKU.objects.count() == 2 and CandidateSet.objects.get().candidates.count() == 1
    score_waiting_sets(0.95)
    detail = writing.get(f"candidate-sets/{answer.json()['id']}/").json()
    assert detail["status"] == "scored"
    assert detail["candidates"][0]["route"] == "accept" and detail["candidates"][0]["score"]["probability"] == 0.95


def test_a_scored_set_says_where_each_candidate_went_and_what_was_decided(writing: Api) -> None:
    query, others = make_sku(), [make_sku(), make_sku()]
    made = make_set(query, others)
    score_waiting_sets(0.95)
    decisions.decide(pair_id=Pair.objects.get(right=others[1]).pk, verdict="reject", user=make_reviewer())
    told = writing.get(f"candidate-sets/{made.uuid}/").json()["candidates"]
    assert [(one["route"], one["verdict"], one["by"]) for one in told] == [("accept", "accept", "policy"), ("accept", "reject", "person")]


def test_the_documents_example_of_a_set_is_taken_as_it_is_written(writing: Api) -> None:
    make_category("Baby > Strollers")
    document = (settings.BASE_DIR / "docs" / "integrators.md").read_text(encoding="utf-8")
    body = document.split("/api/v1/candidate-sets/ -H", 1)[1].split("-d '", 1)[1].split("'", 1)[0]
    answer = writing.post("candidate-sets/", json.loads(body))
    assert answer.status_code == 201, answer.json()


def test_a_repeated_post_with_its_key_is_the_same_set(writing: Api) -> None:
    query, other = make_sku(), make_sku()
    body = {"query": {"sku": str(query.uuid)}, "candidates": [{"sku": str(other.uuid)}]}
    first = writing.post("candidate-sets/", body, **{"Idempotency-Key": "a"})
    again = writing.post("candidate-sets/", body, **{"Idempotency-Key": "a"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    swapped = {"query": body["candidates"][0], "candidates": [body["query"]]}
    assert writing.post("candidate-sets/", swapped, **{"Idempotency-Key": "a"}).status_code == 409


@pytest.mark.parametrize(
    ("candidates", "field"),
    [
        ([{"source": "Shop", "external_id": "2", "title": "Kettle"}, {"source": "Shop"}], "candidates[1]"),
        ([{"source": "Shop", "external_id": "2", "title": "Kettle"}, {"source": "Shop", "external_id": "none"}], "candidates[1]"),
        ([{"source": "Shop", "external_id": "2", "title": "Kettle", "gtin": "123"}], "candidates[0].gtin"),
        ([], "candidates"),
    ],
)
def test_a_bad_set_names_the_field_and_stores_nothing(writing: Api, candidates: list[dict[str, str]], field: str) -> None:
    answer = writing.post("candidate-sets/", {"query": {"sku": str(make_sku().uuid)}, "candidates": candidates})
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]
    assert not CandidateSet.objects.exists() and SKU.objects.count() == 1


def listing(**more: Any) -> dict[str, Any]:
    return {"source": "Shop A", "external_id": "1", **more}


FULL = {
    "title": "Kettle 1.7 L",
    "description": "With a filter",
    "language": "en",
    "category": "Kitchen > Kettles",
    "gtin": "4006381333931",
    "url": "https://shop.example/1",
    "image_url": "https://shop.example/1.jpg",
    "attributes": {"Colour": "red"},
}


def stored(api: Api, **more: Any) -> dict[str, Any]:
    """The SKU as it stands after it was posted with a candidate."""
    answer = api.post("candidate-sets/", {"query": listing() | more, "candidates": [{"sku": str(make_sku().uuid)}]})
    assert answer.status_code == 201, answer.json()
    found = api.get(f"skus/{answer.json()['query']}/").json()
    return {name: found[name] for name in FULL}


def test_what_is_not_named_of_a_sku_stays_as_it_is(writing: Api) -> None:
    before = stored(writing, **FULL)
    assert before == FULL | {"gtin": "04006381333931"}
    assert stored(writing, title="Kettle 1.7 L") == before
    assert stored(writing, title="Kettle 1.8 L") == before | {"title": "Kettle 1.8 L"}
    assert stored(writing, description="", attributes={}) == before | {"title": "Kettle 1.8 L", "description": "", "attributes": {}}
    assert stored(writing, category="") == before | {"title": "Kettle 1.8 L", "description": "", "attributes": {}, "category": ""}


def test_a_sku_is_found_by_its_id_however_its_letters_are_composed(writing: Api) -> None:
    apart = unicodedata.normalize("NFD", "Café-1")
    stored(writing, external_id=apart, title="Cafetière")
    assert SKU.objects.get(title="Cafetière").external_id == unicodedata.normalize("NFC", apart)
    assert len(writing.get("skus/", external_id=apart).json()["results"]) == 1
    assert writing.get("groups/of/", source="Shop A", external_id=apart).status_code == 200
    assert stored(writing, external_id=apart, description="Steel")["description"] == "Steel"


@pytest.mark.parametrize(
    "query, field",
    [
        (listing(description="With a filter"), "query"),
        (listing(titel="Kettle"), "query.titel"),
        ({"sku": "0b2a5d0e-8f4d-4a53-9c6c-6b1f6a0e0f00", "title": "Kettle"}, "query.title"),
    ],
)
def test_what_would_not_be_stored_of_a_sku_is_an_error(writing: Api, query: dict[str, str], field: str) -> None:
    answer = writing.post("candidate-sets/", {"query": query, "candidates": [{"sku": str(make_sku().uuid)}]})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]
    assert not SKU.objects.filter(external_id="1").exists()


def test_a_sku_is_never_its_own_candidate(writing: Api) -> None:
    reference = {"sku": str(make_sku().uuid)}
    assert writing.post("candidate-sets/", {"query": reference, "candidates": [reference]}).status_code == 400


def test_a_body_that_is_no_json_is_an_error_in_words(writing: Api) -> None:
    answer = writing.client.post("/api/v1/candidate-sets/", "{", content_type="application/json", headers=writing.headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "parse_error"


def test_an_uploaded_file_waits_for_a_worker(writing: Api) -> None:
    upload = SimpleUploadedFile("offers.csv", b"external_id,title\n1,Kettle\n")
    answer = writing.client.post("/api/v1/imports/", {"file": upload, "source": "Shop"}, headers=writing.headers)
    assert answer.status_code == 202, answer.content
    run = ImportRun.objects.get()
    assert run.status == "waiting" and run.source == Source.objects.get(name="Shop")
    assert writing.get(f"imports/{run.uuid}/").json()["errors"] == []


@pytest.mark.parametrize("path", ["groups/", "changes/", "skus/", "candidate-sets/", "decisions/", "policies/", "imports/"])
def test_every_list_answers_and_refuses_a_made_up_cursor(reading: Api, path: str) -> None:
    make_set(make_sku(), [make_sku()])
    assert reading.get(path).status_code == 200
    answer = reading.get(path, cursor="made up")
    assert answer.status_code == 400 and "cursor" in answer.json()["error"]["fields"]


def test_the_log_is_read_in_order(reading: Api) -> None:
    make_pair(0.95)
    (entry,) = reading.get("decisions/").json()["results"]
    assert (entry["verdict"], entry["by"], entry["score"]) == ("accept", "policy", 0.95)


def test_a_decision_says_why_it_is_a_reject(reading: Api) -> None:
    decisions.decide(pair_id=make_pair(0.8).pk, verdict="reject", user=make_reviewer(), reject_reason="bundle")
    (entry,) = reading.get("decisions/").json()["results"]
    assert (entry["reject_reason"], entry["act"]) == ("bundle", None)


def test_the_schema_and_its_page_answer(client: Client) -> None:
    assert client.get("/api/schema/").status_code == 200
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert b"cdn" not in page.content


def test_an_address_that_guesses_tokens_has_to_wait(client: Client) -> None:
    cache.clear()
    answers = [client.get("/api/v1/groups/", headers={"Authorization": f"Bearer {n:064d}"}).status_code for n in range(31)]
    assert answers == [401] * 30 + [429]
    cache.clear()


def test_an_upload_over_the_limit_says_so(writing: Api, settings: Any) -> None:
    settings.UPLOAD_LIMIT_MB = 0
    upload = SimpleUploadedFile("offers.csv", b"external_id,title\n1,Kettle\n")
    answer = writing.client.post("/api/v1/imports/", {"file": upload, "source": "Shop"}, headers=writing.headers)
    assert answer.status_code == 400 and "larger than" in answer.json()["error"]["fields"]["file"]


def test_a_category_filter_holds_what_is_below_it(reading: Api) -> None:
    for path in ("Kitchen", "Kitchen > Kettles", "Kitchenware"):
        make_sku(path, category=make_category(path))
    titles = {sku["title"] for sku in reading.get("skus/", category="Kitchen").json()["results"]}
    assert titles == {"Kitchen", "Kitchen > Kettles"}


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("groups/", "category", "Nowhere > At all"),
        ("groups/", "language", "qq"),
        ("groups/", "source", "No shop"),
        ("skus/", "category", "Nowhere"),
        ("skus/", "category", " > "),
        ("skus/", "category", "x" * 2000),
        ("skus/", "language", "qq"),
        ("skus/", "source", "No shop"),
        ("candidate-sets/", "status", "finished"),
    ],
)
def test_a_filter_that_names_nothing_is_a_400_that_names_it(reading, path, name, value):
    make_sku("Kettle", category=make_category("Kitchen"))
    answer = reading.get(path, **{name: value})
    assert answer.status_code == 400
    said = answer.json()["error"]["fields"][name]
    assert value in said or "longer than" in said


def test_a_language_that_nothing_is_in_yet_is_no_mistake(reading):
    assert reading.get("skus/", language="fr").json()["results"] == []


def test_a_candidate_named_twice_is_told_by_its_places(writing: Api) -> None:
    query, one, other = (str(make_sku().uuid) for _ in range(3))
    answer = writing.post("candidate-sets/", {"query": {"sku": query}, "candidates": [{"sku": one}, {"sku": other}, {"sku": one}]})
    assert answer.status_code == 400
    assert "candidates[2] names the same SKU as candidates[0]" in answer.json()["error"]["message"]
