"""What comes in, checked; what goes out, shaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework import serializers

from alignment import facts
from alignment.candidates import MOST_CANDIDATES
from alignment.importing import inline, readers, rows
from alignment.models import SKU, Candidate, CandidateSet, Decision, ImportRun, Pair


class Strict(serializers.Serializer[Any]):
    """A name that is no field is an error: what it was meant for would be lost in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (strange := [name for name in data if name not in self.fields]):
            raise serializers.ValidationError({str(name): f"no such field; there are {', '.join(self.fields)}" for name in strange})
        return super().to_internal_value(data)


class SkuReference(Strict):
    """A SKU by its id, or by its source and external id: what is named beside them is stored, and what is not stays."""

    sku = serializers.UUIDField(required=False)
    source = serializers.CharField(max_length=200, required=False)  # type: ignore[assignment]
    external_id = serializers.CharField(max_length=200, required=False)
    title = serializers.CharField(max_length=2000, required=False)
    description = serializers.CharField(max_length=100_000, required=False, allow_blank=True)
    language = serializers.CharField(max_length=16, required=False, allow_blank=True)
    category = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    gtin = serializers.CharField(max_length=20, required=False, allow_blank=True)
    url = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    image_url = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    attributes = serializers.DictField(child=serializers.CharField(max_length=2000, allow_blank=True), required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "sku" in attrs:
            if besides := next((name for name in attrs if name != "sku"), ""):
                raise serializers.ValidationError({besides: "goes with source and external_id, not with sku"})
            return attrs
        if "source" not in attrs or "external_id" not in attrs:
            raise serializers.ValidationError("name the SKU by sku, or by source and external_id")
        attrs["external_id"] = rows.clean(attrs["external_id"])
        if named := frozenset(attrs) - {"source", "external_id"}:
            try:
                listing = rows.parse(attrs, {name: name for name in rows.FIELDS}, partly="title" not in named)
            except rows.ColumnError as error:
                raise serializers.ValidationError({error.column: error.reason}) from None
            attrs["listing"] = inline.PartialListing(listing, named)
        return attrs


class CandidateSetIn(Strict):
    query = SkuReference()
    candidates = serializers.ListField(child=SkuReference(), min_length=1, max_length=MOST_CANDIDATES)
    category = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    interactive = serializers.BooleanField(required=False, default=False)


class MappingField(serializers.JSONField):
    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except RecursionError:
            self.fail("invalid")


class ImportIn(Strict):
    file = serializers.FileField()
    source = serializers.CharField(max_length=200)  # type: ignore[assignment]
    complete = serializers.BooleanField(required=False, default=False)
    then_candidates = serializers.BooleanField(required=False, default=False)
    mapping = MappingField(required=False)

    def validate_file(self, value: UploadedFile) -> UploadedFile:
        if (value.size or 0) > settings.UPLOAD_LIMIT_MB * 1024 * 1024:
            raise serializers.ValidationError(f"larger than {settings.UPLOAD_LIMIT_MB} MB; split it, or import it on the server")
        return value

    def validate_mapping(self, value: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
            raise serializers.ValidationError("must be an object of fields and column names")
        if any(readers.UNSTORABLE.search(name) for name in (*value, *value.values())):
            raise serializers.ValidationError("a name holds a NUL character or half of a surrogate pair")
        if unknown := {name for name in value if name not in rows.FIELDS and not name.startswith(rows.ATTRIBUTE)}:
            raise serializers.ValidationError(f"{sorted(unknown)[0]!r} is no field; the fields are {', '.join(rows.FIELDS)}")
        return value


def sku_out(sku: SKU) -> dict[str, Any]:
    return {
        "sku": str(sku.uuid),
        "source": sku.source.name,
        "external_id": sku.external_id,
        "language": sku.language,
        "language_origin": sku.language_origin,
        "title": sku.title,
        "description": sku.description,
        "attributes": sku.attributes,
        "gtin": sku.gtin,
        "url": sku.url,
        "image_url": sku.image_url,
        "category": sku.category.path if sku.category else "",
        "delisted": sku.delisted_at is not None,
        "updated_at": sku.updated_at,
    }


def set_out(row: CandidateSet) -> dict[str, Any]:
    return {
        "id": str(row.uuid),
        "status": row.status,
        "origin": row.origin,
        "interactive": row.interactive,
        "error": row.error,
        "query": str(row.query.uuid),
        "category": row.category.path if row.category else "",
        "created_at": row.created_at,
        "scored_at": row.scored_at,
    }


def candidate_out(row: Candidate, pair: Pair | None) -> dict[str, Any]:
    standing = pair.standing if pair else None
    score = row.score and {
        "probability": row.score.probability,
        "logit": row.score.logit,
        "tokens_read": row.score.tokens_read,
        "tokens_cut": row.score.tokens_cut,
        "model": row.score.model.name,
        "demo_model": row.score.model.is_demo,
    }
    return {
        "sku": str(row.sku.uuid),
        "source": row.sku.source.name,
        "external_id": row.sku.external_id,
        "title": row.sku.title,
        "rank": row.rank,
        "retrieval_score": row.retrieval_score,
        "score": score,
        "route": pair.route if pair else Pair.Route.WAITING,
        "guard": facts.guards(pair.guard if pair else ""),
        "verdict": standing.verdict if standing else None,
        "by": standing.by if standing else None,
    }


def decision_out(row: Decision) -> dict[str, Any]:
    return {
        "position": row.pk,
        "left": str(row.pair.left.uuid),
        "right": str(row.pair.right.uuid),
        "verdict": row.verdict,
        "by": row.by,
        "actor": str(row.actor) if row.actor else None,
        "withdraws": row.withdraws_id,
        "score": row.score,
        "reverse_score": row.reverse_score,
        "model": row.model.name if row.model else None,
        "policy": str(row.policy) if row.policy else None,
        "seconds": row.seconds,
        "left_hash": row.left_hash,
        "right_hash": row.right_hash,
        "reason": row.reason,
        "reject_reason": row.reject_reason,
        "act": str(row.act) if row.act else None,
        "created_at": row.created_at,
    }


def import_out(run: ImportRun) -> dict[str, Any]:
    return {
        "id": str(run.uuid),
        "source": run.source.name,
        "file": run.file_name,
        "status": run.status,
        "error": run.error,
        "rows": run.rows_read,
        "created": run.created_count,
        "updated": run.updated_count,
        "unchanged": run.unchanged_count,
        "delisted": run.delisted_count,
        "in_error": run.error_count,
    }
