"""The schema says what the answers are: what each endpoint answers fits what is said of it, with nothing unsaid."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import jsonschema
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from alignment import decisions
from alignment.models import Group, Pair
from tests.api.programs import Answering, Api
from tests.api.test_rerank import BODY
from tests.factories import make_reviewer, make_set, make_sku, score_waiting_sets

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    out, complaints = StringIO(), StringIO()
    call_command("spectacular", format="openapi-json", stdout=out, stderr=complaints)
    assert complaints.getvalue() == ""
    return strict(json.loads(out.getvalue()))


def strict(node: Any) -> Any:
    """As it is, but what is not said may not be."""
    if isinstance(node, dict):
        node = {key: strict(value) for key, value in node.items()}
        return node | {"additionalProperties": False} if "properties" in node and "type" in node else node
    return [strict(one) for one in node] if isinstance(node, list) else node


def fits(schema: dict[str, Any], path: str, answer: Any, method: str = "get") -> None:
    told = schema["paths"][f"/api/{path}"][method]["responses"]
    content = told.get(str(answer.status_code), told["default"])["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), content | {"components": schema["components"]})


def test_what_is_read_is_as_the_schema_says(reading: Api, schema: dict[str, Any]) -> None:
    query, others = make_sku(attributes={"Colour": "red"}), [make_sku(), make_sku()]
    made = make_set(query, others)
    score_waiting_sets(0.95)
    decisions.decide(pair_id=Pair.objects.latest("pk").pk, verdict="reject", user=make_reviewer())
    for path in ("groups/", "changes/", "skus/", "candidate-sets/", "decisions/", "policies/", "imports/", "health/"):
        fits(schema, f"v1/{path}", reading.get(path))
    assert reading.get("groups/").json()["results"] and reading.get("changes/").json()["results"]
    group, uuid = Group.objects.get(size=2), "{uuid}/"
    fits(schema, f"v1/groups/{uuid}", reading.get(f"groups/{group.uuid}/"))
    fits(schema, f"v1/skus/{uuid}", reading.get(f"skus/{query.uuid}/"))
    fits(schema, f"v1/candidate-sets/{uuid}", reading.get(f"candidate-sets/{made.uuid}/"))
    for sku in (query, others[1]):
        fits(schema, "v1/groups/of/", reading.get("groups/of/", source=sku.source.name, external_id=sku.external_id))


def test_what_is_posted_is_answered_as_the_schema_says(writing: Api, schema: dict[str, Any]) -> None:
    body = {"query": {"sku": str(make_sku().uuid)}, "candidates": [{"sku": str(make_sku().uuid)}]}
    fits(schema, "v1/candidate-sets/", writing.post("candidate-sets/", body), "post")
    fits(schema, "v1/candidate-sets/", writing.post("candidate-sets/", {}), "post")
    file = SimpleUploadedFile("feed.csv", b"external_id,title\n1,Kettle\n")
    posted = writing.client.post("/api/v1/imports/", {"file": file, "source": "Shop"}, headers=writing.headers)
    fits(schema, "v1/imports/", posted, "post")
    fits(schema, "v1/imports/{uuid}/", writing.get(f"imports/{posted.json()['id']}/"))


def test_a_rerank_is_answered_as_the_schema_says(reading: Api, worker: Answering, schema: dict[str, Any]) -> None:
    fits(schema, "v1/rerank", reading.post("rerank", BODY), "post")
    fits(schema, "v1/rerank", reading.post("rerank", BODY | {"return_documents": False}), "post")
    answer = reading.client.post("/api/v2/rerank", json.dumps(BODY), content_type="application/json", headers=reading.headers)
    fits(schema, "v2/rerank", answer, "post")
