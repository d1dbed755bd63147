"""The engine behind a server: each API that it speaks, and what happens when the server does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from alignment.models import CandidateSet, Worker
from tests import factories
from workers import scorer
from workers.reranker import remote
from workers.reranker.contract import ModelError, Unavailable, logit_of, sigmoid
from workers.reranker.remote import RemoteReranker


class Server(ThreadingHTTPServer):
    """Scores a document 0.9 where it holds the query's last word, else 0.2. `failures` are statuses to answer first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.failures: list[int] = []
        self.seen: list[tuple[str, dict[str, Any], str]] = []
        self.change = lambda answer: answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, request, self.headers.get("Authorization", "")))
        if self.server.failures:
            return self.reply(self.server.failures.pop(0), {"error": "not now"})
        word = request["query"].split()[-1]
        scores = [0.9 if word in text else 0.2 for text in request.get("texts", request.get("documents"))]
        backwards = list(enumerate(scores))[::-1]
        if self.path == "/rerank":
            return self.reply(200, self.server.change([{"index": i, "score": s} for i, s in backwards]))
        return self.reply(200, self.server.change({"results": [{"index": i, "relevance_score": s} for i, s in backwards]}))

    def reply(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES", (0.0, 0.0))


@pytest.mark.parametrize(
    ("api", "path", "query"),
    [
        ("cohere", "/v2/rerank", "Same?\nred kettle"),
        ("jina", "/v1/rerank", "Same?\nred kettle"),
        ("vllm", "/v1/rerank", "red kettle"),
        ("tei", "/rerank", "Same?\nred kettle"),
    ],
)
def test_each_api_is_spoken(server: Server, api: str, path: str, query: str) -> None:
    engine = RemoteReranker(server.url, api=api, model="m", key="secret")
    scores = engine.score("Same?", "red kettle", ["a lamp", "a kettle", ""])
    assert [score.probability for score in scores] == [0.2, 0.9, 0.2]
    assert sigmoid(scores[1].logit) == pytest.approx(0.9)
    ((asked, request, authorization),) = server.seen
    assert (asked, request["query"], authorization) == (path, query, "Bearer secret")
    assert request.get("instruction") == ("Same?" if api == "vllm" else None)


def test_more_documents_than_a_request_holds_are_split_and_stay_in_order(server: Server) -> None:
    documents = [f"kettle {i}" if i % 3 == 0 else "lamp" for i in range(250)]
    scores = RemoteReranker(server.url, api="vllm", model="m").score("", "kettle", documents)
    assert [score.probability for score in scores] == [0.9 if i % 3 == 0 else 0.2 for i in range(250)]
    assert [len(request["documents"]) for _path, request, _key in server.seen] == [100, 100, 50]


def test_a_busy_server_is_asked_again(server: Server) -> None:
    server.failures = [503, 429]
    assert len(RemoteReranker(server.url, api="vllm", model="m").score("", "kettle", ["a"])) == 1
    assert len(server.seen) == 3


def test_a_server_that_stays_busy_or_silent_is_unavailable(server: Server) -> None:
    server.failures = [503] * 3
    with pytest.raises(Unavailable, match="answers 503"):
        RemoteReranker(server.url, api="vllm", model="m").score("", "kettle", ["a"])
    with pytest.raises(Unavailable, match="does not score for now"):
        RemoteReranker("http://127.0.0.1:9", api="vllm", model="m").score("", "kettle", ["a"])


def test_a_refusal_says_what_the_server_said(server: Server) -> None:
    server.failures = [401]
    with pytest.raises(ModelError, match="refuses: 401.*not now"):
        RemoteReranker(server.url, api="vllm", model="m").score("", "kettle", ["a"])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ([], "is RERANKER_API right"),
        ({"data": []}, "is RERANKER_API right"),
        ({"results": [{"index": 0}]}, "is RERANKER_API right"),
        ({"results": [{"index": 0, "relevance_score": 0.5}]}, "scored 1 documents of 2"),
        ({"results": [{"index": 0, "relevance_score": 0.5}] * 2}, "scored 2 documents of 2"),
        ({"results": [{"index": 0, "relevance_score": 7.1}, {"index": 1, "relevance_score": 0.1}]}, "must give probabilities"),
    ],
)
def test_an_answer_that_is_not_one_score_a_document_is_refused(server: Server, answer: Any, problem: str) -> None:
    server.change = lambda _right: answer
    with pytest.raises(ModelError, match=problem):
        RemoteReranker(server.url, api="vllm", model="m").score("", "kettle", ["a", "b"])


@pytest.mark.parametrize("probability", [0.0, 1.0, 0.5, 1e-12])
def test_every_probability_has_a_finite_logit(probability: float) -> None:
    assert sigmoid(logit_of(probability)) == pytest.approx(probability, abs=2e-7)


@pytest.fixture
def fresh_scorer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "_scorer", None)
    monkeypatch.setattr(scorer, "_not_before", 0.0)


@pytest.mark.django_db(transaction=True)
def test_a_server_that_is_down_parks_nothing_and_scores_when_it_is_back(
    server: Server, settings: Any, fresh_scorer: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RERANKER_URL, settings.RERANKER_MODEL = server.url, "Qwen/Qwen3-Reranker-0.6B"
    factories.make_set(factories.make_sku("red kettle"), [factories.make_sku("kettle, red"), factories.make_sku("lamp")])
    factories.make_set(factories.make_sku("blue lamp"), [factories.make_sku("lamp, blue")])
    for _try in range(4):
        server.failures = [503] * 3
        monkeypatch.setattr(scorer, "_not_before", 0.0)
        scorer.drain()
    assert set(CandidateSet.objects.values_list("status", "attempts", "error")) == {("pending", 0, "")}
    assert "does not score for now" in Worker.objects.get().error
    monkeypatch.setattr(scorer, "_not_before", 0.0)
    scorer.drain()
    assert set(CandidateSet.objects.values_list("status", flat=True)) == {"scored"}
    assert Worker.objects.get().error == ""


def test_only_coheres_shape_can_limit_a_document(server: Server) -> None:
    RemoteReranker(server.url, api="cohere", model="m").score("Same?", "kettle", ["a"], document_limit=7)
    assert server.seen[0][1]["max_tokens_per_doc"] == 7
    with pytest.raises(ModelError, match="jina takes no limit"):
        RemoteReranker(server.url, api="jina", model="m").score("Same?", "kettle", ["a"], document_limit=7)
