"""Candidate sets over REST: posted whole or not at all, and what became of each candidate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, cast

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from alignment import candidates as sets
from alignment import catalogue
from alignment.api import answers, serializers
from alignment.api.errors import Conflict
from alignment.api.pagination import answer, page
from alignment.api.parsers import BoundedJSONParser
from alignment.api.views import PAGES, APIView
from alignment.importing import inline
from alignment.models import SKU, Actor, ApiToken, Candidate, CandidateSet, Pair, User

LONGEST_KEY = 200


class CandidateSets(APIView):
    """Candidate sets: what was posted or retrieved for one query SKU."""

    takes = ("status", *PAGES)

    parser_classes = [BoundedJSONParser]

    @extend_schema(operation_id="list_candidate_sets", parameters=answers.parameters(takes), responses=answers.SETS)
    def get(self, request: Request) -> Response:
        found = CandidateSet.objects.select_related("query", "category")
        if wanted := request.query_params.get("status"):
            if wanted not in CandidateSet.Status.values:
                raise ValidationError({"status": f"{wanted!r} is not one of {', '.join(CandidateSet.Status.values)}"})
            found = found.filter(status=wanted)
        rows, following = page(request, found)
        return Response(answer([serializers.set_out(row) for row in rows], following))

    @extend_schema(
        operation_id="post_candidate_set",
        request=serializers.CandidateSetIn,
        responses={200: answers.CandidateSet, 201: answers.CandidateSet},
        parameters=[OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)],
    )
    def post(self, request: Request) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if len(key) > LONGEST_KEY or "\x00" in key:
            raise ValidationError({"Idempotency-Key": f"longer than {LONGEST_KEY} characters, or holds a NUL character"})
        checked = serializers.CandidateSetIn(data=request.data)
        checked.is_valid(raise_exception=True)
        values = checked.validated_data
        digest = hashlib.sha256(json.dumps(request.data, sort_keys=True, default=str).encode()).hexdigest()
        owner = Actor.of(cast(User, request.user)).uuid
        # Before anything is written: a late repeat must not put old inline texts over newer ones.
        if key and (made := CandidateSet.objects.select_related("query", "category").filter(owner_id=owner, idempotency_key=key).first()):
            if made.request_hash != digest:
                raise Conflict("this Idempotency-Key was used for another request")
            return Response(serializers.set_out(made))
        try:
            with transaction.atomic():
                category = catalogue.get_category(values.get("category", ""))
                if values.get("category") and category is None:
                    raise ValidationError({"category": f"there is no category {values['category']!r}"})
                query, *others = self._skus(
                    [("query", values["query"])] + [(f"candidates[{i}]", c) for i, c in enumerate(values["candidates"])]
                )
                made, new = sets.post_set(
                    query=query,
                    candidates=others,
                    category=category,
                    owner=owner,
                    token=cast(ApiToken, request.auth),
                    idempotency_key=key,
                    request_hash=digest,
                    interactive=values["interactive"],
                )
        except sets.IdempotencyConflict as error:
            raise Conflict(str(error)) from None
        except ApiToken.DoesNotExist:
            raise AuthenticationFailed from None
        except (sets.CandidateError, catalogue.CategoryError) as error:
            raise ValidationError({"candidates" if isinstance(error, sets.CandidateError) else "category": str(error)}) from None
        return Response(serializers.set_out(made), status=status.HTTP_201_CREATED if new else status.HTTP_200_OK)

    def _skus(self, references: Sequence[tuple[str, dict[str, Any]]]) -> list[SKU]:
        """The SKUs that a request names, in its order; inline ones are brought up to date first. Raises ValidationError with the path."""
        named: dict[str, list[inline.PartialListing]] = {}
        for _path, reference in references:
            if "listing" in reference:
                named.setdefault(reference["source"], []).append(reference["listing"])
        inline.upsert(named)
        by_uuid = {
            sku.uuid: sku for sku in SKU.objects.filter(uuid__in=[r["sku"] for _p, r in references if "sku" in r]).select_related("source")
        }
        ids = {(r["source"], r["external_id"]) for _p, r in references if "sku" not in r}
        by_name = {
            (sku.source.name, sku.external_id): sku
            for sku in SKU.objects.filter(source__name__in={s for s, _e in ids}, external_id__in={e for _s, e in ids}).select_related(
                "source"
            )
        }
        found, missing = [], {}
        for path, reference in references:
            sku = by_uuid.get(reference["sku"]) if "sku" in reference else by_name.get((reference["source"], reference["external_id"]))
            if sku is None:
                missing[path] = "there is no such SKU; give a title to have it created"
            else:
                found.append(sku)
        if missing:
            raise ValidationError(missing)
        return found


class OneCandidateSet(APIView):
    """One set, with the score, route and verdict of each candidate."""

    @extend_schema(operation_id="get_candidate_set", responses=answers.OneCandidateSet)
    def get(self, request: Request, uuid: str) -> Response:
        row = get_object_or_404(CandidateSet.objects.select_related("query", "category"), uuid=uuid)
        found = list(Candidate.objects.filter(set=row).select_related("sku__source", "score__model").order_by("rank", "id"))
        others = [candidate.sku_id for candidate in found]
        pairs = Pair.objects.filter(left=row.query_id, right__in=others) | Pair.objects.filter(right=row.query_id, left__in=others)
        known = {pair.left_id if pair.right_id == row.query_id else pair.right_id: pair for pair in pairs.select_related("standing")}
        results = [serializers.candidate_out(candidate, known.get(candidate.sku_id)) for candidate in found]
        return Response(serializers.set_out(row) | {"candidates": results})
