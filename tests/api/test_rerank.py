"""Reranking while the caller waits. A worker answers as soon as it is woken, with the length of a document as its logit."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings

from alignment import rerank, wake_ups
from alignment.api.rerank import waiting
from alignment.models import Actor, RerankRequest, User
from alignment.policies import published
from tests.api.programs import Answering, Api
from tests.factories import make_category, make_model, make_policy, make_reviewer

pytestmark = pytest.mark.django_db(transaction=True)
BODY = {"query": "kettle", "documents": ["a", "a kettle of steel", "kettle"]}


def second(api: Api, body: Any) -> Any:
    import json

    return api.client.post("/api/v2/rerank", json.dumps(body), content_type="application/json", headers=api.headers)


def test_the_best_first_with_texts_lengths_and_the_models_name(reading: Api, worker: Answering) -> None:
    answer = reading.post("rerank", BODY)
    assert answer.status_code == 200
    body = answer.json()
    assert [result["index"] for result in body["results"]] == [1, 2, 0]
    assert body["results"][0]["document"] == {"text": "a kettle of steel"}
    assert (body["model"], body["usage"]["total_tokens"]) == ("test", 24)


def test_top_n_and_no_documents(reading: Api, worker: Answering) -> None:
    body = reading.post("rerank", BODY | {"top_n": 1, "return_documents": False}).json()
    assert [(one["index"], "document" in one) for one in body["results"]] == [(1, False)]


def test_documents_as_jinas_clients_send_them(reading: Api, worker: Answering) -> None:
    assert len(reading.post("rerank", BODY | {"documents": [{"text": "a"}, "b"]}).json()["results"]) == 2


def test_a_limit_of_a_documents_tokens_reaches_the_worker(reading: Api, worker: Answering) -> None:
    assert reading.post("rerank", BODY | {"max_tokens_per_doc": 12}).status_code == 200
    assert RerankRequest.objects.get().document_limit == 12
    assert "max_tokens_per_doc" in reading.post("rerank", BODY | {"max_tokens_per_doc": 0}).json()["error"]["fields"]


def test_the_instruction_is_the_callers_else_the_categorys_else_the_roots(reading: Api, worker: Answering) -> None:
    make_policy(make_category("Kitchen"), instruction="Both for {category}?")
    for extra in ({"instruction": "Mine {as it is}?"}, {"category": "Kitchen"}, {}):
        assert reading.post("rerank", BODY | extra).status_code == 200
    assert worker.instructions == ["Mine {as it is}?", "Both for Kitchen?", published(None).instruction]


def test_coheres_shape(reading: Api, worker: Answering) -> None:
    body = second(reading, BODY | {"model": "rerank-v3.5", "top_n": 2}).json()
    assert [result["index"] for result in body["results"]] == [1, 2]
    assert body["meta"]["api_version"] == {"version": "2"}


def test_coheres_errors_have_a_message(reading: Api) -> None:
    answer = second(reading, {"query": "x", "documents": []})
    assert answer.status_code == 400 and "documents" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"documents": ["a"]}, "query"),
        ({"query": "x", "documents": [1]}, "documents[0]"),
        ({"query": "x", "documents": ["a\x00"]}, "documents[0]"),
        ({"query": "x", "documents": ["b", "a\ud800"]}, "documents[1]"),
        ({"query": "x\ud800", "documents": ["a"]}, "query"),
        ({"query": "x", "documents": ["a"] * 1001}, "documents"),
        ({"query": "x", "documents": ["a"], "top_n": 0}, "top_n"),
        ({"query": "x", "documents": ["a"], "category": "Nowhere"}, "category"),
        ({"query": "x", "documents": ["y" * 2_000_001]}, "documents"),
    ],
)
def test_a_body_that_cannot_be_answered_names_the_field(reading: Api, body: Any, field: str) -> None:
    answer = reading.post("rerank", body)
    assert answer.status_code == 400 and field in answer.json()["error"]["fields"]


def test_without_a_worker_it_says_so_at_once(reading: Api) -> None:
    answer = reading.post("rerank", BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_answered")
    assert int(answer["Retry-After"]) > 0


def test_a_full_queue_says_when_to_come_back(reading: Api, worker: Answering) -> None:
    owner = Actor.of(make_reviewer()).uuid
    RerankRequest.objects.bulk_create(
        RerankRequest(instruction="?", query="q", documents=["d"], owner_id=owner) for _ in range(rerank.MOST_WAITING)
    )
    answer = reading.post("rerank", BODY)
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0


def test_who_comes_when_a_process_has_no_thread_to_spare_is_told_so_at_once(reading: Api, worker: Answering) -> None:
    with ExitStack() as others:
        for _ in range(settings.RERANKS_A_PROCESS):
            others.enter_context(waiting)
        answer = reading.post("rerank", BODY)
        assert answer.status_code == 429 and int(answer["Retry-After"]) > 0
        assert not RerankRequest.objects.exists()
    for _ in range(settings.RERANKS_A_PROCESS + 1):
        assert reading.post("rerank", BODY).status_code == 200


def test_what_is_not_answered_in_time_is_given_up(
    reading: Api,
    worker: Answering,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wake_ups.app, "send_task", lambda *args, **kwargs: None)
    monkeypatch.setattr("alignment.api.rerank.LONGEST_WAIT", 0.05)
    assert reading.post("rerank", BODY).status_code == 503
    assert RerankRequest.objects.get().status == "given_up"
    assert rerank.claim(holder="w") is None


def test_what_the_model_cannot_score_is_told(reading: Api, worker: Answering) -> None:
    worker.fails = True
    answer = reading.post("rerank", BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "scoring_failed")


def asked(user: User) -> RerankRequest:
    return rerank.ask(instruction="?", query="q", documents=["d"], owner=Actor.of(user).uuid)


def test_a_request_whose_worker_died_is_taken_again_and_fails_the_second_time(settings: Any) -> None:
    made = asked(make_reviewer())
    for _ in range(rerank.MOST_ATTEMPTS):
        taken = rerank.claim(holder="w")
        assert taken is not None
        RerankRequest.objects.update(lease_expires_at=taken.created_at)
    assert rerank.claim(holder="w") is None
    made.refresh_from_db()
    assert (made.status, made.finished_at is not None) == ("failed", True)


def test_a_late_answer_to_a_given_up_request_is_dropped() -> None:
    made = asked(make_reviewer())
    taken = rerank.claim(holder="w")
    assert taken is not None
    rerank.give_up(made)
    assert not rerank.renew(taken, holder="w")
    assert not rerank.answer(taken, holder="w", model=make_model(), answers=[rerank.Answer(0, 0.5, 1, 0)])


def test_old_requests_are_cleared_and_shared_ones_kept_longer() -> None:
    user = make_reviewer()
    old, shared = asked(user), asked(user)
    RerankRequest.objects.filter(pk=shared.pk).update(shared=True)
    RerankRequest.objects.update(created_at=old.created_at - 2 * rerank.KEPT_FOR)
    assert rerank.clear() == 1
    assert RerankRequest.objects.get() == shared
