"""The same door over HTTP, for a rerank server that runs elsewhere.

    cohere  POST {url}/v2/rerank   model, query, documents                -> results[{index, relevance_score}]
    jina    POST {url}/v1/rerank   + return_documents                     -> results[{index, relevance_score}]
    vllm    POST {url}/v1/rerank   + instruction                          -> results[{index, relevance_score}]
    tei     POST {url}/rerank      query, texts, raw_scores, truncate     -> [{index, score}]

Only vLLM takes an instruction of its own; to the others it goes before the query, on a line of its own.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import httpx2

from workers.reranker.contract import ModelError, ModelIdentity, Reading, Score, Unavailable, logit_of

logger = logging.getLogger(__name__)
PATHS = {"cohere": "/v2/rerank", "jina": "/v1/rerank", "vllm": "/v1/rerank", "tei": "/rerank"}
DOCUMENTS_A_REQUEST = 100
PAUSES = (0.5, 1.0, 2.0)
BUSY = {408, 425, 429, 500, 502, 503, 504}


class RemoteReranker:
    """A rerank server. Raises Unavailable when it cannot be reached or is too busy, ModelError when it refuses or answers nonsense."""

    is_demo = False

    def __init__(self, url: str, *, api: str, model: str, key: str = "", timeout: float = 60.0) -> None:
        self.device = url
        self.identity = ModelIdentity(name=model, revision=url, dtype="remote", prompt_format=api, max_length=0)
        self._api, self._model = api, model
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx2.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout)

    def score(self, instruction: str, query: str, documents: Sequence[str], *, document_limit: int | None = None) -> list[Score]:
        """One score a document, in the order given. Only Cohere's shape can limit a document."""
        if document_limit and self._api != "cohere":
            raise ModelError(f"A rerank server that speaks {self._api} takes no limit of a document's tokens.")
        scores: list[Score] = []
        for start in range(0, len(documents), DOCUMENTS_A_REQUEST):
            part = documents[start : start + DOCUMENTS_A_REQUEST]
            request = self._request(instruction, query, part)
            answer = self._post(request | ({"max_tokens_per_doc": document_limit} if document_limit else {}))
            scores += [Score(logit_of(p), p, 0, 0) for p in self._probabilities(answer, len(part))]
        return scores

    def score_sets(self, sets: Sequence[tuple[str, str, Sequence[str]]]) -> list[list[Score]]:
        return [self.score(*one) for one in sets]

    def read(self, instruction: str, query: str, document: str) -> Reading:
        """What the server is sent: it makes the prompt itself, and does not tell."""
        return Reading(prompt=json.dumps(self._request(instruction, query, [document]), ensure_ascii=False, indent=2))

    def _request(self, instruction: str, query: str, documents: Sequence[str]) -> dict[str, Any]:
        both = f"{instruction}\n{query}"
        if self._api == "tei":
            return {"query": both, "texts": list(documents), "raw_scores": False, "truncate": True}
        request: dict[str, Any] = {"model": self._model, "query": both, "documents": list(documents)}
        if self._api == "jina":
            request["return_documents"] = False
        if self._api == "vllm":
            request |= {"query": query, "instruction": instruction}
        return request

    def _post(self, request: dict[str, Any]) -> Any:
        for pause in (*PAUSES, None):
            try:
                answer = self._client.post(PATHS[self._api], json=request)
                if answer.status_code not in BUSY:
                    break
                problem = f"it answers {answer.status_code}"
            except httpx2.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            if pause is None:
                raise Unavailable(f"The rerank server at {self.device} does not score for now ({problem}).")
            time.sleep(pause)
        if answer.status_code != 200:
            raise ModelError(f"The rerank server at {self.device} refuses: {answer.status_code} {answer.text[:300]}")
        try:
            return answer.json()
        except ValueError:
            raise ModelError(f"The rerank server at {self.device} does not answer in JSON; is RERANKER_API right?") from None

    def _probabilities(self, answer: Any, count: int) -> list[float]:
        """Raises ModelError unless every document has one score from 0 to 1."""
        name = "score" if self._api == "tei" else "relevance_score"
        rows: Any = answer if self._api == "tei" else answer.get("results") if isinstance(answer, dict) else None
        try:
            scores = {int(row["index"]): float(row[name]) for row in rows}
        except (KeyError, TypeError, ValueError):
            raise ModelError(f"The rerank server at {self.device} does not answer as {self._api} does; is RERANKER_API right?") from None
        if sorted(scores) != list(range(count)) or len(rows) != count:
            raise ModelError(f"The rerank server at {self.device} scored {len(rows)} documents of {count}.")
        if not all(math.isfinite(score) and 0 <= score <= 1 for score in scores.values()):
            raise ModelError(f"The rerank server at {self.device} gives scores outside 0 to 1: it must give probabilities.")
        return [scores[i] for i in range(count)]
