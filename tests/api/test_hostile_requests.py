"""What no well-meant program sends: each is refused in words, never by a broken server."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from alignment.models import CandidateSet, ImportRun
from tests.api.programs import Api
from tests.factories import make_sku, path_of_four_thousand_bytes

pytestmark = pytest.mark.django_db
LISTING = {"source": "Shop", "external_id": "2", "title": "Kettle"}


def posted(api: Api, body: str) -> Any:
    return api.client.post("/api/v1/candidate-sets/", body, content_type="application/json", headers=api.headers)


@pytest.mark.parametrize("inner", ["[" * 2500, "1", "1:", ":1", "-1:1", "1:2:3", "1" * 90 + ":", "²:1", "\u00e9"])
def test_a_made_up_cursor(reading: Api, inner: str) -> None:
    assert reading.get("groups/", cursor=base64.urlsafe_b64encode(inner.encode()).decode()).status_code == 400


@pytest.mark.parametrize(
    ("path", "name"),
    [("groups/", "source"), ("groups/", "category"), ("groups/of/", "external_id"), ("skus/", "language"), ("candidate-sets/", "status")],
)
def test_a_nul_in_the_address(reading: Api, path: str, name: str) -> None:
    answer = reading.get(path, **({"source": "Shop"} | {name: "a\x00b"}))
    assert answer.status_code == 400 and name in answer.json()["error"]["fields"]


@pytest.mark.parametrize("body", ["[" * 100_000, "[]", "1", "null", '"x"', "{", '{"query": NaN}'])
def test_a_body_of_another_shape(writing: Api, body: str) -> None:
    assert posted(writing, body).status_code == 400


def test_a_body_over_the_limit(writing: Api) -> None:
    answer = posted(writing, json.dumps({"query": LISTING, "candidates": [], "junk": "z" * 11_000_000}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_form_of_too_many_fields(writing: Api) -> None:
    fields = {f"f{i}": "1" for i in range(3000)} | {"source": "Shop", "file": SimpleUploadedFile("a.csv", b"external_id,title\n1,K\n")}
    answer = writing.client.post("/api/v1/imports/", fields, headers=writing.headers)
    assert answer.status_code == 400 and "error" in answer.json()


@pytest.mark.parametrize(
    "mapping",
    ["[" * 100_000, r'{"title": "a\u0000"}', r'{"title": "\ud800"}', r'{"attribute:a\u0000": "title"}', r'{"attribute:\ud800": "title"}'],
)
def test_a_mapping_that_cannot_be(writing: Api, mapping: str) -> None:
    fields = {"source": "Shop", "mapping": mapping, "file": SimpleUploadedFile("a.csv", b"external_id,title\n1,K\n")}
    answer = writing.client.post("/api/v1/imports/", fields, headers=writing.headers)
    assert answer.status_code == 400 and list(answer.json()["error"]["fields"]) == ["mapping"]
    assert not ImportRun.objects.exists()


def test_a_category_of_more_bytes_than_an_index_takes(writing: Api) -> None:
    query = {"source": "Shop", "external_id": "1", "title": "Kettle", "category": path_of_four_thousand_bytes()}
    answer = writing.post("candidate-sets/", {"query": query, "candidates": [LISTING]})
    assert answer.status_code == 400 and "bytes" in answer.json()["error"]["message"]
    assert not CandidateSet.objects.exists()


def test_a_nul_in_an_idempotency_key(writing: Api) -> None:
    body = {"query": {"sku": str(make_sku().uuid)}, "candidates": [{"sku": str(make_sku().uuid)}]}
    assert writing.post("candidate-sets/", body, **{"Idempotency-Key": "a\x00"}).status_code == 400
    assert not CandidateSet.objects.exists()


def test_a_body_in_chunks_is_not_taken_for_an_empty_one(writing: Api) -> None:
    answer = writing.post("candidate-sets/", {}, **{"Transfer-Encoding": "chunked"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (411, "length_required")


@pytest.mark.parametrize(
    "path, other",
    [("candidate-sets", "/api/v1/candidate-sets/"), ("imports", "/api/v1/imports/"), ("rerank/", "/api/v1/rerank"), ("nothing/", "")],
)
def test_an_address_with_or_without_its_slash_says_how_it_is_written(writing: Api, path: str, other: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(f"/api/v1/{path}", "{}", content_type="application/json", headers=writing.headers)
    assert answer.status_code == 404
    said = answer.json()["error"]["message"]
    assert said.endswith(other) if other else said == "There is nothing at this address."


@pytest.mark.parametrize("path", ["/api/", "/api//", "/api/v1/", "/api/v1//"])
def test_an_address_of_nothing_but_slashes_is_answered_as_any_other(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/json")
    assert answer.json()["error"]["message"] == "There is nothing at this address."


def test_a_token_of_bytes_that_are_no_text(client: Client) -> None:
    answer = client.get("/api/v1/groups/", HTTP_AUTHORIZATION="Bearer \xff\xff")
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "path, name",
    [
        ("changes/?changed_since=3", "changed_since"),
        ("skus/?delisted=true", "delisted"),
        ("groups/?limit=0", "limit"),
        ("groups/?limit=1001", "limit"),
        (f"groups/?limit={'9' * 5000}", "limit"),
        ("groups/?changed_since=99", "changed_since"),
        ("changes/?since=99", "since"),
        ("decisions/?since=99", "since"),
    ],
)
def test_what_would_be_left_out_of_an_address_is_an_error(reading: Api, path: str, name: str) -> None:
    answer = reading.get(path)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [name]


def test_who_asks_for_csv_may_say_so_in_accept_too(reading: Api) -> None:
    answer = reading.client.get("/api/v1/groups/?as=csv", headers=reading.headers | {"Accept": "text/csv"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
