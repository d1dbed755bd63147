"""Those who talk with the API: a program with a token, and a worker that answers reranks."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.test import Client

from alignment import rerank
from alignment.models import ApiToken, ScoringModel
from tests.factories import make_reviewer


class Api:
    """A program with a token."""

    def __init__(self, scope: str) -> None:
        token = ApiToken.objects.create(user=make_reviewer(), scope=scope, expiry=timedelta(days=1))[1]
        self.client, self.headers = Client(), {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", query, headers=self.headers)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=self.headers | headers)


class Answering:
    """A worker of which the broker's message is the only sign of life."""

    def __init__(self) -> None:
        self.instructions: list[str] = []
        self.fails = False

    def woken(self, *args: object, **kwargs: object) -> None:
        asked = rerank.claim(holder="w")
        if asked is None:
            return
        self.instructions.append(asked.instruction)
        if self.fails:
            rerank.fail(asked, holder="w", error="ValueError: no")
            return
        answers = [rerank.Answer(float(len(text)), 0.5, len(text), 0) for text in asked.documents]
        rerank.answer(asked, holder="w", model=ScoringModel.objects.get(), answers=answers)
