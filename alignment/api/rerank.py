"""Reranking while the caller waits: v1 in the shape of Jina and vLLM, v2 in Cohere's."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from alignment import catalogue, policies, rerank, scoring_workers
from alignment.api import answers
from alignment.api.authentication import AnyToken
from alignment.api.parsers import BoundedJSONParser
from alignment.api.views import APIView
from alignment.models import Actor, Category, RerankRequest, User

LONGEST_WAIT = 30.0
# Who waits holds a thread of this process. Others of its threads stay free for everything else.
waiting = threading.BoundedSemaphore(settings.RERANKS_A_PROCESS)


class Busy(exceptions.APIException):
    """No answer in time. Asking again does no harm."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "not_answered"
    wait = 5


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}]})
class Document(serializers.Field):
    """A text, or {"text": ...} as Jina's clients send it."""

    def to_internal_value(self, data: Any) -> str:
        text = data.get("text") if isinstance(data, dict) else data
        if not isinstance(text, str):
            raise serializers.ValidationError('write a text, or {"text": "..."}')
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise serializers.ValidationError("holds a NUL character or half of a surrogate pair")
        return text

    def to_representation(self, value: Any) -> Any:
        return value


class RerankIn(serializers.Serializer[Any]):
    model = serializers.CharField(max_length=300, required=False, allow_blank=True, help_text="Taken and not used: the server has one")
    query = serializers.CharField(max_length=rerank.MOST_CHARACTERS, trim_whitespace=False)
    documents = serializers.ListField(child=Document(), min_length=1, max_length=rerank.MOST_DOCUMENTS)
    top_n = serializers.IntegerField(min_value=1, required=False, allow_null=True)
    max_tokens_per_doc = serializers.IntegerField(min_value=1, max_value=100_000, required=False, allow_null=True)
    return_documents = serializers.BooleanField(required=False, default=True)
    instruction = serializers.CharField(max_length=policies.LONGEST_INSTRUCTION, required=False, allow_blank=True)
    category = serializers.CharField(max_length=1000, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        characters = len(attrs["query"]) + sum(map(len, attrs["documents"]))
        if characters > rerank.MOST_CHARACTERS:
            raise serializers.ValidationError(
                {"documents": f"{characters:,} characters together with the query; at most {rerank.MOST_CHARACTERS:,} are taken at once"}
            )
        return attrs


class Rerank(APIView):
    """Score documents for a query, as Jina and vLLM do. `category` takes that category's instruction; `instruction` is used as written."""

    parser_classes = [BoundedJSONParser]
    permission_classes = [AnyToken]

    @extend_schema(operation_id="rerank", request=RerankIn, responses=answers.Reranked)
    def post(self, request: Request) -> Response:
        values = checked(request)
        asked = scored(request, values)
        results = [
            {"index": index, "relevance_score": answer.probability, "tokens_read": answer.tokens_read, "tokens_cut": answer.tokens_cut}
            | ({"document": {"text": values["documents"][index]}} if values["return_documents"] else {})
            for index, answer in ranked(asked, values)
        ]
        assert asked.model is not None
        return Response(
            {
                "id": str(asked.uuid),
                "model": asked.model.name,
                "usage": {"total_tokens": sum(answer.tokens_read for answer in rerank.answers_of(asked))},
                "results": results,
            }
        )


class CohereRerank(APIView):
    """The same in the shape of Cohere's v2: a client of theirs works when its base URL is this server's /api."""

    parser_classes = [BoundedJSONParser]
    permission_classes = [AnyToken]

    @extend_schema(operation_id="rerank_as_cohere", request=RerankIn, responses=answers.CohereReranked)
    def post(self, request: Request) -> Response:
        values = checked(request)
        asked = scored(request, values)
        return Response(
            {
                "id": str(asked.uuid),
                "results": [{"index": index, "relevance_score": answer.probability} for index, answer in ranked(asked, values)],
                "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 0}},
            }
        )

    def handle_exception(self, exc: Exception) -> Response:
        """Cohere's clients read {"message"}; the code of our own errors stands beside it."""
        answer = super().handle_exception(exc)
        answer.data = {"message": answer.data["error"]["message"]} | answer.data
        return answer


def checked(request: Request) -> dict[str, Any]:
    form = RerankIn(data=request.data)
    form.is_valid(raise_exception=True)
    return cast("dict[str, Any]", form.validated_data)


def scored(request: Request, values: dict[str, Any]) -> RerankRequest:
    """The request, answered. Raises a validation error, 429 where too many wait, and 503 where no worker answers in time."""
    try:
        category = catalogue.get_category(values.get("category", ""))
    except catalogue.CategoryError as error:
        raise exceptions.ValidationError({"category": str(error)}) from None
    if values.get("category") and category is None:
        raise exceptions.ValidationError({"category": f"there is no category {values['category']!r}"})
    if not scoring_workers.alive():
        raise Busy("No worker that scores is running. Start one, or ask again in a few seconds.")
    if not waiting.acquire(blocking=False):
        raise exceptions.Throttled(wait=rerank.QueueFull.seconds)
    try:
        return _answered(request, values, category)
    finally:
        waiting.release()


def _answered(request: Request, values: dict[str, Any], category: Category | None) -> RerankRequest:
    owner = Actor.of(cast(User, request.user)).uuid
    instruction = values.get("instruction") or rerank.instruction_for(category, values["query"])
    try:
        asked = rerank.ask(
            instruction=instruction,
            query=values["query"],
            documents=values["documents"],
            document_limit=values.get("max_tokens_per_doc"),
            owner=owner,
            category=category,
        )
    except rerank.QueueFull as full:
        raise exceptions.Throttled(wait=full.seconds) from None
    asked = rerank.wait(asked, seconds=LONGEST_WAIT, gone=hung_up(request))
    if asked.finished_at is None:
        rerank.give_up(asked)
    if asked.status == RerankRequest.Status.FAILED:
        raise exceptions.APIException(f"The model could not score these texts: {asked.error}", code="scoring_failed")
    if asked.status != RerankRequest.Status.ANSWERED:
        raise Busy(f"No worker answered within {LONGEST_WAIT:.0f} seconds. The request is given up; ask again, or with fewer documents.")
    return asked


def ranked(asked: RerankRequest, values: dict[str, Any]) -> list[tuple[int, rerank.Answer]]:
    """The best first; among equals, in the order given."""
    best = sorted(enumerate(rerank.answers_of(asked)), key=lambda one: -one[1].logit)
    return best[: values.get("top_n") or len(best)]


def hung_up(request: Request) -> Callable[[], bool]:
    """Whether the caller closed the connection, where the server lets it be seen."""
    connection: socket.socket | None = request.META.get("gunicorn.socket")
    if connection is None:
        return lambda: False

    def closed() -> bool:
        try:
            readable = select.select([connection], [], [], 0)[0]
            return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True

    return closed
